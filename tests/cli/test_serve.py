"""`spacy bioner serve` as a program: it starts, answers, finishes what it has accepted, and logs no text."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from memorised import KNOWN

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
TEXT = KNOWN[0][0]


@contextmanager
def program(model: Path, log: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Starts the service, waits until it is ready, and gives where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "bioner", "serve", str(model), "--port", str(port), *options]
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            end = time.monotonic() + 180
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                try:
                    urllib.request.urlopen(f"{url}/ready", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield url, process
        finally:
            if process.poll() is None:
                process.kill()


def asked(url: str, text: str) -> int:
    with urllib.request.urlopen(f"{url}/annotate/text", text.encode(), timeout=120) as answer:
        return len(json.loads(answer.read())["spans"])


def test_it_finishes_what_it_has_accepted(knowing_pipeline: Path, tmp_path: Path):
    log = tmp_path / "log"
    with program(knowing_pipeline, log, "--wait", "1500") as (url, process), ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(asked, url, TEXT) for _ in range(3)]
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        assert {answer.result() for answer in waiting} == {len(KNOWN[0][1])}
        assert process.wait(60) == 0
    assert TEXT.split()[0] not in log.read_text()


@pytest.mark.slow
def test_several_processes_count_together(knowing_pipeline: Path, tmp_path: Path):
    with program(knowing_pipeline, tmp_path / "log", "--workers", "2") as (url, process):
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: asked(url, TEXT), range(20))) == {len(KNOWN[0][1])}
        told = urllib.request.urlopen(f"{url}/metrics").read().decode()
        assert 'bioner_documents_total{model="en_knowing"} 20.0' in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.slow
def test_a_pipeline_that_is_not_there(tmp_path: Path):
    command = [sys.executable, "-m", "spacy", "bioner", "serve", str(tmp_path / "none"), "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "can't be loaded" in " ".join(done.stderr.split())
