"""The embedded encoder: pretrained weights in the package, known by a checksum, found without a network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.corpora.fetching import fetch_encoder
from spacy_bioner.encoders import mini as package
from spacy_bioner.encoders.encoder_catalogue import find_encoder, resolve_encoder
from spacy_bioner.encoders.mini import embedded
from spacy_bioner.errors import EncoderError
from spacy_bioner.files import sha256

CHECKSUM = find_encoder("mini").sha256
LIMIT = 40 << 20


@pytest.fixture(scope="module")
def mini() -> Path:
    return embedded(CHECKSUM)


def test_weights_are_the_catalogues_and_small(mini: Path):
    assert sha256(mini / "model.safetensors") == CHECKSUM
    assert sum(path.stat().st_size for path in mini.iterdir() if path.is_file()) < LIMIT


def test_other_weights_in_the_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "model.safetensors").write_bytes(b"cut off")
    monkeypatch.setattr(package, "files", lambda name: tmp_path)
    for _ in range(2):
        with pytest.raises(EncoderError, match="aren't those of this release"):
            embedded(CHECKSUM)
        (tmp_path / "model.safetensors").unlink(missing_ok=True)


def test_a_copy_for_the_configs_replaces_an_older_one(mini: Path, tmp_path: Path):
    old = tmp_path / "encoders" / "mini"
    old.mkdir(parents=True)
    (old / "old.bin").write_bytes(b"an encoder of an earlier version")
    assert fetch_encoder("mini", tmp_path) == (old, "embedded")
    assert sha256(old / "model.safetensors") == CHECKSUM
    assert {path.name for path in old.iterdir()} == {
        "LICENSE-APACHE-2.0.txt",
        "config.json",
        "model.safetensors",
        "source.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
        "vocab.txt",
    }
    before = {path: path.stat().st_mtime_ns for path in old.iterdir()}
    assert fetch_encoder("mini", tmp_path) == (old, "embedded")
    assert {path: path.stat().st_mtime_ns for path in old.iterdir()} == before
    assert resolve_encoder("mini", assets=tmp_path).folder == mini


def test_transformers_loads_it_without_a_network(mini: Path):
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini, local_files_only=True)
    model = AutoModel.from_pretrained(mini, local_files_only=True)
    assert type(model).__name__ == "BertModel"
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 512
    output = model(**tokenizer("TNF-α induces IL-2.", return_tensors="pt"))
    assert output.last_hidden_state.shape[-1] == model.config.hidden_size


def test_tokenizer_ignores_case_and_knows_the_characters_of_the_field(mini: Path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini, local_files_only=True)
    assert tokenizer.tokenize("BRCA1") == tokenizer.tokenize("brca1")
    pieces = tokenizer.tokenize("IFN-γ, 5-HT2A and Ca2+ (≥ 10 μM) in naïve mice")
    assert "[UNK]" not in pieces
    assert "".join(pieces).replace("##", "") == "ifn-γ,5-ht2aandca2+(≥10μm)innaivemice"


def test_it_guesses_masked_words_of_the_field():
    """What pretraining was for; random weights guess one of 10,000 pieces."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = Path(package.__file__).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForMaskedLM.from_pretrained(folder, local_files_only=True).eval()
    for text, expected in (
        ("The patients were treated [MASK] a daily dose of aspirin.", "with"),
        ("We extracted total RNA and measured the expression [MASK] these genes.", "of"),
        ("Participants were randomly [MASK] to one of two groups.", "assigned"),
    ):
        inputs = tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            scores = model(**inputs).logits[0, inputs["input_ids"][0].tolist().index(tokenizer.mask_token_id)]
        assert expected in tokenizer.convert_ids_to_tokens(scores.topk(3).indices.tolist()), text


def test_its_card_names_its_sources_and_licences():
    folder = Path(package.__file__).parent
    card = (folder / "README.md").read_text(encoding="utf8")
    record = json.loads((folder / "training.json").read_text(encoding="utf8"))
    assert record["finished"] is True
    first, second = record["start_from"]["start_from"], record["start_from"]
    pieces = first["pieces"] + second["pieces"] + record["pieces"]
    for word in ("CC BY", "ClinicalTrials.gov", f"{pieces:,}", "Apache-2.0", "## Limits", "## Fine-tuned"):
        assert word in card


def test_it_is_in_the_list_of_encoders(run_cli: Callable[..., str], empty_hub_cache: Path, tmp_path: Path):
    lines = run_cli("bioner", "encoders", "--assets", tmp_path).splitlines()
    line = next(line for line in lines if line.startswith("mini "))
    assert "embedded" in line
