"""Converting documents to spaCy's Docs and back: from character offsets to tokens, and from tokens."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, repeat
from typing import Any

from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import CONCEPT, Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.gold_annotation import (
    ALL_TYPES,
    SPANS_KEY,
    gold_annotation,
)
from spacy_bioner.corpora.relation_conversion import keep_relations, with_relations
from spacy_bioner.corpora.task_records import keep_tasks
from spacy_bioner.documents import tags as tagging
from spacy_bioner.documents.document import (
    HEADING,
    OVERLAPS,
    SENTENCE,
    Document,
    Dropped,
    Mention,
    Passage,
    in_tokens,
    merge,
)
from spacy_bioner.documents.formats.base import Account, kept_meta, left_out
from spacy_bioner.documents.metadata import (
    COUNTED,
    LABELS,
    MOVED,
    REPAIRED,
    SIMILARITY,
    TEXT,
    UNKNOWN,
    UNREAD,
    UNTAUGHT,
)
from spacy_bioner.documents.offsets import contradicts, mismatches
from spacy_bioner.text.spacing import words_and_spaces

CONTRADICTED = "its offsets don't give its text"
_SHORT = 5  # texts of fewer words ("Conclusions.") may well be there twice


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
        overlapping: the mentions written that overlap a longer one, and so are not in `doc.ents`.
        untaught: the mentions written that no component can learn, since they have gaps or end inside a
            token: their tokens are unknown for their type in training, and `evaluate` counts them.
        nested: how many of the overlapping ones are inside another of their own type, which is learned.
        crossing: how many mentions cross one of their own type, so that the tokens of both are unknown.
        unwritten: spans in `doc.spans` of .spacy files that aren't gold, and are left out.
        texts: hashes of the texts written to .spacy, but for short ones.
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
    overlapping: int = 0
    untaught: list[Dropped] = field(default_factory=list)
    nested: int = 0
    crossing: int = 0
    unwritten: int = 0
    texts: list[int] = field(default_factory=list)

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
    for members in _grouped(counted(documents, annotation.types, tally), group):
        document, contradicted = _without_contradicted(merge(members))
        doc, dropped = to_doc(document, vocab, tokenizer)
        untaught = _untaught(document)
        unsure = [left.mention for left in contradicted] + untaught
        unknown = [(mention.type, *span) for mention in unsure for span in mention.spans]
        meta: dict[str, Any] = {}
        if "docstart" in document.meta:
            meta["docstart"] = document.meta["docstart"]
        if _has_white_tokens(document):
            meta["white_tokens"] = True
        more = [left for left in dropped if left.mention.type]
        set_annotation(
            doc,
            replace(
                annotation,
                id=document.id,
                meta=meta,
                more=tuple((left.mention.type, left.mention.spans) for left in more),
                unknown=(*unknown, *document.meta.get(UNKNOWN, ())),
                untaught=tuple((mention.type, mention.start, mention.end) for mention in untaught),
            ),
        )
        if untaught:
            tally.counted["mentions in section headings, which training leaves out"] += len(untaught)
        tally.docs += 1
        tally.tokens += len(doc)
        if len(doc.text.split()) >= _SHORT:
            tally.texts.append(hash(doc.text))
        tally.mentions_out.update(ent.label_ for ent in doc.ents)
        tally.mentions_out.update(left.mention.type for left in more)
        tally.dropped += contradicted
        tally.dropped += (left for left in dropped if not left.mention.type)
        if more:
            _count_more(doc, more, tally)
        keep_tasks(doc, document, annotation.labels)
        found = keep_relations(doc, document, annotation.relations)
        tally.relations_out += len(found.related)
        tally.relations += found.dropped
        held = ["tokens", "ids of relations", *(["passages"] if document.tokens is not None else [])]
        if annotation.relations is not None:
            held.append("identifiers" if annotation.relations.level == CONCEPT else "ids of mentions")
        others = left_out(document, document_meta=("docstart", LABELS, SIMILARITY), held=held)
        if document.tokens is not None:  # of the passages, the sentences are kept
            others["passages"] = sum(passage.type != SENTENCE for passage in document.passages)
        tally.others.update(+others)
        yield doc


def _without_contradicted(document: Document) -> tuple[Document, list[Dropped]]:
    """A document without the mentions whose offsets don't give the text that the file has, and these."""
    wrong = [m for m in document.mentions if contradicts_text(document, m)]
    if not wrong:
        return document, []
    kept = tuple(mention for mention in document.mentions if mention not in wrong)
    return replace(document, mentions=kept), [Dropped(document, m, CONTRADICTED) for m in wrong]


