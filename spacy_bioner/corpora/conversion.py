"""Converting documents to spaCy's Docs and back: from character offsets to tokens, and from tokens."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab
from tqdm import tqdm

from spacy_bioner.corpora.annotations import (
    CONCEPT,
    AnnotatedRelations,
    Annotation,
    get_annotation,
    set_annotation,
)
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.relation_records import annotated_relations, keep_relations, with_relations
from spacy_bioner.documents import tags as tagging
from spacy_bioner.documents.document import (
    SENTENCE,
    Document,
    Dropped,
    Mention,
    Passage,
    in_tokens,
    merge,
)
from spacy_bioner.documents.formats import SPACY, Format, columns, format_of, known, read_each, write_pieces
from spacy_bioner.documents.formats.base import Account, kept_meta, left_out
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad, check_bad, usable
from spacy_bioner.documents.metadata import COUNTED, MOVED, REPAIRED, UNKNOWN, UNREAD
from spacy_bioner.documents.offsets import mismatches
from spacy_bioner.documents.tags import Scheme
from spacy_bioner.text.spacing import words_and_spaces
from spacy_bioner.text.tokenizer import create_tokenizer


@dataclass(slots=True)
class Tally(Account):
    """What a conversion read and wrote; for what it wrote, see `Account`.

    Attributes:
        sentences: the sentences read, of documents that come with tokens.
        mentions_in: the mentions read, by type.
        relations_in: how many relations were read.
        repaired: the repairs to the tags that were read.
        moved: the mentions that were moved to where their text is; see `documents.offsets`.
        mismatches: the mentions whose offsets don't give the text that their file has, as they are listed:
            each with its document and that text. The offsets count.
        unread: what was in the files and isn't read, by what it is.
        counted: what else the reader counted, by what it is.
        bad: what is wrong with documents, lines and mentions that were set aside.
        unwritten: spans in `doc.spans` of .spacy files, which are left out: `doc.ents` is read.
    """

    sentences: int = 0
    mentions_in: Counter[str] = field(default_factory=Counter)
    relations_in: int = 0
    repaired: int = 0
    moved: int = 0
    mismatches: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    unwritten: int = 0

    def unaccounted(self) -> Counter[str]:
        """Mentions by type, and relations, that were read and neither written nor listed as dropped, or the
        reverse.
        """
        balance = Counter(self.mentions_in)
        balance.subtract(self.mentions_out)
        balance.subtract(Counter(dropped.mention.type for dropped in self.dropped))
        balance["relations"] += self.relations_in - self.relations_out - len(self.relations)
        return Counter({name: count for name, count in balance.items() if count})


def to_docs(
    documents: Iterable[Document],
    vocab: Vocab,
    tokenizer: Callable[[str], Doc],
    annotation: Annotation,
    tally: Tally,
    group: int = 1,
) -> Iterator[Doc]:
    """Turns documents into Docs that carry their corpus and its types.

    Args:
        documents: the documents, as a reader gives them.
        vocab: the vocabulary of the Docs.
        tokenizer: splits the text of documents that come without tokens.
        annotation: the corpus's name and types; mentions of other types are dropped.
        tally: counts what is read, written and dropped.
        group: how many documents of the reader make a Doc, where these are sentences with tokens, as in
            columns. One that begins a document of the corpus begins a Doc as well.
    """
    for members in _grouped(_counted(documents, annotation.types, tally), group):
        document = merge(members)
        doc, dropped = to_doc(document, vocab, tokenizer)
        meta: dict[str, Any] = {}
        if "docstart" in document.meta:
            meta["docstart"] = document.meta["docstart"]
        if _has_white_tokens(document):
            meta["white_tokens"] = True
        set_annotation(doc, replace(annotation, id=document.id, meta=meta))
        tally.docs += 1
        tally.tokens += len(doc)
        tally.mentions_out.update(ent.label_ for ent in doc.ents)
        tally.dropped += dropped
        found = keep_relations(doc, document, annotation.relations)
        tally.relations_out += len(found.related)
        tally.relations += found.dropped
        held = ["tokens", "ids of relations", *(["passages"] if document.tokens is not None else [])]
        if annotation.relations is not None:
            held.append("identifiers" if annotation.relations.level == CONCEPT else "ids of mentions")
        others = left_out(document, document_meta=("docstart",), held=held)
        if document.tokens is not None:  # of the passages, the sentences are kept
            others["passages"] = sum(passage.type != SENTENCE for passage in document.passages)
        tally.others.update(+others)
        yield doc


def _has_white_tokens(document: Document) -> bool:
    """Whether some of a corpus's own tokens are white space (a non-breaking space), and none is added."""
    tokens = document.tokens or ()
    gaps = all(start - end <= 1 for (_, end), (start, _) in pairwise(tokens))
    return gaps and any(document.text[start:end].isspace() for start, end in tokens)


