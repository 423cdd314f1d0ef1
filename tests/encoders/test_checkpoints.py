"""Released checkpoints become encoders that compute what the originals compute."""

import io
import json
import os
import shutil
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from math import erf
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertModel,
    AutoModel,
    AutoTokenizer,
    BertForPreTraining,
    BertModel,
    RobertaForMaskedLM,
)

from spacy_bioner.encoders.checkpoints import import_encoder
from spacy_bioner.encoders.encoder_catalogue import find_encoder, is_complete
from spacy_bioner.errors import BionerError, EncoderError, FormatError

TEXT = "BRCA1 binds TNF-α in 12 mice; naïve cells (p < 0.05) 🧬"


@pytest.fixture(scope="module")
def bert(release_bert: Callable, tmp_path_factory: pytest.TempPathFactory):
    return release_bert(tmp_path_factory.mktemp("released") / "biobert_v1.1_pubmed")


@pytest.fixture(scope="module")
def albert(release_albert: Callable, tmp_path_factory: pytest.TempPathFactory):
    return release_albert(tmp_path_factory.mktemp("released") / "bioalbert")


# -- what the originals compute, from their variables: written for this test alone ---------------------------


def normalized(x: numpy.ndarray, v: dict[str, numpy.ndarray], name: str) -> numpy.ndarray:
    centered = x - x.mean(-1, keepdims=True)
    scaled = centered / numpy.sqrt((centered**2).mean(-1, keepdims=True) + 1e-12)
    return scaled * v[f"{name}/gamma"] + v[f"{name}/beta"]


def layer(x: numpy.ndarray, v: dict[str, numpy.ndarray], name: str) -> numpy.ndarray:
    return x @ v[f"{name}/kernel"] + v[f"{name}/bias"]


def attended(x: numpy.ndarray, v: dict[str, numpy.ndarray], name: str, heads: int) -> numpy.ndarray:
    """Attention of one sequence, head by head."""
    query, key, value = (layer(x, v, f"{name}/self/{part}") for part in ("query", "key", "value"))
    size = x.shape[1] // heads
    parts = []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        scores = query[:, own] @ key[:, own].T / numpy.sqrt(size)
        weights = numpy.exp(scores - scores.max(-1, keepdims=True))
        parts.append(weights / weights.sum(-1, keepdims=True) @ value[:, own])
    return layer(numpy.concatenate(parts, axis=1), v, f"{name}/output/dense")


def embedded(ids: list[int], v: dict[str, numpy.ndarray]) -> numpy.ndarray:
    tables = {
        name: v[f"bert/embeddings/{name}_embeddings"].astype("float64")
        for name in ("word", "position", "token_type")
    }
    x = tables["word"][ids] + tables["position"][: len(ids)] + tables["token_type"][0]
    return normalized(x, v, "bert/embeddings/LayerNorm")


def bert_states(ids: list[int], v: dict[str, numpy.ndarray], config: dict[str, Any]) -> list[numpy.ndarray]:
    """The hidden states of BERT, whose gelu is exact."""
    states = [embedded(ids, v)]
    gelu = numpy.vectorize(lambda x: x * 0.5 * (1 + erf(x / 2**0.5)))
    for i in range(config["num_hidden_layers"]):
        x, name = states[-1], f"bert/encoder/layer_{i}"
        x = normalized(
            x + attended(x, v, f"{name}/attention", config["num_attention_heads"]),
            v,
            f"{name}/attention/output/LayerNorm",
        )
        y = layer(gelu(layer(x, v, f"{name}/intermediate/dense")), v, f"{name}/output/dense")
        states.append(normalized(x + y, v, f"{name}/output/LayerNorm"))
    return states


