"""`spacy-bioner.TransformerModel.v1`: training, precision, saving, replaced listeners, and errors."""

import json
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
import torch
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_config, registry
from spacy_transformers.layers import split_trf_batch, trfs2arrays
from thinc.api import Adam, Model, PyTorchGradScaler, chain, reduce_mean
from transformers import AutoModel, AutoTokenizer

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.errors import EncoderError
from spacy_bioner.models.transformer.pieces import lay_out, tokenize
from spacy_bioner.models.transformer.shim import EncoderShim

NLP = spacy.blank("en")
SENTENCES = [
    ("BRCA1 breast cancer risk", [(0, 1, "Gene"), (1, 3, "Disease")], "disease"),
    ("aspirin treats pain in mice", [(0, 1, "Chemical"), (2, 3, "Disease")], "drug"),
    ("no entity here at all", [], "nothing"),
    ("EGFR KRAS TP53", [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")], "nothing"),
    ("insulin and TNF-α", [(0, 1, "Chemical"), (2, 3, "Gene")], "drug"),
]
TEXTS = [text for text, _, _ in SENTENCES]
LONG = " ".join(TEXTS * 8)
ARCHITECTURE = "spacy-bioner.TransformerModel.v1"
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def with_vectors(model: Model) -> Model:
    """The layer with a vector a token on top, as a listener has it."""
    return chain(model, split_trf_batch(), trfs2arrays(reduce_mean(), 1.0))


def vectors(model: Model, docs: list[Doc]) -> list[numpy.ndarray]:
    return with_vectors(model).predict(docs)


def random_like(arrays: list[numpy.ndarray], size: float = 1.0) -> list[numpy.ndarray]:
    generator = numpy.random.default_rng(0)
    return [generator.normal(size=array.shape).astype("float32") * size for array in arrays]


def update(model: Model, docs: list[Doc], size: float = 1.0) -> dict[str, torch.Tensor]:
    """One pass forth and back with the same random gradients each time; the gradients of the weights."""
    found, backprop = with_vectors(model).begin_update(docs)
    backprop(random_like(found, size))
    return gradients(model)


def gradients(model: Model) -> dict[str, torch.Tensor]:
    parameters = model.transformer.named_parameters()
    return {name: p.grad.clone() for name, p in parameters if p.grad is not None}


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.transformer.named_parameters()}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], tolerance: float) -> None:
    """Within a tolerance for values up to 1; the pooler, which nobody uses, only the stock layer has."""
    expected = {name: tensor for name, tensor in expected.items() if not name.startswith("pooler")}
    assert set(found) == set(expected)
    for name, tensor in found.items():
        within = tolerance * max(1.0, float(expected[name].abs().max()))
        assert float((tensor - expected[name]).abs().max()) <= within, name


def assert_close(found: list[numpy.ndarray], expected: list[numpy.ndarray], tolerance: float = 1e-5) -> None:
    for a, b in zip(found, expected, strict=True):
        numpy.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


def empty_layer(**settings: Any) -> Model:
    """A layer without an encoder, which is still to be loaded."""
    create = registry.architectures.get(ARCHITECTURE)
    return create("no-such-folder", **{"precision": "float32", "overlap": 16, **settings})


@pytest.fixture
def layer(tiny_encoder: Path, make_layer: Callable[..., Model]) -> Callable[..., Model]:
    """Makes a layer with the tiny encoder, as a config makes it."""
    return lambda **settings: make_layer(tiny_encoder, folding=True, **settings)


@pytest.fixture(scope="module")
def docs() -> list[Doc]:
    return [NLP.make_doc(text) for text in TEXTS]


# -- gradients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["cased", "uncased", "roberta", "albert"])
def test_gradients_are_those_of_the_stock_layer(
    encoders: dict[str, Path], make_layer: Callable[..., Model], make_stock: Callable[..., Model], family: str
):
    """In one batch with padding and a Doc of white space; the stock layer can't do an empty one."""
    texts = [*TEXTS, " ", "x"]
    if family == "albert":  # whose pieces are given to tokens differently where there are spaces
        texts = ["BRCA1", "aspirin", "x"]
    docs = [NLP.make_doc(text) for text in texts]
    made = [make(encoders[family], transformer_config=dict(NO_DROPOUT)) for make in (make_layer, make_stock)]
    own, stock = (update(model, docs) for model in made)
    assert_same(own, stock, 2e-5)
    assert max(float(gradient.abs().max()) for gradient in own.values()) > 0.1


def test_weights_after_some_steps_are_those_of_the_stock_layer(tiny_encoder, make_layer, make_stock, docs):
    stepped = []
    for make in (make_layer, make_stock):
        model = make(tiny_encoder, transformer_config=dict(NO_DROPOUT))
        optimizer = Adam(0.001)
        for k in range(3):
            update(model, docs[k:])
            model.finish_update(optimizer)
        # gradients of keys' biases are nothing but rounding, since attention takes no notice of them
        stepped.append({name: w for name, w in weights(model).items() if not name.endswith("key.bias")})
    assert_same(stepped[0], stepped[1], 1e-4)


