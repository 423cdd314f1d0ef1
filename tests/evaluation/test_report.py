"""Evaluations of several corpora as one table."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import Span

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.evaluation.report import make_report, matrix


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A pipeline that finds one gene and one disease, by a dictionary."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Gene", "pattern": "BRCA1"}, {"label": "Disease", "pattern": "pain"}])
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    """Two corpora: one of genes, one of diseases."""
    nlp = spacy.blank("en")
    paths = []
    for corpus, label, text in (("genes", "Gene", "BRCA1 EGFR pain"), ("diseases", "Disease", "pain BRCA1")):
        doc = nlp(text)
        named = [token.i for token in doc if (token.text == "pain") == (label == "Disease")]
        doc.set_ents([Span(doc, i, i + 1, label=label) for i in named])
        set_annotation(doc, Annotation(corpus, (label,)))
        docbin([doc]).to_disk(tmp_path / f"{corpus}.spacy")
        paths.append(tmp_path / f"{corpus}.spacy")
    return paths


def test_a_row_a_corpus_and_a_column_a_type(model: Path, data: list[Path]):
    nlp = spacy.load(model)
    header, rows = matrix([make_report(nlp, path) for path in data])
    assert header == ["F1", "Disease", "Gene", "all"]
    # found one of two genes: P 1, R 1/2; the type that a corpus doesn't annotate stays empty
    assert rows == [["genes, genes", "", "66.67", "66.67"], ["diseases, diseases", "100.00", "", "100.00"]]


def test_the_verb_writes_both(run_cli: Callable[..., str], model: Path, data: list[Path], tmp_path: Path):
    scores, table = tmp_path / "scores.json", tmp_path / "scores.md"
    output = run_cli("bioner", "evaluate", model, *data, "--output", scores, "--report", table)
    assert re.search(r"diseases, diseases +100\.00 +100\.00", output)
    assert [report["total"]["correct"] for report in srsly.read_json(scores)] == [1, 1]
    assert table.read_text(encoding="utf8").startswith("# en_")
