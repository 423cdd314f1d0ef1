"""Runs that are killed at random: `python -m benchmarks.kills [--kills 25] [--seed 1] [--verbs train,fetch]`.

Each of `annotate`, `train`, `convert` and `fetch` is killed (SIGKILL) after a random time, and started again
as its documentation says, until it was killed as often as asked; half of the kills of `annotate` hit a worker
of `--n-process 2`. After each kill every output must be what stood there before, or whole; at the end of a
round it must be that of an undisturbed run to the byte, with nothing beside it and no process left.

Needs real corpora ($SPACY_BIONER_CORPORA). Runs are forked from this process, which has imported all, so that
kills hit work and not imports. Prints a table; the exit code is 1 if anything was wrong.
"""

import argparse
import functools
import http.server
import importlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
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


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb to kill.

    Attributes:
        name: of it, with what is special about these runs.
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
            shown = {name: sum for name, sum in now.items() if not Path(name).name.startswith(".")}
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


def rounds(verb: Verb, kills: int, chance: random.Random, folder: Path) -> Iterator[tuple[str, str]]:
    """Kills a verb and lets it go on, round after round: who was killed, and what was found after it.

    What was wrong at the end of a round comes as "end".
    """
    log = folder / "log.txt"
    whole_folder = folder / "whole"
    whole_folder.mkdir(parents=True)
    seconds = []
    for _ in range(2):
        begun = time.monotonic()
        process = start(verb.arguments(whole_folder), log)
        process.join()
        seconds.append(time.monotonic() - begun)
        if process.exitcode:
            raise SystemExit(f"{verb.name} fails undisturbed:\n{log.read_text()}")
        first = contents(whole_folder)
        if len(seconds) == 1:
            whole = first
            shutil.rmtree(whole_folder)
            whole_folder.mkdir()
    if first != whole:
        raise SystemExit(f"{verb.name}: two undisturbed runs differ: {differences(whole, first)}")
    count = number = 0
    while count < kills:
        number += 1
        target = folder / f"round-{number}"
        target.mkdir()
        if verb.is_replaced and number % 2:
            shutil.copytree(whole_folder, target, dirs_exist_ok=True)
            for path in target.rglob("*"):
                if path.is_file() and path.name != "meta.json":  # a folder must still be a pipeline's
                    path.write_bytes(path.read_bytes() + b"\n")
        old = contents(target)
        arguments = list(verb.arguments(target))
        for time_of_round in range(MOST_IN_A_ROUND + 1):
            process = start(arguments, log)
            arguments = [*verb.arguments(target), *verb.again]
            if time_of_round == MOST_IN_A_ROUND or count == kills:
                process.join()
            elif who := killed(process, verb, chance.uniform(0, max(seconds)), chance):
                count += 1
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
        shutil.rmtree(target)


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


def verbs(folder: Path, address: str) -> Iterator[Verb]:
    """What is killed. The training's own pipeline annotates; its data are the sample corpus."""
    corpora = corpora_folder()
    data, model, texts = folder / "data", folder / "model", folder / "texts.pubtator"
    documents = (corpora / PUBTATOR).read_text(encoding="utf8").strip().split("\n\n")
    copies = [text.replace(text.split("|")[0], str(number)) for number, text in enumerate(documents * 2)]
    texts.write_text("\n\n".join(copies) + "\n\n", encoding="utf8")

    def train(target: Path) -> list[str]:
        settings = "training.max_steps=60 training.eval_frequency=10 training.patience=0"
        return [
            *("train", str(ROOT / "configs/bioner_cnn.cfg"), str(target / "model"), "--encoder", "cnn"),
            *(
                "--train",
                str(data / "train.spacy"),
                "--dev",
                str(data / "devel.spacy"),
                "--settings",
                settings,
            ),
        ]

    def annotate(target: Path, processes: int) -> list[str]:
        return [
            *(
                "annotate",
                str(model / "model/model-best"),
                str(texts),
                "--output",
                str(target / "found.jsonl"),
            ),
            *("--threshold", "0.1", "--part-size", "20", "--n-process", str(processes)),
        ]

    for arguments in (["convert", str(ROOT / "corpus/sample"), str(data)], train(model)):
        process = start(arguments, folder / "log.txt")
        process.join()
        if process.exitcode:
            raise SystemExit((folder / "log.txt").read_text())
    again = ("--resume",)
    yield Verb("annotate", lambda target: annotate(target, 1), ("found.jsonl",), again)
    yield Verb(
        "annotate, 2 processes", lambda target: annotate(target, 2), ("found.jsonl",), again, workers=True
    )
    yield Verb("train", train, ("model",))
    converted = ("train.spacy", "devel.spacy", "test.spacy")
    yield Verb(
        "convert", lambda target: ["convert", str(corpora / "mtl/NCBI-disease-IOB"), str(target)], converted
    )
    yield Verb(
        "fetch",
        lambda target: [
            *("fetch", "--corpus", FETCHED, "--assets", str(target / "assets")),
            *("--corpora-base", address),
        ],
        ("assets",),
        is_replaced=False,
        by_file=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25, help="of each verb")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbs", default="annotate,train,convert,fetch")
    arguments = parser.parse_args()
    for module in NEEDED:
        importlib.import_module(module)
    asked = arguments.verbs.split(",")
    chance = random.Random(arguments.seed)
    rows: list[tuple[str, str, str, int]] = []
    bad = False
    with tempfile.TemporaryDirectory() as temporary, slow_server(corpora_folder() / "mtl") as address:
        folder = Path(temporary)
        for number, verb in enumerate(verbs(folder, address)):
            name = verb.name.split(",")[0]
            if name not in asked:
                continue
            kills = arguments.kills
            if name == "annotate":  # half are of workers
                kills = kills // 2 if verb.workers else kills - kills // 2
            found: Counter[tuple[str, str]] = Counter()
            for who, what in rounds(verb, kills, chance, folder / f"verb-{number}"):
                found[who, what] += 1
                print(f"{verb.name}: {who}: {what}", flush=True)
                if not what.islower():
                    bad = True
                    print(f"{verb.name}, {who}: {what}", file=sys.stderr, flush=True)
            rows += [(verb.name, who, what, count) for (who, what), count in sorted(found.items())]
            msg.info(f"{verb.name}: {sum(c for (who, _), c in found.items() if who != 'end')} kills")
    msg.table(rows, header=("verb", "killed", "found afterwards", "times"), aligns="lllr")
    earlier = [row for row in results("kills").get("rows", []) if row[0].split(",")[0] not in asked]
    save("kills", {"seed": arguments.seed, "rows": [*earlier, *rows]})
    if bad:
        msg.fail("Something was doubled, lost, half written, or left behind", exits=1)
    msg.good(
        "Every output was the old one or whole after each kill, and that of an undisturbed run in the end"
    )


if __name__ == "__main__":
    main()
