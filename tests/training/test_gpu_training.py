"""On a GPU (`pytest -m gpu`): a transformer learns in each precision, and finds the same on the CPU."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy

from spacy_bioner.evaluation.evaluating import evaluate

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def gpu() -> None:
    cupy = pytest.importorskip("cupy", reason="needs cupy")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"needs a GPU: {error}")


def spacy_bioner(*arguments: object, cwd: Path) -> None:
    """Runs a verb in a process of its own: spaCy keeps to a GPU once it has taken it."""
    command = [sys.executable, "-m", "spacy", "bioner", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_transformer_learns_on_the_gpu_and_finds_the_same_on_the_cpu(
    tiny_data: Path, root: Path, tmp_path: Path, precision: str
):
    data = ["--train", tiny_data / "train.spacy", "--dev", tiny_data / "train.spacy"]
    steps = ["--training.max_steps", 120, "--training.eval_frequency", 60]
    setting = ["--components.transformer.model.precision", precision]
    arguments = ["train", "configs/bioner_trf.cfg", tmp_path / "out", *data, *steps, *setting]
    spacy_bioner(*arguments, "--encoder", "mini", "--gpu-id", 0, cwd=root)
    model = tmp_path / "out" / "model-best"
    made = spacy.load(model).meta["spacy_bioner"]
    assert made["device"] == "GPU"
    scores = ["evaluate", model, tiny_data / "train.spacy", "--output", tmp_path / "gpu.json"]
    spacy_bioner(*scores, "--gpu-id", 0, cwd=root)
    (on_cpu,) = evaluate(model, [tiny_data / "train.spacy"])
    assert on_cpu["total"]["f1"] > 0.5
    import srsly

    on_gpu = srsly.read_json(tmp_path / "gpu.json")
    assert on_gpu["device"] == "GPU"
    assert on_gpu["total"]["f1"] == pytest.approx(on_cpu["total"]["f1"], abs=0.02)


def test_a_refused_gpu_is_said_in_one_message(
    refuse_cli: Callable[..., str], tiny_pipeline: Path, tiny_data: Path
):
    data = tiny_data / "devel.spacy"
    assert "GPU 99 can't be used" in refuse_cli("bioner", "evaluate", tiny_pipeline, data, "--gpu-id", 99)
