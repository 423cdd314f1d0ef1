"""Fetching: only whole and right files appear, and what can't be had is named."""

import gzip
import io
import shutil
import subprocess
import tarfile
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spacy_bioner.corpora.corpus_catalogue import Corpus, Split, load_corpora
from spacy_bioner.corpora.fetching import fetch_corpus, fetch_encoder, git_blob_id
from spacy_bioner.encoders import encoder_catalogue
from spacy_bioner.encoders.encoder_catalogue import Encoder
from spacy_bioner.errors import CorpusError, EncoderError, FetchError

TRAIN, DEVEL = b"Aspirin\tB-Drug\n\n", b"Ibuprofen\tB-Drug\n\n"
# what `git hash-object` gives for these
TRAIN_ID = "8ac3306c457f7e035fc1c19ef22270b62b4f9997"
DEVEL_ID = "3bd43494545f77c6bf14840693302a68adda6217"
WRONG_ID = "0" * 40


class Server:
    """A web server on this machine: what it holds, and which paths it was asked for."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_at: int | None = None  # after so many bytes the connection breaks
        self.chunked = False  # send without saying how long it will be


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked.append(self.path)
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.close_connection = True
            self.send_response(200)
            if state.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content)
            else:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: state.cut_at])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder that stands in for a corpus's address."""
    folder = tmp_path / "source" / "my corpus"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_bytes(TRAIN)
    (folder / "devel.tsv").write_bytes(DEVEL)
    return folder.parent


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    return tmp_path / "assets"


def corpus(base: object = "", train: str = TRAIN_ID, devel: str = DEVEL_ID, **fields: object) -> Corpus:
    splits = {
        "train": Split("my corpus/train.tsv", (train,)),
        "devel": Split("my corpus/devel.tsv", (devel,)),
    }
    return Corpus("drugs", {"Drug": "Chemical"}, splits, str(base), **fields)


