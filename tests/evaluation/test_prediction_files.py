"""Predictions in one format against gold in another."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_bioner.components.spans import write_spans
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.documents.formats.unreadable import most_bad
from spacy_bioner.errors import ComparisonError, FormatError
from spacy_bioner.evaluation.prediction_files import evaluate_predictions
from spacy_bioner.evaluation.systems import GoldData, system_runs

NLP = spacy.blank("en")

GOLD = (
    "1|t|BRCA1 lung cancer\n1|a|in mice\n1\t0\t17\tBRCA1 lung cancer\tDisease\n1\t0\t5\tBRCA1\tGene\n"
    "1\t21\t25\tmice\tSpecies\n"
)


def row(*spans):
    mentions = [{"start": start, "end": end, "label": name} for start, end, name in spans]
    return json.dumps({"id": "1", "text": "BRCA1 lung cancer\nin mice", "spans": mentions}) + "\n"


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.pubtator"
    path.write_text(GOLD)
    return path


def test_overlapping_predictions_in_any_format_are_scored(gold: Path, tmp_path: Path, run_cli):
    found = tmp_path / "found.jsonl"
    found.write_text(row((0, 17, "Disease"), (0, 5, "Gene"), (6, 10, "Gene")))
    report = evaluate_predictions(found, gold)
    assert [report["total"][key] for key in ("correct", "predicted", "gold")] == [2, 3, 3]
    assert report["types"]["Gene"]["precision"] == 0.5
    told = run_cli("bioner", "evaluate", "--predictions", str(found), str(gold))
    assert "66.67" in told


def test_types_with_no_name_in_common_are_an_error_that_says_how(gold: Path, tmp_path: Path):
    found = tmp_path / "found.jsonl"
    for types, hint in {("DISEASE", "CHEMICAL"): "DISEASE=Disease", ("TISSUE", "CHEM"): "OLD=NEW"}.items():
        found.write_text(row(*[(0, 5, name) for name in types]))
        with pytest.raises(ComparisonError, match=f"--map {hint}"):
            evaluate_predictions(found, gold)
    found.write_text(row((0, 5, "GENE")))
    report = evaluate_predictions(found, gold, renamed={"GENE": "Gene"})
    assert report["types"]["Gene"]["f1"] == 1.0


def test_other_texts_are_an_error(gold: Path, tmp_path: Path):
    found = tmp_path / "found.jsonl"
    found.write_text(json.dumps({"id": "1", "text": "something else", "spans": []}) + "\n")
    with pytest.raises(ComparisonError, match="document 1 has another text"):
        evaluate_predictions(found, gold)


def entities(text: str, *spans: tuple[int, int, str], corpus: str = "", types: tuple[str, ...] = ()) -> Doc:
    doc = NLP.make_doc(text)
    doc.ents = [Span(doc, *span) for span in spans]
    if corpus:
        set_annotation(doc, Annotation(corpus, types))
    return doc


def test_on_each_text_the_types_of_its_corpus_count(tmp_path: Path):
    """A right chemical in a text whose corpus annotates diseases alone is no error."""
    texts = ("aspirin for pain", "heparin for fever")
    mentions = ((0, 1, "Chemical"), (2, 3, "Disease"))
    gold, found = tmp_path / "gold.spacy", tmp_path / "found.spacy"
    annotated = [
        entities(texts[0], *mentions, corpus="both", types=("Chemical", "Disease")),
        entities(texts[1], mentions[1], corpus="diseases", types=("Disease",)),
    ]
    docbin(annotated).to_disk(gold)
    docbin([entities(text, *mentions) for text in texts]).to_disk(found)
    total = evaluate_predictions(found, gold)["total"]
    assert [total[key] for key in ("correct", "predicted", "gold")] == [3, 3, 3]
    [runs] = system_runs([str(found)], GoldData((gold,)))
    assert runs.counts[0].table.sum((0, 1)).tolist() == [3, 3, 3]


def test_overlapping_mentions_that_a_pipeline_wrote_to_docs_are_scored(gold: Path, tmp_path: Path):
    doc = NLP.make_doc("BRCA1 lung cancer\nin mice")
    pairs = [(Span(doc, 0, 3, "Disease"), 0.9), (Span(doc, 0, 1, "Gene"), 0.8)]
    write_spans(doc, "found", "bioner", ("Disease", "Gene"), pairs)
    doc.ents = [pairs[0][0], Span(doc, 5, 6, "Species")]  # the flat view, and what a ruler found
    set_annotation(doc, Annotation("", (), id="1"))
    found = tmp_path / "found.spacy"
    docbin([doc]).to_disk(found)
    assert evaluate_predictions(found, gold)["total"]["f1"] == 1.0
    certain = evaluate_predictions(found, gold, threshold=0.85)["total"]
    assert [certain[key] for key in ("correct", "predicted", "gold")] == [2, 2, 3]


def test_options_of_the_command_count_for_predictions(gold: Path, tmp_path: Path, run_cli, refuse_cli):
    found = tmp_path / "found.jsonl"
    spans = [
        {"start": start, "end": end, "label": name, "score": score}
        for start, end, name, score in ((0, 17, "Disease", 0.9), (6, 10, "Disease", 0.1), (0, 4, "Gene", 0.9))
    ]
    found.write_text(json.dumps({"id": "1", "text": "BRCA1 lung cancer\nin mice", "spans": spans}) + "\n")
    command = ("bioner", "evaluate", gold, "--predictions", found, "--output", tmp_path / "scores.json")

    def total(*options: str) -> list[int]:
        run_cli(*command, *options)
        scores = json.loads((tmp_path / "scores.json").read_text())["total"]
        return [scores[key] for key in ("correct", "predicted", "gold")]

    assert total() == [1, 3, 3]
    assert total("--types", "Disease") == [1, 2, 1]
    assert total("--types", "Disease", "--threshold", "0.5") == [1, 1, 1]
    assert "gold.pubtator" in refuse_cli(*command, "--from", "bioc-xml")
    assert "nowhere" in refuse_cli(*command, "--corpus", "nowhere")
    told = refuse_cli(*command, "--against", gold, "--report", tmp_path / "a.html", "--reliability")
    assert all(name in told for name in ("--against", "--report", "--reliability"))
    assert "name only the gold file" in refuse_cli(*command, gold)


def test_a_threshold_without_scores_is_an_error(gold: Path, tmp_path: Path):
    found = tmp_path / "found.jsonl"
    found.write_text(row((0, 5, "Gene")))
    with pytest.raises(ComparisonError, match="no mention has a score"):
        evaluate_predictions(found, gold, threshold=0.5)


def test_bad_lines_are_refused_if_asked_to(gold: Path, tmp_path: Path):
    found = tmp_path / "found.jsonl"
    found.write_text(row((0, 17, "Disease")) + "{}\n")
    assert evaluate_predictions(found, gold)["total"]["correct"] == 1
    with pytest.raises(FormatError):
        evaluate_predictions(found, gold, most_bad=most_bad("", strict=True))
