"""PubAnnotation: an object a text, with denotations of stretches and relations between these.

The JSON format of pubannotation.org (docs/annotation-format), which bconv calls `pubanno_json`: one object, a
list of them, or one a line.

    {"sourcedb": "PubMed", "sourceid": "1", "text": "Aspirin helps.",
     "denotations": [{"id": "T1", "span": {"begin": 0, "end": 7}, "obj": "Chemical"}],
     "relations": [{"id": "R1", "pred": "treats", "subj": "T1", "obj": "T2"}]}

A span may be a list of several. What stands in "tracks" is read as if it stood in the object itself.
An attribute "score" holds the probability of a mention or relation:

     "attributes": [{"id": "A1", "subj": "R1", "pred": "score", "obj": 0.98}]

Other attributes and modifications are kept in the meta of the document, as "attributes" and "modifications".
Without the text of a mention beside its offsets nothing tells what these count: see `settling`.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from spacy_bioner.documents.document import (
    SCORE,
    Document,
    Dropped,
    DroppedRelation,
    Relation,
    is_probability,
)
from spacy_bioner.documents.formats.base import Written, left_out
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
from spacy_bioner.documents.metadata import BAD, OF_DOCUMENTS, taken
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled

_SOURCE = ("sourcedb", "sourceid", "divid")
_READ = (*_SOURCE, "text", "denotations", "relations", "tracks")
_KEPT = ("attributes", "modifications")
_T = TypeVar("_T")


def read(path: Path) -> Iterator[Document]:
    """Reads a file of PubAnnotation's.

    Raises:
        FormatError: if it isn't JSON, or has an object without a text.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for an object that isn't one."""
    return settled(converted(path, lambda found: [_document(found)]), path, offsets)


def _document(found: Any) -> Raw:
    if not isinstance(found, dict):
        raise UnfitError('an object of PubAnnotation has "text" and "denotations" [B085]')
    text = get(found, "text", str)
    claims: list[Claim] = []
    relations: list[Relation] = []
    bad: list[str] = []
    kept: dict[str, list[Any]] = {}
    for part in (found, *entries(found, "tracks")):
        claims += _each(get(part, "denotations", list, []), "denotation", _claim, bad)
        relations += _each(get(part, "relations", list, []), "relation", _relation, bad)
        for key in _KEPT:
            if items := get(part, key, list, []):
                kept.setdefault(key, []).extend(items)
    scores = _take_scores(kept, {claim.id for claim in claims} | {relation.id for relation in relations})
    claims = [claim._replace(score=scores.get(claim.id)) for claim in claims]
    relations = [
        replace(relation, meta={SCORE: scores[relation.id]}) if relation.id in scores else relation
        for relation in relations
    ]
    others = {key: value for key, value in found.items() if key not in (*_READ, *_KEPT)} | kept
    meta = frozen(taken(others, OF_DOCUMENTS))
    if bad:
        meta[BAD] = tuple(bad)
    source = [identifier(found, key) for key in _SOURCE]
    if source[0].lower() == "pubmed":
        source[0] = ""
    return Raw(Document(text, (), (), tuple(relations), meta=meta, id=":".join(filter(None, source))), claims)


def _take_scores(kept: dict[str, list[Any]], ids: set[str]) -> dict[str, float]:
    """Takes the scores of mentions and relations out of the attributes."""
    scores: dict[str, float] = {}
    others: list[Any] = []
    for item in kept.pop("attributes", ()):
        own = item if isinstance(item, dict) and item.keys() <= {"id", "subj", "pred", "obj"} else {}
        subject, score = own.get("subj"), own.get("obj")
        free = ids - scores.keys() - {""}
        if (
            own.get("pred") == SCORE
            and isinstance(subject, str)
            and subject in free
            and is_probability(score)
        ):
            scores[subject] = float(score)
        else:
            others.append(item)
    if others:
        kept["attributes"] = others
    return scores


def _each(
    items: list[Any], what: str, read_one: Callable[[dict[str, Any]], _T], bad: list[str]
) -> Iterator[_T]:
    """What is read of each object of a list; adds what is wrong with the others to `bad`."""
    for item in items:
        try:
            if not isinstance(item, dict):
                raise UnfitError("it should be an object [B086]")
            yield read_one(item)
        except UnfitError as error:
            id = str(item.get("id", "?"))[:40] if isinstance(item, dict) else "?"
            bad.append(f"{what} {id}: {error}")


def _claim(found: dict[str, Any]) -> Claim:
    places = found.get("span")
    spans = [span for span in (places if isinstance(places, list) else [places]) if isinstance(span, dict)]
    if not spans:
        raise UnfitError('"span" should be {"begin": ..., "end": ...}, or a list of these [B087]')
    at = tuple((offset(span, "begin"), offset(span, "end")) for span in spans)
    id = identifier(found, "id")
    return Claim(at, None, get(found, "obj", str), id, where=f"denotation {id or '?'}")


def _relation(found: dict[str, Any]) -> Relation:
    ends = (("subj", get(found, "subj", str)), ("obj", get(found, "obj", str)))
    return Relation(get(found, "pred", str, ""), ends, identifier(found, "id"))


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as a list of PubAnnotation's objects.

    Not held: mentions without a type; relations of other than two arguments, or between what isn't a mention
    or relation of the document.
    """
    before = "[\n"
    for document in documents:
        found, dropped, lost = _object(document)
        types = [item["obj"] for item in found["denotations"]]
        held = ("ids of mentions", "ids of relations", "scores")
        others = left_out(document, (), (SCORE,), _KEPT, held)
        text = before + json.dumps(found, ensure_ascii=False, allow_nan=False)
        yield Written(text, 0, types, dropped, lost, others, related=len(found["relations"]))
        before = ",\n"
    yield Written("[]\n" if before == "[\n" else "\n]\n", docs=0)


