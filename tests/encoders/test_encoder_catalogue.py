"""The catalogue of encoders, and the ways in which a name becomes a folder."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

import spacy_bioner.encoders.mini
from spacy_bioner.encoders import encoder_catalogue
from spacy_bioner.encoders.encoder_catalogue import (
    WEIGHTS,
    Encoder,
    ResolvedEncoder,
    find_encoder,
    install_encoder,
    load_encoders,
    resolve_encoder,
)
from spacy_bioner.errors import EncoderError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BIOBERT = "dmis-lab/biobert-base-cased-v1.2"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def cache(empty_hub_cache: Path, tiny_encoder: Path) -> Callable[..., Path]:
    """Puts a snapshot with the tiny encoder's files into the hub's local cache."""

    def put(repository: str, commit: str = COMMIT, leave_out: str = "") -> Path:
        folder = empty_hub_cache / f"models--{repository.replace('/', '--')}"
        snapshot = folder / "snapshots" / commit
        shutil.copytree(tiny_encoder, snapshot, ignore=shutil.ignore_patterns(leave_out))
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(commit)
        return snapshot

    return put


@dataclass
class Hub:
    """What `huggingface_hub.snapshot_download` was asked for, and what it answers."""

    answer: Path
    calls: list[dict[str, object]] = field(default_factory=list)

    def snapshot_download(self, repository: str, **arguments: object) -> str:
        self.calls.append({"repository": repository, **arguments})
        if arguments["local_files_only"]:
            raise LocalEntryNotFoundError("not in the cache")
        return str(self.answer)


@pytest.fixture
def hub(tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that has the tiny encoder under any name."""
    hub = Hub(tmp_path / "snapshots" / COMMIT)
    shutil.copytree(tiny_encoder, hub.answer)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


def test_every_entry_is_complete():
    for encoder in load_encoders().values():
        assert_complete(encoder)


def assert_complete(encoder: Encoder) -> None:
    assert encoder.description
    assert encoder.licence
    assert encoder.citation
    assert encoder.cased in (True, False)
    assert encoder.parameters is not None
    assert encoder.parameters > 0
    assert 0 < encoder.learning_rate < 1e-2
    assert re.fullmatch("[a-z][a-z0-9_]*", encoder.name)  # part of a package's name
    assert [bool(encoder.hub), bool(encoder.archive), bool(encoder.by_hand), encoder.embedded].count(
        True
    ) == 1
    assert bool(encoder.sha256) == encoder.embedded


def test_every_known_repository_is_in_the_catalogue(corpora: Path):
    known = (corpora.parent / "encoders.md").read_text(encoding="utf8")
    ids = re.findall(r"`((?:dmis-lab|microsoft|allenai|michiyasunaga|Euanyu)/[\w.-]+)`", known)
    assert len(ids) >= 10
    catalogue = load_encoders()
    assert [name for name in ids if find_encoder(name).name not in catalogue] == []
    [base] = re.findall(r"`(https://github\S+/download/)`", known)
    archives = {
        *re.findall(r"`(https://dl\S+\.tar\.gz)`", known),
        *(f"{base}{name}" for name in re.findall(r"`(v1\S+\.tar\.gz)`", known)),
    }
    assert len(archives) == 5
    assert archives == {e.archive or e.original for e in catalogue.values() if e.archive or e.original}
    [page] = re.findall(r"`(https://drive\S+/view)`", known)
    by_hand = {
        f"BioALBERT {which.replace('+', ', ')}": page.replace("ID", id)
        for which, id in re.findall(r"^- (\w+ v1\.\d \S+): `([\w-]+)`$", known, re.MULTILINE)
    }
    assert len(by_hand) == 8
    found = {
        e.description.split(";")[0].replace(" and", ","): e.by_hand for e in catalogue.values() if e.by_hand
    }
    assert found == {name.replace(" PubMed", ": PubMed", 1): url for name, url in by_hand.items()}


def test_one_to_be_fetched_by_hand_says_how(hub: Hub):
    with pytest.raises(EncoderError) as error:
        resolve_encoder("bioalbert-base-pubmed", assets=Path("here/assets"))
    first, second, third = str(error.value).splitlines()
    assert first.endswith(
        "isn't at hand: https://drive.google.com/file/d/1sCU1vvSOWoWVAkOoWGUC3ZKraItLIoXD/view. [B186]"
    )
    assert "by hand" in second
    assert second.endswith("spacy bioner encoders import ARCHIVE here/assets/encoders/bioalbert_base_pubmed")
    assert "--encoder mini" in third
    assert hub.calls == []


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("biobert-v11", "biobert_v11"),
        ("BioBERT_v11", "biobert_v11"),
        ("roberta-large-PM", "roberta_large_pm"),
        ("DMIS-lab/BioBERT-base-cased-v1.2", "biobert"),
        ("microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract", "pubmedbert"),
        ("microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract", "pubmedbert"),
        ("microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract-fulltext", "pubmedbert_fulltext"),
        ("microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext", "pubmedbert_fulltext"),
        ("microsoft/BiomedNLP-PubMedBERT-large-uncased-abstract", "pubmedbert_large"),
    ],
)
def test_an_encoder_has_several_names(name: str, short: str):
    assert find_encoder(name).name == short
    assert find_encoder(short) == find_encoder(name)