def files(folder: Path) -> dict[str, bytes]:
    """All files under a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()
    }


WHOLE = {"drugs/train.tsv": TRAIN, "drugs/devel.tsv": DEVEL}


@pytest.mark.parametrize(
    ("content", "blob"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (TRAIN, TRAIN_ID),
        (DEVEL, DEVEL_ID),
    ],
)
def test_id_is_the_one_that_git_gives(write: Callable[..., Path], content: bytes, blob: str):
    assert git_blob_id(write(content)) == blob


@pytest.mark.skipif(shutil.which("git") is None, reason="no git to compare with")
def test_id_is_the_one_that_git_gives_to_large_and_binary_files(write: Callable[..., Path]):
    path = write(bytes(range(256)) * 9000)
    expected = subprocess.run(
        ["git", "hash-object", "--no-filters", path], capture_output=True, text=True, check=True
    )
    assert git_blob_id(path) == expected.stdout.strip()


def test_corpus_from_a_folder(source: Path, assets: Path):
    fetched = list(fetch_corpus(corpus(source), assets))
    assert fetched == [
        (assets / "drugs" / "train.tsv", "fetched"),
        (assets / "drugs" / "devel.tsv", "fetched"),
    ]
    assert files(assets) == WHOLE


@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
def test_corpus_from_an_address(server: Server, assets: Path, chunked: bool):
    server.chunked = chunked
    server.files = {"/data/my%20corpus/train.tsv": TRAIN, "/data/my%20corpus/devel.tsv": DEVEL}
    list(fetch_corpus(corpus(f"{server.address}/data/"), assets))
    assert files(assets) == WHOLE


def test_another_base_stands_in_for_the_corpus_own(server: Server, source: Path, assets: Path):
    list(fetch_corpus(corpus(server.address), assets, str(source)))
    assert files(assets) == WHOLE
    assert server.asked == []


def test_any_of_several_ids_will_do(source: Path, assets: Path):
    several = corpus(source)
    several.splits["train"] = Split("my corpus/train.tsv", (WRONG_ID, TRAIN_ID))
    list(fetch_corpus(several, assets))
    assert files(assets) == WHOLE


def test_what_is_there_is_checked_and_not_fetched_again(server: Server, assets: Path):
    server.files = {"/my%20corpus/train.tsv": TRAIN, "/my%20corpus/devel.tsv": DEVEL}
    list(fetch_corpus(corpus(server.address), assets))
    server.asked.clear()
    again = [how for _, how in fetch_corpus(corpus(server.address), assets)]
    assert again == ["there already", "there already"]
    assert server.asked == []


def test_wrong_file_is_named_and_not_kept(source: Path, assets: Path):
    with pytest.raises(FetchError) as error:
        list(fetch_corpus(corpus(source, train=WRONG_ID), assets))
    message = str(error.value)
    assert message.startswith("my corpus/train.tsv: the wrong file.")
    assert TRAIN_ID in message
    assert WRONG_ID in message
    assert str(source) in message
    assert files(assets) == {}


def test_first_wrong_file_ends_it(source: Path, assets: Path):
    fetching = fetch_corpus(corpus(source, train=TRAIN_ID, devel=WRONG_ID), assets)
    assert next(fetching)[1] == "fetched"
    with pytest.raises(FetchError, match=r"^my corpus/devel\.tsv"):
        next(fetching)
    assert files(assets) == {"drugs/train.tsv": TRAIN}


def test_wrong_file_that_is_there_already_is_named_and_left(source: Path, assets: Path, write: Callable):
    mine = write("mine\tO\n", "assets/drugs/train.tsv")
    with pytest.raises(FetchError, match=r"^my corpus/train\.tsv: the wrong file.*delete .*train\.tsv"):
        list(fetch_corpus(corpus(source), assets))
    assert mine.read_text() == "mine\tO\n"


def test_what_stood_there_stands_when_the_new_file_is_wrong(source: Path, assets: Path):
    """A project's own corpus is copied anew each time."""
    list(fetch_corpus(corpus(source, local=True), assets))
    (source / "my corpus" / "train.tsv").write_bytes(b"damaged")
    with pytest.raises(FetchError):
        list(fetch_corpus(corpus(source, local=True), assets))
    assert files(assets) == WHOLE


def test_projects_own_corpus_is_fetched_again_when_it_changes(source: Path, assets: Path):
    own = Corpus("drugs", {"Drug": "Drug"}, {"train": Split("my corpus/train.tsv")}, str(source), local=True)
    list(fetch_corpus(own, assets))
    (source / "my corpus" / "train.tsv").write_bytes(b"changed\tO\n")
    # another base is for corpora from elsewhere
    assert [how for _, how in fetch_corpus(own, assets, "/nowhere")] == ["fetched"]
    assert files(assets) == {"drugs/train.tsv": b"changed\tO\n"}


@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "chunked"])
def test_download_that_breaks_off_leaves_nothing(server: Server, assets: Path, chunked: bool):
    server.files = {"/my%20corpus/train.tsv": TRAIN}
    server.chunked, server.cut_at = chunked, 7
    with pytest.raises(FetchError, match=r"^http://127\.0\.0\.1:\d+/my%20corpus/train\.tsv: "):
        list(fetch_corpus(corpus(server.address), assets))
    assert files(assets) == {}


def test_address_without_the_file(server: Server, assets: Path):
    with pytest.raises(FetchError, match=r"train\.tsv: the download failed \(.*404.*--corpora-base"):
        list(fetch_corpus(corpus(server.address), assets))
    assert files(assets) == {}


def test_address_that_nobody_answers(assets: Path):
    with pytest.raises(FetchError, match=r"the download failed.*Is there a network"):
        list(fetch_corpus(corpus("http://127.0.0.1:9"), assets))
    assert files(assets) == {}


def test_address_that_is_none(assets: Path):
    with pytest.raises(FetchError, match="the download failed"):
        list(fetch_corpus(corpus("http://127.0.0.1:9/a b"), assets))


