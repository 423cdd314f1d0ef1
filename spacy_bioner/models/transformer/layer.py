"""`spacy-bioner.TransformerModel.v1`: a fast layer for the `transformer` component of spacy-transformers.

It gives what `spacy-transformers.TransformerModel.v3` gives, to the same listeners, and differs in how:
windows are made of word pieces and overlap only in Docs longer than one; batches hold sequences of like
length; on hardware that has it, it computes in bfloat16.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy
import torch
from spacy.tokens import Doc, Span
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from spacy_transformers.layers import split_trf_batch, trfs2arrays
from thinc.api import Model, chain, xp2torch
from thinc.types import Floats2d, Ragged
from transformers.modeling_outputs import BaseModelOutput

from spacy_bioner.errors import EncoderError
from spacy_bioner.models.transformer.pieces import Layout, Pieces, batches, lay_out, tokenize
from spacy_bioner.models.transformer.shim import EncoderShim

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the layer runs; none of it is stored with the weights.

    Attributes:
        name, revision: the encoder to begin with.
        precision: one of `PRECISIONS`.
        window: word pieces a window, special ones included; 0 for as many as the encoder takes.
        overlap: how many two windows share at least.
        max_batch_pieces: word pieces a batch, with padding; 0 for what suits the device.
        folding: whether the encoder sees texts folded to ASCII, see `spacy_bioner.text.folding`.
    """

    name: str
    revision: str
    precision: str
    window: int
    overlap: int
    max_batch_pieces: int
    folding: bool


def create_transformer_model(
    name: str,
    revision: str = "",
    tokenizer_config: dict[str, Any] = {},  # noqa: B006 - what a config leaves out, as in spacy-transformers
    transformer_config: dict[str, Any] = {},  # noqa: B006
    precision: str = "auto",
    window: int = 0,
    overlap: int = 64,
    max_batch_pieces: int = 0,
    gradient_checkpointing: bool = False,
    folding: bool = True,
) -> Model[list[Doc], FullTransformerBatch]:
    """Makes `spacy-bioner.TransformerModel.v1`.

    Args:
        name: the folder of an encoder, or its id on the hub.
        revision: the commit id of the repository on the hub.
        tokenizer_config, transformer_config: settings for transformers' tokenizer and model.
        precision: what to compute in. "auto" is bfloat16 where the hardware has it, and float32 elsewhere.
            Weights are kept and updated in float32.
        window: word pieces a window, special ones included; 0 for as many as the encoder takes.
        overlap: how many word pieces two windows of a long Doc share at least.
        max_batch_pieces: word pieces that go through the encoder together, with padding; 0 for what suits
            the device.
        gradient_checkpointing: whether to save memory in training by computing activations twice.
        folding: whether the encoder sees texts folded to ASCII, as labelled corpora are: Greek letters
            spelled out, dashes as "-" (see `spacy_bioner.text.folding`). Tokens and offsets stay as they are.

    Raises:
        EncoderError: if the precision isn't known, or windows don't fit into each other.
    """
    if precision not in PRECISIONS:
        raise EncoderError(f"There is no precision '{precision}': it is one of {', '.join(PRECISIONS)}.")
    if min(max_batch_pieces, overlap, window) < 0:
        raise EncoderError("max_batch_pieces, window and overlap must be 0 or more.")
    settings = Settings(name, revision, precision, window, overlap, max_batch_pieces, folding)
    scale = precision == "float16"  # whose small numbers end at 6e-8: gradients are often smaller
    shim = EncoderShim(tokenizer_config, transformer_config, gradient_checkpointing, scale)
    return FastTransformer(settings, shim)


def create_tok2vec_transformer(
    name: str,
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    revision: str = "",
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
    precision: str = "auto",
    window: int = 0,
    overlap: int = 64,
    max_batch_pieces: int = 0,
    gradient_checkpointing: bool = False,
    folding: bool = True,
) -> Model[list[Doc], list[Floats2d]]:
    """Makes `spacy-bioner.Tok2VecTransformer.v1`: a transformer of a component's own, with token vectors.

    It is what `nlp.replace_listeners` puts in the place of a listener.

    Args:
        pooling: makes a token's vector of those of its word pieces.
        grad_factor: what gradients are multiplied with on their way to the transformer.
        name, revision, tokenizer_config, transformer_config, precision, window, overlap, max_batch_pieces,
            gradient_checkpointing, folding: see `create_transformer_model`.
    """
    transformer = create_transformer_model(
        name,
        revision,
        tokenizer_config,
        transformer_config,
        precision,
        window,
        overlap,
        max_batch_pieces,
        gradient_checkpointing,
        folding,
    )
    return chain(replace_listener(transformer), trfs2arrays(pooling, grad_factor))


