"""How fast `spacy bioner serve` is beside the pipeline itself, and what memory it takes (Linux).

    python -m benchmarks.service en_bioner_sm texts.txt --requests 5000 --clients 50

texts.txt has a text a line. Told are, for one client that asks one by one, for many at once, and for
`nlp.pipe`: texts a second by the clock, and by the processor time of the process that computes. Only the
latter can be compared on a machine that does other things too. The answers are compared with `nlp(text)`.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from urllib.request import urlopen

import spacy

from spacy_bioner.components.pipelines import spans_keys
from spacy_bioner.components.spans import scored_spans

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(process: int) -> float:
    """The processor time that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def megabytes(process: int) -> float:
    """The memory that a process has now."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / 1e6


@dataclass
class Load:
    """What clients saw: seconds of each request, answers by text, other statuses, memory on the way."""

    seconds: list[float] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    others: list[int] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


async def client(port: int, texts: Iterator[str], load: Load, process: int, every: int) -> None:
    """Asks for texts, one after the other, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for text in texts:
        data = text.encode()
        begun = time.perf_counter()
        head = f"POST /annotate/text HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        body = await reader.readexactly(int(answer.partition("content-length: ")[2].split()[0]))
        load.seconds.append(time.perf_counter() - begun)
        status = int(answer.split()[1])
        if status != 200:
            load.others.append(status)
        load.answers[text] = body
        if len(load.seconds) % every == 0:
            load.memory.append(round(megabytes(process)))
    writer.close()


async def ask(port: int, texts: Sequence[str], clients: int, process: int) -> Load:
    """Has clients ask for texts until there are no more."""
    load, left = Load(), iter(texts)
    every = max(len(texts) // 10, 1)
    await asyncio.gather(*(client(port, left, load, process, every) for _ in range(clients)))
    return load


def told(name: str, texts: int, wall: float, cpu: float, load: Load | None = None) -> None:
    line = f"{name:24} {texts / wall:9.1f} texts/s by the clock {texts / cpu:9.1f} by processor time"
    if load is not None:
        ordered = sorted(load.seconds)
        p50, p99 = (1000 * ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
        line += f"   p50 {p50:.0f} ms, p99 {p99:.0f} ms, not 200: {len(load.others)}, MB {load.memory}"
    print(line, flush=True)


def differing(model: str, load: Load) -> tuple[int, int]:
    """In how many of the texts the mentions differ from `nlp(text)`, and how many mentions there are."""
    nlp = spacy.load(model)
    different = mentions = 0
    for text, body in load.answers.items():
        found = sorted((s["start"], s["end"], s["label"], s["score"]) for s in json.loads(body)["spans"])
        pairs = [pair for key in spans_keys(nlp) for pair in scored_spans(nlp(text), key)]
        wanted = sorted((s.start_char, s.end_char, s.label_, round(score, 4)) for s, score in pairs)
        close = [
            (*f[:3], abs(f[3] - w[3]) < 2e-4) == (*w[:3], True) for f, w in zip(found, wanted, strict=False)
        ]
        different += len(found) != len(wanted) or not all(close)
        mentions += len(found)
    return different, mentions


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--single", type=int, default=500, help="requests of the one client")
    parser.add_argument("--clients", type=int, default=50)
    given = parser.parse_args()
    lines = [line for line in given.texts.read_text(encoding="utf8").splitlines() if line.strip()]
    texts = list(islice(cycle(lines), given.requests))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "bioner", "serve", given.model, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/ready").close()
                break
            except OSError:
                time.sleep(0.2)
        asyncio.run(ask(port, lines[:100], 10, server.pid))  # what is slow only once
        for name, some, clients in (("one client", texts[: given.single], 1), ("many", texts, given.clients)):
            wall, cpu = time.perf_counter(), cpu_seconds(server.pid)
            load = asyncio.run(ask(port, some, clients, server.pid))
            told(name, len(some), time.perf_counter() - wall, cpu_seconds(server.pid) - cpu, load)
        server.terminate()
    nlp = spacy.load(given.model)
    list(nlp.pipe(lines[:100]))
    wall, cpu = time.perf_counter(), time.process_time()
    with nlp.memory_zone():
        for _ in nlp.pipe(texts, batch_size=128):
            pass
    told("nlp.pipe", len(texts), time.perf_counter() - wall, time.process_time() - cpu)
    different, mentions = differing(given.model, load)
    print(f"differ from nlp(text): {different} of {len(load.answers)} texts with {mentions} mentions")


if __name__ == "__main__":
    main()
