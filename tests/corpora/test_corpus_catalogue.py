"""The catalogue of corpora: what it says is so, and what it can't read it refuses."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from spacy_bioner.corpora.corpus_catalogue import SPLITS, Corpus, load_corpora
from spacy_bioner.corpora.fetching import git_blob_id
from spacy_bioner.corpora.file_conversion import convert_corpora
from spacy_bioner.documents.formats import FORMATS
from spacy_bioner.errors import CorpusError

MTL = "MTL-Bioinformatics-2016"
GENERAL_NAMES = {"Person", "Location", "Organisation", "Misc"}
COMMON_NAMES = GENERAL_NAMES | {
    "Anatomy",
    "CellLine",
    "CellType",
    "CellularComponent",
    "Chemical",
    "Complex",
    "DNA",
    "Disease",
    "Gene",
    "RNA",
    "RegulonOperon",
    "SequenceFeature",
    "Species",
}

ENTRY = """
[sources.lab]
title = "Our lab"
base = "https://example.org/data"

[corpora.Ours]
source = "lab"
variant = "second edition"
licence = "CC0"
citation = "Us 2024"
types = { protein = "Gene" }

[corpora.Ours.splits]
train = { file = "ours/train.tsv", blobs = ["e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"] }
test = { file = "ours/test.tsv" }
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def upstream(corpora: Path) -> dict[str, str]:
    """The git blob id of every file of the MTL-Bioinformatics-2016 collection."""
    lines = (corpora / "mtl" / "GIT-BLOBS.txt").read_text(encoding="utf8").splitlines()
    return {file: blob for blob, file in (line.split() for line in lines if line.strip())}


def package_corpora() -> list[Corpus]:
    # named, so that a project's own in the current folder is not read
    return list(load_corpora(Path(str(files("spacy_bioner.corpora") / "corpora.toml"))).corpora.values())


@pytest.mark.parametrize("corpus", package_corpora(), ids=lambda corpus: corpus.name)
def test_every_entry_is_complete(corpus: Corpus):
    assert corpus.licence
    assert corpus.citation
    assert corpus.title
    assert set(corpus.splits) <= set(SPLITS.values())
    assert "train" in corpus.splits
    assert bool(corpus.types) or corpus.task != "entities"
    assert corpus.format in ("", *FORMATS)
    assert bool(corpus.format) == (corpus.task != "entities")
    assert set(corpus.types.values()) <= COMMON_NAMES
    assert corpus.base.startswith("https://") != bool(corpus.by_hand)
    assert not corpus.local
    # what can be downloaded can be checked
    assert corpus.by_hand or all(split.blobs for split in corpus.splits.values())


def test_named_corpora_are_there():
    catalogue = load_corpora()
    names = ["NCBI-disease", "BC5CDR", "BC5CDR-chem", "BC5CDR-disease", "BC2GM", "BC4CHEMD", "JNLPBA"]
    names += ["LINNAEUS", "S800"]
    assert [catalogue[name].name for name in names] == names


def test_files_and_ids_are_those_of_the_collection(upstream: dict[str, str]):
    found = {
        split.file: split.blobs[0]
        for corpus in package_corpora()
        if corpus.title.startswith(MTL)
        for split in corpus.splits.values()
    }
    assert found == upstream


def test_only_the_rebuilt_file_has_a_second_id():
    several = {
        split.file: split.blobs
        for corpus in package_corpora()
        for split in corpus.splits.values()
        if len(split.blobs) > 1
    }
    assert list(several) == ["JNLPBA/train.tsv"]


def test_real_files_have_the_ids_and_types_of_the_catalogue(corpora: Path):
    by_blob = {git_blob_id(path): path for path in corpora.glob("general/**/*") if path.is_file()}
    compared = []
    for corpus in package_corpora():
        if corpus.title.startswith(MTL):
            paths = {split: corpora / "mtl" / split.file for split in corpus.splits.values()}
        else:
            paths = {
                split: by_blob.get(blob, Path("nowhere"))
                for split in corpus.splits.values()
                for blob in split.blobs
            }
        if not all(path.exists() for path in paths.values()) or corpus.by_hand:
            continue
        for split, path in paths.items():
            assert git_blob_id(path) in split.blobs, path
        assert set().union(*map(types_in, paths.values())) == set(corpus.types), corpus.name
        compared.append(corpus.name)
    assert len(compared) >= 10
    assert {"JNLPBA", "CRAFT", "BC5CDR"} <= set(compared)


def types_in(path: Path) -> set[str]:
    """The types in a file of columns, by its last column alone."""
    with path.open(encoding="utf8", newline="\n") as lines:
        tags = {(line.rstrip().replace("\t", " ").rpartition(" ")[2]) for line in lines}
    return {tag[2:] for tag in tags if tag[:2] in ("B-", "I-")}


