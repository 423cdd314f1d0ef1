"""The updates of a training: spaCy's loop, with checkpoints that it goes on from.

It makes what `spacy train` makes of the same config (`spacy.training.loop`), and differs in three things. It
writes a checkpoint at each evaluation and every few minutes, and goes on from one. It always evaluates after
the last update. And the order of the data depends on the seed alone, not on random numbers drawn elsewhere.
"""

import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    subdivide_batch,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import Optimizer, constant, fix_random_seed, set_gpu_allocator

from spacy_bioner.files import Outputs
from spacy_bioner.terminal import warn
from spacy_bioner.training.checkpoint import (
    Progress,
    load_checkpoint,
    read_identity,
    save_checkpoint,
)
from spacy_bioner.training.memory import return_free_memory

BEST, LAST, CHECKPOINT = "model-best", "model-last", "checkpoint"
_CHECKPOINT_SECONDS = 600
_TRIM_EVERY = 10
"""After how many updates free memory goes back to the system."""


@dataclass(slots=True)
class Training:
    """A training under way.

    Attributes:
        nlp: the pipeline.
        folder: where `model-best`, `model-last` and `checkpoint` go.
        settings: the [training] of its config, resolved.
        optimizer: its optimizer.
        identity: what must be the same where it goes on.
        progress: where it stands.
        stopping: whether it is to stop after the update that is under way.
    """

    nlp: Language
    folder: Path
    settings: dict[str, Any]
    optimizer: Optimizer
    identity: dict[str, Any]
    progress: Progress
    stopping: bool = False


def run_updates(nlp: Language, folder: Path, identity: dict[str, Any], use_gpu: int = -1) -> Progress:
    """Trains an initialized pipeline as its config says, or goes on with it.

    Args:
        nlp: the pipeline, as `spacy.training.initialize.init_nlp` makes it.
        folder: gets `model-best`, `model-last`, and `checkpoint` from which the same call goes on.
        identity: what the training depends on, as JSON has it. A checkpoint of another one is not used.
        use_gpu: the GPU in use; -1 for the CPU.

    Returns:
        Where it ended.

    Raises:
        KeyboardInterrupt: if it is interrupted. The first Ctrl-C lets the update under way end and writes a
            checkpoint; the second stops at once, and leaves the checkpoint before.
    """
    config = nlp.config.interpolate()
    seed, allocator = config["training"]["seed"], config["training"]["gpu_allocator"]
    if seed is not None:
        fix_random_seed(seed)
    if use_gpu >= 0 and allocator:
        set_gpu_allocator(allocator)
    settings = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [settings["train_corpus"], settings["dev_corpus"]])
    evaluate = create_evaluation_callback(nlp, dev_corpus, settings["score_weights"])
    batches = _with_own_order(
        create_train_batches(nlp, train_corpus, settings["batcher"], settings["max_epochs"]),
        random.getstate(),
    )
    training = Training(nlp, folder, settings, settings["optimizer"], identity, Progress())
    folder.mkdir(parents=True, exist_ok=True)
    if read_identity(folder / CHECKPOINT) == identity:
        _go_on(training, batches)
    with nlp.select_pipes(disable=settings["frozen_components"]):
        log_step, finish_log = settings["logger"](nlp, sys.stdout, sys.stderr)
    try:
        with _interruptible(training):
            _train(training, batches, evaluate, log_step)
    finally:
        finish_log()
    _warn_of_untrained(training.progress)
    return training.progress


