"""What a file may count where this package counts characters (Unicode code points).

Tools in JavaScript and Java count UTF-16 units, those in Rust, Go and C the bytes of UTF-8, browsers take
CRLF for one character, editors write LF as CRLF after the offsets were made, and Swift counts grapheme
clusters (Unicode Standard Annex 29).
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

import regex

UNITS = {
    "characters": "characters",
    "utf-16": "UTF-16 units",
    "utf-8": "bytes of UTF-8",
    "lf": "characters, with LF for the text's CRLF",
    "utf-16-lf": "UTF-16 units, with LF for the text's CRLF",
    "utf-8-lf": "bytes of UTF-8, with LF for the text's CRLF",
    "crlf": "characters, with CRLF for the text's LF",
    "utf-16-crlf": "UTF-16 units, with CRLF for the text's LF",
    "utf-8-crlf": "bytes of UTF-8, with CRLF for the text's LF",
    "graphemes": "grapheme clusters",
}
"""The units by their names, each as it is called for people."""


class UnitTable:
    """Where the characters of a text begin, counted in a unit.

    Args:
        text: the text.
        unit: one of `UNITS`.
    """

    def __init__(self, text: str, unit: str) -> None:
        self._starts = [0, *accumulate(_widths(text, unit))]

    def __getitem__(self, offset: int) -> int | None:
        """The character that begins at an offset; None if none does."""
        place = bisect_left(self._starts, offset)
        return place if place < len(self._starts) and self._starts[place] == offset else None

    def offset(self, place: int) -> int:
        """Where a character begins, in the unit."""
        return self._starts[place]


def differing_units(text: str) -> list[str]:
    """The units in which some character of a text has another offset than in characters."""
    wide = not text.isascii()
    crlf, lf = "\r\n" in text, "\n" in text.replace("\r\n", "")
    found = ["utf-16"] * any(char > "\uffff" for char in text) + ["utf-8"] * wide
    found += ["lf", *(f"{unit}-lf" for unit in found)] if crlf else []
    found += ["crlf", *(f"{unit}-crlf" for unit in found if "-lf" not in unit and unit != "lf")] if lf else []
    return found + ["graphemes"] * (wide or crlf)


def _widths(text: str, unit: str) -> Iterable[int]:
    """The width of each character in a unit: the last one of a cluster or line end has that of all of it."""
    if unit == "graphemes":
        lengths = (len(cluster) for cluster in regex.findall(r"\X", text))
        return (width for length in lengths for width in (*[0] * (length - 1), 1))
    if unit.startswith("utf-8"):
        widths = [1 if c < "\x80" else 2 if c < "\u0800" else 3 if c < "\U00010000" else 4 for c in text]
    elif unit.startswith("utf-16"):
        widths = [1 + (char > "\uffff") for char in text]
    else:
        widths = [1] * len(text)
    if unit.endswith("crlf"):
        for i, char in enumerate(text):
            if char == "\n" and text[i - 1 : i] != "\r":
                widths[i] = 2
    elif unit.endswith("lf"):
        for i, char in enumerate(text):
            if char == "\r" and text[i + 1 : i + 2] == "\n":
                widths[i] = 0
    return widths
