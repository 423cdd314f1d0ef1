"""The fourth step of pretraining: a BERT learns to guess masked words (Devlin et al. 2019).

It needs PyTorch, transformers, numpy and safetensors, and nothing else: on a machine where this package can't
be installed, copy its folder and the packed text, and run

    python -m spacy_bioner.pretraining.masked_lm PACKED OUTPUT --minutes 60

Sequences have no padding and no second segment. Only masked pieces go through the matrix of the vocabulary,
which is that of the embeddings. The last part of a run has long sequences, as BERT's had: short ones alone
would leave the later positions unlearned. The same command goes on with a run that was interrupted or
paused; what is drawn depends on the seed and the number of the step alone, so that with `steps` it ends where
it would have ended.

A run begins with random weights, or with those of an earlier run of the same shape and vocabulary
(`start_from`): their optimizer is gone, so the learning rate rises and falls anew. It may begin with a
published BERT of the same shape too, whatever its vocabulary (`pretraining.respelling`).

The schedule goes by the share of the run that is over: of the steps, of the minutes, or of whichever is
farther where both are given. The learning rate rises from 0 in the first part of it, and falls in a straight
line to 0 at its end. The minutes are those of training and evaluation, in all sessions together; the time of
one evaluation is kept back for the end.
"""

import argparse
import json
import math
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

