"""The service does what its OpenAPI description says, whatever is sent."""

import subprocess
import sys
from pathlib import Path

import pytest
from serving import Running

pytest.importorskip("schemathesis", reason="schemathesis isn't installed")


@pytest.mark.slow
def test_schemathesis_finds_nothing(service: Running, tmp_path: Path):
    settings = Path(__file__).with_name("schemathesis.toml")
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", settings, "run"]
    options = [
        "--checks",
        "all",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--seed",
        "1",
    ]
    address = f"{service.url}/openapi.json"
    done = subprocess.run([*command, address, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
