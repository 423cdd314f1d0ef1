"""BRAT standoff, written: the lines of a document by their ids, in the order of their reading. See `brat`."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spacy_bioner.documents.document import (
    SCORE,
    Document,
    Dropped,
    DroppedRelation,
    Mention,
    Relation,
    Span,
)
from spacy_bioner.documents.edges import trimmed
from spacy_bioner.documents.formats.base import Written, left_out, one_field
from spacy_bioner.documents.formats.brat import KINDS, NO_DATABASE, NOTE, SUFFIXES, TRIGGER
from spacy_bioner.documents.formats.file_names import FileNames
from spacy_bioner.documents.metadata import TEXT


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents, each as ID.txt and ID.ann, or .a1 and .a2 where it was read from such.

    Mentions and relations keep their ids where these are BRAT's, and get new ones else (counted, where they
    had others). Identifiers that name no database are written as "ID:...", and scores as notes, "score 0.98".

    Not held: mentions of types with white space; relations that have no two arguments (events have one and
    more), whose roles or types have white space or colons, or whose arguments aren't mentions or relations of
    the document (PubTator's are between what mentions refer to); identifiers with white space; passages.

    Raises:
        ConversionError: if an id can't be a file's name.
    """
    names = FileNames()
    for document in documents:
        name = names.name(document.id)
        # as much as is taken off at reading
        text = f"\ufeff{document.text}" if document.text.startswith("\ufeff") else document.text
        yield Written(text, name=f"{name}.txt", docs=0)
        writing = _Writing(document)
        first, *rest = writing.files()
        yield Written(
            first[1],
            0,
            [mention.type for mention in writing.mentions],
            writing.dropped,
            writing.relations,
            +writing.others,
            name=f"{name}{first[0]}",
            related=len(document.relations) - len(writing.relations),
        )
        for suffix, content in rest:
            yield Written(content, name=f"{name}{suffix}", docs=0)


