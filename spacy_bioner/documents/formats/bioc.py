"""BioC: documents of passages, in XML or JSON, with annotations that have one location or several.

The format of Comeau et al. 2013 (bioc.sourceforge.net), by way of the library `bioc`. What both of its forms
have in common: `from_bioc` and `to_bioc`.

The text of a document is that of its passages, a line end between them (nothing, where the next one's offset
says so), and that of a passage without a text of its own is that of its sentences, with as many spaces
between them as their offsets say. Offsets begin at 0. A passage that stands elsewhere than it states has in
its meta, as "moved", by how many characters; what its annotations count is told by their texts (see
`settling`).

What has a type has it from the infon "type" (relations: or "relation"); other infons are in the meta, as
"infons". Identifiers of a mention are in the infons of `IDENTIFIER_KEYS`, with bars between them. Where a
relation has no nodes, as in BC5CDR and BioRED, its arguments are the infons whose value is an
identifier of a mention. The score of a mention or relation is in the infon "score". What a Document has
beyond all this is in an infon "spacy-bioner", as JSON.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bioc import (
    BioCAnnotation,
    BioCDocument,
    BioCPassage,
    BioCRelation,
    BioCSentence,
)

from spacy_bioner.documents.document import SCORE, SENTENCE, Document, Mention, Passage, Relation, Span
from spacy_bioner.documents.formats.base import identifiers_in
from spacy_bioner.documents.formats.strict_json import UnfitError, frozen, parse
from spacy_bioner.documents.metadata import (
    BAD,
    MOVED,
    OF_DOCUMENTS,
    OF_MENTIONS,
    OF_PASSAGES,
    OF_RELATIONS,
    UNREAD,
    Names,
    taken,
)
from spacy_bioner.documents.offsets import Claim, Part
from spacy_bioner.documents.settling import Raw

EXTRA = "spacy-bioner"
IDENTIFIER_KEYS = ("identifier", "MESH", "OMIM", "NCBI Gene", "NCBI Taxonomy")
MOST_SPACES = 100  # between sentences: more is a mistake


@dataclass(slots=True)
class _Text:
    """The text of a document as it grows passage by passage, and what is in it.

    Attributes:
        pieces: what the text is made of.
        length: how long it is so far.
        passages: the passages and sentences in it.
        groups: annotations, with the parts of the text that they are in.
        relations: the relations in passages and sentences.
    """

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    passages: list[Passage] = field(default_factory=list)
    groups: list[tuple[tuple[Part, ...], list[BioCAnnotation]]] = field(default_factory=list)
    relations: list[BioCRelation] = field(default_factory=list)

    def add(self, passage: BioCPassage, first: int) -> int:
        """Adds a passage.

        Args:
            passage: the passage.
            first: the offset that the file gives the first passage.

        Returns:
            Where the passage ends by the file's own offsets.
        """
        start = self.length
        by = start - (passage.offset - first)
        if passage.sentences and not passage.text:
            sentences, end = self._add_sentences(passage)
        else:
            own = passage.text or ""
            self.append(own)
            end = passage.offset + len(own)
            sentences = [(start + at, sentence) for at, sentence in _placed(passage, own)]
        meta = _passage_meta(passage.infons, ("type",)) | ({MOVED: by} if by else {})
        self.passages.append(Passage(start, self.length, _type(passage.infons), meta))
        outer = Part(start, self.length, passage.offset)
        self.groups.append(((outer,), passage.annotations))
        self.relations += passage.relations
        for begin, sentence in sentences:
            stop = begin + len(sentence.text or "")
            if sentence.text:
                self.passages.append(Passage(begin, stop, SENTENCE, _passage_meta(sentence.infons)))
            self.groups.append(((outer, Part(begin, stop, sentence.offset)), sentence.annotations))
            self.relations += sentence.relations
        return end

    def append(self, piece: str) -> None:
        self.pieces.append(piece)
        self.length += len(piece)

    def _add_sentences(self, passage: BioCPassage) -> tuple[list[tuple[int, BioCSentence]], int]:
        """Adds the sentences of a passage without a text; gives each with its beginning, and the end."""
        sentences: list[tuple[int, BioCSentence]] = []
        end: int = passage.offset
        for sentence in passage.sentences:
            gap = sentence.offset - end
            gap = gap if 0 <= gap <= MOST_SPACES else 1
            own = sentence.text or ""
            sentences.append((self.length + gap, sentence))
            self.append(" " * gap)
            self.append(own)
            end = sentence.offset + len(own)
        return sentences, end


def from_bioc(
    found: BioCDocument,
    collection: Mapping[str, Any],
    unread: Mapping[str, int] | None = None,
    wrong: Iterable[str] = (),
) -> Raw:
    """Makes a document of BioC's, without having settled where its mentions are.

    Args:
        found: the document, its fields of the right kinds.
        collection: what its collection says of itself, for the document's meta.
        unread: what else its file has of it, and how often.
        wrong: what its file has of it that can't be used.

    Raises:
        UnfitError: if a sentence isn't in the passage that it stands in.
    """
    made = _Text(relations=list(found.relations))
    first = end = found.passages[0].offset if found.passages else 0
    for i, passage in enumerate(found.passages):
        if i and passage.offset != end:
            made.append("\n")
        end = made.add(passage, first)
    made.groups.append(((), found.annotations))
    text, passages = "".join(made.pieces), made.passages
    claims, bad = _claims(Part(0, len(text), first), made.groups)
    left = [what if count == 1 else f"{what} ({count:,} times)" for what, count in (unread or {}).items()]
    if len(found.passages) == 1 and not passages[0].type and not passages[0].meta:
        del passages[0]  # a text without parts
    meta, extra = _extra(found.infons, OF_DOCUMENTS)
    if "passages" in extra:
        given = extra["passages"] if isinstance(extra["passages"], tuple) else ()
        passages = [
            Passage(p[0], p[1], p[2], taken(p[3], OF_PASSAGES)) for p in given if _is_passage(p, text)
        ]
    elif isinstance(extra.get("headings"), tuple):
        passages += [
            Passage(p[0], p[1], p[2], taken(p[3], OF_PASSAGES))
            for p in extra["headings"]
            if _is_passage(p, text)
        ]
    meta |= {"collection": frozen(collection)} if collection else {}
    if left:
        meta[UNREAD] = tuple(left)
    if bad := [*wrong, *bad]:
        meta[BAD] = tuple(bad)
    known = referred_names(claims)
    found_relations = tuple(_relation(relation, known) for relation in made.relations)
    return Raw(Document(text, tuple(passages), (), found_relations, meta=meta, id=found.id), claims)


def _placed(passage: BioCPassage, text: str) -> Iterator[tuple[int, BioCSentence]]:
    """The sentences over a passage's text, with their beginnings in it."""
    last = 0
    for sentence in passage.sentences:
        at = sentence.offset - passage.offset
        own = sentence.text or ""
        if own and (at < 0 or not text.startswith(own, at)):
            at = text.find(own, last)  # the offsets may count something else than characters
            if at < 0:
                raise UnfitError(f"the sentence at offset {sentence.offset} isn't in its passage [B028]")
        last = at + len(own)
        yield at, sentence


