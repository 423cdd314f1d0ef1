"""Pipelines against gold annotation: what counts, by which names, and against whom it was checked."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner.components.pipelines import entity_types
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.gold_annotation import set_gold_spans
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.counts import Score
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs
from spacy_bioner.evaluation.report import corpus_variants, describe
from spacy_bioner.evaluation.type_names import common_names

TOKENIZER = {"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}}
BLANK = spacy.blank("en", config=TOKENIZER)
Mention = tuple[int, int, str]


class Oracle:
    """A component that finds what it was told to find in each text, in tokens."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.answers: dict[str, list[Mention]] = {}

    def __call__(self, doc: Doc) -> Doc:
        doc.ents = [Span(doc, *mention) for mention in self.answers.get(doc.text, [])]
        return doc


@Language.factory("bioner_test_oracle", assigns=["doc.ents"])
def create_oracle(nlp: Language, name: str, labels: list[str]) -> Oracle:
    return Oracle(labels)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pipeline(
    labels: Sequence[str], common: Mapping[str, str] | None = None, **answers: list[Mention]
) -> Language:
    """A pipeline that finds certain mentions, by the text; `common` as the meta of its corpus has it."""
    nlp = spacy.blank("en", config=TOKENIZER, vocab=BLANK.vocab)
    oracle = nlp.add_pipe("bioner_test_oracle", config={"labels": list(labels)})
    oracle.answers = {text.replace("_", " "): mentions for text, mentions in answers.items()}
    if common:
        nlp.meta[META_KEY] = {"corpora": [{"name": "x", "types": dict(common)}]}
    return nlp


def gold(text: str, *mentions: Mention, corpus: str = "", types: Sequence[str] = ()) -> Doc:
    doc = BLANK(text)
    doc.ents = [Span(doc, *mention) for mention in mentions]
    if types:
        set_annotation(doc, Annotation(corpus, tuple(types)))
    return doc


