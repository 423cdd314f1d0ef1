"""Gold and predictions as columns: another scorer counts the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import biluo_tags_to_spans, iob_to_biluo
from spacy.vocab import Vocab

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.evaluation.matching import judge
from spacy_bioner.evaluation.prediction_files import evaluate_predictions
from spacy_bioner.evaluation.side_by_side import write_side_by_side

TEXT = "TNF-α in βcells: no IL-2 rise."


def mention(start: int, end: int, type: str = "Gene") -> Mention:
    return Mention(((start, end),), type)


def spans(path: Path, column: int) -> list[set[tuple[int, int, str]]]:
    """The mentions in a column of each text, as spaCy reads tags."""
    found = []
    for block in path.read_text(encoding="utf8").removesuffix("\n\n").split("\n\n"):
        rows = [line.split(" ") for line in block.split("\n")]
        doc = Doc(Vocab(), words=[row[0] for row in rows])
        tags = iob_to_biluo([row[column] for row in rows])
        found.append({(span.start, span.end, span.label_) for span in biluo_tags_to_spans(doc, tags)})
    return found


def test_columns(tmp_path: Path):
    gold, predicted = [mention(0, 5), mention(9, 14, "Cell")], [mention(0, 3), mention(9, 14, "Cell")]
    write_side_by_side([(TEXT, judge(gold, predicted)), ("No", [])], tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf8").split("\n")[:8] == [
        "TNF B-Gene B-Gene",
        "- I-Gene O",
        "α I-Gene O",
        "in O O",
        "βcell B-Cell B-Cell",
        "s O O",
        ": O O",
        "no O O",
    ]
    assert (tmp_path / "out").read_text(encoding="utf8").endswith("\n\nNo O O\n\n")


def test_what_columns_can_not_hold_is_counted(tmp_path: Path):
    gold = [mention(0, 5), mention(0, 3, "Cell"), Mention(((6, 8), (17, 19)), "Gene")]
    missing = write_side_by_side([(TEXT, judge(gold, [mention(0, 5)]))], tmp_path / "out")
    assert (missing.gold, missing.predicted) == (2, 0)


places = st.lists(st.integers(0, len(TEXT) - 1), min_size=2, max_size=8, unique=True).map(sorted)
mentions = places.map(lambda p: [mention(a, b + 1) for a, b in zip(p[::2], p[1::2], strict=False)])
tidy = mentions.map(
    lambda found: [m for m in found if TEXT[m.start : m.end].strip() == TEXT[m.start : m.end]]
)


@given(gold=tidy, predicted=tidy)
def test_every_flat_mention_is_in_its_column(tmp_path_factory: pytest.TempPathFactory, gold, predicted):
    path = tmp_path_factory.mktemp("columns") / "out"
    write_side_by_side([(TEXT, judge(gold, predicted))], path)
    ((own,), (found,)) = (spans(path, column) for column in (1, 2))
    right = {(m.start, m.end) for m in gold} & {(m.start, m.end) for m in predicted}
    assert (len(own), len(found), len(own & found)) == (len(gold), len(predicted), len(right))


def test_scored_files_give_the_same_counts_as_their_columns(tmp_path: Path, run_cli: Callable[..., str]):
    gold, found = [mention(0, 5), mention(20, 24)], [mention(0, 5), mention(10, 14)]
    for name, made in (("gold", gold), ("found", found)):
        formats.write([Document(TEXT, mentions=tuple(made), id="1")], tmp_path / f"{name}.jsonl", "jsonl")
    path = tmp_path / "out.conll"
    scores = evaluate_predictions(tmp_path / "found.jsonl", tmp_path / "gold.jsonl", conll=path)
    ((own,), (theirs,)) = (spans(path, column) for column in (1, 2))
    total = scores["total"]
    assert (len(own & theirs), len(theirs), len(own)) == (total["correct"], total["predicted"], total["gold"])
    again = tmp_path / "again.conll"
    arguments = (tmp_path / "gold.jsonl", "--predictions", tmp_path / "found.jsonl", "--conll", again)
    run_cli("bioner", "evaluate", *arguments)
    assert again.read_bytes() == path.read_bytes()


def test_a_type_with_spaces_in_its_name_is_one_column(tmp_path: Path):
    named = [Mention(((0, 5),), "Cell  Line"), Mention(((10, 14),), "Cell\u00a0Line")]
    write_side_by_side([(TEXT, judge(named, named[:1]))], tmp_path / "out")
    lines = [line.split() for line in (tmp_path / "out").read_text(encoding="utf8").splitlines() if line]
    assert {len(line) for line in lines} == {3}
    assert {tag for line in lines for tag in line[1:]} >= {"B-Cell_Line", "O"}
