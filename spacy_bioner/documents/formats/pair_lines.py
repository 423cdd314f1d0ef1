"""Sentences with one pair of entities and its label, a line each, as corpora of relations are handed out.

"masked-tsv", BioBERT's form of GAD and EU-ADR, which BLURB has too: sentence, tab, label, or index, sentence
and label under a header. The entities are masked, @GENE$ and @DISEASE$, and stay so. "0", "false" and "none"
say that there is no relation; "1" is written as "RELATED".

"marked-jsonl", SciBERT's form of ChemProt: `{"text": "<< X >> blocks [[ Y ]]", "label": "INHIBITOR"}`. The
marks are taken out of the text. In which marks an entity stands says nothing of its type, so both are of the
type "ENTITY".
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.documents.formats.strict_json import UnfitError, get, parse
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import LINE
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors

NO_RELATION = frozenset(("0", "false", "none", "no_relation"))
RELATED = "RELATED"
ENTITY = "ENTITY"
_MASK = re.compile(r"@([A-Za-z][\w-]*)\$")
_HEADER = ("index", "sentence", "label")
_MARKS = re.compile(r"<< (?P<head>.+?) >>|\[\[ (?P<child>.+?) \]\]")


def is_masked(head: str) -> bool:
    """Whether what begins so is a file of masked sentences."""
    lines = head.split("\n", 2)[:2]
    first = lines[0].rstrip("\r").split("\t")
    if tuple(first) == _HEADER:
        first = lines[-1].rstrip("\r").split("\t")
    return 2 <= len(first) <= 3 and any(_MASK.search(field) for field in first)


def is_marked(head: str) -> bool:
    """Whether what begins so is a file of JSON lines with marked sentences."""
    line = head.partition("\n")[0]
    return line.startswith("{") and '"label"' in line and "<< " in line and "[[ " in line


def each_masked(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads masked sentences, with the error in place of a line that isn't one."""
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
            continue
        fields = line.split("\t")
        if tuple(fields) == _HEADER or not line.strip():
            continue
        if len(fields) not in (2, 3):
            yield FormatError(path, number, "not a line of (index,) sentence and label [B079]")
            continue
        text, label = fields[-2:]
        masks = list(_MASK.finditer(text))
        if len(masks) < 2:
            yield FormatError(
                path, number, f"{len(masks)} masked entities (@GENE$), and a pair has two [B080]"
            )
            continue
        mentions = tuple(
            Mention((mask.span(),), mask[1], f"T{place}") for place, mask in enumerate(masks, start=1)
        )
        first, second = _two(mentions)
        yield _document(number, fields[0] if len(fields) == 3 else "", text, (first, second), label)


def _two(mentions: tuple[Mention, ...]) -> tuple[Mention, Mention]:
    """The first entity, and the first of another type, if there is one."""
    other = next((m for m in mentions[1:] if m.type != mentions[0].type), mentions[1])
    return mentions[0], other


def each_marked(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads marked sentences, with the error in place of a line that isn't one."""
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
        elif line.strip():
            try:
                yield _marked(number, parse(line))
            except UnfitError as error:
                yield FormatError(path, number, str(error))


def _marked(number: int, row: Any) -> Document:
    text = get(row, "text", str)
    kept: list[str] = []
    found: dict[str, tuple[int, int]] = {}
    end = length = 0
    for mark in _MARKS.finditer(text):
        side = str(mark.lastgroup)
        if side in found:
            raise UnfitError(f"two entities are marked alike ({text[mark.start() : mark.end()]}) [B081]")
        kept += [text[end : mark.start()], mark[side]]
        length += mark.start() - end
        found[side] = length, length + len(mark[side])
        length += len(mark[side])
        end = mark.end()
    if len(found) < 2:
        raise UnfitError("not two entities, << one >> and [[ other ]] [B082]")
    head, child = (
        Mention((found[side],), ENTITY, f"T{place}") for place, side in ((1, "head"), (2, "child"))
    )
    plain = "".join([*kept, text[end:]])
    return _document(number, "", plain, (head, child), get(row, "label", str))


def _document(number: int, id: str, text: str, pair: tuple[Mention, Mention], label: str) -> Document:
    head, child = pair
    relations: tuple[Relation, ...] = ()
    if label.strip().lower() not in NO_RELATION:
        name = RELATED if label in ("1", "true", "True") else label
        relations = (Relation(name, (("Arg1", head.id), ("Arg2", child.id))),)
    mentions = tuple(sorted(pair, key=lambda mention: mention.spans))
    return Document(text, mentions=mentions, relations=relations, meta={LINE: number}, id=id)
