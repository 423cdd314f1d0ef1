"""Encoders of every family through everything: vectors, training, saving, ONNX, packages.

Small random ones stand for the real ones; BERTs and ALBERT are imported from TensorFlow checkpoints.
"""

import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from programs import found_by, new_python, run
from spacy.training import Example
from spacy.util import registry
from thinc.api import Model
from transformers import AutoModel, AutoTokenizer

from spacy_bioner.corpora.sources import open_source
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.encoders.checkpoints import import_encoder
from spacy_bioner.training.onnx_export import compare, to_onnx

FAMILIES = ("bert-cased", "bert-uncased", "bert-large", "albert", "albert-large", "roberta", "roberta-large")
LARGE = {"num_hidden_layers": 24, "hidden_size": 32, "num_attention_heads": 16}
TEXTS = [
    ("Cisplatin caused deafness in Wistar rats", [(0, 9, "Chemical"), (17, 25, "Disease")]),
    ("Aspirin relieves migraine", [(0, 7, "Chemical"), (17, 25, "Disease")]),
    ("No adverse event was seen", []),
    ("TNF-α drives sepsis; IL-6 does not", [(0, 5, "Gene"), (13, 19, "Disease"), (21, 25, "Gene")]),
    ("Lithium against mania", [(0, 7, "Chemical"), (16, 21, "Disease")]),
    ("KRAS and EGFR in lung cancer", [(0, 4, "Gene"), (9, 13, "Gene"), (17, 28, "Disease")]),
    ("naïve cells were counted", []),
    ("Metformin lowers glucose", [(0, 9, "Chemical"), (17, 24, "Chemical")]),
    ("BRCA1 carriers fear breast cancer", [(0, 5, "Gene"), (20, 33, "Disease")]),
    ("Sjögren’s syndrome and lupus", [(0, 18, "Disease"), (23, 28, "Disease")]),
    ("p53 was lost in glioma", [(0, 3, "Gene"), (16, 22, "Disease")]),
    ("Warfarin, then bleeding", [(0, 8, "Chemical"), (15, 23, "Disease")]),
    ("Dopamine 5 µg/kg/min was given", [(0, 8, "Chemical")]),
    ("The tests were repeated twice", []),
    ("NF-κB is active in asthma", [(0, 5, "Gene"), (19, 25, "Disease")]),
    ("Ethanol and cirrhosis", [(0, 7, "Chemical"), (12, 21, "Disease")]),
    ("Patients with gout received colchicine", [(14, 18, "Disease"), (28, 38, "Chemical")]),
    ("MYC amplification in neuroblastoma", [(0, 3, "Gene"), (21, 34, "Disease")]),
    ("caffeine (100 mg) and headache", [(0, 8, "Chemical"), (22, 30, "Disease")]),
    ("Insulin for diabetes ≥ 5 years", [(0, 7, "Gene"), (12, 20, "Disease")]),
]
TYPES = ("Chemical", "Disease", "Gene")


def save_roberta(folder: Path, **sizes: int) -> None:
    """A RoBERTa with byte-level pieces, as the hub has them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizerFast

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    trained.train_from_iterator([text for text, _ in TEXTS], trainer)
    folder.mkdir()
    trained.model.save(str(folder))
    files = str(folder / "vocab.json"), str(folder / "merges.txt")
    tokenizer = RobertaTokenizerFast(*files, model_max_length=1024)
    tokenizer.save_pretrained(folder)
    numbers = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
    config = RobertaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=1026, intermediate_size=64, **numbers, **sizes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        RobertaModel(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def encoder(
    release_bert: Callable, release_albert: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Makes the encoder of a family; its folder."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("families")

    def make(family: str) -> Path:
        target = folder / family
        if target.exists():
            return target
        name, _, kind = family.partition("-")
        small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        sizes: dict[str, Any] = LARGE if kind == "large" else small
        if name == "roberta":
            save_roberta(target, **sizes)
            return target
        sizes = {**sizes, "intermediate_size": 64, "max_position_embeddings": 1024}
        if kind == "large":
            sizes |= {"shrink": 0.1, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        text = ". ".join(text for text, _ in TEXTS)
        if name == "albert":
            release = release_albert(folder / f"{family}.tf", text=text.lower(), **sizes)
        else:
            release = release_bert(folder / f"{family}.tf", cased=kind != "uncased", **sizes)
        import_encoder(release.folder, target)
        return target

    return make


def params() -> Iterator[Any]:
    """The families; large ones, which take minutes, are left to the slow tests."""
    for name in FAMILIES:
        yield pytest.param(name, marks=[pytest.mark.slow] if "large" in name else [])


@pytest.fixture(scope="module", params=params())
def family(request: pytest.FixtureRequest, encoder: Callable[[str], Path]) -> Path:
    """The folder of each family's encoder."""
    return encoder(request.param)


