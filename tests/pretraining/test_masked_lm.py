"""Training: it learns, goes on exactly where it stood, ends in time, and writes what others can load."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, BertForMaskedLM, BertModel

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import sha256
from spacy_bioner.pretraining.cleaned_text import prepare_text
from spacy_bioner.pretraining.encoder_card import write_card
from spacy_bioner.pretraining.initial_vectors import static_vectors
from spacy_bioner.pretraining.masked_lm import (
    CHECKPOINT,
    Progress,
    Settings,
    learning_rate,
    main,
    parse_settings,
    pretrain,
)
from spacy_bioner.pretraining.overlap import Overlap
from spacy_bioner.pretraining.packed_pieces import load_packed
from spacy_bioner.pretraining.packing import pack
from spacy_bioner.pretraining.vocabulary import train_vocabulary

Train = Callable[..., Path | None]


def weights(model: Path) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for file in sorted(model.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def assert_same(first: Path, second: Path) -> None:
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def curve(run: Path) -> list[dict[str, float]]:
    return json.loads((run / "curve.json").read_text(encoding="utf8"))


def test_it_learns(tiny_settings: Settings, tmp_path: Path):
    """Words that always follow each other in the same order can nearly all be guessed."""
    order = ["aspirin", "binds", "enzymes", "of", "platelets", "in", "human", "blood", "after", "doses"]
    lines = [" ".join(order[(i + k) % 10] for k in range(n)) for i in range(10) for n in range(10, 60)]
    (tmp_path / "a.txt").write_text("\n\n".join(lines), encoding="utf8")
    prepare_text([tmp_path / "a.txt"], tmp_path / "text", Overlap(), held_out=0.1)
    train_vocabulary(tmp_path / "text", tmp_path / "vocabulary", size=100)
    pack(tmp_path / "text", tmp_path / "vocabulary", tmp_path / "packed")
    settings = replace(tiny_settings, width=64, steps=500, batch=1024, long_share=0, learning_rate=3e-3)
    pretrain(tmp_path / "packed", tmp_path / "run", settings, device="cpu", threads=1)
    first, *_, last = curve(tmp_path / "run")
    assert first["held_out_accuracy"] < 0.2
    assert last["held_out_accuracy"] > 0.6


def test_output_of_a_run(run: Path, packed: Path):
    assert {path.name for path in run.iterdir()} == {"checkpoint.pt", "curve.json", "model", "weights-050"}
    points = curve(run)
    assert [point["step"] for point in points] == [0, 3, 6, 9, 12]
    assert [point["share"] for point in points] == [0, 0.25, 0.5, 0.75, 1]
    assert [point["pieces"] for point in points] == [0, 384, 768, 1152, 1536]
    assert points[-1]["learning_rate"] == 0
    record = json.loads((run / "model" / "training.json").read_text(encoding="utf8"))
    assert record["finished"] is True
    assert record["curve"] == points
    assert record["data"]["pieces"] == len(load_packed(packed).training)
    half = json.loads((run / "weights-050" / "training.json").read_text(encoding="utf8"))
    assert (half["finished"], half["step"]) == (False, 6)


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.1}, {"steps": 40, "batch": 1024}], ids=str)
def test_stopped_and_resumed_gives_the_same_weights(train: Train, tmp_path: Path, settings: dict):
    assert train(tmp_path / "whole", **settings) == tmp_path / "whole" / "model"
    assert train(tmp_path / "parts", pause_steps=5, **settings) is None
    assert not (tmp_path / "parts" / "model").exists()
    torch.manual_seed(123)
    torch.rand(5)
    assert train(tmp_path / "parts", pause_steps=2, **settings) is None
    assert train(tmp_path / "parts", **settings) == tmp_path / "parts" / "model"
    assert_same(tmp_path / "whole" / "model", tmp_path / "parts" / "model")
    untimed = [[{**p, "seconds": 0} for p in curve(tmp_path / name)] for name in ("whole", "parts")]
    assert untimed[0] == untimed[1]


def test_another_seed_gives_other_weights(train: Train, run: Path, tmp_path: Path):
    train(tmp_path / "run", seed=2)
    first, second = weights(run / "model"), weights(tmp_path / "run" / "model")
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first[name], second[name])


def test_a_run_begins_with_the_weights_of_another(train: Train, run: Path, tmp_path: Path):
    settings = {"seed": 2, "warmup": 0.5}
    assert train(tmp_path / "whole", start_from=run / "model", **settings)
    first, *_ = curve(tmp_path / "whole")
    *_, last = curve(run)
    # masked with another seed, so about the same
    assert first["held_out_loss"] == pytest.approx(last["held_out_loss"], abs=0.15)
    record = json.loads((tmp_path / "whole" / "model" / "training.json").read_text(encoding="utf8"))
    before = json.loads((run / "model" / "training.json").read_text(encoding="utf8"))
    assert record["start_from"] == {
        **{key: value for key, value in before.items() if key not in ("format", "data")},
        "sha256": sha256(run / "model" / "model.safetensors"),
    }
    assert (tmp_path / "whole" / "model" / "model.safetensors").stat().st_mode & 0o777 == 0o644
    text = write_card(tmp_path / "whole" / "model").read_text(encoding="utf8")
    for part in (
        "| 2, each begun with",
        "| 3,072 (",
        "| seed | 1, 2 |",
        "| 1, 100% | 12 |",
        "| 2, 100% | 12 |",
    ):
        assert part in text
    # in parts, with the same weights to begin with, and not with others
    assert train(tmp_path / "parts", start_from=run / "model", pause_steps=4, **settings) is None
    with pytest.raises(PretrainingError, match="other settings"):
        train(tmp_path / "parts", **settings)
    assert train(tmp_path / "parts", start_from=run / "model", **settings)
    assert_same(tmp_path / "whole" / "model", tmp_path / "parts" / "model")


def test_a_run_on_other_text_names_both(train: Train, run: Path, tmp_path: Path):
    record = json.loads((run / "model" / "training.json").read_text(encoding="utf8"))
    shutil.copytree(run / "model", tmp_path / "elsewhere")
    record["data"]["parts"][0]["sha256"] = "of another text"
    record["data"]["text"]["words"] = 123_456
    (tmp_path / "elsewhere" / "training.json").write_text(json.dumps(record), encoding="utf8")
    assert train(tmp_path / "run", start_from=tmp_path / "elsewhere")  # with the same seed
    card = write_card(tmp_path / "run" / "model").read_text(encoding="utf8")
    assert "| text | 123,456 words in" in card
    assert card.count("was not compared with any labelled corpus") == 2
    assert "epochs)" not in card


def test_weights_that_no_run_can_begin_with(train: Train, run: Path, tmp_path: Path):
    with pytest.raises(PretrainingError, match=r"with seed 1, .* give another seed"):
        train(tmp_path / "other", start_from=run / "model")
    with pytest.raises(PretrainingError, match="num_hidden_layers=2, and the settings say 3"):
        train(tmp_path / "other", start_from=run / "model", layers=3, seed=2)
    with pytest.raises(FormatError, match="not there: make the folder with spacy bioner pretrain"):
        train(tmp_path / "other", start_from=tmp_path)
    shutil.copytree(run / "model", tmp_path / "words")
    with (tmp_path / "words" / "vocab.txt").open("a", encoding="utf8") as file:
        file.write("newword\n")
    with pytest.raises(PretrainingError, match=r"another vocabulary.*pretrain-pack"):
        train(tmp_path / "other", start_from=tmp_path / "words", seed=2)
    shutil.copytree(run / "model", tmp_path / "bare")
    BertModel.from_pretrained(run / "model", local_files_only=True).save_pretrained(tmp_path / "bare")
    with pytest.raises(PretrainingError, match=r"lacks cls\.predictions"):
        train(tmp_path / "other", start_from=tmp_path / "bare", seed=2)
    (tmp_path / "bare" / "model.safetensors").unlink()
    with pytest.raises(PretrainingError, match=r"has no model\.safetensors"):
        train(tmp_path / "other", start_from=tmp_path / "bare")
    assert not (tmp_path / "other").exists()


def test_a_finished_run_is_left_alone(train: Train, run: Path):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert train(run) == run / "model"
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_weights_load_in_transformers_as_they_were(run: Path):
    state = torch.load(run / CHECKPOINT, weights_only=True)["model"]
    model = BertForMaskedLM.from_pretrained(run / "model", local_files_only=True)
    assert model.config.hidden_dropout_prob == 0.1
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, state[name].half().float()), name
    assert {tensor.dtype for tensor in weights(run / "model").values()} == {torch.float16}
    tokenizer = AutoTokenizer.from_pretrained(run / "model", local_files_only=True)
    assert tokenizer.model_max_length == model.config.max_position_embeddings == 64
    encoder = AutoModel.from_pretrained(run / "model", local_files_only=True)
    assert encoder(**tokenizer("Cisplatin in mice.", return_tensors="pt")).last_hidden_state.shape[-1] == 32


def test_files_of_weights_are_no_larger_than_the_limit(train: Train, run: Path, tmp_path: Path):
    train(tmp_path / "run", width=128, layers=8, steps=1, batch=32, evaluation_pieces=16, evaluations=1)
    model = tmp_path / "run" / "model"
    files = sorted(model.glob("*.safetensors"))
    assert len(files) > 2
    assert max(file.stat().st_size for file in files) <= 1 << 20
    state = torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["model"]
    loaded = BertForMaskedLM.from_pretrained(model, local_files_only=True)
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, state[name].half().float()), name


def test_encoder_can_be_named(run: Path):
    from spacy_bioner.encoders.encoder_catalogue import find_encoder, resolve_encoder

    assert find_encoder(str(run / "model")).name == "model"
    assert resolve_encoder(str(run / "model")).folder == run / "model"


def test_minutes_end_the_run_and_the_schedule(train: Train, tmp_path: Path):
    begun = time.perf_counter()
    assert train(tmp_path / "run", steps=0, minutes=0.05, evaluations=2)
    assert time.perf_counter() - begun < 20
    points = curve(tmp_path / "run")
    assert points[-1]["share"] == 1
    assert points[-1]["learning_rate"] == 0
    assert 2 < points[-1]["seconds"] < 4
    assert points[-1]["step"] > 5


def test_pause_after_minutes(packed: Path, train: Train, tmp_path: Path, capsys: pytest.CaptureFixture):
    settings = Settings(
        layers=1, width=16, heads=1, positions=32, length=16, long_length=16, batch=32, steps=10**6
    )
    assert pretrain(packed, tmp_path / "run", settings, device="cpu", pause_minutes=0.01) is None
    assert "the same command goes on" in capsys.readouterr().out


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_learning_rate_rises_and_falls(share: float, warmup: float):
    settings = Settings(warmup=warmup, learning_rate=1.0)
    rate = learning_rate(share, settings)
    assert 0 <= rate <= 1
    assert learning_rate(1.0, settings) == 0
    assert learning_rate(warmup, settings) == pytest.approx(1)
    other = learning_rate(min(1.0, share + 0.01), settings)
    assert other >= rate if share + 0.01 <= warmup else other <= rate or share < warmup


def test_share_goes_by_steps_or_minutes_whichever_is_farther():
    progress = Progress(step=30, seconds=30.0, reserve=10.0)
    assert progress.share(Settings(steps=100)) == 0.3
    assert progress.share(Settings(minutes=1)) == pytest.approx(0.6)
    assert progress.share(Settings(minutes=1, steps=100)) == pytest.approx(0.6)
    assert progress.share(Settings(minutes=10, steps=100)) == 0.3
    assert Progress(seconds=100.0).share(Settings(minutes=1)) == 1


def test_settings_by_name():
    assert parse_settings("layers=6 learning_rate=5e-4") == Settings(layers=6, learning_rate=5e-4)
    with pytest.raises(PretrainingError, match=r"no setting 'depth'.*layers"):
        parse_settings("depth=6")
    with pytest.raises(PretrainingError, match="layers needs a whole number: layers=many"):
        parse_settings("layers=many")
    with pytest.raises(PretrainingError, match="dropout needs a number"):
        parse_settings("dropout=")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "steps or minutes"),
        ({"steps": 1, "width": 30, "heads": 4}, "multiple of heads"),
        ({"steps": 1, "length": 1024}, "up to|to positions"),
        ({"steps": 1, "batch": 100}, "batch"),
        ({"steps": 1, "masked": 0}, "masked"),
        ({"steps": 1, "warmup": 1}, "warmup"),
        ({"steps": 1, "saves": 0}, "saves"),
        ({"steps": 1, "heads": 0}, "heads"),
        ({"steps": 1, "neighbours": -1}, "neighbours"),
        ({"steps": 1, "width": 36, "heads": 4}, "neighbours"),
    ],
)
def test_settings_that_can_not_be(settings: dict, message: str):
    with pytest.raises(PretrainingError, match=message):
        Settings(**settings).check()


def test_refused(train: Train, run: Path, packed: Path, tmp_path: Path):
    with pytest.raises(PretrainingError, match="other settings"):
        train(run, steps=13)
    with pytest.raises(PretrainingError, match="larger shard_mib"):
        train(tmp_path / "large", width=2048)
    with pytest.raises(PretrainingError, match="fewer than a sequence"):
        train(tmp_path / "long", length=16384, positions=16384, batch=16384)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(PretrainingError, match="holds something else"):
        train(tmp_path / "full")
    with pytest.raises(PretrainingError, match="device 'tpu'"):
        pretrain(packed, tmp_path / "run", Settings(steps=1), device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(PretrainingError, match="device 'cuda'"):
            pretrain(packed, tmp_path / "run", Settings(steps=1), device="cuda")
    with pytest.raises(PretrainingError, match="isn't finite"):
        train(tmp_path / "wild", learning_rate=1e30)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(FormatError, match="not a whole checkpoint"):
        train(tmp_path / "broken")


def test_weights_too_large_for_sixteen_bits(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BertForMaskedLM, "half", lambda self: self.mul_by(float("inf")), raising=False)
    monkeypatch.setattr(
        BertForMaskedLM, "mul_by", lambda self, by: [p.data.mul_(by) for p in self.parameters()], False
    )
    with pytest.raises(PretrainingError, match="too large for 16 bits"):
        train(tmp_path / "run")


def test_static_vectors_put_together_what_stands_in_the_same_company():
    random = np.random.default_rng(0)
    topics = [[5, 6, 10, 11, 12, 13], [7, 8, 20, 21, 22, 23]]
    stream = np.concatenate([random.choice(topics[random.integers(2)], 40) for _ in range(200)]).astype(
        np.uint16
    )
    vectors = static_vectors(stream, 30, 4, deviation=0.02, seed=1)
    assert vectors.shape == (30, 4)
    assert not vectors[29].any()
    assert vectors[vectors.abs().sum(1) > 0].std() == pytest.approx(0.02, rel=0.01)
    near = torch.cosine_similarity(vectors[5], vectors[6], dim=0)
    far = torch.cosine_similarity(vectors[5], vectors[7], dim=0)
    assert near > far + 0.3
    assert torch.equal(vectors, static_vectors(stream, 30, 4, deviation=0.02, seed=1))


def test_training_begins_with_static_vectors(train: Train, run: Path, tmp_path: Path):
    train(tmp_path / "run", static_vectors=0.01, pause_steps=1)
    train(tmp_path / "run", static_vectors=0.01)
    name = "bert.embeddings.word_embeddings.weight"
    assert not torch.equal(weights(tmp_path / "run" / "model")[name], weights(run / "model")[name])


def test_training_needs_neither_spacy_nor_an_installed_package(packed: Path, root: Path, tmp_path: Path):
    code = """if True:
        import importlib.metadata, sys
        found = importlib.metadata.version
        def version(name):
            if name == "spacy-bioner":
                raise importlib.metadata.PackageNotFoundError(name)
            return found(name)
        importlib.metadata.version = version
        from spacy_bioner.pretraining.masked_lm import main
        code = main(sys.argv[1:])
        bad = {"spacy", "thinc", "typer", "wasabi", "srsly"} & set(sys.modules)
        sys.exit(code or (str(bad) if bad else 0))
    """
    settings = (
        "layers=1 width=16 heads=1 positions=32 length=16 long_length=16 batch=32 evaluations=1 saves=1"
    )
    command = [sys.executable, "-c", code, packed, tmp_path / "run", "--steps", "1", "--settings", settings]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2  # one a point of the curve, where nobody looks on
    assert "held out" in lines[-1]
    record = json.loads((tmp_path / "run" / "model" / "training.json").read_text(encoding="utf8"))
    assert record["versions"]["spacy-bioner"] == "unknown"


def test_command_line_without_spacy_prints_errors(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    assert main([str(packed), str(tmp_path / "run")]) == 1
    assert "steps or minutes" in capsys.readouterr().err


def test_card_says_how_the_model_was_made(run: Path, tmp_path: Path):
    path = write_card(run / "model", "tiny")
    text = path.read_text(encoding="utf8")
    assert text.startswith("# tiny\n")
    for part in (
        "2 layers of 32",
        "400 word pieces, cased",
        "12 of 128 pieces",
        "15% of the words",
        "| seed | 1 |",
    ):
        assert part in text
    assert "Where the text is from was not written down" in text
    assert "was not compared with any labelled corpus" in text
    assert "before the learning rate had fallen" in write_card(run / "weights-050").read_text(encoding="utf8")


def test_card_names_sources_licences_and_corpora(run: Path, tmp_path: Path):
    record = json.loads((run / "model" / "training.json").read_text(encoding="utf8"))
    record["data"]["text"]["sources"] = [
        {"source": "A", "licence": "CC BY", "documents": 1, "words": 1000},
        {"source": "B", "licence": "CC0", "documents": 1, "words": 20},
        {"source": "C|D", "licence": "CC BY", "documents": 1, "words": 3},
    ]
    record["data"]["text"]["overlap"] = [{"corpus": "NCBI", "split": "test", "sentences": 9, "removed": 2}]
    record["data"]["text"]["rules"] = {"overlap": 2}
    (tmp_path / "training.json").write_text(json.dumps(record), encoding="utf8")
    text = write_card(tmp_path).read_text(encoding="utf8")
    assert "| CC BY | 1,003 |" in text
    assert "| C/D | CC BY | 3 |" in text
    assert "taken out (2): NCBI." in text


def test_card_tells_the_machine_of_each_run_and_a_text_once(run: Path, tmp_path: Path):
    first = json.loads((run / "model" / "training.json").read_text(encoding="utf8"))
    words, documents = (first["data"]["text"][key] for key in ("words", "documents"))
    first |= {"seconds": 3600.0, "hardware": "slow"}
    second = first | {"seconds": 360.0, "hardware": "fast", "versions": {"python": "9"}}
    second |= {"data": first["data"] | {"pieces": 5}, "start_from": first | {"sha256": "0"}}
    (tmp_path / "training.json").write_text(json.dumps(second), encoding="utf8")
    text = write_card(tmp_path).read_text(encoding="utf8")
    assert "| 1.00 hours on slow," in text
    assert "; then 0.10 hours on fast," in text
    assert "; then python 9 |" in text
    amount = f"{words:,} words in {documents:,} documents, {first['data']['pieces']:,} word pieces"
    assert f"| text | {amount}; then 5 word pieces of the same text |" in text
    assert text.count("was not compared with any labelled corpus") == 1


def test_card_without_a_record(tmp_path: Path):
    with pytest.raises(FormatError, match="spacy bioner pretrain"):
        write_card(tmp_path)
    (tmp_path / "training.json").write_text('{"format": 1}', encoding="utf8")
    with pytest.raises(FormatError, match="'settings' isn't in it"):
        write_card(tmp_path)


def test_verbs(run_cli: Callable[..., str], refuse_cli: Callable[..., str], packed: Path, tmp_path: Path):
    settings = replace(
        Settings(), layers=1, width=16, heads=1, length=16, long_length=16, batch=32, evaluations=1
    )
    text = " ".join(f"{name}={getattr(settings, name)}" for name in ("layers", "width", "heads", "length"))
    text += " long_length=16 batch=32 evaluations=1 evaluation_pieces=64"
    arguments = ["bioner", "pretrain", packed, tmp_path / "run", "--steps", 2, "--settings", text]
    output = run_cli(*arguments, "--device", "cpu")
    assert "100.0%  step 2" in output
    assert (tmp_path / "run" / "model" / "README.md").is_file()
    run_cli("bioner", "pretrain-card", tmp_path / "run" / "model", "--name", "tiny")
    assert (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf8").startswith("# tiny")
    assert "can't be" in refuse_cli("bioner", "pretrain", packed, tmp_path / "other")
