"""Reading gold annotation, from .spacy files or any other format."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict

from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.conversion import contradicts_text, to_doc
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.gold_annotation import (
    ALL_TYPES,
    SPANS_KEY,
    Unknown,
    gold_annotation,
    unknown_stretches,
)
from spacy_bioner.corpora.provenance import describe_data
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.formats import SPACY, brat, columns, format_of, known, read_each
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad, check_bad, usable
from spacy_bioner.documents.metadata import MOVED, REPAIRED, UNKNOWN, UNREAD
from spacy_bioner.documents.offsets import mismatches
from spacy_bioner.errors import CorpusError, FormatError, PipelineError
from spacy_bioner.files import checksum, ending, entries

ANY = "*"
"""In a map of types: every type that isn't named."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A text with its gold mentions.

    Attributes:
        text: the text.
        mentions: the mentions, of all types.
        corpus: the corpus that it is from; empty if not known.
        types: the types that it annotates; None if it doesn't say.
        id: its id in the corpus.
        unknown: the characters of which it isn't known whether they are part of a mention.
        doc: a Doc with the corpus's own tokens; None if the pipeline gets the raw text.
        untrusted: how many spans of a Doc are left out, as they may be old predictions.
    """

    text: str
    mentions: tuple[Mention, ...]
    corpus: str = ""
    types: tuple[str, ...] | None = None
    id: str = ""
    unknown: Unknown = field(default_factory=Unknown)
    doc: Doc | None = None
    untrusted: int = 0


@dataclass(slots=True)
class Reading:
    """What was found on reading a file of gold annotation.

    Attributes:
        format: its format.
        moved: mentions that were moved to where their text is; see `documents.offsets`.
        mismatches: mentions whose offsets don't give the text that the file has. The offsets count.
        contradicted: those of them that have nothing of the text that the file has: they are left out, and
            nothing is known of their type there.
        unread: what is in the file and isn't read.
        bad: what is wrong with documents, lines and mentions of it that are set aside.
        repaired: repairs to tags.
        repeated: mentions with the places and type of another one; they count once.
        renamed: mentions whose type was given another name, by old and new name.
        not_annotated: mentions of types that the corpus doesn't annotate, by type; they count neither way.
    """

    format: str
    moved: int = 0
    mismatches: list[str] = field(default_factory=list)
    contradicted: int = 0
    unread: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    repaired: int = 0
    repeated: int = 0
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)
    not_annotated: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """The counts, for a report in JSON."""
        return {
            "format": self.format,
            "mentions_moved": self.moved,
            "offsets_not_of_text": self.mismatches,
            "mentions_left_out": self.contradicted,
            "not_read": self.unread,
            "set_aside": self.bad,
            "tags_repaired": self.repaired,
            "mentions_repeated": self.repeated,
            "types_renamed": [[old, new, count] for (old, new), count in self.renamed.items()],
            "types_not_annotated": dict(self.not_annotated),
        }


@dataclass(frozen=True, slots=True)
class GoldFile:
    """A file or folder of gold annotation.

    Attributes:
        golds: its texts.
        reading: what was found on reading it.
        data: what it is, for a report.
    """

    golds: list[Gold]
    reading: Reading
    data: dict[str, Any]


def gold_of(doc: Doc, retokenize: bool = False, keys: Sequence[str] = (SPANS_KEY,)) -> Gold:
    """The gold annotation of a Doc: its spans under some keys if it has them, else its entities.

    Args:
        doc: the Doc.
        retokenize: whether the pipeline gets the raw text, and not the Doc's tokens.
        keys: where in `doc.spans` the gold may be: the `spans_key` of each `bioner`.
    """
    annotation = get_annotation(doc)
    gold = gold_annotation(doc, *keys)
    stretches = list(annotation.unknown) if annotation else []
    stretches += [(ALL_TYPES, doc[i].idx, doc[i].idx + len(doc[i])) for i in gold.missing]
    return Gold(
        doc.text,
        tuple(
            [Mention(((span.start_char, span.end_char),), name) for span, name in gold.mentions]
            + [Mention(places, name) for name, places in gold.beyond]
        ),
        annotation.corpus if annotation else "",
        annotation.types if annotation else None,
        annotation.id if annotation else "",
        unknown_stretches(stretches),
        None if retokenize else doc,
        gold.untrusted.total(),
    )


class GoldOptions(TypedDict):
    """What `read_gold` is told by name of the corpus that a file is from."""

    format: str
    corpus: str
    annotated: tuple[str, ...]


def gold_options(source: str, corpus: str, types: Sequence[str]) -> GoldOptions:
    """Looks up what a user says of gold data.

    Args:
        source: its format; empty if that is to be found from its content.
        corpus: the corpus of the catalogue that it is from; empty for none.
        types: the types that it annotates; if empty, those of the corpus.

    Raises:
        UnknownFormatError: if there is no such format.
        CorpusError: if the catalogue doesn't know the corpus.
    """
    if source and source != SPACY:
        known(source)
    entry = load_corpora()[corpus] if corpus else None
    annotated = tuple(types) or (tuple(entry.types) if entry else ())
    return {"format": source, "corpus": entry.name if entry else "", "annotated": annotated}


def gold_files(paths: Iterable[Path], format: str = "") -> list[Path]:
    """The files that some paths stand for.

    A folder of BRAT's files is one. Any other folder stands for its .spacy files, or, where it has none, for
    all files in it, in the order of their names.

    Raises:
        FormatError: if a folder has nothing in it.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir() or brat.is_folder(path) or format == "brat":
            files.append(path)
            continue
        inside = entries(path)
        found = [entry for entry in inside if ending(entry) == ".spacy"] if format in ("", SPACY) else []
        found = found or [entry for entry in inside if entry.is_file() or brat.is_folder(entry)]
        if not found:
            raise FormatError(path, None, "there is no file in this folder [B328]")
        files += found
    return files