# -- word pieces and vectors are those of transformers ----------------------------------------------------


def unicode_sentences(count: int, seed: int = 5) -> list[str]:
    """Sentences of scripts, symbols, accents, emoji and signs of no width, between ordinary words."""
    chosen = random.Random(seed)
    ranges = [
        (0x20, 0x7E),
        (0xA0, 0x24F),
        (0x300, 0x34E),
        (0x370, 0x3FF),
        (0x400, 0x4FF),
        (0x2010, 0x205E),
        (0x2070, 0x209C),
        (0x2100, 0x22FF),
        (0x3040, 0x30FF),
        (0x4E00, 0x4EFF),
        (0xAC00, 0xACFF),
        (0xFB00, 0xFB06),
        (0xFF01, 0xFF5E),
        (0x1D400, 0x1D4FF),
        (0x1F300, 0x1F64F),
    ]
    words = " ".join(text for text, _ in TEXTS).split()
    sentences = []
    while len(sentences) < count:
        parts = []
        for _ in range(chosen.randint(1, 25)):
            if chosen.random() < 0.5:
                parts.append(chosen.choice(words))
            else:
                own = chosen.choice(ranges)
                letters = [chr(chosen.randint(*own)) for _ in range(chosen.randint(1, 6))]
                parts.append("".join(c for c in letters if unicodedata.category(c) not in ("Cn", "Cs")))
        text = " ".join(filter(str.strip, parts)).strip()
        if text and not text.isspace():
            sentences.append(text)
    return sentences