@settings(max_examples=50)
@given(st.data())
def test_scores_are_seqevals(data: st.DataObject):
    gold_tags, predicted_tags, docs, answers = [], [], [], {}
    for number in range(data.draw(st.integers(1, 5))):
        text = f"{number} a b c d e"
        tags, mentions = data.draw(annotations(6))
        found_tags, found = data.draw(annotations(6))
        gold_tags.append(tags)
        predicted_tags.append(found_tags)
        docs.append(gold(text, *mentions, corpus="x", types=("A", "B")))
        answers[text] = found
    nlp = pipeline(["A", "B"], **answers)
    counts = evaluate_docs(nlp, docs).counts
    if all(tag == "O" for tags in gold_tags + predicted_tags for tag in tags):
        assert counts.total() == Score(0, 0, 0)
        return
    report = classification_report(
        gold_tags, predicted_tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    scores = {**counts.by_type(), "micro avg": counts.total()}
    assert {name: score.f1 for name, score in scores.items()} == {
        name: pytest.approx(report[name]["f1-score"]) for name in scores
    }


@st.composite
def annotations(draw: st.DrawFn, length: int) -> tuple[list[str], list[Mention]]:
    """IOB2 tags, and the mentions that they stand for, made side by side."""
    tags: list[str] = []
    mentions: list[Mention] = []
    while len(tags) < length:
        size = draw(st.integers(1, min(3, length - len(tags))))
        name = draw(st.sampled_from(["", "A", "B"]))
        if name:
            mentions.append((len(tags), len(tags) + size, name))
        tags += [f"B-{name}", *[f"I-{name}"] * (size - 1)] if name else ["O"] * size
    return tags, mentions


def test_types_count_only_where_they_are_annotated():
    docs = [
        gold("aspirin helps", (0, 1, "Chemical"), corpus="c", types=["Chemical"]),
        gold("asthma hurts", (0, 1, "Disease"), corpus="d", types=["Disease"]),
    ]
    nlp = pipeline(
        ["Chemical", "Disease"],
        aspirin_helps=[(0, 1, "Chemical"), (1, 2, "Disease")],
        asthma_hurts=[(0, 1, "Disease"), (1, 2, "Chemical")],
    )
    result = evaluate_docs(nlp, docs)
    assert result.counts.by_type() == {"Chemical": Score(1, 1, 1), "Disease": Score(1, 1, 1)}
    assert result.unscored == 2
    assert not result.common_names


def test_annotated_type_without_a_mention_makes_predictions_wrong():
    docs = [gold("aspirin helps", corpus="c", types=["Chemical"])]
    result = evaluate_docs(pipeline(["Chemical"], aspirin_helps=[(0, 1, "Chemical")]), docs)
    assert result.counts.by_type() == {"Chemical": Score(0, 1, 0)}


def test_doc_that_says_nothing_annotates_every_type_of_the_data():
    docs = [gold("aspirin helps", (0, 1, "Chemical")), gold("asthma hurts", (0, 1, "Disease"))]
    nlp = pipeline(["Chemical", "Disease", "Gene"], aspirin_helps=[(1, 2, "Disease"), (0, 1, "Gene")])
    result = evaluate_docs(nlp, docs)
    assert result.counts.by_type() == {"Chemical": Score(0, 0, 1), "Disease": Score(0, 1, 1)}
    assert result.unscored == 1


def test_type_that_the_pipeline_does_not_know_is_counted_apart():
    docs = [
        gold(
            "aspirin and asthma",
            (0, 1, "Chemical"),
            (2, 3, "Disease"),
            corpus="x",
            types=("Chemical", "Disease"),
        )
    ]
    result = evaluate_docs(pipeline(["Chemical"], aspirin_and_asthma=[(0, 1, "Chemical")]), docs)
    assert result.counts.by_type() == {"Chemical": Score(1, 1, 1)}
    assert result.not_found_by_pipeline == {"Disease": 1}
    assert result.common_names


def test_corpora_meet_under_their_common_names():
    """A pipeline trained on BC2GM finds GENE; JNLPBA calls that protein, and annotates others besides."""
    jnlpba = ("DNA", "RNA", "protein", "cell_line", "cell_type")
    docs = [
        gold(
            "IL1 binds NFKB in Jurkat",
            (0, 1, "protein"),
            (2, 3, "DNA"),
            (4, 5, "cell_line"),
            corpus="JNLPBA",
            types=jnlpba,
        )
    ]
    nlp = pipeline(["GENE"], {"GENE": "Gene"}, IL1_binds_NFKB_in_Jurkat=[(0, 1, "GENE"), (2, 3, "GENE")])
    result = evaluate_docs(nlp, docs)
    assert result.common_names
    assert result.counts.by_type() == {"Gene": Score(1, 2, 1)}
    assert result.not_found_by_pipeline == {"DNA": 1, "CellLine": 1}


def test_predictions_of_types_that_others_annotate_are_unscored_under_common_names():
    docs = [gold("IL1 binds", (0, 1, "GENE"), corpus="BC2GM", types=["GENE"])]
    nlp = pipeline(
        ["protein", "DNA"], {"protein": "Gene", "DNA": "DNA"}, IL1_binds=[(0, 1, "protein"), (1, 2, "DNA")]
    )
    result = evaluate_docs(nlp, docs)
    assert result.counts.by_type() == {"Gene": Score(1, 1, 1)}
    assert result.unscored == 1


def test_own_names_are_kept_where_the_pipeline_knows_them_all():
    docs = [gold("IL1 binds", (0, 1, "GENE"), corpus="BC2GM", types=["GENE"])]
    result = evaluate_docs(pipeline(["GENE"], {"GENE": "Gene"}, IL1_binds=[(0, 1, "GENE")]), docs)
    assert result.counts.by_type() == {"GENE": Score(1, 1, 1)}


def test_corpus_that_no_catalogue_has_keeps_its_names():
    docs = [gold("IL1 binds", (0, 1, "Gene"), (1, 2, "verb"), corpus="mine", types=["Gene", "verb"])]
    result = evaluate_docs(pipeline(["GENE"], {"GENE": "Gene"}, IL1_binds=[(0, 1, "GENE")]), docs)
    assert result.counts.by_type() == {"Gene": Score(1, 1, 1)}
    assert result.not_found_by_pipeline == {"verb": 1}


def test_gold_tokens_are_given_unless_the_raw_text_is_asked_for():
    nlp = pipeline(["Gene"], **{"IL-2 binds": [(0, 1, "Gene")]})
    doc = Doc(nlp.vocab, words=["IL-2", "binds"], spaces=[True, False], ents=["B-Gene", "O"])
    # the first of the gold tokens is the whole name, the first of the tokenizer's is "IL"
    assert evaluate_docs(nlp, [doc]).counts.total() == Score(1, 1, 1)
    assert evaluate_docs(nlp, [doc], retokenize=True).counts.total() == Score(0, 1, 1)


def test_offsets_are_compared_in_characters():
    nlp = pipeline(["Gene"], **{"IL-2 binds": [(0, 3, "Gene")]})
    doc = Doc(nlp.vocab, words=["IL-2", "binds"], spaces=[True, False], ents=["B-Gene", "O"])
    assert evaluate_docs(nlp, [doc], retokenize=True).counts.total() == Score(1, 1, 1)


def test_docs_tokens_and_time_are_counted():
    docs = [gold("aspirin helps", (0, 1, "Chemical")), gold("it does not")]
    result = evaluate_docs(pipeline(["Chemical"]), docs)
    assert (result.docs, result.tokens) == (2, 5)
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("labels", "found"), [(["Gene"], "Gene"), ([], "no entities")], ids=["other type", "no type"]
)
@pytest.mark.parametrize("mentions", [[(0, 1, "Chemical")], []], ids=["mention", "no mention"])
def test_no_type_in_common_is_an_error(labels: list[str], found: str, mentions: list[Mention]):
    docs = [gold("aspirin helps", *mentions, corpus="c", types=["Chemical"])]
    with pytest.raises(PipelineError, match=f"data annotates Chemical, and the pipeline finds {found}"):
        evaluate_docs(pipeline(labels), docs)