def replace_listener(model: Model) -> Model:
    """What stands in for a listener that is replaced by a transformer of its own."""
    return chain(model, split_trf_batch())


def replace_listener_config(transformer: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    """The config of what stands in for a listener."""
    if "TransformerListener" not in listener["@architectures"]:
        return dict(transformer)
    kept: dict[str, Any] = {key: listener[key] for key in ("pooling", "grad_factor") if key in listener}
    return {**transformer, **kept, "@architectures": "spacy-bioner.Tok2VecTransformer.v1"}


class Encoder(Protocol):
    """What the layer needs of what holds the weights; see `EncoderShim` for what each does."""

    tokenizer: Any
    width: int
    longest: int
    pad: int
    special: tuple[numpy.ndarray, numpy.ndarray]
    special_strings: tuple[list[str], ...]
    largest_batch: int

    @property
    def round_to(self) -> int: ...
    @property
    def suitable_batch(self) -> int: ...
    @property
    def transformer(self) -> Any: ...
    def load(self, name: str, revision: str = "") -> None: ...
    def dtype(self, precision: str) -> Any: ...
    def run(self, ids: numpy.ndarray, lengths: Sequence[int], dtype: Any, is_train: bool) -> Any: ...
    def to_array(self, vectors: Any) -> Any: ...
    def backward(self, outputs: Sequence[Any], gradients: list[Any]) -> None: ...
    def free_memory(self) -> None: ...
    def copy(self) -> Any: ...


class FastTransformer(Model):
    """The layer: from Docs to the vectors of their word pieces."""

    def __init__(self, settings: Settings, shim: Any) -> None:
        super().__init__(
            "transformer",
            _forward,
            init=_init,
            dims={"nO": None},
            shims=[shim],
            attrs={
                "settings": settings,
                "name": settings.name,
                "replace_listener": replace_listener,
                "replace_listener_cfg": replace_listener_config,
            },
        )

    @property
    def encoder(self) -> Encoder:
        """What holds the weights."""
        shim: Any = self.shims[0]
        return shim

    @property
    def tokenizer(self) -> Any:
        """transformers' tokenizer."""
        return self.encoder.tokenizer

    @property
    def transformer(self) -> Any:
        """transformers' model."""
        return self.encoder.transformer

    def _copy(self, seen: dict[int, Any] | None = None) -> Any:
        """A copy with weights of its own; thinc calls this for every layer of what it copies."""
        seen = {} if seen is None else seen
        if id(self) not in seen:
            copied = FastTransformer(self.attrs["settings"], self.encoder.copy())
            copied.attrs["name"] = self.attrs["name"]
            if self.has_dim("nO"):
                copied.set_dim("nO", self.get_dim("nO"))
            seen[id(self)] = copied
        return seen[id(self)]


def _init(model: FastTransformer, X: Any = None, Y: Any = None) -> None:  # noqa: N803
    settings: Settings = model.attrs["settings"]
    if model.encoder.transformer is None:
        model.encoder.load(settings.name, settings.revision)
    model.set_dim("nO", model.encoder.width)


@dataclass(frozen=True, slots=True)
class _Window:
    """A window of a Doc: which Doc, the number of the window in it, its first piece and the one behind it."""

    doc: int
    number: int
    start: int
    end: int


_Row = tuple[numpy.ndarray, Any, int]  # a window's word pieces, the vectors of its batch, its row in these


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


def _forward(
    model: FastTransformer, docs: list[Doc], is_train: bool
) -> tuple[Batch, Callable[[list[Any]], list[Doc]]]:
    settings: Settings = model.attrs["settings"]
    encoder = model.encoder
    prefix, suffix = encoder.special
    special = len(prefix) + len(suffix)
    longest = min(settings.window or encoder.longest, encoder.longest)
    capacity = longest - special
    if capacity < 1 or settings.overlap >= capacity:
        raise EncoderError(
            f"Windows of {longest} word pieces, {special} of them special ones, can't overlap by "
            f"{settings.overlap}: choose a larger window or a smaller overlap."
        )
    full = [i for i, doc in enumerate(docs) if len(doc)]
    pieces = dict(
        zip(full, tokenize(encoder.tokenizer, [docs[i] for i in full], settings.folding), strict=True)
    )
    layouts = {i: lay_out(docs[i], pieces[i], capacity, settings.overlap) for i in full}
    windows = [
        _Window(i, number, start, end) for i in full for number, (start, end) in enumerate(layouts[i].windows)
    ]
    inputs = [
        numpy.concatenate([prefix, pieces[window.doc].ids[window.start : window.end], suffix])
        for window in windows
    ]
    lengths = [len(ids) for ids in inputs]
    runs = list(_run(encoder, settings, inputs, lengths, is_train))
    rows: dict[int, list[_Row]] = {i: [] for i in full}
    place = {i: (k, row) for k, (members, _) in enumerate(runs) for row, i in enumerate(members)}
    vectors = [encoder.to_array(hidden) for _, hidden in runs]
    for i, window in enumerate(windows):
        k, row = place[i]
        rows[window.doc].append((inputs[i], vectors[k], row))
    data = []
    for i in range(len(docs)):
        if i not in pieces:
            data.append(TransformerData.empty())
            continue
        data.append(_doc_data(encoder, pieces[i], layouts[i], rows[i]))

    def backprop(d_full: list[Any]) -> list[Doc]:
        gradients = dict(zip(full, d_full, strict=True))
        tensors = []
        for members, hidden in runs:
            d_hidden = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
            for row, i in enumerate(members):
                own = gradients[windows[i].doc][windows[i].number, : lengths[i]]
                d_hidden[row, : lengths[i]] = xp2torch(own, device=hidden.device)
            tensors.append(d_hidden.to(hidden.dtype))
        encoder.backward([hidden for _, hidden in runs], tensors)
        runs.clear()
        return docs

    padding = (encoder.pad, encoder.tokenizer.pad_token)
    return Batch(docs, [layouts.get(i) for i in range(len(docs))], data, padding), backprop


def _run(
    encoder: Encoder, settings: Settings, inputs: Sequence[Any], lengths: Sequence[int], is_train: bool
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Runs the encoder in batches.

    Yields:
        The numbers of the sequences in a batch, and their vectors, (sequences, pieces, width).
    """
    precision = encoder.dtype(settings.precision)
    budget = min(settings.max_batch_pieces or encoder.suitable_batch, encoder.largest_batch)
    step = encoder.round_to
    filled = [max(length, min(-(-length // step) * step, encoder.longest)) for length in lengths]
    pending = batches(filled, budget)
    while pending:
        members = pending.pop(0)
        size = filled[members[0]]
        ids = numpy.full((len(members), size), encoder.pad, dtype="int64")
        for row, i in enumerate(members):
            ids[row, : lengths[i]] = inputs[i]
        try:
            made = encoder.run(ids, [lengths[i] for i in members], precision, is_train)
        except torch.OutOfMemoryError:
            if len(members) == 1:
                raise
        else:
            yield members, made
            continue
        # here, and not above: the exception would hold on to the memory that is to be given back
        encoder.free_memory()
        # what is left is put into smaller batches, and the next calls begin with what fits
        budget = encoder.largest_batch = len(members) * size // 2
        warnings.warn(
            f"Out of GPU memory with {len(members) * size} word pieces a batch: going on with {budget}. "
            "Set max_batch_pieces of the transformer's model to that.",
            stacklevel=2,
        )
        rest = [i for batch in (members, *pending) for i in batch]
        pending = [[rest[j] for j in batch] for batch in batches([filled[i] for i in rest], budget)]


def _doc_data(encoder: Encoder, pieces: Pieces, layout: Layout, rows: Sequence[_Row]) -> TransformerData:
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