class _Writing:
    """The lines of a document, by their ids."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mentions: list[Mention] = []
        self.dropped: list[Dropped] = []
        self.relations: list[DroppedRelation] = []
        self.others = left_out(
            document,
            (*KINDS, TEXT),
            ("attributes", "notes", SCORE),
            ("order", "lines"),
            held=("identifiers", "scores", "ids of mentions", "ids of relations"),
        )
        self._lines: defaultdict[str, list[str]] = defaultdict(list)
        self._new: dict[str, str] = {}  # ids of mentions and relations: the document's, and the file's
        self._wanted = {m.id for m in document.mentions} | {r.id for r in document.relations}
        self._count: Counter[str] = Counter()  # the highest number given to a new id, by its letter
        for line in document.meta.get("lines", ()):
            id = str(line).partition("\t")[0]
            if self._usable(id, "AMN#") and not re.search(r"[\r\n]", line):
                self._lines[id].append(line)
            else:
                self.others["lines on something else"] += 1
        for mention in document.mentions:
            self._mention(mention)
        self._write_relations()

    def files(self) -> list[tuple[str, str]]:
        """The endings of the annotation files, and what they hold."""
        left = dict(self._lines)
        files: list[tuple[str, str]] = []
        order = self.document.meta.get("order")
        for suffix, ids in order.items() if isinstance(order, Mapping) else ():
            if suffix in SUFFIXES and isinstance(ids, tuple):
                stars = iter(left.pop("*", ()) if "*" in ids else ())
                found = [next(stars, "") if id == "*" else "".join(left.pop(id, ())) for id in map(str, ids)]
                left |= {"*": rest} if (rest := list(stars)) else {}
                files.append((suffix, "".join(f"{line}\n" for line in found if line)))
        suffix, content = files.pop() if files else (SUFFIXES[0], "")
        content += "".join(f"{line}\n" for lines in left.values() for line in lines)
        return [*files, (suffix, content)]

    def _usable(self, id: str, kinds: str) -> bool:
        return id[:1] in kinds and re.fullmatch(r".\d{1,18}", id) is not None and id not in self._lines

    def _id(self, wanted: str, kinds: str) -> str:
        """An id of some kind that no line has: the one that is wanted, or a new one."""
        if self._usable(wanted, kinds):
            return wanted
        self.others["ids that were replaced"] += bool(wanted)
        letter = kinds[0]
        while True:
            self._count[letter] += 1
            new = f"{letter}{self._count[letter]}"
            if new not in self._lines and new not in self._wanted:
                return new

    def _mention(self, mention: Mention) -> None:
        if not re.fullmatch(r"\S+", mention.type):
            self.dropped.append(Dropped(self.document, mention, "no type, or one with white space"))
            return
        id = self._id(mention.id, "T")
        fragments = list(_fragments(self.document.text, mention.spans))
        found = " ".join(self.document.text[start:end] for start, end in fragments)
        spans = ";".join(f"{start} {end}" for start, end in fragments)
        self._lines[id].append(f"{id}\t{mention.type} {spans}\t{one_field(mention.meta.get(TEXT, found))}")
        if mention.id:
            self._new.setdefault(mention.id, id)
        self.mentions.append(mention)
        self._about(id, mention.meta)
        self._score(id, mention.score)
        self._identifiers(id, mention)

    def _score(self, target: str, score: float | None) -> None:
        """Writes the score of a mention or relation as a note."""
        if score is not None:
            note = self._id("", "#")
            self._lines[note].append(f"{note}\t{NOTE} {target}\tscore {score!r}")

    def _identifiers(self, target: str, mention: Mention) -> None:
        entries = self._entries(mention.meta, "normalizations", (4,))
        known: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        for entry in entries:
            known[entry[2].removeprefix(NO_DATABASE)].append(entry)
        for identifier in mention.identifiers:
            reference = identifier if ":" in identifier else f"{NO_DATABASE}{identifier}"
            given = known[identifier].pop(0) if known[identifier] else ("", "Reference", reference, "")
            wanted, kind, reference, text = given
            if re.search(r"\s", kind + reference) or not identifier or not kind:
                self.others["identifiers that are empty or have white space"] += 1
                continue
            id = self._id(wanted, "N")
            more = f"\t{one_field(text)}" if text else ""
            self._lines[id].append(f"{id}\t{kind} {target} {reference}{more}")
        self.others["normalizations of other identifiers"] += sum(map(len, known.values()))

    def _about(self, target: str, meta: Mapping[str, Any]) -> None:
        """Writes the attributes and notes on a mention or relation."""
        for wanted, *words in self._entries(meta, "attributes", (2, 3)):
            if not all(re.fullmatch(r"\S+", word) for word in words):
                self.others["attributes with white space"] += 1
                continue
            id = self._id(wanted, "AM")
            self._lines[id].append(f"{id}\t" + " ".join((words[0], target, *words[1:])))
        for wanted, kind, text in self._entries(meta, "notes", (3,)):
            id = self._id(wanted, "#")
            kind = re.sub(r"\s", "_", kind) or "Note"
            self._lines[id].append(f"{id}\t{kind} {target}\t{one_field(text)}")

    def _entries(
        self, meta: Mapping[str, Any], key: str, lengths: tuple[int, ...]
    ) -> Iterator[tuple[str, ...]]:
        """The attributes or notes in a meta that are as they are read here; the others are counted."""
        values = meta.get(key, ())
        for value in values if isinstance(values, tuple) else (values,):
            if isinstance(value, tuple) and len(value) in lengths and all(isinstance(v, str) for v in value):
                yield value
            else:
                self.others[f"{key} in another form"] += 1

    def _write_relations(self) -> None:
        kept: list[Relation] = []
        for relation in self.document.relations:
            if reason := _unfit(relation):
                self.relations.append(DroppedRelation(self.document, relation, reason))
            else:
                kept.append(relation)
        kept = self._with_all_arguments(kept)
        written = []
        for relation in kept:
            kind = _kind(relation)
            new = "*" if kind == "*" else self._id(relation.id, kind)
            if kind != "*":
                self._lines[new] = []
                if relation.id:
                    self._new.setdefault(relation.id, new)
            written.append((new, relation))
        for new, relation in written:
            roles = [(role, self._new[filler]) for role, filler in relation.arguments]
            if new == "*":
                body = " ".join((relation.type, *(filler for _, filler in roles)))
            elif new[0] == "E":
                body = " ".join((f"{relation.type}:{roles[0][1]}", *(f"{r}:{f}" for r, f in roles[1:])))
            else:
                body = " ".join((relation.type, *(f"{role}:{filler}" for role, filler in roles)))
            self._lines[new].append(f"{new}\t{body}")
            self._about(new, relation.meta)
            if new == "*":  # which has no id that a note could name
                self.others["scores of relations"] += relation.score is not None
            else:
                self._score(new, relation.score)

    def _with_all_arguments(self, relations: list[Relation]) -> list[Relation]:
        """The relations whose arguments are written; one that is dropped may be the argument of another."""
        givers = Counter(r.id for r in relations if r.id and _kind(r) != "*")  # ids may be there twice
        users: defaultdict[str, list[int]] = defaultdict(list)
        for i, relation in enumerate(relations):
            for _, filler in relation.arguments:
                users[filler].append(i)
        missing = [filler for filler in users if filler not in self._new and not givers[filler]]
        lost: dict[int, None] = {}
        while missing:
            for i in users[missing.pop()]:
                if i in lost:
                    continue
                lost[i] = None
                gone = relations[i].id
                if gone and _kind(relations[i]) != "*":
                    givers[gone] -= 1
                    if not givers[gone] and gone not in self._new:
                        missing.append(gone)
        reason = "its arguments aren't all mentions or relations of the document"
        self.relations += [DroppedRelation(self.document, relations[i], reason) for i in sorted(lost)]
        return [relation for i, relation in enumerate(relations) if i not in lost]


def _fragments(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """The fragments of a mention, none of which goes over the end of a line."""
    for start, end in spans:
        for line in re.finditer(r"[^\r\n]+", text[start:end]):
            kept = trimmed(text, (start + line.start(), start + line.end()))
            if kept is not None:
                yield kept


def _kind(relation: Relation) -> str:
    """Which kind of line a relation is: E for an event, * for one without roles, R for others."""
    if relation.arguments and relation.arguments[0][0] == TRIGGER:
        return "E"
    return "R" if any(role for role, _ in relation.arguments) else "*"


def _unfit(relation: Relation) -> str:
    """Why a relation can't be a line; empty if it can."""
    kind = _kind(relation)
    roles = [role for role, _ in relation.arguments[1 if kind == "E" else 0 :]]
    if kind == "R" and len(roles) != 2:
        return f"{len(roles)} arguments"
    if kind == "*" and not roles:
        return "no arguments"
    if not re.fullmatch(r"[^\s:]+" if kind == "E" else r"\S+", relation.type):
        return "its type has white space or a colon, or is empty"
    if kind != "*" and not all(re.fullmatch(r"[^\s:]+", role) for role in roles):
        return "its roles have white space or colons, or are empty"
    return ""