def test_types_in_common_without_a_mention_are_no_error():
    docs = [gold("asthma hurts", (0, 1, "Disease"), corpus="x", types=["Chemical", "Disease"])]
    result = evaluate_docs(pipeline(["Chemical"]), docs)
    assert result.counts.total() == Score(0, 0, 0)
    assert result.not_found_by_pipeline == {"Disease": 1}


def test_data_without_documents_or_types_is_an_error():
    with pytest.raises(PipelineError, match="no documents"):
        evaluate_docs(pipeline(["Gene"]), [])
    with pytest.raises(PipelineError, match="data annotates no type"):
        evaluate_docs(pipeline(["Gene"]), [gold("nothing here")])


def test_entity_types_are_those_of_components_that_write_entities():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Drug", "pattern": "aspirin"}])
    nlp.add_pipe("ner").add_label("Gene")
    nlp.add_pipe("textcat").add_label("positive")
    assert entity_types(nlp) == ["Drug", "Gene"]


def test_names_and_description_come_from_the_pipelines_meta():
    nlp = pipeline(["Gene"])
    nlp.meta.update(name="test", version="1.2.3")
    assert common_names(nlp) == {}
    assert describe(nlp) == {
        "pipeline": "en_test",
        "version": "1.2.3",
        "encoder": None,
        "seed": None,
        "trained_on": {},
        "corpora": [],
    }
    corpora = [{"name": "a", "types": {"GENE": "Gene"}}, {"name": "b", "types": {"Drug": "Chemical"}}]
    nlp.meta[META_KEY] = {"corpora": corpora, "seed": 3, "encoder": {"name": "e"}, "data": {"train": []}}
    assert common_names(nlp) == {"GENE": "Gene", "Drug": "Chemical"}
    assert describe(nlp)["encoder"] == {"name": "e"}
    assert describe(nlp)["seed"] == 3
    assert describe(nlp)["trained_on"] == {"train": []}


def test_variant_of_a_corpus_is_the_catalogues():
    found = corpus_variants(BLANK, ["JNLPBA", "mine", "JNLPBA", ""])
    assert found == {"JNLPBA": "MTL-Bioinformatics-2016, five types", "mine": ""}


