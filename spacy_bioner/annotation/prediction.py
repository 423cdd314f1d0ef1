"""Predicting entities: each document goes through the pipeline as its text, or with its own tokens.

Mentions are the entities in `doc.spans` of each `bioner`, overlapping ones too, with their scores, and what
else is in `doc.ents`; relations are those in `doc._.relations`. A document on which the pipeline fails is set
aside, with the reason, and is never an empty result.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.annotation.found_relations import moved, with_found
from spacy_bioner.annotation.inputs import Item, SetAside
from spacy_bioner.annotation.long_texts import pieces
from spacy_bioner.annotation.settings import BATCH_CHARACTERS, FLAT, Settings
from spacy_bioner.annotation.workers import in_processes
from spacy_bioner.components.pipelines import spans_keys
from spacy_bioner.components.spans import ranked, scored_spans, without_overlaps
from spacy_bioner.corpora.conversion import to_doc, to_document
from spacy_bioner.corpora.relation_records import Related, get_relations
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.document import Span as Stretch
from spacy_bioner.documents.edges import trimmed
from spacy_bioner.documents.headings import find_headings
from spacy_bioner.documents.metadata import UNREAD
from spacy_bioner.errors import BionerError, PipelineError, trace

_DIGITS = 4  # of a score


def annotated(
    nlp: Language, items: Sequence[Item | SetAside], settings: Settings, counts: Counter[str]
) -> Iterator[Document | SetAside]:
    """Annotates the documents of one part.

    Everything that the pipeline makes of a part, its vocabulary's new words too, is let go at its end. What
    goes through the pipeline together is the same however often a run was stopped between two parts.

    Args:
        nlp: the pipeline, see `prepare`.
        items: the documents.
        settings: how to annotate them.
        counts: counts what the report tells of, by its name.

    Yields:
        For each item its document with mentions, or why there is none.

    Raises:
        PipelineError: if the pipeline fails on every document of a batch, or for lack of memory.
    """
    items = [if_it_fits(item, settings) for item in items]
    alone = settings.n_process == 1  # processes have zones of their own
    with nlp.memory_zone() if alone else nullcontext():
        texts: list[Document] = []
        ends: list[int] = []  # how many pieces there are up to and with each item
        for item in items:
            if isinstance(item, Item):
                texts += pieces(item.document, settings.max_length)
            ends.append(len(texts))
        parts = batches(texts, settings.batch_size)
        results = itertools.chain.from_iterable(
            (_annotate_batch(nlp, batch, settings) for batch in parts)
            if alone
            else in_processes(_annotate_batch, nlp, parts, settings)
        )
        done = 0
        for item, end in zip(items, ends, strict=True):
            if isinstance(item, SetAside):
                yield item
            else:
                cut = texts[done:end]
                yield _joined(item, cut, list(itertools.islice(results, len(cut))), settings, counts)
            done = end


def if_it_fits(item: Item | SetAside, settings: Settings) -> Item | SetAside:
    """An item; set aside if its text is too long, and isn't to be cut into pieces."""
    if isinstance(item, SetAside) or settings.split_long or len(item.document.text) <= settings.max_length:
        return item
    reason = f"{len(item.document.text):,} characters, and {settings.max_length:,} are allowed"
    return SetAside(item.file, item.number, item.document.id, reason)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the pipeline gave for a text; how many mentions overlap a better one, and are left out."""

    mentions: list[Mention]
    relations: list[Related]
    overlapping: int
    tokens: tuple[Stretch, ...] | None


@dataclass(frozen=True, slots=True)
class _Failed:
    """That the pipeline failed on a text: the error, and where, see `errors.trace`."""

    error: str
    trace: tuple[str, ...]


def _joined(
    item: Item,
    cut: Sequence[Document],
    results: Sequence[_Found | _Failed],
    settings: Settings,
    counts: Counter[str],
) -> Document | SetAside:
    """Puts the mentions of all pieces of a document into it."""
    document = item.document
    mentions: list[Mention] = []
    relations: list[Related] = []
    tokens: list[Stretch] = []
    offset = 0
    for piece, result in zip(cut, results, strict=True):
        if isinstance(result, _Failed):
            reason = f"the pipeline fails on it ({result.error})"
            return SetAside(item.file, item.number, document.id, reason, trace=result.trace)
        mentions += [mention.shifted(offset) for mention in result.mentions] if offset else result.mentions
        relations += moved(result.relations, piece.text, offset)
        tokens += [(start + offset, end + offset) for start, end in result.tokens or ()]
        counts["overlapping"] += result.overlapping
        offset += len(piece.text)
    mentions = _outside_headings(document, mentions)
    counts["cut"] += len(cut) > 1
    counts["unread"] += len(document.meta.get(UNREAD, ()))
    document = _combined(document, mentions, settings.existing, counts)
    document = with_found(document, relations, counts)
    if settings.to in FLAT and document.tokens is None:
        document = replace(document, tokens=tuple(tokens))
    return document


def _outside_headings(document: Document, mentions: list[Mention]) -> list[Mention]:
    """Those mentions that aren't in a heading that a document's passages tell of: no heading is a mention."""
    headings = [p for p in find_headings(document) if mentions] if document.passages else []
    return [m for m in mentions if not any(start <= m.start and m.end <= end for start, end in headings)]


def _combined(document: Document, found: list[Mention], existing: str, counts: Counter[str]) -> Document:
    """A document with the pipeline's mentions, in the order of the text, in place of its own or beside."""
    own = document.mentions
    counts["own"] += len(own)
    if not own and not document.relations:
        return replace(document, mentions=tuple(found))
    if existing == "replace":
        counts["relations"] += len(document.relations)
        # the order of BRAT's lines is that of ids which are gone
        meta = {key: value for key, value in document.meta.items() if key != "order"}
        return replace(document, mentions=tuple(found), relations=(), meta=meta)
    if existing == "fill":
        taken = [span for mention in own for span in mention.spans]
        new = [m for m in found if all(m.end <= start or end <= m.start for start, end in taken)]
    else:
        places = {(mention.spans, mention.type) for mention in own}
        new = [mention for mention in found if (mention.spans, mention.type) not in places]
    counts["not added"] += len(found) - len(new)
    return replace(document, mentions=tuple(sorted((*own, *new), key=lambda m: (m.start, m.end))))


