"""Column files: a token a line, an empty line between sentences, the tag in one of the columns.

The layout of the CoNLL shared tasks (Tjong Kim Sang and De Meulder 2003) and of what most biomedical
corpora are handed out in. Read here: two to n columns separated by tabs, or by spaces; any of the schemes
of `documents.tags`; tags without types, as BioBERT's files have them; lines of "-DOCSTART-", alone or
with an id or other columns behind it, before each document; separator lines that are empty or hold only
spaces and tabs, one or several; LF or CRLF, with or without a byte order mark. Everything else is a token,
"#" too: comments are looked for only where the caller says that the format has them.

Not kept: the columns between word and tag, and -DOCSTART- lines of documents that have no sentence.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner.documents import tags as tagging
from spacy_bioner.documents.document import SENTENCE, Document, Dropped, DroppedRelation, Mention, in_tokens
from spacy_bioner.documents.formats.base import BREAKS, Written, left_out
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import DOCSTART, LINE, REPAIRED, UNKNOWN, is_docstart
from spacy_bioner.documents.tags import Scheme
from spacy_bioner.errors import ConversionError, FormatError, TagError
from spacy_bioner.files import lines_or_errors
from spacy_bioner.text.spacing import join, natural_spaces


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """How to read a column file.

    Attributes:
        type: the type of all mentions, where the tags name none; unused where they do.
        scheme: the scheme of the tags; found from the whole file if None.
        word_column: the column of the words, from 0.
        tag_column: the column of the tags; -1 is the last.
        comments: whether lines before a sentence that begin with "#" are comments (CoNLL-U).
        natural: whether to rebuild natural spacing; otherwise all words have spaces between them.
    """

    type: str | None = None
    scheme: Scheme | None = None
    word_column: int = 0
    tag_column: int = -1
    comments: bool = False
    natural: bool = True


@dataclass(frozen=True, slots=True)
class Scan:
    """What a look at a whole column file finds.

    Attributes:
        scheme: the scheme of its tags.
        types: the types of its mentions, sorted; the given type where the tags name none.
        typed: whether the tags name types; true as well where there is no mention.
        sentences, tokens: how many there are.
        bad: what is wrong with the sentences that can't be read.
    """

    scheme: Scheme
    types: tuple[str, ...]
    typed: bool
    sentences: int
    tokens: int
    bad: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sentence:
    line: int  # of its first token
    words: list[str]
    tags: list[str]
    docstart: str | None  # the line that begins its document, if it is the first of one


def scan(path: Path, options: ColumnOptions = ColumnOptions()) -> Scan:
    """Reads a column file once to find its scheme and types, checking every line.

    Raises:
        FormatError: with file and line, if tags with and without types are mixed, a file whose tags name no
            types comes without `options.type`, or no sentence of it can be read.
    """
    detector = tagging.SchemeDetector()
    types: set[str] = set()
    known: set[str] = set()
    sentences = tokens = 0
    bad: list[str] = []
    error: FormatError | None = None
    for sentence in _sentences(path, options):
        if isinstance(sentence, FormatError):
            error = error or sentence
            bad.append(str(sentence))
            continue
        sentences += 1
        tokens += len(sentence.tags)
        new = set(sentence.tags) - known
        if new:
            _add_types(path, sentence, new, types, options)
            known |= new
        if options.scheme is None:
            detector.add(sentence.tags)
    if not sentences:
        raise error or FormatError(path, None, "the file is empty: no sentence in it [B046]")
    try:
        scheme = options.scheme or detector.scheme()
    except TagError as mixed:
        raise FormatError(path, None, str(mixed)) from None
    named = {name or options.type or "" for name in types} or {options.type or ""} - {""}
    return Scan(scheme, tuple(sorted(named)), "" not in types, sentences, tokens, tuple(bad))


def _add_types(
    path: Path, sentence: _Sentence, new: set[str], types: set[str], options: ColumnOptions
) -> None:
    """Adds the types of tags not seen before in the file to `types`, and checks that all or none have one."""
    for i, tag in enumerate(sentence.tags):
        if tag not in new or tag == "O":
            continue
        line = sentence.line + i
        entity_type = tagging.split_tag(tag)[1]
        types.add(entity_type)
        if "" in types and len(types) > 1:
            raise FormatError(path, line, f"'{tag}': tags with a type and tags without are mixed [B047]")
        if not entity_type and not options.type:
            raise FormatError(path, line, f"'{tag}' names no type: say which with --type [B048]")


def read(path: Path, options: ColumnOptions = ColumnOptions()) -> Iterator[Document]:
    """Reads a column file sentence by sentence, in constant memory.

    The file is read twice: once by `scan`, whose checks it must pass, and once for its sentences.

    Yields:
        A Document a sentence, with its tokens. Its id is that of its document, where -DOCSTART- gives
        one; its meta has "line", the line of its first token, and where they apply "docstart", the line
        that begins its document, and "repaired", the number of repairs to its tags.

    Raises:
        FormatError: see `scan`; and with file and line, if a line has another number of columns than the
        first,
            its word is empty, its tag belongs to no scheme or not to the given one, or it isn't text in
            UTF-8.
    """
    return raised(each_scanned(path, scan(path, options), options))


def each(path: Path, offsets: str = "", options: ColumnOptions = ColumnOptions()) -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a sentence that isn't one."""
    yield from each_scanned(path, scan(path, options), options)


