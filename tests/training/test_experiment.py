"""Experiments: what a file says, what is run again, and what comes out."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from filelock import FileLock

from spacy_bioner.errors import ComparisonError, ExperimentError
from spacy_bioner.training.experiment import cells, run_experiment
from spacy_bioner.training.experiment_plan import Plan, read_plan, seeds_plan
from spacy_bioner.training.experiment_results import collect, experiment_sections, rows_as_table

FILE = """
seeds = [1, 2]
baseline = "ner"
[settings]
"training.max_steps" = 2
training.eval_frequency = 2
[systems.ner]
config = "configs/ner_cnn.cfg"
encoder = "cnn"
[systems.heads]
config = "configs/bioner_cnn.cfg"
encoder = "cnn"
settings = {"training.dropout" = 0.2}
[corpora.sample]
train = "DATA/train.spacy"
dev = ["DATA/devel.spacy"]
"""


def test_a_plan_is_read(write: Callable[..., Path]):
    plan = read_plan(write(FILE, "e.toml"))
    assert [(s.name, dict(s.settings)) for s in plan.systems] == [
        ("ner", {"training.max_steps": 2, "training.eval_frequency": 2}),
        ("heads", {"training.max_steps": 2, "training.eval_frequency": 2, "training.dropout": 0.2}),
    ]
    assert [str(cell.folder) for cell in cells(plan)] == [
        f"sample/{system}/seed-{seed}" for seed in (1, 2) for system in ("ner", "heads")
    ]
    crossed = 'configs = ["a.cfg", "b.cfg"]\nencoders = ["x", "y"]\ncorpora = ["BC2GM"]\nshares = [0.5, 1]\n'
    plan = read_plan(write(crossed, "c.toml"))
    assert [system.name for system in plan.systems] == ["a-x", "a-y", "b-x", "b-y"]
    assert plan.corpora[0].dev == (Path("corpus/BC2GM/devel.spacy"),)
    assert str(cells(plan)[0].folder) == "BC2GM/a-x/share-0.5/seed-1"


def test_the_projects_own_experiments_can_be_read(root: Path):
    files = sorted((root / "benchmarks" / "experiments").glob("*.toml"))
    assert len(files) >= 4
    with contextlib.chdir(root):
        for file in files:
            plan = read_plan(file)
            assert all(system.config.is_file() for system in plan.systems)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[1, 2]", "[1, 1]", "seeds twice: 1"),
        ("[1, 2]", '["a"]', "seeds is a list of whole numbers"),
        ('"ner"', '"other"', "baseline 'other' is none of the systems"),
        ("encoder =", "encodr =", "system 'ner' can't have 'encodr'"),
        ("dev =", "devel =", "corpus 'sample' can't have 'devel'"),
        ("[systems.ner]", "[systems.'a/b']", "'a/b' can't be the name of a folder"),
        ("seeds", "shares = [2]\nseeds", "numbers above 0 and up to 1"),
        ("[settings]", "[settings", "not TOML"),
    ],
)
def test_what_a_file_can_not_say(write: Callable[..., Path], old: str, new: str, reason: str):
    with pytest.raises(ExperimentError, match=reason.replace("'", ".")):
        read_plan(write(FILE.replace(old, new, 1), "e.toml"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("experiment")


@pytest.fixture(scope="module")
def plan(folder: Path, tiny_data: Path) -> Plan:
    (folder / "e.toml").write_text(FILE.replace("DATA", str(tiny_data)))
    return read_plan(folder / "e.toml")


def results(plan: Plan, output: Path) -> dict[str, list[float]]:
    return {f"{row.system}": list(row.f1) for row in collect(plan, output).rows}


def test_killed_goes_on_and_comes_to_the_same(plan: Plan, folder: Path, root: Path):
    """Killed in the middle of a training: what was finished stays, and the results are the same."""
    with contextlib.chdir(root):
        run_experiment(plan, folder / "whole", progress=False)
        command = [sys.executable, "-m", "spacy", "bioner", "experiment", folder / "e.toml", folder / "cut"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first = folder / "cut" / "sample" / "ner" / "seed-1" / "run.json"
        end = time.monotonic() + 120
        while not first.exists() and time.monotonic() < end:
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = first.stat().st_mtime_ns
        with pytest.raises(ComparisonError, match="isn't finished"):
            collect(plan, folder / "cut")
        run_experiment(plan, folder / "cut", progress=False)
    assert first.stat().st_mtime_ns == before
    assert results(plan, folder / "cut") == results(plan, folder / "whole")
    found = collect(plan, folder / "whole")
    assert [len(row.f1) for row in found.rows] == [2, 2]
    assert found.comparisons[0].baseline == "ner"
    header, rows = rows_as_table(found.rows)
    assert len(rows[0]) == len(header)
    titles = [section.title for section in experiment_sections(found, html=True)]
    assert titles == ["Results", "By type", "heads and ner", "Provenance"]
    json.dumps(found.to_dict())


@pytest.mark.slow
def test_ten_kills_at_random_change_nothing(plan: Plan, folder: Path, root: Path):
    """The experiment and the training that it runs are killed, at any point, ten times."""
    with contextlib.chdir(root):
        run_experiment(plan, folder / "whole", progress=False)
        command = [sys.executable, "-m", "spacy", "bioner", "experiment", folder / "e.toml", folder / "ten"]
        chance, kills, moments = Random(4), 0, []
        longest = 4.0
        while kills < 10 and len(moments) < 60:
            begun = time.monotonic()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.5, longest))
            if process.poll() is None:
                process.kill()
                process.wait()
                kills += 1
                longest *= 1.3  # so that it gets on, however slow the machine is
            elif kills < 10:  # it has come to its end: what it made last is made anew
                done = sorted((folder / "ten").rglob("run.json"), key=lambda path: path.stat().st_mtime)
                done[-1].unlink()
                longest /= 2
            moments.append(time.monotonic() - begun)
        run_experiment(plan, folder / "ten", progress=False)
    assert kills == 10
    assert results(plan, folder / "ten") == results(plan, folder / "whole")


def test_a_run_that_fails_says_why(folder: Path, tiny_data: Path, root: Path):
    data = [tiny_data / "train.spacy"], [tiny_data / "devel.spacy"], []
    broken = seeds_plan(root / "configs/ner_cnn.cfg", *data, ["1"], "cnn", {"training.nothing": 1})
    with pytest.raises(ExperimentError, match=r"A run failed; all of its output is in .*log\.txt"):
        run_experiment(broken, folder / "broken", progress=False)
    with pytest.raises(ExperimentError, match="Seeds are whole numbers"):
        seeds_plan(root / "configs/ner_cnn.cfg", *data, ["a"])
    missing = seeds_plan(root / "configs/nothing.cfg", *data, ["1"])
    with pytest.raises(ExperimentError, match="there is no config"):
        run_experiment(missing, folder / "missing", progress=False)


def test_a_second_run_of_one_experiment_is_refused(plan: Plan, folder: Path, root: Path):
    (folder / "held").mkdir()
    refused = pytest.raises(ExperimentError, match="Another process runs the experiment")
    with contextlib.chdir(root), FileLock(folder / "held" / ".lock"), refused:
        run_experiment(plan, folder / "held", progress=False)