def test_gradients_of_a_long_doc_are_those_of_a_plain_loop_over_its_windows(tiny_encoder: Path, make_layer):
    """Tokens in the overlap pull at the window that they take their vectors from, and at no other."""
    doc = NLP.make_doc(LONG)
    own = make_layer(tiny_encoder, transformer_config=dict(NO_DROPOUT), window=40, overlap=10)
    found = update(own, [doc])
    model = AutoModel.from_pretrained(tiny_encoder, **NO_DROPOUT)
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    (pieces,) = tokenize(tokenizer, [doc])
    layout = lay_out(doc, pieces, 38, 10)
    assert len(layout.windows) > 10
    hidden = []
    for start, end in layout.windows:
        framed = tokenizer.build_inputs_with_special_tokens(pieces.ids[start:end].tolist())
        hidden.append(model(torch.tensor([framed])).last_hidden_state[0, 1:-1])
    rows = torch.stack([hidden[window][place] for window, place in layout.places])
    means = [part.mean(0) for part in torch.split(rows, layout.lengths.tolist())]
    (factors,) = random_like([numpy.zeros((len(doc), 32))])
    (torch.stack(means) * torch.from_numpy(factors)).sum().backward()
    expected = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert_same(found, expected, 1e-4)


def test_gradients_are_the_same_whatever_a_batch_takes(layer: Callable[..., Model], docs: list[Doc]):
    """Docs without tokens among the others."""
    docs = [NLP.make_doc(""), *docs, NLP.make_doc(LONG), NLP.make_doc("")]
    made = [layer(transformer_config=NO_DROPOUT, max_batch_pieces=pieces) for pieces in (1, 60, 10**6)]
    first, *others = [update(model, docs) for model in made]
    for other in others:
        assert_same(other, first, 1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradients_of_several_updates_add_up_until_the_step(layer, docs: list[Doc], precision: str):
    model = layer(transformer_config=NO_DROPOUT, precision=precision)
    once = update(model, docs)
    twice = update(model, docs)
    assert_same(twice, {name: 2 * gradient for name, gradient in once.items()}, 1e-4)
    model.finish_update(Adam(0.0))
    assert_same(update(model, docs), once, 1e-4)


def test_gradients_of_several_updates_add_up_in_float16(layer, docs: list[Doc], monkeypatch):
    """With scaling, which thinc has for GPUs only, as it would be there."""
    monkeypatch.setattr(PyTorchGradScaler, "_scale_tensor", lambda self, tensor, *_: tensor * self._scale)
    model = layer(transformer_config=NO_DROPOUT, precision="float16")
    once = update(model, docs, 1e-3)
    assert_same(update(model, docs, 1e-3), {name: 2 * gradient for name, gradient in once.items()}, 1e-3)


def test_an_update_without_tokens_does_nothing(layer: Callable[..., Model]):
    model = layer()
    batch, backprop = model.begin_update([NLP.make_doc(""), NLP.make_doc("")])
    assert [len(data.wordpieces) for data in batch.doc_data] == [0, 0]
    backprop(batch.unsplit_by_doc([]))
    assert all(not gradient.any() for gradient in gradients(model).values())


# -- learning ----------------------------------------------------------------------------------------


def listener() -> dict[str, Any]:
    return {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
    }


HEADS = {
    "ner": {"tok2vec": listener()},
    "bioner": {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": listener()},
    "textcat": {"@architectures": "spacy.TextCatCNN.v2", "exclusive_classes": True, "tok2vec": listener()},
}


def build(folder: Path, *pipes: str, **settings: Any) -> spacy.Language:
    """A pipeline of a `transformer` and some that listen to it."""
    nlp = spacy.blank("en")
    model = {"@architectures": ARCHITECTURE, "name": str(folder), "precision": "float32", **settings}
    nlp.add_pipe("transformer", config={"model": model})
    for pipe in pipes:
        nlp.add_pipe(pipe, config={"model": HEADS[pipe]})
    return nlp


def examples_of(nlp: spacy.Language) -> list[Example]:
    examples = []
    for text, spans, category in SENTENCES:
        reference = nlp.make_doc(text)
        reference.set_ents([Span(reference, start, end, label=label) for start, end, label in spans])
        reference.cats = {name: float(name == category) for name in ("disease", "drug", "nothing")}
        set_annotation(reference, Annotation("made up", ("Chemical", "Disease", "Gene")))
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def learn(nlp: spacy.Language, steps: int = 100) -> spacy.Language:
    spacy.util.fix_random_seed(0)
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.mark.parametrize(
    ("pipes", "precision"),
    [
        (["ner"], "float32"),
        (["bioner"], "float32"),
        (["textcat"], "float32"),
        (["ner", "textcat"], "bfloat16"),
    ],
)
def test_it_learns_sentences_by_heart(tiny_encoder: Path, pipes: list[str], precision: str):
    nlp = learn(build(tiny_encoder, *pipes, precision=precision))
    for doc, (_, spans, category) in zip(nlp.pipe(TEXTS), SENTENCES, strict=True):
        if "textcat" not in pipes or len(pipes) > 1:
            assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == spans
        if "textcat" in pipes:
            assert max(doc.cats, key=doc.cats.get) == category


def test_a_doc_of_several_windows_is_learned(tiny_encoder: Path):
    nlp = build(tiny_encoder, "ner", window=40, overlap=10)
    reference = nlp.make_doc(" ".join(TEXTS * 2))
    parts = [nlp.make_doc(text) for text in TEXTS * 2]
    shift, spans = 0, []
    for part, (_, own, _) in zip(parts, SENTENCES * 2, strict=True):
        spans += [Span(reference, shift + start, shift + end, label=label) for start, end, label in own]
        shift += len(part)
    reference.set_ents(spans)
    example = Example(nlp.make_doc(reference.text), reference)
    spacy.util.fix_random_seed(0)
    optimizer = nlp.initialize(lambda: [example])
    optimizer.learn_rate = 0.005
    for _ in range(60):
        nlp.update([example], sgd=optimizer)
    doc = nlp(reference.text)
    assert len(doc._.trf_data.wordpieces) > 3
    assert [(e.start, e.end, e.label_) for e in doc.ents] == [(e.start, e.end, e.label_) for e in spans]


@pytest.fixture(scope="module")
def begun(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with `ner` and `textcat` that has learned for a few steps, so that its heads aren't zero."""
    folder = tmp_path_factory.mktemp("begun")
    learn(build(tiny_encoder, "ner", "textcat", transformer_config=NO_DROPOUT), 5).to_disk(folder)
    return folder


def pulled(nlp: spacy.Language, *pipes: str, texts: Sequence[str] = ()) -> dict[str, torch.Tensor]:
    """The gradients that some pipes, and no others, give the encoder; with more texts among the examples."""
    component = nlp.get_pipe("transformer")
    others = [name for name in ("ner", "textcat") if name not in pipes]
    for name in others:
        for node in component.listener_map[name][:]:
            component.remove_listener(node, name)
    spacy.util.fix_random_seed(0)  # `ner` chops examples at random
    more = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]
    nlp.update([*examples_of(nlp), *more], sgd=False, exclude=others)
    found = gradients(component.model)
    assert max(float(gradient.abs().max()) for gradient in found.values()) > 0.01
    return found


def test_all_listeners_pull_at_the_encoder(begun: Path):
    """What two components do to it together is the sum of what each does alone."""
    each = [pulled(spacy.load(begun), *pipes) for pipes in (["ner"], ["textcat"])]
    together = pulled(spacy.load(begun), "ner", "textcat")
    assert_same(together, {name: each[0][name] + each[1][name] for name in together}, 1e-4)


def test_docs_without_tokens_among_the_examples_pull_at_nothing(begun: Path):
    expected = pulled(spacy.load(begun), "ner")
    assert_same(pulled(spacy.load(begun), "ner", texts=["", ""]), expected, 1e-4)


def test_gradient_checkpointing_gives_the_same_weights(layer: Callable[..., Model], docs: list[Doc]):
    """With dropout, which is the same when activations are computed again."""
    found = []
    for checkpointing in (False, True):
        model = layer(gradient_checkpointing=checkpointing)
        assert model.transformer.is_gradient_checkpointing is checkpointing
        torch.manual_seed(0)
        optimizer = Adam(0.001)
        for _ in range(2):
            update(model, docs)
            model.finish_update(optimizer)
        found.append(weights(model))
    assert_same(found[1], found[0], 1e-5)


@pytest.mark.parametrize(
    "checkpointing",
    [
        False,
        True,
    ],
)
def test_predicting_between_forth_and_back_changes_no_gradient(layer, docs: list[Doc], checkpointing: bool):
    """As where the `transformer` is among the annotating components of a training."""
    found = []
    for between in (False, True):
        model = layer(gradient_checkpointing=checkpointing)
        torch.manual_seed(0)
        output, backprop = with_vectors(model).begin_update(docs)
        if between:
            model.predict(docs)
        backprop(random_like(output))
        found.append(gradients(model))
    assert_same(found[1], found[0], 1e-6)


def test_gradient_checkpointing_outlives_saving(layer: Callable[..., Model]):
    saved = layer(gradient_checkpointing=True).to_bytes()
    assert empty_layer(gradient_checkpointing=True).from_bytes(saved).transformer.is_gradient_checkpointing
    assert not empty_layer().from_bytes(saved).transformer.is_gradient_checkpointing


def test_an_encoder_without_gradient_checkpointing_is_refused_with_it(encoders, make_layer):
    with pytest.raises(EncoderError, match="gradient_checkpointing"):
        make_layer(encoders["albert"], gradient_checkpointing=True)


# -- precision ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_vectors_in_less_than_float32_are_near_and_come_as_float32(layer, docs, precision: str):
    expected = vectors(layer(), docs)
    found = vectors(layer(precision=precision), docs)
    assert {array.dtype for array in found} == {numpy.dtype("float32")}
    assert_close(found, expected, 0.1)
    assert any((a != b).any() for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", ["cased", "uncased", "roberta", "albert"])
def test_each_family_in_less_than_float32_is_near(
    encoders: dict[str, Path], make_layer: Callable[..., Model], docs: list[Doc], family: str, precision: str
):
    """In a batch with padding and windows, and when loaded again."""
    docs = [*docs, NLP.make_doc(LONG)]
    expected = vectors(make_layer(encoders[family], folding=True), docs)
    model = make_layer(encoders[family], precision=precision, folding=True)
    assert_close(vectors(model, docs), expected, 0.1)
    assert_close(vectors(empty_layer(precision=precision).from_bytes(model.to_bytes()), docs), expected, 0.1)


def test_predicting_in_less_than_float32_changes_nothing_that_is_saved(layer, docs: list[Doc]):
    model = layer(precision="bfloat16")
    before = model.to_bytes()
    vectors(model, docs)
    assert model.to_bytes() == before


def test_auto_is_one_of_the_precisions(layer: Callable[..., Model], docs: list[Doc]):
    found = vectors(layer(precision="auto"), docs)
    others = [vectors(layer(precision=name), docs) for name in ("float32", "bfloat16")]
    assert any(all((a == b).all() for a, b in zip(found, other, strict=True)) for other in others)


@pytest.mark.parametrize(
    "precision",
    [
        "bfloat16",
        "float16",
    ],
)
def test_training_in_less_than_float32_keeps_weights_and_gradients_in_float32(layer, docs, precision: str):
    expected = update(layer(transformer_config=NO_DROPOUT), docs)
    model = layer(transformer_config=NO_DROPOUT, precision=precision)
    found = update(model, docs)
    assert {gradient.dtype for gradient in found.values()} == {torch.float32}
    flat = [torch.cat([side[name].flatten() for name in sorted(side)]) for side in (found, expected)]
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.99
    before = weights(model)
    model.finish_update(Adam(0.001))
    assert {p.dtype for p in model.transformer.parameters()} == {torch.float32}
    after = weights(model)
    assert all((before[name] != after[name]).any() for name in found if not name.endswith("key.bias"))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_predictions_follow_the_weights(layer: Callable[..., Model], docs: list[Doc], precision: str):
    """There is no stale copy of the weights in a lower precision."""
    model = layer(precision=precision)
    before = vectors(model, docs)
    trained = layer()  # in float32, which any machine can
    update(trained, docs)
    trained.finish_update(Adam(0.05))
    model.from_bytes(trained.to_bytes())
    after = vectors(model, docs)
    assert max(abs(a - b).max() for a, b in zip(after, before, strict=True)) > 0.1
    assert_close(after, vectors(empty_layer(precision=precision).from_bytes(model.to_bytes()), docs), 0)


def test_predictions_follow_an_update(layer: Callable[..., Model], docs: list[Doc]):
    model = layer(precision="bfloat16")
    before = vectors(model, docs)
    update(model, docs)
    assert_close(vectors(model, docs), before, 0)  # gradients alone change nothing
    model.finish_update(Adam(0.05))
    after = vectors(model, docs)
    assert max(abs(a - b).max() for a, b in zip(after, before, strict=True)) > 0.1
    fresh = empty_layer(precision="bfloat16").from_bytes(model.to_bytes())
    assert_close(after, vectors(fresh, docs), 0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_other_weights_for_a_while(layer: Callable[..., Model], docs: list[Doc], precision: str):
    """thinc's use_params, as for averages."""
    model = layer(precision=precision)
    shim = model.shims[0]
    before = vectors(model, docs)
    names = model.transformer.state_dict()
    others = {f"pytorch_{shim.id}_{name}": value.numpy() * 0.5 for name, value in names.items()}
    with shim.use_params(others):
        during = vectors(model, docs)
    assert max(abs(a - b).max() for a, b in zip(during, before, strict=True)) > 0.1
    assert_close(vectors(model, docs), before, 0)


def test_an_encoder_that_is_stored_in_half_precision_has_weights_in_float32(
    tiny_encoder, make_layer, tmp_path
):
    shutil.copytree(tiny_encoder, tmp_path / "half")
    AutoModel.from_pretrained(tiny_encoder).half().save_pretrained(tmp_path / "half")
    assert json.loads((tmp_path / "half" / "config.json").read_text())["torch_dtype"] == "float16"
    model = make_layer(tmp_path / "half")
    loaded = empty_layer().from_bytes(model.to_bytes())
    for each in (model, loaded):
        assert {p.dtype for p in each.transformer.parameters()} == {torch.float32}


def test_dropout_is_for_training_only(layer: Callable[..., Model], docs: list[Doc]):
    model = layer()
    first = vectors(model, docs)
    trained, _ = with_vectors(model).begin_update(docs)
    assert max(abs(a - b).max() for a, b in zip(trained, first, strict=True)) > 0.01
    assert_close(vectors(model, docs), first, 0)


# -- listeners that are replaced -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with `ner` and `textcat` that knows the sentences; its original encoder is gone."""
    folder = tmp_path_factory.mktemp("saved")
    shutil.copytree(tiny_encoder, folder / "encoder")
    nlp = learn(build(folder / "encoder", "ner", "textcat", overlap=16))
    nlp.to_disk(folder / "pipeline")
    shutil.rmtree(folder / "encoder")
    return folder / "pipeline"


def everything(nlp: spacy.Language) -> tuple[list[Any], list[Any]]:
    """What a pipeline finds in the sentences and in a long text: entities and categories."""
    docs = list(nlp.pipe([*TEXTS, LONG, "", " "]))
    return [[(e.start, e.end, e.label_) for e in doc.ents] for doc in docs], [doc.cats for doc in docs]


def assert_found(found: tuple[list[Any], list[Any]], expected: tuple[list[Any], list[Any]]) -> None:
    assert found[0] == expected[0]
    assert found[0][: len(SENTENCES)] == [spans for _, spans, _ in SENTENCES]
    for cats, others in zip(found[1], expected[1], strict=True):
        assert cats == pytest.approx(others, abs=1e-5)


def replaced(saved: Path) -> spacy.Language:
    nlp = spacy.load(saved)
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    return nlp


def test_replaced_listeners_find_the_same(saved: Path):
    nlp = replaced(saved)
    assert_found(everything(nlp), everything(spacy.load(saved)))
    config = nlp.config["components"]["ner"]["model"]["tok2vec"]
    assert config["@architectures"] == "spacy-bioner.Tok2VecTransformer.v1"
    assert config["pooling"] == {"@layers": "reduce_mean.v1"}
    assert (config["precision"], config["overlap"], config["grad_factor"]) == ("float32", 16, 1.0)


def test_a_pipeline_that_is_left_by_its_transformer_finds_the_same(saved: Path):
    nlp = replaced(saved)
    nlp.remove_pipe("textcat")
    nlp.remove_pipe("transformer")
    assert everything(nlp)[0] == everything(spacy.load(saved))[0]


def test_replaced_listeners_find_the_same_when_loaded_again(saved: Path, tmp_path: Path):
    nlp = replaced(saved)
    expected = everything(nlp)
    nlp.to_disk(tmp_path / "replaced")
    config = load_config(tmp_path / "replaced" / "config.cfg")["components"]["ner"]["model"]["tok2vec"]
    assert config["@architectures"] == "spacy-bioner.Tok2VecTransformer.v1"
    assert_found(everything(spacy.load(tmp_path / "replaced")), expected)
    assert_found(everything(spacy.load(tmp_path / "replaced").from_bytes(nlp.to_bytes())), expected)


def test_a_tok2vec_is_made_by_the_config_of_a_component(tiny_encoder: Path, docs: list[Doc], layer):
    """Without any listener that was replaced: a transformer of its own from the start."""
    tok2vec = {"@architectures": "spacy-bioner.Tok2VecTransformer.v1", "name": str(tiny_encoder)}
    pooling = {"@layers": "reduce_mean.v1"}
    nlp = spacy.blank("en")
    settings = {"tok2vec": {**tok2vec, "pooling": pooling, "precision": "float32"}}
    nlp.add_pipe("ner", config={"model": settings})
    nlp.initialize(lambda: examples_of(nlp))
    assert_close(vectors(own_transformer(nlp), docs), vectors(layer(), docs))


def test_a_replaced_listener_needs_no_transformer(saved: Path, tmp_path: Path):
    expected, _ = everything(spacy.load(saved))
    nlp = replaced(saved)
    nlp.remove_pipe("textcat")
    nlp.remove_pipe("transformer")
    nlp.to_disk(tmp_path / "alone")
    assert everything(spacy.load(tmp_path / "alone"))[0] == expected


def own_transformer(nlp: spacy.Language) -> Model:
    """The transformer that `ner` has for itself."""
    return next(node for node in nlp.get_pipe("ner").model.walk() if node.name == "transformer")


def test_a_replaced_listener_and_the_original_are_trained_apart(saved: Path):
    nlp = replaced(saved)
    shared, own = nlp.get_pipe("transformer").model, own_transformer(nlp)
    before = weights(shared)
    assert_same(weights(own), before, 0)
    examples = examples_of(nlp)
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.001

    def step(*names: str) -> None:
        """One of a training: spaCy's nlp.update with an optimizer would step before listeners pull."""
        nlp.update(examples, sgd=False, exclude=[name for name in nlp.pipe_names if name not in names])
        for name in names:
            nlp.get_pipe(name).finish_update(optimizer)

    step("ner")
    assert_same(weights(shared), before, 0)
    alone = weights(own)
    assert any((alone[name] != before[name]).any() for name in before)
    step("transformer", "textcat")
    assert_same(weights(own), alone, 0)
    now = weights(shared)
    assert any((now[name] != before[name]).any() for name in before)


def test_an_optimizer_keeps_a_copy_apart(layer: Callable[..., Model], docs: list[Doc]):
    """One for both does what one for each does: it has not mixed up their moments."""
    found = []
    for optimizers in ([Adam(0.01)] * 2, [Adam(0.01), Adam(0.01)]):
        first = layer(transformer_config=NO_DROPOUT)
        second = first.copy()
        for _ in range(3):
            for model, optimizer, part in zip((first, second), optimizers, (docs[:1], docs[1:]), strict=True):
                update(model, part)
                model.finish_update(optimizer)
        found.append((weights(first), weights(second)))
    for one, other in zip(*found, strict=True):
        assert_same(one, other, 0)
    assert any((found[0][0][name] != found[0][1][name]).any() for name in found[0][0])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_copy_has_the_same_vectors_and_weights_of_its_own(layer, docs: list[Doc], precision: str):
    model = layer(precision=precision)
    expected = vectors(model, docs)
    copy = model.copy()
    assert copy.get_dim("nO") == 32
    assert_close(vectors(copy, docs), expected, 0)
    update(copy, docs)
    copy.finish_update(Adam(0.05))
    assert_close(vectors(model, docs), expected, 0)
    assert abs(vectors(copy, docs)[0] - expected[0]).max() > 0.1


def test_a_copy_of_what_it_is_in_has_the_same_vectors(layer: Callable[..., Model], docs: list[Doc]):
    """As of a component's model whose listener was replaced."""
    model = with_vectors(layer())
    assert_close(model.copy().predict(docs), model.predict(docs), 0)


def create_tok2vec(folder: Path, **settings: Any) -> Model:
    create = registry.architectures.get("spacy-bioner.Tok2VecTransformer.v1")
    model = create(pooling=reduce_mean(), name=str(folder), **{"precision": "float32", **settings})
    model.initialize()
    return model


def test_tok2vec_gives_what_the_layer_and_pooling_give(tiny_encoder: Path, layer, docs: list[Doc]):
    assert_close(create_tok2vec(tiny_encoder).predict(docs), vectors(layer(), docs), 0)


@pytest.mark.parametrize("factor", [0.0, 0.5])
def test_grad_factor_scales_gradients(tiny_encoder: Path, layer, docs: list[Doc], factor: float):
    model = create_tok2vec(tiny_encoder, grad_factor=factor, transformer_config=NO_DROPOUT)
    found, backprop = model.begin_update(docs)
    backprop(random_like(found))
    transformer = next(node for node in model.walk() if node.name == "transformer")
    expected = update(layer(transformer_config=NO_DROPOUT), docs)
    scaled = {name: factor * gradient for name, gradient in expected.items()}
    assert_same(gradients(transformer), scaled, 1e-5)


# -- saving ------------------------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_pipeline_is_loaded_without_its_original_encoder_and_a_network(saved: Path, tmp_path: Path):
    nlp = spacy.load(saved)
    assert not Path(nlp.config["components"]["transformer"]["model"]["name"]).exists()
    expected = everything(nlp)
    nlp.to_disk(tmp_path / "again")
    assert_found(everything(spacy.load(tmp_path / "again")), expected)
    copy = spacy.blank("en").from_config(nlp.config)
    copy.from_bytes(nlp.to_bytes())
    assert_found(everything(copy), expected)


def test_a_pipeline_goes_through_pickle(saved: Path):
    nlp = spacy.load(saved)
    assert_found(everything(pickle.loads(pickle.dumps(nlp))), everything(nlp))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_layer_goes_through_pickle(layer: Callable[..., Model], docs: list[Doc], precision: str):
    model = layer(precision=precision)
    expected = vectors(model, docs)
    copy = pickle.loads(pickle.dumps(model))
    assert_close(vectors(copy, docs), expected, 0)
    assert_same(weights(copy), weights(model), 0)


def test_saving_a_loaded_layer_gives_the_same_bytes(layer: Callable[..., Model]):
    first = layer().to_bytes()
    assert empty_layer().from_bytes(first).to_bytes() == first


def test_a_layer_without_an_encoder_is_saved_and_loaded_too(tiny_encoder: Path, docs: list[Doc]):
    create = registry.architectures.get(ARCHITECTURE)
    model = create(str(tiny_encoder)).from_bytes(empty_layer().to_bytes())
    model.initialize()
    assert len(vectors(model, docs)) == len(docs)


def test_initializing_keeps_what_was_loaded(layer: Callable[..., Model], docs: list[Doc]):
    """As in a pipeline that is trained further; there is no folder to begin anew with."""
    model = layer()
    loaded = empty_layer().from_bytes(model.to_bytes())
    loaded.initialize()
    assert_close(vectors(loaded, docs), vectors(model, docs), 0)


def test_what_is_saved_holds_no_pickle(layer: Callable[..., Model]):
    """The shim's part is files as transformers writes them, and weights as safetensors to the last byte."""
    model = layer(precision="bfloat16")
    vectors(model, [NLP.make_doc("x")])  # the copy for prediction isn't saved
    (shims,) = srsly.msgpack_loads(model.to_bytes())["shims"]
    stored = srsly.msgpack_loads(shims[0])
    assert set(stored) == {"files", "weights"}
    assert {Path(name).suffix for name in stored["files"]} <= {".json", ".txt"}
    for name, content in stored["files"].items():
        content.decode("utf8")
        assert not name.endswith(".json") or json.loads(content) is not None
    (size,) = struct.unpack("<Q", stored["weights"][:8])
    header = json.loads(stored["weights"][8 : 8 + size])
    header.pop("__metadata__", None)
    assert len(stored["weights"]) == 8 + size + max(entry["data_offsets"][1] for entry in header.values())
    assert {entry["dtype"] for entry in header.values()} <= {"F32", "I64"}
    assert set(header) == set(model.transformer.state_dict())


def test_loading_unpickles_nothing(layer: Callable[..., Model], monkeypatch: pytest.MonkeyPatch):
    saved = layer().to_bytes()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert empty_layer().from_bytes(saved).get_dim("nO") == 32


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 1e-7 / 3])
def test_layer_norm_eps_survives_exactly(layer: Callable[..., Model], epsilon: float):
    model = layer(transformer_config={"layer_norm_eps": epsilon})
    for each in (model, empty_layer().from_bytes(model.to_bytes())):
        assert each.transformer.config.layer_norm_eps == epsilon
        assert each.transformer.encoder.layer[0].output.LayerNorm.eps == epsilon


def test_settings_of_tokenizer_and_encoder_survive(layer: Callable[..., Model], docs: list[Doc]):
    model = layer(tokenizer_config={"model_max_length": 40}, transformer_config={"hidden_dropout_prob": 0.3})
    loaded = empty_layer().from_bytes(model.to_bytes())
    for each in (model, loaded):
        assert each.transformer.config.hidden_dropout_prob == 0.3
        (data,) = each.predict([NLP.make_doc(LONG)]).doc_data
        assert max(data.wordpieces.lengths) <= 40
    assert_close(vectors(loaded, docs), vectors(model, docs), 0)


def test_how_it_runs_is_said_by_the_config_and_not_by_what_was_saved(
    tiny_encoder: Path, layer: Callable[..., Model], tmp_path: Path
):
    nlp = build(tiny_encoder, precision="bfloat16", overlap=16)
    nlp.initialize()
    nlp.to_disk(tmp_path)
    texts = [*TEXTS, LONG]
    docs = [NLP.make_doc(text) for text in texts]
    cases = {"bfloat16": {}, "float32": {"precision": "float32"}}
    cases["windows"] = {"precision": "float32", "window": 60, "overlap": 7, "max_batch_pieces": 90}
    for name, changed in cases.items():
        overrides = {f"components.transformer.model.{key}": value for key, value in changed.items()}
        loaded = spacy.load(tmp_path, config=overrides)
        found = vectors(loaded.get_pipe("transformer").model, docs)
        expected = vectors(layer(**{"precision": "bfloat16", "overlap": 16, **changed}), docs)
        assert_close(found, expected, 0.0 if name != "windows" else 1e-5)
        others = {key: value for key, value in cases.items() if key != name}
        for other in others.values():
            settings = {"precision": "bfloat16", "overlap": 16, **other}
            assert abs(found[-1] - vectors(layer(**settings), docs)[-1]).max() > 1e-4


def test_a_sourced_transformer_gives_the_same(saved: Path):
    source = spacy.load(saved)
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", source=source)
    nlp.add_pipe("ner", source=source)
    nlp.add_pipe("textcat", source=source)
    assert_found(everything(nlp), everything(source))


COMMITS = {"old": "a" * 40, "new": "b" * 40}


@pytest.fixture
def repository(tiny_encoder: Path, empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository in the hub's local cache with two commits, of which the later has doubled weights."""
    monkeypatch.setattr("transformers.utils.hub.TRANSFORMERS_CACHE", str(empty_hub_cache))
    monkeypatch.setattr("transformers.utils.hub._is_offline_mode", True)
    folder = empty_hub_cache / "models--me--tiny"
    for commit in COMMITS.values():
        shutil.copytree(tiny_encoder, folder / "snapshots" / commit)
    model = AutoModel.from_pretrained(tiny_encoder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    model.save_pretrained(folder / "snapshots" / COMMITS["new"])
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMITS["new"])
    return "me/tiny"


def test_a_revision_is_what_is_loaded_from_the_hub(repository: str, tiny_encoder: Path, make_layer):
    expected = weights(make_layer(tiny_encoder))
    assert_same(weights(make_layer(repository, revision=COMMITS["old"])), expected, 0)
    doubled = {name: 2 * tensor for name, tensor in expected.items()}
    assert_same(weights(make_layer(repository, revision=COMMITS["new"])), doubled, 0)


# -- errors ------------------------------------------------------------------------------------------


def test_an_unknown_precision_is_refused():
    with pytest.raises(
        EncoderError, match="no precision 'float8': it is one of auto, float32, bfloat16, float16"
    ):
        empty_layer(precision="float8")


@pytest.mark.parametrize(
    "settings",
    [{"window": -1}, {"overlap": -1}, {"max_batch_pieces": -1}],
    ids=str,
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, int]):
    with pytest.raises(EncoderError, match=next(iter(settings))):
        empty_layer(**settings)


@pytest.mark.parametrize(("window", "overlap"), [(20, 18), (20, 40), (2, 0), (1, 0), (0, 510)])
def test_windows_that_do_not_fit_into_each_other_are_refused(layer, window: int, overlap: int):
    model = layer(window=window, overlap=overlap)
    with pytest.raises(EncoderError, match="a larger window or a smaller overlap"):
        model.predict([NLP.make_doc("x")])


def test_windows_that_just_fit_into_each_other(layer: Callable[..., Model]):
    for window, overlap in ((20, 17), (3, 0), (0, 509)):
        (found,) = vectors(layer(window=window, overlap=overlap), [NLP.make_doc("one two")])
        assert len(found) == 2


def test_a_slow_tokenizer_is_refused(layer: Callable[..., Model]):
    with pytest.raises(EncoderError, match="use_fast=True"):
        layer(tokenizer_config={"use_fast": False})


# -- out of memory -------------------------------------------------------------------------------------


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[int]]]:
    """Makes an encoder run out of memory above some pieces a batch; gives the sizes that were tried."""
    run = EncoderShim.run

    def limit(most: int) -> list[int]:
        tried: list[int] = []

        def limited(self: EncoderShim, ids: numpy.ndarray, *args: Any, **kwargs: Any) -> Any:
            tried.append(ids.size)
            if ids.size > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return run(self, ids, *args, **kwargs)

        monkeypatch.setattr(EncoderShim, "run", limited)
        return tried

    return limit