def each_scanned(path: Path, scanned: Scan, options: ColumnOptions) -> Iterator[Readable]:
    """As `each`, for a file that `scan` has read already."""
    document_id = ""
    for sentence in _sentences(path, options):
        if isinstance(sentence, FormatError):
            sentence.document_id = document_id
            yield sentence
            continue
        words = sentence.words
        spaces = natural_spaces(words) if options.natural else [True] * (len(words) - 1) + [False]
        text, tokens = join(words, spaces)
        spans, repairs = tagging.decode(sentence.tags, scanned.scheme)
        mentions = tuple(
            Mention(((tokens[start][0], tokens[end - 1][1]),), entity_type or options.type or "")
            for start, end, entity_type in spans
        )
        meta: dict[str, object] = {LINE: sentence.line}
        if sentence.docstart is not None:
            meta["docstart"] = sentence.docstart
            document_id = _document_id(sentence.docstart)
        if repairs:
            meta[REPAIRED] = repairs
        yield Document(text, mentions=mentions, tokens=tokens, meta=meta, id=document_id)


def _sentences(path: Path, options: ColumnOptions) -> Iterator[_Sentence | FormatError]:
    """Splits a file into sentences, and checks every line; an error stands for its whole sentence."""
    words: list[str] = []
    tags: list[str] = []
    docstart: str | None = None
    separator: str | None = None
    error: FormatError | None = None
    known: set[str] = set()
    width = first = 0
    word_column, tag_column = options.word_column, options.tag_column
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            error = error or line
            continue
        starts = line.startswith(DOCSTART)
        if starts or not line.strip(" \t"):
            if words or error is not None:
                yield error or _checked(path, _Sentence(first, words, tags, docstart), known, options)
                words, tags, docstart, error = [], [], None, None
            if starts:
                docstart = line
            continue
        if not words and error is None:
            if options.comments and line.startswith("#"):
                continue
            first = number
        if separator is None:
            separator = "\t" if "\t" in line else " "
        fields = line.split(separator)
        if separator == " ":
            fields = [field for field in fields if field]
        if len(fields) != width:
            if width:
                message = f"{_columns(len(fields))}, where the lines before have {width} [B149]"
                error = error or FormatError(path, number, message)
                continue
            width = len(fields)
            _check_width(path, number, width, options)
        word = fields[word_column]
        if not word:
            error = error or FormatError(path, number, "the word is empty [B049]")
        words.append(word)
        tags.append(fields[tag_column])
    if words or error is not None:
        yield error or _checked(path, _Sentence(first, words, tags, docstart), known, options)


