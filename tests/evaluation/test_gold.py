"""Evaluation on raw text: what is read, what counts, and what can't be found."""

import contextlib
import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spacy.language import Language
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.conversion import to_doc
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import CorpusError, FormatError, PipelineError
from spacy_bioner.evaluation.counts import Score
from spacy_bioner.evaluation.evaluation_page import evaluation_sections
from spacy_bioner.evaluation.gold import GoldFile, gold_files, read_gold
from spacy_bioner.evaluation.page import write_report
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_gold
from spacy_bioner.evaluation.report import make_report, matrix, remarks, report

TEXT = "IL-2mRNA and aspirin: severe renal and cardiac failure."
DOCUMENT = Document(
    TEXT,
    mentions=(
        Mention(((0, 4),), "Gene"),  # "IL-2", which ends inside a token
        Mention(((13, 20),), "Chemical"),
        Mention(((29, 34), (47, 54)), "Disease"),  # "renal ... failure"
        Mention(((39, 54),), "Disease"),  # "cardiac failure"
        Mention(((22, 54),), "Disease"),  # "severe ... failure", around the other
    ),
    id="d1",
)


@pytest.fixture
def finder(nlp: Language) -> Language:
    """A pipeline that finds aspirin, cardiac failure and renal."""
    patterns = [("Chemical", "aspirin"), ("Disease", "cardiac failure"), ("Disease", "renal")]
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in patterns])
    return nlp


def read_one(nlp: Language, path: Path, **options: object) -> GoldFile:
    return read_gold(path, nlp.vocab, **options)


@pytest.mark.parametrize("name", ["jsonl", "bioc-xml", "bioc-json", "brat"])
def test_raw_text_is_compared_in_characters(finder: Language, tmp_path: Path, name: str):
    path = tmp_path / f"gold{formats.FORMATS[name].suffix}"
    formats.write([DOCUMENT], path, name)
    file = read_one(finder, path)
    result = evaluate_gold(finder, file.golds)
    assert result.counts.by_type() == {
        "Chemical": Score(1, 1, 1),
        "Disease": Score(1, 2, 3),
    }
    assert result.not_found_by_pipeline == {"Gene": 1}
    # "renal" is a part of the discontinuous one; the outer one has nothing left to be paired with
    assert result.relaxed.by_type() == {"Chemical": Score(1, 1, 1), "Disease": Score(2, 2, 3)}
    assert result.kinds == {
        ("correct", "Chemical"): 1,
        ("correct", "Disease"): 1,
        ("wrong boundary", "Disease"): 1,
        ("missed", "Disease"): 1,
    }
    assert result.impossible.discontinuous == {"Disease": 1}
    assert result.impossible.overlapping == 1
    assert result.impossible.possible_in_all == 2
    made = report(finder, file, result)
    assert made["impossible"]["f1_ceiling"] == pytest.approx(2 * 2 / (2 + 4))
    assert made["impossible"]["f1_ceiling_of_tokens"] == 1
    assert made["data"]["format"] == name
    assert made["tokens_from"] == "pipeline"
    assert remarks(made) == [
        "can't be found, of 4 gold mentions: 1 discontinuous (Disease 1); 1 overlap others. "
        "F1 is 66.67 at most (100.00 by tokens alone)"
    ]


def test_mentions_inside_tokens_are_counted_by_type(nlp: Language, tmp_path: Path):
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Gene", "pattern": "mRNA"}])
    formats.write([DOCUMENT], tmp_path / "gold.jsonl", "jsonl")
    file = read_one(nlp, tmp_path / "gold.jsonl")
    result = evaluate_gold(nlp, file.golds)
    [token] = [token for token in nlp.make_doc(TEXT) if token.idx < 4 < token.idx + len(token)]
    assert len(token) > 1  # else the example is none
    assert result.impossible.inside_a_token == {"Gene": 1}
    made = report(nlp, file, result)
    assert made["impossible"]["inside_a_token"] == {"Gene": 1}
    assert made["impossible"]["f1_ceiling_of_tokens"] == made["impossible"]["types"]["Gene"] == 0
    assert made["types_not_in_pipeline"] == {"Chemical": 1, "Disease": 3}


def test_gold_mention_inside_a_token_counts_as_missed(nlp: Language, tmp_path: Path):
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Gene", "pattern": "and"}])
    formats.write([DOCUMENT], tmp_path / "gold.jsonl", "jsonl")
    result = evaluate_gold(nlp, read_one(nlp, tmp_path / "gold.jsonl").golds)
    assert result.counts.by_type() == {"Gene": Score(0, 2, 1)}
    assert result.kinds == {("missed", "Gene"): 1, ("spurious", "Gene"): 2}