def albert_states(ids: list[int], v: dict[str, numpy.ndarray], config: dict[str, Any]) -> list[numpy.ndarray]:
    """The hidden states of ALBERT, whose gelu is the one by tanh, and whose layers are one and the same."""
    states = [layer(embedded(ids, v), v, "bert/encoder/embedding_hidden_mapping_in")]
    name = "bert/encoder/transformer/group_0/inner_group_0"
    for _ in range(config["num_hidden_layers"]):
        x = states[-1]
        x = normalized(
            x + attended(x, v, f"{name}/attention_1", config["num_attention_heads"]), v, f"{name}/LayerNorm"
        )
        y = layer(x, v, f"{name}/ffn_1/intermediate/dense")
        y = 0.5 * y * (1 + numpy.tanh((2 / numpy.pi) ** 0.5 * (y + 0.044715 * y**3)))
        y = layer(y, v, f"{name}/ffn_1/intermediate/output/dense")
        states.append(normalized(x + y, v, f"{name}/LayerNorm_1"))
    return states


def assert_computes(folder: Path, states: Callable, release: Any) -> None:
    """Whether an imported encoder has the hidden states of the original, layer by layer, and its pooler."""
    model = AutoModel.from_pretrained(folder).eval()
    generator = numpy.random.default_rng(2)
    for length in (1, 2, 17, 64):
        ids = generator.integers(0, release.config["vocab_size"], length).tolist()
        expected = states(ids, release.variables, release.config)
        with torch.inference_mode():
            found = model(torch.tensor([ids]), output_hidden_states=True)
        assert len(found.hidden_states) == len(expected)
        for a, b in zip(found.hidden_states, expected, strict=True):
            numpy.testing.assert_allclose(a[0].numpy(), b, rtol=0, atol=1e-5)
        pooled = numpy.tanh(layer(expected[-1][:1], release.variables, "bert/pooler/dense"))
        numpy.testing.assert_allclose(found.pooler_output.numpy(), pooled, rtol=0, atol=1e-5)