@pytest.mark.parametrize(
    ("asked", "name"),
    [("ncbi-disease", "NCBI-disease"), ("bc5cdr", "BC5CDR"), ("LiNNaeus", "LINNAEUS"), ("s800", "S800")],
)
def test_case_of_a_name_does_not_matter(asked: str, name: str):
    assert load_corpora()[asked].name == name


def test_unknown_corpus_lists_the_known_and_says_how_to_add_one():
    with pytest.raises(CorpusError) as error:
        load_corpora()["BC5CDR-gene"]
    message = str(error.value)
    assert "'BC5CDR-gene'" in message
    assert "NCBI-disease, BC5CDR, BC5CDR-chem," in message
    assert "corpus/corpora.toml" in message


def test_only_type_is_there_for_corpora_of_one_type():
    catalogue = load_corpora()
    assert catalogue["BC2GM"].only_type == "GENE"
    assert catalogue["BC5CDR"].only_type is None


def test_entry_is_read_in_full(write: Callable[..., Path]):
    corpus = load_corpora(write(ENTRY, "corpora.toml"))["ours"]
    assert corpus.types == {"protein": "Gene"}
    assert corpus.base == "https://example.org/data"
    assert corpus.title == "Our lab, second edition"
    assert (corpus.licence, corpus.citation, corpus.by_hand) == ("CC0", "Us 2024", "")
    assert corpus.splits["train"].file == "ours/train.tsv"
    assert corpus.splits["train"].blobs == ("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",)
    assert corpus.splits["test"].blobs == ()


def test_corpora_of_other_tasks_need_no_types_and_are_converted_in_their_format(write: Callable[..., Path]):
    entry = ENTRY.replace('types = { protein = "Gene" }', 'task = "pairs"\nformat = "text-pairs"')
    write(entry, "corpus/corpora.toml")
    corpus = load_corpora()["Ours"]
    assert (corpus.types, corpus.task, corpus.format) == ({}, "pairs", "text-pairs")
    write("pair_id\tsent1\tsent2\tscore\n1\tPain.\tAche.\t3.5\n", "Ours/train.tsv")
    (made,) = convert_corpora(Path(), Path("out"), ["Ours"]).values()
    assert made.docs == 1


def test_project_adds_corpora_of_its_own(write: Callable[..., Path]):
    entry = '[corpora.lab]\nfolder = "files"\ntypes = { A = "B" }\nsplits = { test = { file = "t.tsv" } }\n'
    write(entry, "corpus/corpora.toml")
    catalogue = load_corpora()
    assert catalogue["lab"].local
    assert Path(catalogue["lab"].base) == Path("corpus/files")
    assert catalogue["BC5CDR"].types
    assert list(catalogue.corpora)[-1] == "lab"


@pytest.mark.parametrize("name", ["BC2GM", "bc2gm"])
def test_projects_own_entry_goes_before_the_packages(write: Callable[..., Path], name: str):
    write(ENTRY.replace("Ours", name), "corpus/corpora.toml")
    assert load_corpora()["BC2GM"].citation == "Us 2024"


def test_this_projects_own_catalogue_has_the_sample_corpus(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    sample = load_corpora()["sample"]
    assert sample.local
    assert set(sample.types) == {"Chemical", "Disease", "Gene", "Species"}
    assert all((Path(sample.base) / split.file).is_file() for split in sample.splits.values())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[corpora.X\n", "not a catalogue"),
        (b"[corpora.X]\nlicence = '\xe9'\n", "not a catalogue"),
        (ENTRY.replace('types = { protein = "Gene" }\n', ""), "lacks 'types'"),
        (ENTRY.replace('types = { protein = "Gene" }', "types = {}"), "needs types"),
        (ENTRY.replace('types = { protein = "Gene" }', 'types = ["protein"]'), "with its common name"),
        (
            ENTRY.replace('source = "lab"', 'source = "lab"\ntask = "parsing"'),
            "the task of the corpus 'Ours'",
        ),
        (ENTRY.replace("[corpora.Ours.splits]", "[corpora.Ours.files]"), "lacks 'splits'"),
        (ENTRY.replace("file = ", "path = "), "lacks 'file'"),
        (ENTRY.replace("test = ", "final = "), "splits named train, train_dev, devel, test"),
        (ENTRY.replace('source = "lab"', 'source = "labs"'), "lacks 'labs'"),
        ('[corpora]\nOurs = "ours.tsv"\n', "'Ours' lacks"),
    ],
    ids=lambda value: value if isinstance(value, str) and "\n" not in value else "",
)
def test_catalogue_that_cannot_be_read_is_named(write: Callable[..., Path], content: str, reason: str):
    path = write(content, "corpora.toml")
    with pytest.raises(CorpusError) as error:
        load_corpora(path)
    assert str(error.value).startswith(f"{path}: ")
    assert reason in str(error.value)


def test_catalogue_that_is_not_there(tmp_path: Path):
    with pytest.raises(CorpusError, match=r"nowhere\.toml: not a catalogue"):
        load_corpora(tmp_path / "nowhere.toml")