def in_transformers(folder: Path, texts: list[str]) -> list[tuple[list[int], numpy.ndarray]]:
    """Word pieces and vectors, text by text, from transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = []
    with torch.inference_mode():
        for text in texts:
            inputs = tokenizer(text, return_tensors="pt")
            found.append((inputs["input_ids"][0].tolist(), model(**inputs).last_hidden_state[0].numpy()))
    return found


def assert_same_vectors(folder: Path, texts: list[str]) -> None:
    create = registry.architectures.get("spacy-bioner.TransformerModel.v1")
    layer: Model = create(str(folder), precision="float32", folding=False)  # transformers sees all of Unicode
    layer.initialize()
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    found = layer.predict([nlp.make_doc(text) for text in texts]).doc_data
    most = 0.0
    for text, data, (ids, vectors) in zip(texts, found, in_transformers(folder, texts), strict=True):
        assert data.wordpieces.input_ids[0].tolist() == ids, text
        most = max(most, float(abs(data.model_output.last_hidden_state[0] - vectors).max()))
    assert most <= 1e-5


@pytest.fixture(scope="module")
def corpus_sentences(corpora: Path) -> list[str]:
    source = open_source(corpora / "mtl" / "NCBI-disease-IOB" / "test.tsv", ColumnOptions())
    more = open_source(corpora / "mtl" / "BC2GM-IOB" / "test.tsv", ColumnOptions())
    texts = [document.text for made in (source, more) for document in islice(made.documents(), 500)]
    assert len(texts) == 1000
    return texts


def share(family: Path, texts: list[str]) -> list[str]:
    """A fifth of some texts for a large encoder, through which a thousand take minutes."""
    return texts[::5] if "large" in family.name else texts


def test_a_thousand_sentences_of_corpora(family: Path, corpus_sentences: list[str]):
    assert_same_vectors(family, share(family, corpus_sentences))


def test_a_thousand_sentences_of_unicode(family: Path):
    assert_same_vectors(family, share(family, unicode_sentences(1000)))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAMILIES if "large" in name])
def test_a_thousand_sentences_through_large_ones(
    encoder: Callable[[str], Path], name: str, corpus_sentences: list[str]
):
    for texts in (corpus_sentences, unicode_sentences(1000)):
        assert_same_vectors(encoder(name), texts)


# -- training, saving, ONNX ----------------------------------------------------


def examples_of(nlp: spacy.Language) -> list[Example]:
    from spacy_bioner.corpora.annotations import Annotation, set_annotation

    examples = []
    for text, spans in TEXTS:
        reference = nlp.make_doc(text)
        reference.ents = [reference.char_span(*span) for span in spans]
        set_annotation(reference, Annotation("made up", TYPES))
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def entities(nlp: spacy.Language) -> list[list[tuple[int, int, str]]]:
    found = nlp.pipe([text for text, _ in TEXTS])
    return [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in found]


GOLD = [spans for _, spans in TEXTS]


@pytest.fixture(scope="module")
def trained(family: Path) -> spacy.Language:
    """A pipeline that learned twenty sentences by heart."""
    return learned(family)


def learned(folder: Path) -> spacy.Language:
    large = "large" in folder.name
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    model = {"@architectures": "spacy-bioner.TransformerModel.v1", "name": str(folder)}
    nlp.add_pipe("transformer", config={"model": {**model, "precision": "float32"}})
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
    listener["pooling"] = {"@layers": "reduce_mean.v1"}
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": listener}
    nlp.add_pipe("bioner", config={"model": heads})
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 1e-3 if large else 3e-3
    for step in range(400):
        nlp.update(examples, sgd=optimizer)
        if step % 10 == 9 and entities(nlp) == GOLD:
            break
    return nlp


def test_twenty_sentences_are_learned(trained: spacy.Language):
    assert entities(trained) == GOLD
    assert trained.evaluate(examples_of(trained))["ents_f"] == 1.0


def test_saved_and_loaded_it_finds_the_same(trained: spacy.Language, tmp_path: Path):
    trained.to_disk(tmp_path / "model")
    assert entities(spacy.load(tmp_path / "model")) == GOLD
    assert entities(spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes())) == GOLD


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_optimized_it_finds_the_same(trained: spacy.Language, tmp_path: Path, precision: str):
    trained.to_disk(tmp_path / "model")
    original = spacy.load(tmp_path / "model")
    made = to_onnx(original, precision)
    made.to_disk(tmp_path / "fast")
    fast = spacy.load(tmp_path / "fast")
    assert entities(made) == entities(fast)
    docs = [[example.reference for example in examples_of(nlp)] for nlp in (original, fast)]
    result = compare(original, fast, docs)
    if precision == "float32":
        assert (result.before, result.after, result.identical) == (1.0, 1.0, 1.0)
    else:  # a tiny network in eight bits
        assert result.after > 0.5


@pytest.fixture(scope="module")
def environment(
    copy_project: Callable[[Path], Path], root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The Python of a new environment with this package, and without what only its tests need."""
    folder = tmp_path_factory.mktemp("environment")
    python = new_python(folder / "venv")
    project = copy_project(folder / "project")
    run(python, "-m", "pip", "install", "-q", "-c", root / "constraints.txt", project, cwd=folder)
    return python


@pytest.mark.slow
def test_packaged_and_installed_it_finds_the_same(
    trained: spacy.Language, family: Path, environment: Path, tmp_path: Path
):
    name = f"family_{family.name.replace('-', '_')}"
    trained.to_disk(tmp_path / "model")
    (tmp_path / "packages").mkdir()
    options = ["--name", name, "--version", "0.1.0", "--build", "wheel"]
    run(sys.executable, "-m", "spacy", "package", "model", "packages", *options, cwd=tmp_path)
    [wheel] = (tmp_path / "packages").glob("*/dist/*.whl")
    run(environment, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    assert found_by(environment, f"en_{name}", [text for text, _ in TEXTS], tmp_path) == GOLD
