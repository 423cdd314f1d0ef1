"""JSON lines: an object a line with a text and spans, as Prodigy and doccano exchange them.

Written in one form, which Prodigy reads:

    {"id": "12", "text": "...", "spans": [{"start": 0, "end": 7, "label": "Chemical"}]}

and, where a document has more to it: in a span "id", "identifiers", "score", "meta", "text" (where it isn't
what the offsets give), "parts" (`[[start, end], ...]`, where the mention is discontinuous); beside the spans
"passages", "relations", "tokens" and "meta". Everything of a Document is kept.

Read as well: doccano's `"label"` or `"labels": [[start, end, "Chemical"], ...]`, and `"entities"` in that
form or with "start_offset" and "end_offset"; its "data" for "text"; ids that are numbers. What else there is
in an object or span ("answer", "_input_hash") is kept in the meta of the document or mention; if its name
means something there, under "json" in it (see `documents.metadata`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Mention, Passage, Relation
from spacy_bioner.documents.formats.base import Written, kept_meta
from spacy_bioner.documents.formats.strict_json import (
    UnfitError,
    entries,
    frozen,
    get,
    identifier,
    offset,
    parse,
    span,
)
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import (
    COUNTED,
    OF_DOCUMENTS,
    OF_MENTIONS,
    OF_PASSAGES,
    OF_RELATIONS,
    TEXT,
    Names,
    taken,
)
from spacy_bioner.documents.offsets import Claim, inside, settle
from spacy_bioner.errors import FormatError
from spacy_bioner.files import numbered_lines

TEXT_KEYS = ("text", "data")
SPAN_KEYS = ("spans", "entities", "labels", "label")


def read(path: Path) -> Iterator[Document]:
    """Reads a file of JSON lines, a document a line; empty lines are skipped.

    Raises:
        FormatError: with file and line, if a line isn't such an object, or one of its spans isn't in the
            text.
    """
    return raised(each(path))


def each(path: Path) -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a line that isn't one."""
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            yield _document(parse(line))
        except UnfitError as error:
            yield FormatError(path, number, str(error))


def _document(found: Any) -> Document:
    if not isinstance(found, dict):
        raise UnfitError("a line of JSON lines is one object: {...}")
    text_key = _only_key(found, TEXT_KEYS)
    if text_key is None:
        raise UnfitError('there is no "text" in this object')
    text = get(found, text_key, str)
    span_key = _only_key(found, SPAN_KEYS)
    raw = [_span(item) for item in get(found, span_key, list, [])] if span_key else []
    claims = [Claim(_places(item), get(item, TEXT, str, None)) for item in raw]
    mentions = []
    for item, (spans, settled) in zip(raw, settle(text, claims), strict=True):
        if not inside(spans, text):
            raise UnfitError(
                f"a span from {spans[0][0]} to {spans[-1][1]}, in a text of {len(text)} characters"
            )
        mentions.append(_mention(item, spans, settled))
    known = {"id", text_key, span_key, "passages", "relations", "tokens", "meta"}
    known |= {key for key in (*TEXT_KEYS, *SPAN_KEYS) if not found.get(key)}
    others = {key: value for key, value in found.items() if key not in known}
    relations = []
    for item in get(found, "relations", list, []):
        if isinstance(item, dict) and "arguments" in item:
            relations.append(_relation(item))
        else:  # Prodigy's and doccano's, between tokens or numbered spans
            others.setdefault("relations", []).append(item)
    meta = _meta(found, OF_DOCUMENTS, others)
    tokens = [span(item, text) for item in entries(found, "tokens")] if "tokens" in found else None
    if tokens is not None and any(b[0] < a[1] for a, b in pairwise(tokens)):
        raise UnfitError("tokens overlap, or aren't in order")
    if strange := _strange_keys(found):
        meta[COUNTED] = strange
    return Document(
        text,
        tuple(_passage(item, text) for item in entries(found, "passages")),
        tuple(mentions),
        tuple(relations),
        None if tokens is None else tuple(tokens),
        meta,
        identifier(found, "id"),
    )


def _strange_keys(found: Mapping[str, Any]) -> dict[str, int]:
    """What isn't read of tokens and of the arguments of relations, and how often it is there."""
    strange = Counter(
        f"token key '{key[:40]}', not read"
        for item in found.get("tokens") or ()
        for key in item.keys() - {"text", "start", "end", "id", "ws"}
    )
    strange.update(
        f"argument key '{key[:40]}', not read"
        for relation in found.get("relations") or ()
        if isinstance(relation, dict)
        for item in relation.get("arguments") or ()
        for key in item.keys() - {"role", "id"}
    )
    return dict(strange)


