"""Predictions in one format against gold in another."""

import json
from pathlib import Path

import pytest

from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.prediction_files import evaluate_predictions

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
    found.write_text(row((0, 5, "GENE")))
    with pytest.raises(ComparisonError, match="--map GENE="):
        evaluate_predictions(found, gold)
    report = evaluate_predictions(found, gold, renamed={"GENE": "Gene"})
    assert report["types"]["Gene"]["f1"] == 1.0


def test_other_texts_are_an_error(gold: Path, tmp_path: Path):
    found = tmp_path / "found.jsonl"
    found.write_text(json.dumps({"id": "1", "text": "something else", "spans": []}) + "\n")
    with pytest.raises(ComparisonError, match="document 1 has another text"):
        evaluate_predictions(found, gold)