def test_pubtator_packed_and_repaired(finder: Language, tmp_path: Path):
    lines = [
        "1|t|Aspirin",
        "1|a|helps, aspirin in cardiac failure, and more",
        "1\t16\t23\taspirin\tChemical\tD1",  # it is at 15: moved
        "1\t26\t41\tcardiac failure\tDisease\tD2",
        "1\t26\t41\tcardiac failure\tDisease\tD3",  # twice
        "1\t43\t46\tbut\tDisease\tD4",  # nowhere near
    ]
    path = tmp_path / "gold.pubtator.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    file = read_one(finder, path)
    assert (file.reading.format, file.reading.moved, file.reading.repeated) == ("pubtator", 1, 1)
    assert len(file.reading.mismatches) == 1
    assert "document 1: Disease at 43 is 'and', and not 'but'" in file.reading.mismatches[0]
    assert file.data["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    result = evaluate_gold(finder, file.golds)
    assert result.counts.by_type() == {"Chemical": Score(1, 1, 1), "Disease": Score(1, 1, 1)}
    said = " | ".join(remarks(report(finder, file, result)))
    assert "1 gold mentions were moved" in said
    assert "1 gold mentions have offsets that don't give their text" in said
    assert "1 of them contradict their text, and are left out" in said
    assert "1 gold mentions stand there twice, and count once" in said


def test_types_can_be_renamed_and_named(finder: Language, write: Callable[..., Path]):
    path = write(
        "1|t|aspirin\n1|a|cardiac failure and renal\n1\t8\t23\tcardiac failure\tSpecificDisease\n"
        "1\t28\t33\trenal\tModifier\n",
        "gold.pubtator",
    )
    with pytest.raises(PipelineError, match="the data annotates Modifier, SpecificDisease"):
        evaluate_gold(finder, read_one(finder, path).golds)
    file = read_one(finder, path, renamed={"*": "Disease"})
    result = evaluate_gold(finder, file.golds)
    assert result.counts.by_type() == {"Disease": Score(2, 2, 2)}
    assert result.unscored == 1  # aspirin: nothing says that chemicals are annotated
    assert file.reading.renamed == {("SpecificDisease", "Disease"): 1, ("Modifier", "Disease"): 1}
    both = read_one(finder, path, renamed={"SpecificDisease": "Disease"}, annotated=["Disease", "Chemical"])
    result = evaluate_gold(finder, both.golds)
    assert result.counts.by_type() == {"Chemical": Score(0, 1, 0), "Disease": Score(1, 2, 1)}
    assert both.reading.not_annotated == {"Modifier": 1}
    assert "Modifier: 1 gold mentions, and the type isn't among those annotated: not scored" in remarks(
        report(finder, both, result)
    )


def test_columns_have_tokens_unless_the_raw_text_is_asked_for(nlp: Language, write: Callable[..., Path]):
    path = write("IL-2\tB-Gene\nbinds\tO\n\n")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Gene", "pattern": [{"TEXT": "IL-2"}]}])
    file = read_one(nlp, path)
    assert evaluate_gold(nlp, file.golds).counts.total() == Score(1, 1, 1)
    raw = read_one(nlp, path, retokenize=True)
    assert evaluate_gold(nlp, raw.golds).counts.total() == Score(0, 0, 1)  # "IL", "-", "2"
    assert read_one(nlp, path).golds[0].types == ("Gene",)


def test_untyped_columns_need_a_type(nlp: Language, write: Callable[..., Path]):
    path = write("IL2\tB\nbinds\tO\n\n")
    with pytest.raises(FormatError, match=r"'B' names no type: say which with --type"):
        read_one(nlp, path)
    [gold] = read_one(nlp, path, annotated=["Gene"]).golds
    assert (gold.mentions[0].type, gold.types) == ("Gene", ("Gene",))


def test_mention_without_a_type_needs_one(nlp: Language, write: Callable[..., Path]):
    path = write('{"text": "IL2", "spans": [{"start": 0, "end": 3, "label": ""}]}\n', "gold.jsonl")
    with pytest.raises(FormatError, match=r"some mentions have no type: say which with --map '\*=TYPE'"):
        read_one(nlp, path)
    [gold] = read_one(nlp, path, renamed={"*": "Gene"}).golds
    assert (gold.mentions[0].type, gold.types) == ("Gene", ("Gene",))


def test_spacy_file_says_itself_what_it_is(nlp: Language, tmp_path: Path):
    doc, _ = to_doc(DOCUMENT, nlp.vocab, nlp.make_doc)
    set_annotation(doc, Annotation("mine", ("Chemical", "Gene"), "d1"))
    docbin([doc]).to_disk(tmp_path / "a.spacy")
    file = read_one(nlp, tmp_path / "a.spacy")
    assert (file.golds[0].corpus, file.golds[0].types, file.golds[0].id) == (
        "mine",
        ("Chemical", "Gene"),
        "d1",
    )
    with pytest.raises(CorpusError, match="says itself which corpus it is from: leave out --corpus x"):
        read_one(nlp, tmp_path / "a.spacy", corpus="x")


def test_same_pipeline_from_docs_and_from_raw_text(finder: Language, tmp_path: Path):
    """What the .spacy file holds is scored the same from both."""
    held = [m for m in DOCUMENT.mentions if len(m.spans) == 1 and m.start in (13, 39)]
    document = Document(TEXT, mentions=tuple(held))
    doc, dropped = to_doc(document, finder.vocab, finder.make_doc)
    assert not dropped
    docbin([doc]).to_disk(tmp_path / "a.spacy")
    formats.write([document], tmp_path / "a.jsonl", "jsonl")
    first = make_report(finder, tmp_path / "a.spacy", retokenize=True)
    file = read_one(finder, tmp_path / "a.jsonl")
    second = report(finder, file, evaluate_gold(finder, file.golds))
    for key in ("total", "types", "relaxed", "errors", "impossible", "tokens"):
        assert first[key] == second[key]


def test_plain_text_has_nothing_to_compare(nlp: Language, write: Callable[..., Path]):
    path = write("Some words.", "folder/a.txt").parent
    with pytest.raises(FormatError, match="plain text has no mentions"):
        read_one(nlp, path, format="text")


def test_text_longer_than_the_pipeline_takes(finder: Language, tmp_path: Path):
    formats.write([DOCUMENT], tmp_path / "gold.jsonl", "jsonl")
    file = read_one(finder, tmp_path / "gold.jsonl")
    finder.max_length = 20
    with pytest.raises(PipelineError, match=r"Document d1 has 55 characters, and the pipeline takes 20"):
        evaluate_gold(finder, file.golds)


def test_files_of_folders(write: Callable[..., Path], tmp_path: Path):
    write("", "mixed/a.spacy")
    write("", "mixed/notes.md")
    write("", "others/b.pubtator")
    write("", "others/a.jsonl")
    write("", "others/.hidden")
    write("a", "brat/1.txt")
    write("", "brat/1.ann")
    write("a", "splits/test/1.txt")
    write("", "splits/test/1.ann")
    (tmp_path / "empty").mkdir()
    names = {name: tmp_path / name for name in ("mixed", "others", "brat", "splits", "empty")}
    assert gold_files([names["mixed"]]) == [names["mixed"] / "a.spacy"]
    assert gold_files([names["others"]]) == [names["others"] / "a.jsonl", names["others"] / "b.pubtator"]
    assert gold_files([names["brat"]]) == [names["brat"]]
    assert gold_files([names["splits"]]) == [names["splits"] / "test"]
    assert gold_files([tmp_path / "x"]) == [tmp_path / "x"]
    with pytest.raises(FormatError, match="there is no file in this folder"):
        gold_files([names["empty"]])


def test_markdown_has_all_tables(finder: Language, tmp_path: Path):
    formats.write([DOCUMENT], tmp_path / "gold.jsonl.gz", "jsonl")
    file = read_one(finder, tmp_path / "gold.jsonl.gz")
    result = evaluate_gold(finder, file.golds)
    made = report(finder, file, result)
    sections = list(evaluation_sections([made, made], [result, result], html=False))
    write_report(tmp_path / "r.md", "Report", sections, made)
    text = (tmp_path / "r.md").read_text(encoding="utf8")
    assert matrix([made])[1] == [["gold", "100.00", "40.00", "57.14"]]
    assert "| gold | 100.00 | 40.00 | 57.14 |" in text
    assert "| gold | 100.00 | 80.00 | 85.71 |" in text  # relaxed
    assert "| missed |" in text
    assert "can't be found, of 4 gold mentions" in text


@pytest.fixture
def model(finder: Language, tmp_path: Path) -> Path:
    finder.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_the_verb_on_raw_files(run_cli: Callable[..., str], model: Path, tmp_path: Path):
    formats.write([DOCUMENT], tmp_path / "gold.jsonl", "jsonl")
    formats.write([DOCUMENT], tmp_path / "folder", "brat")
    scores = tmp_path / "s.json"
    data = [tmp_path / "gold.jsonl", tmp_path / "folder"]
    output = " ".join(run_cli("bioner", "evaluate", model, *data, "--output", scores).split())
    assert "tokens from the pipeline" in output
    assert "relaxed P R F1 missed spurious wrong boundary" in output
    assert "F1 is 66.67 at most" in output
    assert "gold 100.00 40.00 57.14" in output
    assert "folder 100.00 40.00 57.14" in output
    assert str(tmp_path) not in scores.read_text()


def test_catalogue_names_types(run_cli: Callable[..., str], model: Path, write: Callable[..., Path]):
    path = write("1|t|aspirin\n1|a|x\n1\t0\t7\taspirin\tChemical\n", "gold.pubtator")
    output = run_cli("bioner", "evaluate", model, path, "--corpus", "bc5cdr")
    assert "corpus: BC5CDR (MTL-Bioinformatics-2016" in output
    mapped = run_cli("bioner", "evaluate", model, path, "--map", "Chemical=Disease", "--from", "pubtator")
    assert "Chemical counts as Disease: 1 gold mentions" in mapped


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--map", "Disease"], "--map 'Disease': write OLD=NEW"),
        (["--from", "word"], "There is no format 'word'"),
        (["--corpus", "nothing"], "The corpus 'nothing' isn't in the catalogue"),
        (["--output", "gold.pubtator"], "gold.pubtator is data to evaluate on, and would be overwritten"),
        (["--output", "a.md", "--report", "a.md"], "--output, --report and --conll need a file each"),
        (["--report", "a.txt"], "a.txt: a report ends with .html, .md, .json"),
        (["--types", "Gene"], "gold.pubtator: Nothing to compare: the data annotates Gene"),
    ],
)
def test_the_verb_refuses(
    refuse_cli: Callable[..., str],
    model: Path,
    write: Callable[..., Path],
    tmp_path: Path,
    options: list[str],
    reason: str,
):
    write("1|t|aspirin\n1|a|x\n1\t0\t7\taspirin\tChemical\n", "gold.pubtator")
    with contextlib.chdir(tmp_path):
        assert reason in refuse_cli("bioner", "evaluate", model, "gold.pubtator", *options)