def _is_passage(value: Any, text: str) -> bool:
    return (
        isinstance(value, tuple)
        and [type(part) for part in value] == [int, int, str, dict]
        and 0 <= value[0] <= value[1] <= len(text)
    )


def _type(infons: Mapping[str, Any]) -> str:
    value = infons.get("type")
    return value if isinstance(value, str) else ""


def _passage_meta(infons: Mapping[str, Any], without: Iterable[str] = ()) -> dict[str, Any]:
    return _extra({key: value for key, value in infons.items() if key not in without}, OF_PASSAGES)[0]


def _extra(infons: Mapping[str, Any], names: Names) -> tuple[dict[str, Any], dict[str, Any]]:
    """A meta with the infons, and what this package has put into one of its own."""
    own = infons.get(EXTRA)
    try:
        extra = parse(own) if isinstance(own, str) else None
    except UnfitError:
        extra = None
    if not isinstance(extra, dict):
        return ({"infons": frozen(infons)} if infons else {}), {}
    extra = frozen(extra)
    others = {key: value for key, value in infons.items() if key != EXTRA}
    meta = extra.get("meta")
    meta = taken(meta, names) if isinstance(meta, dict) else {}
    return meta | ({"infons": frozen(others)} if others else {}), extra


def _claims(
    whole: Part, groups: list[tuple[tuple[Part, ...], list[BioCAnnotation]]]
) -> tuple[list[Claim], list[str]]:
    claims: list[Claim] = []
    bad: list[str] = []
    for parts, annotations in groups:
        for annotation in annotations:
            spans = tuple((at.offset, at.offset + at.length) for at in annotation.locations)
            where = f"annotation {annotation.id}" if annotation.id else "an annotation without an id"
            if not spans or any(start >= end for start, end in spans):
                bad.append(f"{where}: locations that are none, or empty")
            else:
                claims.append(_claim(annotation, spans, where, (whole, *parts)))
    return claims, bad


