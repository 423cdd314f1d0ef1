"""The headings in texts: "METHODS:" in a structured abstract, "2.1 Patients" above a section.

A heading is never a mention, and models that were trained on texts without headings take many for genes.
They are found

- where the passages of a document say so: `HEADING` passages, as the readers of PubMed's XML and of JATS give
  them for the labels of a structured abstract;
- in the titles of sections of full texts ("section_title", "title_1" in BioC) made of the words below;
  other titles ("Aspirin and asthma") may name what is mentioned;
- in plain text, at the beginning of a passage or line, or behind the end of a sentence: words that sections
  are called by (as in NLM's list of labels, nlm.nih.gov/structured_abstracts.html, and what journals make of
  it), and nothing else, set off by a colon, dash, point, brackets, a line end, or by capitals.

A word like "results" in a sentence isn't one, nor is any other word in capitals before a colon ("TNF: a
review"): such a label counts only where passages say so.
"""

import re
from collections.abc import Iterator

from spacy_bioner.documents.document import HEADING, Document, Passage, Span

_SECTION_TITLES = re.compile(r"title_\d+|section[_-]?title|subtitle")
_CORE = (
    "background|introduction|context|rationale|objectives?|purposes?|aims?|goals?|hypothes[ie]s"
    "|methods?|methodology|methodologies|materials?|design|setting|settings|patients?|participants?"
    "|subjects?|population|samples?|sampling|interventions?|treatments?|exposures?|measurements?"
    "|measures?|outcomes?|endpoints?|results?|findings|conclusions?|discussion|interpretation"
    "|significance|implications|limitations|summary|abstract|synopsis|importance|relevance|funding"
    "|registration|trial|analysis|analyses|procedures?|experiments?|experimental|evidence|review"
    "|sources?|selection|extraction|synthesis|observations?|description|diagnosis|diagnoses|symptoms"
    "|presentation|management|perspectives|recommendations|strengths|applications|advances|eligibility"
    "|criteria|keywords|reports?|known|adds|level|summaries|perspective|features|message|field|covered"
    "|reader"
)
_BESIDE = (
    "and|of|the|in|for|to|with|by|main|key|primary|secondary|principal|major|study|studies|clinical"
    "|case|cases|data|statistical|search|research|care|health|public|practice|general|level|current"
    "|what|is|are|was|new|recent|this|about|already|on|its|their|author(?:'?s'?)?|level|type|location"
    "|date|reports?|report|scope|approach|approaches|state|art|question|problem|statement|theoretical"
    "|conceptual|practical|nursing|patient|study's|areas|will|gain|number|identification|system"
    "|technique|techniques|future|other|overall|lessons|message|messages|points?|take-home"
)
_CORE_WORD = rf"(?:{_CORE})"
_WORD = rf"(?:{_CORE}|{_BESIDE})(?![a-z])"
_BETWEEN = r"(?:\s*[/&,]\s*|\s+|\s*\(\s*)"
_LABEL = rf"{_WORD}(?:{_BETWEEN}{_WORD}){{0,7}}\)?"
_NUMBER = r"(?:(?:\d{1,2}|[IVX]{1,4})(?:\.\d{1,2}){0,3}[.)]?\s+)?"
_OPENED = r"(?:\*{1,2}|#{1,4} |_{1,2}|\[|\(|<b>|-{1,2} ?)?"
_CLOSED = r"(?:\*{1,2}|_{1,2}|\]|\)|</b>)?"
_HEADING = re.compile(
    rf"{_OPENED}(?P<label>{_NUMBER}(?i:{_LABEL}))(?P<closed>{_CLOSED})"
    r"(?P<after>\s*[:：]|\s*\.?\s*[—–―]|\s+--?\s|\.(?=\s+[A-Z\d(\[])|\s*(?:[\r\n]|$)|)"
)
_LABEL_ALONE = re.compile(rf"{_NUMBER}(?=.*\b{_CORE_WORD}\b){_LABEL}", re.IGNORECASE)
_BEGIN = re.compile(r"(?:^|(?<=[.!?)\]\"'”;:])\s+|[\r\n]\s*)", re.MULTILINE)
_LONGEST = 90  # characters of a heading


def find_headings(document: Document) -> tuple[Span, ...]:
    """Finds the headings of a document.

    Args:
        document: the document; its passages tell more than its text, where it has some.

    Returns:
        The headings without what sets them off, in order and apart.
    """
    text = document.text
    found = {(p.start, p.end) for p in document.passages if _is_heading(p, text) and p.start < p.end}
    breaks = {p.start for p in document.passages}
    found.update(_in_text(text, breaks))
    apart: list[Span] = []
    for span in sorted(found, key=lambda span: (span[0], -span[1])):
        if not apart or apart[-1][1] <= span[0]:
            apart.append(span)
    return tuple(apart)


def _is_heading(passage: Passage, text: str) -> bool:
    if passage.type == HEADING:
        return True
    title = text[passage.start : passage.end].strip(" .:")
    return bool(_SECTION_TITLES.fullmatch(passage.type) and _LABEL_ALONE.fullmatch(title))


def _in_text(text: str, breaks: set[int]) -> Iterator[Span]:
    """The headings that a text shows.

    Args:
        text: the text.
        breaks: where a passage begins.
    """
    for place in sorted({match.end() for match in _BEGIN.finditer(text)} | breaks):
        match = _HEADING.match(text, place, min(len(text), place + _LONGEST))
        if match is None:
            continue
        start, end = match.span("label")
        label = text[start:end].rstrip("(, ")
        closed = bool(match["closed"])
        if label.endswith(")") and "(" not in label:
            label, closed = label[:-1], True
        end = start + len(label)
        if not re.search(rf"(?i)\b{_CORE_WORD}\b", label):
            continue
        if label.count("(") != label.count(")") or not (label[0].isupper() or label[0].isdigit()):
            continue
        if _is_set_off(text, match, label, closed):
            yield start, end


def _is_set_off(text: str, match: re.Match[str], label: str, closed: bool) -> bool:
    """Whether what stands around words makes them a heading."""
    after = match["after"]
    if (
        label[0].isdigit()
        and "\n" not in after
        and text[match.end() : match.end() + 1] not in ("\n", "\r", "")
    ):
        return False  # "12 patients: ..."
    opened = match.start("label") - match.start()
    rest = text[match.end() : match.end() + 2]
    if after.strip(" ") and after.strip():
        return True
    if after:  # a line for itself
        return match.start() == 0 or text[match.start() - 1] in "\r\n" or not text[: match.start()].strip()
    if opened and closed:
        return True
    # capitals, and then a sentence
    letters = re.sub(r"[^A-Za-z]", "", label)
    return letters.isupper() and rest[:1] == " " and (rest[1:2].isupper() or rest[1:2].isdigit())
