"""JATS, the XML of full texts in PubMed Central: alone or in efetch's pmc-articleset. It is only read.

The Journal Article Tag Suite (ANSI/NISO Z39.96), of which a document holds, a line each, and each a passage:

    title          the title of the article
    abstract       the paragraphs of its abstracts
    heading        labels in an abstract ("Methods")
    section_title  titles of sections, with their numbers
    paragraph      paragraphs, items of lists, quotations; of the body, the appendices, the acknowledgements
    caption        the label and caption of a figure, a table or a box
    table          the cells of a table: a tab between two, a line a row
    footnote       what stands below a table

The meta of a passage has, as "section", the titles of the sections around it. Figures and tables stand behind
the paragraph that they are in. Markup is left out and its text kept; white space of XML is one space; a
formula is on a line, as in PubMed's XML, and the same formula in TeX is left out. The id is that of PubMed
Central, else the PMID, else the DOI.

In the meta, as "counted", is how much isn't read: references, footnotes of the article, translations,
keywords, articles in the article, supplementary files.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import HEADING, Document, Passage
from spacy_bioner.documents.formats.pubmed import local_name, math_text
from spacy_bioner.documents.formats.safe_xml import elements, forget, refuse_unfit
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import COUNTED
from spacy_bioner.errors import FormatError

ROOTS = ("article", "pmc-articleset")
"""The outermost elements of such files."""
_IDS = ("pmcid", "pmc", "pmc-aid", "pmid", "doi")  # the best first
_NOT_READ = {
    "ref-list": "lists of references, not read",
    "fn-group": "groups of footnotes, not read",
    "supplementary-material": "supplementary files, not read",
    "trans-abstract": "abstracts in other languages, not read",
    "kwd-group": "groups of keywords, not read",
    "sub-article": "articles in the article, not read",
    "response": "articles in the article, not read",
    "subtitle": "subtitles, not read",
}
_HELD = ("fig", "table-wrap", "boxed-text")  # what stands behind the paragraph that it is in
_BLOCKS = (
    *("sec", "list", "list-item", "def-list", "def-item", "def", "disp-quote", "statement", "app"),
    *("app-group", "ack", "notes", "glossary", "fig-group", "table-wrap-group", "verse-group", "speech"),
    *("disp-formula-group", "p", "back", "body", "floats-group", "abstract", "bio", "answer", "question"),
)
_EMPTY = (
    "graphic",
    "media",
    "object-id",
    "permissions",
    "label",
    "title",
    "sec-meta",
    "tex-math",
    "alt-text",
)
_INLINE_LEFT_OUT = ("tex-math", "graphic", "inline-graphic", "media", "object-id", "alt-text", "long-desc")
_TIGHT = (
    *("italic", "bold", "sub", "sup", "underline", "sc", "monospace", "roman", "sans-serif", "xref"),
    *("ext-link", "named-content", "styled-content", "abbrev", "email", "uri", "inline-formula", "overline"),
    *("alternatives", "strike", "inline-supplementary-material", "related-article", "milestone-start", "a"),
)
_SPACE = re.compile(r"[ \t\r\n]+")


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a file article by article, in constant memory; there are no offsets in it.

    Raises:
        FormatError: with the file, and the line where it can be told, if it isn't XML (see `safe_xml`), not
            JATS, or breaks off.
    """
    found = False
    for element in elements(path, ("article",), ROOTS, "an article in JATS"):
        if element.tag == "article":
            found = True
            yield _article(path, element)
            forget(element)
    if not found:
        raise FormatError(path, None, "there is no article in it [B059]")


def _article(path: Path, element: Any) -> Readable:
    """An article as a document, or why it can't be read."""
    identifier = _identifier(element)
    try:
        refuse_unfit(path, element)
    except FormatError as error:
        error.document_id = identifier
        return error
    text = _Text()
    meta = element.find("front/article-meta")
    for part in () if meta is None else meta.iterchildren():
        if part.tag == "title-group":
            for title in part.findall("article-title"):
                text.add(_inline(title), "title")
            text.counted["subtitles, not read"] += len(part.findall("subtitle"))
        elif part.tag == "abstract":
            _read_blocks(part, text, ("abstract",))
        elif part.tag in _NOT_READ:
            text.counted[_NOT_READ[part.tag]] += 1
    for part in element.iterchildren():
        if part.tag in ("body", "back", "floats-group"):
            _read_blocks(part, text, ())
        elif part.tag in _NOT_READ:
            text.counted[_NOT_READ[part.tag]] += 1
    if not text.passages:
        return FormatError(path, element.sourceline, "an article without text [B060]", identifier)
    counted = {COUNTED: dict(+text.counted)} if +text.counted else {}
    return Document("\n".join(text.lines), tuple(text.passages), meta=counted, id=identifier)


