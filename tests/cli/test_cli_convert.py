"""`spacy bioner convert`: what it writes, and what it refuses without a trace."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.docbin import read_docbin

TYPED = "Aspirin\tB-Chemical\nhelps\tO\n\nin\tO\nasthma\tB-Disease\n\n"
UNTYPED = "Aspirin\tB\nhelps\tO\n\n"
DOCUMENTS = (
    "-DOCSTART- (1)\n\nIL-2\tB-Gene\n\nIt\tO\n\nbinds\tO\n\n-DOCSTART- (2)\n\nTNF\tB-Gene\n\nacts\tO\n\n"
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    """All files under a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def words(path: Path) -> list[list[str]]:
    return [[token.text for token in doc] for doc in read_docbin(path)]


def entities(path: Path) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for doc in read_docbin(path) for ent in doc.ents]


# what it refuses

FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": (b"", ["in.tsv: ", "empty"]),
    "only separators": ("\n \n\n", ["in.tsv: ", "empty"]),
    "only document starts": ("-DOCSTART- (1)\n\n", ["in.tsv: ", "empty"]),
    "binary with NUL": (b"\x00\x01\x02\x03", ["in.tsv, line 1: ", "binary"]),
    "binary": (b"\x89PNG\r\n\x1a\n", ["in.tsv: ", "a picture (PNG)"]),
    "not UTF-8": (b"Aspirin\tO\ncaf\xe9\tO\n", ["in.tsv, line 2: ", "UTF-8"]),
    "one column": ("Aspirin\n", ["in.tsv, line 1: ", "a word and a tag"]),
    "another number of columns": (TYPED + "It\tPRP\tO\n", ["in.tsv, line 7: ", "3 columns"]),
    "bad tag": (TYPED + "It\tX-Disease\n", ["in.tsv, line 7: ", "'X-Disease'"]),
    "tag without its type": (TYPED + "It\tB-\n", ["in.tsv, line 7: ", "'B-'"]),
    "no word": (TYPED + "\tO\n", ["in.tsv, line 7: ", "empty"]),
    "untyped tags without --type": ("It\tO\nhelps\tB\n", ["in.tsv, line 2: ", "'B'", "--type"]),
    "tags with and without types": (TYPED + "It\tB\n", ["in.tsv, line 7: ", "mixed"]),
    "two schemes": ("It\tS-A\nis\tU-A\n", ["in.tsv: ", "IOBES and BILOU"]),
    "PubTator with a bad line": ("1|t|Aspirin\n1|a|helps\n1\tx\n", ["in.tsv: ", "document 1, line 3: "]),
    "PubTator with bad offsets": (
        "1|t|Aspirin\n1|a|helps\n1\t0\t99\tA\tC\t-\n",
        ["in.tsv: ", "document 1, line 3: ", "99"],
    ),
}


