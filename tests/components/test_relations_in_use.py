"""`relations` where something is missing, given otherwise, large, or found by others."""

import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from spacy.language import Language
from spacy.training import Example
from toy_relations import DOCUMENTS, examples, to_gold, train

from spacy_bioner.components.relation_arguments import match
from spacy_bioner.components.relation_comparison import Ranking
from spacy_bioner.components.relations_factory import DEFAULT_MODEL
from spacy_bioner.corpora.annotations import CONCEPT, MENTION, get_annotation
from spacy_bioner.corpora.augmentation import augmented, with_same_tokens
from spacy_bioner.corpora.conversion import to_document
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.relation_conversion import annotated_relations, find_relations
from spacy_bioner.corpora.relation_records import (
    Argument,
    Related,
    get_relations,
    set_arguments,
    set_relations,
)
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.candidates import Candidates, cut
from spacy_bioner.training.finishing import tune


def pipeline(**settings: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("relations", config=settings)
    return nlp


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hardly trained, with a window and a threshold of its own."""
    nlp = pipeline(window="document", threshold=0.3)
    train(nlp, to_gold(nlp, DOCUMENTS), steps=1)
    nlp.get_pipe("relations").cfg["threshold"] = 0.7  # as `tune` does
    path = tmp_path_factory.mktemp("relations") / "model"
    nlp.to_disk(path)
    return path


def test_without_its_encoder_it_finds_nothing_in_zeros():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    model = {"@architectures": "spacy-bioner.PooledSpans.v1", "tok2vec": listener}
    nlp.add_pipe("relations", config={"model": model})
    docs = to_gold(nlp, DOCUMENTS[:4])
    train(nlp, docs, steps=1)
    with nlp.select_pipes(disable="tok2vec"), pytest.raises(PipelineError, match="gets no vectors"):
        nlp(examples(docs)[0].predicted)


@pytest.mark.parametrize("texts", [[""], ["", ""], ["", "a b"]])
def test_empty_texts_have_no_relations(saved: Path, texts: list[str]):
    assert [doc._.relations for doc in spacy.load(saved).pipe(texts)] == [[] for _ in texts]


def test_settings_on_loading_are_used_or_refused(saved: Path):
    def loaded(**settings: Any) -> dict[str, Any]:
        return spacy.load(saved, config={"components": {"relations": settings}}).get_pipe("relations").cfg

    assert loaded()["threshold"] == pytest.approx(0.7)
    assert loaded()["window"] == "document"
    assert loaded(threshold=0.8)["threshold"] == 0.8
    for setting, value in (("window", "passage"), ("level", "concept"), ("exclusive", True)):
        with pytest.raises(PipelineError, match=f"trained with {setting}"):
            loaded(**{setting: value})


def test_a_threshold_given_on_loading_stays_when_it_is_stored(saved: Path, tmp_path: Path):
    spacy.load(saved, config={"components.relations.threshold": 0.8}).to_disk(tmp_path / "again")
    assert spacy.load(tmp_path / "again").get_pipe("relations").cfg["threshold"] == 0.8


def test_training_data_without_entities_to_ask_about_is_told():
    nlp = pipeline()
    docs = to_gold(nlp, DOCUMENTS[:6])
    with pytest.warns(UserWarning, match="gold_entities = true"):
        nlp.initialize(lambda: [Example(with_same_tokens(doc), doc) for doc in docs])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipeline().initialize(lambda: examples(docs))


# -- beside bioner -----------------------------------------------------------------------------------


def test_it_learns_beside_bioner_on_a_shared_encoder():
    """Both learn their toy by heart in one training, and as well as `bioner` does alone."""

    def learned(*names: str) -> dict[str, Any]:
        nlp = spacy.blank("en")
        nlp.add_pipe("tok2vec")
        listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
        for name in names:
            heads = "EntityHeads" if name == "bioner" else "PooledSpans"
            nlp.add_pipe(
                name, config={"model": {"@architectures": f"spacy-bioner.{heads}.v1", "tok2vec": listener}}
            )
        docs = to_gold(nlp, DOCUMENTS)
        train(nlp, docs, steps=40)
        assert {"tok2vec", *names} == {name for name, pipe in nlp.pipeline if pipe.is_trainable}
        scores = nlp.evaluate(examples(docs))
        if "relations" in names:  # from text on as well
            found = nlp.evaluate([Example(with_same_tokens(doc), doc) for doc in docs])
            assert found["relations_best_f"] == 1.0
        return scores

    alone, both = learned("bioner"), learned("bioner", "relations")
    assert both["ents_f"] == alone["ents_f"] == 1.0
    assert both["relations_best_f"] == 1.0


# -- levels and names ---------------------------------------------------------------------------------


def with_event() -> Document:
    """A relation between mentions that have identifiers, and one that names an event."""
    first = DOCUMENTS[0]
    mentions = tuple(Mention(m.spans, m.type, m.id, (f"MESH:{m.id}",)) for m in first.mentions)
    event = Relation("CAUSES", (("a", "T1"), ("b", "E1")))
    return Document(first.text, mentions=mentions, relations=(*first.relations, event), id="e")


def test_an_argument_that_is_no_entity_costs_its_own_relation_alone():
    documents = [*DOCUMENTS, with_event()]
    found = annotated_relations(documents)
    assert (found.level, found.labels) == (MENTION, ("INHIBITS", "ACTIVATES"))
    own = find_relations(documents[-1], found.level)
    assert [related.label for related in own.related] == ["INHIBITS"]
    assert [dropped.reason for dropped in own.dropped] == ["no mention of an entity that it holds between"]


def test_an_argument_that_is_an_identifier_makes_concepts_of_all():
    document = with_event()
    related = Relation("CAUSES", (("a", "MESH:T1"), ("b", "MESH:T2")))
    named = Document(document.text, mentions=document.mentions, relations=(related,), id="n")
    assert annotated_relations([*DOCUMENTS, named]).level == CONCEPT


def test_what_is_found_under_other_names_is_written_beside_gold_entities():
    nlp = spacy.blank("en")
    (doc,) = to_gold(nlp, DOCUMENTS[:1])
    (gold,) = get_relations(doc)
    head, child = (Argument(a.type.upper(), a.mentions, a.id) for a in (gold.head, gold.child))
    set_relations(doc, [Related(head, child, "found")])
    document = to_document(doc)
    by_id = {m.id: (m.type, document.text_of(m)) for m in document.mentions}
    assert len(by_id) == len(document.mentions) == 5
    (relation,) = document.relations
    assert [by_id[filler] for _, filler in relation.arguments] == [("DRUG", "aspirin"), ("GENE", "COX1")]


def test_a_concept_with_a_wrong_identifier_is_wrong_wherever_it_is():
    places = (((0, 7),),), (((20, 26),),)
    gold = [Argument("Drug", places[0], "D1"), Argument("Drug", places[1], "D2")]
    for wrong in ("D2", "D3"):
        found = Argument("Drug", places[0], wrong)
        assert match([found], gold, CONCEPT).get(found) != gold[0]
    unnamed = Argument("Drug", places[0])
    assert match([unnamed], gold, CONCEPT) == {unnamed: gold[0]}
    other = Argument("Drug", places[0], "T9")  # the id of a mention says nothing beyond its file
    assert match([other], gold, MENTION) == {other: gold[0]}


# -- variants -----------------------------------------------------------------------------------------


def variant(text: str) -> Example:
    nlp = spacy.blank("en")
    (doc,) = to_gold(nlp, DOCUMENTS[:1])
    made = with_same_tokens(doc) if text == "same" else nlp.make_doc(text)
    (example,) = augmented(
        lambda nlp, _: iter([Example(nlp.make_doc(made.text), made)]), nlp, Example(doc, doc)
    )
    return example


def test_variants_keep_relations_or_teach_nothing_of_them():
    same = variant("same").reference
    assert [related.label for related in get_relations(same)] == ["INHIBITS"]
    assert len(same._.arguments) == 3
    assert get_annotation(same).relations is not None
    other = variant("aspirin doesn't inhibit COX1").reference
    assert (get_relations(other), get_annotation(other).relations) == ([], None)


# -- size ---------------------------------------------------------------------------------------------


def test_pairs_are_cut_by_their_mentions():
    doc = spacy.blank("en")("a b")
    mentions = [[numpy.array([0])] * count for count in (1, 3, 20)]
    pairs = numpy.array([[0, 1], [1, 1], [0, 0], [2, 2], [0, 1]])  # 3, 9, 1, 400 and 3 pairs of mentions
    parts = [part.pairs.tolist() for part in cut(Candidates(doc, mentions, ["x"] * 3, pairs), 12)]
    assert parts == [[[0, 1], [1, 1]], [[0, 0]], [[2, 2]], [[0, 1]]]


def test_concepts_with_many_mentions_are_asked_about_and_taught_in_bounds():
    """Ten concepts with fifty mentions each: 90 pairs, 225,000 pairs of mentions."""
    nlp = pipeline(level="concept", window="document", most_pairs=10_000)
    pipe = nlp.get_pipe("relations")
    doc = to_gold(nlp, [with_event()])[0]
    nlp.initialize(lambda: examples([doc]))
    pipe.cfg["pairs"] = [("X", "X")]
    large = nlp.make_doc("x " * 500)
    places = [((token.idx, token.idx + 1),) for token in large]
    set_arguments(large, [Argument("X", tuple(places[n::10]), str(n)) for n in range(10)])
    sizes = [len(scored.pairs) * 2500 for _, scored in pipe.scored_pairs([large])]
    assert (sum(sizes), max(sizes)) == (90 * 2500, 2500)
    pipe._warned = True  # of a Doc without annotation
    candidates, known = pipe._taught(Example(large, large))
    assert len(candidates.pairs) == len(known.gold) == (1 << 16) // 2500


def test_marked_pairs_learn_the_same_in_parts(monkeypatch: pytest.MonkeyPatch):
    """The gradients of parts add up to that of the batch."""
    from spacy_bioner.models import marked_pairs

    read: list[int] = []
    pairs = marked_pairs._pairs

    def counted(model: Any, texts: Any, vectors: Any) -> Any:
        read.append(len(texts))
        return pairs(model, texts, vectors)

    monkeypatch.setattr(marked_pairs, "_pairs", counted)

    def learned(most: int) -> tuple[float, numpy.ndarray]:
        monkeypatch.setattr(marked_pairs.MarkedTexts, "block", most)
        model = {"@architectures": "spacy-bioner.MarkedPairs.v1", "tok2vec": DEFAULT_MODEL["tok2vec"]}
        nlp = pipeline(model=model)
        docs = to_gold(nlp, DOCUMENTS)
        train(nlp, docs, steps=0)
        read.clear()
        losses: dict[str, float] = {}
        nlp.update(examples(docs), losses=losses)
        assert max(read) <= most
        return losses["relations"], nlp.get_pipe("relations").model.get_ref("scores").get_grad("W")

    (whole, expected), (in_parts, found) = learned(1000), learned(7)
    assert in_parts == pytest.approx(whole, rel=1e-4)
    assert numpy.allclose(found, expected, atol=1e-5)


# -- thresholds ---------------------------------------------------------------------------------------


def test_a_component_in_training_is_scored_whatever_its_threshold(tmp_path: Path):
    """With a threshold that nothing reaches F1 is 0, and the best F1 is not."""
    nlp = pipeline(threshold=1.0)
    docs = to_gold(nlp, DOCUMENTS)
    train(nlp, docs)
    scores = nlp.evaluate(examples(docs))
    assert (scores["relations_f"], scores["relations_best_f"]) == (0.0, 1.0)
    assert scores["relations_ap"] == pytest.approx(1.0)
    assert (
        scores["relations_best_f"] * nlp.get_pipe_meta("relations").default_score_weights["relations_best_f"]
        == 1.0
    )
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert loaded(examples(docs)[0].predicted)._.relation_candidates is None  # only where it is trained
    scores = loaded.evaluate(examples(docs))
    assert scores["relations_f"] == 0.0
    assert not {"relations_best_f", "relations_ap"} & scores.keys()
    threshold = loaded.get_pipe("relations").tune(examples(docs))
    assert 0 < threshold < 1
    assert loaded.evaluate(examples(docs))["relations_f"] == 1.0
    loaded.to_disk(tmp_path / "tuned")
    assert spacy.load(tmp_path / "tuned").get_pipe("relations").cfg["threshold"] == pytest.approx(threshold)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans())), st.integers(0, 3))
def test_the_best_threshold_is_that_of_a_plain_loop(scored: list[tuple[float, bool]], missed: int):
    def f1(threshold: float) -> float:
        found = [right for score, right in scored if score >= threshold]
        gold = missed + sum(right for _, right in scored)
        return 2 * sum(found) / (len(found) + gold) if found or gold else 0.0

    threshold, best = Ranking(scored, missed).best(0.5, 0.05)
    assert threshold > 0.05  # below which it has seen nothing
    assert best == pytest.approx(max(map(f1, (0.05, 0.15, 0.3, 0.7, 1.0))))
    assert best == 0 or f1(threshold) == pytest.approx(best)
    if any(right for _, right in scored) and not missed:
        expected = average_precision_score([r for _, r in scored], [s for s, _ in scored])
        assert Ranking(scored).average_precision() == pytest.approx(expected)


def test_the_threshold_of_a_trained_pipeline_is_chosen_on_the_data_of_its_config(tmp_path: Path):
    nlp = pipeline(threshold=1.0)
    train(nlp, to_gold(nlp, DOCUMENTS))
    docbin(to_gold(nlp, DOCUMENTS)).to_disk(tmp_path / "dev.spacy")
    reader = {
        "@readers": "spacy-bioner.Corpus.v1",
        "path": str(tmp_path / "dev.spacy"),
        "gold_entities": True,
    }
    nlp.config["corpora"] = {"dev": reader}
    nlp.config["training"]["dev_corpus"] = "corpora.dev"
    thresholds = tune(nlp)
    assert 0 < thresholds["relations"] < 1
    assert nlp.evaluate(examples(to_gold(nlp, DOCUMENTS)))["relations_f"] == 1.0


def test_a_threshold_stays_where_the_data_has_no_relation_or_the_component_was_not_trained(tmp_path: Path):
    nlp = pipeline(threshold=0.7)
    docs = to_gold(nlp, DOCUMENTS)
    train(nlp, docs)
    docbin(to_gold(nlp, DOCUMENTS)).to_disk(tmp_path / "dev.spacy")
    for doc in docs:
        set_relations(doc, [])
    docbin(docs).to_disk(tmp_path / "none.spacy")
    nlp.config["training"]["dev_corpus"] = "corpora.dev"
    reader = {"@readers": "spacy-bioner.Corpus.v1", "gold_entities": True}
    nlp.config["corpora"] = {"dev": {**reader, "path": str(tmp_path / "none.spacy")}}
    assert tune(nlp) == {}
    nlp.config["corpora"] = {"dev": {**reader, "path": str(tmp_path / "dev.spacy")}}
    nlp.config["training"]["frozen_components"] = ["relations"]
    assert tune(nlp) == {}
    assert nlp.get_pipe("relations").cfg["threshold"] == 0.7
