"""Code that lies beside weights is never run, and nobody is asked whether to."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import srsly

from spacy_bioner.encoders.casing import load_tokenizer
from spacy_bioner.encoders.loading import load_config
from spacy_bioner.errors import EncoderError
from spacy_bioner.models.transformer.onnx import OnnxShim
from spacy_bioner.models.transformer.shim import EncoderShim


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the code of the checkpoint would write; whoever asks whether to run it gets a yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    return tmp_path / "ran"


def with_code(encoder: Path, folder: Path, marker: Path) -> Path:
    """A checkpoint whose config and tokenizer are classes in a Python file of its own."""
    shutil.copytree(encoder, folder)
    for name, kinds in (
        ("config.json", {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["mine.Tokenizer", "mine.Tokenizer"]}),
    ):
        path = folder / name
        settings = json.loads(path.read_text(encoding="utf8"))
        mine = {"model_type": "mine"} if name == "config.json" else {"tokenizer_class": "Mine"}
        path.write_text(json.dumps({**settings, **mine, "auto_map": kinds}), encoding="utf8")
    (folder / "mine.py").write_text(f"open({str(marker)!r}, 'w').close()\n", encoding="utf8")
    return folder


def test_code_of_a_checkpoint_does_not_run(tiny_encoder: Path, tmp_path: Path, marker: Path):
    folder = with_code(tiny_encoder, tmp_path / "encoder", marker)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    stored = srsly.msgpack_dumps({"files": files, "weights": files.pop("model.safetensors")})
    graph = srsly.msgpack_dumps({"files": files, "graph": b"graph", "longest": 9, "width": 4})
    settings: dict[str, Any] = {"trust_remote_code": True}  # in the config of somebody's pipeline
    ways = {
        "config": lambda: load_config(folder),
        "tokenizer": lambda: load_tokenizer(str(folder)),
        "asked for": lambda: EncoderShim(settings, settings, False, False).load(str(folder)),
        "a pipeline's transformer": lambda: EncoderShim({}, {}, False, False).from_bytes(stored),
        "a pipeline's in ONNX": lambda: OnnxShim(1).from_bytes(graph),
    }
    for name, way in ways.items():
        with pytest.raises(EncoderError, match="needs code of its own"):
            way()
        assert not marker.exists(), name
