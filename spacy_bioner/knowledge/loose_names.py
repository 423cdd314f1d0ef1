"""Finds names that are the same but for endings and words that say much the same, see `names.loose_key_of`.

Stored are a checksum of four bytes of each name's loose key, in order, and whose it is. Names with the
checksum that is looked for are compared with what is looked for, so that two of one checksum do no harm.
"""

import zlib
from collections.abc import Sequence

import numpy

from spacy_bioner.knowledge.names import loose_key_of, loose_keys_of


def sort_loosely(keys: Sequence[str]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The checksums of the loose keys of names, in order, and the name that each is of.

    Args:
        keys: the names, as `names.key_of` gives them.
    """
    checksums = numpy.fromiter((_checksum(key) for key in loose_keys_of(keys)), "uint32", len(keys))
    order = numpy.argsort(checksums, kind="stable")
    return checksums[order], order.astype("int32")


class LooseNames:
    """Names by their loose keys."""

    def __init__(self, keys: Sequence[str], checksums: numpy.ndarray, rows: numpy.ndarray) -> None:
        """Takes the names, and what `sort_loosely` gave for them."""
        self._keys = keys
        self._checksums, self._rows = checksums, rows

    def find(self, loose_key: str) -> list[int]:
        """The numbers of the names that have a loose key, in order."""
        checksum = numpy.uint32(_checksum(loose_key))
        start = int(self._checksums.searchsorted(checksum))
        if start == len(self._checksums) or self._checksums[start] != checksum:
            return []
        end = int(self._checksums.searchsorted(checksum, side="right"))
        return [row for row in self._rows[start:end].tolist() if loose_key_of(self._keys[row]) == loose_key]


def _checksum(loose_key: str) -> int:
    return zlib.crc32(loose_key.encode("utf-8"))