def _counted(documents: Iterable[Document], types: Iterable[str], tally: Tally) -> Iterator[Document]:
    """Counts documents as they pass, without the mentions of types that are not wanted."""
    wanted = frozenset(types)
    for document in documents:
        tally.sentences += len(document.sentences()) if document.tokens is not None else 0
        tally.repaired += document.meta.get(REPAIRED, 0)
        tally.unread += (f"{document.place}: {what}" for what in document.meta.get(UNREAD, ()))
        tally.counted.update(document.meta.get(COUNTED, {}))
        tally.relations_in += len(document.relations)
        if document.mentions:
            tally.moved += sum(MOVED in mention.meta for mention in document.mentions)
            tally.mismatches += mismatches(document)
            tally.mentions_in.update(mention.type for mention in document.mentions)
            others = [m for m in document.mentions if m.type not in wanted]
            if others:
                reasons = ("type not asked for" if m.type else "no type" for m in others)
                tally.dropped += map(Dropped, repeat(document), others, reasons)
                kept = tuple(m for m in document.mentions if m.type in wanted)
                document = replace(document, mentions=kept)
        yield document


def _grouped(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    members: list[Document] = []
    for document in documents:
        if members and (len(members) == size or not _continues(document, members[0])):
            yield members
            members = []
        members.append(document)
    if members:
        yield members


def _continues(document: Document, first: Document) -> bool:
    """Whether a document is but the next sentence of another, with tokens and nothing it would lose."""
    return document.tokens is not None and document.id == first.id and not kept_meta(document.meta)


def to_doc(document: Document, vocab: Vocab, tokenizer: Callable[[str], Doc]) -> tuple[Doc, list[Dropped]]:
    """Turns a document into a Doc with its mentions as entities.

    The tokens are the document's own where it has some, with tokens of white space between them where the
    text has more than a space there; else the tokenizer's. `doc.text` is the document's text.

    Args:
        document: the document.
        vocab: the vocabulary of the Doc.
        tokenizer: splits the text, if the document has no tokens.

    Returns:
        The Doc, and the mentions that it can't hold: discontinuous ones, those that begin or end inside a
        token, those that overlap a longer one, and those without a type.
    """
    document, untyped = _with_types(document)
    if document.tokens is None:
        doc = tokenizer(document.text)
        tokens = [(token.idx, token.idx + len(token)) for token in doc]
        entities, dropped = in_tokens(document, tokens)
        doc.ents = [Span(doc, start, end, label=m.type) for start, end, m in entities]
        return doc, untyped + dropped
    words, spaces, tokens = words_and_spaces(document.text, document.tokens)
    entities, dropped = in_tokens(document, tokens)
    ents = tagging.encode(((start, end, m.type) for start, end, m in entities), len(words))
    sent_starts: list[bool | int | None] | None = None
    if document.passages:
        begins = {start for start, _ in document.sentences()}
        sent_starts = [start in begins for start, _ in tokens]
    return Doc(vocab, words=words, spaces=spaces, ents=ents, sent_starts=sent_starts), untyped + dropped


def _with_types(document: Document) -> tuple[Document, list[Dropped]]:
    """A document without the mentions that have no type, and these."""
    untyped = [Dropped(document, m, "no type") for m in document.mentions if not m.type]
    if untyped:
        document = replace(document, mentions=tuple(m for m in document.mentions if m.type))
    return document, untyped


def to_document(doc: Doc) -> Document:
    """Turns a Doc into a document: its text, tokens, sentences if it has any, and entities as mentions.

    Tokens of white space are left out, as text between tokens, unless the Doc says that its corpus has such.
    """
    annotation = get_annotation(doc)
    meta = dict(annotation.meta) if annotation else {}
    white = meta.pop("white_tokens", False)
    # not is_space, which is False for every token where the vocabulary is no language's
    tokens = tuple((t.idx, t.idx + len(t)) for t in doc if white or not t.text.isspace())
    passages: tuple[Passage, ...] = ()
    if doc.has_annotation("SENT_START"):
        passages = tuple(Passage(s.start_char, s.end_char, SENTENCE) for s in doc.sents)
    mentions = tuple(
        Mention(((e.start_char, e.end_char),), e.label_, e.id_, (e.kb_id_,) if e.kb_id_ else ())
        for e in doc.ents
    )
    id = annotation.id if annotation else ""
    document = Document(doc.text, passages, mentions, tokens=tokens, meta=meta | _missing(doc), id=id)
    return with_relations(document, doc)


def _missing(doc: Doc) -> dict[str, Any]:
    """What the meta of a document is to say of tokens whose annotation is missing, if there are some."""
    missing = tuple(("", t.idx, t.idx + len(t)) for t in doc if not t.ent_iob and not t.text.isspace())
    if not missing:
        return {}
    return {UNKNOWN: missing, COUNTED: {"tokens whose annotation is missing": len(missing)}}


@dataclass(frozen=True, slots=True)
class Source:
    """A file to convert, after a first look at it.

    Attributes:
        path: where it is.
        documents: reads it; can be called again.
        types: the types of its mentions, or those that its Docs say they annotate.
        size: how many documents `documents` will give; None if not known.
        unwritten: how many spans its Docs have in `doc.spans`, which aren't read: `doc.ents` is.
        typed: whether its format names the types of mentions, or leaves them to the caller.
        bad: what is wrong with documents, lines and mentions of it that are set aside.
        relations: which relations it annotates, as its relations show; None if it has none.
    """

    path: Path
    documents: Callable[[], Iterator[Document]]
    types: tuple[str, ...]
    size: int | None = None
    typed: bool = True
    unwritten: int = 0
    bad: tuple[str, ...] = ()
    relations: AnnotatedRelations | None = None


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
        types |= dict.fromkeys(ent.label_ for doc in docs for ent in doc.ents)
        unwritten = sum(len(group) for doc in docs for group in doc.spans.values())
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


def _look(path: Path, format: str, offsets: str, most_bad: MostBad) -> Source:
    """Reads a file once, for its types and for what of it can't be read."""
    bad: list[str] = []
    types: dict[str, None] = {}
    good = size = 0

    def looked_at() -> Iterator[Document]:
        nonlocal good, size
        for document in usable(read_each(path, format, offsets), bad):
            size += 1
            good += 1 + len(document.mentions)
            types.update(dict.fromkeys(mention.type for mention in document.mentions))
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
    """Writes a source's documents as columns; see `formats.columns.lines` for scheme and typed.

    Documents without tokens are tokenized first. With `packed` the file is packed with gzip.
    """
    tokenizer = create_tokenizer()(spacy.blank("en"))
    documents = (
        replace(d, tokens=to_document(tokenizer(d.text)).tokens) if d.tokens is None else d
        for d in _counted(_progress(source), types, tally)
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
    write_pieces(format.write(_counted(_progress(source), types, tally)), path, tally, format, packed)


def _progress(source: Source) -> Iterable[Document]:
    # disable=None: no bar where the output isn't a terminal
    return tqdm(source.documents(), source.path.name, source.size, leave=False, disable=None)
