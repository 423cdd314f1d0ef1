"""`spacy bioner fetch`: what it says of what it got, and how it ends where it got something wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

TRAIN = b"Aspirin\tB-Drug\n\n"
ENTRY = """
[corpora.drugs]
folder = "../source"
types = {{ Drug = "Chemical" }}

[corpora.drugs.splits]
train = {{ file = "train.tsv", blobs = ["{train}"] }}
test = {{ file = "test.tsv" }}
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(empty_hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def drugs(write: Callable[..., Path]) -> Callable[[str], None]:
    """Makes a corpus of the project whose train file has some git blob id."""

    def make(blob: str) -> None:
        write(ENTRY.format(train=blob), "corpus/corpora.toml")
        write(TRAIN, "source/train.tsv")
        write(b"It\tO\n\n", "source/test.tsv")

    return make


def test_corpus_is_fetched_and_says_what_was_checked(
    run_cli: Callable[..., str], drugs: Callable[[str], None]
):
    drugs("8ac3306c457f7e035fc1c19ef22270b62b4f9997")
    output = run_cli("bioner", "fetch", "--corpus", "DRUGS", "--assets", "data")
    assert "✔ data/drugs/train.tsv: fetched, checked" in output
    assert "✔ data/drugs/test.tsv: fetched, no checksum known" in output
    assert Path("data/drugs/train.tsv").read_bytes() == TRAIN


def test_wrong_file_is_named_and_ends_it(refuse_cli: Callable[..., str], drugs: Callable[[str], None]):
    drugs("0" * 40)
    message = refuse_cli("bioner", "fetch", "--corpus", "drugs", "--encoder", "mini")
    assert message.startswith("✘ train.tsv: the wrong file.")
    assert [path for path in Path("assets").rglob("*") if path.is_file()] == []


def test_several_corpora_and_encoders_at_once(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(
        '[corpora.lab]\nfolder = "."\ntypes = { A = "B" }\nsplits.test.file = "t.tsv"\n',
        "corpus/corpora.toml",
    )
    write("Mus\tO\n", "corpus/t.tsv")
    for split in ("train", "devel", "test"):
        write("Mus\tO\n", f"here/s800/{split}.tsv")
    for corpora in (["--corpus", "S800", "--corpus", "lab"], ["--corpus", "S800, lab"]):
        shutil.rmtree("assets", ignore_errors=True)
        options = [*corpora, "--corpora-base", "nowhere,here"]
        output = run_cli("bioner", "fetch", *options, "--encoder", "mini,cnn")
        assert output.count("fetched, no checksum known") == 4
        assert "encoder mini: embedded (assets/encoders/mini)" in output
        assert "cnn: no encoder to fetch" in output
    assert Path("assets/encoders/mini/model.safetensors").is_file()


@pytest.mark.parametrize("arguments", [[], ["--corpus", ","]], ids=["nothing", "a comma"])
def test_nothing_to_fetch(refuse_cli: Callable[..., str], arguments: list[str]):
    assert "name a --corpus or an --encoder" in refuse_cli("bioner", "fetch", *arguments)


def test_unknown_corpus(refuse_cli: Callable[..., str]):
    message = refuse_cli("bioner", "fetch", "--corpus", "BC5")
    assert "'BC5' isn't in the catalogue" in message
    assert "BC5CDR-chem" in message


def test_corpus_by_hand(refuse_cli: Callable[..., str]):
    message = refuse_cli("bioner", "fetch", "--corpus", "s800")
    assert "https://github.com/dmis-lab/biobert-pytorch" in message
    assert "into assets/S800" in message


def test_corpus_whose_address_does_not_answer(refuse_cli: Callable[..., str]):
    message = refuse_cli("bioner", "fetch", "--corpus", "BC2GM", "--corpora-base", "http://127.0.0.1:9/")
    assert message.startswith("✘ http://127.0.0.1:9/BC2GM-IOB/train.tsv: the download failed")
    assert "--corpora-base" in message
    assert [path for path in Path("assets").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        (
            "biobert",
            [
                "✘ The encoder 'biobert' isn't",
                "With a network, run:",
                "The embedded encoder needs no download",
            ],
        ),
        (
            "biobrat",
            ["✘ The encoder 'biobrat' isn't", "The catalogue has: mini, biobert,", "Or name a folder"],
        ),
    ],
)
def test_encoder_that_cannot_be_had_says_so_in_three_parts(name: str, starts: list[str]):
    from spacy.cli import app
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["bioner", "fetch", "--encoder", name])
    assert result.exit_code == 1
    lines = click.unstyle(result.output).splitlines()
    assert [start for start in starts if not any(line.startswith(start) for line in lines)] == []
    assert not Path("assets").exists()
