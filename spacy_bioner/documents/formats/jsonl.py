"""JSON lines: an object a line with a text and spans, as Prodigy and doccano exchange them.

Written in one form, which Prodigy reads:

    {"id": "12", "text": "...", "spans": [{"start": 0, "end": 7, "label": "Chemical"}]}

and, where a document has more to it: in a span "id", "identifiers", "score", "meta", "text" (where it isn't
what the offsets give), "parts" (`[[start, end], ...]`, where the mention is discontinuous); beside the spans
"passages", "relations", "tokens" and "meta". Everything of a Document is kept.

Read as well: spans under "entities", "ents", "annotations", "mentions", "labels" or "label", as objects (also
with "start_offset" and "end_offset") or as `[start, end, "Chemical"]`; doccano's "data" for "text" and its
relations; Prodigy's relations between spans; what spaCy's `Doc.to_json` gives, groups of spans among it,
"kb_id" for an identifier; rows `["text", {"entities": [[0, 7, "Chemical"]]}]`, as spaCy 2 was trained on; ids
that are numbers. All of it in a list, too, in place of lines. An example whose "answer" is "reject" or
"ignore" isn't gold, and left out.

What else there is in an object or span ("_input_hash") is kept in the meta of the document or mention; if its
name means something there, under "json" in it (see `documents.metadata`). A list of objects with beginnings
and ends under another name is refused: it may be mentions.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Mention, Passage, Relation, Span
from spacy_bioner.documents.formats.base import LeftOut, Written, kept_meta, without_left_out
from spacy_bioner.documents.formats.strict_json import (
    UnfitError,
    converted,
    entries,
    frozen,
    get,
    identifier,
    offset,
    span,
)
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import (
    BAD,
    COUNTED,
    OF_DOCUMENTS,
    OF_MENTIONS,
    OF_PASSAGES,
    OF_RELATIONS,
    TEXT,
    Names,
    taken,
)
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled

TEXT_KEYS = ("text", "data")
SPAN_KEYS = ("spans", "entities", "ents", "annotations", "mentions", "labels", "label")
_NAMES = {
    "start_offset": "start",
    "end_offset": "end",
    "begin": "start",
    "start_char": "start",
    "end_char": "end",
}
_LISTS = ("tokens", "passages", "relations", "sents")
_NO_GOLD = ("reject", "ignore")


def read(path: Path) -> Iterator[Document]:
    """Reads a file of JSON lines, a document a line; empty lines are skipped.

    Spans that aren't in the text, or are none, are set aside.

    Raises:
        FormatError: with file and line, if a line isn't such an object.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a line that isn't one."""
    return settled(without_left_out(converted(path, _gold), path), path, offsets)


def _gold(found: Any) -> Iterator[Raw | LeftOut]:
    if isinstance(found, dict) and found.get("answer") in _NO_GOLD:
        yield LeftOut("examples that were rejected or ignored, left out")
    else:
        yield from documents(found)


def documents(found: Any) -> Iterator[Raw]:
    """The document in an object of this format, or the two of a row of spaCy 2."""
    if isinstance(found, list) and [type(part) for part in found] == [str, dict]:
        found = {**found[1], "text": found[0]}
    if not isinstance(found, dict):
        raise UnfitError("a line of JSON lines is one object: {...} [B061]")
    yield _document(found)


def _document(found: dict[str, Any]) -> Raw:
    text_key = _only_key(found, TEXT_KEYS)
    if text_key is None:
        raise UnfitError('there is no "text" in this object [B062]')
    text = get(found, text_key, str)
    bad: list[str] = []
    raw = list(_spans(found, bad))
    claims: list[Claim] = []
    for where, item in raw:
        try:
            claims.append(_claim(item, where))
        except UnfitError as error:
            bad.append(f"{where}: {error}")
    known = {"id", text_key, "passages", "relations", "tokens", "meta"}
    known |= {key for key in (*TEXT_KEYS, *SPAN_KEYS) if not found.get(key) or key in _span_keys(found)}
    others = {key: value for key, value in found.items() if key not in known}
    _refuse_unknown_spans(others)
    claims, relations, notes = _relations(found, claims, bad)
    if notes:
        others["relations"] = notes
    meta = _meta(found, OF_DOCUMENTS, others)
    if strange := _strange_keys(found):
        meta[COUNTED] = strange
    if bad:
        meta[BAD] = tuple(bad)
    document = Document(
        text,
        tuple(_passage(item, text) for item in entries(found, "passages")),
        (),
        tuple(relations),
        _tokens(found, text),
        meta,
        identifier(found, "id"),
    )
    return Raw(document, claims)


def _tokens(found: Mapping[str, Any], text: str) -> tuple[Span, ...] | None:
    """The tokens; None where there are none, though there is a text."""
    tokens = tuple(span(item, text) for item in entries(found, "tokens"))
    if any(b[0] < a[1] for a, b in pairwise(tokens)):
        raise UnfitError("tokens overlap, or aren't in order [B063]")
    return tokens if tokens or (isinstance(found.get("tokens"), list) and not text.strip()) else None


def _span_keys(found: Mapping[str, Any]) -> list[str]:
    """The keys under which an object has its mentions."""
    filled = [key for key in SPAN_KEYS if found.get(key)]
    if "ents" in filled and filled in (["spans", "ents"], ["ents"]):
        return filled  # spaCy's own: groups of spans beside entities
    if len(filled) > 1:
        raise UnfitError(f'both "{filled[0]}" and "{filled[1]}": leave out one of them [B064]')
    return filled


def _spans(found: Mapping[str, Any], bad: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The spans of an object in the form that is written here, each with where it stands."""
    seen: set[tuple[Any, Any, Any]] = set()
    for key in _span_keys(found):
        value = found[key]
        if key == "spans" and isinstance(value, dict):  # spaCy's groups
            value = [item for group in value.values() if isinstance(group, list) for item in group]
        if not isinstance(value, list):
            raise UnfitError(f'"{key}" should be a list of spans [B065]')
        for number, item in enumerate(value, start=1):
            where = f'number {number} of "{key}"'
            try:
                item = _span(item)
            except UnfitError as error:
                bad.append(f"{where}: {error}")
                continue
            place = (repr(item.get("start")), repr(item.get("end")), repr(item.get("label")))
            if key != "ents" or place not in seen:  # entities are often among the groups
                yield where, item
            seen.add(place)


