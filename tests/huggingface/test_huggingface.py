"""`spacy bioner from-hf` and `to-hf`: against transformers' own pipeline, and what they refuse."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import srsly
import torch
from heads import add_heads
from safetensors.torch import load_file, save_file
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from transformers import AutoModelForTokenClassification, AutoTokenizer

from spacy_bioner.components.pipelines import find_bioner
from spacy_bioner.components.spans import scored_spans
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.documents.tags import decode
from spacy_bioner.errors import PipelineError
from spacy_bioner.huggingface.checkpoint_import import import_checkpoint
from spacy_bioner.huggingface.to_huggingface import Agreement, agreement, predict, to_hf, write_classifier
from spacy_bioner.text.folding import is_blank

FAMILIES = ("cased", "uncased", "albert", "roberta")
TYPED = ("O", "B-Disease", "I-Disease")
SENTENCES = [  # of words with spaces between them, so that all agree on what a word is
    "BRCA1 mutations raise the risk of breast cancer in women and mice",
    "aspirin treats pain and fever of patients",
    "naive cells were infected with virus in the nucleus",
    "risk of pain in mice",
]
TEXTS = [
    *SENTENCES,
    "IL-2 (p<0.05) binds TNF-alpha; fever, pain.",
    "β-catenin binds to TNF-α in the nucleus (κB)",
    "Sjögren's naïve cells: 5-HT2A, e.g. mice/rats",
    "  two  spaces \n and lines ",
    "x",
]


@pytest.fixture(scope="module")
def make_checkpoint(
    encoders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Makes a token classifier with a random head on an encoder of a family, as transformers saves it."""

    def make(family: str, labels: tuple[str, ...] = TYPED, *, safe: bool = True, **tokenizer: Any) -> Path:
        folder = tmp_path_factory.mktemp("checkpoint") / "biobert-finetuned-batch1"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            model = AutoModelForTokenClassification.from_pretrained(
                encoders[family],
                id2label=dict(enumerate(labels)),
                label2id={label: i for i, label in enumerate(labels)},
            )
            model.classifier.weight.data.normal_(std=0.3)
            model.classifier.bias.data.normal_(std=0.3)
        model.save_pretrained(folder, safe_serialization=safe)
        AutoTokenizer.from_pretrained(encoders[family], **tokenizer).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="module")
def checkpoints(make_checkpoint: Callable[..., Path]) -> dict[str, Path]:
    return {family: make_checkpoint(family) for family in FAMILIES}


