"""Running an experiment: each training in a process and a folder of its own; what was stopped goes on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from queue import Queue
from random import Random
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from spacy_bioner.corpora.docbin import docbin, docbin_files, read_docbin
from spacy_bioner.corpora.provenance import versions
from spacy_bioner.errors import ExperimentError
from spacy_bioner.files import remove, sha256, write_json
from spacy_bioner.training.experiment_plan import Data, Plan, System

DONE = "run.json"
"""What a finished run's folder has: what was run, and how long it took."""
SCORES = "scores.json"
"""The evaluation on the reported split, beside it."""
BEGUN, LOG = "begun.json", "log.txt"


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of an experiment."""

    system: System
    corpus: Data
    share: float
    seed: int

    @property
    def folder(self) -> Path:
        """Its folder in that of the experiment."""
        share = () if self.share == 1 else (f"share-{self.share:g}",)
        return Path(self.corpus.name, self.system.name, *share, f"seed-{self.seed}")


def cells(plan: Plan) -> list[Cell]:
    """All trainings of a plan, seed by seed, so that early results say something of all systems."""
    return [
        Cell(system, corpus, share, seed)
        for seed, share, corpus, system in product(plan.seeds, plan.shares, plan.corpora, plan.systems)
    ]


def run_experiment(
    plan: Plan, output: Path, *, jobs: int = 1, gpus: Sequence[int] = (), progress: bool = True
) -> list[Path]:
    """Runs what of an experiment isn't done yet.

    A finished run is kept if nothing that it depends on has changed: config, settings, encoder, data, seed,
    the versions of what is installed. An unfinished one goes on from its last checkpoint.

    Args:
        plan: what to run.
        output: the folder of the experiment, with a folder for each run.
        jobs: how many trainings run at once; on a CPU each with one thread if there are several.
        gpus: the GPUs to use, a training each; then there are as many jobs as GPUs.
        progress: whether to show how far it is.

    Returns:
        The folders of all runs.

    Raises:
        ExperimentError: if a file is missing, another process runs this experiment, or a training fails;
            then what was finished stays, and the next call goes on.
    """
    wanted = [(cell, _made_of(cell)) for cell in cells(plan)]
    output.mkdir(parents=True, exist_ok=True)
    with _only_one(output):
        todo = [(cell, of) for cell, of in wanted if not _is_done(output / cell.folder, of)]
        devices: Queue[int] = Queue()
        for device in gpus or [-1] * max(jobs, 1):
            devices.put(device)
        threads = 1 if devices.qsize() > 1 and not gpus else None
        stopping: list[bool] = []

        def run(cell: Cell, made_of: Mapping[str, Any]) -> None:
            device = devices.get()
            try:
                if not stopping:
                    _run(cell, output, made_of, device, threads, plan.keep_models)
            except BaseException:
                stopping.append(True)
                raise
            finally:
                devices.put(device)

        with ThreadPoolExecutor(devices.qsize()) as pool:
            futures = [pool.submit(run, cell, made_of) for cell, made_of in todo]
            shown = None if progress else True
            try:
                for future in tqdm(as_completed(futures), "runs", len(todo), leave=False, disable=shown):
                    future.result()
            except BaseException:
                stopping.append(True)
                raise
    return [output / cell.folder for cell, _ in wanted]


def _made_of(cell: Cell) -> dict[str, Any]:
    """Everything that a run's result depends on."""
    if not cell.system.config.is_file():
        raise ExperimentError(f"System '{cell.system.name}': there is no config {cell.system.config}. [B426]")
    data = {}
    for split in ("train", "dev", "test"):
        files = docbin_files(getattr(cell.corpus, split)) if getattr(cell.corpus, split) else []
        data[split] = [{"file": path.name, "sha256": sha256(path)} for path in files]
    encoder = Path(cell.system.encoder) if cell.system.encoder else None
    weights = encoder / "model.safetensors" if encoder else None
    return {
        "system": cell.system.name,
        "config": {"file": cell.system.config.name, "sha256": sha256(cell.system.config)},
        "encoder": cell.system.encoder,
        "encoder_sha256": sha256(weights) if weights and weights.is_file() else "",
        "settings": dict(cell.system.settings),
        "own_heads": list(cell.system.own_heads),
        "corpus": cell.corpus.name,
        "data": data,
        "share": cell.share,
        "seed": cell.seed,
        "versions": versions(),
    }