def _refuse_unknown_spans(others: Mapping[str, Any]) -> None:
    """Raises UnfitError if something that isn't read looks like mentions."""
    for key, value in others.items():
        if key in _LISTS or not isinstance(value, list) or not value:
            continue
        item = value[0]
        names = {_NAMES.get(str(name), name) for name in item} if isinstance(item, dict) else set()
        row = isinstance(item, list) and [type(part) for part in item] == [int, int, str]
        if row or {"start", "end"} <= names or "span" in names:
            raise UnfitError(
                f'"{key[:40]}" looks like mentions and isn\'t read: call it "spans", or take it out [B066]'
            )


def _relations(
    found: Mapping[str, Any], claims: list[Claim], bad: list[str]
) -> tuple[list[Claim], list[Relation], list[Any]]:
    """The relations of an object, the mentions with the ids that these need, and what is neither."""
    relations: list[Relation] = []
    notes: list[Any] = []
    for number, item in enumerate(get(found, "relations", list, []), start=1):
        try:
            if not isinstance(item, dict):
                notes.append(item)
            elif "arguments" in item:
                relations.append(_relation(item))
            elif "from_id" in item and "to_id" in item:  # doccano's
                arguments = (("from", identifier(item, "from_id")), ("to", identifier(item, "to_id")))
                others = {k: v for k, v in item.items() if k not in ("id", "type", "from_id", "to_id")}
                meta = frozen(taken({}, OF_RELATIONS, others))
                relations.append(
                    Relation(get(item, "type", str, ""), arguments, identifier(item, "id"), meta)
                )
            elif isinstance(item.get("head_span"), dict) and isinstance(item.get("child_span"), dict):
                places = [
                    (offset(item[k], "start"), offset(item[k], "end")) for k in ("head_span", "child_span")
                ]
                filled = []
                for place in places:  # Prodigy's spans have no ids
                    claims, id = _with_id(claims, place)
                    filled.append(id)
                arguments = (("head", filled[0]), ("child", filled[1]))
                relations.append(Relation(get(item, "label", str, ""), arguments))
            else:
                notes.append(item)
        except UnfitError as error:
            bad.append(f'number {number} of "relations": {error}')
    return claims, relations, notes