@contextmanager
def _interruptible(training: Training) -> Iterator[None]:
    """Has Ctrl-C stop a training after a whole update: half of one, or averages of weights, are no state."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: Any) -> None:
        training.stopping = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _warn_of_untrained(progress: Progress) -> None:
    """Warns if no score is better than the first, which is that of a pipeline after one update."""
    if not progress.results or max(score for score, _ in progress.results) > progress.results[0][0]:
        return
    warn(
        f"No evaluation was better than the first, after one update: the pipeline in {BEST} is hardly "
        "trained. Train longer (training.max_steps, training.max_epochs), or look at data and learning rate.",
        stacklevel=3,
    )


def _go_on(training: Training, batches: Iterator[tuple[int, list[Example]]]) -> None:
    """Puts a training where its checkpoint was."""
    steps = load_checkpoint(training.folder / CHECKPOINT, training.nlp, training.optimizer)
    training.progress = steps
    print(f"Going on after update {steps.step:,}.", flush=True)
    for _ in range(steps.step):
        next(batches)
        training.optimizer.step_schedules()


def _train(
    training: Training,
    batches: Iterator[tuple[int, list[Example]]],
    evaluate: Callable[[], tuple[float, dict[str, float]]],
    log_step: Callable[[dict[str, Any] | None], None],
) -> None:
    """Makes updates until the data, the steps or the patience is over."""
    settings, progress = training.settings, training.progress
    drop = settings["dropout"]
    dropouts = iter(constant(drop) if isinstance(drop, float) else drop)
    for _ in range(progress.step):
        next(dropouts)
    begun = time.perf_counter() - progress.seconds
    saved = time.perf_counter()
    ahead = next(batches, None) if not _is_over(settings, progress) else None
    while ahead is not None:
        epoch, batch = ahead
        _update(training, epoch, batch, next(dropouts))
        number = progress.step  # of this update, from 0
        if number % _TRIM_EVERY == 0:
            return_free_memory()
        progress.step += 1
        progress.words += sum(len(example) for example in batch)
        progress.seconds = time.perf_counter() - begun
        score, scores = None, None
        is_scored = number % settings["eval_frequency"] == 0
        ahead = next(batches, None)
        over = settings["max_steps"] and number >= settings["max_steps"]
        if is_scored or over or ahead is None:
            with training.nlp.use_params(training.optimizer.averages or {}):
                score, scores = evaluate()
        results = progress.results if score is None else [*progress.results, (float(score), number)]
        info = {
            "epoch": epoch,
            "step": number,
            "score": score,
            "other_scores": scores,
            "losses": progress.losses,
            "checkpoints": results,
            "seconds": int(progress.seconds),
            "words": progress.words,
        }
        if score is not None:
            _keep(training, info)
        log_step(info if score is not None else None)
        if score is not None:
            progress.results, progress.losses = results, {}
        if score is not None or training.stopping or time.perf_counter() - saved > _CHECKPOINT_SECONDS:
            _save(training)
            saved = time.perf_counter()
        if training.stopping:
            raise KeyboardInterrupt
        if over or _is_over(settings, progress):
            break


def _is_over(settings: dict[str, Any], progress: Progress) -> bool:
    """Whether the steps are over, or the last best score is too long ago."""
    if not progress.results:
        return False
    number = progress.step - 1
    best = -max((score, -step) for score, step in progress.results)[1]
    patience, most = settings["patience"], settings["max_steps"]
    return bool((patience and number - best >= patience) or (most and number >= most))


def _update(training: Training, epoch: int, batch: list[Example], drop: float) -> None:
    nlp, settings = training.nlp, training.settings
    if settings["before_update"]:
        settings["before_update"](nlp, {"step": training.progress.step, "epoch": epoch})
    for part in subdivide_batch(batch, settings["accumulate_gradient"]):
        nlp.update(
            part,
            drop=drop,
            losses=training.progress.losses,
            sgd=False,  # type: ignore[arg-type]
            exclude=settings["frozen_components"],
            annotates=settings["annotating_components"],
        )
    for name, pipe in nlp.pipeline:
        if name not in settings["frozen_components"] and getattr(pipe, "is_trainable", False):
            trained: Any = pipe
            if trained.model not in (True, False, None):
                trained.finish_update(training.optimizer)
    training.optimizer.step_schedules()


def _keep(training: Training, info: dict[str, Any]) -> None:
    """Writes the pipeline as it is now, and as the best one if it is."""
    nlp, settings, folder = training.nlp, training.settings, training.folder
    with nlp.select_pipes(disable=settings["frozen_components"]):
        update_meta(settings, nlp, info)
    best = info["score"] == max(score for score, _ in info["checkpoints"])
    with nlp.use_params(training.optimizer.averages or {}), Outputs() as outputs:
        last = outputs.temporary(folder / LAST, folder=True)
        create_before_to_disk_callback(settings["before_to_disk"])(nlp).to_disk(last)
        if best:
            shutil.copytree(last, outputs.temporary(folder / BEST, folder=True))


def _save(training: Training) -> None:
    save_checkpoint(
        training.folder / CHECKPOINT,
        training.nlp,
        training.optimizer,
        training.progress,
        training.identity,
    )


def _with_own_order(
    batches: Iterator[tuple[int, list[Example]]], own: tuple[Any, ...]
) -> Iterator[tuple[int, list[Example]]]:
    """The same batches, shuffled by random numbers of their own, so that they can be gone through again.

    Args:
        batches: the batches, made with Python's own random numbers.
        own: the state of these to begin with.
    """
    while True:
        outer = random.getstate()
        random.setstate(own)
        batch = next(batches, None)
        own = random.getstate()
        random.setstate(outer)
        if batch is None:
            return
        yield batch
