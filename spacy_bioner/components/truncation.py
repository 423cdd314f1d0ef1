"""Counting the tokens and mentions that the windows of spacy-transformers cut off.

Its transformer splits a Doc into windows by tokens, and cuts what a window has beyond the encoder's longest
sequence of word pieces, without saying so. A token that is in no window with a word piece of it gets a vector
of zeros, and a mention in it can't be found. Here it is counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.components.pipelines import find_transformer, gold_keys
from spacy_bioner.corpora.gold_annotation import gold_annotation

_BATCH = 256
_UNLIMITED = 1_000_000  # transformers gives 1e30 for a tokenizer that knows no longest sequence


@dataclass(frozen=True, slots=True)
class Cut:
    """How much was cut: windows seen, windows cut, tokens that no window keeps, gold mentions in them."""

    windows: int = 0
    windows_cut: int = 0
    tokens_lost: int = 0
    mentions_lost: int = 0

    def __add__(self, other: "Cut") -> "Cut":
        return Cut(
            self.windows + other.windows,
            self.windows_cut + other.windows_cut,
            self.tokens_lost + other.tokens_lost,
            self.mentions_lost + other.mentions_lost,
        )

    def __str__(self) -> str:
        return (
            f"{self.windows_cut:,} of {self.windows:,} windows cut, "
            f"{self.tokens_lost:,} tokens and {self.mentions_lost:,} mentions lost"
        )


def count_cut(nlp: Language, docs: Iterable[Doc]) -> Cut:
    """Counts what the transformer of a pipeline cuts off some Docs.

    Args:
        nlp: the pipeline, initialized or loaded; only with a model of spacy-transformers' own it can cut
            anything.
        docs: the Docs, with gold entities or without.
    """
    transformer = find_transformer(nlp)
    if transformer is None or "get_spans" not in transformer.model.attrs:
        return Cut()
    keys = gold_keys(nlp)
    tokenizer = transformer.model.tokenizer
    limit = min(tokenizer.model_max_length, _UNLIMITED)
    total = Cut()
    remaining = iter(docs)
    while batch := list(islice(remaining, _BATCH)):
        for spans in transformer.model.attrs["get_spans"](batch):
            if not spans:
                continue
            encoded = tokenizer(
                [span.text for span in spans],
                add_special_tokens=True,
                return_offsets_mapping=True,
                verbose=False,
            )
            kept: set[int] = set()
            cut = 0
            for span, offsets in zip(spans, encoded["offset_mapping"], strict=True):
                if len(offsets) <= limit:
                    kept.update(range(span.start, span.end))
                    continue
                cut += 1
                # pieces without text, as [SEP] is, have the offsets (0, 0)
                end = max((stop for _, stop in offsets[:limit]), default=0) + span.start_char
                kept.update(token.i for token in span if token.idx < end)
            doc = spans[0].doc
            lost = set(range(len(doc))) - kept if cut else set()
            gold = gold_annotation(doc, *keys).mentions
            mentions = sum(not lost.isdisjoint(range(span.start, span.end)) for span, _ in gold)
            total += Cut(len(spans), cut, len(lost), mentions)
    return total