@pytest.fixture(scope="module")
def dictionary_pipeline(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[Path, Path]:
    """A pipeline that finds the names of the sample's training split, and the sample's test split."""
    from spacy_bioner.corpora.file_conversion import convert

    folder = tmp_path_factory.mktemp("dictionary")
    with contextlib.chdir(root):
        convert([Path("corpus/sample")], folder, corpus="sample")
    nlp = spacy.blank("en", config=TOKENIZER)
    names = {ent.text: ent.label_ for doc in read_docbin(folder / "train.spacy") for ent in doc.ents}
    patterns = [{"label": label, "pattern": name} for name, label in sorted(names.items())]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(folder / "pipeline")
    return folder / "pipeline", folder / "test.spacy"


def test_spacy_evaluate_agrees(dictionary_pipeline: tuple[Path, Path], root: Path):
    model, data = dictionary_pipeline
    expected = spacy_evaluate(str(model), data, silent=True)
    nlp = spacy.load(model)
    docs = read_docbin(data, nlp.vocab)
    for retokenize in (False, True):
        counts = evaluate_docs(nlp, docs, retokenize=retokenize).counts
        assert counts.total().precision == pytest.approx(expected["ents_p"], abs=1e-6)
        assert counts.total().recall == pytest.approx(expected["ents_r"], abs=1e-6)
        assert {name: pytest.approx(score.f1, abs=1e-6) for name, score in counts.by_type().items()} == {
            name: scores["f"] for name, scores in expected["ents_per_type"].items()
        }
    assert 0.2 < expected["ents_f"] < 0.9  # a comparison that says something


def test_docs_survive_evaluation(dictionary_pipeline: tuple[Path, Path]):
    """The gold Docs are as they were, so that they can be evaluated again."""
    model, data = dictionary_pipeline
    nlp = spacy.load(model)
    docs = read_docbin(data, nlp.vocab)
    before = docbin(docs).to_bytes()
    evaluate_docs(nlp, docs)
    assert docbin(docs).to_bytes() == before


def test_gold_in_spans_is_read():
    doc = gold("BRCA1 cancer", (0, 1, "Gene"))
    set_gold_spans(doc, [Span(doc, 0, 1, "Gene"), Span(doc, 0, 2, "Disease")])
    nlp = pipeline(["Gene", "Disease"], BRCA1_cancer=[(0, 2, "Disease")])
    total = evaluate_docs(nlp, [doc]).counts.total()
    assert (total.correct, total.predicted, total.gold) == (1, 1, 2)


def test_spans_that_do_not_say_that_they_are_gold_are_told():
    doc = gold("BRCA1 cancer", (0, 1, "Gene"))
    doc.spans["bioner"] = [Span(doc, 0, 2, "Disease")]  # old predictions, perhaps
    nlp = pipeline(["Gene", "Disease"], BRCA1_cancer=[(0, 1, "Gene")])
    with pytest.warns(UserWarning, match="1 spans under 'bioner' don't count as gold"):
        total = evaluate_docs(nlp, [doc]).counts.total()
    assert (total.correct, total.predicted, total.gold) == (1, 1, 1)


def test_what_is_found_where_annotation_is_missing_is_not_scored():
    doc = gold("BRCA1 EGFR KRAS", (0, 1, "Gene"))
    doc.set_ents([Span(doc, 0, 1, "Gene")], missing=[doc[2:3]], default="outside")
    found = [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]
    result = evaluate_docs(pipeline(["Gene"], BRCA1_EGFR_KRAS=found), [doc])
    total = result.counts.total()
    assert (total.correct, total.predicted, total.gold, result.unscored) == (1, 2, 1, 1)


def test_gold_under_the_pipelines_own_key_is_found():
    nlp = spacy.blank("en", config=TOKENIZER)
    nlp.add_pipe("bioner", config={"spans_key": "mine"}).add_label("Gene")
    doc = BLANK("a b c")
    doc.spans["mine"] = [Span(doc, 0, 1, "Gene"), Span(doc, 0, 2, "Gene")]
    set_annotation(doc, Annotation("x", ("Gene",)))
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    assert evaluate_docs(nlp, [doc]).counts.total().gold == 2


def test_the_speed_is_the_pipelines_alone(monkeypatch: pytest.MonkeyPatch):
    """Not that of comparing what it found."""

    def slow(*_: object) -> list[object]:
        time.sleep(0.2)
        return []

    monkeypatch.setattr("spacy_bioner.evaluation.pipeline_evaluation.judge", slow)
    docs = [gold("a b", (0, 1, "A")) for _ in range(3)]
    assert evaluate_docs(pipeline(["A"]), docs).seconds < 0.3


def test_a_broken_catalogue_in_the_current_folder_does_not_matter(tmp_path: Path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "corpora.toml").write_text("not a catalogue")
    nlp = pipeline(["Gene"], a_b=[(0, 1, "Gene")])
    result = evaluate_docs(nlp, [gold("a b", (0, 1, "GENE"), corpus="BC2GM", types=("GENE",))])
    assert result.counts.total() == Score(1, 1, 1)