def test_repository_that_the_catalogue_does_not_have_is_an_encoder_too():
    encoder = find_encoder("somebody/Their-BERT.v2")
    assert encoder == Encoder("their_bert_v2", hub="somebody/Their-BERT.v2")


@pytest.mark.parametrize(
    ("folder", "name"), [("My Model-2", "my_model_2"), ("β-BERT", "bert"), ("--", "encoder")]
)
def test_folder_is_an_encoder_with_a_name_that_a_package_can_have(
    tiny_encoder: Path, tmp_path: Path, folder: str, name: str
):
    shutil.copytree(tiny_encoder, tmp_path / folder)
    encoder = find_encoder(str(tmp_path / folder))
    assert encoder.name == name
    assert encoder.cased is None


def test_unknown_name_is_an_error_of_three_lines_with_the_known_ones():
    with pytest.raises(EncoderError) as error:
        find_encoder("biobrat")
    first, second, third = str(error.value).splitlines()
    assert "'biobrat'" in first
    assert "mini, biobert, biobert_v11" in second
    assert "spacy bioner encoders" in second
    assert "folder" in third


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_incomplete_folder_is_refused(tiny_encoder: Path, tmp_path: Path, missing: str):
    folder = tmp_path / "half"
    shutil.copytree(tiny_encoder, folder, ignore=shutil.ignore_patterns(missing))
    with pytest.raises(EncoderError, match=r"half' isn't an encoder: it needs config\.json, one of"):
        resolve_encoder(str(folder))


def test_embedded_encoder_is_the_packages_own(tmp_path: Path, hub: Hub):
    resolved = resolve_encoder("mini", assets=tmp_path / "assets")
    assert resolved.folder == Path(spacy_bioner.encoders.mini.__file__).parent
    assert (resolved.source, resolved.revision) == ("embedded", "")
    assert not (tmp_path / "assets").exists()
    assert hub.calls == []


def test_first_a_folder_of_that_name(tiny_encoder: Path, hub: Hub):
    in_assets = Path("assets/encoders/biobert")
    for folder in (Path("biobert"), in_assets):
        shutil.copytree(tiny_encoder, folder)
    resolved = resolve_encoder("biobert")
    assert resolved == ResolvedEncoder(find_encoder("biobert"), Path("biobert"), "folder")
    shutil.rmtree("biobert")
    assert resolve_encoder("biobert").folder == in_assets
    assert hub.calls == []


def test_incomplete_folder_in_assets_is_passed_over(cache: Callable[..., Path]):
    Path("assets/encoders/biobert").mkdir(parents=True)
    snapshot = cache(BIOBERT)
    assert resolve_encoder("biobert").folder == snapshot


def test_then_the_hubs_cache_with_the_revision_that_it_holds(cache: Callable[..., Path]):
    snapshot = cache(BIOBERT)
    resolved = resolve_encoder("biobert")
    assert resolved == ResolvedEncoder(find_encoder("biobert"), snapshot, "hub cache", COMMIT)


def test_cache_may_hold_the_repository_under_its_former_name(cache: Callable[..., Path]):
    snapshot = cache("microsoft/BiomedNLP-PubMedBERT-base-uncased-abstract")
    resolved = resolve_encoder("pubmedbert")
    assert (resolved.folder, resolved.encoder.name) == (snapshot, "pubmedbert")


def test_cache_is_asked_for_the_pinned_revision(cache: Callable[..., Path]):
    cache(BIOBERT)
    assert resolve_encoder("biobert", revision=COMMIT).revision == COMMIT
    with pytest.raises(EncoderError):
        resolve_encoder("biobert", revision="f" * 40)


def test_incomplete_snapshot_in_the_cache_does_not_count(cache: Callable[..., Path]):
    cache(BIOBERT, leave_out="model.safetensors")
    with pytest.raises(EncoderError, match="isn't at hand"):
        resolve_encoder("biobert")


def test_at_last_the_hub(hub: Hub):
    resolved = resolve_encoder("biobert")
    assert resolved == ResolvedEncoder(find_encoder("biobert"), hub.answer, "hub", COMMIT)
    asked, downloaded = hub.calls
    assert asked["local_files_only"]
    assert not downloaded["local_files_only"]
    assert downloaded["repository"] == BIOBERT
    assert downloaded["revision"] is None
    assert {"*.json", "*.txt", *WEIGHTS} <= set(downloaded["allow_patterns"])


def test_hub_is_asked_for_the_pinned_revision(hub: Hub):
    resolved = resolve_encoder("biobert", revision="v2")
    assert [call["revision"] for call in hub.calls] == ["v2", "v2"]
    assert resolved.revision == COMMIT  # what "v2" was resolved to


