"""Encoders on folded texts: pieces, vectors, saving; the CNN's layer; mentions across blank tokens."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry
from spacy_transformers.layers import trfs2arrays
from thinc.api import Model, reduce_mean
from transformers import AutoTokenizer

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.models.crf import B, I, O
from spacy_bioner.models.decoder import DECODER
from spacy_bioner.models.folded_tok2vec import fold_doc
from spacy_bioner.models.heads import HeadScores
from spacy_bioner.models.transformer.pieces import lay_out, tokenize
from spacy_bioner.text.folding import fold

FAMILIES = ("cased", "uncased", "albert", "roberta")
PAIRS = [
    ("β-catenin binds TNF‐α", "beta-catenin binds TNF-alpha"),
    ("5′-UTR of Crohn’s naïve cells", "5'-UTR of Crohn's naive cells"),
    ("10 ± 2 µM (≥ 3)", "10 +/- 2 microM (>= 3)"),
    ("ﬁbrosis x\u00adray Sjo\u0308gren", "fibrosis xray Sjogren"),
    ("breast cancer", "breast cancer"),
]
"""Texts and their ASCII spellings."""

NBSP = "breast\u00a0cancer\u2009risk \u00a0in mice"
texts = st.lists(
    st.sampled_from(
        ["β", "TNF", "-", "\u00a0", " ", "±", "°", "\u00ad", "\u200b", "é", "½", "🧬", "\n", "a", "ﬁ", "한"]
    )
    | st.text(st.characters(codec="utf-8"), max_size=3)
).map("".join)


@pytest.fixture(scope="module")
def words() -> Language:
    return spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})


def token_vectors(model: Model, doc: Doc) -> numpy.ndarray:
    data = model.predict([doc]).doc_data
    return trfs2arrays(reduce_mean(), 1.0).predict(data)[0]


# -- the transformer -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizers(encoders: dict[str, Path]) -> dict[str, Any]:
    return {name: AutoTokenizer.from_pretrained(folder) for name, folder in encoders.items()}


@pytest.mark.parametrize("family", FAMILIES)
@given(text=texts)
def test_tokens_have_the_pieces_that_share_a_character_with_them(tokenizers, words, family: str, text: str):
    """By a plain loop: a piece has what it has of the folded text, and that comes from characters."""
    doc = words.make_doc(text)
    if not len(doc):
        return
    tokenizer = tokenizers[family]
    (pieces,) = tokenize(tokenizer, [doc], folding=True)
    shown = doc.text[: -len(doc[-1].whitespace_) or None]
    expected = tokenizer(fold(shown), add_special_tokens=False, return_offsets_mapping=True)
    assert pieces.ids.tolist() == expected["input_ids"]
    origins = [i for i, char in enumerate(shown) for _ in fold(char)]
    own: list[list[int]] = [[] for _ in doc]
    for number, (start, end) in enumerate(expected["offset_mapping"]):
        if start < end:
            characters = set(range(origins[start], origins[end - 1] + 1))
            for token in doc:
                if characters & set(range(token.idx, token.idx + len(token))):
                    own[token.i].append(number)
    layout = lay_out(doc, pieces, 10**6, 0)
    assert layout.lengths.tolist() == [len(numbers) for numbers in own]
    assert layout.places[:, 1].tolist() == [number for numbers in own for number in numbers]


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_have_the_vectors_of_their_ascii_spelling(
    encoders: dict[str, Path], make_layer: Callable[..., Model], words, family: str
):
    model = make_layer(encoders[family], folding=True)
    for text, spelling in PAIRS:
        assert_spelled(model, words, text, spelling)


def assert_spelled(model: Model, words: Language, text: str, spelling: str) -> None:
    doc, other = words.make_doc(text), words.make_doc(spelling)
    own, expected = token_vectors(model, doc), token_vectors(model, other)
    places = {(token.idx, token.idx + len(token)): token.i for token in other}
    alike = 0
    for token in doc:
        start = len(fold(text[: token.idx]))
        i = places.get((start, start + len(fold(token.text))))
        if i is not None:  # "±" is one token, and "+/-" three
            numpy.testing.assert_array_equal(own[token.i], expected[i])
            alike += 1
    assert alike == len(doc) - sum(token.text in "±≥" for token in doc)
    for token, vector in zip(doc, own, strict=True):
        assert vector.any() or token.is_space


def test_without_folding_they_are_others(encoders, make_layer, words):
    doc = words.make_doc(PAIRS[0][0])
    on, off = (token_vectors(make_layer(encoders["cased"], folding=f), doc) for f in (True, False))
    assert abs(on - off).max() > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_ascii_texts_have_the_same_vectors_to_the_bit(encoders, make_layer, words, family: str):
    for text in ("BRCA1 in breast  cancer\nof mice (p < 0.05).", "x"):
        doc = words.make_doc(text)
        on, off = (token_vectors(make_layer(encoders[family], folding=f), doc) for f in (True, False))
        numpy.testing.assert_array_equal(on, off)


def test_long_docs_have_every_token(encoders, make_layer, words):
    doc = words.make_doc(" ".join(text for text, _ in PAIRS * 20))
    model = make_layer(encoders["roberta"], folding=True)
    found = token_vectors(model, doc)
    assert len(model.predict([doc]).doc_data[0].wordpieces) > 1
    assert all(found[token.i].any() for token in doc)


def pipeline(encoder: Path, **settings: Any) -> Language:
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    nlp.add_pipe("transformer", config={"model": {**TRANSFORMER, "name": str(encoder), **settings}})
    pooling = {"@layers": "reduce_mean.v1"}
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "pooling": pooling}
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": {**listener, "grad_factor": 1.0}}
    nlp.add_pipe("bioner", config={"model": heads})
    return initialized(nlp)


TRANSFORMER = {"@architectures": "spacy-bioner.TransformerModel.v1", "precision": "float32"}


def initialized(nlp: Language) -> Language:
    doc = nlp.make_doc("IL-2 beta")
    doc.ents = [Span(doc, 0, 3, label="Gene")]
    set_annotation(doc, Annotation("genes", ("Gene",)))
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    return nlp


def scores(nlp: Language, text: str) -> numpy.ndarray:
    """What the heads say of each token."""
    doc = nlp.make_doc(text)
    for _, pipe in nlp.pipeline[:-1]:
        doc = pipe(doc)
    return nlp.get_pipe("bioner").model.predict([doc]).emissions[0]


@pytest.mark.parametrize("folding", [True, False])
def test_replaced_listeners_keep_the_setting(tiny_encoder: Path, folding: bool, tmp_path: Path):
    nlp = pipeline(tiny_encoder, folding=folding)
    expected = scores(nlp, PAIRS[0][0])
    assert bool(abs(expected - scores(nlp, PAIRS[0][1])).max() < 1e-6) is folding
    nlp.replace_listeners("transformer", "bioner", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    assert nlp.config["components"]["bioner"]["model"]["tok2vec"]["folding"] is folding
    numpy.testing.assert_allclose(scores(nlp, PAIRS[0][0]), expected, atol=1e-6)
    nlp.to_disk(tmp_path)
    numpy.testing.assert_allclose(scores(spacy.load(tmp_path), PAIRS[0][0]), expected, atol=1e-6)


def test_a_config_without_the_setting_gets_it(tiny_encoder: Path, tmp_path: Path):
    nlp = pipeline(tiny_encoder)
    nlp.to_disk(tmp_path)
    config = spacy.util.load_config(tmp_path / "config.cfg")
    assert config["components"]["transformer"]["model"].pop("folding") is True
    config.to_disk(tmp_path / "config.cfg")
    loaded = spacy.load(tmp_path)
    assert loaded.config["components"]["transformer"]["model"]["folding"] is True
    numpy.testing.assert_array_equal(scores(loaded, PAIRS[0][0]), scores(nlp, PAIRS[0][1]))
    off = spacy.load(tmp_path, config={"components.transformer.model.folding": False})
    assert abs(scores(off, PAIRS[0][0]) - scores(nlp, PAIRS[0][0])).max() > 1e-4


@pytest.mark.parametrize("folding", [True, False])
def test_in_onnx_runtime_it_is_the_same(tiny_encoder: Path, folding: bool, tmp_path: Path):
    from spacy_bioner.training.onnx_export import to_onnx

    nlp = pipeline(tiny_encoder, folding=folding)
    nlp.to_disk(tmp_path / "torch")
    to_onnx(spacy.load(tmp_path / "torch"), "float32").to_disk(tmp_path / "onnx")
    loaded = spacy.load(tmp_path / "onnx")
    assert loaded.config["components"]["transformer"]["model"]["folding"] is folding
    for text in PAIRS[0]:
        numpy.testing.assert_allclose(scores(loaded, text), scores(nlp, text), atol=1e-3)


# -- the CNN -----------------------------------------------------------------------------------------------


def cnn(embed: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """The config of a small `tok2vec`."""
    attributes = {"attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"], "rows": [200] * 4}
    stock = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "include_static_vectors": False}
    encode = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 16, "depth": 2}
    return {
        "@architectures": "spacy-bioner.FoldedTok2Vec.v1",
        "embed": embed or stock | attributes,
        "encode": encode | {"window_size": 1, "maxout_pieces": 2},
        **settings,
    }


def made(words: Language, **settings: Any) -> Model:
    spacy.util.fix_random_seed(0)
    model = registry.resolve({"model": cnn(**settings)})["model"]
    model.initialize([words.make_doc("IL-2 beta")])
    return model


def vector_list(model: Model, words: Language, text: str) -> list[list[float]]:
    return model.predict([words.make_doc(text)])[0].tolist()


CHARACTERS = {"@architectures": "spacy.CharacterEmbed.v2", "width": 16, "rows": 100, "nM": 8, "nC": 4}


@pytest.mark.parametrize("embed", [None, CHARACTERS | {"include_static_vectors": False, "feature": "NORM"}])
def test_the_cnn_s_tokens_have_the_vectors_of_their_ascii_spelling(words, embed):
    model = made(words, embed=embed)
    for text, spelling in PAIRS:
        own, expected = vector_list(model, words, text), vector_list(model, words, spelling)
        if "±" in text:
            words_ = ["10", "+/-", "2", "microM", "(", ">=", "3", ")"]  # as one token each
            expected = model.predict([Doc(words.vocab, words=words_)])[0].tolist()
        numpy.testing.assert_allclose(own, expected, atol=1e-6)


def test_the_cnn_s_vectors_of_ascii_texts_are_those_without_folding(words):
    on, off = made(words), made(words, folding=False)
    plain = on.layers[0]
    for text in ("IL-2 in breast cancer", ""):
        assert vector_list(on, words, text) == vector_list(off, words, text)
        assert vector_list(on, words, text) == vector_list(plain, words, text)
    assert vector_list(on, words, "β") != vector_list(off, words, "β") == vector_list(plain, words, "β")


def test_line_breaks_are_not_seen_by_the_cnn(words):
    on = made(words)
    first, break_, second = vector_list(on, words, "breast\ncancer")
    assert [first, second] == vector_list(on, words, "breast cancer")
    assert not any(break_)


def test_blank_tokens_have_vectors_of_zeros_and_are_not_seen(words):
    model = made(words)
    doc = words.make_doc(NBSP)
    assert [token.text for token in doc] == [
        "breast",
        "\u00a0",
        "cancer",
        "\u2009",
        "risk",
        "\u00a0",
        "in",
        "mice",
    ]
    found = model.predict([doc])[0]
    blank = [token.is_space for token in doc]
    assert not found[blank].any()
    expected = model.predict([words.make_doc("breast cancer risk in mice")])[0]
    numpy.testing.assert_allclose(found[[not b for b in blank]], expected, atol=1e-6)


@given(text=texts)
def test_a_folded_doc_has_the_tokens_that_are_left(words, text: str):
    doc = words.make_doc(text)
    folded, kept = fold_doc(doc)
    numbers = range(len(doc)) if kept is None else kept
    assert len(folded) == len(numbers)
    for i, token in zip(numbers, folded, strict=True):
        assert token.text == (fold(doc[int(i)].text).strip(" ") or doc[int(i)].text)
    plain = all(token.text.isascii() and not token.is_space for token in doc)
    assert (folded is doc) == plain
    assert doc.text == text


def test_gradients_go_where_the_vectors_came_from(words):
    """With a blank token or without, the weights learn the same."""
    gradients = []
    for text in ("β breast cancer", "β breast\u00a0cancer"):
        model = made(words)
        doc = words.make_doc(text)
        (found,), backprop = model.begin_update([doc])
        d = numpy.ones_like(found)
        d[[token.is_space for token in doc]] = 100.0
        backprop([d])
        gradients.append([gradient for _, gradient in model.get_gradients().values()])
    for a, b in zip(*gradients, strict=True):
        numpy.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.fixture
def small() -> Language:
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    nlp.add_pipe("tok2vec", config={"model": cnn()})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    nlp.add_pipe(
        "bioner", config={"model": {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": listener}}
    )
    return initialized(nlp)


def test_the_cnn_is_saved_with_the_setting(small: Language, tmp_path: Path):
    expected = scores(small, PAIRS[0][0])
    small.to_disk(tmp_path)
    loaded = [
        spacy.load(tmp_path),
        spacy.blank("en").from_config(small.config).from_bytes(small.to_bytes()),
        pickle.loads(pickle.dumps(small)),
    ]
    for nlp in loaded:
        numpy.testing.assert_array_equal(scores(nlp, PAIRS[0][0]), expected)
        numpy.testing.assert_allclose(scores(nlp, PAIRS[0][1]), expected, atol=1e-6)
    off = spacy.load(tmp_path, config={"components.tok2vec.model.folding": False})
    assert abs(scores(off, PAIRS[0][0]) - expected).max() > 1e-4
    numpy.testing.assert_array_equal(scores(off, PAIRS[0][1]), scores(small, PAIRS[0][1]))


def test_the_cnn_with_replaced_listeners(small: Language, tmp_path: Path):
    expected = scores(small, PAIRS[0][0])
    small.replace_listeners("tok2vec", "bioner", ["model.tok2vec"])
    small.remove_pipe("tok2vec")
    small.to_disk(tmp_path)
    for nlp in (small, spacy.load(tmp_path)):
        numpy.testing.assert_array_equal(scores(nlp, PAIRS[0][0]), expected)


# -- mentions across blank tokens ---------------------------------------------------------------------------


def finds(nlp: Language, words: set[str]) -> None:
    """Makes the heads find mentions of some words; blank tokens have scores against it."""

    def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[HeadScores, Any]:
        return HeadScores([emissions(doc) for doc in docs], numpy.zeros((1, 3, 3), dtype="float32")), None

    def emissions(doc: Doc) -> numpy.ndarray:
        made = numpy.zeros((len(doc), 1, 3), dtype="float32")
        inside = False
        for token in doc:
            if token.text in words:
                made[token.i, 0, I if inside else B] = 9.0
            else:
                made[token.i, 0, O] = 9.0
            inside = token.text in words or (inside and token.is_space)
        return made

    bioner = nlp.get_pipe("bioner")
    attrs = {DECODER: bioner.model.attrs[DECODER], "types": list(bioner.labels)}
    bioner.model = Model("found", forward, attrs=attrs)
    bioner.model.set_ref("heads", bioner.model)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a breast\u00a0cancer b", ["breast\u00a0cancer"]),
        ("a breast  cancer b", ["breast  cancer"]),
        ("\u00a0breast\u00a0", ["breast"]),
        ("a breast\u00a0", ["breast"]),
        ("\u00a0\u2009", []),
        ("a breast\ncancer b", ["breast\ncancer"]),
        ("\nbreast\n\n", ["breast"]),
        ("\n", []),
    ],
)
def test_a_mention_goes_on_behind_a_blank_token(small: Language, text: str, expected: list[str]):
    finds(small, {"breast", "cancer"})
    assert [ent.text for ent in small(text).ents] == expected


@pytest.mark.parametrize(
    ("text", "start", "end", "blank"),
    [
        ("breast\u00a0cancer risk", 0, 3, 1),
        ("\u00a0breast cancer risk", 0, 3, 0),
        ("\u00a0breast cancer risk", 1, 3, 0),
        ("breast cancer\u2009risk", 0, 3, 2),
    ],
)
def test_blank_tokens_teach_nothing(small: Language, text: str, start: int, end: int, blank: int):
    """The loss of a text with a blank token is that of the text without, and its own gradient zero.

    Also if the gold mention begins or ends with it: its first word is where it begins.
    """
    bioner = small.get_pipe("bioner")
    found = []
    for words, place in (("breast cancer risk", (0, 2)), (text, (start, end))):
        reference = small.make_doc(words)
        reference.ents = [Span(reference, *place, label="Gene")]
        set_annotation(reference, Annotation("genes", ("Gene",)))
        example = Example(small.make_doc(words), reference)
        values = [[1.0, 2.0, 0.5], [0.0, 1.0, 3.0], [2.0, 0.0, 1.0]]
        if words == text:
            assert len(reference) == 4
            values.insert(blank, [50.0, 0.0, 0.0])
        emissions = numpy.array(values, dtype="float32")[:, None]
        transitions = numpy.zeros((1, 3, 3), dtype="float32")
        found.append(bioner.get_loss([example], HeadScores([emissions], transitions)))
    (loss, gradient), (with_blank, other) = found
    assert loss == pytest.approx(with_blank)
    assert not other.emissions[0][blank].any()
    numpy.testing.assert_allclose(
        numpy.delete(other.emissions[0], blank, axis=0), gradient.emissions[0], atol=1e-6
    )
    numpy.testing.assert_allclose(other.transitions, gradient.transitions, atol=1e-6)
