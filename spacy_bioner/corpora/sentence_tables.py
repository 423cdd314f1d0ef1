"""Whether texts share sentences with data of which only a small table of bits is kept.

A pipeline's meta can't hold its training data, but it can hold a bit for each sentence (a Bloom filter with
one hash function, Bloom 1970): a table in which the bits are set that the sentences' checksums name. A
sentence of other texts is in the data only if its bit is set, and by accident as often as the table is full.
So a few sentences tell: where 40% of the bits are set, those of 20 sentences all are by accident once in
100,000,000 times. Letters and digits count alone, so that tokens with spaces between them are the same as
running text, in whatever format.
"""

import base64
import hashlib
import math
from collections.abc import Iterable

import numpy

from spacy_bioner.array_types import Ints
from spacy_bioner.text.rough_sentences import split_sentences, words_of

MOST_BITS = 1 << 17
"""The size of the largest table: 16 KB. It takes as many sentences; of more, a half, a quarter, ..."""
_BITS = 4  # for a sentence, in smaller tables
_DEVIATIONS = 4  # how far beyond accidents a count must be
MIN_WORDS = 5
"""Shorter sentences ("Conclusions.") are in all corpora."""


def sentence_table(texts: Iterable[str]) -> str:
    """The table of the sentences of some texts.

    Args:
        texts: the texts.

    Returns:
        In base64 a byte that says how often the sentences were halved, and the bits.
    """
    found = _checksums(texts)
    halved = 0
    while len(kept := _kept(found, halved)) > MOST_BITS:
        halved += 1
    bits = numpy.zeros(max(8, min(MOST_BITS, _BITS * len(kept)) // 8 * 8), bool)
    bits[_places(kept, len(bits))] = True
    return base64.b64encode(bytes([halved]) + numpy.packbits(bits).tobytes()).decode("ascii")


def shared_sentences(table: str, texts: Iterable[str]) -> tuple[int, int]:
    """How many sentences of some texts are in data, as far as its table can tell.

    Args:
        table: what `sentence_table` gave for the data; empty if there is none.
        texts: the texts.

    Returns:
        How many different sentences could be looked up, and an estimate of how many of them are in the data:
        0 if no more bits are set than may be by accident.
    """
    data = base64.b64decode(table)
    found = _checksums(texts)
    if not data:
        return len(found), 0
    bits = numpy.unpackbits(numpy.frombuffer(data[1:], numpy.uint8)).astype(bool)
    found = _kept(found, data[0])
    full = float(bits.mean())
    beyond = int(bits[_places(found, len(bits))].sum()) - len(found) * full
    if full == 1 or beyond <= _DEVIATIONS * math.sqrt(len(found) * full * (1 - full)):
        return len(found), 0
    return len(found), round(beyond / (1 - full))


def _kept(checksums: Ints, halved: int) -> Ints:
    """Those that are left where one half is taken, and of that one half, and so on: by their upper bits."""
    return checksums[checksums >> numpy.uint64(64 - halved) == 0] if halved else checksums


def _places(checksums: Ints, bits: int) -> Ints:
    """The bits of checksums in a table: by their lower bits."""
    return (checksums & numpy.uint64(0xFFFFFFFF)) % numpy.uint64(bits)


def _checksums(texts: Iterable[str]) -> Ints:
    """The checksums of the different sentences of some texts, 64 bits each."""
    words = (words_of(sentence) for text in texts for sentence in split_sentences(text))
    keys = {"".join(found) for found in words if len(found) >= MIN_WORDS}
    digests = (hashlib.blake2b(key.encode("utf8", "surrogatepass"), digest_size=8).digest() for key in keys)
    return numpy.unique(numpy.frombuffer(b"".join(digests), "<u8"))
