"""doccano's exports of sequence labelling: JSON lines in two forms, with and without relations.

The formats of doccano's import and export (doccano.github.io, "JSONL" and "JSONL(relation)"):

    {"id": 1, "text": "Aspirin helps.", "label": [[0, 7, "Chemical"]]}
    {"id": 1, "text": "Aspirin helps.", "entities": [{"id": 1, "label": "Chemical", "start_offset": 0,
    "end_offset": 7}],
     "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "harms"}]}

Both are read as JSON lines are (see `jsonl`). doccano wants numbers for ids; others are written as "name".
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation, Mention
from spacy_bioner.documents.formats.base import Written, left_out


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents with `[start, end, type]` for mentions, which holds nothing else of them.

    Not held: mentions of several spans, relations.
    """
    for document in documents:
        mentions, dropped = _fitting(document)
        found = _head(document) | {"label": [[m.start, m.end, m.type] for m in mentions]}
        relations = [
            DroppedRelation(document, r, "only doccano-relations has them") for r in document.relations
        ]
        others = left_out(document, held=("ids of relations",))
        yield _written(found, mentions, dropped, relations, others)


def write_relations(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents with objects for mentions, and relations between these.

    Not held: mentions of several spans; relations of other than two arguments, or between what isn't a
    mention.
    """
    numbers, related = count(1), count(1)
    for document in documents:
        mentions, dropped = _fitting(document)
        ids = [next(numbers) for _ in mentions]
        of_mentions = {mention.id: id for mention, id in zip(mentions, ids, strict=True) if mention.id}
        entities = [
            {"id": id, "label": mention.type, "start_offset": mention.start, "end_offset": mention.end}
            for mention, id in zip(mentions, ids, strict=True)
        ]
        relations: list[dict[str, Any]] = []
        lost: list[DroppedRelation] = []
        for relation in document.relations:
            fillers = [of_mentions.get(filler) for _, filler in relation.arguments]
            if len(fillers) != 2 or None in fillers:
                lost.append(DroppedRelation(document, relation, "not between two mentions of the document"))
                continue
            ends = {"from_id": fillers[0], "to_id": fillers[1]}
            relations.append({"id": next(related), **ends, "type": relation.type})
        found = _head(document) | {"entities": entities, "relations": relations}
        others = left_out(document, held=("ids of relations", "ids of mentions"))
        yield _written(found, mentions, dropped, lost, others, len(relations))


def _head(document: Document) -> dict[str, Any]:
    is_number = document.id.isdecimal() and document.id.isascii() and len(document.id) < 16
    name: dict[str, Any] = {"id": int(document.id) if is_number else document.id} if document.id else {}
    return name | {"text": document.text}


def _fitting(document: Document) -> tuple[list[Mention], list[Dropped]]:
    mentions = [mention for mention in document.mentions if len(mention.spans) == 1 and mention.type]
    dropped = [
        Dropped(document, mention, "discontinuous" if mention.type else "no type")
        for mention in document.mentions
        if len(mention.spans) > 1 or not mention.type
    ]
    return mentions, dropped


def _written(
    found: dict[str, Any],
    mentions: list[Mention],
    dropped: list[Dropped],
    relations: list[DroppedRelation],
    others: Counter[str],
    related: int = 0,
) -> Written:
    line = json.dumps(found, ensure_ascii=False, allow_nan=False)
    for char in "\x85\u2028\u2029":  # other programs take these for the end of a line
        line = line.replace(char, f"\\u{ord(char):04x}")
    types = [mention.type for mention in mentions]
    return Written(f"{line}\n", 0, types, dropped, relations, others, related=related)