def _claim(annotation: BioCAnnotation, spans: tuple[Span, ...], where: str, parts: tuple[Part, ...]) -> Claim:
    infons = {key: value for key, value in annotation.infons.items() if key != "type"}
    meta, extra = _extra(infons, OF_MENTIONS)
    identifiers = extra.get("identifiers", identifiers_of(annotation.infons))
    score = extra.get("score")
    if score is None and (score := _score(annotation.infons)) is not None:
        meta = _less_infon(meta, "score")
    return Claim(
        spans,
        annotation.text or None,
        _type(annotation.infons),
        annotation.id or "",
        identifiers if _are_texts(identifiers) else (),
        score if isinstance(score, float) and 0 <= score <= 1 else None,
        meta if "identifiers" in extra else _less_identifier(meta),
        where,
        parts,
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, str) for part in value)


def identifiers_of(infons: Mapping[str, Any]) -> tuple[str, ...]:
    """The identifiers in the infons of an annotation; several in one infon have bars between them."""
    values = [infons[key] for key in IDENTIFIER_KEYS if key in infons]
    return tuple(part for value in values if isinstance(value, str) for part in identifiers_in(value))


def _score(infons: Mapping[str, Any]) -> float | None:
    """The score in the infon "score", if that is text as it is written here."""
    value = infons.get("score")
    try:
        score = float(value) if isinstance(value, str) and len(value) < 30 else -1.0
    except ValueError:
        return None
    return score if 0 <= score <= 1 and repr(score) == value else None


def _less_infon(meta: dict[str, Any], key: str) -> dict[str, Any]:
    others = {name: value for name, value in meta.get("infons", {}).items() if name != key}
    rest = {name: value for name, value in meta.items() if name != "infons"}
    return rest | ({"infons": others} if others else {})


def _less_identifier(meta: dict[str, Any]) -> dict[str, Any]:
    """A meta without the one infon that holds nothing but the identifiers."""
    infons = meta.get("infons", {})
    value = infons.get("identifier")
    if not isinstance(value, str) or not value or sum(key in infons for key in IDENTIFIER_KEYS) > 1:
        return meta
    return _less_infon(meta, "identifier")


def _relation(found: BioCRelation, known: set[str]) -> Relation:
    meta, _ = _extra(found.infons, OF_RELATIONS)
    score = _score(meta.get("infons", {}))
    if score is not None and SCORE not in meta:
        meta = {**_less_infon(meta, "score"), SCORE: score}
    infons = meta.get("infons", {})
    type_key = type_key_of(infons)
    nodes = tuple((node.role, node.refid) for node in found.nodes)
    named = arguments_of(infons, known)
    # PubTator 3 gives both, and its nodes name no annotation
    arguments = named if not nodes or (len(named) == 2 and "role1" in infons) else nodes
    type = infons.get(type_key, "")
    # what the writer makes of the arguments again isn't kept twice
    if list(infons.items()) == [("type", type), *(() if nodes else named)]:
        meta = {key: value for key, value in meta.items() if key != "infons"}
    return Relation(type if isinstance(type, str) else "", arguments, found.id or "", meta)


def referred_names(mentions: Iterable[Mention | Claim]) -> set[str]:
    """What mentions refer to: their identifiers, each alone and as they stand together in an infon."""
    known: set[str] = set()
    for mention in mentions:
        joined = "|".join(mention.identifiers)
        known.update((joined, *mention.identifiers, *re.split(r"[|,;]", joined)))
    return known - {""}


def type_key_of(infons: Mapping[str, Any]) -> str:
    """The name of the infon that has a relation's type: "type", or "relation" where there is no "type"."""
    return "relation" if "relation" in infons and "type" not in infons else "type"


def arguments_of(infons: Mapping[str, Any], known: set[str]) -> tuple[tuple[str, str], ...]:
    """The infons that name what mentions refer to, those of PubTator 3 with its type ("Chemical|MESH:D1")."""
    found: list[tuple[str, str]] = []
    for key, value in infons.items():
        if key in ("type", "relation"):
            continue
        if isinstance(value, Mapping):  # an object of PubTator 3's service
            value = f"{value.get('type')}|{value.get('identifier')}"
        if not isinstance(value, str):
            continue
        type, bar, identifier = value.partition("|")
        if value in known:
            found.append((key, value))
        elif bar and type.isalpha() and identifier in known:
            found.append((type, identifier))
    return tuple(found)
