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
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from spacy_bioner.errors import BionerError, FormatError, PretrainingError
from spacy_bioner.files import Outputs
from spacy_bioner.models.precision import has_bfloat16
from spacy_bioner.pretraining.bert import new_bert, prepare_weights
from spacy_bioner.pretraining.masking import Masked, WordMasker
from spacy_bioner.pretraining.packed_pieces import Feed, Packed, Pieces, load_packed, sequences
from spacy_bioner.pretraining.pretraining_settings import Settings, parse_settings
from spacy_bioner.pretraining.schedule import Progress, learning_rate
from spacy_bioner.pretraining.start import read_start
from spacy_bioner.pretraining.weights_folder import make_record, write_weights

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.json"
MODEL = "model"
_MICRO_BATCH = {"cpu": 2048, "cuda": 65536}
"""Word pieces at a time: what stays in a CPU's cache, what fills a GPU."""
_CHECKPOINT_SECONDS = 600
_GUESSES = 64
"""Guesses are filled up to a multiple of this with places that don't count."""
_NONE = -100


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
        self._masker = WordMasker(packed.vocabulary, settings.masked, device)
        held_out = sequences(packed.held_out, settings.length, cls, sep)
        held_out = held_out[: max(1, settings.evaluation_pieces // settings.length)]
        if not len(held_out):
            raise PretrainingError(
                f"The held-out text has {len(packed.held_out):,} word pieces, fewer than a sequence: hold "
                "more of the text out. [B497]"
            )
        self._held_out = self._mask(held_out, settings.seed)
        self.model = new_bert(settings, packed, device)
        if not (output / CHECKPOINT).is_file():  # whose weights are read afterwards
            if self._start:
                self._start.load(self.model, packed.vocabulary)
            else:
                prepare_weights(self.model, settings, packed)
        torch.nn.Module.to(self.model, device)  # transformers' own hides its arguments from mypy
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
            raise PretrainingError(f"{output} holds something else than a run: name another folder. [B498]")

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same when a run goes on."""
        parts = [part["sha256"] for part in self._packed.manifest["parts"]]
        start = self._start.sha256 if self._start else None
        return {"settings": asdict(self.settings), "parts": parts, "start_from": start}

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
        batch = self._feed.batch(length, settings.batch // length)
        # a short sequence begins anywhere: so all places are learned, not those of its length alone
        last_begin = settings.positions - length
        masked = self._mask(batch, settings.seed * 1_000_003 + progress.step, last_begin)
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
                f"The loss of step {progress.step:,} isn't finite: begin again with "
                "a lower learning_rate. [B499]"
            )
        progress.step += 1
        progress.pieces += batch.size
        progress.loss += mean * guesses
        progress.guesses += guesses
        progress.seconds += time.perf_counter() - begun
        self._show(mean)

    def _mask(self, pieces: Pieces, seed: int, last_begin: int = 0) -> Masked:
        """Masks sequences on the device: a GPU would wait for the processor."""
        generator = torch.Generator(self.device).manual_seed(seed)
        return self._masker(torch.from_numpy(pieces.astype("int64")).to(self.device), generator, last_begin)

    def _parts(self, masked: Masked) -> Iterator[Masked]:
        """Sequences in as many at a time as suit the device."""
        rows, length = masked.inputs.shape
        at_once = max(1, _MICRO_BATCH[self.device.type] // length)
        for start in range(0, rows, at_once):
            yield masked.slice(start, min(start + at_once, rows))

    def _guess(self, masked: Masked) -> tuple[Tensor, Tensor]:
        """Scores of all word pieces for each piece that is to be guessed, and what each was."""
        # tensors of changing sizes would leave the C library's heap in pieces: a gigabyte more in minutes
        missing = -len(masked.labels) % _GUESSES
        length = masked.inputs.shape[1]
        places = F.pad(masked.rows * length + masked.columns, (0, missing))
        labels = F.pad(masked.labels, (0, missing), value=_NONE)
        positions = masked.begins[:, None] + torch.arange(length, device=self.device)
        with self._autocast():
            hidden = self.model.bert.embeddings(masked.inputs, position_ids=positions)
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

    def _write_weights(self, name: str) -> None:
        record = make_record(self.model, self.settings, self.progress, self._packed, self.curve, self.device)
        if self._before:
            record["start_from"] = self._before
        write_weights(self.output / name, self.model, self.settings, self._packed, self._folder, record)

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
            why = f"not a whole checkpoint ({type(error).__name__}): begin again in another folder [B564]"
            raise FormatError(path, None, why) from None
        if not same:
            raise PretrainingError(
                f"{self.output} holds a run with other settings or on other text: give the same ones to go "
                "on, or name another folder. [B500]"
            )
        self.progress = Progress(**state["progress"])
        self.curve = state["curve"]
        epoch, position, length = state["feed"]
        self._feed.state = (epoch, position, length)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])


def _device(name: str) -> torch.device:
    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if name not in _MICRO_BATCH or (name == "cuda" and not torch.cuda.is_available()):
        raise PretrainingError(
            f"The device '{name}' can't be used: name cpu, or cuda where there is a GPU. [B501]"
        )
    return torch.device(name)


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