@pytest.mark.parametrize(("content", "fragments"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("output", ["out.spacy", "out.tsv", "out"])
def test_bad_file_is_named_with_its_line(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    tmp_path: Path,
    content: str | bytes,
    fragments: list[str],
    output: str,
):
    write(content, "in.tsv")
    before = files(tmp_path)
    message = refuse_cli("bioner", "convert", "in.tsv", output, "--strict")
    assert message.startswith("✘ in.tsv")
    assert all(fragment in message for fragment in fragments)
    assert files(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"Aspirin\tO\n", b"\x00" * 64], ids=["empty", "text", "binary"])
def test_bad_spacy_file_is_named(
    refuse_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path, content: bytes
):
    write(content, "in.spacy")
    assert "in.spacy: not a .spacy file" in refuse_cli("bioner", "convert", "in.spacy", "out.tsv")
    assert set(files(tmp_path)) == {"in.spacy"}


ARGUMENTS: dict[str, tuple[list[str], list[str]]] = {
    "missing file": (["nowhere.tsv", "out.spacy"], ["nowhere.tsv: ", "no such file"]),
    "missing folder": (["nowhere", "out"], ["nowhere: ", "no such file or folder"]),
    "unknown corpus": (["in.tsv", "out.spacy", "--corpus", "NCBI"], ["'NCBI'", "NCBI-disease"]),
    "corpus of other types": (
        ["in.tsv", "out.spacy", "--corpus", "BC2GM"],
        ["Chemical, Disease", "BC2GM", "GENE"],
    ),
    "unknown type": (
        ["in.tsv", "out.spacy", "--types", "Disease,Gene"],
        ["no Gene here", "Chemical, Disease"],
    ),
    "type in another case": (["in.tsv", "out.spacy", "--types", "disease"], ["no disease here"]),
    "--type for a typed file": (
        ["in.tsv", "out.spacy", "--type", "Gene"],
        ["in.tsv names the types", "--type Gene"],
    ),
    "unknown scheme": (["in.tsv", "out.spacy", "--scheme", "IOB3"], ["'IOB3'", "IOB1, IOB2, IOBES, BILOU"]),
    "unknown output": (["in.tsv", "out", "--to", "json"], ["'json'", "--to spacy"]),
    "output is the input": (["in.tsv", "in.tsv"], ["in.tsv would be overwritten"]),
    "output is the input, otherwise spelled": (
        ["in.tsv", "./folder/../in.tsv"],
        ["in.tsv would be overwritten"],
    ),
    "output folder is the input's": (["in.tsv", ".", "--to", "columns"], ["in.tsv would be overwritten"]),
    "list of the dropped is the input": (
        ["in.tsv", "out.spacy", "--dropped", "in.tsv"],
        ["in.tsv would be overwritten"],
    ),
    "list of the dropped is the output": (["in.tsv", "out.spacy", "--dropped", "out.spacy"], ["out.spacy"]),
    "several inputs for one file": (["in.tsv", "folder/a.tsv", "out.spacy"], ["2 inputs", "name a folder"]),
    "output folder is a file": (["in.tsv", "file"], ["file is a file"]),
    "two files of one name": (["in.tsv", "folder/in.tsv", "out"], ["would both become 'in'"]),
    "folder without splits": (["folder", "out"], ["folder has no file named as splits are", "devel"]),
    "folder and file": (["folder", "in.tsv", "out"], ["one folder, or files"]),
    "no such word column": (
        ["in.tsv", "out.spacy", "--word-column", "2"],
        ["in.tsv, line 1: ", "no column 2"],
    ),
    "no such tag column": (
        ["in.tsv", "out.spacy", "--tag-column", "-3"],
        ["in.tsv, line 1: ", "no column -3"],
    ),
    "the words' column for the tags'": (
        ["in.tsv", "out.spacy", "--tag-column", "0"],
        ["in.tsv, line 1: ", "'Aspirin'"],
    ),
}


@pytest.mark.parametrize(("arguments", "fragments"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_bad_arguments_are_refused(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    tmp_path: Path,
    arguments: list[str],
    fragments: list[str],
):
    for name in ("in.tsv", "file", "folder/a.tsv", "folder/in.tsv"):
        write(TYPED, name)
    before = files(tmp_path)
    message = refuse_cli("bioner", "convert", *arguments)
    assert all(fragment in message for fragment in fragments), message
    assert files(tmp_path) == before


def test_tag_that_the_given_scheme_does_not_have(refuse_cli: Callable[..., str], write: Callable[..., Path]):
    write("It\tO\nhelps\tS-A\n", "in.tsv")
    message = refuse_cli("bioner", "convert", "in.tsv", "out.spacy", "--scheme", "iob2")
    assert "in.tsv, line 2: 'S-A'" in message


def test_one_bad_file_of_several_leaves_no_output(
    refuse_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path
):
    write(TYPED, "corpus/train.tsv")
    write(TYPED + "It\n", "corpus/test.tsv")
    assert "corpus/test.tsv, line 7" in refuse_cli("bioner", "convert", "corpus", "out", "--strict")
    assert set(files(tmp_path)) == {"corpus/train.tsv", "corpus/test.tsv"}


def test_failed_conversion_leaves_an_earlier_output(
    refuse_cli: Callable[..., str], write: Callable[..., Path]
):
    earlier = write(b"an earlier output", "out.spacy")
    write("Aspirin\n", "in.tsv")
    refuse_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert earlier.read_bytes() == b"an earlier output"


def test_mention_that_goes_missing_is_an_error(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    from spacy_bioner.corpora import conversion

    def lose(document: Any, vocab: Any, tokenizer: Any) -> tuple[Any, list[Any]]:
        doc, dropped = to_doc(document, vocab, tokenizer)
        doc.ents = [ent for ent in doc.ents if ent.label_ != "Disease"]
        return doc, dropped

    to_doc = conversion.to_doc
    monkeypatch.setattr(conversion, "to_doc", lose)
    write(TYPED, "in.tsv")
    message = refuse_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert "in.tsv: mentions went missing: {'Disease': 1}" in message
    assert set(files(tmp_path)) == {"in.tsv"}


# what it writes


def test_table_counts_what_was_read_and_written(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(TYPED + "x\tO\ny\tI-Disease\n\n", "in.tsv")
    output = run_cli("bioner", "convert", "in.tsv", "out.spacy")
    rows = {line[:17].strip(): line.split()[-1] for line in output.splitlines() if line.strip()}
    assert rows["documents"] == rows["sentences"] == "3"
    assert rows["tokens"] == "6"
    assert (rows["Chemical"], rows["Disease"], rows["all mentions"]) == ("1", "2", "3")
    assert rows["repaired tags"] == "1"
    assert rows["dropped mentions"] == "0"
    assert "✔ out.spacy" in output


def test_docs_carry_corpus_and_types(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("Aspirin\tB-Chemical\n\n", "corpus/train.tsv")
    write("asthma\tB-Disease\n\n", "corpus/devel.tsv")
    run_cli("bioner", "convert", "corpus", "out")
    for path in (Path("out/train.spacy"), Path("out/devel.spacy")):
        (annotation,) = map(get_annotation, read_docbin(path))
        assert annotation.corpus == "corpus"  # the folder's name
        assert set(annotation.types) == {"Chemical", "Disease"}  # of all files
    run_cli("bioner", "convert", "corpus", "out", "--name", "mine")
    assert get_annotation(read_docbin(Path("out/train.spacy"))[0]).corpus == "mine"


def test_corpus_of_the_catalogue_gives_name_types_and_the_only_type(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    write(UNTYPED, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--corpus", "ncbi-DISEASE")
    (annotation,) = map(get_annotation, read_docbin(Path("out.spacy")))
    assert (annotation.corpus, annotation.types) == ("NCBI-disease", ("Disease",))
    assert entities(Path("out.spacy")) == [("Aspirin", "Disease")]
    write("Aspirin\tO\n", "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--corpus", "BC5CDR")
    (annotation,) = map(get_annotation, read_docbin(Path("out.spacy")))
    assert annotation.types == ("Chemical", "Disease")  # what it annotates, mentioned or not


def test_type_of_untyped_tags_can_be_given(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(UNTYPED, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--type", "Chemical")
    assert entities(Path("out.spacy")) == [("Aspirin", "Chemical")]


def test_types_are_chosen_and_the_others_listed_as_dropped(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    write(TYPED, "in.tsv")
    output = run_cli(
        "bioner", "convert", "in.tsv", "out.spacy", "--types", " Chemical ,", "--dropped", "lists/dropped.tsv"
    )
    assert entities(Path("out.spacy")) == [("Aspirin", "Chemical")]
    assert get_annotation(read_docbin(Path("out.spacy"))[0]).types == ("Chemical",)
    assert "out.spacy: 1 mentions dropped: type not asked for" in output
    expected = "out.spacy\tline 4: Disease 'asthma' (type not asked for)\n"
    assert Path("lists/dropped.tsv").read_text() == expected


def test_only_some_dropped_mentions_are_printed_and_all_are_written(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    write("asthma\tB-Disease\nAspirin\tB-Chemical\n\n" * 50, "in.tsv")
    output = run_cli("bioner", "convert", "in.tsv", "out.spacy", "--types", "Chemical", "--dropped", "d.txt")
    assert output.count("Disease 'asthma'") == 20
    assert "and 30 more" in output
    assert len(Path("d.txt").read_text().splitlines()) == 50


def test_group_puts_sentences_together_but_not_documents(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    write(DOCUMENTS, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--group", "2", "--no-natural")
    assert words(Path("out.spacy")) == [["IL-2", "It"], ["binds"], ["TNF", "acts"]]
    docs = read_docbin(Path("out.spacy"))
    assert [len(list(doc.sents)) for doc in docs] == [2, 1, 2]
    assert [get_annotation(doc).id for doc in docs] == ["1", "1", "2"]


def test_sentences_are_docs_unless_grouped(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(DOCUMENTS, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert words(Path("out.spacy")) == [["IL-2"], ["It"], ["binds"], ["TNF"], ["acts"]]


def test_group_must_be_positive(write: Callable[..., Path]):
    from spacy.cli import app
    from typer.testing import CliRunner

    write(TYPED, "in.tsv")
    arguments = ["bioner", "convert", "in.tsv", "out.spacy", "--group", "0"]
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert not Path("out.spacy").exists()


def test_comments_are_left_out_only_when_asked(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("# text\tO\nAspirin\tO\n\n#\tO\n5\tO\n", "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert words(Path("out.spacy")) == [["# text", "Aspirin"], ["#", "5"]]
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--comments")
    assert words(Path("out.spacy")) == [["Aspirin"], ["5"]]


def test_columns_can_be_chosen(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("1\tB-Chemical\tAspirin\tNN\n2\tO\thelps\tVB\n", "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--word-column", "2", "--tag-column", "1")
    assert entities(Path("out.spacy")) == [("Aspirin", "Chemical")]


def test_spaces_are_rebuilt_unless_not_wanted(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("IL\tO\n-\tO\n2\tO\n(\tO\nhere\tO\n)\tO\n.\tO\n", "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert read_docbin(Path("out.spacy"))[0].text == "IL-2 (here)."
    run_cli("bioner", "convert", "in.tsv", "out.spacy", "--no-natural")
    assert read_docbin(Path("out.spacy"))[0].text == "IL - 2 ( here ) ."


def test_scheme_is_that_of_the_columns_written(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("lung\tB-Disease\ncancer\tI-Disease\nasthma\tB-Disease\n\n", "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "in.spacy")
    run_cli("bioner", "convert", "in.spacy", "out.tsv", "--scheme", "iobes")
    assert Path("out.tsv").read_text() == "lung\tB-Disease\ncancer\tE-Disease\nasthma\tS-Disease\n\n"
    run_cli("bioner", "convert", "in.spacy", "out.tsv", "--untyped")
    assert Path("out.tsv").read_text() == "lung\tB\ncancer\tI\nasthma\tB\n\n"


def test_folder_is_searched_for_the_usual_names(run_cli: Callable[..., str], write: Callable[..., Path]):
    for name in ("dev.txt", "train_dev.tsv", "TEST.conll", "Train.iob.tsv", "README.md", "other.tsv"):
        write(f"{name}\tO\n\n", f"corpus/{name}")
    output = run_cli("bioner", "convert", "corpus", "out")
    found = {path.name: words(path)[0][0] for path in Path("out").iterdir()}
    assert found == {
        "train.spacy": "Train.iob.tsv",
        "train_dev.spacy": "train_dev.tsv",
        "devel.spacy": "dev.txt",
        "test.spacy": "TEST.conll",
    }
    header = next(line for line in output.splitlines() if "train.spacy" in line)
    assert header.split() == ["train.spacy", "train_dev.spacy", "devel.spacy", "test.spacy"]


def test_folder_can_be_converted_into_itself_again_and_again(
    run_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path
):
    write(TYPED, "corpus/train.tsv")
    write(TYPED, "corpus/dev.tsv")
    run_cli("bioner", "convert", "corpus", "corpus")
    first = files(tmp_path)
    assert set(first) == {f"corpus/{n}" for n in ("train.tsv", "dev.tsv", "train.spacy", "devel.spacy")}
    write(TYPED * 2, "corpus/train.tsv")
    run_cli("bioner", "convert", "corpus", "corpus")
    assert len(read_docbin(Path("corpus/train.spacy"))) == 4


def test_files_of_other_names_go_into_a_folder(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(TYPED, "a.tsv")
    write(TYPED, "b.iob")
    run_cli("bioner", "convert", "a.tsv", "b.iob", "out")
    assert {path.name for path in Path("out").iterdir()} == {"a.spacy", "b.spacy"}


@pytest.mark.parametrize("group", [1, 3])
def test_sample_corpus_comes_back_byte_for_byte(run_cli: Callable[..., str], root: Path, group: int):
    sample = root / "corpus" / "sample"
    columns = {path.name: path.read_bytes() for path in sample.glob("*.tsv")}
    assert len(columns) == 3
    run_cli("bioner", "convert", *(sample / name for name in columns), "docs", "--group", group)
    run_cli("bioner", "convert", "docs", "back", "--to", "columns")
    assert files(Path("back")) == columns


def test_spacy_file_is_not_converted_to_another(
    run_cli: Callable[..., str], refuse_cli: Callable[..., str], write: Callable[..., Path]
):
    write(TYPED, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "a.spacy", "--corpus", "BC5CDR")
    message = refuse_cli("bioner", "convert", "a.spacy", "b.spacy", "--types", "Disease")
    assert "a.spacy is a .spacy file already" in message
    assert not Path("b.spacy").exists()


def test_pubtator_is_converted_with_its_tokens_and_drops_accounted_for(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    lines = ["7|t|Aspirin", "7|a|helps in asthma.", "7\t0\t7\tAspirin\tChemical\tD1", "7\t9\t12\tlps\tX\t-"]
    write("\n".join(lines) + "\n", "in.txt")
    output = run_cli("bioner", "convert", "in.txt", "out.spacy", "--dropped", "dropped.txt")
    assert entities(Path("out.spacy")) == [("Aspirin", "Chemical")]
    assert "1 mentions can't be learned (begins or ends inside a token)" in " ".join(output.split())
    assert "document 7: X" in Path("dropped.txt").read_text()


def test_mentions_of_a_low_score_are_left_out_and_listed(
    run_cli: Callable[..., str], write: Callable[..., Path]
):
    spans = [
        {"start": 0, "end": 7, "label": "Chemical", "score": 0.9},
        {"start": 17, "end": 23, "label": "Disease", "score": 0.4},
        {"start": 8, "end": 13, "label": "Verb"},
    ]
    write(json.dumps({"text": "Aspirin helps in asthma.", "spans": spans}) + "\n", "in.jsonl")
    told = run_cli("bioner", "convert", "in.jsonl", "out.spacy", "--threshold", 0.5)
    assert entities(Path("out.spacy")) == [("Aspirin", "Chemical"), ("helps", "Verb")]
    assert "1 mentions dropped: its score is below the threshold" in " ".join(told.split())


# other formats

PUBTATOR = "7|t|Aspirin\n7|a|helps in asthma.\n7\t0\t7\tAspirin\tChemical\tD1\n7\tCID\tD1\tD2\n\n"


@pytest.mark.parametrize(
    "output",
    [
        "out.pubtator",
        "out.xml",
        "out.json",
        "out.jsonl",
        "out.jsonl.gz",
        "out.txt --to pubtator",
        "out --to brat",
    ],
)
def test_mentions_go_to_a_format_and_come_back(
    run_cli: Callable[..., str], write: Callable[..., Path], output: str
):
    write(PUBTATOR, "in.txt")
    name, *options = output.split()
    run_cli("bioner", "convert", "in.txt", name, *options)
    run_cli("bioner", "convert", name, "back.pubtator")
    back = Path("back.pubtator").read_text()
    assert back == (PUBTATOR if "brat" not in options else PUBTATOR.replace("7\tCID\tD1\tD2\n", ""))
    run_cli("bioner", "convert", name, "back.spacy")
    assert entities(Path("back.spacy")) == [("Aspirin", "Chemical")]


def test_spacy_files_go_to_any_format(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(TYPED, "in.tsv")
    run_cli("bioner", "convert", "in.tsv", "in.spacy")
    for output in ("out.jsonl", "out.xml", "out.json", "out.pubtator"):
        run_cli("bioner", "convert", "in.spacy", output)
        run_cli("bioner", "convert", output, "back.spacy")
        assert entities(Path("back.spacy")) == entities(Path("in.spacy"))


def test_what_is_lost_is_printed(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(PUBTATOR.replace("7\t0\t7\tAspirin", "7\t2\t9\tAspirin"), "in.txt")
    output = " ".join(run_cli("bioner", "convert", "in.txt", "out.spacy", "--dropped", "d.txt").split())
    assert "moved mentions 1" in output
    assert "1 relations dropped: no relation of the corpus is between two" in output
    assert "not kept: identifiers (1)" in output
    reason = "no relation of the corpus is between two entities"
    assert Path("d.txt").read_text() == f"out.spacy\tdocument 7: CID (Arg1:D1, Arg2:D2) ({reason})\n"
    write(PUBTATOR.replace("\tAspirin", "\tSalt"), "in.txt")
    output = run_cli("bioner", "convert", "in.txt", "out.jsonl")
    assert "document 7: Chemical at 0 is 'Aspirin', and not 'Salt'" in " ".join(output.split())
    write('{"passages": [{"offset": 0, "text": "a", "annotations": [{"id": "1"}]}]}', "in.json")
    output = run_cli("bioner", "convert", "in.json", "out.jsonl")
    assert "1 documents, lines or mentions are set aside" in output
    assert "annotation 1: locations that are none" in " ".join(output.split())


def test_types_are_chosen_in_any_format(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(PUBTATOR.replace("7\tCID", "7\t17\t23\tasthma\tDisease\n7\tCID"), "in.txt")
    output = run_cli("bioner", "convert", "in.txt", "out.jsonl", "--types", "Disease")
    assert '"label": "Disease"' in Path("out.jsonl").read_text()
    assert "Chemical" not in Path("out.jsonl").read_text()
    assert "1 mentions dropped: type not asked for" in output


def test_plain_text_is_asked_for(run_cli: Callable[..., str], write: Callable[..., Path]):
    write("one here\n\ntwo there\n", "in/a.txt")
    run_cli("bioner", "convert", "in/a.txt", "lines.spacy", "--from", "lines")
    assert words(Path("lines.spacy")) == [["one", "here"], ["two", "there"]]
    run_cli("bioner", "convert", "in/a.txt", "text.jsonl", "--from", "text")
    run_cli("bioner", "convert", "in", "folder.jsonl", "--from", "text")
    assert Path("text.jsonl").read_text() == Path("folder.jsonl").read_text()
    run_cli("bioner", "convert", "text.jsonl", "back", "--to", "text")
    assert files(Path("back")) == {"a.txt": b"one here\n\ntwo there\n"}


def test_folders_of_brat_are_splits(run_cli: Callable[..., str], write: Callable[..., Path]):
    for split in ("train", "dev"):
        write("Aspirin", f"corpus/{split}/1.txt")
        write("T1\tChemical 0 7\tAspirin\n", f"corpus/{split}/1.ann")
    write("x", "corpus/other/1.txt")
    run_cli("bioner", "convert", "corpus", "out")
    assert {path.name for path in Path("out").iterdir()} == {"train.spacy", "devel.spacy"}
    run_cli("bioner", "convert", "corpus", "again", "--to", "brat")
    assert set(files(Path("again"))) == {f"{s}/1.{e}" for s in ("train", "devel") for e in ("txt", "ann")}
    run_cli("bioner", "convert", "corpus/train", "corpus/dev", "more", "--to", "jsonl")
    assert {path.name for path in Path("more").iterdir()} == {"train.jsonl", "devel.jsonl"}


OTHERS: dict[str, tuple[list[str], str]] = {
    "format that can't be told": (
        ["prose", "out.spacy"],
        "prose: can't tell its format: say which with --from",
    ),
    "another format than it is": (
        ["in.txt", "out.spacy", "--from", "jsonl"],
        "in.txt: not JSON: Extra data (line 1",
    ),
    "unknown input": (
        ["in.txt", "out.spacy", "--from", "csv"],
        "Can't read 'csv': use --from spacy, pubtator",
    ),
    ".spacy that isn't called so": (
        ["in.txt", "out.tsv", "--to", "spacy"],
        "out.tsv isn't named as what --to spacy",
    ),
    "packed .spacy": (["in.txt", "out.spacy.gz"], "out.spacy.gz isn't named as what --to spacy writes"),
    "other format called .spacy": (
        ["in.txt", "out.spacy", "--to", "brat"],
        "out.spacy is a file, and the output",
    ),
    "folder with the input": (["in.txt", ".", "--to", "brat"], "would be replaced, and an input is in it"),
    "folder with other things": (["in.txt", "folder", "--to", "brat"], "there is more in it (x.md)"),
    "its own folder": (["brat", "brat", "--to", "brat"], "brat would be overwritten by its own conversion"),
}


@pytest.mark.parametrize(("arguments", "message"), OTHERS.values(), ids=OTHERS)
def test_other_formats_are_refused(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    tmp_path: Path,
    arguments: list[str],
    message: str,
):
    write(PUBTATOR, "in.txt")
    write("Aspirin helps in asthma.\n", "prose")
    write("x", "folder/x.md")
    write("x", "brat/1.txt")
    write("", "brat/1.ann")
    write(b"an earlier output", "out.spacy")
    before = files(tmp_path)
    assert message in refuse_cli("bioner", "convert", *arguments)
    assert files(tmp_path) == before


# several corpora at once

SPLITS = ("train", "devel", "test")


@pytest.fixture
def fetched(write: Callable[..., Path]) -> None:
    """The folders of three corpora, as `fetch` makes them; one has no devel.tsv."""
    sentences = {"BC2GM": "IL-2\tB\nbinds\tO\n\n", "NCBI-disease": "asthma\tB-Disease\n\n"}
    sentences["LINNAEUS"] = "mice\tB-Species\n\n"
    for name, sentence in sentences.items():
        for split in SPLITS:
            if (name, split) != ("LINNAEUS", "devel"):
                write(sentence * 2, f"assets/{name}/{split}.tsv")


def made(folder: str) -> list[str]:
    return sorted(files(Path(folder)))


@pytest.mark.usefixtures("fetched")
def test_several_corpora_go_to_a_folder_a_split(run_cli: Callable[..., str]):
    output = run_cli("bioner", "convert", "assets", "out", "--corpora", "NCBI-disease, BC2GM,LINNAEUS")
    expected = [f"{split}/{name}.spacy" for split in SPLITS for name in ("BC2GM", "LINNAEUS", "NCBI-disease")]
    assert made("out") == sorted(set(expected) - {"devel/LINNAEUS.spacy"})
    assert entities(Path("out/train/BC2GM.spacy")) == [("IL-2", "GENE")] * 2
    (annotation,) = {get_annotation(doc).corpus for doc in read_docbin(Path("out/test/LINNAEUS.spacy"))}
    assert annotation == "LINNAEUS"
    headers = [line.split() for line in output.splitlines() if "train/" in line and "✔" not in line]
    assert headers[0] == [f"{split}/NCBI-disease.spacy" for split in SPLITS]
    assert "✔ out/train/BC2GM.spacy" in output
    assert "removed" not in output


@pytest.mark.usefixtures("fetched")
def test_group_of_several_corpora(run_cli: Callable[..., str]):
    run_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM,LINNAEUS", "--group", "2")
    assert words(Path("out/train/BC2GM.spacy")) == [["IL-2", "binds", "IL-2", "binds"]]


@pytest.mark.usefixtures("fetched")
def test_files_of_other_corpora_are_refused_and_stay(
    run_cli: Callable[..., str], refuse_cli: Callable[..., str], write: Callable[..., Path]
):
    """They would be trained on, and nobody knows who made them."""
    for name in ("train/notes.txt", "other/LINNAEUS.spacy", "LINNAEUS.spacy", "train/deeper/LINNAEUS.spacy"):
        write(b"mine", f"out/{name}")
    run_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM,LINNAEUS")
    before = files(Path("out"))
    message = refuse_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM")
    assert "out/train/LINNAEUS.spacy is of a corpus that --corpora doesn't name" in message
    assert files(Path("out")) == before


@pytest.mark.usefixtures("fetched")
def test_same_corpora_again_give_the_same_bytes(run_cli: Callable[..., str]):
    """So that a training on them is not done again."""
    run_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM,LINNAEUS")
    before = files(Path("out"))
    run_cli("bioner", "convert", "assets", "out", "--corpora", "LINNAEUS,BC2GM")
    assert files(Path("out")) == before


SEVERAL: dict[str, tuple[list[object], str]] = {
    "with --corpus": (["assets", "--corpus", "BC2GM"], "leave out --corpus."),
    "with --name": (["assets", "--name", "mine"], "leave out --name."),
    "with --types": (["assets", "--types", "GENE"], "leave out --types."),
    "with --type": (["assets", "--type", "GENE"], "leave out --type."),
    "with --dropped": (["assets", "--dropped", "d.txt"], "leave out --dropped."),
    "to columns": (["assets", "--to", "columns"], "leave out --to columns."),
    "a corpus twice": (["assets", "--corpora", "BC2GM,LINNAEUS,BC2GM"], "names a corpus twice: BC2GM, LIN"),
    "unknown corpus": (["assets", "--corpora", "BC2GX"], "'BC2GX' isn't in the catalogue"),
    "corpus that isn't there": (["assets", "--corpora", "S800"], "assets/S800: there is no such file"),
    "no such folder": (["nowhere"], "nowhere/BC2GM: there is no such file or folder"),
    "two folders": (["assets", "assets"], "--corpora takes one folder"),
}


@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize(("arguments", "message"), SEVERAL.values(), ids=SEVERAL)
def test_several_corpora_are_refused(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    tmp_path: Path,
    arguments: list[object],
    message: str,
):
    write(b"mine", "out/train/notes.txt")
    before = files(tmp_path)
    folders = [argument for argument in arguments if argument in ("assets", "nowhere")]
    options = arguments[len(folders) :]
    corpora = [] if "--corpora" in options else ["--corpora", "BC2GM"]
    assert message in refuse_cli("bioner", "convert", *folders, "out", *corpora, *options)
    assert files(tmp_path) == before


@pytest.mark.usefixtures("fetched")
def test_corpora_before_the_one_that_fails_are_there(write: Callable[..., Path]):
    from spacy_bioner.corpora.file_conversion import convert_corpora
    from spacy_bioner.errors import FormatError

    write("Aspirin\n", "assets/NCBI-disease/test.tsv")
    with pytest.raises(FormatError, match=r"assets/NCBI-disease/test\.tsv, line 1"):
        convert_corpora(Path("assets"), Path("out"), ["BC2GM", "NCBI-disease"])
    assert made("out") == [f"{split}/BC2GM.spacy" for split in sorted(SPLITS)]


@pytest.mark.usefixtures("fetched")
def test_no_corpus_at_all_removes_nothing(
    refuse_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path
):
    write(b"an earlier output", "out/train/BC2GM.spacy")
    before = files(tmp_path)
    with contextlib.suppress(AssertionError):  # refused or not, what is there stays
        refuse_cli("bioner", "convert", "assets", "out", "--corpora", ",")
    assert files(tmp_path) == before


@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("option", ["--no-natural", "--scheme=IOB1", "--tag-column=1"])
def test_files_of_several_are_read_as_of_one(run_cli: Callable[..., str], option: str):
    run_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM", option)
    run_cli("bioner", "convert", "assets/BC2GM", "one", "--corpus", "BC2GM", option)
    for split in SPLITS:
        assert Path(f"out/{split}/BC2GM.spacy").read_bytes() == Path(f"one/{split}.spacy").read_bytes()


@pytest.mark.usefixtures("fetched")
def test_untyped_columns_are_refused_with_several(refuse_cli: Callable[..., str]):
    message = refuse_cli("bioner", "convert", "assets", "out", "--corpora", "BC2GM", "--untyped")
    assert "leave out --untyped" in message


@pytest.mark.usefixtures("fetched")
def test_case_of_the_names_of_several_corpora_does_not_matter(run_cli: Callable[..., str]):
    run_cli("bioner", "convert", "assets", "out", "--corpora", "bc2gm")
    assert made("out") == [f"{split}/BC2GM.spacy" for split in sorted(SPLITS)]


def test_conll_2003_files(run_cli: Callable[..., str], write: Callable[..., Path]):
    """Four columns, tags in IOB1: B- only where a mention follows on another of its type."""
    start = "-DOCSTART- -X- -X- O\n\n"
    write(
        f"{start}EU NNP I-NP I-ORG\nrejects VBZ I-VP O\nGerman JJ I-NP I-MISC\ncall NN I-NP O\n. . O O\n\n"
        "Peter NNP I-NP I-PER\nBlackburn NNP I-NP I-PER\n\n",
        "assets/CoNLL-2003/train.tsv",
    )
    write(
        f"{start}BRUSSELS NNP I-NP I-LOC\n1996-08-22 CD I-NP O\n\n{start}"
        "Germany NNP I-NP I-LOC\nBritain NNP I-NP B-LOC\nmeet VBP I-VP O\n\n",
        "assets/CoNLL-2003/test.tsv",
    )
    output = run_cli("bioner", "convert", "assets/CoNLL-2003", "out", "--corpus", "conll-2003")
    expected = [("EU", "ORG"), ("German", "MISC"), ("Peter Blackburn", "PER")]
    assert entities(Path("out/train.spacy")) == expected
    assert entities(Path("out/test.spacy")) == [("BRUSSELS", "LOC"), ("Germany", "LOC"), ("Britain", "LOC")]
    assert words(Path("out/train.spacy"))[0] == ["EU", "rejects", "German", "call", "."]
    for path in (Path("out/train.spacy"), Path("out/test.spacy")):
        annotations = [get_annotation(doc) for doc in read_docbin(path)]
        assert {(a.corpus, a.types) for a in annotations} == {("CoNLL-2003", ("PER", "LOC", "ORG", "MISC"))}
    assert "dropped:" not in output


# killed


@pytest.mark.parametrize("output", ["out.spacy", "out.tsv"])
def test_killed_conversion_leaves_nothing_that_looks_finished(
    run_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path, output: str
):
    write(TYPED * 4_000, "in.tsv")
    target = tmp_path / "made" / output
    command = [sys.executable, "-m", "spacy", "bioner", "convert", "in.tsv", str(target)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300  # a second of work, which takes a busy machine far longer
        while not writing(target):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [path.name for path in target.parent.iterdir() if not path.name.startswith(".")] == []
    run_cli("bioner", "convert", "in.tsv", target)
    assert [path.name for path in target.parent.iterdir()] == [output]
    if target.suffix == ".tsv":
        assert target.read_text() == TYPED * 4_000
    else:
        assert len(read_docbin(target)) == 8_000


def writing(target: Path) -> bool:
    """Whether a conversion is half-way: columns are written bit by bit, a .spacy file all at the end."""
    if target.suffix == ".spacy":
        return target.parent.exists()  # made before the first sentence is converted
    return any(path.stat().st_size for path in target.parent.glob("*"))


def test_conversion_that_fails_half_way_leaves_the_earlier_output(
    refuse_cli: Callable[..., str],
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    from spacy_bioner.corpora import file_conversion
    from spacy_bioner.errors import ConversionError

    def write_half(source: Any, path: Path, *_: object) -> None:
        path.write_bytes(b"half of it")
        raise ConversionError("failed half-way")

    monkeypatch.setattr(file_conversion, "write_docbin", write_half)
    write(TYPED, "in.tsv")
    write(b"an earlier output", "out.spacy")
    assert "failed half-way" in refuse_cli("bioner", "convert", "in.tsv", "out.spacy")
    assert files(tmp_path) == {"in.tsv": TYPED.encode(), "out.spacy": b"an earlier output"}


# names of outputs


@pytest.mark.parametrize("output", ["out.csv", "out.gz", "out.foo.gz", "out.csv --to jsonl", "v1.0"])
def test_ending_of_no_format_is_refused(
    refuse_cli: Callable[..., str], run_cli: Callable[..., str], write: Callable[..., Path], output: str
):
    write(PUBTATOR, "in.txt")
    name, *options = output.split()
    assert f"{name}: '" in (message := refuse_cli("bioner", "convert", "in.txt", name, *options))
    assert "is the ending of no format" in message
    Path(name).mkdir()
    run_cli("bioner", "convert", "in.txt", name, *options)
    assert [path.name for path in Path(name).iterdir()] == ["in.jsonl" if options else "in.spacy"]


@pytest.mark.parametrize("name", ["out.PubTator", "out.XML", "out.JSON", "out.Jsonl.GZ", "out.SPACY"])
def test_case_of_an_ending_does_not_matter(
    run_cli: Callable[..., str], write: Callable[..., Path], name: str
):
    write(PUBTATOR, "in.txt")
    run_cli("bioner", "convert", "in.txt", name)
    assert Path(name).is_file()
    run_cli("bioner", "convert", name, "back.jsonl")
    assert '"label": "Chemical"' in Path("back.jsonl").read_text()


def test_list_of_dropped_mentions_in_a_folder_that_is_replaced(
    refuse_cli: Callable[..., str], run_cli: Callable[..., str], write: Callable[..., Path], tmp_path: Path
):
    write(PUBTATOR, "in.txt")
    options = ("--to", "brat", "--dropped", "out/d.tsv")
    assert "out/d.tsv is in out, which is replaced" in refuse_cli(
        "bioner", "convert", "in.txt", "out", *options
    )
    assert set(files(tmp_path)) == {"in.txt"}
    write(PUBTATOR, "corpus/train.txt")
    run_cli("bioner", "convert", "corpus", "out", "--dropped", "out/d.tsv")  # files in it, one by one
    assert {path.name for path in Path("out").iterdir()} == {"train.spacy", "d.tsv"}


def test_rows_without_meaning_are_left_out(run_cli: Callable[..., str], write: Callable[..., Path]):
    write(PUBTATOR, "in.txt")
    output = run_cli("bioner", "convert", "in.txt", "out.jsonl")
    rows = {line.split()[0]: line.split()[-1] for line in output.splitlines() if len(line.split()) == 2}
    assert rows["relations"] == "1"
    assert not rows.keys() & {"sentences", "tokens"}


def test_mentions_without_a_type(run_cli: Callable[..., str], write: Callable[..., Path]):
    spans = '[{"start": 0, "end": 1, "label": ""}, {"start": 2, "end": 3, "label": "X"}]'
    write(f'{{"text": "a b", "spans": {spans}}}', "in.jsonl")
    output = run_cli("bioner", "convert", "in.jsonl", "out.spacy")
    assert "1 mentions dropped: no type" in output
    assert entities(Path("out.spacy")) == [("b", "X")]
    assert get_annotation(read_docbin(Path("out.spacy"))[0]).types == ("X",)


PUBMED = """<?xml version="1.0"?><!DOCTYPE PubmedArticleSet SYSTEM "x.dtd"><PubmedArticleSet>
<PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>Aspirin</ArticleTitle></Article>
</MedlineCitation></PubmedArticle></PubmedArticleSet>"""


def test_pubmed_is_read_and_not_written(
    run_cli: Callable[..., str], refuse_cli: Callable[..., str], write: Callable[..., Path]
):
    write(PUBMED, "pubmed.xml")
    output = run_cli("bioner", "convert", "pubmed.xml", "out.pubtator")
    assert Path("out.pubtator").read_text() == "7|t|Aspirin\n7|a|\n\n"
    assert "out.pubtator: documents without an abstract (1)" in output
    message = refuse_cli("bioner", "convert", "out.pubtator", "back.xml", "--to", "pubmed")
    assert "Can't write 'pubmed': use --to spacy, pubtator" in message
