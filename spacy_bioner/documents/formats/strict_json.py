"""JSON as it comes from others: read without surprises, and checked where it is used."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, overload

from spacy_bioner.documents.document import Span
from spacy_bioner.errors import FormatError, TagError
from spacy_bioner.files import lines_or_errors, open_input, read_text

DEEPEST = 100
"""How many objects and lists may be inside one another in a meta."""
_T = TypeVar("_T")
Found = tuple[int | None, Any]
"""A value of a file, with its line where it has one of its own."""
_REQUIRED: Any = object()
_MOST = 10**12  # characters: no text is longer, and sums of such numbers stay small
_NAMES = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}


class UnfitError(Exception):
    """JSON that isn't what it should be; readers add file and line and raise FormatError."""


def parse(text: str) -> Any:
    """Parses JSON.

    Raises:
        UnfitError: if it isn't JSON, is nested too deeply, has numbers that aren't (NaN) or are far too long,
            or characters that no UTF-8 text can have.
    """
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_number)
    except RecursionError:
        raise UnfitError("JSON that is nested too deeply [B109]") from None
    except json.JSONDecodeError as error:
        raise UnfitError(
            f"not JSON: {error.msg} (line {error.lineno}, character {error.colno}) [B110]"
        ) from None
    except ValueError as error:
        raise UnfitError(f"not JSON that can be used: {str(error).split(';')[0]} [B111]") from None
    if "\\u" in text:  # half a surrogate pair can only come from an escape
        try:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
        except (UnicodeEncodeError, RecursionError):
            raise UnfitError(
                "half of a surrogate pair (\\ud800 to \\udfff): not a character [B112]"
            ) from None
    return found


def values(path: Path) -> Iterator[Found]:
    """The values of a file that has one a line, or all of them in one list, or just one.

    Only values a line are read one by one; a list is read as a whole.

    Yields:
        Each value with its line (None in a list), or in place of one that can't be read the FormatError.

    Raises:
        FormatError: if the file isn't JSON at all, or isn't text.
    """
    with open_input(path, checked_later=True) as file:
        first = next((line for line in file if line.strip(b"\xef\xbb\xbf \t\r\n")), b"")
    try:
        found = parse(first.decode("utf-8-sig", errors="replace"))
        lines = isinstance(found, dict) or (isinstance(found, list) and found and isinstance(found[0], str))
    except UnfitError:
        lines = False
    if not lines:
        try:
            found = parse(read_text(path)) if first else []
        except (UnfitError, FormatError) as error:
            begins = first.lstrip(b"\xef\xbb\xbf \t").startswith((b"{", b'["')) and len(first.strip()) > 2
            if not begins and isinstance(error, UnfitError):
                raise FormatError(path, None, str(error)) from None
            if not begins:
                raise
            lines = True
    if not lines:
        yield from ((None, value) for value in (found if isinstance(found, list) else [found]))
        return
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield number, line
        elif line.strip():
            try:
                yield number, parse(line)
            except UnfitError as error:
                yield number, FormatError(path, number, str(error))


def converted(path: Path, convert: Callable[[Any], Iterable[_T]]) -> Iterator[_T | FormatError]:
    """What is made of each value of a file (see `values`).

    Args:
        path: the file.
        convert: makes something of a value; raises UnfitError or TagError if that can't be done.

    Yields:
        What was made, or in place of a value that doesn't fit a FormatError with its line.

    Raises:
        FormatError: if the file isn't JSON at all, or isn't text.
    """
    for line, found in values(path):
        if isinstance(found, FormatError):
            yield found
            continue
        try:
            yield from convert(found)
        except (UnfitError, TagError) as error:
            yield FormatError(path, line, str(error))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} isn't a number in JSON")


def _number(digits: str) -> float:
    """A number; 1e999 is none that can be written again."""
    value = float(digits)
    if not isfinite(value):
        raise ValueError(f"{digits[:20]} is a number without a place among those of 64 bits")
    return value


@overload
def get(found: Any, key: str, kind: type[_T]) -> _T: ...
@overload
def get(found: Any, key: str, kind: type[_T], default: None) -> _T | None: ...
@overload
def get(found: Any, key: str, kind: type[_T], default: _T) -> _T: ...
def get(found: Any, key: str, kind: type[Any], default: Any = _REQUIRED) -> Any:
    """The value of a key, of one kind; null is nothing.

    Args:
        found: a JSON object.
        key: the key.
        kind: what the value has to be: str, int, list or dict.
        default: what is given where there is no value; without it there has to be one.

    Raises:
        UnfitError: if the value is of another kind, or missing.
    """
    value = found.get(key)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UnfitError(
            f'"{key}" should be {_NAMES[kind]}, and is {"missing" if value is None else "not"} [B153]'
        )
    return value


def offset(found: Mapping[str, Any], key: str) -> int:
    """A number of characters. Raises UnfitError if it isn't a whole number, or far too large."""
    value = get(found, key, int)
    if not -_MOST < value < _MOST:
        raise UnfitError(
            f'"{key}" is {f"{value:.0e}" if abs(value) < 10**300 else "huge"}: no text is so long [B154]'
        )
    return value


def span(found: Mapping[str, Any], text: str) -> Span:
    """A stretch of a text, which may be empty. Raises UnfitError if it isn't in the text."""
    start, end = offset(found, "start"), offset(found, "end")
    if not 0 <= start <= end <= len(text):
        raise UnfitError(f"from {start} to {end}, in a text of {len(text)} characters [B113]")
    return start, end


def entries(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects; empty where there is none. Raises UnfitError if it is something else."""
    values = get(found, key, list, [])
    if not all(isinstance(value, dict) for value in values):
        raise UnfitError(f'"{key}" should be a list of objects [B114]')
    return values


def identifier(found: Mapping[str, Any], key: str) -> str:
    """An id: a text, or a number as a text; empty where there is none."""
    value = found.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        offset(found, key)  # what is larger can be slow to write
        return str(value)
    return get(found, key, str, "")


def frozen(meta: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """A meta with tuples for lists, as Documents have them. Raises UnfitError if it is nested too deeply."""
    return {key: _frozen(value, depth + 1) for key, value in meta.items()}


def _frozen(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise UnfitError(f"nested more than {DEEPEST} times [B115]")
    if isinstance(value, list | tuple):
        return tuple(_frozen(part, depth + 1) for part in value)
    if isinstance(value, dict):
        return frozen(value, depth)
    return value
