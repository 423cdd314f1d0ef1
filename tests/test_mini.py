"""The embedded encoder: the same weights everywhere, and never taken for a trained one."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy

from spacy_bioner.catalogue.encoders import find_encoder
from spacy_bioner.mini import unpack
from spacy_bioner.provenance import META_KEY


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("assets") / "encoders" / "mini")


@pytest.fixture(scope="module")
def mini_pipeline(
    train_tiny: Callable[..., Path], mini: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    output = tmp_path_factory.mktemp("trained") / "out"
    steps = {"training.max_steps": 1, "training.eval_frequency": 1}
    return train_tiny(output, encoder="mini", assets=mini.parents[1], overrides=steps) / "model-best"


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_weights_are_the_same_wherever_and_whenever_it_is_unpacked(mini: Path, tmp_path: Path):
    import torch

    torch.manual_seed(99)
    assert weights(unpack(tmp_path / "again")) == weights(mini)


def test_unpacking_leaves_the_callers_random_numbers_alone(tmp_path: Path):
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3).tolist()
    torch.manual_seed(7)
    unpack(tmp_path / "mini")
    assert torch.rand(3).tolist() == expected


def test_unpacking_again_writes_nothing(mini: Path):
    before = files(mini)
    assert unpack(mini) == mini
    assert files(mini) == before


@pytest.mark.parametrize("note", ["", "{", '{"seed": 1}', "[]"], ids=["empty", "broken", "other", "list"])
def test_what_is_not_this_encoder_is_written_anew(mini: Path, tmp_path: Path, note: str):
    folder = tmp_path / "mini"
    folder.mkdir()
    (folder / "source.json").write_text(note, encoding="utf8")
    (folder / "old.bin").write_bytes(b"an encoder of an earlier version")
    unpack(folder)
    assert weights(folder) == weights(mini)
    assert {path.name for path in folder.iterdir()} == {path.name for path in mini.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]


def test_transformers_loads_it_without_a_network(mini: Path):
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini, local_files_only=True)
    model = AutoModel.from_pretrained(mini, local_files_only=True)
    assert type(model).__name__ == "BertModel"
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 512
    output = model(**tokenizer("TNF-α induces IL-2.", return_tensors="pt"))
    assert output.last_hidden_state.shape[-1] == model.config.hidden_size


def test_tokenizer_is_cased_and_knows_the_characters_of_the_field(mini: Path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini, local_files_only=True)
    assert tokenizer.tokenize("BRCA1") != tokenizer.tokenize("brca1")
    pieces = tokenizer.tokenize("IFN-γ, 5-HT2A and Ca2+ (≥ 10 μM) in naïve mice")
    assert "[UNK]" not in pieces
    assert "".join(pieces).replace("##", "") == "IFN-γ,5-HT2AandCa2+(≥10μM)innaïvemice"


def test_its_note_says_that_it_is_untrained(mini: Path):
    assert json.loads((mini / "source.json").read_text(encoding="utf8"))["untrained"] is True
    assert find_encoder(str(mini)).label.endswith("(untrained: random weights)")


def test_list_of_encoders_says_that_it_is_untrained(
    run_cli: Callable[..., str], empty_hub_cache: Path, tmp_path: Path
):
    lines = run_cli("bioner", "encoders", "--assets", tmp_path).splitlines()
    line = next(line for line in lines if line.startswith("mini "))
    assert "untrained" in line
    assert "embedded" in line


def test_pipeline_says_that_its_encoder_was_untrained(mini_pipeline: Path):
    meta = spacy.util.load_meta(mini_pipeline / "meta.json")
    assert "untrained" in meta["description"]
    assert "untrained" in meta[META_KEY]["encoder"]["name"]
    assert meta[META_KEY]["encoder"]["source"] == "embedded"


def test_scores_say_that_the_encoder_was_untrained(
    run_cli: Callable[..., str], mini_pipeline: Path, tiny_data: Path, tmp_path: Path
):
    report = tmp_path / "scores.json"
    output = run_cli("bioner", "evaluate", mini_pipeline, tiny_data / "devel.spacy", "--output", report)
    assert "encoder: mini (untrained" in output
    assert "untrained" in json.loads(report.read_text(encoding="utf8"))["encoder"]["name"]
