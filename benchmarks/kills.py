"""Runs that are killed at random: `python -m benchmarks.kills [--kills 20] [--seed 1] [--series train]`.

Each series kills (SIGKILL) one verb after a random time, and starts it again as its documentation says, until
it was killed as often as asked; "workers" is `annotate --n-process 2` with one of its workers killed. After
each kill every output must be what stood there before, or whole; at the end of a round it must be that of an
undisturbed run to the byte, with nothing beside it and no process left.

Each round is recorded in benchmarks/results/kills.json as it ends: a series that was stopped goes on, and
`--anew` begins again.

Needs real corpora ($SPACY_BIONER_CORPORA). Runs are forked from this process, which has imported all, so that
kills hit work and not imports. Prints a table; the exit code is 1 if anything was wrong.
"""

import argparse
import functools
import http.server
import importlib
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spacy.cli._util import app
from wasabi import msg

from benchmarks.common import ROOT, corpora_folder, results, save
from spacy_bioner.files import sha256

NEEDED = ("spacy_bioner.annotation.annotating", "spacy_bioner.training.loop", "spacy_bioner.cli")
PUBTATOR = "pubtator/NCBI-disease/NCBIdisease_Test.PubTator"
FETCHED = "NCBI-disease,JNLPBA"
MOST_IN_A_ROUND = 3
"""Kills of one run, until it may come to its end."""
WAIT = 120
"""Seconds for a run to end after one of its workers was killed."""
Contents = dict[str, str]
Rows = Counter[tuple[str, str, str]]
"""How often a series has found what, after who was killed."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb to kill.

    Attributes:
        name: of its series.
        arguments: its command line, for a folder that its outputs go to.
        outputs: the names of its outputs in that folder.
        again: what the command gets in addition to go on.
        workers: whether its workers are killed, and not itself.
        is_replaced: whether older outputs stand there in every second round.
        by_file: whether each file in an output comes on its own.
    """

    name: str
    arguments: Callable[[Path], Sequence[str]]
    outputs: tuple[str, ...]
    again: tuple[str, ...] = ()
    workers: bool = False
    is_replaced: bool = True
    by_file: bool = False