def _is_done(folder: Path, made_of: Mapping[str, Any]) -> bool:
    done = _read(folder / DONE)
    return isinstance(done, dict) and done.get("made_of") == made_of and (folder / SCORES).is_file()


def _read(path: Path) -> Any:
    """The content of a JSON file; None if it isn't there, or isn't whole."""
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (FileNotFoundError, ValueError):
        return None


def _run(
    cell: Cell, output: Path, made_of: Mapping[str, Any], device: int, threads: int | None, keep: bool
) -> None:
    """Trains and evaluates; the file that says that it is done is written last."""
    folder = output / cell.folder
    if _read(folder / BEGUN) != made_of:  # otherwise the training goes on from its checkpoint
        remove(folder)
        folder.mkdir(parents=True)
        write_json(folder / BEGUN, made_of)
    train = docbin_files(cell.corpus.train)
    if cell.share < 1:
        train = [_cut(train, cell.share, cell.seed, folder / "train.spacy")]
    model = folder / "model"
    commands = [_training(cell, train, model, device), _evaluation(cell, model, folder, device)]
    used = [_call(command, folder / LOG, threads) for command in commands]
    remove(model / "model-last")
    if not keep:
        remove(model)
    remove(folder / "train.spacy")
    write_json(
        folder / f"{DONE}.partial",
        {
            "made_of": made_of,
            "train_seconds": round(used[0].seconds, 1),
            "train_cpu_seconds": round(used[0].cpu_seconds, 1),
            "train_peak_mb": round(used[0].peak_mb),
            "device": "CPU" if device < 0 else f"GPU {device}",
            "threads": threads,
            "commands": [shlex.join(["python", *command[1:]]) for command in commands],
        },
    )
    os.replace(folder / f"{DONE}.partial", folder / DONE)


def _training(cell: Cell, train: Sequence[Path], model: Path, device: int) -> list[str]:
    system = cell.system
    command = [sys.executable, "-m", "spacy", "bioner", "train", str(system.config), str(model)]
    command += ["--seed", str(cell.seed), "--gpu-id", str(device)]
    command += ["--encoder", system.encoder] if system.encoder else []
    for option, values in (
        ("--train", train),
        ("--dev", docbin_files(cell.corpus.dev)),
        ("--own-heads", system.own_heads),
    ):
        for value in values:
            command += [option, str(value)]
    for name, value in system.settings.items():
        command += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    return command


def _evaluation(cell: Cell, model: Path, folder: Path, device: int) -> list[str]:
    data = docbin_files(cell.corpus.test or cell.corpus.dev)
    command = [sys.executable, "-m", "spacy", "bioner", "evaluate", str(model / "model-best")]
    return [*command, *map(str, data), "--output", str(folder / SCORES), "--gpu-id", str(device)]


def _cut(files: Sequence[Path], share: float, seed: int, path: Path) -> Path:
    """Writes a share of the training documents: the first of them in an order that the seed gives."""
    docs = [doc for file in files for doc in read_docbin(file)]
    order = list(range(len(docs)))
    Random(seed).shuffle(order)
    kept = sorted(order[: max(round(share * len(docs)), 1)])
    docbin([docs[i] for i in kept]).to_disk(path)
    return path


@dataclass(frozen=True, slots=True)
class _Used:
    seconds: float
    cpu_seconds: float
    peak_mb: float


def _call(command: Sequence[str], log: Path, threads: int | None) -> _Used:
    """Runs a command with its output in a file; raises ExperimentError with the end of that if it fails."""
    environment = dict(os.environ)
    if threads is not None:
        environment |= dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
        )
    start = time.perf_counter()
    with log.open("ab") as file:
        file.write(f"{shlex.join(command)}\n".encode())
        file.flush()
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, preexec_fn=_end_with_parent
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        end = log.read_text(encoding="utf8", errors="replace").strip().splitlines()[-15:]
        raise ExperimentError("\n".join([f"A run failed; all of its output is in {log}. [B561]", *end]))
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere
    peak = usage.ru_maxrss * unit / (1 << 20)
    return _Used(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak)


def _end_with_parent() -> None:
    """Has Linux end a training when the experiment is killed, so that none is left writing to its folder."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


@contextmanager
def _only_one(output: Path) -> Iterator[None]:
    """Holds the experiment's folder, as long as this process lives."""
    lock = FileLock(output / ".lock")
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        raise ExperimentError(f"Another process runs the experiment in {output}. [B427]") from None
    with held:
        yield