def packed(folder: Path, archive: Path, inside: str = "model") -> Path:
    """A folder's files in an archive, as its name says."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in files:
                zipped.write(path, f"{inside}/{path.name}")
    else:
        with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as tar:
            tar.add(folder, inside, recursive=False)
            for path in files:
                tar.add(path, f"{inside}/{path.name}")
    return archive


def nothing_written(output: Path) -> bool:
    return not output.exists() and [p for p in output.parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("form", ["folder", "x.tar.gz", "x.tgz", "x.tar", "x.zip"])
def test_bert_computes_what_the_original_does(bert, tmp_path: Path, form: str):
    source = bert.folder if form == "folder" else packed(bert.folder, tmp_path / form)
    made = import_encoder(source, tmp_path / "out")
    assert_computes(tmp_path / "out", bert_states, bert)
    assert (made.family, made.layers, made.width, made.cased) == ("bert", 3, 24, True)
    assert (made.parameters, made.heads) == (5 + 3 * 16 + 2, 7)
    assert made.optimizer == 2 * len(bert.variables) + 1
    assert is_complete(tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "source.json"} <= files


@pytest.mark.parametrize("form", ["folder", "x.tar.gz", "x.zip"])
def test_albert_computes_what_the_original_does(albert, tmp_path: Path, form: str):
    source = albert.folder if form == "folder" else packed(albert.folder, tmp_path / form)
    made = import_encoder(source, tmp_path / "out")
    assert_computes(tmp_path / "out", albert_states, albert)
    assert (made.family, made.layers, made.width, made.cased) == ("albert", 3, 24, False)
    assert (made.parameters, made.heads) == (5 + 2 + 16 + 2, 7)
    assert any("gelu_new" in remark for remark in made.remarks)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", "model.safetensors", "spiece.model", "tokenizer.json", "source.json"} <= files


@pytest.mark.parametrize("cased", [True, False])
def test_bert_large_of_either_casing(release_bert: Callable, tmp_path: Path, cased: bool):
    sizes = {"num_hidden_layers": 24, "hidden_size": 16, "num_attention_heads": 16}
    large = release_bert(tmp_path / "large", cased=cased, prefix="biobert_model.ckpt", **sizes)
    made = import_encoder(large.folder, tmp_path / "out")
    assert (made.layers, made.cased, made.weights) == (24, cased, "biobert_model.ckpt")
    assert_computes(tmp_path / "out", bert_states, large)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (tokenizer.is_fast, tokenizer.model_max_length) == (True, 64)
    assert tokenizer.tokenize("BRCA1") == (["BRCA1"] if cased else ["brca1"])
    assert find_encoder(str(tmp_path / "out")).cased is cased


def test_albert_large(release_albert: Callable, tmp_path: Path):
    large = release_albert(tmp_path / "large", num_hidden_layers=24, hidden_size=32, num_attention_heads=16)
    import_encoder(large.folder, tmp_path / "out")
    assert_computes(tmp_path / "out", albert_states, large)


def test_albert_has_the_pieces_of_its_sentencepiece_model(albert, tmp_path: Path):
    import sentencepiece

    import_encoder(albert.folder, tmp_path / "out")
    processor = sentencepiece.SentencePieceProcessor(str(albert.folder / "30k-clean.model"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer.is_fast
    for text in ("brca1 mutations raise the risk", "aspirin treats pain (fever)", "tnf-α in mice", "xyz"):
        framed = [2, *processor.encode(text), 3]
        assert tokenizer(text)["input_ids"] == tokenizer(text.upper())["input_ids"] == framed


def test_note_says_what_it_was_made_of(bert, tmp_path: Path):
    from spacy_bioner.files import sha256

    archive = packed(bert.folder, tmp_path / "biobert_v1.1_pubmed.tar.gz")
    import_encoder(archive, tmp_path / "a")
    import_encoder(bert.folder, tmp_path / "b", origin="a friend")
    notes = [json.loads((tmp_path / name / "source.json").read_text()) for name in ("a", "b")]
    assert notes[0]["source"] == "biobert_v1.1_pubmed.tar.gz"
    assert notes[0]["sha256"] == sha256(archive)
    assert notes[0]["checkpoint"] == "model.ckpt-1000000"
    assert notes[0]["left out"] == {"optimizer": 2 * len(bert.variables) + 1, "heads": 7}
    assert notes[1]["source"] == "a friend"
    assert set(notes[1]["sha256"]) == {
        "bert_config.json",
        "model.ckpt-1000000.data-00000-of-00001",
        "model.ckpt-1000000.index",
        "vocab.txt",
    }


def test_pooler_may_be_missing(write_checkpoint: Callable, bert, tmp_path: Path):
    shutil.copytree(bert.folder, tmp_path / "in", ignore=shutil.ignore_patterns("model.ckpt*"))
    kept = {name: value for name, value in bert.variables.items() if "pooler" not in name}
    write_checkpoint(tmp_path / "in" / "x.ckpt", kept)
    import_encoder(tmp_path / "in", tmp_path / "out")
    assert not [name for name in load_file(tmp_path / "out" / "model.safetensors") if "pooler" in name]


# -- what doesn't go together --------------------------------------------------------------------------------


def changed(write_checkpoint: Callable, release: Any, folder: Path, change: Callable[[dict], None]) -> Path:
    """A release whose variables were changed."""
    shutil.copytree(release.folder, folder, ignore=shutil.ignore_patterns("model.ckpt*"))
    variables = dict(release.variables)
    change(variables)
    write_checkpoint(folder / "model.ckpt-1", variables)
    return folder


QUERY = "bert/encoder/layer_1/attention/self/query/kernel"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop(QUERY), f"1 variables are missing: {QUERY}"),
        (lambda v: v.update({"bert/new": v[QUERY]}), "1 aren't known: bert/new"),
        (lambda v: v.update({QUERY: v[QUERY][:, 1:]}), f"{QUERY} is 24 x 23 and should be 24 x 24"),
        (lambda v: [v.pop(n) for n in list(v) if "layer_2" in n], "16 variables are missing: .* and 11 more"),
        (
            lambda v: v.update({n.replace("layer_2", "layer_3"): x for n, x in v.items() if "layer_2" in n}),
            "16 aren't known: bert/encoder/layer_3/",
        ),
    ],
    ids=["missing", "surplus", "shape", "layer missing", "layer too many"],
)
def test_variables_that_do_not_fit_are_named(
    write_checkpoint: Callable, bert, tmp_path: Path, change: Callable, message: str
):
    source = changed(write_checkpoint, bert, tmp_path / "in", change)
    with pytest.raises(EncoderError, match=message):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_variables_of_albert_that_do_not_fit_are_named(write_checkpoint: Callable, albert, tmp_path: Path):
    name = "bert/encoder/transformer/group_0/inner_group_0/LayerNorm_1/gamma"
    source = changed(write_checkpoint, albert, tmp_path / "in", lambda v: v.pop(name))
    with pytest.raises(EncoderError, match=f"1 variables are missing: {name}"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def copied(release: Any, folder: Path, **files: Any) -> Path:
    """A release some of whose files were changed: None for one that is to be removed."""
    shutil.copytree(release.folder, folder)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


@pytest.mark.parametrize("more", [-1, 1])
def test_vocabulary_of_the_wrong_size(bert, tmp_path: Path, more: int):
    lines = (bert.folder / "vocab.txt").read_text(encoding="utf8").splitlines()
    text = "\n".join(lines[:-1] if more < 0 else [*lines, "##other"]) + "\n"
    source = copied(bert, tmp_path / "in", vocab__txt=text.encode())
    size = bert.config["vocab_size"]
    with pytest.raises(FormatError, match=f"vocab.txt: a vocabulary of {size + more} pieces.*has {size}"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_sentencepiece_model_of_the_wrong_size(albert, pieces_of: Callable, tmp_path: Path):
    source = copied(albert, tmp_path / "in")
    (source / "30k-clean.model").write_bytes(
        pieces_of(text="aspirin treats pain. xyz was 1234567890 abc def")
    )
    with pytest.raises(FormatError, match=r"30k-clean\.model: a vocabulary of .. pieces"):
        import_encoder(source, tmp_path / "out")
    (source / "30k-clean.model").write_bytes(b"\x0a\xff\xff")
    with pytest.raises(FormatError, match=r"30k-clean\.model: not a whole sentencepiece model"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "electra"}, "the architecture 'electra' can't be imported, only bert, albert and"),
        ({"architectures": ["XLNetLMHeadModel"]}, "the architecture 'xlnetlmhead|the architecture 'xlnet"),
        ({"model_type": "roberta"}, "'roberta' in TensorFlow"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1000000000, which can't be"),
        ({"num_hidden_layers": "3"}, "num_hidden_layers = '3', which can't be"),
        ({"num_attention_heads": 5}, "transformers can't make a model of it"),
        ({"hidden_act": "nothing"}, "transformers can't make a model of it"),
        ({"vocab_size": True}, "vocab_size = True, which can't be"),
        ({"hidden_size": None}, "the architecture|hidden_size"),
    ],
)
def test_config_that_does_not_fit(bert, tmp_path: Path, config: dict[str, Any], message: str):
    stored = {key: value for key, value in {**bert.config, **config}.items() if value is not None}
    source = copied(bert, tmp_path / "in", bert_config__json=stored)
    with pytest.raises(FormatError, match=rf"bert_config\.json: .*({message})"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"vocab__txt": None}, "there is no vocabulary"),
        ({"bert_config__json": None}, "there is no config"),
        ({"bert_config__json": b"{"}, "not JSON"),
        ({"bert_config__json": b"[1]"}, "no JSON object"),
        ({"vocab__txt": b"\xff\xfe"}, "not UTF-8"),
        ({"vocab__txt": b"a\nb\n"}, r"it lacks \[PAD\], \[UNK\]"),
        ({"model.ckpt-1000000.data-00000-of-00001": None}, "isn't whole: there is model.ckpt-1000000.index"),
        ({"model.ckpt-1000000.index": None}, "there are no weights"),
        ({"model.ckpt-1000000.index": b"x" * 100}, "the checkpoint isn't whole"),
        ({"other.ckpt.index": b"x"}, "there are several weights in it .*model.ckpt-1000000"),
    ],
)
def test_parts_that_are_missing_or_damaged(bert, tmp_path: Path, files: dict[str, Any], message: str):
    source = copied(bert, tmp_path / "in", **files)
    with pytest.raises(BionerError, match=message):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_truncated_data_of_a_checkpoint(bert, tmp_path: Path, share: float):
    name = "model.ckpt-1000000.data-00000-of-00001"
    data = (bert.folder / name).read_bytes()
    source = copied(bert, tmp_path / "in", **{name: data[: int(share * len(data))]})
    with pytest.raises(EncoderError, match="the checkpoint isn't whole"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_damaged_data_of_a_checkpoint(bert, tmp_path: Path):
    name = "model.ckpt-1000000.data-00000-of-00001"
    data = bytearray((bert.folder / name).read_bytes())
    data[997::997] = b"\xff" * len(data[997::997])
    source = copied(bert, tmp_path / "in", **{name: bytes(data)})
    with pytest.raises(EncoderError, match="the checkpoint isn't whole"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_without_tensorflow_it_says_what_to_install(bert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(EncoderError, match=r"pip install 'spacy-bioner\[tensorflow\]'"):
        import_encoder(bert.folder, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_without_sentencepiece_it_says_what_to_install(
    albert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(EncoderError, match=r"sentencepiece.* isn't installed.*spacy-bioner\[tensorflow\]"):
        import_encoder(albert.folder, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


# -- capitals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cased", [True, False])
def test_casing_can_be_said(bert, tmp_path: Path, cased: bool):
    made = import_encoder(bert.folder, tmp_path / "out", cased=cased)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert made.cased is cased
    assert tokenizer.do_lower_case is not cased
    assert len(made.remarks) == (0 if cased else 1)


@pytest.mark.parametrize("cased", [True, False])
def test_settings_that_contradict_the_vocabulary(release_bert: Callable, tmp_path: Path, cased: bool):
    release = release_bert(tmp_path / "in", cased=cased)
    settings = tmp_path / "in" / "tokenizer_config.json"
    settings.write_text(json.dumps({"do_lower_case": cased}))
    with pytest.raises(FormatError, match=r"do_lower_case = .*Say --cased or --uncased"):
        import_encoder(release.folder, tmp_path / "out")
    assert nothing_written(tmp_path / "out")
    settings.write_text(json.dumps({"do_lower_case": not cased}))
    assert import_encoder(release.folder, tmp_path / "out").cased is cased


def test_vocabulary_in_doubt(release_bert: Callable, tmp_path: Path):
    release = release_bert(tmp_path / "in", cased=False)
    path = release.folder / "vocab.txt"
    extra = ["DNA", *(f"{a}{b}{c}" for a in "abcdefgh" for b in "abcdefgh" for c in "ab")]
    pieces = [*path.read_text(encoding="utf8").splitlines(), *extra]
    path.write_text("\n".join(pieces) + "\n", encoding="utf8")
    with pytest.raises(FormatError, match=r"it isn't clear whether it's cased: 1 of .*--cased or --uncased"):
        import_encoder_of_size(release, len(pieces), tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def import_encoder_of_size(release: Any, size: int, output: Path) -> Any:
    config = {**release.config, "vocab_size": size}
    (release.folder / "bert_config.json").write_text(json.dumps(config))
    return import_encoder(release.folder, output)


# -- PyTorch's -----------------------------------------------------------------------------------------------


def as_scibert(folder: Path, tiny: Path, tmp_path: Path) -> Path:
    """SciBERT's archive for AllenNLP: a vocabulary, and an archive with config and weights."""
    inner = tmp_path / "inner"
    inner.mkdir()
    config = json.loads((tiny / "config.json").read_text())
    config = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    (inner / "bert_config.json").write_text(json.dumps(config))
    model = BertForPreTraining.from_pretrained(tiny)
    model.bert.load_state_dict(BertModel.from_pretrained(tiny).state_dict())
    stored = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in model.state_dict().items()
    }
    torch.save(stored, inner / "pytorch_model.bin")
    outer = tmp_path / "outer"
    outer.mkdir()
    shutil.copy(tiny / "vocab.txt", outer)
    packed(inner, outer / "weights.tar.gz", ".")
    return packed(outer, folder, "scibert_scivocab_cased")