def contents(folder: Path, name: str = ".") -> Contents:
    """The checksums of all files below a name in a folder, hidden ones too."""
    start = folder / name
    files = [start] if start.is_file() else [path for path in start.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def run(arguments: Sequence[str], log: Path) -> None:
    """A command of `spacy bioner`, in a session of its own, with what it prints in a file."""
    os.setsid()
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    app(["bioner", *arguments], prog_name="spacy")


def start(arguments: Sequence[str], log: Path) -> Any:
    process = multiprocessing.get_context("fork").Process(target=run, args=(arguments, log))
    process.start()
    return process


def session_of(leader: int) -> list[int]:
    """The processes that belong to a run, without its first."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == leader:
            continue
        try:
            state, _, _, session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == leader and state != "Z":
            found.append(int(folder.name))
    return found


def killed(process: Any, verb: Verb, after: float, chance: random.Random) -> str:
    """Kills a run, or one of its workers, after some seconds: which it was, or nothing if it was over."""
    process.join(after)
    if process.exitcode is not None:
        return ""
    if not verb.workers:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        return "parent"
    while process.exitcode is None:
        if workers := sorted(session_of(process.pid)):
            os.kill(chance.choice(workers), signal.SIGKILL)
            process.join(WAIT)
            if process.exitcode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.join()
                raise AssertionError("the run hangs without its worker")
            return "worker"
        process.join(0.05)
    return ""


def left(leader: int) -> list[int]:
    """The processes of a run that are there ten seconds after it."""
    end = time.monotonic() + 10
    while (found := session_of(leader)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def state(folder: Path, verb: Verb, old: Contents, whole: Contents) -> str:
    """What is in the folder of outputs after a kill; a word in capitals is a fault."""
    found = set()
    for output in verb.outputs:
        now = contents(folder, output)
        if verb.by_file:  # hidden files are on their way
            shown = {name: sum for name, sum in now.items() if "/." not in name}
            if any(whole.get(name) != sum for name, sum in shown.items()):
                found.add("HALF A FILE")
            found.add(f"{len(shown)} files")
            continue
        wanted = {name: sum for name, sum in whole.items() if Path(name).parts[0] == output}
        before = {name: sum for name, sum in old.items() if Path(name).parts[0] == output}
        if now == wanted:
            found.add("new output")
        elif now == before:
            found.add("old output" if before else "no output")
        else:
            found.add("HALF AN OUTPUT")
    kinds = {".partial": "partial file", ".parts": "parts", ".run": "checkpoint"}
    names = [path.name for path in folder.rglob("*")]
    found |= {kind for ending, kind in kinds.items() if any(name.endswith(ending) for name in names)}
    return ", ".join(sorted(found))


def undisturbed(verb: Verb, folder: Path, log: Path) -> tuple[Contents, float]:
    """What a run gives that nobody kills, and the seconds that it takes.

    Raises:
        SystemExit: if it fails, or if two runs differ.
    """
    found, seconds = [], []
    for number in range(2):
        target = folder / f"whole-{number}"
        target.mkdir(parents=True)
        begun = time.monotonic()
        process = start(verb.arguments(target), log)
        process.join()
        seconds.append(time.monotonic() - begun)
        if process.exitcode:
            raise SystemExit(f"{verb.name} fails undisturbed:\n{log.read_text()}")
        found.append(contents(target))
    if found[0] != found[1]:
        raise SystemExit(f"{verb.name}: two undisturbed runs differ: {differences(*found)}")
    return found[0], max(seconds)


def spoil(folder: Path) -> None:
    """Makes the outputs in a folder others, as an older run would have left them."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "meta.json":  # a folder must still be a pipeline's
            path.write_bytes(path.read_bytes() + b"\n")


def play(
    verb: Verb, target: Path, whole: Contents, seconds: float, most: int, chance: random.Random
) -> Iterator[tuple[str, str]]:
    """Kills a run up to `most` times and lets it end: who was killed, and what was found after it.

    What was wrong at the end comes as "end".
    """
    log = target.with_suffix(".txt")
    old = contents(target)
    arguments = list(verb.arguments(target))
    for number in range(most + 1):
        process = start(arguments, log)
        arguments = [*verb.arguments(target), *verb.again]
        if number == most:
            process.join()
        elif who := killed(process, verb, chance.uniform(0, seconds), chance):
            yield who, state(target, verb, old, whole)
            if who == "worker" and process.exitcode != 1:
                yield "end", f"EXIT {process.exitcode} WITHOUT A WORKER"
        if running := left(process.pid):
            yield "end", f"{len(running)} PROCESSES LEFT"
            os.killpg(process.pid, signal.SIGKILL)
        if process.exitcode == 0:
            break
    if process.exitcode != 0:
        yield "end", f"EXIT {process.exitcode}: {log.read_text()[-2000:]}"
    elif (end := contents(target)) != whole:
        yield "end", f"NOT EQUAL: {differences(whole, end)}"


def differences(whole: Contents, found: Contents) -> str:
    """The files that are missing, too many, or others."""
    return ", ".join(sorted(name for name in whole.keys() | found if whole.get(name) != found.get(name)))


class SlowHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder at some four megabytes a second."""

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:  # type: ignore[override]
        try:
            while block := source.read(1 << 16):
                outputfile.write(block)
                time.sleep(0.015)
        except OSError:
            pass  # who asked was killed

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def slow_server(folder: Path) -> Iterator[str]:
    """Serves a folder on this machine; gives its address."""
    handler = functools.partial(SlowHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


def verbs(folder: Path, address: str, asked: Sequence[str]) -> Iterator[Verb]:
    """What is killed. The training's own pipeline annotates; its data are the sample corpus."""
    corpora = corpora_folder()
    data, model, texts = folder / "data", folder / "model", folder / "texts.pubtator"
    documents = (corpora / PUBTATOR).read_text(encoding="utf8").strip().split("\n\n")
    copies = [text.replace(text.split("|")[0], str(number)) for number, text in enumerate(documents)]
    texts.write_text("\n\n".join(copies) + "\n\n", encoding="utf8")

    def train(target: Path) -> list[str]:
        settings = "training.max_steps=30 training.eval_frequency=10 training.patience=0"
        command = ["train", str(ROOT / "configs/bioner_cnn.cfg"), str(target / "model"), "--encoder", "cnn"]
        command += ["--train", str(data / "train.spacy"), "--dev", str(data / "devel.spacy")]
        return [*command, "--settings", settings]

    def annotate(target: Path, processes: int) -> list[str]:
        command = ["annotate", str(model / "model/model-best"), str(texts)]
        command += ["--output", str(target / "found.jsonl"), "--threshold", "0.1", "--part-size", "10"]
        return [*command, "--n-process", str(processes)]

    def fetch(target: Path) -> list[str]:
        command = ["fetch", "--corpus", FETCHED, "--assets", str(target / "assets")]
        return [*command, "--corpora-base", address]

    def convert(target: Path) -> list[str]:
        return ["convert", str(corpora / "mtl/NCBI-disease-IOB"), str(target)]

    needed = [["convert", str(ROOT / "corpus/sample"), str(data)], train(model)]
    for arguments in needed if {"workers", "annotate", "train"}.intersection(asked) else ():
        process = start(arguments, folder / "log.txt")
        process.join()
        if process.exitcode:
            raise SystemExit((folder / "log.txt").read_text())
    again = ("--resume",)
    converted = ("train.spacy", "devel.spacy", "test.spacy")
    found = [
        Verb("workers", lambda target: annotate(target, 2), ("found.jsonl",), again, workers=True),
        Verb("annotate", lambda target: annotate(target, 1), ("found.jsonl",), again),
        Verb("train", train, ("model",)),
        Verb("convert", convert, converted),
        Verb("fetch", fetch, ("assets",), is_replaced=False, by_file=True),
    ]
    yield from sorted((verb for verb in found if verb.name in asked), key=lambda verb: asked.index(verb.name))


def record(rows: Rows, seed: int) -> None:
    """Writes down what all series have found so far."""
    save("kills", {"seed": seed, "rows": [[*found, times] for found, times in sorted(rows.items())]})


def series(verb: Verb, kills: int, seed: int, folder: Path, rows: Rows) -> None:
    """Kills a verb, round after round, until `rows` has as many kills of it as asked."""
    whole, seconds = undisturbed(verb, folder, folder.with_suffix(".txt"))
    chance = random.Random(f"{seed}-{verb.name}-{kills_of(rows, verb.name)}")
    for number in itertools.count():
        count = kills_of(rows, verb.name)
        if count >= kills:
            break
        target = folder / f"round-{number}"
        target.mkdir()
        if verb.is_replaced and chance.random() < 0.5:
            shutil.copytree(folder / "whole-0", target, dirs_exist_ok=True)
            spoil(target)
        found: Rows = Counter()
        for who, what in play(verb, target, whole, seconds, min(MOST_IN_A_ROUND, kills - count), chance):
            found[verb.name, who, what] += 1
            print(f"{verb.name}: {who}: {what}", flush=True)
        rows.update(found)
        record(rows, seed)
        shutil.rmtree(target)


def kills_of(rows: Rows, name: str) -> int:
    """How often a series has killed."""
    return sum(times for (series, who, _), times in rows.items() if series == name and who != "end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of each series")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", default="workers,annotate,convert,fetch,train")
    parser.add_argument("--anew", action="store_true", help="forget what was recorded")
    arguments = parser.parse_args()
    for module in NEEDED:
        importlib.import_module(module)
    earlier = [] if arguments.anew else results("kills").get("rows", [])
    rows: Rows = Counter({(name, who, what): times for name, who, what, times in earlier})
    asked = [name for name in arguments.series.split(",") if kills_of(rows, name) < arguments.kills]
    with tempfile.TemporaryDirectory() as temporary, slow_server(corpora_folder() / "mtl") as address:
        for verb in verbs(Path(temporary), address, asked):
            series(verb, arguments.kills, arguments.seed, Path(temporary) / verb.name, rows)
            msg.info(f"{verb.name}: {kills_of(rows, verb.name)} kills")
    table = [(*found, times) for found, times in sorted(rows.items())]
    msg.table(table, header=("series", "killed", "found afterwards", "times"), aligns="lllr")
    if any(not what.islower() for _, _, what in rows):
        msg.fail("Something was doubled, lost, half written, or left behind", exits=1)
    msg.good(
        "Every output was the old one or whole after each kill, and that of an undisturbed run in the end"
    )


if __name__ == "__main__":
    main()