def read_gold(
    path: Path,
    vocab: Vocab,
    *,
    format: str = "",
    corpus: str = "",
    annotated: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    retokenize: bool = False,
    keys: Sequence[str] = (SPANS_KEY,),
    offsets: str = "",
    most_bad: MostBad = USUAL,
    of_doc: Callable[[Doc], Gold] | None = None,
) -> GoldFile:
    """Reads a file of gold annotation.

    Args:
        path: a .spacy file, or a file or folder of any format that `formats.read` knows.
        vocab: the vocabulary for Docs.
        format: its format; found by `format_of`, if empty.
        corpus: the corpus that it is from; .spacy files say that themselves.
        annotated: the types that it annotates (after renaming); if empty, what .spacy files say, or else
            all that it has mentions of. If it is one, columns whose tags name no types have it.
        renamed: other names for its types; `ANY` stands for all that aren't named.
        retokenize: whether the pipeline gets the raw text also of files that have tokens.
        keys: where in `doc.spans` of .spacy files the gold may be.
        offsets: how its offsets count, see `documents.settling`; found from the texts of mentions, if empty.
        most_bad: how many documents, lines and mentions of it may be such that they can't be read.
        of_doc: what is read of a Doc in a .spacy file; `gold_of` if None.

    Raises:
        FormatError: if it can't be read, can't have mentions, or too much of it can't be read.
        CorpusError: if it is a .spacy file, and a corpus is given.
    """
    format = format or format_of(path)
    reading = Reading(format)
    golds: list[Gold] = []
    if format == SPACY:
        if corpus:
            raise CorpusError(
                f"{path} says itself which corpus it is from: leave out --corpus {corpus}. [B329]"
            )
        docs = read_docbin(path, vocab)
        golds = [of_doc(doc) if of_doc is not None else gold_of(doc, retokenize, keys) for doc in docs]
        data = describe_data(path).to_meta()
    else:
        if format in ("text", "lines"):
            raise FormatError(path, None, "plain text has no mentions to compare with [B330]")
        found = read_each(path, format, offsets)
        if format == "columns":  # whose tags may name no types
            only = annotated[0] if len(annotated) == 1 else None
            found = columns.each(path, options=ColumnOptions(type=only))
        good = 0
        for document in usable(found, reading.bad):
            good += 1 + len(document.mentions) * (format != "columns")
            _note(document, reading)
            doc = None
            if format == "columns" and not retokenize:
                doc, _ = to_doc(document, vocab, lambda text: Doc(vocab, words=[text]))
            golds.append(_gold_of_document(document, corpus, doc, reading))
        check_bad(path, reading.bad, good, most_bad)
        data = {"file": path.name, "sha256": checksum(path), "docs": len(golds), "corpora": {}}
    golds = [_named(gold, renamed or {}, reading) for gold in golds]
    if any(not mention.type for gold in golds for mention in gold.mentions):
        raise FormatError(path, None, "some mentions have no type: say which with --map '*=TYPE' [B331]")
    if annotated or format != SPACY:
        types = tuple(annotated) or tuple(sorted({m.type for gold in golds for m in gold.mentions}))
        golds = [replace(gold, types=types) for gold in golds]
        data["corpora"] = data["corpora"] or {corpus: list(types)}
    for gold in golds:
        if gold.types is not None:
            others = (mention.type for mention in gold.mentions if mention.type not in gold.types)
            reading.not_annotated.update(others)
        places = [(mention.spans, mention.type) for mention in gold.mentions]
        reading.repeated += len(places) - len(set(places))
    return GoldFile(golds, reading, {**data, "format": format})


def check_lengths(golds: Iterable[Gold], longest: int) -> None:
    """Raises PipelineError if a text has more characters than a pipeline takes."""
    for gold in golds:
        if gold.doc is None and len(gold.text) > longest:
            raise PipelineError(
                f"Document {gold.id or '?'} has {len(gold.text):,} characters, and the pipeline takes "
                f"{longest:,} (its max_length): cut the document, or leave it out. [B332]"
            )


def _gold_of_document(document: Document, corpus: str, doc: Doc | None, reading: Reading) -> Gold:
    """The gold annotation of a document, without mentions whose offsets contradict their texts."""
    right = tuple(mention for mention in document.mentions if not contradicts_text(document, mention))
    reading.contradicted += len(document.mentions) - len(right)
    unknown = unknown_stretches(document.meta.get(UNKNOWN, ()))
    return Gold(document.text, right, corpus, None, document.id, unknown, doc)


def _note(document: Document, reading: Reading) -> None:
    reading.repaired += document.meta.get(REPAIRED, 0)
    reading.unread += (f"{document.place}: {what}" for what in document.meta.get(UNREAD, ()))
    reading.moved += sum(MOVED in mention.meta for mention in document.mentions)
    reading.mismatches += mismatches(document)


def _named(gold: Gold, renamed: Mapping[str, str], reading: Reading) -> Gold:
    if not renamed:
        return gold
    mentions = []
    for mention in gold.mentions:
        name = renamed.get(mention.type, renamed.get(ANY, mention.type))
        if name != mention.type:
            reading.renamed[mention.type, name] += 1
            mention = replace(mention, type=name)
        mentions.append(mention)
    types = gold.types
    if types is not None:
        types = tuple(dict.fromkeys(renamed.get(name, renamed.get(ANY, name)) for name in types))
    unknown = gold.unknown.renamed(lambda own: renamed.get(own, renamed.get(ANY, own)))
    return replace(gold, mentions=tuple(mentions), types=types, unknown=unknown)
