"""Documents through a pipeline: what comes in, what the pipeline gives, and what becomes of it.

A document goes through `nlp.pipe` as its text, or as a Doc of its own tokens where it has some. Mentions are
the entities in `doc.spans` of each `bioner`, overlapping ones too, with their scores, and what else is in
`doc.ents`. What can't be annotated is set aside, with the reason, and is never an empty result.

How a run is kept in parts, so that it can go on after it was killed, is in `parts`.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.components.bioner import BioNER
from spacy_bioner.components.spans import ranked, scored_spans, without_overlaps
from spacy_bioner.corpora.conversion import open_source, to_doc, to_document
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.document import Span as Stretch
from spacy_bioner.documents.formats import SPACY, brat, encoded, format_of, known, read_each
from spacy_bioner.documents.formats.base import Account, Written
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.metadata import UNREAD
from spacy_bioner.errors import BionerError, ConversionError, FormatError, PipelineError
from spacy_bioner.evaluation.evaluate import entity_finders, entity_types
from spacy_bioner.files import entries

FLAT = ("columns", SPACY)
"""The formats that hold tokens, and so no mentions that overlap."""
EXISTING = ("replace", "add", "fill")
"""What may become of the mentions that the input has."""
MAX_LENGTH = 200_000
PART_SIZE = 1000
BATCH_SIZE = 128
"""Documents go through in batches of the pipeline's own size, but not larger: spaCy's default, 1,000, takes
gigabytes where they are abstracts, and is no faster."""
_DIGITS = 4  # of a score
_ENDS = (r"\n\s*\n", r"\n", r"[.!?][)\"'\]]*\s+", r"\s+")  # where a long text is cut, the best first


@dataclass(frozen=True, slots=True)
class Settings:
    """How documents are annotated.

    Attributes:
        to: the format that is written.
        source: the format of the inputs; found from their content, if empty.
        threshold: the probability that a mention of a type needs, "*" for the types that aren't named; empty
            for what the pipeline's own config says.
        types: the types that are wanted; empty for all.
        existing: what becomes of the input's own mentions: "replace" takes them out, and relations with
            them; "add" keeps them beside the pipeline's; "fill" also leaves out the pipeline's that overlap
            one of them.
        max_length: the most characters that a text may have.
        split_long: whether longer texts are cut into pieces; they are set aside otherwise.
        batch_size: how many texts go through the pipeline together.
        n_process: how many processes work.
        part_size: how many documents make a part.
    """

    to: str
    source: str = ""
    threshold: Mapping[str, float] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    existing: str = EXISTING[0]
    max_length: int = MAX_LENGTH
    split_long: bool = False
    batch_size: int = BATCH_SIZE
    n_process: int = 1
    part_size: int = PART_SIZE

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "types": list(self.types)}


@dataclass(frozen=True, slots=True)
class SetAside:
    """A document that isn't in the output.

    Attributes:
        file: the input that it is in.
        number: which of its documents it is, from 1.
        id: its id, if it has one that could be read.
        reason: why it was set aside.
        rest: whether everything behind it in its input couldn't be read either.
    """

    file: str
    number: int
    id: str
    reason: str
    rest: bool = False

    def __str__(self) -> str:
        what = f"document {self.number}" + (f" ({self.id})" if self.id else "")
        more = "; nothing from there on could be read" if self.rest else ""
        return f"{self.file}, {what}: {self.reason}{more}"


@dataclass(frozen=True, slots=True)
class Item:
    """A document of an input, or why it can't be annotated."""

    document: Document
    file: str
    number: int