def _object(document: Document) -> tuple[dict[str, Any], list[Dropped], list[DroppedRelation]]:
    found: dict[str, Any] = {"sourcedb": "", "sourceid": document.id} if document.id else {}
    if document.id.isdecimal():
        found["sourcedb"] = "PubMed"
    found |= {"text": document.text, "denotations": [], "relations": []}
    dropped: list[Dropped] = []
    lost: list[DroppedRelation] = []
    scores: list[tuple[str, float | None]] = []
    taken_ids = {mention.id for mention in document.mentions} | {r.id for r in document.relations}
    new = (
        id for n in range(1, len(document.mentions) + len(taken_ids) + 1) if (id := f"T{n}") not in taken_ids
    )
    for mention in document.mentions:
        if not mention.type:
            dropped.append(Dropped(document, mention, "no type"))
            continue
        spans: list[dict[str, int]] = [{"begin": start, "end": end} for start, end in mention.spans]
        at: Any = spans[0] if len(spans) == 1 else spans
        found["denotations"].append({"id": mention.id or next(new), "span": at, "obj": mention.type})
        scores.append((found["denotations"][-1]["id"], mention.score))
    for number, relation in enumerate(document.relations, start=1):
        fillers = [filler for _, filler in relation.arguments]
        if len(fillers) != 2 or not taken_ids.issuperset(fillers) or "" in fillers:
            lost.append(DroppedRelation(document, relation, "not between two mentions of the document"))
            continue
        ends = {"pred": relation.type, "subj": fillers[0], "obj": fillers[1]}
        found["relations"].append({"id": relation.id or f"R{number}", **ends})
        scores.append((found["relations"][-1]["id"], relation.score))
    for key in _KEPT:
        kept = document.meta.get(key)
        if isinstance(kept, tuple) and kept and all(isinstance(item, Mapping) for item in kept):
            found[key] = kept
    known = {str(item.get("id")) for item in found.get("attributes", ())}
    free = (id for n in itertools.count(1) if (id := f"A{n}") not in known)
    told = [(subject, score) for subject, score in scores if score is not None]
    if told:
        made = [{"id": next(free), "subj": subject, "pred": SCORE, "obj": score} for subject, score in told]
        found["attributes"] = [*found.get("attributes", ()), *made]
    return found, dropped, lost
