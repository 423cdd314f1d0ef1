"""Questions on passages in SQuAD's JSON: BioBERT's form of BioASQ, COVID-QA.

Each question becomes a document of two texts, the question and a passage, with the answers as mentions of the
type "ANSWER". A passage longer than 2,000 characters is cut where sentences end, and the question asked of
each part: "ID#0", "ID#1". Answers whose place is off are looked for in their passage; a question whose answer
doesn't stand in it, or goes over the end of a part, is counted, and so is one that has none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Mention, Span
from spacy_bioner.documents.formats.strict_json import UnfitError, get, parse
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import COUNTED
from spacy_bioner.documents.two_texts import two_texts
from spacy_bioner.errors import FormatError
from spacy_bioner.files import read_text
from spacy_bioner.text.rough_sentences import sentence_ends

ANSWER = "ANSWER"
_LONGEST = 2000  # characters of a passage


def is_squad(head: str) -> bool:
    """Whether what begins so is SQuAD's JSON."""
    return head.startswith("{") and all(f'"{key}"' in head for key in ("data", "paragraphs", "context"))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads questions, with the error in place of one that isn't one."""
    try:
        articles = get(parse(read_text(path)), "data", list)
    except UnfitError as error:
        yield FormatError(path, None, str(error))
        return
    for article in articles:
        for paragraph in article.get("paragraphs", ()) if isinstance(article, dict) else ():
            for question in paragraph.get("qas", ()):
                try:
                    yield from _documents(get(paragraph, "context", str), question)
                except UnfitError as error:
                    yield FormatError(path, None, str(error), str(question.get("id", "")))


def _documents(context: str, question: Any) -> Iterator[Document]:
    asked, id = get(question, "question", str), str(question.get("id", ""))
    places = []
    stated = question.get("answers") or []
    stated = [stated] if isinstance(stated, dict) else stated
    for answer in stated:
        text, start = get(answer, "text", str), get(answer, "answer_start", int)
        place = _place(context, text, start)
        if place is not None:
            places.append(place)
    what = ""
    if not places:
        what = "questions whose answer isn't in the passage" if stated else "questions without an answer"
    parts = list(_parts(context))
    if places and not any(start <= a and b <= end for start, end in parts for a, b in places):
        what = "questions whose answer goes over the end of a part of the passage"
    for number, (start, end) in enumerate(parts):
        inside = [(a - start, b - start) for a, b in dict.fromkeys(places) if start <= a and b <= end]
        mentions = tuple(Mention((place,), ANSWER) for place in sorted(inside))
        meta = {COUNTED: {what: 1}} if what and not number else {}
        name = f"{id}#{number}" if len(parts) > 1 else id
        yield two_texts(asked, context[start:end], mentions=mentions, meta=meta, id=name)


def _place(context: str, text: str, start: int) -> Span | None:
    """Where an answer is: where it is said to be, or else the nearest place that has its text."""
    text = text.strip()
    if not text:
        return None
    found, place = [], context.find(text)
    while place >= 0:
        found.append(place)
        place = context.find(text, place + 1)
    if not found:
        return None
    nearest = min(found, key=lambda own: abs(own - start))
    return nearest, nearest + len(text)


def _parts(context: str) -> Iterator[Span]:
    """Stretches of a passage that are short enough, each of whole sentences where these are."""
    start = last = 0
    for end in sentence_ends(context):
        while end - start > _LONGEST:
            cut = last if last > start else start + _LONGEST
            yield start, cut
            start = cut
        last = end
    if len(context) > start:
        yield start, len(context)