import spacy_bioner
from spacy_bioner.errors import BionerError, FormatError, PretrainingError
from spacy_bioner.files import Outputs, write_json
from spacy_bioner.models.precision import has_bfloat16
from spacy_bioner.pretraining.initial_attention import look_at_neighbours
from spacy_bioner.pretraining.initial_vectors import static_vectors
from spacy_bioner.pretraining.masking import Masked, WordMasker
from spacy_bioner.pretraining.packed_pieces import Feed, Packed, load_packed, sequences
from spacy_bioner.pretraining.start import read_start
from spacy_bioner.pretraining.text_files import RECORD

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.json"
MODEL = "model"
_MICRO_BATCH = {"cpu": 2048, "cuda": 65536}
"""Word pieces at a time: what stays in a CPU's cache, what fills a GPU."""
_CHECKPOINT_SECONDS = 600
_GUESSES = 64
"""Guesses are filled up to a multiple of this with places that don't count."""
_NONE = -100
_HEADER = 1 << 16
"""More bytes than the header of a file of weights takes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a model and its training are like. A run goes on only with the settings that it began with.

    Attributes:
        layers, width, heads: of the model; the feed-forward layers are four times as wide.
        positions: the longest sequence that the model can take.
        length: of the sequences, special pieces included.
        long_length, long_share: the length in the last share of the run.
        batch: word pieces an update.
        learning_rate: the highest.
        warmup: the share of the run in which it rises.
        weight_decay, clip: of AdamW, on matrices; the largest norm of a gradient.
        deviation: the standard deviation of the weights that it begins with.
        neighbours: how strongly heads begin by looking at the neighbours of each piece; 0 for not at all.
        dropout: in training. Less than an epoch needs none; the model's config says 0.1, for fine-tuning.
        masked: the share of the words that is masked.
        static_vectors: how many millions of word pieces to make first embeddings from; 0 for random ones.
        steps, minutes: the end of the run; 0 for none, but one is needed.
        evaluations: how often the held-out text is looked at, beside the beginning.
        evaluation_pieces: how much of it.
        saves: how often weights are written, the last ones included.
        shard_mib: the largest file of weights, in MiB.
        seed: of everything that is drawn.
    """

    layers: int = 4
    width: int = 256
    heads: int = 4
    positions: int = 512
    length: int = 128
    long_length: int = 512
    long_share: float = 0.1
    batch: int = 8192
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    deviation: float = 0.02
    neighbours: float = 1.5
    dropout: float = 0.0
    masked: float = 0.15
    static_vectors: float = 0.0
    steps: int = 0
    minutes: float = 0.0
    evaluations: int = 20
    evaluation_pieces: int = 65_536
    saves: int = 4
    shard_mib: int = 16
    seed: int = 1

    def check(self) -> None:
        """Raises PretrainingError if they can't be."""
        wrong = {
            "steps or minutes must say where the run ends": self.steps <= 0 and self.minutes <= 0,
            "width must be a multiple of heads": self.heads > 0 and self.width % self.heads,
            "length and long_length must be from 8 to positions": not (
                8 <= self.length <= self.positions and 8 <= self.long_length <= self.positions
            ),
            "batch must be no less than length and long_length": self.batch
            < max(self.length, self.long_length),
            "neighbours must be 0 or more, and 0 where width / heads is odd": self.neighbours < 0
            or (self.neighbours > 0 and self.heads > 0 and self.width // self.heads % 2),
            "masked must be from over 0 to under 1": not 0 < self.masked < 1,
            "warmup must be from 0 to under 1, long_share from 0 to 1": not (
                0 <= self.warmup < 1 and 0 <= self.long_share <= 1
            ),
            "layers, heads, evaluations, evaluation_pieces, saves and shard_mib must be 1 or more": min(
                self.layers, self.heads, self.evaluations, self.evaluation_pieces, self.saves, self.shard_mib
            )
            < 1,
        }
        if found := [message for message, is_wrong in wrong.items() if is_wrong]:
            raise PretrainingError(f"These settings can't be: {'; '.join(found)}.")


def parse_settings(text: str) -> Settings:
    """Reads settings such as "layers=6 width=384".

    Raises:
        PretrainingError: if there is no such setting, or its value isn't a number.
    """
    known: dict[str, Any] = {field.name: type(field.default) for field in fields(Settings)}
    values: dict[str, Any] = {}
    for part in shlex.split(text):
        name, _, value = part.partition("=")
        if name not in known:
            raise PretrainingError(f"There is no setting '{name}'. There are: {', '.join(known)}.")
        try:
            values[name] = known[name](value)
        except ValueError:
            kind = "a whole number" if known[name] is int else "a number"
            raise PretrainingError(f"The setting {name} needs {kind}: {name}={value}.") from None
    return Settings(**values)


def learning_rate(share: float, settings: Settings) -> float:
    """The learning rate when some share of the run is over."""
    rising = share / settings.warmup if settings.warmup else 1.0
    falling = (1.0 - share) / (1.0 - settings.warmup)
    return settings.learning_rate * max(0.0, min(rising, falling))


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        step, pieces, seconds: updates made, word pieces seen, time taken.
        reserve: the seconds that an evaluation takes.
        evaluated, saved: how many evaluations and sets of weights there are.
        loss, guesses: the sum of the losses since the last evaluation, and of how many guesses.
    """

    step: int = 0
    pieces: int = 0
    seconds: float = 0.0
    reserve: float = 0.0
    evaluated: int = 0
    saved: int = 0
    loss: float = 0.0
    guesses: int = 0

    def share(self, settings: Settings) -> float:
        """The share of the run that is over."""
        limit = max(60 * settings.minutes - self.reserve, 1e-9)
        done = self.step / settings.steps if settings.steps else 0.0
        return min(1.0, max(done, self.seconds / limit if settings.minutes else 0.0))


def pretrain(
    packed: Path,
    output: Path,
    settings: Settings,
    *,
    start_from: Path | None = None,
    device: str = "",
    threads: int = 0,
    pause_minutes: float = 0.0,
    pause_steps: int = 0,
) -> Path | None:
    """Trains a model, or goes on with training it.

    Args:
        packed: a folder made by `pack`.
        output: the folder of the run: weights at several points, `model` at the end, each with tokenizer and
            training.json; curve.json; and checkpoint.pt, which the same call goes on from.
        settings: the settings.
        start_from: a folder of weights to begin with, which an earlier run wrote or somebody published; None
            for random ones.
        device: "cpu" or "cuda"; empty for a GPU if there is one.
        threads: how many threads PyTorch is to use; 0 for its own choice.
        pause_minutes, pause_steps: after how much of this session to checkpoint and stop; 0 for never.

    Returns:
        The folder of the model; None if the run was paused.

    Raises:
        FormatError: if the packed text or the checkpoint can't be read.
        PretrainingError: if the settings can't be, are others than the run began with, the text is too short,
            the weights to begin with are of another shape or vocabulary, the device isn't there, a tensor is
            larger than a file may be, or the loss isn't finite.
    """
    settings.check()
    if threads:
        torch.set_num_threads(threads)
    run = Run(load_packed(packed), packed, output, settings, _device(device), start_from)
    begun, first = time.perf_counter(), run.progress.step
    checkpointed = begun
    while True:
        run.look()
        if run.progress.share(settings) >= 1.0:
            return run.output / MODEL
        now = time.perf_counter()
        paused = 0 < pause_steps <= run.progress.step - first or 0 < 60 * pause_minutes <= now - begun
        if paused or now - checkpointed > _CHECKPOINT_SECONDS:
            run.checkpoint()
            checkpointed = now
        if paused:
            print(f"paused after step {run.progress.step:,}: the same command goes on", flush=True)
            return None
        run.update()


class Run:
    """A run: a model, its optimizer, and where both stand. Begun anew, or from the output's checkpoint."""

    def __init__(
        self,
        packed: Packed,
        folder: Path,
        output: Path,
        settings: Settings,
        device: torch.device,
        start_from: Path | None,
    ) -> None:
        self.output, self.settings, self.device = output, settings, device
        self._start = None if start_from is None else read_start(start_from)
        self.progress = Progress()
        self.curve: list[dict[str, float]] = []
        self._packed, self._folder = packed, folder
        self._before = self._start and self._start.before(packed.manifest, settings.seed)
        cls, sep = packed.number("[CLS]"), packed.number("[SEP]")
        self._feed = Feed(packed.training, cls, sep, settings.seed)
        self._masker = WordMasker(packed.vocabulary, settings.masked)
        held_out = sequences(packed.held_out, settings.length, cls, sep)
        held_out = held_out[: max(1, settings.evaluation_pieces // settings.length)]
        if not len(held_out):
            raise PretrainingError(
                f"The held-out text has {len(packed.held_out):,} word pieces, fewer than a sequence: hold "
                "more of the text out."
            )
        generator = torch.Generator().manual_seed(settings.seed)
        self._held_out = self._masker(torch.from_numpy(held_out.astype("int64")), generator)
        self.model = self._build()
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() <= 1]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-6, fused=True)
        if (output / CHECKPOINT).is_file():
            self._restore()
        elif output.is_dir() and any(path.name[0] != "." and path.name != CURVE for path in output.iterdir()):
            raise PretrainingError(f"{output} holds something else than a run: name another folder.")

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same when a run goes on."""
        parts = [part["sha256"] for part in self._packed.manifest["parts"]]
        start = self._start.sha256 if self._start else None
        return {"settings": asdict(self.settings), "parts": parts, "start_from": start}

    def _config(self, dropout: float) -> BertConfig:
        settings = self.settings
        return BertConfig(
            vocab_size=len(self._packed.vocabulary),
            hidden_size=settings.width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=4 * settings.width,
            max_position_embeddings=settings.positions,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            initializer_range=settings.deviation,
            pad_token_id=self._packed.number("[PAD]"),
        )

    def _build(self) -> BertForMaskedLM:
        settings = self.settings
        config = self._config(settings.dropout)
        # for sequences this short, PyTorch's fused attention is slower on a CPU, backward above all
        config._attn_implementation = "eager" if self.device.type == "cpu" else "sdpa"
        torch.manual_seed(settings.seed)
        model = BertForMaskedLM(config)
        largest = max(parameter.numel() for parameter in model.parameters())
        if 2 * largest > settings.shard_mib * (1 << 20) - _HEADER:
            raise PretrainingError(
                f"The largest matrix takes {2 * largest / (1 << 20):.1f} MiB, and a file of weights may have "
                f"{settings.shard_mib}: give a larger shard_mib, or a smaller width."
            )
        if (self.output / CHECKPOINT).is_file():
            pass  # its weights are read afterwards
        elif self._start:
            self._start.load(model, self._packed.vocabulary)
        else:
            self._first_weights(model)
        torch.nn.Module.to(model, self.device)  # transformers' own hides its arguments from mypy
        return model

    def _first_weights(self, model: BertForMaskedLM) -> None:
        """Random weights, with what the settings put into them."""
        settings, config = self.settings, model.config
        if settings.static_vectors:
            sample = self._packed.training[: int(settings.static_vectors * 1e6)]
            vectors = static_vectors(
                sample, config.vocab_size, settings.width, settings.deviation, settings.seed
            )
            embeddings = model.bert.embeddings.word_embeddings.weight
            with torch.no_grad():
                embeddings.copy_(torch.where(vectors.abs().sum(1, keepdim=True) > 0, vectors, embeddings))
        if settings.neighbours:
            look_at_neighbours(model.bert, settings.neighbours, settings.seed)

    def look(self) -> None:
        """Evaluates and writes weights where it is time to, and checkpoints then."""
        share = self.progress.share(self.settings)
        if math.floor(share * self.settings.evaluations) >= self.progress.evaluated:
            begun = time.perf_counter()
            held_out = self._evaluate()
            taken = time.perf_counter() - begun
            self.progress.reserve = max(self.progress.reserve, taken)
            self.progress.seconds += taken
            self.progress.evaluated = math.floor(share * self.settings.evaluations) + 1
            self._note(share, held_out)
            if share * self.settings.saves >= self.progress.saved + 1:
                self.progress.saved = math.floor(share * self.settings.saves)
                self._write_weights(MODEL if share >= 1.0 else f"weights-{round(100 * share):03}")
            self.checkpoint()

    def update(self) -> None:
        """Makes one update."""
        begun = time.perf_counter()
        settings, progress = self.settings, self.progress
        share = progress.share(settings)
        length = settings.long_length if share >= 1.0 - settings.long_share else settings.length
        torch.manual_seed(
            settings.seed * 1_000_003 + progress.step
        )  # dropout's; nothing to keep for resuming
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + progress.step)
        batch = self._feed.batch(length, settings.batch // length)
        # a short sequence begins anywhere: so all places are learned, not those of its length alone
        last_begin = settings.positions - length
        masked = self._masker(torch.from_numpy(batch.astype("int64")), generator, last_begin)
        guesses = max(1, len(masked.labels))
        self.model.train()
        total = torch.zeros((), device=self.device)
        for part in self._parts(masked):
            loss = self._loss(*self._guess(part)) / guesses
            loss.backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(share, settings)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        mean = float(total)
        if not math.isfinite(mean):
            raise PretrainingError(
                f"The loss of step {progress.step:,} isn't finite: begin again with a lower learning_rate."
            )
        progress.step += 1
        progress.pieces += batch.size
        progress.loss += mean * guesses
        progress.guesses += guesses
        progress.seconds += time.perf_counter() - begun
        self._show(mean)

    def _parts(self, masked: Masked) -> Iterator[Masked]:
        """Sequences in as many at a time as suit the device."""
        rows, length = masked.inputs.shape
        at_once = max(1, _MICRO_BATCH[self.device.type] // length)
        for start in range(0, rows, at_once):
            yield masked.slice(start, min(start + at_once, rows))

    def _guess(self, masked: Masked) -> tuple[Tensor, Tensor]:
        """Scores of all word pieces for each piece that is to be guessed, and what each was."""
        # tensors of ever other sizes would leave the C library's heap in pieces: a gigabyte more in minutes
        missing = -len(masked.labels) % _GUESSES
        places = F.pad(masked.rows * masked.inputs.shape[1] + masked.columns, (0, missing)).to(self.device)
        labels = F.pad(masked.labels, (0, missing), value=_NONE).to(self.device)
        positions = (masked.begins[:, None] + torch.arange(masked.inputs.shape[1])).to(self.device)
        with self._autocast():
            hidden = self.model.bert.embeddings(masked.inputs.to(self.device), position_ids=positions)
            hidden = self.model.bert.encoder(hidden)[0].flatten(0, 1).index_select(0, places)
            scores = self.model.cls(hidden)
        return scores, labels

    def _loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The sum of the losses of some guesses."""
        return F.cross_entropy(scores.float(), labels, reduction="sum", ignore_index=_NONE)

    def _autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=has_bfloat16(self.device))

    @torch.no_grad()
    def _evaluate(self) -> tuple[float, float]:
        """The loss and the share of right guesses on held-out text, masked the same way each time."""
        self.model.eval()
        loss, right = 0.0, 0
        for part in self._parts(self._held_out):
            scores, labels = self._guess(part)
            loss += float(self._loss(scores, labels))
            right += int((scores.argmax(1) == labels).sum())
        guesses = max(1, len(self._held_out.labels))
        return loss / guesses, right / guesses

    def _note(self, share: float, held_out: tuple[float, float]) -> None:
        """Adds a point to the curve, writes the curve and prints the point."""
        progress = self.progress
        loss = progress.loss / progress.guesses if progress.guesses else held_out[0]
        progress.loss, progress.guesses = 0.0, 0
        self.curve.append(
            {
                "share": round(share, 4),
                "step": progress.step,
                "pieces": progress.pieces,
                "seconds": round(progress.seconds, 1),
                "learning_rate": learning_rate(share, self.settings),
                "loss": loss,
                "held_out_loss": held_out[0],
                "held_out_accuracy": held_out[1],
            }
        )
        with Outputs() as outputs:
            text = json.dumps(self.curve, indent=1) + "\n"
            outputs.temporary(self.output / CURVE).write_text(text, encoding="utf8")
        print(
            f"{_clear()}{share:6.1%}  step {progress.step:,}  {progress.pieces / 1e6:,.1f}M pieces  "
            f"loss {loss:.3f}  held out: loss {held_out[0]:.3f}, {held_out[1]:.2%} right  {self._speed()}",
            flush=True,
        )

    def _show(self, loss: float) -> None:
        """Shows how it goes, where somebody looks on."""
        if sys.stdout.isatty():
            share = self.progress.share(self.settings)
            text = f"{share:6.1%}  step {self.progress.step:,}  loss {loss:.3f}  {self._speed()}"
            print(f"{_clear()}{text}", end="", flush=True)

    def _speed(self) -> str:
        progress, share = self.progress, self.progress.share(self.settings)
        left = progress.seconds * (1.0 - share) / share if share else 0.0
        speed = progress.pieces / max(progress.seconds, 1e-9)
        return (
            f"{speed:,.0f} pieces/s  {int(left) // 3600}:{int(left) // 60 % 60:02}:{int(left) % 60:02} left"
        )

    def checkpoint(self) -> None:
        """Writes what a run needs to go on."""
        state = {
            "identity": self._identity,
            "progress": asdict(self.progress),
            "curve": self.curve,
            "feed": list(self._feed.state),
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        with Outputs() as outputs:
            torch.save(state, outputs.temporary(self.output / CHECKPOINT))

    def _restore(self) -> None:
        path = self.output / CHECKPOINT
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            same = state["identity"] == self._identity
        except Exception as error:  # zipfile's, pickle's, PyTorch's: each has its own
            why = f"not a whole checkpoint ({type(error).__name__}): begin again in another folder"
            raise FormatError(path, None, why) from None
        if not same:
            raise PretrainingError(
                f"{self.output} holds a run with other settings or on other text: give the same ones to go "
                "on, or name another folder."
            )
        self.progress = Progress(**state["progress"])
        self.curve = state["curve"]
        epoch, position, length = state["feed"]
        self._feed.state = (epoch, position, length)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _write_weights(self, name: str) -> None:
        """Writes the model in 16 bits, with its tokenizer and how it was made."""
        model = BertForMaskedLM(self._config(dropout=0.1))
        model.load_state_dict(self.model.state_dict())
        model.half()
        if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
            raise PretrainingError("A weight is too large for 16 bits: train with a lower learning_rate.")
        tokenizer = BertTokenizerFast.from_pretrained(self._folder, local_files_only=True)
        tokenizer.model_max_length = self.settings.positions
        with Outputs() as outputs:
            folder = outputs.temporary(self.output / name, folder=True)
            limit = self.settings.shard_mib * (1 << 20) - _HEADER
            model.save_pretrained(folder, safe_serialization=True, max_shard_size=limit)
            tokenizer.save_pretrained(folder)
            for file in folder.glob("*.safetensors"):
                file.chmod(0o644)  # safetensors leaves them to their owner alone
            write_json(folder / RECORD, self._record())

    def _record(self) -> dict[str, Any]:
        """How the weights were made."""
        data = {key: value for key, value in self._packed.manifest.items() if key != "format"}
        return {
            "format": 1,
            "finished": self.progress.share(self.settings) >= 1.0,
            "settings": asdict(self.settings),
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "step": self.progress.step,
            "pieces": self.progress.pieces,
            "epochs": round(self.progress.pieces / max(1, len(self._packed.training)), 3),
            "seconds": round(self.progress.seconds, 1),
            "hardware": _hardware(self.device),
            "precision": "bfloat16 autocast" if has_bfloat16(self.device) else "float32",
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "spacy-bioner": spacy_bioner.__version__,
            },
            "data": data,
            "curve": self.curve,
        } | ({"start_from": self._before} if self._before else {})