def gold_mentions(path: Path, **options: Any) -> dict[str, tuple[str, Counter[Any]]]:
    """The text and the gold mentions of each document, by its id."""
    golds = read_gold(path, Vocab(), **options).golds
    found = {g.id: (g.text.rstrip("\n"), Counter((m.spans, m.type) for m in g.mentions)) for g in golds}
    assert len(found) == len(golds)
    return found


def test_bc5cdr_is_the_same_from_pubtator_and_bioc(corpora: Path):
    """BioC also has the parts of composite mentions, and a "-" in place of a "_"."""
    one = gold_mentions(corpora / "pubtator/BC5CDR/CDR_TestSet.PubTator.txt")
    other = gold_mentions(corpora / "bioc/BC5CDR/CDR_TestSet.BioC.xml")
    assert one.keys() == other.keys()
    assert len(one) == 500
    parts = 0
    types: Counter[str] = Counter()
    for id, (text, mentions) in one.items():
        same, more = other[id]
        assert same == (text.replace("24_h", "24-h") if id == "24209900" else text)
        assert not mentions - more
        types.update(type for _, type in mentions.elements())
        for spans, type in (more - mentions).elements():
            start, end = spans[0][0], spans[-1][1]
            assert any(t == type and s[0][0] <= start and end <= s[-1][1] for s, t in mentions)
            parts += 1
    assert types == {"Chemical": 5385, "Disease": 4424}
    assert parts == 119


@pytest.mark.parametrize(
    ("files", "mentions"),
    [
        (("bioc/BioRED/Dev.PubTator", "bioc/BioRED/Dev.BioC.XML", "bioc/BioRED/Dev.BioC.JSON"), 3533),
        (("pubtator/NCBI-disease/NCBIdisease_Test.PubTator", "brat/NCBI-disease/test"), 960),
    ],
)
def test_corpora_are_the_same_from_all_formats(corpora: Path, files: tuple[str, ...], mentions: int):
    first, *others = (gold_mentions(corpora / file) for file in files)
    assert len(first) == 100
    assert sum(found.total() for _, found in first.values()) == mentions
    for other in others:
        assert other.keys() == first.keys()
        for id, (text, found) in first.items():
            assert other[id][1] == found
            assert re.sub(r"\s", " ", other[id][0]).strip() == re.sub(r"\s", " ", text).strip()