def batches(texts: Iterable[Document], most: int) -> Iterator[list[Document]]:
    """Texts that go through the pipeline together: so many, and so many characters, at most."""
    batch: list[Document] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == most or characters + len(text.text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text.text)
    if batch:
        yield batch


def _annotate_batch(nlp: Language, texts: Sequence[Document], settings: Settings) -> list[_Found | _Failed]:
    """Sends texts through the pipeline together; if it fails on them, once more, one by one.

    Returns:
        For each text what was found, or the error.
    """
    keys = spans_keys(nlp)
    results: list[_Found | _Failed] = []
    inputs = ((input_of(nlp, text), text) for text in texts)
    try:
        for doc, text in nlp.pipe(inputs, as_tuples=True, batch_size=len(texts)):
            if text is not texts[len(results)]:  # a component has swallowed a document
                break
            results.append(_found(doc, text, keys, settings))
        if len(results) == len(texts):
            return results
    except BionerError:
        raise
    except Exception as error:  # any component's: the batch goes through once more
        _stop_if_fatal(error)
    return _one_by_one(nlp, texts, keys, settings)


def _one_by_one(
    nlp: Language, texts: Sequence[Document], keys: Sequence[str], settings: Settings
) -> list[_Found | _Failed]:
    """Sends the texts of a batch in which the pipeline has failed through it, each alone."""
    results: list[_Found | _Failed] = []
    last: Exception | None = None
    for text in texts:
        try:
            results.append(_found(nlp(input_of(nlp, text)), text, keys, settings))
        except BionerError:
            raise
        except Exception as error:  # any component's: its document is set aside, with the error
            _stop_if_fatal(error)
            last = error
            results.append(_Failed(f"{type(error).__name__}: {error}", trace(error)))
    errors = [result.error for result in results if isinstance(result, _Failed)]
    if len(errors) == len(results) > 1:
        told = f"The pipeline fails on each of {len(results)} documents in a row. [B552]\n{errors[0]}"
        raise PipelineError(told) from last
    return results


def _stop_if_fatal(error: Exception) -> None:
    """Raises PipelineError if there is too little memory: other documents are no better off then."""
    if lacks_memory(error):
        raise PipelineError(
            f"Too little memory for these documents ({type(error).__name__}: {error}). [B385]\n"
            "Use a smaller --batch-size or --max-length (with --split-long), and go on with --resume."
        ) from error


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, or the one that it came from, is for lack of memory, a GPU's too."""
    told = f"{type(error).__name__} {error}"
    return (
        isinstance(error, MemoryError)
        or re.search("OutOfMemory|out of memory|can't allocate memory", told) is not None
        or (error.__cause__ is not None and lacks_memory(error.__cause__))
    )


def input_of(nlp: Language, text: Document) -> str | Doc:
    """What of a text goes through a pipeline: the text, or a Doc with its own tokens where it has some."""
    return text.text if text.tokens is None else to_doc(text, nlp.vocab, nlp.make_doc)[0]


def _found(doc: Doc, text: Document, keys: Sequence[str], settings: Settings) -> _Found:
    """What is in a Doc, without holding on to it."""
    last = doc[-1] if len(doc) else None
    if len(text.text) != (last.idx + len(last.text_with_ws) if last else 0):
        raise PipelineError("The pipeline's tokenizer changes the text, so offsets would be wrong. [B386]")
    pairs: list[tuple[Span, float]] = [pair for key in keys for pair in scored_spans(doc, key)]
    places = {(span.start, span.end, span.label_) for span, _ in pairs}
    others = [ent for ent in doc.ents if (ent.start, ent.end, ent.label_) not in places]
    if settings.types:
        pairs = [pair for pair in pairs if pair[0].label_ in settings.types]
        others = [ent for ent in others if ent.label_ in settings.types]
    overlapping, tokens = 0, None
    if settings.to in FLAT:
        kept = without_overlaps([*others, *ranked(pairs)])
        overlapping = len(pairs) + len(others) - len(kept)
        places = {(span.start, span.end, span.label_) for span in kept}
        pairs = [pair for pair in pairs if (pair[0].start, pair[0].end, pair[0].label_) in places]
        others = [ent for ent in others if (ent.start, ent.end, ent.label_) in places]
        tokens = to_document(doc).tokens
    scored: list[tuple[Span, float | None]] = [*pairs, *((ent, None) for ent in others)]
    mentions = [mention for pair in scored if (mention := _mention(*pair, text.text))]
    mentions.sort(key=lambda m: (m.start, m.end, m.type))
    return _Found(mentions, get_relations(doc), overlapping, tokens)


def _mention(span: Span, score: float | None, text: str) -> Mention | None:
    """A span as a mention, without white space and invisible characters at its ends; None if nothing is."""
    place = trimmed(text, (span.start_char, span.end_char), invisible=True)
    if place is None:
        return None
    named = (*span.kb_id_.split("|"), span.id_)  # a composite mention has several, as `linker` writes them
    ids = tuple(dict.fromkeys(id for id in named if id and id != "NIL"))
    return Mention(
        (place,),
        span.label_,
        identifiers=ids,
        score=None if score is None else round(min(max(score, 0.0), 1.0), _DIGITS),
    )
