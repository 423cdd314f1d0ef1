"""Rows of tokens and tags, as Hugging Face's datasets have them.

    {"id": "0", "tokens": ["Aspirin", "helps", "."], "ner_tags": [1, 0, 0]}

An object a line, a list of them, or what the datasets server answers ("rows" beside "features"). The tags
stand under "ner_tags", "tags", "labels" or "ner", in any scheme of `documents.tags`. Where they are numbers,
their names are those of the "features" in the file, of a dataset_info.json or dataset_infos.json beside it,
or of a labels.txt, a name a line. A tag of -100 or null says that the annotation of its token is missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.strict_json import UnfitError, get, identifier, parse, values
from spacy_bioner.documents.formats.tagged_tokens import MISSING, scheme_of, tagged_document
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.tags import split_tag
from spacy_bioner.errors import FormatError, TagError
from spacy_bioner.files import numbered_lines, read_text

TAG_KEYS = ("ner_tags", "tags", "labels", "ner")
_INFOS = ("dataset_info.json", "dataset_infos.json")
_LABELS = "labels.txt"
_IGNORED = -100


def read(path: Path) -> Iterator[Document]:
    """Reads a file of rows; it is read twice, as the scheme is told from all tags.

    Raises:
        FormatError: if it isn't JSON, or a row isn't one, or tags are numbers without names.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a row that isn't one."""
    names = _names_beside(path)
    found = [tags for _, row in _rows(path, names) if not isinstance(row, FormatError) for tags in [row[1]]]
    try:
        scheme = scheme_of(found)
    except TagError as error:
        yield FormatError(path, None, str(error))
        return
    for number, row in _rows(path, names):
        if isinstance(row, FormatError):
            yield row
            continue
        words, tags, id = row
        try:
            yield tagged_document(words, tags, scheme, id=id)
        except TagError as error:
            yield FormatError(path, number, str(error), id)


def _rows(
    path: Path, names: Sequence[str]
) -> Iterator[tuple[int | None, tuple[list[str], list[str], str] | FormatError]]:
    for line, found in values(path):
        if isinstance(found, FormatError):
            yield line, found
            continue
        try:
            for row, known in _unwrapped(found, names):
                yield line, _row(row, known)
        except UnfitError as error:
            yield line, FormatError(path, line, str(error))


def _unwrapped(found: Any, names: Sequence[str]) -> Iterator[tuple[Any, Sequence[str]]]:
    """The rows in a value of the file, each with the names of its tags."""
    if not isinstance(found, dict) or "rows" not in found:
        yield found, names
        return
    known = next(_class_names(found.get("features")), names)
    for item in get(found, "rows", list):
        yield (item.get("row", item) if isinstance(item, dict) else item), known


def _row(found: Any, names: Sequence[str]) -> tuple[list[str], list[str], str]:
    if not isinstance(found, dict):
        raise UnfitError('a row is an object with "tokens" and "ner_tags" [B124]')
    words = get(found, "tokens", list)
    key = next((key for key in TAG_KEYS if key in found), TAG_KEYS[0])
    tags = get(found, key, list)
    if len(words) != len(tags):
        raise UnfitError(f'{len(words)} "tokens" and {len(tags)} "{key}" [B125]')
    if not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise UnfitError('"tokens" should be texts, none empty [B126]')
    named = [_tag(tag, names, key) for tag in tags]
    for name in {*named} - {*MISSING}:
        try:
            split_tag(name)
        except TagError as error:
            raise UnfitError(str(error)) from None
    return words, named, identifier(found, "id")


def _tag(tag: Any, names: Sequence[str], key: str) -> str:
    if tag is None or tag == _IGNORED:
        return MISSING[0]
    if isinstance(tag, str):
        return names[int(tag)] if tag.isdecimal() and len(tag) < 5 and int(tag) < len(names) else tag
    if isinstance(tag, bool) or not isinstance(tag, int):
        raise UnfitError(f'"{key}" should be tags, or their numbers [B127]')
    if not names:
        raise UnfitError(
            f'"{key}" are numbers, and nothing says what they mean: write the names of the tags to a file '
            f"{_LABELS} beside this one, a name a line, in the order of their numbers [B128]"
        )
    if not 0 <= tag < len(names):
        raise UnfitError(f'"{key}" has the number {tag}, and there are {len(names)} names of tags [B129]')
    return names[tag]


def _names_beside(path: Path) -> Sequence[str]:
    """The names of the tags, from the files that say them; none if there are no such files."""
    if (path.parent / _LABELS).is_file():
        return [line.strip() for _, line in numbered_lines(path.parent / _LABELS) if line.strip()]
    for name in _INFOS:
        if (path.parent / name).is_file():
            try:
                return next(_class_names(parse(read_text(path.parent / name))), [])
            except UnfitError as error:
                raise FormatError(path.parent / name, None, str(error)) from None
    return []


def _class_names(found: Any, key: str = "") -> Iterator[list[str]]:
    """The names of the classes of a feature of tags, wherever it is in a description of features."""
    for name, value in _items(found):
        if name in TAG_KEYS or (name == "type" and key in TAG_KEYS):
            names = _names_in(value)
            if names:
                yield names
        yield from _class_names(value, name)


def _items(found: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(found, Mapping):
        named = found.get("name")
        yield from ((named if k == "type" and isinstance(named, str) else k, v) for k, v in found.items())
    elif isinstance(found, list):
        yield from (("", value) for value in found)


def _names_in(found: Any) -> list[str]:
    if isinstance(found, Mapping):
        names = found.get("names")
        if isinstance(names, Mapping):  # {"0": "O", "1": "B-X"}
            names = [names[key] for key in sorted(names, key=lambda key: (len(key), key))]
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
        return next((found_names for value in found.values() if (found_names := _names_in(value))), [])
    if isinstance(found, list):
        return next((found_names for value in found if (found_names := _names_in(value))), [])
    return []