def test_revision_of_the_catalogue_pins_unless_another_is_given(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    pinned = replace(find_encoder("biobert"), revision="pin")
    monkeypatch.setattr(encoder_catalogue, "load_encoders", lambda: {"biobert": pinned})
    resolve_encoder("biobert")
    resolve_encoder("biobert", revision="other")
    assert [call["revision"] for call in hub.calls] == ["pin", "pin", "other", "other"]


def test_hub_is_not_asked_without_leave(hub: Hub):
    with pytest.raises(EncoderError, match="isn't at hand"):
        resolve_encoder("biobert", download=False)
    assert [call["local_files_only"] for call in hub.calls] == [True]


def test_repository_without_weights_is_refused(hub: Hub):
    (hub.answer / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match="its files are not complete"):
        resolve_encoder("biobert")


def test_without_network_and_copy_three_lines_say_what_to_do(empty_hub_cache: Path):
    with pytest.raises(EncoderError) as error:
        resolve_encoder("biobert-v11", assets=Path("here/assets"))
    first, second, third = str(error.value).splitlines()
    assert first.startswith("The encoder 'biobert_v11' isn't at hand: the hub can't be asked for it")
    assert "spacy bioner fetch --encoder biobert_v11" in second
    assert "here/assets/encoders/biobert_v11" in second
    assert "--encoder mini" in third
    assert not Path("here").exists()


def test_id_that_the_hub_cannot_have_is_an_error_of_three_lines():
    with pytest.raises(EncoderError) as error:
        resolve_encoder("some body/no such thing")
    assert len(str(error.value).splitlines()) == 3


def test_archive_that_is_not_at_hand_is_named(hub: Hub):
    with pytest.raises(EncoderError, match=r"RoBERTa-large-PM-M3-Voc-hf\.tar\.gz") as error:
        resolve_encoder("roberta_large_pm")
    assert len(str(error.value).splitlines()) == 3
    assert hub.calls == []


@pytest.mark.parametrize("name", WEIGHTS)
def test_checksum_is_that_of_the_weights(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"weights")
    found = ResolvedEncoder(Encoder("x"), tmp_path, "folder").weights_sha256()
    assert found == hashlib.sha256(b"weights").hexdigest()


def test_installing_replaces_the_folder_and_copies_only_what_is_wanted(tiny_encoder: Path, tmp_path: Path):
    source = tmp_path / "source"
    shutil.copytree(tiny_encoder, source)
    for name in ("tf_model.h5", "flax_model.msgpack", "train.py"):
        (source / name).write_bytes(b"not needed")
    target = tmp_path / "assets" / "encoders" / "biobert"
    target.mkdir(parents=True)
    (target / "old.json").write_text("{}")
    assert install_encoder(source, find_encoder("biobert"), tmp_path / "assets", {"source": "x"}) == target
    wanted = {path.name for path in tiny_encoder.iterdir()}
    assert {path.name for path in target.iterdir()} == {*wanted, "source.json"}
    assert json.loads((target / "source.json").read_text(encoding="utf8")) == {"source": "x"}
    assert [path.name for path in target.parent.iterdir()] == ["biobert"]


# -- the table for people ------------------------------------------------------------------------------------


def tables(root: Path) -> list[list[list[str]]]:
    """The cells of the tables in docs/encoders.md, without their headers."""
    text = (root / "docs" / "encoders.md").read_text(encoding="utf8")
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[[c.strip() for c in row.strip("|").split("|")] for row in b.splitlines()[2:]] for b in blocks]


def test_table_in_the_documentation_has_the_catalogues_encoders(root: Path):
    _, listed, scores = tables(root)
    catalogue = load_encoders()
    assert [row[0].strip("`") for row in listed] == list(catalogue)
    for (_, what, source, how, licence), encoder in zip(listed, catalogue.values(), strict=True):
        casing = "cased" if encoder.cased else "uncased"
        assert what == f"{encoder.description.split(';')[0]}, {casing}"
        addresses = (encoder.hub, *encoder.formerly, encoder.archive, encoder.by_hand, encoder.original)
        assert set(re.findall("[`<]([^`<>]+)[`>]", source)) == set(filter(None, addresses))
        kinds = {"hub": encoder.hub, "archive": encoder.archive, "by hand": encoder.by_hand}
        assert how == ("embedded" if encoder.embedded else next(kind for kind, at in kinds.items() if at))
        assert licence == encoder.licence
    assert list(dict.fromkeys(row[0].strip("`") for row in scores)) == list(catalogue)


def test_every_expected_score_has_a_protocol(root: Path):
    text = (root / "docs" / "encoders.md").read_text(encoding="utf8")
    protocols = set(re.findall(r"^- \*\*(\w)\*\*: ", text, re.MULTILINE))
    for _, protocol, *scores in tables(root)[2]:
        found = [score for score in scores if score]
        assert bool(found) == (protocol in protocols)
        assert found or protocol == "not known here"
        assert all(re.fullmatch(r"\d\d\.\d\d(, both)?", score) for score in found)
