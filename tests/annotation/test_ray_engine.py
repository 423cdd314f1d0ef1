"""Many inputs by Ray's workers, as by one process; killed workers and drivers lose and double nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from memorised import KNOWN

pytest.importorskip("ray", reason="Ray isn't installed")
pytestmark = pytest.mark.slow

from spacy_bioner.annotation.file_units import annotate_units, verify  # noqa: E402
from spacy_bioner.annotation.settings import Settings  # noqa: E402
from spacy_bioner.documents import formats  # noqa: E402
from spacy_bioner.documents.document import Document  # noqa: E402


def write_inputs(folder: Path, files: int, documents: int) -> Path:
    folder.mkdir()
    for number in range(files):
        texts = (KNOWN[i % len(KNOWN)][0] for i in range(documents))
        made = [Document(text, id=f"{number}-{i}") for i, text in enumerate(texts)]
        formats.write(made, folder / f"{number:02}.jsonl.gz", "jsonl")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}


def test_ray_gives_what_one_process_gives(knowing_pipeline: Path, tmp_path: Path):
    inputs = write_inputs(tmp_path / "in", files=4, documents=20)
    (inputs / "broken.jsonl").write_text('{"text": 1}\n')
    annotate_units(knowing_pipeline, [inputs], tmp_path / "local", Settings("jsonl"))
    done = annotate_units(knowing_pipeline, [inputs], tmp_path / "ray", Settings("jsonl"), engine="ray")
    assert (done.done, done.documents, list(done.failed)) == (4, 80, ["broken.jsonl"])
    assert "text" in done.failed["broken.jsonl"]
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def working(driver: int) -> list[int]:
    """The workers of a driver that are at work."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [
        (int(pid), int(parent), args)
        for pid, parent, args in (line.split(None, 2) for line in listed.stdout.splitlines())
    ]
    ours = {driver}
    while more := {pid for pid, parent, _ in rows if parent in ours} - ours:
        ours |= more
    return [pid for pid, _, args in rows if pid in ours and args.startswith("ray::_task")]


def test_killed_workers_and_drivers(knowing_pipeline: Path, tmp_path: Path):
    """Ten workers and three drivers are killed at work; what goes on ends as what wasn't disturbed."""
    inputs = write_inputs(tmp_path / "in", files=20, documents=300)
    command = [
        *(sys.executable, "-m", "spacy", "bioner", "annotate", str(knowing_pipeline), str(inputs)),
        *("--output", str(tmp_path / "out"), "--engine", "ray"),
    ]
    chance = random.Random(0)
    workers, drivers, runs = 0, 0, 0
    while runs < 20:
        runs += 1
        resumed = ["--resume"] if (tmp_path / "out" / "manifest.json").exists() else []
        before = workers
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen([*command, *resumed], stdout=log, stderr=log)
            while process.poll() is None:
                time.sleep(chance.uniform(0.2, 1.0))
                if workers < 10 and (found := working(process.pid)):
                    os.kill(chance.choice(found), signal.SIGKILL)
                    workers += 1
                if drivers < 3 and workers >= min(before + 3, 9):
                    process.send_signal(signal.SIGKILL)
                    drivers += 1
                    process.wait()
        if process.returncode == 0:
            break
    print(f"{workers} workers and {drivers} drivers killed in {runs} runs")
    assert (workers, drivers) == (10, 3)
    assert verify([inputs], tmp_path / "out") == []
    annotate_units(knowing_pipeline, [inputs], tmp_path / "whole", Settings("jsonl"))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not list((tmp_path / "out").glob(".work*"))
