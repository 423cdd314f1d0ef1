"""The words of names as numbers, so that what is counted of them is counted for all names at once."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of names.

    Attributes:
        words: all words, sorted.
        numbers: the places of the words of all names in `words`, one name behind the other.
        ends: where those of each name end.
    """

    words: Sequence[str]
    numbers: numpy.ndarray
    ends: numpy.ndarray

    @property
    def owners(self) -> numpy.ndarray:
        """The name that each number belongs to."""
        return numpy.repeat(numpy.arange(len(self.ends)), numpy.diff(self.ends, prepend=0))

    def name_counts(self) -> numpy.ndarray:
        """In how many names each word stands."""
        pairs = numpy.unique(self.owners * max(len(self.words), 1) + self.numbers)
        return numpy.bincount(pairs % max(len(self.words), 1), minlength=len(self.words)).astype("int32")


def number_words(keys: Sequence[str]) -> Vocabulary:
    """Numbers the words of names.

    Args:
        keys: the names, as `names.key_of` gives them.
    """
    known: dict[str, int] = {}
    numbers, ends = array("q"), array("q")
    for key in keys:
        numbers.extend([known.setdefault(word, len(known)) for word in key.split()])
        ends.append(len(numbers))
    words = sorted(known)
    places = numpy.empty(len(words), dtype="int64")
    places[[known[word] for word in words]] = numpy.arange(len(words))
    return Vocabulary(words, places[numpy.array(numbers, dtype="int64")], numpy.array(ends, dtype="int64"))


def ranges(starts: numpy.ndarray, sizes: numpy.ndarray) -> numpy.ndarray:
    """The numbers from each start on, as many as its size says, one range behind the other."""
    before = numpy.cumsum(sizes) - sizes
    return numpy.arange(int(sizes.sum())) + numpy.repeat(starts - before, sizes)