def test_folder_without_the_file(tmp_path: Path, assets: Path):
    with pytest.raises(FetchError, match=r"train\.tsv: there is no such file. Is .* the right folder\?"):
        list(fetch_corpus(corpus(tmp_path / "empty"), assets))
    assert files(assets) == {}


def test_corpus_without_a_source(assets: Path):
    with pytest.raises(
        CorpusError, match=r"can't be downloaded\. Its entry names no source: put the file there"
    ):
        list(fetch_corpus(corpus(), assets))


def test_corpus_by_hand_says_where_from_and_where_to_put_it(assets: Path):
    with pytest.raises(CorpusError) as error:
        list(fetch_corpus(load_corpora()["S800"], assets))
    message = str(error.value)
    assert message.startswith(str(assets / "S800" / "train.tsv"))
    assert "https://github.com/dmis-lab/biobert-pytorch" in message
    assert f"into {assets / 'S800'}" in message
    assert not assets.exists()


def test_corpus_by_hand_is_taken_where_it_was_put(assets: Path, write: Callable[..., Path]):
    for split in ("train", "devel", "test"):
        write("Aspirin\tO\n", f"assets/S800/{split}.tsv")
    assert [how for _, how in fetch_corpus(load_corpora()["S800"], assets)] == ["there already"] * 3


def test_corpus_by_hand_is_taken_from_a_local_folder(
    assets: Path, tmp_path: Path, write: Callable[..., Path]
):
    for split in ("train", "devel", "test"):
        write("Aspirin\tO\n", f"downloads/s800/{split}.tsv")
    fetched = fetch_corpus(load_corpora()["S800"], assets, str(tmp_path / "downloads"))
    assert [how for _, how in fetched] == ["fetched"] * 3


def test_conll_2003_says_what_to_put_where(assets: Path):
    with pytest.raises(CorpusError) as error:
        list(fetch_corpus(load_corpora()["CoNLL-2003"], assets))
    message = str(error.value)
    assert message.startswith(f"{assets / 'CoNLL-2003' / 'train.tsv'} isn't there")
    assert "NIST" in message
    assert f"Put eng.train, eng.testa and eng.testb into {assets / 'CoNLL-2003'} as train.tsv," in message
    assert not assets.exists()


# several folders that stand in


@pytest.mark.parametrize(
    ("place", "bases"),
    [
        ("one", "{0}/one"),
        ("one", "{0}/nowhere,{0}/one"),
        ("one", " {0}/empty , {0}/one ,"),
        ("two/lab", "{0}/two"),
        ("two/lab", "{0}/empty,{0}/two"),
        ("two/lab", "{0}/two/lab"),
    ],
)
@pytest.mark.parametrize("by_hand", ["", "Ask in {folder}."], ids=["with an address", "by hand"])
def test_files_are_looked_for_in_several_folders_and_in_those_of_the_collection(
    server: Server, source: Path, assets: Path, tmp_path: Path, place: str, bases: str, by_hand: str
):
    (tmp_path / "empty").mkdir()
    shutil.copytree(source, tmp_path / place)
    base = "" if by_hand else server.address
    wanted = corpus(base, by_hand=by_hand, collection="lab")
    assert [how for _, how in fetch_corpus(wanted, assets, bases.format(tmp_path))] == ["fetched"] * 2
    assert files(assets) == WHOLE
    assert server.asked == []


def test_first_folder_with_the_files_counts(source: Path, assets: Path, tmp_path: Path):
    shutil.copytree(source, tmp_path / "wrong")
    (tmp_path / "wrong" / "my corpus" / "train.tsv").write_bytes(b"wrong")
    list(fetch_corpus(corpus(), assets, f"{source},{tmp_path / 'wrong'}"))
    assert files(assets) == WHOLE
    with pytest.raises(FetchError, match="the wrong file"):
        list(fetch_corpus(corpus(), tmp_path / "others", f"{tmp_path / 'wrong'},{source}"))


