"""A student learns what teachers know from text that nobody annotated."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.soft_labels import get_soft_labels, read_answers, write_part
from spacy_bioner.errors import BionerError, FormatError, PipelineError
from spacy_bioner.training.config import schedule_settings
from spacy_bioner.training.distillation import ask, distill
from spacy_bioner.training.plan import make_plan

ENDS = "training.optimizer.learn_rate.total_steps"

TEXTS = [
    "Cisplatin caused nephrotoxicity in mice. Patients with diabetes received metformin.",
    "Tp53 mutations were found in human breast cancer; aspirin was given to rats.",
]


@pytest.fixture(scope="module")
def teacher(train_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "out"
    train_tiny(folder, "bioner_cnn", overrides={"training.max_steps": 60, "training.patience": 0})
    return folder / "model-last"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS * 4))
    return path


def test_answers_are_the_teachers_probabilities(teacher: Path, texts: Path, tmp_path: Path) -> None:
    docs = read_answers(ask([teacher], [texts], tmp_path / "answers"))
    assert [doc.text for doc in docs] == TEXTS * 4
    nlp = spacy.load(teacher)
    for doc in docs[:2]:
        soft = get_soft_labels(doc)
        assert soft is not None
        assert soft.types == tuple(sorted(nlp.get_pipe("bioner").labels))
        found = {(s.start, s.label_): p for s, p in spans_of(nlp, doc)}
        for (start, label), probability in found.items():
            begins = soft.probabilities[start, soft.types.index(label), 0]
            # a mention can't be more probable than that it begins there
            assert begins >= probability - 1 / 255


def spans_of(nlp: spacy.language.Language, doc: Doc) -> list[tuple[spacy.tokens.Span, float]]:
    made = nlp(Doc(nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc]))
    group = made.spans["bioner"]
    return list(zip(group, group.attrs["scores"], strict=True))


def test_teachers_with_the_same_type_are_averaged(teacher: Path, texts: Path, tmp_path: Path) -> None:
    one = read_answers(ask([teacher], [texts], tmp_path / "one"))
    two = read_answers(ask([teacher, teacher], [texts], tmp_path / "two"))
    for first, second in zip(one, two, strict=True):
        a, b = get_soft_labels(first), get_soft_labels(second)
        assert a is not None
        assert b is not None
        numpy.testing.assert_array_equal(a.probabilities, b.probabilities)


def test_a_student_learns_from_gold_and_teacher(
    teacher: Path, texts: Path, tiny_data: Path, root: Path, tmp_path: Path
) -> None:
    made = distill(
        [teacher],
        root / "configs" / "bioner_cnn.cfg",
        tmp_path / "student",
        texts=[texts],
        train=[tiny_data / "train.spacy"],
        dev=[tiny_data / "devel.spacy"],
        mix=0.5,
        overrides={"training.max_steps": 5, "training.eval_frequency": 5},
    )
    nlp = spacy.load(made / "model-last")
    assert nlp.meta["spacy_bioner"]["teachers"]["mix"] == 0.5
    assert nlp.meta["spacy_bioner"]["teachers"]["docs"] == 8
    # nothing of this machine stays in it
    assert str(tmp_path) not in nlp.config.to_str()


def test_answers_go_on_and_are_not_mixed_up(
    teacher: Path, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spacy_bioner.training.distillation._PART", 3)
    whole = ask([teacher], [texts], tmp_path / "whole")
    parts = tmp_path / "parts"
    asked = []

    def write(folder: Path, number: int, *rest: object) -> None:
        asked.append(number)
        if len(asked) == 2:
            raise KeyboardInterrupt
        write_part(folder, number, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("spacy_bioner.training.distillation.write_part", write)
        with pytest.raises(KeyboardInterrupt):
            ask([teacher], [texts], parts)
    with pytest.raises(FormatError, match="not a teacher's answers"):
        read_answers(parts)
    ask([teacher], [texts], parts)
    for path in sorted(whole.glob("part-*.safetensors")):
        assert path.read_bytes() == (parts / path.name).read_bytes()
    with pytest.raises(PipelineError, match=r"different: temperature"):
        ask([teacher], [texts], parts, temperature=2.0)


def test_what_cannot_be_asked_is_refused(teacher: Path, texts: Path, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="must be more than 0"):
        ask([teacher], [texts], tmp_path / "a", temperature=0)
    blank = tmp_path / "blank"
    spacy.blank("en").to_disk(blank)
    with pytest.raises(PipelineError, match="has no `bioner`"):
        ask([blank], [texts], tmp_path / "a")
    empty = tmp_path / "empty.txt"
    empty.write_text("\n")
    with pytest.raises(BionerError, match="empty"):
        ask([teacher], [empty], tmp_path / "a")
    folder = ask([teacher], [texts], tmp_path / "b")
    (folder / "part-0000.safetensors").write_bytes(b"broken")
    with pytest.raises(FormatError, match="make the answers again"):
        read_answers(folder)


def test_the_learning_rate_falls_until_the_last_update(
    teacher: Path, texts: Path, tiny_data: Path, root: Path, tmp_path: Path
) -> None:
    answers = ask([teacher], [texts], tmp_path / "answers")
    plan = make_plan(
        root / "configs" / "bioner_trf.cfg",
        [tiny_data / "train.spacy"],
        [tiny_data / "devel.spacy"],
        own_heads=(),
        start_from=None,
        keep_types=False,
        encoder="",
        revision="",
        assets=tmp_path,
        gpu_id=-1,
        seed=None,
        overrides={"training.max_epochs": 2, "corpora.train.join": 0},
        answers=answers,
        mix=0.5,
    )
    alone = plan.config.copy()
    alone["corpora"]["train"] = alone["corpora"]["train"]["gold"]
    without = schedule_settings(
        alone, {k: v for k, v in plan.settings.items() if "gold" not in k and ENDS not in k}
    )
    # twice the words of an epoch are more updates
    assert plan.settings[ENDS] > without[ENDS]
    assert plan.settings["corpora.train.gold.join"] == 0


def test_a_student_without_the_teachers_types_is_refused(
    teacher: Path, texts: Path, root: Path, tmp_path: Path
) -> None:
    doc = spacy.blank("en")("Aspirin helps")
    doc.ents = [doc.char_span(0, 7, "Remedy")]
    set_annotation(doc, Annotation("mine", ("Remedy",)))
    docbin([doc] * 4).to_disk(tmp_path / "mine.spacy")
    with pytest.raises(PipelineError, match=r"the student Remedy: give"):
        distill(
            [teacher],
            root / "configs" / "bioner_cnn.cfg",
            tmp_path / "student",
            texts=[texts],
            train=[tmp_path / "mine.spacy"],
            dev=[tmp_path / "mine.spacy"],
        )
