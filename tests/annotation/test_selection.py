"""Choosing what to annotate: unsure texts first, no text twice, in what annotation tools read."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spacy
from memorised import KNOWN

from spacy_bioner.annotation.selection import WordCounts, choose, select, uncertainty
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document
from spacy_bioner.errors import ConversionError, OutputError, PipelineError

STRANGE = "Moreover bexarotene quenched zorbital gliomas where tau-7 mice had been fed quizzically by others."


@pytest.fixture
def pool(write: Callable[..., Path]) -> Path:
    """What the pipeline knows by heart, some of it twice, and what it has never seen."""
    texts = [*(text for text, _ in KNOWN), STRANGE, STRANGE.upper(), ""]
    lines = [json.dumps({"id": f"d{i}", "text": text}) for i, text in enumerate(texts)]
    return write("\n".join(lines) + "\n", "pool.jsonl")


def counts(*texts: str) -> WordCounts:
    found = WordCounts()
    for text in texts:
        found.add(text)
    return found


def chosen(uncertain: list[float], texts: list[str], n: int, diversity: float = 1.0) -> list[int]:
    return [i for i, _ in choose(np.array(uncertain), counts(*texts).matrix(), n, diversity)]


def test_the_pool_is_not_overwritten(pool: Path):
    before = pool.read_bytes()
    with pytest.raises(OutputError, match="would be overwritten"):
        select(spacy.blank("en"), [pool], pool, "jsonl", n=1)
    assert pool.read_bytes() == before


def test_the_unsure_come_first_and_copies_never():
    texts = ["lung cancer", "Lung cancer!", "heart failure", "lung disease"]
    assert chosen([0.9, 1.0, 0.5, 0.6], texts, 4) == [1, 2, 3]
    assert chosen([0.9, 1.0, 0.5, 0.6], texts, 2, diversity=0.0) == [1, 0]
    assert chosen([0.0, 0.0], texts[:2], 2) == []
    assert chosen([0.5, 0.4], ["", "a b"], 2) == [0, 1]


def test_what_is_annotated_already_counts_as_chosen():
    texts = ["lung cancer", "heart failure", "lung cancer", "rheumatic heart"]
    assert [i for i, _ in choose(np.array([1.0, 0.6]), counts(*texts).matrix(), 2)] == [1]


def test_a_pipeline_is_unsure_of_what_it_has_not_seen(knowing_pipeline: Path):
    nlp = spacy.load(knowing_pipeline)
    known, strange, empty = uncertainty(nlp, [Document(t) for t in (KNOWN[0][0], STRANGE, "")])
    assert 0 == empty < known < strange
    heads = nlp.get_pipe("bioner").labels
    by_type = [uncertainty(nlp, [Document(STRANGE)], (name,))[0] for name in heads]
    assert sum(by_type) == pytest.approx(strange)


@pytest.mark.parametrize(
    ("name", "to"),
    [("out.jsonl", "jsonl"), ("out.jsonl", "doccano"), ("out.json", "label-studio"), ("out", "brat")],
)
def test_what_annotation_tools_read(knowing_pipeline: Path, pool: Path, tmp_path: Path, name: str, to: str):
    done = select(knowing_pipeline, [pool], tmp_path / name, to, n=3)
    documents = list(formats.read(tmp_path / name))
    assert done.pool == len(KNOWN) + 3
    assert done.choices[0].name in (f"d{len(KNOWN)}", f"d{len(KNOWN) + 1}")
    assert len({document.text.lower() for document in documents}) == 3  # not the same in capitals
    if to == "label-studio":  # which has what a model finds apart from what people say
        tasks = json.loads((tmp_path / name).read_text())
        assert any(prediction["result"] for task in tasks for prediction in task["predictions"])
    else:
        assert any(document.mentions for document in documents)


def test_selecting_is_repeatable_and_mentions_are_as_wanted(
    knowing_pipeline: Path, pool: Path, tmp_path: Path, run_cli: Callable[..., str]
):
    for name in ("a.jsonl", "b.jsonl"):
        told = run_cli("bioner", "select", knowing_pipeline, pool, tmp_path / name, "--n", 2)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert f"2 of {len(KNOWN) + 3} documents" in " ".join(told.split())
    done = select(knowing_pipeline, [pool], tmp_path / "n.jsonl", "jsonl", n=99, mentions="none")
    assert len(done.choices) < done.pool  # copies and the empty text
    assert not any(document.mentions for document in formats.read(tmp_path / "n.jsonl"))
    first = [choice.name for choice in done.choices[:2]]
    again = select(
        knowing_pipeline,
        [pool],
        tmp_path / "r.jsonl",
        "jsonl",
        n=2,
        annotated_already=[tmp_path / "a.jsonl"],
    )
    assert not {choice.name for choice in again.choices} & set(first)


@pytest.mark.parametrize("to", ["csv", "spacy", "pubmed-xml"])
def test_a_format_that_no_tool_reads_is_refused_before_the_work(pool: Path, tmp_path: Path, to: str):
    with pytest.raises(ConversionError, match=f"--to {to}: use "):
        select("no such pipeline", [pool], tmp_path / "out", to, n=1)


def test_a_text_that_the_format_can_not_hold_costs_itself_alone(
    knowing_pipeline: Path, write: Callable[..., Path], tmp_path: Path
):
    lines = [json.dumps({"id": "odd|1", "text": "Odd\x0c text"}), json.dumps({"id": "b", "text": STRANGE})]
    pool = write("\n".join(lines) + "\n", "pool.jsonl")
    found = select(knowing_pipeline, [pool], tmp_path / "out.xml", "bioc-xml", n=2)
    assert [(aside.id, "can't be written" in aside.reason) for aside in found.set_aside] == [("odd|1", True)]
    assert [document.id for document in formats.read(tmp_path / "out.xml")] == ["b"]


def test_what_can_not_be_selected(knowing_pipeline: Path, pool: Path, tmp_path: Path):
    output = tmp_path / "out.jsonl"
    with pytest.raises(PipelineError, match="has no `bioner`"):
        select(spacy.blank("en"), [pool], output, "jsonl")
    with pytest.raises(PipelineError, match="no entity type Gen"):
        select(knowing_pipeline, [pool], output, "jsonl", types=["Gen"])
    with pytest.raises(ConversionError, match="--mentions gold: use predicted"):
        select(knowing_pipeline, [pool], output, "jsonl", mentions="gold")
    assert not output.exists()