@pytest.fixture(scope="module")
def pipelines(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the pipelines that are made of them."""
    folder = tmp_path_factory.mktemp("pipelines")
    return {family: import_checkpoint(str(path), folder / family) for family, path in checkpoints.items()}


def entities(nlp: Language, texts: list[str]) -> set[tuple[int, int, int, str]]:
    return {
        (i, e.start_char, e.end_char, e.label_) for i, doc in enumerate(nlp.pipe(texts)) for e in doc.ents
    }


def reference(folder: Path, docs: list[Doc]) -> list[list[tuple[int, int, str]]]:
    """Entities of Docs by a plain loop: the best label of the first word piece of each token that has one."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for doc in docs:
        encoded = tokenizer(doc.text, return_offsets_mapping=True, return_tensors="pt")
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            best = model(**encoded).logits[0].argmax(-1).tolist()
        tokens, tags = [], []
        for token in doc:
            if is_blank(token.text):  # which `bioner` passes over
                continue
            for place, (start, end) in enumerate(offsets):
                if end > start and start < token.idx + len(token) and end > token.idx:
                    tokens.append(token.i)
                    tags.append(model.config.id2label[best[place]])
                    break
        spans, _ = decode(tags, "IOB2")
        found.append([(tokens[start], tokens[end - 1] + 1, name) for start, end, name in spans])
    return found


# -- the same predictions --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_entities_are_those_of_transformers_pipeline(checkpoints, pipelines, family: str):
    """A word that begins with a piece of white space alone is two words there, and is left out here."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoints[family])
    lone = {"▁", "Ġ"}
    texts = [
        " ".join(word for word in text.split() if not lone & set(tokenizer.tokenize(f"in {word}")))
        for text in SENTENCES
    ]
    found = entities(spacy.load(pipelines[family]), texts)
    assert found == set(predict(checkpoints[family], texts))
    assert len(found) > 3


@pytest.mark.parametrize("family", ["cased", "uncased"])
def test_punctuation_and_unicode_as_well_where_words_are_berts(checkpoints, pipelines, family: str):
    """Tokens of ours that have several words of BERT's in them (0.05) are left out."""
    texts = [text for text in TEXTS if "0.05" not in text and "e.g." not in text]
    assert entities(spacy.load(pipelines[family]), texts) == set(predict(checkpoints[family], texts))


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_are_those_of_each_tokens_first_piece(checkpoints, pipelines, family: str):
    nlp = spacy.load(pipelines[family])
    docs = list(nlp.pipe(TEXTS))
    expected = reference(checkpoints[family], docs)
    assert [[(s.start, s.end, s.label_) for s, _ in scored_spans(doc)] for doc in docs] == expected


@pytest.mark.parametrize("prefix", [False, True])
def test_the_space_before_the_first_word_of_byte_level_pieces_is_kept(
    make_checkpoint: Callable[..., Path], tmp_path: Path, prefix: bool
):
    folder = make_checkpoint("roberta", add_prefix_space=prefix)
    nlp = spacy.load(import_checkpoint(str(folder), tmp_path / "out"))
    doc = nlp.get_pipe("transformer")(nlp.make_doc("mice and rats"))
    expected = AutoTokenizer.from_pretrained(folder)("mice and rats")["input_ids"]
    assert doc._.trf_data.wordpieces.input_ids[0].tolist() == expected
    assert entities(nlp, SENTENCES) == set(predict(folder, SENTENCES))
    write_classifier(to_hf(nlp), tmp_path / "back")
    assert AutoTokenizer.from_pretrained(tmp_path / "back")("mice and rats")["input_ids"] == expected


SCHEMES = {
    "IOB2": ("O", "B-Disease", "I-Disease"),
    "IOB1": ("I-Disease", "B-Disease", "O"),
    "IOBES": ("O", "B-Disease", "I-Disease", "E-Disease", "S-Disease"),
    "BILOU": ("U-Disease", "O", "B-Disease", "I-Disease", "L-Disease", "U-Gene"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_read(make_checkpoint: Callable[..., Path], tmp_path: Path, scheme: str):
    """transformers' pipeline knows B and I alone: labels are compared, and read by the rule for tags."""
    folder = make_checkpoint("cased", SCHEMES[scheme])
    nlp = spacy.load(import_checkpoint(str(folder), tmp_path / "out", scheme=scheme))
    labels = predict_labels(folder, SENTENCES[0])
    spans, _ = decode(labels, scheme)
    doc = nlp(SENTENCES[0])
    assert [(s.start, s.end, s.label_) for s, _ in scored_spans(doc)] == spans
    assert nlp.config["components"]["bioner"]["model"]["scheme"] == scheme
    back = to_hf(nlp).model.config.id2label
    assert tuple(back[i] for i in range(len(back))) == SCHEMES[scheme]


def predict_labels(folder: Path, text: str) -> list[str]:
    """The label of each word's first piece."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    encoded = AutoTokenizer.from_pretrained(folder)(
        text.split(), is_split_into_words=True, return_tensors="pt"
    )
    with torch.inference_mode():
        best = model(**encoded).logits[0].argmax(-1).tolist()
    words = encoded.word_ids()
    return [model.config.id2label[best[words.index(k)]] for k in range(len(text.split()))]


@pytest.mark.parametrize(
    ("own", "options"),
    [
        (("B", "I", "O"), {"entity_type": "Disease"}),
        (("LABEL_0", "LABEL_1", "LABEL_2"), {"labels": ["B-Disease", "I-Disease", "O"]}),
        (("LABEL_0", "LABEL_1", "LABEL_2"), {"labels": ["B", "I", "O"], "entity_type": "Disease"}),
        (("begin", "in", "out"), {"labels": ["B-Disease", "I-Disease", "O"]}),
    ],
)
def test_labels_without_type_or_name_get_one(make_checkpoint, tmp_path: Path, own, options):
    nlp = spacy.load(import_checkpoint(str(make_checkpoint("cased", own)), tmp_path / "out", **options))
    named = make_checkpoint("cased", ("B-Disease", "I-Disease", "O"))
    assert entities(nlp, SENTENCES) == set(predict(named, SENTENCES))
    assert nlp.get_pipe("bioner").labels == ("Disease",)
    assert nlp.meta[META_KEY]["from_hf"]["labels"] == list(own)


def test_weights_in_a_pickle_of_tensors_are_read(make_checkpoint: Callable[..., Path], tmp_path: Path):
    folder = make_checkpoint("cased", safe=False)
    assert (folder / "pytorch_model.bin").exists()
    assert not (folder / "model.safetensors").exists()
    nlp = spacy.load(import_checkpoint(str(folder), tmp_path / "out"))
    assert entities(nlp, SENTENCES) == set(predict(folder, SENTENCES))


def test_long_texts_are_read_to_the_end(checkpoints, pipelines):
    """transformers' pipeline cuts them off, and agrees on what it reads."""
    text = " ".join(SENTENCES * 12)
    nlp = spacy.load(pipelines["uncased"])
    found = sorted(entities(nlp, [text]))
    theirs = predict(checkpoints["uncased"], [text])
    assert found[-1][1] > 0.9 * len(text)
    assert max(start for _, start, _, _ in theirs) < 0.3 * len(text)


def test_scores_are_probabilities_and_settings_are_the_components(pipelines):
    nlp = spacy.load(pipelines["cased"])
    pairs = [pair for doc in nlp.pipe(SENTENCES) for pair in scored_spans(doc)]
    assert all(0 < score <= 1 for _, score in pairs)
    limit = float(numpy.median([score for _, score in pairs]))
    strict = spacy.load(pipelines["cased"], config={"components.bioner.threshold": limit})
    kept = [score for doc in strict.pipe(SENTENCES) for _, score in scored_spans(doc)]
    assert kept == [score for _, score in pairs if score >= limit]
    assert next(iter(nlp.pipe(SENTENCES, n_process=2))).ents


def test_meta_says_where_it_is_from(checkpoints, pipelines):
    nlp = spacy.load(pipelines["cased"])
    made = nlp.meta[META_KEY]
    assert nlp.meta["name"] == "bioner_biobert_finetuned_batch1"
    assert made["from_hf"]["architecture"] == "BertForTokenClassification"
    assert made["from_hf"]["read_as"] == list(TYPED)
    assert len(made["encoder"]["weights_sha256"]) == 64
    text = nlp.config.to_str() + json.dumps(nlp.meta)
    assert str(checkpoints["cased"].parent) not in text
    for path in pipelines["cased"].rglob("*"):
        assert path.is_dir() or str(checkpoints["cased"].parent).encode() not in path.read_bytes()


def test_it_can_be_trained_further(pipelines):
    spacy.util.fix_random_seed(0)
    nlp = spacy.load(pipelines["cased"], exclude=["doc_cleaner"])
    examples = []
    for text, start, end in ((SENTENCES[0], 6, 8), (SENTENCES[1], 2, 5)):
        gold = nlp.make_doc(text)
        gold.set_ents([Span(gold, start, end, label="Disease")])
        set_annotation(gold, Annotation("made up", ("Disease",)))
        examples.append(Example(nlp.make_doc(text), gold))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer, drop=0.1)
    assert nlp.evaluate(examples)["ents_f"] == 1.0


def test_training_starts_from_it(pipelines, train_tiny: Callable[..., Path], tmp_path: Path):
    """With `spacy bioner train --start-from`; its types must be the data's."""
    labels = {"overrides": {"training.batcher.size": 200}, "encoder": ""}
    with pytest.raises(PipelineError, match="can't be added: the model has one label set"):
        train_tiny(tmp_path / "out", "bioner_trf", start_from=pipelines["cased"], **labels)


# -- and back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_there_and_back_weights_and_entities_are_the_same(
    checkpoints, pipelines, tmp_path: Path, family: str
):
    nlp = spacy.load(pipelines[family])
    made = to_hf(nlp)
    assert made.same_weights
    assert made.first_piece
    write_classifier(made, tmp_path / "back")
    before = load_file(checkpoints[family] / "model.safetensors")
    after = load_file(tmp_path / "back" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert predict(tmp_path / "back", SENTENCES) == predict(checkpoints[family], SENTENCES)
    again = spacy.load(import_checkpoint(str(tmp_path / "back"), tmp_path / "again"))
    assert entities(again, TEXTS) == entities(nlp, TEXTS)


@pytest.fixture(scope="module")
def heads(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with a head a type, pooled from first pieces, that knows two types by heart."""
    nlp = spacy.blank("en")
    add_heads(nlp, tiny_encoder, {"@architectures": "spacy-bioner.FirstPiece.v1"})
    spacy.util.fix_random_seed(0)
    examples = []
    for text, spans in (
        (SENTENCES[0], [(0, 1, "Gene"), (6, 8, "Disease")]),
        (SENTENCES[1], [(2, 3, "Disease"), (4, 5, "Disease")]),
    ):
        gold = nlp.make_doc(text)
        gold.set_ents([Span(gold, start, end, label=name) for start, end, name in spans])
        set_annotation(gold, Annotation("made up", ("Disease", "Gene")))
        examples.append(Example(nlp.make_doc(text), gold))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    assert nlp.evaluate(examples)["ents_f"] == 1.0
    folder = tmp_path_factory.mktemp("heads") / "pipeline"
    nlp.to_disk(folder)
    return folder


def test_heads_are_folded_into_one_label_set(heads: Path, tmp_path: Path):
    nlp = spacy.load(heads)
    made = to_hf(nlp)
    assert not made.same_weights
    assert made.model.config.id2label == dict(enumerate(("O", "B-Disease", "I-Disease", "B-Gene", "I-Gene")))
    # the shares are those of the heads, given that at most one type is anywhere
    doc = nlp.get_pipe("transformer")(nlp.make_doc(SENTENCES[0]))
    emissions = nlp.get_pipe("bioner").model.predict([doc]).emissions[0].astype("float64")
    powers = numpy.exp(emissions)
    own = powers / powers.sum(axis=2, keepdims=True)
    disease, gene = own[:, 0], own[:, 1]
    joint = numpy.stack(
        [
            disease[:, 0] * gene[:, 0],
            disease[:, 1] * gene[:, 0],
            disease[:, 2] * gene[:, 0],
            gene[:, 1] * disease[:, 0],
            gene[:, 2] * disease[:, 0],
        ],
        axis=1,
    )
    joint /= joint.sum(axis=1, keepdims=True)
    encoded = made.tokenizer(SENTENCES[0].split(), is_split_into_words=True, return_tensors="pt")
    with torch.inference_mode():
        shares = made.model(**encoded).logits[0].softmax(-1).numpy()
    words = encoded.word_ids()
    firsts = [words.index(k) for k in range(len(doc))]
    numpy.testing.assert_allclose(shares[firsts], joint, atol=1e-4)
    write_classifier(made, tmp_path / "folded")
    same = agreement(nlp, tmp_path / "folded", made.types, SENTENCES[:2])
    assert same.ours == 4


def test_one_checkpoint_a_type(heads: Path, run_cli: Callable[..., str], tmp_path: Path):
    nlp = spacy.load(heads)
    sample = tmp_path / "sample.spacy"
    docbin([nlp.make_doc(text) for text in SENTENCES]).to_disk(sample)
    output = run_cli("bioner", "to-hf", heads, tmp_path / "out", "--per-type", "--sample", sample)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Disease", "Gene"]
    assert "Gene: 4 texts" in output
    for name in ("Disease", "Gene"):
        folder = tmp_path / "out" / name
        assert {e["id2label"]["1"] for e in [json.loads((folder / "config.json").read_text())]} == {
            f"B-{name}"
        }
        assert {span[3] for span in predict(folder, SENTENCES)} <= {name}
        card = (folder / "README.md").read_text(encoding="utf8")
        assert "transitions" in card
        assert "4 texts: " in card


def test_command_writes_what_transformers_loads(pipelines, run_cli: Callable[..., str], tmp_path: Path):
    nlp = spacy.load(pipelines["uncased"])
    sample = tmp_path / "sample.spacy"
    docbin([nlp.make_doc(text) for text in SENTENCES]).to_disk(sample)
    output = run_cli("bioner", "to-hf", pipelines["uncased"], tmp_path / "out", "--sample", sample)
    assert "100.00% of all" in output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.txt",
        "README.md",
    }
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf8")
    header = srsly.yaml_loads(card.split("---\n")[1])
    assert (header["language"], header["license"]) == ("en", "other")
    assert (header["library_name"], header["pipeline_tag"]) == ("transformers", "token-classification")
    assert "100.00%" in card
    run_cli("bioner", "to-hf", pipelines["cased"], tmp_path / "out")  # in its own place again
    assert "not compared" in run_cli("bioner", "to-hf", pipelines["uncased"], tmp_path / "out")


def test_listeners_that_were_replaced_are_found(pipelines, tmp_path: Path):
    nlp = spacy.load(pipelines["cased"])
    expected = to_hf(nlp).model.state_dict()
    nlp.replace_listeners("transformer", "bioner", ["model.tok2vec"])
    found = to_hf(nlp).model.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_agreement_counts():
    same = Agreement(texts=2, ours=3, theirs=4, both=2)
    assert same.share == 2 / 5
    assert str(same) == (
        "2 texts: 3 entities here, 4 by transformers' pipeline, 2 the same (40.00% of all that either finds)"
    )
    assert Agreement(1, 0, 0, 0).share == 1.0


# -- what is refused -------------------------------------------------------------------------------------


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def drop_weights(folder: Path, *names: str) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if not key.startswith(names)}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def resize_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"] = torch.zeros(7, 32)
    weights["classifier.bias"] = torch.zeros(7)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])


def more_pieces(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["nephrotoxicity"])
    tokenizer.save_pretrained(folder)


def nameless(folder: Path) -> None:
    change_config(folder, id2label={str(i): f"LABEL_{i}" for i in range(3)}, label2id=None)


def code(folder: Path) -> None:
    change_config(folder, model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text("raise SystemExit('ran')\n")


REFUSED: dict[str, tuple[Callable[[Path], Any], list[str], str]] = {
    "no names": (
        nameless,
        [],
        "the labels have no names (LABEL_0, LABEL_1, LABEL_2). Give them with --labels",
    ),
    "too few": (nameless, ["--labels", "O,B-Disease"], "3 labels, and --labels names 2"),
    "no type": (
        nameless,
        ["--labels", "O,B,I"],
        "the label 'B' has no type: name it. Name its type with --type",
    ),
    "no tags": (nameless, ["--labels", "O,Disease,Gene"], "'Disease' isn't a tag"),
    "scheme": (lambda folder: None, ["--scheme", "IO"], "don't follow 'IO', one of IOB1, IOB2"),
    "precision": (lambda folder: None, ["--precision", "int4"], "There is no precision 'int4'"),
    "no head": (
        lambda folder: drop_weights(folder, "classifier"),
        [],
        "there is no token-classification head",
    ),
    "weights missing": (
        lambda folder: drop_weights(folder, "bert.encoder.layer.1"),
        [],
        "weights are missing: bert.encoder.layer.1",
    ),
    "other task": (
        lambda folder: change_config(folder, architectures=["BertForSequenceClassification"]),
        [],
        "a model of another task (BertForSequenceClassification)",
    ),
    "head of another size": (resize_head, [], "can't be read as a token classifier of transformers"),
    "unknown model": (
        lambda folder: change_config(folder, model_type="mine"),
        [],
        "can't be read as a token",
    ),
    "model with code": (code, [], "needs code of its own"),
    "another kind of model": (
        lambda folder: change_config(folder, model_type="t5", architectures=None),
        [],
        "can't be read as a token classifier",
    ),
    "truncated": (cut, [], "can't be read as a token classifier"),
    "config damaged": (
        lambda folder: (folder / "config.json").write_text("{"),
        [],
        "can't be read as a token classifier",
    ),
    "vocabulary": (more_pieces, [], "the tokenizer has"),
    "no tokenizer": (
        lambda folder: [(folder / name).unlink() for name in ("tokenizer.json", "vocab.txt")],
        [],
        "isn't an encoder: it needs config.json",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_token_classifier_is_refused_and_nothing_written(
    checkpoints, refuse_cli: Callable[..., str], tmp_path: Path, case: str
):
    change, options, message = REFUSED[case]
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoints["cased"], folder)
    change(folder)
    assert message in refuse_cli("bioner", "from-hf", folder, tmp_path / "out", *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint"]


def test_code_in_a_pickle_does_not_run(checkpoints, refuse_cli: Callable[..., str], tmp_path: Path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoints["cased"], folder)
    (folder / "model.safetensors").unlink()
    evil = {"classifier.weight": Evil(tmp_path / "ran")}
    for write_weights in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        write_weights(evil, folder / "pytorch_model.bin")
        message = refuse_cli("bioner", "from-hf", folder, tmp_path / "out")
        assert "pytorch_model.bin holds more than tensors" in message
        assert not (tmp_path / "ran").exists()
        assert not (tmp_path / "out").exists()


def test_checkpoints_that_are_not_there_are_said(
    empty_hub_cache, refuse_cli: Callable[..., str], tmp_path: Path
):
    assert "isn't in the catalogue, and there is no folder" in refuse_cli(
        "bioner", "from-hf", "./nowhere", tmp_path / "out"
    )
    assert "isn't at hand" in refuse_cli("bioner", "from-hf", "somebody/some-ner", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_things_are_not_replaced(
    checkpoints, pipelines, refuse_cli: Callable[..., str], tmp_path: Path
):
    (tmp_path / "thesis.txt").write_text("mine")
    message = refuse_cli("bioner", "from-hf", checkpoints["cased"], tmp_path)
    assert "holds something else than a pipeline" in message
    message = refuse_cli("bioner", "to-hf", pipelines["cased"], tmp_path)
    assert "holds something else than a checkpoint" in message
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_pipelines_that_transformers_has_nothing_for(
    pipelines, refuse_cli: Callable[..., str], tmp_path: Path
):
    blank = spacy.blank("en")
    with pytest.raises(PipelineError, match="has no `bioner`, and one is needed"):
        to_hf(blank)
    blank.add_pipe("bioner")
    with pytest.raises(PipelineError, match="no transformer"):
        to_hf(blank)
    nlp = spacy.load(pipelines["cased"])
    with pytest.raises(PipelineError, match="one label set for all types: it can't be split"):
        to_hf(nlp, ["Disease"])
    nlp.add_pipe("bioner", name="second")
    with pytest.raises(PipelineError, match="has 2 `bioner`"):
        find_bioner(nlp)
    assert "can't be loaded" in refuse_cli("bioner", "to-hf", tmp_path / "nowhere", tmp_path / "out")
    sample = tmp_path / "missing.spacy"
    assert "no such file" in refuse_cli(
        "bioner", "to-hf", pipelines["cased"], tmp_path / "out", "--sample", sample
    )
    assert list(tmp_path.iterdir()) == []
