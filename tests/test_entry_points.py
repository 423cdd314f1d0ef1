"""Every entry point of setup.cfg: there, loadable, and of use under its registered name."""

import ast
import configparser
import functools
import importlib.util
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import NumpyOps, reduce_mean
from thinc.types import Ragged

from spacy_bioner.corpora.readers import create_corpus
from spacy_bioner.corpora.soft_labels import get_soft_labels, write_part
from spacy_bioner.encoders.encoder_catalogue import find_encoder
from spacy_bioner.encoders.mini import embedded
from spacy_bioner.errors import EncoderError

UNVERSIONED = {"spacy_cli", "spacy_factories"}  # what they name is what a user types
NAMES = r"spacy-bioner\.\w+\.v\d+"


def declared() -> list[EntryPoint]:
    """The entry points that setup.cfg declares."""
    parser = configparser.ConfigParser(delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign] - names have capitals
    parser.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf8")
    found = []
    for group, lines in parser["options.entry_points"].items():
        for line in filter(None, lines.splitlines()):
            name, value = map(str.strip, line.split("=", 1))
            found.append(EntryPoint(name, value, group))
    return found


DECLARED = declared()


def call_cli(group: Any, data: Path) -> None:
    assert {"convert", "train", "evaluate"} <= {command.name for command in group.registered_commands}


def call_tokenizer(create: Callable, data: Path) -> None:
    doc = create()(spacy.blank("en"))("IL-2Rα (CD25)")
    assert [token.text for token in doc] == ["IL", "-", "2Rα", "(", "CD25", ")"]


def call_corpus(create: Callable, data: Path) -> None:
    examples = list(create(data)(spacy.blank("en")))
    assert len(examples) > 1
    assert examples[0].reference.ents


def call_multi_corpus(create: Callable, data: Path) -> None:
    assert 0 < len(list(create({"one": data, "two": data}, limit=6)(spacy.blank("en")))) <= 6


