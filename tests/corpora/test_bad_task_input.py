"""Relations and questions that can't be used: each is counted, with the reason."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.cli.convert import _report
from spacy_bioner.corpora.annotations import MENTION
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.relation_conversion import find_relations
from spacy_bioner.corpora.shared_texts import shared_texts
from spacy_bioner.documents.document import Document, Mention, Relation


def test_relations_to_a_missing_entity_or_within_one_are_dropped_with_the_reason():
    mentions = (Mention(((0, 7),), "Drug", "T1"), Mention(((17, 22),), "Gene", "T2"))
    pairs = [("T1", "T2"), ("T1", "T9"), ("T2", "T2"), ("T1",)]
    relations = tuple(Relation("R", tuple(("Arg", end) for end in ends)) for ends in pairs)
    found = find_relations(
        Document("Aspirin inhibits COX-1.", mentions=mentions, relations=relations), MENTION
    )
    assert len(found.related) == 1
    assert [drop.reason for drop in found.dropped] == [
        "no mention of an entity that it holds between",
        "between an entity and itself",
        "not between two entities",
    ]


def test_questions_whose_answer_is_not_in_the_passage_are_counted(write: Callable[..., Path], tmp_path: Path):
    answers = [{"text": "COX-1", "answer_start": 17}, {"text": "COX-2", "answer_start": 17}]
    questions = [
        {"id": str(number), "question": "What?", "answers": [own]} for number, own in enumerate(answers)
    ]
    paragraph = {"context": "Aspirin inhibits COX-1.", "qas": [*questions, {"id": "2", "question": "Who?"}]}
    path = write(json.dumps({"data": [{"paragraphs": [paragraph]}]}), "train.json")
    (tally,) = convert([path], tmp_path / "out.spacy", source="squad", name="toy").values()
    assert tally.docs == 3
    assert Counter(tally.counted) == {
        "questions whose answer isn't in the passage": 1,
        "questions without an answer": 1,
    }


def test_a_fold_whose_test_sentences_are_trained_on_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """One text is in both, with another label; another one is too short to count."""
    rows = [f"The @GENE$ of @DISEASE$ number {n}.\t{n % 2}\n" for n in range(4)]
    short = "@X$ @Y$\t1\n"
    (tmp_path / "train.tsv").write_text("".join([*rows[:3], short]))
    (tmp_path / "test.tsv").write_text("".join([rows[0].replace("\t0", "\t1"), rows[3], short]))
    tallies = convert([tmp_path], tmp_path / "out", source="masked-tsv")
    (found,) = shared_texts(tallies)
    assert ([path.name for path in found[:2]], found[2]) == (["test.spacy", "train.spacy"], 1)
    _report(tallies)
    assert "test.spacy: 1 of its 3 texts are in train.spacy too" in " ".join(capsys.readouterr().out.split())
