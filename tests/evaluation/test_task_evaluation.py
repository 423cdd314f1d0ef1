"""`spacy bioner score`: relations, labels of texts, pairs of texts, beside what needs no learning."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from scipy.stats import pearsonr
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed
from toy_relations import DOCUMENTS, DRUGS, GENES, to_gold, train

from spacy_bioner.cli.score import score_cli
from spacy_bioner.components.pairs import pair_doc
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.joining import join_docs
from spacy_bioner.corpora.readers import create_corpus
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.bag_of_words import similarity_by_words
from spacy_bioner.evaluation.task_evaluation import evaluate_tasks
from spacy_bioner.evaluation.task_scorers import score_pairs
from spacy_bioner.training.finishing import tune


def chosen_on(nlp: Language, path: Path, **settings: Any) -> None:
    """Says in a pipeline's config which file it was chosen on."""
    nlp.config["corpora"] = {"dev": {"@readers": "spacy-bioner.Corpus.v1", "path": str(path), **settings}}
    nlp.config["training"]["dev_corpus"] = "corpora.dev"


@pytest.fixture(scope="module")
def relations(tmp_path_factory: pytest.TempPathFactory) -> tuple[Language, Path]:
    nlp = spacy.blank("en")
    nlp.add_pipe("relations", config={"threshold": 1.0})
    docs = to_gold(nlp, DOCUMENTS)
    train(nlp, docs)
    path = tmp_path_factory.mktemp("data") / "dev.spacy"
    docbin(docs).to_disk(path)
    chosen_on(nlp, path, gold_entities=True)
    return nlp, path


def test_relations_are_scored_with_gold_and_with_found_entities(
    relations: tuple[Language, Path], tmp_path: Path
):
    nlp, path = relations
    assert evaluate_tasks(nlp, path)["relations_f"] == 0  # nothing reaches a threshold of 1
    assert 0 < tune(nlp)["relations"] < 1
    ruler = nlp.add_pipe("entity_ruler", before="relations")
    ruler.add_patterns([{"label": "Drug", "pattern": drug} for drug in DRUGS])
    ruler.add_patterns([{"label": "Gene", "pattern": gene} for gene in GENES[:2]])
    scores = evaluate_tasks(nlp, path, output=tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text()) == scores
    assert (scores["documents"], scores["relations_f"]) == (20, 1.0)
    found = scores["predicted_entities"]
    assert (found["relations_p"], found["relations_r"] < 1) == (1.0, True)
    assert scores["gap"] == pytest.approx(1 - found["relations_f"])
    # two drugs and a gene in each text: 40 pairs, 7 of which are of the most frequent label; 14 are gold
    assert scores["trivial"] == {"relations_f, all pairs INHIBITS": pytest.approx(2 * 7 / (40 + 14))}