MANY = [text for k in range(6) for text in (*TEXTS, "", f"{k} " * 30, " ")]


def test_out_of_memory_goes_on_with_smaller_batches_and_says_so_once(layer, limit):
    docs = [NLP.make_doc(text) for text in MANY]
    model = layer()
    expected = vectors(model, docs)
    tried = limit(700)
    with pytest.warns(UserWarning, match="Out of GPU memory with .* max_batch_pieces") as caught:
        found = vectors(model, docs)
    assert len(caught) == 1
    assert_close(found, expected)
    assert [size > 700 for size in tried] == [True] + [False] * (len(tried) - 1)


def test_out_of_memory_again_and_again_ends_with_what_fits(layer, limit):
    docs = [NLP.make_doc(text) for text in MANY]
    model = layer()
    expected = vectors(model, docs)
    limit(60)
    with pytest.warns(UserWarning, match="Out of GPU memory"):
        found = vectors(model, docs)
    assert_close(found, expected)


def test_out_of_memory_in_training_changes_no_gradient(layer, limit):
    docs = [NLP.make_doc(text) for text in MANY]
    model = layer(transformer_config=NO_DROPOUT)
    expected = update(model, docs)
    model.finish_update(Adam(0.0))
    limit(300)
    with pytest.warns(UserWarning, match="Out of GPU memory"):
        found = update(model, docs)
    assert_same(found, expected, 1e-4)


def test_one_sequence_that_is_too_much_raises(layer, limit):
    model = layer()
    limit(100)
    docs = [NLP.make_doc(text) for text in ("x", LONG, "y")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(torch.OutOfMemoryError):
            model.predict(docs)


def test_after_out_of_memory_the_next_calls_begin_with_what_fits(layer, limit):
    docs = [NLP.make_doc(text) for text in MANY]
    model = layer()
    tried = limit(700)
    with pytest.warns(UserWarning, match="Out of GPU memory"):
        model.predict(docs)
    tried.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(docs)
    assert max(tried) <= 700


FORKED = """
import os, torch
import spacy_bioner.models.transformer.layer
torch.set_num_threads(3)
if os.fork() == 0:
    print(torch.get_num_threads(), flush=True)
    os._exit(0)
os.wait()
"""


def test_importing_the_layer_leaves_the_threads_of_forked_processes_alone():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
