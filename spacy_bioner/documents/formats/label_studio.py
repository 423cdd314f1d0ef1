"""Label Studio: a list of tasks, each with its text and the regions that were marked in it.

The JSON of Label Studio's export and import (labelstud.io/guide/export, "JSON"), and its shorter "JSON-MIN":

    [{"id": 1, "data": {"text": "Aspirin helps."}, "annotations": [{"result": [{"type": "labels", "id": "r1",
      "value": {"start": 0, "end": 7, "text": "Aspirin", "labels": ["Chemical"]}}]}]}]

Of several annotations of a task the one that is called ground truth is read, or the first that wasn't
cancelled. Tasks whose annotations are empty or cancelled are left out; those of an import, which have none,
are read. Predictions aren't gold, and counted. Relations between regions are read, other kinds of results
counted.

Written as one list: as predictions where mentions or relations have scores, otherwise as an annotation.
Identifiers are in the notes on a region (its "meta"), where Label Studio shows them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import SCORE, Document, Dropped, DroppedRelation, Mention, Relation
from spacy_bioner.documents.formats.base import LeftOut, Written, left_out, without_left_out
from spacy_bioner.documents.formats.strict_json import (
    UnfitError,
    converted,
    entries,
    frozen,
    get,
    identifier,
    offset,
)
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import BAD, COUNTED, OF_DOCUMENTS, TEXT, taken
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled

_UNANNOTATED = "tasks without an annotation, left out"
_NOTES = "Identifiers: "
_MODEL = "spacy-bioner"


def read(path: Path) -> Iterator[Document]:
    """Reads a file of Label Studio's.

    Raises:
        FormatError: if it isn't JSON, or has something that is no task.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for what is no task."""
    return settled(without_left_out(converted(path, lambda found: [_task(found)]), path), path, offsets)


def _task(found: Any) -> Raw | LeftOut:
    if not isinstance(found, dict):
        raise UnfitError('a task of Label Studio is an object with "data" and "annotations" [B074]')
    data = found["data"] if isinstance(found.get("data"), dict) else found
    text = _text(data)
    counted: Counter[str] = Counter()
    results = _results(found, counted)
    if results is None:
        return LeftOut(_UNANNOTATED)
    bad: list[str] = []
    claims: list[Claim] = []
    relations: list[Relation] = []
    for number, result in enumerate(results, start=1):
        try:
            if result.get("type") == "relation":
                relations.append(_relation(result))
            elif isinstance(result.get("value"), dict) and "labels" in result["value"]:
                claims += _claims(result, f"result {number}")
            else:
                kind = str(result.get("type"))[:40]
                counted[f"results of the kind '{kind}', not read"] += 1
        except UnfitError as error:
            bad.append(f"result {number}: {error}")
    others = {key: value for key, value in data.items() if value is not text and key not in _KEYS}
    meta = frozen(taken(others, OF_DOCUMENTS))
    if counted:
        meta[COUNTED] = dict(counted)
    if bad:
        meta[BAD] = tuple(bad)
    document = Document(text, (), (), tuple(relations), meta=meta, id=_id(found))
    return Raw(document, claims)


_KEYS = ("annotations", "completions", "predictions", "label", "labels", "id", "annotator", "annotation_id")


def _id(found: Mapping[str, Any]) -> str:
    data = found.get("data")
    own = data.get("id") if isinstance(data, dict) else None
    return own if isinstance(own, str) and own else identifier(found, "id")


def _text(data: Mapping[str, Any]) -> str:
    if isinstance(data.get("text"), str):
        return str(data["text"])
    texts = [key for key, value in data.items() if isinstance(value, str)]
    if len(texts) != 1:
        raise UnfitError(f'no "text" in the data of a task, and {len(texts)} other texts [B075]')
    return str(data[texts[0]])


def _results(found: Mapping[str, Any], counted: Counter[str]) -> list[dict[str, Any]] | None:
    """The results of a task's annotation; None if it has none, though it was to have one."""
    if predictions := entries(found, "predictions"):
        counted["predictions, which are no gold and not read"] += len(predictions)
    key = "completions" if "completions" in found else "annotations"  # as it was called before 1.0
    if key not in found:
        short = get(found, "label", list, get(found, "labels", list, []))  # JSON-MIN
        return [{"value": value} for value in short if isinstance(value, dict)]
    annotations = [part for part in entries(found, key) if not part.get("was_cancelled")]
    if not annotations:
        return None
    chosen = next((part for part in annotations if part.get("ground_truth")), annotations[0])
    if len(annotations) > 1:
        counted["further annotations of the same task, not read"] += len(annotations) - 1
    return entries(chosen, "result")