def call_distillation(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    doc = nlp.make_doc("Aspirin helps")
    folder = data.with_name("answers")
    folder.mkdir(exist_ok=True)
    write_part(folder, 0, [doc], [numpy.array([[[0.9, 0.0]], [[0.0, 0.1]]])])
    (folder / "answers.json").write_text('{"types": ["Chemical"], "parts": 1}')
    gold = create_corpus(str(data))
    examples = list(create(gold, str(folder), mix=0.5)(nlp))
    taught = [soft for eg in examples if (soft := get_soft_labels(eg.reference))]
    assert len(examples) - len(taught) == len(list(gold(nlp)))
    numpy.testing.assert_allclose(taught[0].probabilities, [[[0.9, 0.0]], [[0.0, 0.1]]], atol=1 / 255)


def call_factory(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    assert type(nlp.add_pipe("bioner")).__name__ == "BioNER"
    assert nlp.get_pipe_meta("bioner").factory == "bioner"


def call_trf_cleaner(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("trf_cleaner")
    assert nlp("BRCA1 in mice").vector is not None


def call_abbreviations(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("abbreviations")
    assert nlp("multiple sclerosis (MS)")._.abbreviations[0]["long_form"] == "multiple sclerosis"


def call_linker(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Disease", "pattern": "asthma"}])
    nlp.add_pipe("linker")
    assert nlp("Severe asthma").ents[0].kb_id_ == "DOID:2841"


def call_heads(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec").model
    assert create(tok2vec).has_ref("heads")


def call_classifier(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec").model
    assert create(tok2vec, ["O", "B-Gene", "I-Gene"]).has_ref("classifier")


def call_first_piece(create: Callable, data: Path) -> None:
    vectors = Ragged(NumpyOps().asarray2f([[1], [2]]), NumpyOps().asarray1i([2]))
    assert create().predict(vectors).tolist() == [[1]]


def call_folded_tok2vec(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    plain = nlp.add_pipe("tok2vec").model
    model = create(plain.get_ref("embed"), plain.get_ref("encode"))
    model.initialize()
    (found,), (expected,) = (model.predict([nlp(text)]) for text in ("β 2", "beta 2"))
    assert found.tolist() == expected.tolist()


def call_transformer(create: Callable, data: Path) -> None:
    model = create(str(embedded(find_encoder("mini").sha256)))
    model.initialize()
    (found,) = model.predict([spacy.blank("en")("BRCA1 is a gene")]).doc_data
    assert len(found.align.lengths) == 4


def call_tok2vec_transformer(create: Callable, data: Path) -> None:
    model = create(pooling=reduce_mean(), name=str(embedded(find_encoder("mini").sha256)))
    model.initialize()
    (found,) = model.predict([spacy.blank("en")("BRCA1 is a gene")])
    assert len(found) == 4


def call_onnx_transformer(create: Callable, data: Path) -> None:
    with pytest.raises(EncoderError, match="spacy bioner optimize"):
        create().initialize()  # only an encoder that is trained is turned into this


def call_scorer(create: Callable, data: Path) -> None:
    scores = create(spans_key="bioner")([], labels=[], label_map={})
    assert scores["ents_f"] is None  # there is no gold


def call_relations(create: Callable, data: Path) -> None:
    nlp = spacy.blank("en")
    assert type(nlp.add_pipe("relations")).__name__ == "Relations"
    assert nlp("Aspirin helps")._.relations == []


def call_pair_model(create: Callable, data: Path) -> None:
    tok2vec = spacy.blank("en").add_pipe("tok2vec").model
    assert create(tok2vec).has_ref("scores")


def call_relations_scorer(create: Callable, data: Path) -> None:
    scores = create()([], labels=[], label_map={})
    assert scores["relations_f"] is None


def call_task_factory(create: Callable, data: Path) -> None:
    for name in ("pairs", "answers"):
        assert spacy.blank("en").add_pipe(name).name == name


def call_output_model(create: Callable, data: Path) -> None:
    tok2vec = spacy.blank("en").add_pipe("tok2vec").model
    assert create(tok2vec).has_ref("output")


def call_pairs_scorer(create: Callable, data: Path) -> None:
    assert create()([], labels=[])["pairs_accuracy"] is None


def call_answers_scorer(create: Callable, data: Path) -> None:
    assert create()([], spans_key="answers")["answers_mrr"] is None


CALLS: dict[str, Callable[[Any, Path], None]] = {
    "spacy_cli: bioner": call_cli,
    "spacy_tokenizers: spacy-bioner.Tokenizer.v1": call_tokenizer,
    "spacy_readers: spacy-bioner.Corpus.v1": call_corpus,
    "spacy_readers: spacy-bioner.MultiCorpus.v1": call_multi_corpus,
    "spacy_readers: spacy-bioner.Distillation.v1": call_distillation,
    "spacy_factories: bioner": call_factory,
    "spacy_factories: abbreviations": call_abbreviations,
    "spacy_factories: linker": call_linker,
    "spacy_factories: relations": call_relations,
    "spacy_factories: pairs": call_task_factory,
    "spacy_factories: answers": call_task_factory,
    "spacy_architectures: spacy-bioner.TwoTexts.v1": call_output_model,
    "spacy_architectures: spacy-bioner.AnswerScores.v1": call_output_model,
    "spacy_scorers: spacy-bioner.pairs_scorer.v1": call_pairs_scorer,
    "spacy_scorers: spacy-bioner.answers_scorer.v1": call_answers_scorer,
    "spacy_architectures: spacy-bioner.PooledSpans.v1": call_pair_model,
    "spacy_architectures: spacy-bioner.MarkedPairs.v1": call_pair_model,
    "spacy_scorers: spacy-bioner.relations_scorer.v1": call_relations_scorer,
    "spacy_factories: trf_cleaner": call_trf_cleaner,
    "spacy_architectures: spacy-bioner.EntityHeads.v1": call_heads,
    "spacy_architectures: spacy-bioner.TokenClassifier.v1": call_classifier,
    "spacy_architectures: spacy-bioner.FirstPiece.v1": call_first_piece,
    "spacy_architectures: spacy-bioner.FoldedTok2Vec.v1": call_folded_tok2vec,
    "spacy_architectures: spacy-bioner.TransformerModel.v1": call_transformer,
    "spacy_architectures: spacy-bioner.Tok2VecTransformer.v1": call_tok2vec_transformer,
    "spacy_architectures: spacy-bioner.OnnxTransformer.v1": call_onnx_transformer,
    "spacy_scorers: spacy-bioner.bioner_scorer.v1": call_scorer,
}
"""One call for every entry point; one without is a failure."""


def label(entry_point: EntryPoint) -> str:
    return f"{entry_point.group}: {entry_point.name}"


def test_what_is_installed_is_what_is_declared():
    """If not, install again: pip install -e ."""
    installed = {(e.group, e.name, e.value) for e in distribution("spacy-bioner").entry_points}
    assert installed == {(e.group, e.name, e.value) for e in DECLARED}


def test_names_are_versioned():
    names = [entry_point.name for entry_point in DECLARED if entry_point.group not in UNVERSIONED]
    assert [name for name in names if not re.fullmatch(NAMES, name)] == []


def test_registered_functions_can_be_traced_to_this_package():
    """`spacy package` requires spacy-bioner only if it can; a partial it can't."""
    for entry_point in DECLARED:
        function = entry_point.load()
        assert not isinstance(function, functools.partial)
        assert entry_point.group == "spacy_cli" or function.__module__.startswith("spacy_bioner.")


@pytest.mark.parametrize("entry_point", DECLARED, ids=label)
def test_each_is_called(entry_point: EntryPoint, tiny_data: Path):
    assert label(entry_point) in CALLS, "a new entry point: add a call for it"
    CALLS[label(entry_point)](entry_point.load(), tiny_data / "train.spacy")


def test_registries_give_them_by_their_names():
    for entry_point in DECLARED:
        registry = getattr(spacy.registry, entry_point.group.removeprefix("spacy_"), None)
        if entry_point.group == "spacy_factories":
            assert Language.has_factory(entry_point.name)
        else:
            assert registry is not None
            assert registry.get(entry_point.name) is entry_point.load()


def test_blank_pipeline_with_the_tokenizer_by_its_name():
    config = {"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}}
    doc: Doc = spacy.blank("en", config=config)("5-HT2A")
    assert [token.text for token in doc] == ["5", "-", "HT2A"]


def imports(module: str) -> set[str]:
    """What a module of the package imports when it is loaded itself, and what those of the package do."""
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            todo += [new for new in names if new.startswith("spacy_bioner") and new not in found]
            found.update(names)
    return found


def test_the_component_imports_no_torch_itself():
    """Its users on a CNN needn't wait for it. (thinc imports torch where it is installed.)"""
    found = imports("spacy_bioner.components.bioner")
    assert "spacy_bioner.components.spans" in found
    packages = {name.split(".")[0] for name in found}
    assert packages.isdisjoint({"torch", "transformers", "spacy_transformers", "onnxruntime"})