def _with_id(claims: list[Claim], place: Span) -> tuple[list[Claim], str]:
    """The mentions, the one at a place with an id, and that id. Raises UnfitError if there is none."""
    for i, claim in enumerate(claims):
        if claim.spans == (place,):
            if claim.id:
                return claims, claim.id
            named = claim._replace(id=f"T{i + 1}")
            return [*claims[:i], named, *claims[i + 1 :]], named.id
    raise UnfitError(f"no span is at {place[0]} to {place[1]} [B067]")


def _strange_keys(found: Mapping[str, Any]) -> dict[str, int]:
    """What isn't read of tokens and of the arguments of relations, and how often it is there."""
    strange = Counter(
        f"token key '{key[:40]}', not read"
        for item in _objects(found.get("tokens"))
        for key in item.keys() - {"text", "start", "end", "id", "ws"}
    )
    strange.update(
        f"argument key '{key[:40]}', not read"
        for relation in _objects(found.get("relations"))
        for item in _objects(relation.get("arguments"))
        for key in item.keys() - {"role", "id"}
    )
    return dict(strange)


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none if a value is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _only_key(found: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Which of some keys an object has; only one may have something in it."""
    present = [key for key in keys if key in found]
    filled = [key for key in present if found[key]]
    if len(filled) > 1:
        raise UnfitError(f'both "{filled[0]}" and "{filled[1]}": leave out one of them [B068]')
    return next(iter(filled or present), None)


def _span(item: Any) -> dict[str, Any]:
    """A span in the form that is written here."""
    if isinstance(item, list) and len(item) == 3:
        return dict(zip(("start", "end", "label"), item, strict=True))
    if not isinstance(item, dict):
        raise UnfitError('a span is {"start": ..., "end": ..., "label": ...} or [start, end, label] [B069]')
    return {_NAMES.get(str(key), str(key)): value for key, value in item.items()}


def _places(item: Mapping[str, Any]) -> tuple[Span, ...]:
    parts = item.get("parts")
    if parts is None:
        return ((offset(item, "start"), offset(item, "end")),)
    if (
        not isinstance(parts, list)
        or not parts
        or not all(isinstance(p, list) and len(p) == 2 for p in parts)
    ):
        raise UnfitError('"parts" of a span are [[start, end], ...] [B070]')
    pairs = [dict(zip(("start", "end"), part, strict=True)) for part in parts]
    return tuple((offset(pair, "start"), offset(pair, "end")) for pair in pairs)


def _claim(item: Mapping[str, Any], where: str) -> Claim:
    score = item.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float | None):
        raise UnfitError('the "score" of a span is a number [B071]')
    if score is not None and not 0 <= score <= 1:
        raise UnfitError(f"the score {score} isn't between 0 and 1 [B072]")
    known = ("start", "end", "label", "parts", "id", "identifiers", "score", "meta", "kb_id", TEXT)
    others = {key: value for key, value in item.items() if key not in known}
    identifiers = get(item, "identifiers", list, [])
    if not all(isinstance(name, str) for name in identifiers):
        raise UnfitError('the "identifiers" of a span are texts [B073]')
    named = identifier(item, "kb_id")
    return Claim(
        _places(item),
        get(item, TEXT, str, None),
        get(item, "label", str),
        identifier(item, "id"),
        (*identifiers, *([named] if named and named not in identifiers else [])),
        None if score is None else float(score),
        _meta(item, OF_MENTIONS, others),
        where,
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