def same_vectors(folder: Path, other: Path, text: str = TEXT) -> None:
    found, expected = (
        AutoModel.from_pretrained(place)
        .eval()(**AutoTokenizer.from_pretrained(place)(text, return_tensors="pt"))
        .last_hidden_state.detach()
        for place in (folder, other)
    )
    numpy.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("unpacked", [False, True])
def test_archive_in_an_archive(tiny_encoder: Path, tmp_path: Path, unpacked: bool):
    source = as_scibert(tmp_path / "scibert_scivocab_cased.tar", tiny_encoder, tmp_path)
    made = import_encoder(tmp_path / "outer" if unpacked else source, tmp_path / "out")
    assert (made.family, made.cased, made.weights) == ("bert", True, "pytorch_model.bin")
    assert made.heads > 0
    same_vectors(tmp_path / "out", tiny_encoder)


def test_folder_of_transformers_is_taken_as_it_is(tiny_encoder: Path, tmp_path: Path):
    import_encoder(packed(tiny_encoder, tmp_path / "x.zip"), tmp_path / "out")
    for path in tiny_encoder.iterdir():
        if path.name != "config.json":
            assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    same_vectors(tmp_path / "out", tiny_encoder)


@pytest.fixture
def roberta(tmp_path: Path) -> Path:
    """A RoBERTa as RoBERTa-large-PM is released: old names, a head, no model type, a padding of its own."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import RobertaConfig

    folder = tmp_path / "RoBERTa-large-PM-M3-Voc-hf"
    folder.mkdir()
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    trained.train_from_iterator([TEXT], trainer)
    trained.model.save(str(folder))
    sizes = {"hidden_size": 16, "num_hidden_layers": 24, "num_attention_heads": 2, "intermediate_size": 16}
    config = RobertaConfig(
        vocab_size=trained.get_vocab_size(), max_position_embeddings=66, type_vocab_size=1, **sizes
    )
    torch.manual_seed(0)
    model = RobertaForMaskedLM(config)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    stored = {**config.to_dict(), "pad_token_id": 0, "architectures": ["RobertaForMaskedLM"]}
    del stored["model_type"]
    (folder / "config.json").write_text(json.dumps(stored))
    return folder


def test_roberta_in_an_archive(roberta: Path, tmp_path: Path):
    made = import_encoder(packed(roberta, tmp_path / f"{roberta.name}.tar.gz"), tmp_path / "out")
    assert (made.family, made.layers, made.cased) == ("roberta", 24, True)
    assert made.remarks == ("pad_token_id is 1, as in the vocabulary, not 0.",)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (tokenizer.is_fast, tokenizer.model_max_length) == (True, 64)
    model = AutoModel.from_pretrained(tmp_path / "out").eval()
    assert model.embeddings.padding_idx == 1
    torch.manual_seed(0)
    original = RobertaForMaskedLM(model.config).eval().roberta
    inputs = tokenizer(TEXT, return_tensors="pt")
    with torch.inference_mode():
        found, expected = (m(**inputs).last_hidden_state for m in (model, original))
    numpy.testing.assert_array_equal(found, expected)


def test_roberta_knows_no_lower_casing(roberta: Path, tmp_path: Path):
    with pytest.raises(EncoderError, match="leave --uncased out"):
        import_encoder(roberta, tmp_path / "out", cased=False)


def test_rows_of_padding_beyond_the_vocabulary(roberta: Path, tmp_path: Path):
    """As some checkpoints have them; a hundred and more is another vocabulary."""
    stored = json.loads((roberta / "config.json").read_text())
    weights = torch.load(roberta / "pytorch_model.bin", weights_only=True)
    table = weights["roberta.embeddings.word_embeddings.weight"]
    for more in (8, 128):
        weights["roberta.embeddings.word_embeddings.weight"] = torch.cat([table, table[:1].repeat(more, 1)])
        torch.save(weights, roberta / "pytorch_model.bin")
        config = {**stored, "vocab_size": stored["vocab_size"] + more}
        (roberta / "config.json").write_text(json.dumps(config))
        if more == 8:
            import_encoder(roberta, tmp_path / "out")
        else:
            with pytest.raises(FormatError, match=r"vocab\.json: a vocabulary of"):
                import_encoder(roberta, tmp_path / "no")


class Harmful:
    """What runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def test_pickle_with_code_does_not_run_it(tiny_encoder: Path, tmp_path: Path):
    source = tmp_path / "in"
    shutil.copytree(tiny_encoder, source, ignore=shutil.ignore_patterns("model.safetensors"))
    ran = tmp_path / "ran"
    weights = BertModel.from_pretrained(tiny_encoder).state_dict()
    torch.save({**weights, "extra": Harmful(ran)}, source / "pytorch_model.bin")
    for form in (source, packed(source, tmp_path / "x.tar.gz")):
        with pytest.raises(EncoderError, match=r"pytorch_model\.bin: refused, .*run its code"):
            import_encoder(form, tmp_path / "out")
        assert not ran.exists()
        assert nothing_written(tmp_path / "out")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights(tiny_encoder: Path, tmp_path: Path, name: str, share: float):
    source = tmp_path / "in"
    shutil.copytree(tiny_encoder, source)
    if name.endswith(".bin"):
        torch.save(load_file(source / "model.safetensors"), source / name)
        (source / "model.safetensors").unlink()
    data = (source / name).read_bytes()
    (source / name).write_bytes(data[: int(share * len(data))])
    with pytest.raises(EncoderError, match=f"{name}: .*(not|n't) whole"):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("embeddings.LayerNorm.weight"), "1 parameters are missing: embeddings.LayerNorm"),
        (lambda w: w.update(new=torch.zeros(1)), "1 aren't known: new"),
        (
            lambda w: w.update({"pooler.dense.bias": torch.zeros(1)}),
            "1 have another shape: pooler.dense.bias",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_named(
    tiny_encoder: Path, tmp_path: Path, change: Callable, message: str
):
    source = tmp_path / "in"
    shutil.copytree(tiny_encoder, source)
    weights = load_file(source / "model.safetensors")
    change(weights)
    save_file(weights, source / "model.safetensors")
    with pytest.raises(EncoderError, match=message):
        import_encoder(source, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


# -- archives ------------------------------------------------------------------------------------------------


def tar_with(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../x")], "a path that leads out of it: '../x'"),
        ([member("a/../../x")], "leads out"),
        ([member("/etc/x")], "leads out"),
        ([member("a\\..\\x")], "leads out"),
        ([member("C:x")], "leads out"),
        ([member("a", tarfile.SYMTYPE, "/etc/passwd")], "a link or device in it: 'a'"),
        ([member("a", tarfile.LNKTYPE, "../../x")], "a link or device"),
        ([member("a", tarfile.CHRTYPE)], "a link or device"),
        ([member("a", tarfile.FIFOTYPE)], "a link or device"),
        ([member("a"), member("a")], "two members of the name a"),
        ([member("a"), member("a/b")], "not a sound archive"),
        ([member("a", size=64 << 20)], "more than 100 times as large"),
        ([member(str(i)) for i in range(10_001)], "more than 10000 files"),
    ],
)
def test_archive_that_reaches_out_or_swells(tmp_path: Path, members: list[tarfile.TarInfo], message: str):
    (tmp_path / "here").mkdir()
    with pytest.raises(FormatError, match=message):
        import_encoder(tar_with(tmp_path, *members), tmp_path / "here" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["here", "x.tar.gz"] or {
        path.name for path in tmp_path.iterdir()
    } == {"here", "x.tar.gz"}
    assert list((tmp_path / "here").iterdir()) == []


def zip_with(tmp_path: Path, name: str, mode: int = 0, size: int = 0) -> Path:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        zipped.writestr(info, bytes(size))
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("../x",), "leads out"),
        (("/x",), "leads out"),
        (("a", stat.S_IFLNK | 0o777), "a link or device"),
        (("a", 0, 64 << 20), "more than 100 times as large"),
    ],
)
def test_zip_that_reaches_out_or_swells(tmp_path: Path, arguments: tuple, message: str):
    with pytest.raises(FormatError, match=message):
        import_encoder(zip_with(tmp_path, *arguments), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar", "x.zip"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_archive(tiny_encoder: Path, tmp_path: Path, name: str, share: float):
    archive = packed(tiny_encoder, tmp_path / name)
    data = archive.read_bytes()
    if name.endswith(".tar"):  # blocks of zeros at the end, of which two are needed
        data = data.rstrip(b"\0")
    archive.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FormatError, match=f"{name}: not a sound archive"):
        import_encoder(archive, tmp_path / "out")
    assert nothing_written(tmp_path / "out")


