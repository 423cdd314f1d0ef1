"""`pairs` and `answers`: learning, storing, and their scores."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_bioner.components.pairs import pair_doc
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.readers import create_corpus
from spacy_bioner.documents.formats import read_each
from spacy_bioner.documents.metadata import COUNTED, LABELS, SIMILARITY
from spacy_bioner.errors import FormatError, PipelineError
from spacy_bioner.evaluation.task_scorers import interval, rank, score_abstracts, score_answers

Write = Callable[..., Path]
DRUGS = ("aspirin", "ibuprofen", "lithium", "caffeine", "codeine")


def train(component: str, path: Path, **config: Any) -> tuple[Language, list[Example]]:
    nlp = spacy.blank("en")
    nlp.add_pipe(component, config=config)
    examples = list(create_corpus(str(path))(nlp))
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(80):
        nlp.update(list(create_corpus(str(path))(nlp)), sgd=optimizer)
    return nlp, list(create_corpus(str(path))(nlp))


def copies(nlp: Language, name: str, folder: Path) -> list[Language]:
    """The pipeline from disk, bytes and pickle."""
    nlp.to_disk(folder)
    other = spacy.blank("en")
    other.add_pipe(name, config={"task": nlp.get_pipe(name).cfg["task"]} if name == "pairs" else {})
    other.get_pipe(name).from_bytes(nlp.get_pipe(name).to_bytes())
    return [spacy.load(folder), other, pickle.loads(pickle.dumps(nlp))]


def test_pairs_learn_labels_by_heart(write: Write, tmp_path: Path):
    rows = ["evidence,claim,label"]
    for number in range(20):
        drug, other = DRUGS[number % 5], DRUGS[(number + 1 + number // 5) % 5]
        label = ("Supports", "Refutes", "Neutral")[number % 3]
        verb = {"Supports": "helps", "Refutes": "fails", "Neutral": "exists"}[label]
        rows.append(f"The {drug} {verb} in trial {number},{other} helps,{label}")
    path = write("\n".join(rows) + "\n", "train.csv")
    convert([path], tmp_path / "train.spacy")
    nlp, examples = train("pairs", tmp_path / "train.spacy")
    scores = nlp.evaluate(examples)
    assert scores["pairs_accuracy"] == scores["pairs_macro_f"] == 1.0
    doc = nlp(pair_doc(nlp, "The aspirin helps in trial 0", "ibuprofen helps"))
    assert max(doc.cats, key=lambda label: doc.cats[label]) == "Supports"
    assert sum(doc.cats.values()) == pytest.approx(1)
    assert nlp("only one text").cats == {}
    docs = [pair_doc(nlp, "The aspirin helps", "lithium helps"), pair_doc(nlp, "It fails", "It helps")]
    expected = [dict(d.cats) for d in nlp.pipe([d.copy() for d in docs])]
    for other in copies(nlp, "pairs", tmp_path / "model"):
        assert [d.cats for d in other.pipe([d.copy() for d in docs])] == expected
    (disk, *_) = copies(nlp, "pairs", tmp_path / "again")
    assert [d.cats for d in disk.pipe([d.copy() for d in docs], n_process=2)] == expected


def test_pairs_learn_similarities(write: Write, tmp_path: Path):
    rows = ["pair_id\tsent1\tsent2\tscore"]
    for number in range(20):
        score = number % 5
        same = " ".join(DRUGS[:score])
        rows.append(
            f"{number}\tWe gave {same} to {number} rats\tRats of {number} had {same or 'nothing'}\t{score}"
        )
    path = write("\n".join(rows) + "\n", "train.tsv")
    convert([path], tmp_path / "train.spacy")
    nlp, examples = train("pairs", tmp_path / "train.spacy", task="similarity")
    scores = nlp.evaluate(examples)
    assert scores["pairs_pearson"] > 0.95
    low, high = scores["pairs_pearson_interval"]
    assert low < scores["pairs_pearson"] < high
    doc = nlp(pair_doc(nlp, "We gave aspirin to 1 rats", "Rats of 1 had aspirin"))
    assert 0 <= doc._.similarity <= 4
    for other in copies(nlp, "pairs", tmp_path / "model"):
        again = other(pair_doc(other, "We gave aspirin to 1 rats", "Rats of 1 had aspirin"))
        assert again._.similarity == pytest.approx(doc._.similarity)


def squad(questions: Sequence[tuple[str, str, str, str]]) -> str:
    """Of id, question, passage and answer."""
    paragraphs = [
        {
            "context": c,
            "qas": [{"id": i, "question": q, "answers": [{"text": a, "answer_start": 0}] if a else []}],
        }
        for i, q, c, a in questions
    ]
    return str({"data": [{"paragraphs": paragraphs}]}).replace("'", '"')


def test_answers_learn_by_heart(write: Write, tmp_path: Path):
    questions = [
        (f"q{n}", "Which drug helps?", f"In trial {n} they saw {DRUGS[n % 5]} help {n} rats.", DRUGS[n % 5])
        for n in range(20)
    ]
    path = write(squad(questions), "train.json")
    convert([path], tmp_path / "train.spacy")
    nlp, examples = train("answers", tmp_path / "train.spacy")
    scores = nlp.evaluate(examples)
    assert scores["answers_strict"] == scores["answers_mrr"] == 1.0
    doc = nlp(pair_doc(nlp, "Which drug helps?", "In trial 3 they saw caffeine help 3 rats."))
    assert doc.spans["answers"][0].text == "caffeine"
    found = doc.spans["answers"].attrs["scores"]
    assert found == sorted(found, reverse=True)
    assert 0.3 < found[0] <= 1
    for other in copies(nlp, "answers", tmp_path / "model"):
        again = other(pair_doc(other, "Which drug helps?", "In trial 3 they saw caffeine help 3 rats."))
        assert [span.text for span in again.spans["answers"]] == [span.text for span in doc.spans["answers"]]
    disk = spacy.load(tmp_path / "model")
    two = list(disk.pipe([pair_doc(disk, q[1], q[2]) for q in questions[:2]], n_process=2))
    assert [d.spans["answers"][0].text for d in two] == ["aspirin", "ibuprofen"]
    assert all(len(d.spans["answers"].attrs["scores"]) == len(d.spans["answers"]) for d in two)
    assert "answers" not in nlp("").spans or not nlp("").spans["answers"]
    assert not nlp("no question").spans["answers"]


def test_answers_that_are_not_there_are_counted(write: Write):
    long = " ".join(f"Sentence {n} says nothing." for n in range(200)) + " Aspirin helps."
    questions = [
        ("a", "What?", "It is aspirin, aspirin.", "aspirin"),
        ("b", "What?", "It is aspirin.", "lithium"),
        ("c", "What?", "It is aspirin.", ""),
        ("d", "What?", long, "Aspirin"),
    ]
    documents = list(read_each(write(squad(questions), "x.json")))
    assert [d.meta.get(COUNTED) for d in documents[:3]] == [
        None,
        {"questions whose answer isn't in the passage": 1},
        {"questions without an answer": 1},
    ]
    parts = [d for d in documents if d.id.startswith("d#")]
    assert len(parts) == 3
    assert [d.text_of(m) for d in parts for m in d.mentions] == ["Aspirin"]
    assert " ".join(d.text.split(" [SEP] ")[1].strip() for d in parts) == long


def test_bioasq_counts_the_first_five_answers_of_all_passages():
    nlp = spacy.blank("en")

    def example(id: str, found: list[tuple[str, float]], gold: str) -> Example:
        predicted, reference = (
            nlp.make_doc("one two three four five six"),
            nlp.make_doc("one two three four five six"),
        )
        words = [t.text for t in predicted]
        spans = [Span(predicted, words.index(w), words.index(w) + 1, "ANSWER") for w, _ in found]
        predicted.spans["answers"] = SpanGroup(
            predicted, spans=spans, attrs={"scores": [s for _, s in found]}
        )
        if gold:
            reference.ents = [Span(reference, words.index(gold), words.index(gold) + 1, "ANSWER")]
        set_annotation(reference, Annotation("c", ("ANSWER",), id))
        return Example(predicted, reference)

    examples = [
        example("q1_001", [("one", 0.5), ("two", 0.4)], "two"),
        example("q1_002", [("three", 0.9), ("two", 0.6)], ""),
        example("q2", [("one", 0.9)], "one"),
        example("q3", [("one", 0.9)], "six"),
        example("q4", [("one", 0.9)], ""),
    ]
    scores = score_answers(examples, spans_key="answers")
    assert scores["answers_strict"] == pytest.approx(1 / 3)
    assert scores["answers_lenient"] == pytest.approx(2 / 3)
    assert scores["answers_mrr"] == pytest.approx((1 / 2 + 1) / 3)
    assert scores["answers_without_gold"] == 1
    assert rank([("The Drug.", 0.2)], {"the drug"}) == 1


def test_the_interval_of_a_correlation_is_fishers():
    low, high = interval(0.9, 20) or (0, 0)
    assert (low, high) == (pytest.approx(0.760, abs=1e-3), pytest.approx(0.960, abs=1e-3))
    assert interval(0.9, 3) is None


def test_labels_of_texts_are_kept_and_scored_by_abstract(write: Write, tmp_path: Path):
    flags = ("0_1,1_0,2_0", "0_0,1_0,2_0", "0_0,1_0,2_1")
    rows = [f"{own}\tA sentence .\t{7 + n // 2}_s{n}" for n, own in enumerate(flags)]
    path = write("labels\tsentence\tindex\n" + "\n".join(rows) + "\nx\ty\tz\n", "train.tsv")
    convert([path], tmp_path / "train.spacy")
    docs = read_docbin(tmp_path / "train.spacy")
    assert [sum(doc.cats.values()) for doc in docs] == [1, 0, 1]
    assert set(docs[0].cats) == {"activating invasion and metastasis", "cellular energetics"}
    examples = []
    for doc in docs:
        predicted = Doc(doc.vocab, words=[t.text for t in doc])
        predicted.cats = {"activating invasion and metastasis": 0.9}
        examples.append(Example(predicted, doc))
    scores = score_abstracts(examples)
    assert (scores["abstracts_p"], scores["abstracts_r"]) == (0.5, 0.5)
    assert scores["sentences_f"] == pytest.approx(2 / 5)
    path = write("###1\nbackground\tFirst .\nother\tThen .\n\n###2\nother\tLast .\nno tab\n", "x.txt")
    found = list(read_each(path, "pubmed-rct"))
    assert [(d.id, d.meta[LABELS]) for d in found[:3]] == [
        ("1_s0", ("background",)),
        ("1_s1", ("other",)),
        ("2_s0", ("other",)),
    ]
    assert isinstance(found[3], FormatError)


def test_other_forms_of_pairs(write: Write):
    rows = (
        '{"sentence1": "A", "sentence2": "B", "gold_label": "entailment", "pairID": "x"}\n{"sentence1": 1}\n'
    )
    good, bad = read_each(write(rows, "mli.jsonl"), "text-pairs")
    assert (good.id, good.text, good.meta[LABELS]) == ("x", "A [SEP] B", ("entailment",))
    assert isinstance(bad, FormatError)
    (scored,) = read_each(write("One text\tAnother\t3.5\n", "sts.tsv"), "text-pairs")
    assert scored.meta[SIMILARITY] == 3.5
    (asked,) = read_each(write("q1\tIs it?\tIt is.\tyes\n", "yesno.tsv"), "text-pairs")
    assert (asked.id, asked.meta[LABELS]) == ("q1", ("yes",))
    path = write(
        '{"a": {"Statement": "S", "Section_id": "Results", "Primary_id": "NCT1", "Label": "Entailment"},'
        '"b": {"Statement": "S", "Section_id": "Results", "Primary_id": "../NCT1", "Label": "x"}}',
        "train.json",
    )
    write('{"Results": ["  one", "two"]}', "CT json/NCT1.json")
    good, bad = read_each(path)
    assert good.text == "S [SEP] one two"
    assert "no trial's name" in str(bad)


def test_gradients_of_two_texts_are_right():
    nlp = spacy.blank("en")
    model = nlp.add_pipe("pairs").model
    docs = [pair_doc(nlp, "a b", "c d e"), pair_doc(nlp, "f", "g")]
    pooled = model.layers[0]
    model.get_ref("output").set_dim("nO", 2)
    model.initialize(X=docs)
    seen = {}
    inner = pooled.layers[0]
    vectors = inner.predict(docs)
    pooled.layers[0] = stand_in = type(inner)(
        "fixed", lambda m, x, is_train: (vectors, lambda d: seen.update(d=d))
    )
    assert stand_in is pooled.layers[0]
    made, backprop = pooled(docs, is_train=True)
    weights = numpy.random.RandomState(0).rand(*made.shape).astype("f")
    backprop(weights)
    for row, column in ((0, 0), (2, 3), (5, 1)):
        base = float((pooled.predict(docs) * weights).sum())
        vectors[0][row, column] += 1e-2
        slope = (float((pooled.predict(docs) * weights).sum()) - base) / 1e-2
        vectors[0][row, column] -= 1e-2
        assert seen["d"][0][row, column] == pytest.approx(slope, abs=2e-2)


def test_what_is_wrong_is_said():
    nlp = spacy.blank("en")
    with pytest.raises(PipelineError, match="no task"):
        nlp.add_pipe("pairs", config={"task": "x"})
    for name, match in (("pairs", "no pairs of texts"), ("answers", "no question with an answer")):
        nlp = spacy.blank("en")
        nlp.add_pipe(name)
        example = Example(nlp.make_doc("a b"), nlp.make_doc("a b"))
        with pytest.raises(PipelineError, match=match):
            nlp.initialize(lambda: [example])  # noqa: B023 - called at once