def _device(name: str) -> torch.device:
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in _MICRO_BATCH or (name == "cuda" and not torch.cuda.is_available()):
        raise PretrainingError(f"The device '{name}' can't be used: name cpu, or cuda where there is a GPU.")
    return torch.device(name)


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _clear() -> str:
    return "\r\x1b[K" if sys.stdout.isatty() else ""


def main(arguments: list[str] | None = None) -> int:
    """The command line where there is no `spacy`; `spacy bioner pretrain` has the same options."""
    parser = argparse.ArgumentParser(prog="python -m spacy_bioner.pretraining.masked_lm", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("packed", type=Path, help="folder made by spacy bioner pretrain-pack")
    parser.add_argument("output", type=Path, help="folder of the run; the same command goes on with it")
    parser.add_argument("--minutes", type=float, default=0.0, help="how long the run may take")
    parser.add_argument("--steps", type=int, default=0, help="how many updates to make")
    parser.add_argument("--settings", default="", help='others: "layers=6 width=384"')
    parser.add_argument("--start-from", type=Path, help="folder of weights of an earlier run, to begin with")
    parser.add_argument("--device", default="", help="cpu or cuda; default: a GPU if there is one")
    parser.add_argument("--threads", type=int, default=0, help="threads of PyTorch on the CPU")
    parser.add_argument("--pause-minutes", type=float, default=0.0, help="stop after these, to go on later")
    given = parser.parse_args(arguments)
    try:
        settings = parse_settings(f"minutes={given.minutes} steps={given.steps} {given.settings}")
        pretrain(
            given.packed,
            given.output,
            settings,
            start_from=given.start_from,
            device=given.device,
            threads=given.threads,
            pause_minutes=given.pause_minutes,
        )
    except BionerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