def _checked(
    path: Path, sentence: _Sentence, known: set[str], options: ColumnOptions
) -> _Sentence | FormatError:
    """A sentence, or what is wrong with one of its tags; adds the tags that are right to those known."""
    if known.issuperset(sentence.tags):
        return sentence
    for i, tag in enumerate(sentence.tags):
        if tag not in known and tag != "O":
            try:
                if options.scheme is not None:
                    tagging.decode([tag], options.scheme)
                tagging.split_tag(tag)
            except TagError as error:
                return FormatError(path, sentence.line + i, str(error))
        known.add(tag)
    return sentence


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _check_width(path: Path, number: int, width: int, options: ColumnOptions) -> None:
    if width < 2:
        raise FormatError(
            path, number, "1 column: a word and a tag are needed, with a tab or spaces between them [B050]"
        )
    for column in (options.word_column, options.tag_column):
        if not -width <= column < width:
            raise FormatError(path, number, f"there is no column {column}: the file has {width} [B051]")


def _document_id(docstart: str) -> str:
    """The id in "-DOCSTART- (id)"; other columns, such as "-X- O O", are none."""
    rest = docstart[len(DOCSTART) :].strip()
    return rest[1:-1] if rest.startswith("(") and rest.endswith(")") else ""


def lines(documents: Iterable[Document], scheme: Scheme = "IOB2", typed: bool = True) -> Iterator[Written]:
    """Writes documents as lines of two columns, word and tag, with a tab between them.

    An empty line follows each sentence, and each line that begins a document.

    Args:
        documents: the documents; all with tokens.
        scheme: the scheme of the tags.
        typed: whether the tags name the types.

    Raises:
        ConversionError: if a document has no tokens, one of its tokens holds a tab or a line end, or what
            should be its line of -DOCSTART- isn't one.
    """
    known_id = ""
    for document in documents:
        if document.tokens is None:
            raise ConversionError(f"Document '{document.id}' has no tokens. [B052]")
        unknown = document.meta.get(UNKNOWN, ())
        if any(not type for type, _, _ in unknown):
            reason = "the annotation of some tokens of its text is missing"
            yield Written(
                "",
                dropped=[Dropped(document, mention, reason) for mention in document.mentions],
                relations=[DroppedRelation(document, r, "columns have none") for r in document.relations],
                others=Counter({"texts in which the annotation of tokens is missing, left out": 1}),
                docs=0,
            )
            continue
        mentions, dropped = in_tokens(document, document.tokens)
        if typed:
            reason = "no type, or one with a tab or line end"
            dropped += [Dropped(document, m, reason) for _, _, m in mentions if not _is_type(m.type)]
            mentions = [found for found in mentions if _is_type(found[2].type)]
        spans = [(start, end, m.type if typed else "") for start, end, m in mentions]
        tags = tagging.encode(spans, len(document.tokens), scheme)
        text = []
        if "docstart" in document.meta:
            docstart = document.meta["docstart"]
            if not is_docstart(docstart):
                raise ConversionError(
                    f"Document '{document.id}': {docstart!r} isn't a line of {DOCSTART}. [B053]"
                )
            known_id = _document_id(docstart)
            text.append(f"{docstart}\n\n")
        begins = sorted(start for start, _ in document.sentences())
        sentence = bisect_right(begins, document.tokens[0][0]) if document.tokens else 0
        for (start, end), tag in zip(document.tokens, tags, strict=True):
            word = document.text[start:end]
            if BREAKS.search(word):
                raise ConversionError(
                    f"A token with a tab or a line end can't be in columns: {word!r} [B054]"
                )
            if sentence < len(begins) and start >= begins[sentence]:
                sentence = bisect_right(begins, start)
                text.append("\n")
            text.append(f"{word}\t{tag}\n")
        if document.tokens:
            text.append("\n")
        types = [m.type for _, _, m in mentions]
        others = left_out(
            document, document_meta=("docstart",), held=("passages", "tokens", "ids of relations")
        )
        others["passages"] = sum(passage.type != SENTENCE for passage in document.passages)
        others["ids of documents"] = int(document.id not in ("", known_id))
        others["stretches in which a type is unknown, written as O"] = len(unknown)
        relations = [DroppedRelation(document, r, "columns have none") for r in document.relations]
        yield Written("".join(text), len(document.tokens), types, dropped, relations, +others)


def _is_type(type: str) -> bool:
    return bool(type) and not BREAKS.search(type)