def _only_key(found: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Which of some keys an object has; only one may have something in it."""
    present = [key for key in keys if key in found]
    filled = [key for key in present if found[key]]
    if len(filled) > 1:
        raise UnfitError(f'both "{filled[0]}" and "{filled[1]}": leave out one of them')
    return next(iter(filled or present), None)


def _span(item: Any) -> dict[str, Any]:
    """A span in the form that is written here."""
    if isinstance(item, list) and len(item) == 3:
        return dict(zip(("start", "end", "label"), item, strict=True))
    if not isinstance(item, dict):
        raise UnfitError('a span is {"start": ..., "end": ..., "label": ...} or [start, end, label]')
    names = {"start_offset": "start", "end_offset": "end"}
    return {str(names.get(key, key)): value for key, value in item.items()}


def _places(item: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    parts = item.get("parts")
    if parts is None:
        return ((offset(item, "start"), offset(item, "end")),)
    if (
        not isinstance(parts, list)
        or not parts
        or not all(isinstance(p, list) and len(p) == 2 for p in parts)
    ):
        raise UnfitError('"parts" of a span are [[start, end], ...]')
    pairs = [dict(zip(("start", "end"), part, strict=True)) for part in parts]
    return tuple((offset(pair, "start"), offset(pair, "end")) for pair in pairs)


def _mention(item: Mapping[str, Any], spans: tuple[tuple[int, int], ...], settled: dict[str, Any]) -> Mention:
    score = item.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        raise UnfitError('the "score" of a span is a number')
    if score is not None and not 0 <= score <= 1:
        raise UnfitError(f"the score {score} isn't between 0 and 1")
    known = ("start", "end", "label", "parts", "id", "identifiers", "score", "meta", TEXT)
    others = {key: value for key, value in item.items() if key not in known}
    identifiers = get(item, "identifiers", list, [])
    if not all(isinstance(name, str) for name in identifiers):
        raise UnfitError('the "identifiers" of a span are texts')
    return Mention(
        spans,
        get(item, "label", str),
        identifier(item, "id"),
        tuple(identifiers),
        None if score is None else float(score),
        _meta(item, OF_MENTIONS, others) | settled,
    )


def _passage(item: Mapping[str, Any], text: str) -> Passage:
    known = ("start", "end", "type", "meta")
    others = {key: value for key, value in item.items() if key not in known}
    return Passage(*span(item, text), get(item, "type", str, ""), _meta(item, OF_PASSAGES, others))


def _relation(item: Mapping[str, Any]) -> Relation:
    arguments = [(get(part, "role", str, ""), get(part, "id", str)) for part in entries(item, "arguments")]
    known = ("id", "type", "arguments", "meta")
    others = {key: value for key, value in item.items() if key not in known}
    meta = _meta(item, OF_RELATIONS, others)
    return Relation(get(item, "type", str, ""), tuple(arguments), identifier(item, "id"), meta)


def _meta(found: Mapping[str, Any], names: Names, others: Mapping[str, Any]) -> dict[str, Any]:
    return frozen(taken(get(found, "meta", dict, {}), names, others))


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as JSON lines; see above for the form. It holds everything."""
    for document in documents:
        found: dict[str, Any] = {"id": document.id} if document.id else {}
        found |= {"text": document.text, "spans": [_span_of(mention) for mention in document.mentions]}
        if document.passages:
            found["passages"] = [
                _filled(start=p.start, end=p.end, type=p.type, meta=kept_meta(p.meta))
                for p in document.passages
            ]
        if document.relations:
            found["relations"] = [
                _filled(
                    id=r.id,
                    type=r.type,
                    arguments=[{"role": role, "id": filler} for role, filler in r.arguments],
                    meta=kept_meta(r.meta),
                )
                for r in document.relations
            ]
        if document.tokens is not None:
            found["tokens"] = [
                {"text": document.text[start:end], "start": start, "end": end, "id": i}
                for i, (start, end) in enumerate(document.tokens)
            ]
        if meta := kept_meta(document.meta):
            found["meta"] = meta
        line = json.dumps(found, ensure_ascii=False, allow_nan=False)
        # characters that other programs take for the end of a line
        for char in "\x85\u2028\u2029":
            line = line.replace(char, f"\\u{ord(char):04x}")
        types = [mention.type for mention in document.mentions]
        tokens, related = len(document.tokens or ()), len(document.relations)
        yield Written(f"{line}\n", tokens, types, related=related)


def _span_of(mention: Mention) -> dict[str, Any]:
    parts = [list(part) for part in mention.spans] if len(mention.spans) > 1 else []
    return {"start": mention.start, "end": mention.end, "label": mention.type} | _filled(
        parts=parts,
        id=mention.id,
        identifiers=list(mention.identifiers),
        score=mention.score,
        text=mention.meta.get(TEXT),
        meta=kept_meta(mention.meta, (TEXT,)),
    )


def _filled(**fields: Any) -> dict[str, Any]:
    """The fields that have something in them; 0 is something, and so are arguments that there are none of."""
    return {
        key: value for key, value in fields.items() if value not in (None, "", [], {}) or key == "arguments"
    }
