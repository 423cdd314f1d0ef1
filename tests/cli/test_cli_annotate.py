"""`spacy bioner annotate`: every format out, standard input and output, runs that are killed and go on."""

import gzip
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
import spacy
from memorised import KNOWN

from spacy_bioner.annotation.annotating import Settings, annotate
from spacy_bioner.annotation.parts import locked, parts_folder, size_of_part
from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Passage, Relation
from spacy_bioner.errors import OutputError

Places = list[tuple[int, int, str]]
EXPECTED: list[Places] = [sorted(mentions) for _, mentions in KNOWN]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def documents(times: int = 1) -> list[Document]:
    """The known texts, each with a title, an abstract, and a mention and relation of its own."""
    found = []
    for number, (text, _) in enumerate(KNOWN * times):
        title = text.index("\n")
        passages = (Passage(0, title, "title"), Passage(title + 1, len(text), "abstract"))
        mention = Mention(((0, 2),), "Old", f"T{number}")
        relations = (Relation("Is", (("a", f"T{number}"), ("b", f"T{number}")), "R1"),)
        found.append(Document(text, passages, (mention,), relations, id=f"d{number}"))
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    formats.write(documents(), tmp_path / "in.jsonl", "jsonl")
    return tmp_path / "in.jsonl"


def places(document: Document) -> Places:
    return sorted((m.start, m.end, m.type) for m in document.mentions)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# formats


@pytest.mark.parametrize(
    "output", ["out.jsonl", "out.jsonl.gz", "out.pubtator", "out.xml", "out.json", "brat", "out.xml.gz"]
)
def test_every_format_that_holds_mentions(
    run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, output: str
):
    to = ["--to", "brat"] if output == "brat" else []
    told = run_cli("bioner", "annotate", knowing_pipeline, source, "--output", output, *to)
    found = list(formats.read(Path(output)))
    assert [document.text for document in found] == [text for text, _ in KNOWN]
    assert [places(document) for document in found] == EXPECTED
    assert [document.id for document in found] == ["d0", "d1", "d2", "d3"]
    if output != "brat":
        assert [[p.type for p in d.passages] for d in found] == [["title", "abstract"]] * 4
    scores = [mention.score for document in found for mention in document.mentions]
    if output == "out.pubtator":
        assert "not kept: scores (11)" in told
    else:
        assert all(score is not None and score > 0.5 for score in scores)
    assert "4 mentions of the input replaced" in told
    assert "4 relations of the input left out" in told
    assert names(Path()) == sorted(["in.jsonl", output])


def test_docs_say_which_types_were_sought(
    run_cli: Callable[..., str], knowing_pipeline: Path, write: Callable[..., Path]
):
    """A type that was sought and not found does not occur."""
    write("No entity here.\n", "in.txt")
    run_cli("bioner", "annotate", knowing_pipeline, "in.txt", "--from", "lines", "--output", "out.spacy")
    (doc,) = read_docbin(Path("out.spacy"))
    annotation = get_annotation(doc)
    assert annotation is not None
    assert annotation.types == ("Chemical", "Disease", "Gene", "Species")


@pytest.mark.parametrize("output", ["out.tsv", "out.spacy"])
def test_formats_of_tokens(run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, output: str):
    told = run_cli("bioner", "annotate", knowing_pipeline, source, "--output", output)
    [overlapping] = map(int, re.findall(r"(\d) mentions found that overlap a better one", told))
    assert overlapping in (2, 3)  # of "human", "human insulin" and "insulin" one or two are the best
    assert f"not kept: scores ({11 - overlapping})" in told
    if output == "out.spacy":
        docs = read_docbin(Path(output))
        assert [doc.text for doc in docs] == [text for text, _ in KNOWN]
        found = [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]
    else:
        read = list(formats.read(Path(output)))
        found = [[(d.text_of(m), m.type) for m in d.mentions] for d in read]
    assert sum(map(len, found)) == 11 - overlapping
    assert ("Aspirin", "Chemical") in found[0]
    assert len([what for what in found[0] if what[0].startswith("BRCA1")]) == 1


