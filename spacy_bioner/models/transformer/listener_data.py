"""The word pieces and vectors of each Doc, in the types that spacy-transformers' listeners take."""

from collections.abc import Sequence
from typing import Any

import numpy
from spacy.tokens import Doc, Span
from thinc.api import xp2torch
from thinc.types import Ragged
from transformers.modeling_outputs import BaseModelOutput

from spacy_bioner.models.transformer.encoder_protocol import Encoder
from spacy_bioner.models.transformer.pieces import Layout, Pieces
from spacy_bioner.models.transformer.spacy_transformers_parts import (
    FullTransformerBatch,
    TransformerData,
    WordpieceBatch,
)

Row = tuple[numpy.ndarray, Any, int]
"""A window's word pieces, the vectors of its batch, and its row in these."""


class Batch(FullTransformerBatch):
    """What the layer says of some Docs.

    The fields that hold all Docs in one array are made when they are asked for; listeners ask for `doc_data`.
    """

    def __init__(
        self,
        docs: Sequence[Doc],
        layouts: Sequence[Layout | None],
        data: list[TransformerData],
        padding: tuple[int, str],
    ) -> None:
        self.docs = docs
        self.padding = padding
        self.layouts = layouts
        self.cached_doc_data = data

    @property
    def spans(self) -> list[list[Span]]:  # type: ignore[override]
        """For each Doc the tokens of each of its windows."""
        return [
            [] if layout is None else _spans(doc, layout)
            for doc, layout in zip(self.docs, self.layouts, strict=True)
        ]

    @property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        """The word pieces of all windows, padded to the longest."""
        parts = [data.wordpieces for data in self.doc_data if data.wordpieces.strings]
        if not parts:
            return WordpieceBatch.empty()
        width = max(part.input_ids.shape[1] for part in parts)
        return WordpieceBatch(
            strings=[row + [self.padding[1]] * (width - len(row)) for part in parts for row in part.strings],
            input_ids=_stack([part.input_ids for part in parts], width, self.padding[0]),
            attention_mask=_stack([part.attention_mask for part in parts], width),
            lengths=[length for part in parts for length in part.lengths],
            token_type_ids=None,
        )

    @property
    def model_output(self) -> BaseModelOutput:  # type: ignore[override]
        """The vectors of all windows, (windows, pieces of the longest, width), as torch has them."""
        arrays = [_hidden(data) for data in self.doc_data if data.wordpieces.strings]
        if not arrays:
            return BaseModelOutput()
        width = max(array.shape[1] for array in arrays)
        vectors: Any = xp2torch(_stack(arrays, width))
        return BaseModelOutput(last_hidden_state=vectors)

    @property
    def align(self) -> Ragged:  # type: ignore[override]
        """From the tokens of all Docs to the word pieces of all windows."""
        width = max(
            (d.wordpieces.input_ids.shape[1] for d in self.doc_data if d.wordpieces.strings), default=0
        )
        parts: list[Any] = []
        lengths: list[Any] = []
        before = 0
        for data in self.doc_data:
            if data.wordpieces.strings:
                own = data.wordpieces.input_ids.shape[1]
                flat: Any = data.align.dataXd
                parts.append((flat // own + before) * width + flat % own)
                lengths.append(data.align.lengths)
                before += len(data.wordpieces.strings)
        nothing: list[Any] = [numpy.zeros(0, dtype="i")]
        return _ragged(numpy.concatenate(parts or nothing), numpy.concatenate(lengths or nothing))

    def unsplit_by_doc(self, arrays: list[list[Any]]) -> Any:
        """The gradients of all Docs that have tokens, as `_forward`'s callback takes them."""
        return [tensors[0] for tensors in arrays]


def _hidden(data: TransformerData) -> Any:
    """The vectors of a Doc's word pieces, (windows, pieces, width)."""
    output: Any = data.model_output
    return output.last_hidden_state


def _ragged(flat: Any, lengths: Any) -> Ragged:
    return Ragged(flat.astype("i"), lengths.astype("i"))


def _spans(doc: Doc, layout: Layout) -> list[Span]:
    owner = numpy.repeat(numpy.arange(len(doc)), layout.lengths)
    last = len(layout.windows) - 1
    spans = []
    for number in range(last + 1):
        tokens = owner[layout.places[:, 0] == number]
        # white space has no pieces, but belongs to a window all the same
        start = 0 if number == 0 or not len(tokens) else int(tokens[0])
        end = len(doc) if number == last or not len(tokens) else int(tokens[-1]) + 1
        spans.append(doc[start:end])
    return spans


def _stack(arrays: Sequence[Any], width: int, padding: int = 0) -> Any:
    """Arrays of several windows each, all padded to one width."""
    shape = (sum(map(len, arrays)), width, *arrays[0].shape[2:])
    stacked = _xp(arrays[0]).full(shape, padding, dtype=arrays[0].dtype)
    start = 0
    for array in arrays:
        stacked[start : start + len(array), : array.shape[1]] = array
        start += len(array)
    return stacked


def _xp(array: Any) -> Any:
    """numpy, or cupy for an array of its own."""
    if isinstance(array, numpy.ndarray):
        return numpy
    import cupy

    return cupy


def doc_data(encoder: Encoder, pieces: Pieces, layout: Layout, rows: Sequence[Row]) -> TransformerData:
    """What listeners get of one Doc.

    Args:
        encoder: the encoder.
        pieces, layout: of the Doc.
        rows: of each window.
    """
    before, after = encoder.special_strings
    lengths = [len(own) for own, _, _ in rows]
    width = max(lengths)
    ids = numpy.full((len(lengths), width), encoder.pad, dtype="int64")
    mask = numpy.zeros((len(lengths), width), dtype="float32")
    strings = []
    for k, (start, end) in enumerate(layout.windows):
        ids[k, : lengths[k]] = rows[k][0]
        mask[k, : lengths[k]] = 1.0
        padding = [encoder.tokenizer.pad_token] * (width - lengths[k])
        strings.append([*before, *pieces.strings[start:end], *after, *padding])
    if len(rows) == 1:
        _, array, row = rows[0]
        hidden = array[row : row + 1, :width]
    else:
        first = rows[0][1]
        hidden = _xp(first).zeros((len(rows), width, first.shape[2]), dtype=first.dtype)
        for k, (_, array, row) in enumerate(rows):
            hidden[k, : lengths[k]] = array[row, : lengths[k]]
    align = layout.places[:, 0] * width + layout.places[:, 1] + len(before)
    arrays: tuple[Any, Any] = (ids, mask)
    return TransformerData(
        WordpieceBatch(strings, *arrays, lengths, None),
        BaseModelOutput(last_hidden_state=hidden),
        _ragged(align, layout.lengths),
    )
