"""A training that was stopped ends as one that wasn't."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy

from spacy_bioner.errors import FormatError, PipelineError
from spacy_bioner.training import updates

SETTINGS = {"training.max_steps": 9, "training.eval_frequency": 3, "training.patience": 0}


def weights(folder: Path) -> dict[str, Any]:
    """All weights of a pipeline's `bioner` or `ner` and its encoder."""
    nlp = spacy.load(folder)
    return {
        f"{name}/{place}/{own}": numpy.array(node.get_param(own))
        for name, pipe in nlp.pipeline
        if hasattr(pipe, "model")
        for place, node in enumerate(pipe.model.walk())
        for own in node.param_names
    }


def stop_after(patch: pytest.MonkeyPatch, steps: int, error: type[BaseException]) -> None:
    """Has a training stop when it has made so many updates."""
    make = updates._update

    def update(training: updates.Training, *arguments: Any) -> None:
        if training.progress.step == steps:
            raise error
        make(training, *arguments)

    patch.setattr(updates, "_update", update)


def ctrl_c(patch: pytest.MonkeyPatch, function: str, step: int) -> None:
    """Presses Ctrl-C when a function of the loop is called at some update."""
    original = getattr(updates, function)

    def pressed(training: updates.Training, *arguments: Any) -> None:
        if training.progress.step == step:
            os.kill(os.getpid(), signal.SIGINT)
        original(training, *arguments)

    patch.setattr(updates, function, pressed)


# in an update, at a score, and at the last score
PRESSED = [
    ("bioner_cnn", "_update", 5),
    ("bioner_cnn", "_keep", 7),
    ("bioner_cnn", "_keep", 10),
    ("bioner_trf", "_update", 5),
    ("ner_cnn", "_update", 5),
]


@pytest.mark.parametrize(("config", "function", "step"), PRESSED)
def test_a_stopped_training_goes_on_to_the_same_weights(
    train_tiny: Callable[..., Path], tmp_path: Path, config: str, function: str, step: int
) -> None:
    train_tiny(tmp_path / "whole", config, overrides=SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        ctrl_c(patch, function, step)
        train_tiny(tmp_path / "parts", config, overrides=SETTINGS)
    # what was trained so far is a pipeline already
    spacy.load(tmp_path / "parts" / "model-best")
    assert (tmp_path / "parts.run").is_dir()
    train_tiny(tmp_path / "parts", config, overrides=SETTINGS)
    assert not (tmp_path / "parts.run").exists()
    whole, parts = weights(tmp_path / "whole" / "model-last"), weights(tmp_path / "parts" / "model-last")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        numpy.testing.assert_array_equal(value, parts[name], err_msg=name)


def test_stopped_at_once_it_goes_on_from_the_checkpoint_before(
    train_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    train_tiny(tmp_path / "whole", "bioner_cnn", overrides=SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 5, KeyboardInterrupt)
        train_tiny(tmp_path / "parts", "bioner_cnn", overrides=SETTINGS)
    train_tiny(tmp_path / "parts", "bioner_cnn", overrides=SETTINGS)
    whole, parts = weights(tmp_path / "whole" / "model-last"), weights(tmp_path / "parts" / "model-last")
    for name, value in whole.items():
        numpy.testing.assert_array_equal(value, parts[name], err_msg=name)


def test_a_failure_keeps_what_was_trained(train_tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 5, RuntimeError)
        with pytest.raises(RuntimeError):
            train_tiny(tmp_path / "out", "bioner_cnn", overrides=SETTINGS)
    assert not (tmp_path / "out").exists()
    spacy.load(tmp_path / "out.run" / "model-best")


def test_another_training_never_goes_on_with_it(train_tiny: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 5, KeyboardInterrupt)
        train_tiny(tmp_path / "out", "bioner_cnn", overrides=SETTINGS)
    with pytest.raises(PipelineError, match=r"out\.run holds a training that was stopped.*\(config\)"):
        train_tiny(tmp_path / "out", "bioner_cnn", overrides={**SETTINGS, "training.dropout": 0.3})
    (tmp_path / "out.run" / "checkpoint" / "state.json").write_text("{}")
    with pytest.raises(FormatError, match="not a whole checkpoint"):
        train_tiny(tmp_path / "out", "bioner_cnn", overrides=SETTINGS)


def test_the_last_update_is_always_scored(train_tiny: Callable[..., Path], tmp_path: Path) -> None:
    settings = {**SETTINGS, "training.max_steps": 5, "training.eval_frequency": 200}
    train_tiny(tmp_path / "out", "bioner_cnn", overrides=settings)
    last = spacy.load(tmp_path / "out" / "model-last")
    best = spacy.load(tmp_path / "out" / "model-best")
    # two scores, after the first and the last update: what is best isn't what nobody trained
    assert last.meta["performance"]["bioner_loss"] != 0
    assert best.meta["performance"]["ents_f"] >= last.meta["performance"]["ents_f"]