@pytest.mark.parametrize(("to", "output"), [("text", "texts"), ("lines", "out.lines")])
def test_formats_without_mentions_count_them(
    run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, to: str, output: str
):
    if to == "lines":
        texts = [Document(text.replace("\n", " ")) for text, _ in KNOWN]
        formats.write(texts, source, "jsonl")
    told = run_cli("bioner", "annotate", knowing_pipeline, source, "--output", output, "--to", to)
    assert "not kept: mentions (plain text has none)" in told


@pytest.mark.parametrize("format", ["pubtator", "bioc-xml", "bioc-json", "brat", "text", "jsonl"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_in(
    run_cli: Callable[..., str], knowing_pipeline: Path, tmp_path: Path, format: str, packed: bool
):
    if packed and not formats.known(format).suffix:
        pytest.skip("a folder")
    path = tmp_path / ("input.gz" if packed else "input")
    formats.write(documents(), path, format)
    run_cli("bioner", "annotate", knowing_pipeline, path, "--output", "out.jsonl")
    assert [places(document) for document in formats.read(Path("out.jsonl"))] == EXPECTED


def test_lines_and_spacy_in(run_cli: Callable[..., str], knowing_pipeline: Path, write: Callable[..., Path]):
    write("EGFR KRAS\n\nhuman insulin gene\n", "in.txt")
    arguments = ["--from", "lines", "--output", "out.spacy"]
    run_cli("bioner", "annotate", knowing_pipeline, "in.txt", *arguments)
    run_cli("bioner", "annotate", knowing_pipeline, "out.spacy", "--output", "out.jsonl")
    first, second = formats.read(Path("out.jsonl"))
    assert first.text == "EGFR KRAS"
    assert places(first) == [(0, 4, "Gene"), (5, 9, "Gene")]
    assert len(second.mentions) == 3


@pytest.mark.parametrize("name", ["out.PubTator", "out.XML", "out.Jsonl.GZ", "out.SPACY"])
def test_case_of_an_ending_does_not_matter(
    run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, name: str
):
    run_cli("bioner", "annotate", knowing_pipeline, source, "--output", name)
    assert (Path(name).read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".GZ")
    run_cli("bioner", "annotate", knowing_pipeline, name, "--output", "back.jsonl")
    assert [places(document) for document in formats.read(Path("back.jsonl"))] == EXPECTED


def test_several_inputs_are_one_output(
    run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, tmp_path: Path
):
    (tmp_path / "more").mkdir()
    formats.write(documents()[:1], tmp_path / "more" / "a.xml", "bioc-xml")
    formats.write(documents()[1:2], tmp_path / "more" / "b.pubtator", "pubtator")
    run_cli("bioner", "annotate", knowing_pipeline, source, "more", "--output", "out.jsonl")
    found = list(formats.read(Path("out.jsonl")))
    assert [document.id for document in found] == ["d0", "d1", "d2", "d3", "d0", "d1"]
    assert [places(document) for document in found] == EXPECTED + EXPECTED[:2]


def test_options_reach_the_pipeline(run_cli: Callable[..., str], knowing_pipeline: Path, source: Path):
    options = ["--types", "Gene,Species", "--types", "Chemical", "--threshold", "Chemical=1.0,0.1"]
    options += ["--existing", "add", "--batch-size", "3"]
    run_cli("bioner", "annotate", knowing_pipeline, source, "--output", "out.jsonl", *options)
    found = list(formats.read(Path("out.jsonl")))
    wanted = [
        sorted([(0, 2, "Old"), *(m for m in mentions if m[2] in ("Gene", "Species"))])
        for mentions in EXPECTED
    ]
    assert [places(document) for document in found] == wanted


def test_processes_give_the_same(knowing_pipeline: Path, tmp_path: Path):
    formats.write(documents(5), tmp_path / "in.jsonl", "jsonl")
    written = []
    for n_process in (1, 2):
        settings = Settings("jsonl", n_process=n_process, batch_size=3, part_size=8)
        output = tmp_path / f"out{n_process}.jsonl"
        assert annotate(knowing_pipeline, [tmp_path / "in.jsonl"], output, settings).complete
        written.append(output.read_bytes())
    assert written[0] == written[1]
    assert [places(d) for d in formats.read(tmp_path / "out2.jsonl")] == EXPECTED * 5


# what can't be annotated


def test_set_aside(
    run_cli: Callable[..., str],
    incomplete_cli: Callable[..., str],
    knowing_pipeline: Path,
    write: Callable[..., Path],
):
    lines = [
        {"id": "a", "text": KNOWN[0][0]},
        {"id": "b", "text": 1},
        {"id": "c", "text": "long " * 100},
        {"id": "d", "text": "a \x01 b"},
    ]
    write("".join(json.dumps(line) + "\n" for line in lines), "in.jsonl")
    told = incomplete_cli(
        "bioner", "annotate", knowing_pipeline, "in.jsonl", "--output", "out.xml", "--max-length", 300
    )
    assert [d.id for d in formats.read(Path("out.xml"))] == ["a"]
    text = Path("out.xml.set-aside.jsonl").read_text(encoding="utf8")
    found = [json.loads(line) for line in text.splitlines()]
    assert [(entry["file"], entry["number"], entry["id"]) for entry in found] == [
        ("in.jsonl", 2, ""),
        ("in.jsonl", 3, "c"),
        ("out.xml", 2, "d"),
    ]
    assert "set aside: in.jsonl, document 3 (c): 500 characters, and 300 are" in " ".join(told.split())
    assert "can't be written as XML" in found[2]["reason"]
    options = ["--split-long", "--set-aside", "aside.jsonl", "--max-length", 300]
    incomplete_cli("bioner", "annotate", knowing_pipeline, "in.jsonl", "--output", "out.jsonl", *options)
    assert [d.id for d in formats.read(Path("out.jsonl"))] == ["a", "c", "d"]
    assert len(Path("aside.jsonl").read_text(encoding="utf8").splitlines()) == 1
    write(json.dumps(lines[0]), "in.jsonl")
    run_cli("bioner", "annotate", knowing_pipeline, "in.jsonl", "--output", "out.jsonl", *options)
    assert not Path("aside.jsonl").exists()  # it was the other run's


def test_file_that_breaks_off(knowing_pipeline: Path, write: Callable[..., Path], tmp_path: Path):
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb") as file:
        for number in range(10_000):
            line = {"id": str(number), "text": f"{random.Random(number).random()} EGFR"}
            file.write((json.dumps(line) + "\n").encode())
    path = write(content.getvalue()[: len(content.getvalue()) // 2], "in.jsonl.gz")
    other = write('{"text": "EGFR KRAS"}\n', "other.jsonl")
    done = annotate(knowing_pipeline, [path, other], tmp_path / "out.jsonl", Settings("jsonl"))
    assert not done.complete  # exit status 1: nobody knows how many there were
    found = list(formats.read(tmp_path / "out.jsonl"))
    assert 100 < len(found) < 9900
    assert found[-1].text == "EGFR KRAS"
    [entry] = map(json.loads, (tmp_path / "out.jsonl.set-aside.jsonl").open())
    assert entry["rest"]
    assert "not a whole gzip file" in entry["reason"]


def test_nothing_to_annotate(
    refuse_cli: Callable[..., str], knowing_pipeline: Path, write: Callable[..., Path]
):
    write('{"text": 1}\n', "in.jsonl")
    write("old", "out.jsonl")
    message = refuse_cli("bioner", "annotate", knowing_pipeline, "in.jsonl", "--output", "out.jsonl")
    assert "Not one document could be annotated" in message
    assert "in.jsonl, document 1: line 1" in message
    assert "more" not in message
    assert Path("out.jsonl").read_text() == "old"
    assert names(Path()) == ["in.jsonl", "out.jsonl"]


REFUSED: dict[str, tuple[list[str], str]] = {
    "missing input": (["nowhere.jsonl", "--output", "o.jsonl"], "nowhere.jsonl: there is no such file"),
    "output is the input": (["in.jsonl", "--output", "in.jsonl"], "in.jsonl would be replaced"),
    "list is the input": (
        ["in.jsonl", "--output", "o.jsonl", "--set-aside", "in.jsonl"],
        "in.jsonl would be replaced",
    ),
    "output in the input": (["folder", "--output", "folder/o.jsonl"], "would be in the input folder"),
    "list in the output": (
        ["in.jsonl", "--output", "o", "--to", "brat", "--set-aside", "o/list"],
        "would be where the output is",
    ),
    "no format": (["in.jsonl", "--output", "out.dat"], "Which format shall 'out.dat' be in?"),
    "unknown format": (["in.jsonl", "--output", "o", "--to", "word"], "There is no format 'word'"),
    "only read": (["in.jsonl", "--output", "o.xml", "--to", "pubmed"], "'pubmed' is only read: use --to pub"),
    "only written": (["in.jsonl", "--output", "o.xml", "--from", "html"], "'html' is only written"),
    "unknown type": (["in.jsonl", "--output", "o.jsonl", "--types", "X"], "no entity type X; it knows"),
    "bad threshold": (["in.jsonl", "--output", "o.jsonl", "--threshold", "Gene=2"], "from 0 to 1"),
    "bad existing": (["in.jsonl", "--output", "o.jsonl", "--existing", "x"], "use replace, add, fill"),
    "named otherwise": (["in.jsonl", "--output", "o.spacy", "--to", "jsonl"], "isn't named as"),
    "a folder to standard output": (["in.jsonl", "--output", "-", "--to", "brat"], "standard output"),
    "resume of standard output": (
        ["in.jsonl", "--output", "-", "--to", "jsonl", "--resume"],
        "needs an output with a name",
    ),
    "resume of standard input": (["-", "--output", "o.jsonl", "--resume"], "can't be read again"),
    "what the system refuses": (["in.jsonl", "--output", f"{'o' * 300}.jsonl"], "File name too long"),
    "no GPU": (["in.jsonl", "--output", "o.jsonl", "--gpu-id", "99"], "GPU 99 can't be used"),
}


@pytest.mark.parametrize(("arguments", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused(
    refuse_cli: Callable[..., str], knowing_pipeline: Path, source: Path, arguments: list[str], reason: str
):
    Path("folder").mkdir()
    assert reason in refuse_cli("bioner", "annotate", knowing_pipeline, *arguments)
    Path("folder").rmdir()
    assert names(Path()) == ["in.jsonl"]


# standard input and output


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "spacy", "bioner", "annotate", *map(str, arguments)]


def test_standard_input_and_output(knowing_pipeline: Path, source: Path):
    packed = gzip.compress(source.read_bytes())
    arguments = (knowing_pipeline, "-", "--output", "-", "--to", "bioc-json", "--max-length", 100)
    done = subprocess.run(command(*arguments), input=packed, capture_output=True, check=True)
    Path("out.json").write_bytes(done.stdout)
    assert [places(document) for document in formats.read(Path("out.json"))] == EXPECTED
    assert b"mentions of the input replaced" in done.stderr
    assert b"annotating" not in done.stderr  # no progress bar where there is no terminal
    done = subprocess.run(command(*arguments), input=b'{"text": 1}\n' * 25, capture_output=True)
    assert done.returncode == 1
    assert done.stdout.count(b"\n") <= 4  # BioC's heading
    assert b"Not one document" in done.stderr
    assert done.stderr.count(b"standard-input, document 1:") == 1
    assert b"and 5 more" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's file that is always full")
def test_full_disk_is_said(knowing_pipeline: Path, source: Path):
    arguments = (knowing_pipeline, source, "--output", "-", "--to", "jsonl")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


# runs that are killed


def any_partial(name: str) -> bool:
    """Whether an output is being written."""
    return any(Path().glob(f".{name}.*.partial"))


def count_parts(folder: Path) -> int:
    return len(list(folder.glob("part-*.jsonl")))


def kill_in_between(arguments: list[str], begun: Callable[[], bool], wait: float) -> int:
    """Starts a run, and kills it a moment after something has begun."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not begun():
        time.sleep(0.001)
    time.sleep(wait)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    return process.wait()


def test_killed_run_goes_on(
    run_cli: Callable[..., str], refuse_cli: Callable[..., str], knowing_pipeline: Path, tmp_path: Path
):
    many = [Document(" ".join(text for text, _ in KNOWN) + f" {i}", id=str(i)) for i in range(600)]
    formats.write(many, tmp_path / "in.jsonl", "jsonl")
    settings = ["--part-size", "20", "--batch-size", "8"]
    run_cli("bioner", "annotate", knowing_pipeline, "in.jsonl", "--output", "whole.xml", *settings)
    arguments = [knowing_pipeline, "in.jsonl", "--output", "out.xml", *settings]
    folder = Path("out.xml.parts")
    for parts, more in ((3, []), (7, ["--resume"])):
        begun = partial(lambda parts: count_parts(folder) >= parts, parts)
        assert kill_in_between(command(*arguments, *more), begun, 0.005) == -signal.SIGKILL
        assert not Path("out.xml").exists()
    there = count_parts(folder)
    assert 7 <= there < 30
    assert "out.xml.parts: the parts of an unfinished run. Go on with --resume" in refuse_cli(
        "bioner", "annotate", *arguments
    )
    told = run_cli("bioner", "annotate", *arguments, "--resume")
    assert f"{20 * there} documents were in {there} parts already" in told
    assert Path("out.xml").read_bytes() == Path("whole.xml").read_bytes()
    assert names(Path()) == ["in.jsonl", "out.xml", "whole.xml"]


@pytest.fixture
def unfinished(
    refuse_cli: Callable[..., str],
    knowing_pipeline: Path,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder of parts of a run that stopped before its parts were joined."""
    from spacy_bioner.annotation import annotating

    def full(*_: object) -> Any:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(annotating, "read_parts", full)
        message = refuse_cli(
            "bioner", "annotate", knowing_pipeline, source, "--output", "out.jsonl", "--part-size", 3
        )
    assert "the disk is full" in message
    assert not Path("out.jsonl").exists()
    return tmp_path / "out.jsonl.parts"


def test_joining_goes_on(run_cli: Callable[..., str], knowing_pipeline: Path, source: Path, unfinished: Path):
    assert names(unfinished) == [
        "manifest.json",
        *(f"part-0000{i}.{kind}" for i in (0, 1) for kind in ("json", "jsonl")),
    ]
    arguments = [knowing_pipeline, source, "--output", "out.jsonl", "--part-size", 3, "--resume"]
    told = run_cli("bioner", "annotate", *arguments)
    assert "4 documents were in 2 parts already" in told
    assert "4 mentions of the input replaced" in told
    assert [places(document) for document in formats.read(Path("out.jsonl"))] == EXPECTED
    assert not unfinished.exists()


def test_ctrl_c_says_how_to_go_on(
    stopped_cli: Callable[..., str],
    run_cli: Callable[..., str],
    knowing_pipeline: Path,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    from spacy_bioner.annotation import annotating

    def stopped(*_: object) -> Any:
        raise KeyboardInterrupt

    arguments = ["bioner", "annotate", knowing_pipeline, source, "--output", "out.jsonl"]
    with monkeypatch.context() as patched:
        patched.setattr(annotating, "annotated", stopped)
        assert "--resume" in stopped_cli(*arguments)
    assert not Path("out.jsonl").exists()
    run_cli(*arguments, "--resume")
    assert [places(document) for document in formats.read(Path("out.jsonl"))] == EXPECTED


def test_a_second_run_on_one_output_is_refused(
    refuse_cli: Callable[..., str], run_cli: Callable[..., str], knowing_pipeline: Path, source: Path
):
    arguments = ["bioner", "annotate", knowing_pipeline, source, "--output", "out.jsonl"]
    with locked(parts_folder(Path("out.jsonl"))):
        assert "Another run is writing out.jsonl" in refuse_cli(*arguments)
        assert "Another run is writing out.jsonl" in refuse_cli(*arguments, "--resume")
    run_cli(*arguments)
    assert names(Path()) == ["in.jsonl", "out.jsonl"]


def test_the_first_parts_are_small():
    assert [size_of_part(number, 1000) for number in range(6)] == [50, 100, 200, 400, 800, 1000]
    assert size_of_part(100, 8) == 8


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ("settings", "settings part_size: it was 3, and is 4"),
        ("content", "inputs 1 sha256: it was"),
        ("inputs", "inputs: it was 1, and is 2"),
        ("pipeline", "pipeline sha256: it was"),
    ],
)
def test_resume_of_another_run_is_refused(
    refuse_cli: Callable[..., str],
    knowing_pipeline: Path,
    source: Path,
    unfinished: Path,
    tmp_path: Path,
    change: str,
    fragment: str,
):
    size, inputs, model = 3, [source], knowing_pipeline
    if change == "settings":
        size = 4
    elif change == "content":
        source.write_bytes(source.read_bytes().replace(b"human", b"mouse"))
    elif change == "inputs":
        inputs = [source, source]
    else:
        nlp = spacy.load(knowing_pipeline)
        nlp.get_pipe("bioner").cfg["temperature"] = {"Gene": 2.0}
        model = tmp_path / "model"
        nlp.to_disk(model)
    before = names(unfinished)
    message = refuse_cli(
        "bioner", "annotate", model, *inputs, "--output", "out.jsonl", "--part-size", size, "--resume"
    )
    assert "belongs to another run" in message
    assert fragment in message
    assert names(unfinished) == before


@pytest.mark.parametrize("damage", ["cut", "no record", "no manifest"])
def test_damaged_parts_are_named(knowing_pipeline: Path, source: Path, unfinished: Path, damage: str):
    if damage == "cut":
        path = unfinished / "part-00000.jsonl"
        path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")
    else:
        (unfinished / ("part-00001.json" if damage == "no record" else "manifest.json")).unlink()
    arguments = (knowing_pipeline, [source], Path("out.jsonl"), Settings("jsonl", part_size=3))
    with pytest.raises(OutputError, match=r"out\.jsonl\.parts"):
        annotate(*arguments, resume=True)
    assert not Path("out.jsonl").exists()


@pytest.mark.slow
def test_ten_kills_at_random(corpora: Path, knowing_pipeline: Path, tmp_path: Path):
    """2,000 abstracts, killed ten times at any point: the output is that of an undisturbed run."""
    files = [
        *sorted((corpora / "pubtator/BC5CDR").glob("*.txt")),
        corpora / "pubtator/NCBI-disease/NCBIdisease_TrainDev.PubTator",
    ]
    abstracts = islice(chain.from_iterable(map(formats.read, files)), 2000)
    formats.write(abstracts, tmp_path / "in.pubtator", "pubtator")
    settings = ["--part-size", "50", "--to", "bioc-xml"]
    arguments = command(knowing_pipeline, "in.pubtator", "--output", "whole.xml", *settings)
    subprocess.run(arguments, check=True, capture_output=True)
    arguments = command(knowing_pipeline, "in.pubtator", "--output", "out.xml", "--resume", *settings)
    chance = random.Random(0)
    folder = Path("out.xml.parts")
    for kill in range(10):
        if kill < 8:  # at a random point of the next parts
            wanted = count_parts(folder) + chance.randint(0 if kill else 1, 4)
            begun = partial(lambda wanted: count_parts(folder) >= wanted, wanted)
            wait = chance.uniform(0, 0.3)
        else:  # while parts are joined
            begun, wait = partial(any_partial, "out.xml"), chance.uniform(0, 0.1)
        assert kill_in_between(arguments, begun, wait) == -signal.SIGKILL
    subprocess.run(arguments, check=True, capture_output=True)
    assert Path("out.xml").read_bytes() == Path("whole.xml").read_bytes()
    assert names(Path()) == ["in.pubtator", "out.xml", "whole.xml"]