def test_tar_that_ends_between_two_members(tiny_encoder: Path, tmp_path: Path):
    archive = packed(tiny_encoder, tmp_path / "x.tar")
    with tarfile.open(archive) as tar:
        last = tar.getmembers()[-1]
    archive.write_bytes(archive.read_bytes()[: last.offset])
    with pytest.raises(FormatError, match=r"not a sound archive \(it ends too early"):
        import_encoder(archive, tmp_path / "out")


# -- the output ----------------------------------------------------------------------------------------------


def test_an_encoder_is_replaced_and_anything_else_is_not(tiny_encoder: Path, tmp_path: Path):
    import_encoder(tiny_encoder, tmp_path / "out")
    (tmp_path / "out" / "old.txt").write_text("old")
    import_encoder(tiny_encoder, tmp_path / "out")
    assert not (tmp_path / "out" / "old.txt").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").write_text("mine")
    with pytest.raises(EncoderError, match="holds something else than an encoder"):
        import_encoder(tiny_encoder, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "thesis.txt").read_text() == "mine"


def test_an_earlier_encoder_stands_when_the_new_one_is_refused(tiny_encoder: Path, tmp_path: Path):
    import_encoder(tiny_encoder, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    source = tmp_path / "in"
    shutil.copytree(tiny_encoder, source)
    (source / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(EncoderError):
        import_encoder(source, tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_the_source_is_never_replaced(tiny_encoder: Path, tmp_path: Path):
    source = tmp_path / "in" / "model"
    shutil.copytree(tiny_encoder, source)
    for output in (source, source.parent):
        with pytest.raises(EncoderError, match="holds what is to be imported"):
            import_encoder(source, output)
    assert is_complete(source)


# -- the command ---------------------------------------------------------------------------------------------


def test_command_says_what_was_taken(run_cli: Callable[..., str], bert, tmp_path: Path):
    archive = packed(bert.folder, tmp_path / "x.tar.gz")
    output = " ".join(run_cli("bioner", "encoders", "import", archive, tmp_path / "out").split())
    assert f"bert, 3 layers of width 24, {bert.config['vocab_size']} pieces, cased" in output
    assert "55 weights from model.ckpt-1000000" in output
    assert f"{2 * len(bert.variables) + 1} of an optimizer's variables, 7 of heads" in output


def test_archive_without_a_suffix(tiny_encoder: Path, tmp_path: Path):
    """As a browser may save it."""
    for name in ("x.tar", "x.zip"):
        source = packed(tiny_encoder, tmp_path / name).rename(tmp_path / name.replace(".", "-"))
        assert import_encoder(source, tmp_path / "out").family == "bert"


def test_command_refuses(refuse_cli: Callable[..., str], tmp_path: Path):
    message = refuse_cli("bioner", "encoders", "import", tmp_path / "none.zip", tmp_path / "out")
    assert "none.zip: there is no such file or folder" in message
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    message = refuse_cli("bioner", "encoders", "import", tmp_path / "x.rar", tmp_path / "out")
    assert "neither a folder nor an archive" in message
    assert not (tmp_path / "out").exists()


def test_kinds_of_models(albert, bert, tmp_path: Path):
    """What people get who load it with transformers."""
    for release, kind in ((albert, AlbertModel), (bert, BertModel)):
        import_encoder(release.folder, tmp_path / kind.__name__)
        assert type(AutoModel.from_pretrained(tmp_path / kind.__name__)) is kind
