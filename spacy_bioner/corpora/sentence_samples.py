"""Whether texts share sentences with data of which only a small sample of checksums is kept.

A pipeline's meta can't hold its training data, but it can hold the smallest of the checksums of its sentences
(a bottom-k sketch, Cohen and Kaplan 2007). Of other texts' sentences those are looked up whose checksums are
in the range of the sample, which is a random choice of them: the share of these that is in the sample is an
unbiased estimate of the share of all. Letters and digits count alone, so that tokens with spaces between them
are the same as running text, in whatever format.
"""

import base64
import hashlib
from collections.abc import Iterable

import numpy

from spacy_bioner.array_types import Ints
from spacy_bioner.text.rough_sentences import split_sentences, words_of

SIZE = 512
"""How many checksums a sample has at most; 4 bytes each."""
MIN_WORDS = 5
"""Shorter sentences ("Conclusions.") are in all corpora."""


def sentence_sample(texts: Iterable[str]) -> str:
    """The smallest checksums of the sentences of some texts.

    Args:
        texts: the texts.

    Returns:
        At most `SIZE` of them in order, as unsigned 32-bit integers (little-endian) in base64.
    """
    return base64.b64encode(_checksums(texts)[:SIZE].astype("<u4").tobytes()).decode("ascii")


def shared_sentences(sample: str, texts: Iterable[str]) -> tuple[int, int]:
    """How many sentences of some texts are in data, as far as its sample can tell.

    Args:
        sample: what `sentence_sample` gave for the data; empty if there is none.
        texts: the texts.

    Returns:
        How many different sentences could be looked up, and how many of them are in the data.
    """
    known = numpy.frombuffer(base64.b64decode(sample), "<u4")
    found = _checksums(texts)
    if len(known) == SIZE:  # a full sample says nothing of larger checksums
        found = found[found <= known[-1]]
    return len(found), int(numpy.isin(found, known).sum())


def _checksums(texts: Iterable[str]) -> Ints:
    """The checksums of the different sentences of some texts, in order."""
    words = (words_of(sentence) for text in texts for sentence in split_sentences(text))
    keys = {"".join(found) for found in words if len(found) >= MIN_WORDS}
    digests = (hashlib.blake2b(key.encode("utf8", "surrogatepass"), digest_size=4).digest() for key in keys)
    return numpy.unique(numpy.frombuffer(b"".join(digests), "<u4"))
