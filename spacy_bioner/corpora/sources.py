"""What is converted and how it is written: files of any format, from a first look to the output."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import spacy
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_bioner.corpora.annotations import AnnotatedRelations, Annotation, get_annotation
from spacy_bioner.corpora.conversion import Tally, counted, to_docs, to_document
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.gold_annotation import SPANS_KEY, GoldAnnotation, gold_annotation
from spacy_bioner.corpora.relation_conversion import annotated_relations
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import SPACY, Format, columns, format_of, known, read_each, write_pieces
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad, check_bad, usable
from spacy_bioner.documents.metadata import LABELS
from spacy_bioner.documents.tags import Scheme
from spacy_bioner.text.tokenizer import create_tokenizer


@dataclass(frozen=True, slots=True)
class Source:
    """A file to convert, after a first look at it.

    Attributes:
        path: where it is.
        documents: reads it; can be called again.
        types: the types of its mentions, or those that its Docs say they annotate.
        size: how many documents `documents` will give; None if not known.
        unwritten: how many spans its Docs have in `doc.spans` that aren't gold, and aren't read.
        typed: whether its format names the types of mentions, or leaves them to the caller.
        bad: what is wrong with documents, lines and mentions of it that are set aside.
        relations: which relations it annotates, as its relations show; None if it has none.
        labels: the labels that its documents have.
    """

    path: Path
    documents: Callable[[], Iterator[Document]]
    types: tuple[str, ...]
    size: int | None = None
    typed: bool = True
    unwritten: int = 0
    bad: tuple[str, ...] = ()
    relations: AnnotatedRelations | None = None
    labels: tuple[str, ...] = ()


def open_source(
    path: Path,
    options: ColumnOptions,
    format: str = "",
    offsets: str = "",
    most_bad: MostBad = USUAL,
) -> Source:
    """Looks at a file or folder of any format that is read here.

    Args:
        path: the file or folder.
        options: how to read columns.
        format: its format, `SPACY` or one of `formats.FORMATS`; found by `format_of`, if empty.
        offsets: how its offsets count, see `documents.settling`; found from the texts of mentions, if empty.
        most_bad: how many bad parts it may have.

    Raises:
        FormatError: if it can't be read, isn't what it seems to be, or has more bad parts than it may have.
    """
    format = format or format_of(path)
    if format == SPACY:
        docs = read_docbin(path)
        annotations = [annotation for doc in docs if (annotation := get_annotation(doc))]
        types = dict.fromkeys(name for annotation in annotations for name in annotation.types)
        golds = [gold_annotation(doc, SPANS_KEY) for doc in docs]
        types |= dict.fromkeys(name for gold in golds for _, name in gold.mentions)
        types |= dict.fromkeys(name for gold in golds for name, _ in gold.beyond)
        unwritten = sum(_unread_spans(doc, gold) for doc, gold in zip(docs, golds, strict=True))
        return Source(path, lambda: map(to_document, docs), tuple(types), len(docs), unwritten=unwritten)
    if format != "columns":
        return _look(path, format, offsets, most_bad)
    scan = columns.scan(path, options)
    check_bad(path, scan.bad, scan.sentences, most_bad)
    return Source(
        path,
        lambda: usable(columns.each_scanned(path, scan, options), []),
        scan.types,
        size=scan.sentences,
        typed=scan.typed,
        bad=scan.bad,
    )


def _unread_spans(doc: Doc, gold: GoldAnnotation) -> int:
    """How many spans of a Doc are in groups that aren't its gold annotation."""
    used = {(span.start, span.end, span.label_) for span, _ in gold.mentions}
    spans = {(span.start, span.end, span.label_) for group in doc.spans.values() for span in group}
    return len(spans - used)


def _look(path: Path, format: str, offsets: str, most_bad: MostBad) -> Source:
    """Reads a file once, for its types and for what of it can't be read."""
    bad: list[str] = []
    types: dict[str, None] = {}
    labels: set[str] = set()
    good = size = 0

    def looked_at() -> Iterator[Document]:
        nonlocal good, size
        for document in usable(read_each(path, format, offsets), bad):
            size += 1
            good += 1 + len(document.mentions)
            types.update(dict.fromkeys(mention.type for mention in document.mentions))
            labels.update(document.meta.get(LABELS, ()))
            yield document

    relations = annotated_relations(looked_at())
    check_bad(path, bad, good, most_bad)
    return Source(
        path,
        lambda: usable(read_each(path, format, offsets), []),
        tuple(types),
        size,
        bad=tuple(bad),
        relations=relations,
        labels=tuple(sorted(labels)),
    )


def write_docbin(source: Source, path: Path, annotation: Annotation, group: int, tally: Tally) -> None:
    """Writes a source's documents as a .spacy file; see `to_docs` for the arguments."""
    nlp = spacy.blank("en")
    tokenizer = create_tokenizer()(nlp)
    documents = _progress(source)
    docs = to_docs(documents, nlp.vocab, tokenizer, annotation, tally, group)
    docbin(docs).to_disk(path)


def write_columns(
    source: Source,
    path: Path,
    types: Iterable[str],
    tally: Tally,
    scheme: Scheme = "IOB2",
    typed: bool = True,
    packed: bool = False,
) -> None:
    """Writes a source's documents as columns. Documents without tokens are tokenized first.

    Args:
        source: where the documents are from.
        path: the file.
        types: the types of mentions to keep.
        tally: counts what is written and what isn't.
        scheme: the scheme of the tags.
        typed: whether tags have types ("B-Gene"), and are not B, I and O alone.
        packed: whether the file is packed with gzip.
    """
    tokenizer = create_tokenizer()(spacy.blank("en"))
    documents = (
        replace(d, tokens=to_document(tokenizer(d.text)).tokens) if d.tokens is None else d
        for d in counted(_progress(source), types, tally)
    )
    pieces = columns.lines(documents, scheme, typed)
    write_pieces(pieces, path, tally, known("columns"), packed)


def write_format(
    source: Source, path: Path, types: Iterable[str], tally: Tally, format: Format, packed: bool = False
) -> None:
    """Writes a source's documents in a format other than columns and .spacy.

    Args:
        source: the source.
        path: the file or folder, which isn't there yet.
        types: the types to keep.
        tally: counts what is read, written and dropped.
        format: the format.
        packed: whether to pack the file with gzip.
    """
    write_pieces(format.write(counted(_progress(source), types, tally)), path, tally, format, packed)


def _progress(source: Source) -> Iterable[Document]:
    # disable=None: no bar where the output isn't a terminal
    return tqdm(source.documents(), source.path.name, source.size, leave=False, disable=None)