def _untaught(document: Document) -> list[Mention]:
    """The mentions in headings, as the passages say, or as was known when a .spacy file was written.

    Pipelines find none there (`documents.headings`), and shouldn't learn to: the tokens are unknown for the
    type. Tokens of headings in no mention are what they are elsewhere, known to be none.
    """
    headings = [passage for passage in document.passages if passage.type == HEADING]
    return [
        m
        for m in document.mentions
        if m.meta.get(UNTAUGHT) or any(h.start <= m.start and m.end <= h.end for h in headings)
    ]


def contradicts_text(document: Document, mention: Mention) -> bool:
    """Whether a mention's offsets give something else than the text that its file has for it."""
    stated = mention.meta.get(TEXT)
    return stated is not None and contradicts(stated, document.text_of(mention))


def _count_more(doc: Doc, more: Sequence[Dropped], tally: Tally) -> None:
    """Counts the mentions that are kept beside `doc.ents`, and which of them training can't learn."""
    gold = gold_annotation(doc)
    tally.overlapping += sum(left.reason == OVERLAPS for left in more)
    tally.untaught += (left for left in more if left.reason != OVERLAPS)
    tally.nested += gold.nested.total()
    tally.crossing += gold.crossing.total()


def _has_white_tokens(document: Document) -> bool:
    """Whether some of a corpus's own tokens are white space (a non-breaking space), and none is added."""
    tokens = document.tokens or ()
    gaps = all(start - end <= 1 for (_, end), (start, _) in pairwise(tokens))
    return gaps and any(document.text[start:end].isspace() for start, end in tokens)


def counted(documents: Iterable[Document], types: Iterable[str], tally: Tally) -> Iterator[Document]:
    """Counts documents as they pass, and leaves out the mentions of types that are not wanted."""
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


def scored_at_least(lowest: float, documents: Iterable[Document], tally: Tally) -> Iterator[Document]:
    """Leaves out the mentions whose score is lower than that; those without a score stay."""
    for document in documents:
        low = [m for m in document.mentions if m.score is not None and m.score < lowest]
        if low:
            tally.mentions_in.update(mention.type for mention in low)
            tally.dropped += map(Dropped, repeat(document), low, repeat("its score is below the threshold"))
            kept = tuple(m for m in document.mentions if m.score is None or m.score >= lowest)
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
    gold = gold_annotation(doc, SPANS_KEY)
    untaught = annotation.untaught if annotation else ()
    mentions = [
        Mention(
            ((s.start_char, s.end_char),),
            name,
            s.id_,
            (s.kb_id_,) if s.kb_id_ else (),
            meta={UNTAUGHT: True} if (name, s.start_char, s.end_char) in untaught else {},
        )
        for s, name in gold.mentions
    ]
    mentions += [Mention(places, name) for name, places in gold.beyond]
    meta |= _unknown(doc, gold.missing)
    id = annotation.id if annotation else ""
    document = Document(doc.text, passages, tuple(mentions), tokens=tokens, meta=meta, id=id)
    return with_relations(document, doc)


def _unknown(doc: Doc, missing_tokens: Sequence[int]) -> dict[str, Any]:
    """What the meta of a document is to say of tokens of which nothing is known, if there are some."""
    annotation = get_annotation(doc)
    stretches = annotation.unknown if annotation else ()
    tokens = (doc[i] for i in missing_tokens)
    missing = tuple((ALL_TYPES, t.idx, t.idx + len(t)) for t in tokens if not t.text.isspace())
    if not missing:
        return {UNKNOWN: stretches} if stretches else {}
    counted = {"tokens whose annotation is missing": len(missing)}
    return {UNKNOWN: (*stretches, *missing), COUNTED: counted}