def _claims(result: Mapping[str, Any], where: str) -> Iterator[Claim]:
    value = result["value"]
    labels = get(value, "labels", list, [])
    if not labels or not all(isinstance(label, str) for label in labels):
        raise UnfitError("a region without a label [B076]")
    if "startOffset" in value or value.get("start") is None:
        raise UnfitError("a region of HTML, and only plain text is read [B077]")
    notes = result.get("meta")
    texts = notes.get("text", ()) if isinstance(notes, dict) else ()
    named = [str(t).removeprefix(_NOTES) for t in texts if str(t).startswith(_NOTES)]
    identifiers = tuple(part for text in named for part in text.split(", "))
    meta = {"notes": tuple(("", "Note", str(t)) for t in texts if not str(t).startswith(_NOTES))}
    for label in labels:
        yield Claim(
            ((offset(value, "start"), offset(value, "end")),),
            get(value, "text", str, None),
            label,
            identifier(result, "id") if label == labels[0] else "",
            identifiers,
            None,
            {key: notes for key, notes in meta.items() if notes},
            where,
        )


def _relation(result: Mapping[str, Any]) -> Relation:
    labels = get(result, "labels", list, [])
    ends = (get(result, "from_id", str), get(result, "to_id", str))
    if result.get("direction") == "left":
        ends = ends[::-1]
    arguments = (("from", ends[0]), ("to", ends[1]))
    return Relation(str(labels[0]) if labels else "", arguments)


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as a list of tasks.

    Not held: mentions of several spans, or without a type; relations of other than two arguments, or between
    what isn't a mention of the document.
    """
    before = "[\n"
    for number, document in enumerate(documents, start=1):
        results, written, dropped = _regions(document)
        related, lost = _related(document, {id for _, id in written})
        task: dict[str, Any] = {"id": int(document.id) if _is_number(document.id) else number}
        task["data"] = {"text": document.text} | ({"id": document.id} if document.id else {})
        if any("score" in result for result in (*results, *related)):
            task["predictions"] = [{"model_version": _MODEL, "result": [*results, *related]}]
        else:
            task["annotations"] = [{"result": [*results, *related]}]
        others = left_out(
            document,
            (TEXT, "notes"),
            (SCORE,),
            held=("identifiers", "scores", "ids of mentions", "ids of relations"),
        )
        text = before + json.dumps(task, ensure_ascii=False, allow_nan=False)
        types = [mention.type for mention, _ in written]
        yield Written(text, 0, types, dropped, lost, others, related=len(related))
        before = ",\n"
    yield Written("[]\n" if before == "[\n" else "\n]\n", docs=0)


def _is_number(id: str) -> bool:
    return id.isdecimal() and id.isascii() and len(id) < 16 and str(int(id)) == id


def _regions(
    document: Document,
) -> tuple[list[dict[str, Any]], list[tuple[Mention, str]], list[Dropped]]:
    results: list[dict[str, Any]] = []
    written: list[tuple[Mention, str]] = []
    dropped: list[Dropped] = []
    for number, mention in enumerate(document.mentions, start=1):
        if len(mention.spans) > 1 or not mention.type:
            reason = "discontinuous" if mention.type else "no type"
            dropped.append(Dropped(document, mention, reason))
            continue
        id = mention.id or f"m{number}"
        value = {"start": mention.start, "end": mention.end, "labels": [mention.type]}
        value["text"] = mention.meta.get(TEXT, document.text_of(mention))
        result: dict[str, Any] = {"id": id, "type": "labels", "from_name": "label", "to_name": "text"}
        result["value"] = value
        notes = _notes(mention)
        if mention.identifiers:
            notes.insert(0, _NOTES + ", ".join(mention.identifiers))
        if notes:
            result["meta"] = {"text": notes}
        if mention.score is not None:
            result["score"] = mention.score
        results.append(result)
        written.append((mention, id))
    return results, written, dropped


def _notes(mention: Mention) -> list[str]:
    """The notes on a mention, as BRAT has them: kind and text of each behind its id."""
    notes = mention.meta.get("notes")
    found = notes if isinstance(notes, tuple) else ()
    return [str(note[-1]) for note in found if isinstance(note, tuple) and len(note) == 3]


def _related(document: Document, ids: set[str]) -> tuple[list[dict[str, Any]], list[DroppedRelation]]:
    results: list[dict[str, Any]] = []
    lost: list[DroppedRelation] = []
    for relation in document.relations:
        fillers = [filler for _, filler in relation.arguments]
        if len(fillers) != 2 or not ids.issuperset(fillers):
            lost.append(DroppedRelation(document, relation, "not between two mentions of the document"))
            continue
        ends = {"from_id": fillers[0], "to_id": fillers[1], "type": "relation", "direction": "right"}
        score = {} if relation.score is None else {"score": relation.score}
        results.append(ends | {"labels": [relation.type] if relation.type else []} | score)
    return results, lost
