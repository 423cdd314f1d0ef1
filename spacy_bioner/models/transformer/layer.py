"""`spacy-bioner.TransformerModel.v1`: a fast layer for the `transformer` component of spacy-transformers.

It gives what `spacy-transformers.TransformerModel.v3` gives, to the same listeners, and differs in how:
windows are made of word pieces and overlap only in Docs longer than one; batches hold sequences of like
length; on hardware that has it, it computes in bfloat16.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from spacy.tokens import Doc
from thinc.api import Model, chain, xp2torch
from thinc.types import Floats2d, Ragged

from spacy_bioner.errors import EncoderError
from spacy_bioner.models.transformer.encoder_protocol import Encoder
from spacy_bioner.models.transformer.listener_data import Batch, Row, doc_data
from spacy_bioner.models.transformer.pieces import batches, lay_out, tokenize
from spacy_bioner.models.transformer.shim import EncoderShim
from spacy_bioner.models.transformer.spacy_transformers_parts import (
    FullTransformerBatch,
    TransformerData,
    split_trf_batch,
    trfs2arrays,
)
from spacy_bioner.terminal import warn

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
        raise EncoderError(
            f"There is no precision '{precision}': it is one of {', '.join(PRECISIONS)}. [B262]"
        )
    if min(max_batch_pieces, overlap, window) < 0:
        raise EncoderError("max_batch_pieces, window and overlap must be 0 or more. [B263]")
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
            f"{settings.overlap}: choose a larger window or a smaller overlap. [B264]"
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
    rows: dict[int, list[Row]] = {i: [] for i in full}
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
        data.append(doc_data(encoder, pieces[i], layouts[i], rows[i]))

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
        warn(
            f"Out of GPU memory with {len(members) * size} word pieces a batch: going on with {budget}. "
            "Set max_batch_pieces of the transformer's model to that.",
            stacklevel=2,
        )
        rest = [i for batch in (members, *pending) for i in batch]
        pending = [[rest[j] for j in batch] for batch in batches([filled[i] for i in rest], budget)]
