"""spaCy 2's JSON for training (v2.spacy.io/api/annotation#json-input): documents of paragraphs of sentences
of tokens.

    [{"id": 0, "paragraphs": [{"raw": "Aspirin helps.", "sentences": [{"tokens": [
      {"id": 0, "orth": "Aspirin", "ner": "U-Chemical"}, {"id": 1, "orth": "helps", "ner": "O"}, ...]}]}]}]

A paragraph becomes a document: its id is that of the file's document, with the paragraph's number behind a
point where there are several. Tags are BILUO; "-" says that the annotation of a token is missing. "entities"
of a paragraph, `[[start, end, "Chemical"]]`, are read where they are given. Everything else (heads,
part-of-speech tags, categories) isn't read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage, Span
from spacy_bioner.documents.formats.strict_json import UnfitError, converted, entries, get, identifier, offset
from spacy_bioner.documents.formats.tagged_tokens import tagged_mentions
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import COUNTED
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.text.spacing import join, natural_spaces


def read(path: Path) -> Iterator[Document]:
    """Reads a file of spaCy 2's.

    Raises:
        FormatError: if it isn't JSON, or isn't of this form.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for what isn't one."""
    return settled(converted(path, _documents), path, offsets)


def _documents(found: Any) -> Iterator[Raw]:
    """The paragraphs of a document, which have a text each."""
    if not isinstance(found, dict):
        raise UnfitError('a document of spaCy 2 is an object with "paragraphs" [B104]')
    paragraphs = entries(found, "paragraphs")
    id = identifier(found, "id")
    for number, paragraph in enumerate(paragraphs, start=1):
        yield _paragraph(paragraph, f"{id}.{number}" if len(paragraphs) > 1 else id)


def _paragraph(found: Mapping[str, Any], id: str) -> Raw:
    sentences = [entries(sentence, "tokens") for sentence in entries(found, "sentences")]
    words = [get(token, "orth", str) for sentence in sentences for token in sentence]
    if not all(word.strip() for word in words):
        raise UnfitError('the "orth" of a token is empty [B105]')
    raw = get(found, "raw", str, None)
    text, tokens = join(words, natural_spaces(words)) if raw is None else (raw, _placed(raw, words))
    passages = []
    first = 0
    for sentence in sentences:
        if sentence:
            last = first + len(sentence)
            passages.append(Passage(tokens[first][0], tokens[last - 1][1], SENTENCE))
            first = last
    tags = [get(token, "ner", str, "-") for sentence in sentences for token in sentence]
    given = get(found, "entities", list, [])
    mentions: tuple[Mention, ...] = ()
    meta: dict[str, Any] = {}
    if not given:
        mentions, meta = tagged_mentions(tokens, tags, "BILOU")
    if found.get("cats"):
        meta[COUNTED] = {"categories of texts, not read": 1}
    document = Document(text, tuple(passages), (), tokens=tokens or None, meta=meta, id=id)
    claims = list(_claims(given))
    return Raw(document, claims) if given else Raw(replace(document, mentions=mentions))


def _placed(text: str, words: list[str]) -> tuple[Span, ...]:
    """Where the tokens are in a text."""
    places: list[Span] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or text[end:start].strip():
            raise UnfitError(f'the token "{word[:40]}" isn\'t where it should be in the "raw" text [B106]')
        end = start + len(word)
        places.append((start, end))
    return tuple(places)


def _claims(given: list[Any]) -> Iterator[Claim]:
    for item in given:
        if not isinstance(item, list) or len(item) < 3 or not isinstance(item[2], str):
            raise UnfitError('"entities" of a paragraph are [[start, end, label], ...] [B107]')
        place = {"start": item[0], "end": item[1]}
        yield Claim(((offset(place, "start"), offset(place, "end")),), None, item[2])