def test_data_without_relations_has_none_to_score(
    relations: tuple[Language, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """What annotates no relations, and what lost in joining which ones are annotated."""
    nlp, _ = relations
    docs = to_gold(nlp, DOCUMENTS[:4])
    bare = [with_same_tokens(doc) for doc in docs]
    for doc in bare:
        set_annotation(doc, Annotation("other", ("Drug",)))
    for name, data in (("bare", bare), ("joined", [join_docs(docs[:2])])):
        docbin(data).to_disk(tmp_path / f"{name}.spacy")
        scores = evaluate_tasks(nlp, tmp_path / f"{name}.spacy")
        assert (scores["relations_f"], scores["trivial"], scores.get("gap")) == (None, {}, None)
    nlp.to_disk(tmp_path / "model")
    score_cli(str(tmp_path / "model"), tmp_path / "bare.spacy", train=[], output=None, gpu_id=-1)
    assert "none to score" in capsys.readouterr().out


def test_labels_that_a_pipeline_does_not_know_are_told(
    relations: tuple[Language, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    nlp, _ = relations
    renamed = [
        replace(d, relations=tuple(replace(r, type=r.type.replace("INH", "X")) for r in d.relations))
        for d in DOCUMENTS
    ]
    docbin(to_gold(nlp, renamed)).to_disk(tmp_path / "data.spacy")
    nlp.to_disk(tmp_path / "model")
    score_cli(
        str(tmp_path / "model"), tmp_path / "data.spacy", train=[], output=tmp_path / "scores.json", gpu_id=-1
    )
    assert json.loads((tmp_path / "scores.json").read_text())["unknown_labels"] == {"XIBITS": 7}
    assert "'XIBITS' is a label that the pipeline doesn't know: 7" in " ".join(
        capsys.readouterr().out.split()
    )


def test_a_bag_of_words_stands_beside_relations_and_labels(relations: tuple[Language, Path], tmp_path: Path):
    """Words between two entities tell of the toy's relations, and of labels that a word gives away."""
    nlp, path = relations
    scores = evaluate_tasks(nlp, path, train=[path])
    assert scores["trivial"]["relations_f, bag of words"] > 0.9
    nlp = spacy.blank("en")
    nlp.add_pipe("pairs")
    docs = [pair_doc(nlp, f"aspirin {('helps', 'fails')[n % 2]} {n}", f"it is {n}") for n in range(40)]
    for number, doc in enumerate(docs):
        doc.cats = {"Supports": float(number % 2 == 0), "Refutes": float(number % 2 == 1)}
    docbin(docs).to_disk(tmp_path / "data.spacy")
    nlp.initialize(lambda: list(create_corpus(str(tmp_path / "data.spacy"))(nlp)))
    trivial = evaluate_tasks(nlp, tmp_path / "data.spacy", train=[tmp_path / "data.spacy"])["trivial"]
    assert trivial == {"accuracy, all Supports": 0.5, "accuracy, bag of words": 1.0}
    scores = score_pairs([Example(doc, doc) for doc in docs], labels=["Supports", "Refutes"])
    assert isinstance(scores["pairs_accuracy"], float)  # an integer is printed as a count
    assert scores["pairs_accuracy"] == 1


def test_words_in_common_stand_beside_similarities(tmp_path: Path):
    nlp = spacy.blank("en")
    nlp.add_pipe("pairs", config={"task": "similarity"})
    docs = []
    for number, words in enumerate(("a b c", "a b x", "a x y", "x y z")):
        docs.append(pair_doc(nlp, "A b c.", words))
        docs[-1]._.similarity = 4.0 - number
    assert similarity_by_words(docs) == pytest.approx(pearsonr([4, 3, 2, 1], [1, 0.5, 0.2, 0])[0])


def test_thresholds_of_labels_are_chosen_and_scored_by_abstract(tmp_path: Path):
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat_multilabel", config={"threshold": 0.999})
    docs = []
    for number in range(20):
        doc = nlp.make_doc(f"word{number} {'spreads' if number % 4 == 0 else 'rests'}")
        doc.cats = {"invasion": float(number % 4 == 0)}
        set_annotation(doc, Annotation("toy", ("x",), f"{number // 4}_s{number % 4}"))
        docs.append(doc)
    docbin(docs).to_disk(tmp_path / "dev.spacy")
    chosen_on(nlp, tmp_path / "dev.spacy")
    fix_random_seed(0)
    examples = list(create_corpus(str(tmp_path / "dev.spacy"))(nlp))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(20):
        nlp.update([Example(nlp.make_doc(eg.text), eg.reference) for eg in examples], sgd=optimizer)
    before = evaluate_tasks(nlp, tmp_path / "dev.spacy")
    assert tune(nlp)["textcat_multilabel"] < 0.999
    texts = [doc.text for doc in docs]
    expected = [doc.cats for doc in nlp.pipe(texts)]
    assert [doc.cats for doc in nlp.pipe(texts, n_process=2)] == expected
    scores = evaluate_tasks(nlp, tmp_path / "dev.spacy")
    assert before["cats_micro_f"] < scores["cats_micro_f"] == 1.0
    assert scores["abstracts_f"] == scores["sentences_f"] == 1.0


def test_the_most_frequent_label_stands_beside_pairs(tmp_path: Path):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("pairs")
    docs = [pair_doc(nlp, f"a {number}", "b") for number in range(4)]
    for number, doc in enumerate(docs):
        doc.cats = {"Neutral": float(number > 0), "Supports": float(number == 0)}
    docbin(docs).to_disk(tmp_path / "test.spacy")
    nlp.initialize(lambda: list(create_corpus(str(tmp_path / "test.spacy"))(nlp)))
    assert pipe.labels == ("Neutral", "Supports")
    scores = evaluate_tasks(nlp, tmp_path / "test.spacy")
    assert scores["trivial"] == {"accuracy, all Neutral": 0.75}
    assert 0 <= scores["pairs_accuracy"] <= 1


def test_a_pipeline_without_such_components_is_told(relations: tuple[Language, Path]):
    with pytest.raises(PipelineError, match="no component that is scored here"):
        evaluate_tasks(spacy.blank("en"), relations[1])