def find_inputs(paths: Iterable[Path], source: str = "") -> list[tuple[Path, str]]:
    """The files and folders to read, each with its format.

    A folder of BRAT's or of .txt files alone is read as such; any other stands for the files in it, in the
    order of their names.

    Args:
        paths: what was named.
        source: the format of all of them; found from the content of each, if empty.

    Raises:
        FormatError: if something isn't there, can't be read, or is in a format that can't be told.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        if not path.exists():
            raise FormatError(path, None, "there is no such file or folder")
        if not path.is_dir() or _is_documents(path, source):
            found.append((path, source or format_of(path)))
            continue
        files = entries(path)
        if folders := [entry for entry in files if entry.is_dir()]:
            raise FormatError(folders[0], None, "a folder in a folder isn't read: name it as an input itself")
        if not files:
            raise FormatError(path, None, "there is nothing in this folder")
        found += [(file, source or format_of(file)) for file in files]
    return found


def _is_documents(folder: Path, source: str) -> bool:
    """Whether a folder holds a file a document."""
    if source in ("text", "brat"):
        return True
    if source:
        return False
    return brat.is_folder(folder) or all(e.name.endswith((".txt", ".txt.gz")) for e in entries(folder))


def read_items(inputs: Iterable[tuple[Path, str]]) -> Iterator[Item | SetAside]:
    """Reads documents from one input after the other; see `find_inputs`."""
    for path, format in inputs:
        number = 0
        try:
            if format == SPACY:
                documents: Iterable[Document | FormatError] = open_source(
                    path, ColumnOptions(), SPACY
                ).documents()
            else:
                documents = read_each(path, format)
            for number, found in enumerate(documents, start=1):
                if isinstance(found, FormatError):
                    yield SetAside(path.name, number, found.document_id, _reason(found, path))
                else:
                    yield Item(found, path.name, number)
            if not number:
                yield SetAside(path.name, 1, "", "the file is empty: no document in it", rest=True)
        except FormatError as error:
            yield SetAside(path.name, number + 1, error.document_id, _reason(error, path), rest=True)


def _reason(error: FormatError, input: Path) -> str:
    """What an error says, without the input, and with the name alone of another file (of a folder)."""
    if error.path == input:
        return str(error).removeprefix(str(input)).lstrip(",: ")
    return str(error).replace(str(error.path), error.path.name)


def prepare(nlp: Language, settings: Settings) -> None:
    """Has a pipeline work as the settings say, and checks that it can.

    Raises:
        PipelineError: if it finds no entities, has no such type, or gives no scores for a threshold.
    """
    if not entity_finders(nlp):
        raise PipelineError("The pipeline finds no entities: it has no component that writes to doc.ents.")
    labels = entity_types(nlp)
    named = [*settings.types, *(name for name in settings.threshold if name != "*")]
    unknown = [name for name in named if name not in labels]
    if labels and unknown:
        raise PipelineError(
            f"The pipeline has no entity type {', '.join(unknown)}; it knows {', '.join(labels)}."
        )
    heads = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, BioNER)]
    if settings.threshold and not heads:
        raise PipelineError("The pipeline gives no scores, as it has no `bioner`: leave out --threshold.")
    for pipe in heads:
        if settings.threshold:
            wanted = {name: v for name, v in settings.threshold.items() if name in ("*", *pipe.written)}
            pipe.threshold = {**pipe.threshold, **wanted} if "*" not in wanted else wanted
    nlp.max_length = max(nlp.max_length, settings.max_length)


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
    with nlp.memory_zone():
        texts: list[Document] = []
        ends: list[int] = []  # how many pieces there are up to and with each item
        for item in items:
            if isinstance(item, Item) and _fits(item, settings):
                texts += pieces(item.document, settings.max_length)
            ends.append(len(texts))
        results = _run(nlp, texts, settings)
        done = 0
        for item, end in zip(items, ends, strict=True):
            if isinstance(item, SetAside):
                yield item
            elif not _fits(item, settings):
                reason = f"{len(item.document.text):,} characters, and {settings.max_length:,} are allowed"
                yield SetAside(item.file, item.number, item.document.id, reason)
            else:
                cut = texts[done:end]
                yield _joined(item, cut, list(itertools.islice(results, len(cut))), settings, counts)
            done = end


def _fits(item: Item, settings: Settings) -> bool:
    return settings.split_long or len(item.document.text) <= settings.max_length


@dataclass(frozen=True, slots=True)
class _Found:
    """What the pipeline gave for a text: mentions, those that overlap a better one, and tokens."""

    mentions: list[Mention]
    overlapping: int
    tokens: tuple[Stretch, ...] | None


def _joined(
    item: Item,
    cut: Sequence[Document],
    results: Sequence[_Found | Exception],
    settings: Settings,
    counts: Counter[str],
) -> Document | SetAside:
    """Puts the mentions of all pieces of a document into it."""
    document = item.document
    mentions: list[Mention] = []
    tokens: list[Stretch] = []
    offset = 0
    for piece, result in zip(cut, results, strict=True):
        if isinstance(result, Exception):
            reason = f"the pipeline fails on it ({type(result).__name__}: {result})"
            return SetAside(item.file, item.number, document.id, reason)
        mentions += [mention.shifted(offset) for mention in result.mentions] if offset else result.mentions
        tokens += [(start + offset, end + offset) for start, end in result.tokens or ()]
        counts["overlapping"] += result.overlapping
        offset += len(piece.text)
    counts["cut"] += len(cut) > 1
    counts["unread"] += len(document.meta.get(UNREAD, ()))
    document = _combined(document, mentions, settings.existing, counts)
    if settings.to in FLAT and document.tokens is None:
        document = replace(document, tokens=tuple(tokens))
    return document


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


def pieces(document: Document, most: int) -> Iterator[Document]:
    """Cuts a document into texts of some length at most, which follow one another without a gap.

    It is cut at the last end of a paragraph or passage in the second half of what a piece may have; else of a
    line, a sentence, a word; else where it must. No token of its own is cut, unless it is longer than that.

    Yields:
        Documents with text and tokens alone.
    """
    text, tokens = document.text, document.tokens
    begins = sorted({passage.start for passage in document.passages})
    start, first = 0, 0
    while len(text) - start > most:
        end = _cut(text, begins, start, most)
        last = first
        if tokens is not None:
            while last < len(tokens) and tokens[last][1] <= end:
                last += 1
            if last < len(tokens) and start < tokens[last][0] < end:
                end = tokens[last][0]
            elif last < len(tokens) and tokens[last][0] < end:  # longer than a piece may be
                end = tokens[last][1]
                last += 1
        yield _piece(document, start, end, first, last)
        start, first = end, last
    yield _piece(document, start, len(text), first, len(tokens or ()))


def _piece(document: Document, start: int, end: int, first: int, last: int) -> Document:
    if document.tokens is None:
        return Document(document.text[start:end])
    tokens = tuple((a - start, b - start) for a, b in document.tokens[first:last])
    return Document(document.text[start:end], tokens=tokens)


def _cut(text: str, begins: Iterable[int], start: int, most: int) -> int:
    """Where to cut a text that is too long from `start` on."""
    lowest, highest = start + most // 2, start + most
    passages = [begin for begin in begins if lowest < begin <= highest]
    for pattern in _ENDS:
        found = [match.end() for match in re.finditer(pattern, text[lowest:highest])]
        ends = [*(lowest + end for end in found), *passages]
        if ends:
            return max(ends)
    return highest


def _run(nlp: Language, texts: Sequence[Document], settings: Settings) -> Iterator[_Found | Exception]:
    """Sends texts through the pipeline; a batch in which it fails goes through once more, one by one."""
    keys = list(dict.fromkeys(pipe.cfg["spans_key"] for _, pipe in nlp.pipeline if isinstance(pipe, BioNER)))
    done = 0
    while done < len(texts):
        left = enumerate(texts[done:], start=done)
        inputs = ((_input(nlp, text), number) for number, text in left)
        try:
            for doc, number in nlp.pipe(
                inputs, as_tuples=True, batch_size=settings.batch_size, n_process=settings.n_process
            ):
                if number != done:  # a component has swallowed a document
                    break
                yield _found(doc, texts[done], keys, settings)
                done += 1
            else:
                if done == len(texts):
                    return
        except BionerError:
            raise
        except Exception as error:  # any component's: the batch goes through once more
            _stop_if_fatal(error)
        batch = texts[done : done + settings.batch_size]
        yield from _one_by_one(nlp, batch, keys, settings)
        done += len(batch)


def _one_by_one(
    nlp: Language, texts: Sequence[Document], keys: Sequence[str], settings: Settings
) -> Iterator[_Found | Exception]:
    """Sends the texts of a batch in which the pipeline has failed through it, each alone."""
    results: list[_Found | Exception] = []
    for text in texts:
        try:
            results.append(_found(nlp(_input(nlp, text)), text, keys, settings))
        except BionerError:
            raise
        except Exception as error:  # any component's: its document is set aside, with the error
            _stop_if_fatal(error)
            results.append(error)
    errors = [result for result in results if isinstance(result, Exception)]
    if len(errors) == len(results) > 1:
        raise PipelineError(
            f"The pipeline fails on each of {len(results)} documents in a row.\n"
            f"{type(errors[0]).__name__}: {errors[0]}"
        )
    yield from results


def _stop_if_fatal(error: Exception) -> None:
    """Raises PipelineError if there is too little memory: other documents are no better off then."""
    if isinstance(error, MemoryError) or re.search(
        "OutOfMemory|out of memory|can't allocate memory", f"{type(error).__name__} {error}"
    ):
        raise PipelineError(
            f"Too little memory for these documents ({type(error).__name__}: {error}).\n"
            "Use a smaller --batch-size or --max-length (with --split-long), and go on with --resume."
        ) from error


def _input(nlp: Language, text: Document) -> str | Doc:
    return text.text if text.tokens is None else to_doc(text, nlp.vocab, nlp.make_doc)[0]


def _found(doc: Doc, text: Document, keys: Sequence[str], settings: Settings) -> _Found:
    """What is in a Doc, without holding on to it."""
    last = doc[-1] if len(doc) else None
    if len(text.text) != (last.idx + len(last.text_with_ws) if last else 0):
        raise PipelineError("The pipeline's tokenizer changes the text, so offsets would be wrong.")
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
    return _Found(mentions, overlapping, tokens)


def _mention(span: Span, score: float | None, text: str) -> Mention | None:
    """A span as a mention, without white space at its ends; None if it is nothing else."""
    start, end = span.start_char, span.end_char
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    ids = tuple(dict.fromkeys(id for id in (span.kb_id_, span.id_) if id and id != "NIL"))
    return Mention(
        ((start, end),),
        span.label_,
        identifiers=ids,
        score=None if score is None else round(min(max(score, 0.0), 1.0), _DIGITS),
    )


@dataclass(slots=True)
class Summary(Account):
    """What was written, with counts alone of what was not: there may be millions."""

    def add(self, written: Written) -> None:
        self.docs += written.docs
        self.mentions_out.update(written.mentions)
        self.others.update(written.others)
        self.others.update(f"mentions ({dropped.reason})" for dropped in written.dropped)
        self.others.update(f"relations ({dropped.reason})" for dropped in written.relations)


def writable(
    documents: Iterable[Document], to: str, name: str, set_aside: list[SetAside]
) -> Iterator[Document]:
    """The documents that a format can hold.

    Args:
        documents: the documents, see `dressed`.
        to: the format.
        name: the name of the output.
        set_aside: gets those that it can't hold.
    """
    for number, document in enumerate(documents, start=1):
        try:
            for piece in known(to).write([document]):
                encoded(piece)
        except ConversionError as error:
            set_aside.append(SetAside(name, number, document.id, f"it can't be written: {error}"))
        else:
            yield document


def dressed(documents: Iterable[Document], to: str) -> Iterator[Document]:
    """Gives documents what a format needs to hold what they have.

    BRAT gets a score as a note on its mention, BioC an id for each mention.
    """
    for document in documents:
        if to == "brat":
            yield replace(document, mentions=tuple(map(_with_note, document.mentions)))
        elif to in ("bioc-xml", "bioc-json"):
            yield replace(document, mentions=tuple(_with_ids(document.mentions)))
        else:
            yield document


def _with_note(mention: Mention) -> Mention:
    if mention.score is None:
        return mention
    notes = (*mention.meta.get("notes", ()), ("", "AnnotatorNotes", f"score {mention.score}"))
    return replace(mention, score=None, meta={**mention.meta, "notes": notes})


def _with_ids(mentions: Sequence[Mention]) -> Iterator[Mention]:
    taken = {mention.id for mention in mentions}
    new = (id for number in itertools.count(1) if (id := f"T{number}") not in taken)
    for mention in mentions:
        yield mention if mention.id else replace(mention, id=next(new))
