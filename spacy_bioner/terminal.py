"""What is printed for people: ids, texts and file names of others can't steer the terminal."""

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from wasabi import Printer

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, and those that turn the direction of writing."""


def harmless(text: object) -> str:
    r"""A text with what steers a terminal written out: an escape character as \x1b."""
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], str(text))


def warn(text: str, *, stacklevel: int = 1) -> None:
    """Warns as `warnings.warn` does, in a text that can't steer a terminal."""
    warnings.warn(harmless(text), stacklevel=stacklevel + 1)


@contextmanager
def harmless_warnings() -> Iterator[None]:
    """Has Python print warnings, those of other packages too, in texts that can't steer a terminal."""
    before = warnings.formatwarning

    def format(*args: Any, **settings: Any) -> str:
        return harmless(before(*args, **settings))

    warnings.formatwarning = format
    try:
        yield
    finally:
        warnings.formatwarning = before


class _HarmlessPrinter(Printer):
    """wasabi's printer, for texts that may be anybody's."""

    def text(self, title: Any = "", text: Any = "", *args: Any, **settings: Any) -> Any:
        return super().text(harmless(title), harmless(text), *args, **settings)

    def divider(self, text: str = "", *args: Any, **settings: Any) -> Any:
        return super().divider(harmless(text), *args, **settings)

    def table(self, data: Collection | dict, **settings: Any) -> Any:
        rows = list(data.items() if isinstance(data, Mapping) else data)
        if isinstance(header := settings.get("header"), Collection) and not isinstance(header, str):
            settings["header"] = [harmless(name) for name in header]
        return super().table([[harmless(cell) for cell in row] for row in rows], **settings)


msg = _HarmlessPrinter()
"""Prints as `wasabi.msg` does."""