def test_folders_none_of_which_has_the_files(server: Server, assets: Path, tmp_path: Path):
    """They stand in for the corpus's own address: it isn't asked."""
    bases = f"{tmp_path / 'a'},{tmp_path / 'b'}"
    with pytest.raises(
        FetchError, match=r"a/my corpus/train\.tsv: there is no such file\. Is .*/a the right"
    ):
        list(fetch_corpus(corpus(server.address, collection="lab"), assets, bases))
    by_hand = corpus(by_hand="Ask in {folder}.", collection="lab")
    with pytest.raises(CorpusError, match=f"Ask in {assets / 'drugs'}"):
        list(fetch_corpus(by_hand, assets, bases))
    assert server.asked == []
    assert files(assets) == {}


def test_address_with_a_comma_is_one_address(server: Server, assets: Path):
    server.files = {"/a,b/my%20corpus/train.tsv": TRAIN, "/a,b/my%20corpus/devel.tsv": DEVEL}
    list(fetch_corpus(corpus("/nowhere", collection="lab"), assets, f"{server.address}/a,b"))
    assert files(assets) == WHOLE


# encoders

ARCHIVE = "tiny-hf.tar.gz"


@pytest.fixture
def archived(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an encoder that its makers hand out as an archive."""
    encoder = Encoder("tiny_pm", archive=f"{server.address}/{ARCHIVE}")
    monkeypatch.setattr(encoder_catalogue, "load_encoders", lambda: {"tiny_pm": encoder})
    return "tiny_pm"


def pack(folder: Path, *members: tarfile.TarInfo, leave_out: str = "") -> bytes:
    """An archive with a folder, as "tiny-hf/model", and further members without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            if path.name != leave_out:
                tar.add(path, f"tiny-hf/model/{path.name}")
        for member in members:
            tar.addfile(member)
    return buffer.getvalue()


def member(name: str, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    return info


def test_embedded_encoder_needs_no_source(assets: Path):
    assert fetch_encoder("mini", assets, base="/nowhere") == (assets / "encoders" / "mini", "embedded")


@pytest.mark.parametrize("name", ["biobert", "biobert-base-cased-v1.2"], ids=["short name", "hub's name"])
def test_folder_stands_in_for_the_hub(tiny_encoder: Path, tmp_path: Path, assets: Path, name: str):
    shutil.copytree(tiny_encoder, tmp_path / "hub" / name)
    target = assets / "encoders" / "biobert"
    assert fetch_encoder("biobert", assets, str(tmp_path / "hub")) == (target, "folder")
    assert {path.name for path in target.iterdir()} >= {path.name for path in tiny_encoder.iterdir()}
    assert encoder_catalogue.resolve_encoder("biobert", assets=assets).folder == target


def test_incomplete_folder_is_not_installed(tiny_encoder: Path, tmp_path: Path, assets: Path):
    without = shutil.ignore_patterns("model.safetensors")
    shutil.copytree(tiny_encoder, tmp_path / "hub" / "biobert", ignore=without)
    with pytest.raises(EncoderError, match="isn't an encoder"):
        fetch_encoder("biobert", assets, str(tmp_path / "hub"))
    assert not assets.exists()


def test_encoder_of_the_hub_that_is_not_at_hand(empty_hub_cache: Path, assets: Path):
    with pytest.raises(EncoderError, match="isn't at hand"):
        fetch_encoder("biobert", assets)
    assert not assets.exists()


def test_folder_stands_in_for_what_is_to_be_fetched_by_hand(tiny_encoder: Path, tmp_path: Path, assets: Path):
    with pytest.raises(EncoderError, match="by hand"):
        fetch_encoder("bioalbert_base_pubmed", assets, str(tmp_path))
    shutil.copytree(tiny_encoder, tmp_path / "bioalbert_base_pubmed")
    found, how = fetch_encoder("bioalbert_base_pubmed", assets, str(tmp_path))
    assert (found, how) == (assets / "encoders" / "bioalbert_base_pubmed", "folder")


def test_archive_from_its_address(server: Server, archived: str, tiny_encoder: Path, assets: Path):
    server.files[f"/{ARCHIVE}"] = pack(tiny_encoder)
    target = assets / "encoders" / "tiny_pm"
    assert fetch_encoder(archived, assets) == (target, "archive")
    for path in tiny_encoder.iterdir():
        assert (target / path.name).read_bytes() == path.read_bytes()
    assert server.address in (target / "source.json").read_text(encoding="utf8")
    assert fetch_encoder(archived, assets) == (target, "folder")
    assert server.asked == [f"/{ARCHIVE}"]


def test_archive_from_a_folder(
    server: Server, archived: str, tiny_encoder: Path, tmp_path: Path, assets: Path
):
    (tmp_path / ARCHIVE).write_bytes(pack(tiny_encoder))
    assert fetch_encoder(archived, assets, str(tmp_path))[1] == "archive"
    assert server.asked == []


def test_archive_that_is_nowhere(archived: str, assets: Path):
    with pytest.raises(FetchError, match=f"{ARCHIVE}: the download failed"):
        fetch_encoder(archived, assets)
    assert not assets.exists()


@pytest.mark.parametrize(
    "extra",
    [
        member("../../climbed"),
        member("tiny-hf/model/link", "/etc/passwd"),
        member("tiny-hf/model/link", "../../../outside"),
    ],
    ids=["path that climbs", "absolute link", "link that climbs"],
)
def test_archive_that_reaches_out_is_refused(
    server: Server, archived: str, tiny_encoder: Path, assets: Path, extra: tarfile.TarInfo
):
    server.files[f"/{ARCHIVE}"] = pack(tiny_encoder, extra)
    with pytest.raises(FetchError, match=f"^{ARCHIVE}: not a sound archive"):
        fetch_encoder(archived, assets)
    assert not assets.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_archive_that_is_cut_short_is_refused(
    server: Server, archived: str, tiny_encoder: Path, assets: Path, share: float
):
    whole = pack(tiny_encoder)
    server.files[f"/{ARCHIVE}"] = whole[: int(share * len(whole))]
    with pytest.raises(FetchError, match=f"^{ARCHIVE}: not a sound archive"):
        fetch_encoder(archived, assets)
    assert not assets.exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_archive_with_damaged_bytes_is_refused(
    server: Server, archived: str, tiny_encoder: Path, assets: Path, share: float
):
    damaged = bytearray(pack(tiny_encoder))
    place = int(share * len(damaged))
    damaged[place : place + 64] = b"\xff" * 64
    server.files[f"/{ARCHIVE}"] = bytes(damaged)
    with pytest.raises(FetchError, match=f"^{ARCHIVE}: "):
        fetch_encoder(archived, assets)
    assert not assets.exists()


def test_archive_that_cannot_be_decompressed_is_refused(
    server: Server, archived: str, tiny_encoder: Path, assets: Path
):
    tar = gzip.decompress(pack(tiny_encoder))
    deflate = zlib.compressobj(wbits=31)
    half = deflate.compress(tar[: len(tar) // 2]) + deflate.flush(zlib.Z_FULL_FLUSH)
    server.files[f"/{ARCHIVE}"] = half + b"\xff" * 8  # a block of a type that there is not
    with pytest.raises(FetchError, match=f"^{ARCHIVE}: not a sound archive"):
        fetch_encoder(archived, assets)
    assert not assets.exists()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_archive_without_an_encoder_is_refused(
    server: Server, archived: str, tiny_encoder: Path, assets: Path, missing: str
):
    server.files[f"/{ARCHIVE}"] = pack(tiny_encoder, leave_out=missing)
    with pytest.raises(FetchError, match=f"^{ARCHIVE}: there (is|are) no (config|weights) in it"):
        fetch_encoder(archived, assets)
    assert not assets.exists()
