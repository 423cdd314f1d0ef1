"""Character 3-grams of words as numbers, computed for many names at once.

The grams of a word are those with one of its characters in the middle: of "rat" they are " ra", "rat" and
"at ". So the order of words doesn't count, and a word of one letter has a gram too.
"""

from collections.abc import Sequence

import numpy

_SYMBOLS = 38  # the space, 26 letters, 10 digits, and anything else
GRAMS = _SYMBOLS**3
"""How many grams there are."""

_CODES = numpy.full(256, _SYMBOLS - 1, dtype="int64")
_CODES[ord(" ")] = 0
_CODES[ord("a") : ord("z") + 1] = numpy.arange(1, 27)
_CODES[ord("0") : ord("9") + 1] = numpy.arange(27, 37)

Ints = numpy.ndarray


def grams_of(keys: Sequence[str]) -> tuple[Ints, Ints]:
    """The grams of names.

    Args:
        keys: names as `names.key_of` gives them.

    Returns:
        The gram at each character of the names that isn't a space, one name behind the other, from 0 to
        `GRAMS` - 1; and how many each name has.
    """
    encoded = [key.encode("latin-1", "replace") for key in keys]
    data = numpy.frombuffer(b" " + b"  ".join(encoded) + b" ", dtype="uint8")
    symbols = _CODES[data]
    grams = symbols[:-2] * (_SYMBOLS * _SYMBOLS) + symbols[1:-1] * _SYMBOLS + symbols[2:]
    inside = symbols[1:-1] != 0
    lengths = numpy.fromiter((len(key) - key.count(b" ") for key in encoded), "int64", len(encoded))
    return grams[inside], lengths