def _identifier(element: Any) -> str:
    found = {
        part.get("pub-id-type", ""): (part.text or "").strip()
        for part in element.iterfind("front/article-meta/article-id")
    }
    kind = next((kind for kind in _IDS if found.get(kind)), "")
    value = found.get(kind, "")
    return f"PMC{value}" if kind in ("pmc", "pmcid", "pmc-aid") and value.isdigit() else value


@dataclass(slots=True)
class _Text:
    """The text of an article as it grows, a passage a line."""

    lines: list[str] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    length: int = 0

    def add(self, text: str, kind: str, sections: tuple[str, ...] = ()) -> None:
        if not text:
            return
        meta = {"section": " > ".join(sections)} if sections else {}
        self.passages.append(Passage(self.length, self.length + len(text), kind, meta))
        self.lines.append(text)
        self.length += len(text) + 1


def _read_blocks(element: Any, text: _Text, sections: tuple[str, ...]) -> None:
    """Adds what is in an element of paragraphs: its title, and its parts one after the other.

    Args:
        element: the element.
        text: gets it.
        sections: the titles around it; those in an abstract begin with "abstract".
    """
    title = " ".join(filter(None, (_inline(element.find(name)) for name in ("label", "title"))))
    text.add(title, HEADING if sections[:1] == ("abstract",) else "section_title", sections)
    if title and element.tag != "list-item":
        sections = (*sections, title)
    kind = "abstract" if sections[:1] == ("abstract",) else "paragraph"
    held: list[Any] = []
    run: list[str] = [element.text or ""]

    def end_run() -> None:
        text.add(_plain(run), kind, sections)
        run.clear()

    for part in element.iterchildren():
        if part.tag in _HELD:
            held.append(part)
        elif part.tag in _NOT_READ:
            text.counted[_NOT_READ[part.tag]] += 1
        elif part.tag in _BLOCKS:
            end_run()
            _read_blocks(part, text, sections)
        elif part.tag not in _EMPTY:
            if element.tag != "p" and part.tag not in _TIGHT:
                end_run()
            run.extend(_pieces_of(part))
        run.append(part.tail or "")
        if element.tag != "p":  # a float between paragraphs stands where it is
            end_run()
            _read_floats(held, text, sections)
    end_run()
    _read_floats(held, text, sections)


def _read_floats(held: list[Any], text: _Text, sections: tuple[str, ...]) -> None:
    """Adds figures, tables and boxes, and forgets them."""
    for element in held:
        parts = [
            element.find("label"),
            *(element.find("caption") if element.find("caption") is not None else ()),
        ]
        text.add(" ".join(filter(None, map(_inline, parts))), "caption", sections)
        for part in element.iterchildren():
            if part.tag in ("label", "caption", *_EMPTY):
                continue
            if part.tag == "table-wrap-foot":
                for note in part.iter("fn", "p", "attrib"):
                    if not any(
                        up.tag in ("fn", "p") for up in note.iterancestors("fn", "p", "table-wrap-foot")
                    ):
                        text.add(_inline(note), "footnote", sections)
            elif part.tag in ("table", "alternatives"):
                for table in part.iter("table"):
                    text.add(_table(table), "table", sections)
            elif part.tag in _NOT_READ:
                text.counted[_NOT_READ[part.tag]] += 1
            elif part.tag in _BLOCKS:
                _read_blocks(part, text, sections)
            else:
                text.add(_inline(part), "paragraph", sections)
    held.clear()


def _table(table: Any) -> str:
    """The cells of a table, a line a row."""
    rows = ("\t".join(_inline(cell) for cell in row.iterchildren("th", "td")) for row in table.iter("tr"))
    return "\n".join(row.strip("\t") for row in rows if row.strip("\t"))


def _inline(element: Any) -> str:
    """All text in an element, on a line."""
    return "" if element is None else _plain(_pieces(element))


def _plain(pieces: Any) -> str:
    return _SPACE.sub(" ", "".join(pieces)).strip(" ")


def _pieces_of(element: Any) -> Iterator[str]:
    """The text of an element in a line of text, with spaces around what may be no part of a word."""
    name = local_name(element)
    if name in _INLINE_LEFT_OUT:
        return
    if name == "math":
        yield math_text(element)
    elif name in _TIGHT:
        yield from _pieces(element)
    else:
        yield " "
        yield from _pieces(element)
        yield " "


def _pieces(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element.iterchildren():
        yield from _pieces_of(child)
        yield child.tail or ""
