"""`spacy-bioner.TransformerModel.v1`: its vectors against those of the stock layer and of plain loops."""

import random
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
import torch
from spacy.tokens import Doc
from spacy.util import registry
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData
from spacy_transformers.layers import trfs2arrays
from thinc.api import Model, reduce_mean
from thinc.types import Ragged
from transformers import AutoModel, AutoTokenizer

from spacy_bioner.models.transformer.pieces import lay_out, tokenize, windows

NLP = spacy.blank("en")
FAMILIES = ("cased", "uncased", "albert", "roberta")
TEXTS = [
    "BRCA1 mutations raise the risk of breast cancer.",
    "β-catenin binds TNF-α (κB ≥ 3 ±µ)",
    "a 🧬 b 👩‍🔬 c 𝛼",
    "naïve cafe\u0301 Sjo\u0308gren a\u0323\u0302 \u0301b",
    "non\u00a0breaking\u00a0spaces \u00a0 x",
    "½ﬁ Å x² ㎏ … 한국",
    "zero\u200bwidth soft\u00adhyphen \ufeff x",
    "no [SEP] special </s> pieces [MASK]",
    "x",
]
SPACES = ["many   spaces  and\n\nnewlines\tand tabs", "  leading", " ", "\n", "a\n \nb"]


def token_vectors(datas: list[TransformerData]) -> list[numpy.ndarray]:
    """The mean of each token's word pieces, as listeners make it."""
    if not any(len(data.wordpieces) for data in datas):  # what trfs2arrays can't do
        return [numpy.zeros((0, 32), dtype="float32") for _ in datas]
    return trfs2arrays(reduce_mean(), 1.0).predict(datas)


def vectors(model: Model, docs: list[Doc]) -> list[numpy.ndarray]:
    return token_vectors(model.predict(docs).doc_data)


def assert_close(found: list[numpy.ndarray], expected: list[numpy.ndarray], tolerance: float = 1e-5) -> None:
    assert [len(a) for a in found] == [len(a) for a in expected]
    for a, b in zip(found, expected, strict=True):
        if len(a):
            numpy.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def layers(encoders: dict[str, Path], make_layer: Callable[..., Model]) -> dict[str, Model]:
    """A layer of each family, in float32."""
    return {name: make_layer(folder) for name, folder in encoders.items()}


@pytest.fixture(scope="module")
def stock(encoders: dict[str, Path], make_stock: Callable[..., Model]) -> dict[str, Model]:
    """The stock layer of each family."""
    return {name: make_stock(folder) for name, folder in encoders.items()}


# -- Docs of one window --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_word_pieces_and_their_vectors_are_those_of_the_stock_layer(layers, stock, family: str):
    for text in TEXTS + SPACES:
        (own,), (other,) = (side[family].predict([NLP(text)]).doc_data for side in (layers, stock))
        assert own.wordpieces.lengths == other.wordpieces.lengths
        numpy.testing.assert_array_equal(own.wordpieces.input_ids, other.wordpieces.input_ids)
        states = own.model_output.last_hidden_state
        assert states.shape == other.model_output.last_hidden_state.shape
        numpy.testing.assert_allclose(states, other.model_output.last_hidden_state, rtol=0, atol=1e-5)
        # a special piece that stands in the text may have the space before it
        stripped = [[piece.strip() for piece in window] for window in own.wordpieces.strings]
        assert stripped == other.wordpieces.strings


@pytest.mark.parametrize("family", ["cased", "uncased", "roberta"])
def test_tokens_have_the_vectors_of_the_stock_layer(layers, stock, family: str):
    """ALBERT's differ: the stock layer gives a piece that begins with a space to the token before it too."""
    docs = [NLP(text) for text in TEXTS + SPACES]
    for doc in docs if family != "roberta" else docs[: len(TEXTS)]:
        assert_close(vectors(layers[family], [doc]), vectors(stock[family], [doc]))
    assert_close(vectors(layers[family], docs[len(TEXTS) :]), vectors(stock[family], docs[len(TEXTS) :]))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_space_behind_the_last_token_changes_nothing(layers, family: str):
    """Nor does it with the stock layer, which goes by the text of a span."""
    assert_close(
        vectors(layers[family], [NLP("breast cancer ")]), vectors(layers[family], [NLP("breast cancer")])
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_with_padding_has_the_vectors_of_the_stock_layer_s(layers, stock, family: str):
    docs = [NLP(text) for text in TEXTS]
    own, other = (side[family].predict(docs).doc_data for side in (layers, stock))
    for a, b in zip(own, other, strict=True):
        length = a.wordpieces.lengths[0]
        assert a.wordpieces.input_ids[0].tolist() == b.wordpieces.input_ids[0, :length].tolist()
        numpy.testing.assert_allclose(
            a.model_output.last_hidden_state[0, :length],
            b.model_output.last_hidden_state[0, :length],
            rtol=0,
            atol=1e-5,
        )


def test_an_uncased_encoder_lower_cases_and_strips_accents(layers):
    (upper, lower) = vectors(layers["uncased"], [NLP("NAÏVE Cells"), NLP("naive cells")])
    assert_close([upper], [lower])
    (upper, lower) = vectors(layers["cased"], [NLP("NAIVE Cells"), NLP("naive cells")])
    assert abs(upper - lower).max() > 0.1


def test_a_generic_tokenizer_gives_the_special_pieces_of_its_file(
    encoders: dict[str, Path], make_layer: Callable[..., Model], stock, tmp_path: Path
):
    """PreTrainedTokenizerFast, which ModernBERT has: what it adds is known only to its post-processor."""
    from transformers import PreTrainedTokenizerFast

    AutoModel.from_pretrained(encoders["uncased"]).save_pretrained(tmp_path)
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(
        tokenizer_file=str(encoders["uncased"] / "tokenizer.json"), model_max_length=64, **names
    ).save_pretrained(tmp_path)
    docs = [NLP(text) for text in TEXTS[:2]]
    model = make_layer(tmp_path)
    assert type(model.tokenizer) is PreTrainedTokenizerFast
    assert_close(vectors(model, docs), vectors(stock["uncased"], docs))


# -- Docs of several windows ---------------------------------------------------------------------------

LONG = " ".join(f"{text} ({k})." for k in range(4) for text in TEXTS)


def expected_vectors(folder: Path, doc: Doc, capacity: int, overlap: int) -> numpy.ndarray:
    """One window at a time through transformers' model, and each token's pieces from where they were put."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    encoding = tokenizer(doc.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
    hidden = []
    with torch.no_grad():
        for start, end in windows(len(ids), capacity, overlap):
            framed = torch.tensor([tokenizer.build_inputs_with_special_tokens(ids[start:end])])
            hidden.append(model(framed).last_hidden_state[0, 1:-1].numpy())
    layout = lay_out(doc, tokenize(tokenizer, [doc])[0], capacity, overlap)
    expected = numpy.zeros((len(doc), model.config.hidden_size), dtype="float32")
    places = iter(layout.places)
    for token in doc:
        own = [(a, b) for a, b in offsets if a < token.idx + len(token) and token.idx < b]
        rows = [hidden[window][place] for window, place in (next(places) for _ in own)]
        if rows:
            expected[token.i] = numpy.mean(rows, axis=0)
    return expected


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("window", "overlap"), [(0, 16), (21, 0), (24, 21), (64, 1)])
def test_long_docs_have_the_vectors_of_a_plain_loop_over_their_windows(
    encoders: dict[str, Path], make_layer: Callable[..., Model], family: str, window: int, overlap: int
):
    doc = NLP(LONG)
    model = make_layer(encoders[family], window=window, overlap=overlap)
    capacity = (window or (512 if family == "cased" else 64)) - 2
    expected = expected_vectors(encoders[family], doc, capacity, overlap)
    (data,) = model.predict([doc]).doc_data
    assert len(data.wordpieces) > 1
    assert max(data.wordpieces.lengths) <= capacity + 2
    assert_close(token_vectors([data]), [expected])


def test_a_window_that_the_encoder_has_not_positions_for_is_cut_to_what_it_takes(
    encoders, make_layer, layers
):
    """Also RoBERTa's, whose positions begin behind that of the padding, and whose tokenizer has no limit."""
    for family in ("uncased", "roberta"):
        model = make_layer(encoders[family], window=10_000)
        (data,) = model.predict([NLP("." * 62)]).doc_data
        assert data.wordpieces.lengths == [64]
        (data,) = model.predict([NLP("." * 63)]).doc_data
        assert data.wordpieces.lengths == [42, 42]
        assert_close(vectors(model, [NLP(LONG)]), vectors(layers[family], [NLP(LONG)]))


def test_a_limit_that_the_config_gives_the_tokenizer_is_kept(encoders, make_layer):
    model = make_layer(encoders["uncased"], tokenizer_config={"model_max_length": 32})
    lengths = [model.predict([NLP("." * n)]).doc_data[0].wordpieces.lengths for n in (30, 31)]
    assert lengths == [[32], [26, 26]]


# -- alone, in a batch, in any order ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def hard() -> list[Doc]:
    """Docs that are hard in different ways."""
    huge = "x" * 5000  # a byte-level tokenizer makes a piece a character of it
    words = " ".join("abcdefgh"[k % 8] for k in range(20_000))
    texts = ["", " ", "\n\n", "x", TEXTS[0], "", LONG, f"a {huge} b", TEXTS[1], words, huge]
    return [NLP.make_doc(text) for text in texts]


@pytest.fixture(scope="module")
def alone(layers, hard: list[Doc]) -> list[numpy.ndarray]:
    """The vectors of each of them by itself."""
    return [vectors(layers["roberta"], [doc])[0] for doc in hard]


def test_every_doc_has_a_vector_a_token(hard: list[Doc], alone: list[numpy.ndarray]):
    assert [len(array) for array in alone] == [len(doc) for doc in hard]
    assert len(alone[9]) == 20_000
    for doc, array in zip(hard, alone, strict=True):
        assert numpy.isfinite(array).all()
        assert all(array[token.i].any() for token in doc if not token.is_space)


def test_a_token_of_thousands_of_pieces_has_the_mean_of_all(encoders: dict[str, Path], layers, hard, alone):
    (data,) = layers["roberta"].predict([hard[10]]).doc_data
    assert data.align.lengths.tolist() == [5000]
    assert_close([alone[10]], [expected_vectors(encoders["roberta"], hard[10], 62, 16)], 1e-4)


@pytest.mark.parametrize("order", ["as they are", "reversed", "shuffled"])
def test_docs_have_the_same_vectors_in_a_batch_in_any_order(layers, hard, alone, order: str):
    numbers = list(range(len(hard)))
    if order != "as they are":
        numbers = numbers[::-1] if order == "reversed" else random.Random(1).sample(numbers, len(numbers))
    found = vectors(layers["roberta"], [hard[i] for i in numbers])
    assert_close(found, [alone[i] for i in numbers])


@pytest.mark.parametrize("pieces", [1, 100, 10**9])
def test_docs_have_the_same_vectors_whatever_a_batch_takes(encoders, make_layer, hard, alone, pieces: int):
    model = make_layer(encoders["roberta"], max_batch_pieces=pieces)
    assert_close(vectors(model, hard), alone)


def test_batches_of_docs_without_tokens(layers):
    for docs in ([], [NLP("")], [NLP(""), NLP("")]):
        batch = layers["cased"].predict(docs)
        assert [len(data.wordpieces) for data in batch.doc_data] == [0] * len(docs)
        assert len(batch.wordpieces) == 0
        assert [batch.align.lengths.tolist(), batch.align.dataXd.tolist()] == [[], []]
        assert batch.spans == [[]] * len(docs)


@pytest.fixture(scope="module")
def pipeline(encoders: dict[str, Path]) -> spacy.Language:
    """A `transformer` and nothing else."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-bioner.TransformerModel.v1", "name": str(encoders["roberta"])}
    model |= {"precision": "float32", "overlap": 16, "folding": False}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    return nlp


def test_several_processes_give_the_same(pipeline: spacy.Language):
    texts = ["", TEXTS[0], " ", LONG, TEXTS[1], TEXTS[2]]
    one = list(pipeline.pipe(texts))
    two = list(pipeline.pipe(texts, n_process=2, batch_size=2))
    assert [doc.text for doc in two] == texts
    assert_close(token_vectors([d._.trf_data for d in two]), token_vectors([d._.trf_data for d in one]))
    for a, b in zip(two, one, strict=True):
        assert a._.trf_data.wordpieces.strings == b._.trf_data.wordpieces.strings
        assert a._.trf_data.wordpieces.lengths == b._.trf_data.wordpieces.lengths


def test_a_doc_is_stored_with_its_vectors(pipeline: spacy.Language):
    doc = pipeline(LONG)
    copy = Doc(pipeline.vocab).from_bytes(doc.to_bytes())
    assert_close(token_vectors([copy._.trf_data]), token_vectors([doc._.trf_data]))


def test_a_pipeline_gives_what_the_layer_gives(pipeline: spacy.Language, layers):
    docs = list(pipeline.pipe([LONG, *TEXTS]))
    assert_close(token_vectors([doc._.trf_data for doc in docs]), vectors(layers["roberta"], docs))


# -- the form ----------------------------------------------------------------------------------------------

SHAPES = ["breast cancer in mice", "", LONG, " ", "  pain\n", LONG[40:400], "a"]


@pytest.fixture(scope="module", params=["cased", "roberta"])
def batch(
    request: pytest.FixtureRequest, encoders, make_layer
) -> tuple[FullTransformerBatch, list[Doc], Any]:
    """What a layer says of short, long, white and empty Docs; the Docs; its tokenizer."""
    model = make_layer(encoders[request.param], window=64)
    docs = [NLP(text) for text in SHAPES]
    return model.predict(docs), docs, model.tokenizer


def split(align: Ragged) -> list[numpy.ndarray]:
    """Of each token the places of its pieces."""
    return numpy.split(align.dataXd, numpy.cumsum(align.lengths)[:-1]) if len(align.lengths) else []


def test_what_a_doc_gets_fits_together(batch):
    full, docs, tokenizer = batch
    assert isinstance(full, FullTransformerBatch)
    assert len(full.doc_data) == len(docs)
    for doc, data in zip(docs, full.doc_data, strict=True):
        assert isinstance(data, TransformerData)
        pieces = data.wordpieces
        if not len(doc):
            assert (pieces.strings, pieces.lengths, len(data.align.lengths)) == ([], [], 0)
            continue
        count, width = pieces.input_ids.shape
        assert count == len(pieces) == len(pieces.lengths)
        assert width == max(pieces.lengths)
        assert pieces.attention_mask.tolist() == [
            [float(i < n) for i in range(width)] for n in pieces.lengths
        ]
        for k, length in enumerate(pieces.lengths):
            ids = pieces.input_ids[k].tolist()
            assert pieces.strings[k] == tokenizer.convert_ids_to_tokens(ids)
            assert (ids[0], ids[length - 1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
            assert ids[length:] == [tokenizer.pad_token_id] * (width - length)
        hidden = data.model_output.last_hidden_state
        assert (hidden.shape, hidden.dtype, data.width) == ((count, width, 32), numpy.float32, 32)
        assert data.tensors[0] is hidden
        assert len(data.align.lengths) == len(doc)
        assert len(data.align.dataXd) == sum(data.align.lengths)
        assert all(0 < place % width < pieces.lengths[place // width] - 1 for place in data.align.dataXd)


def test_the_windows_of_a_doc_hold_all_its_pieces(batch):
    full, docs, tokenizer = batch
    for doc, data in zip(docs, full.doc_data, strict=True):
        strings = tokenizer.convert_ids_to_tokens(tokenizer(doc.text, add_special_tokens=False)["input_ids"])
        rows = zip(data.wordpieces.strings, data.wordpieces.lengths, strict=True)
        held = [row[1 : length - 1] for row, length in rows]
        cut = windows(len(strings), 62, 16) if len(doc) else []
        assert held == [strings[start:end] for start, end in cut]


def test_the_arrays_of_the_batch_are_those_of_its_docs(batch):
    full, _, _ = batch
    parts = [data for data in full.doc_data if len(data.wordpieces)]
    hidden = full.model_output.last_hidden_state
    pieces = full.wordpieces
    assert isinstance(hidden, torch.Tensor)
    assert hidden.shape[:2] == pieces.input_ids.shape == pieces.attention_mask.shape
    assert hidden.shape[0] == len(pieces) == sum(len(part.wordpieces) for part in parts)
    assert full.tensors[0] is not None
    row = 0
    for part in parts:
        for k, length in enumerate(part.wordpieces.lengths):
            assert pieces.lengths[row] == length
            assert pieces.strings[row][:length] == part.wordpieces.strings[k][:length]
            numpy.testing.assert_array_equal(
                pieces.input_ids[row, :length], part.wordpieces.input_ids[k, :length]
            )
            assert pieces.attention_mask[row].sum() == length
            numpy.testing.assert_array_equal(
                hidden[row, :length].numpy(), part.model_output.last_hidden_state[k, :length]
            )
            row += 1


def test_tokens_have_the_same_vectors_through_the_batch_and_through_the_doc(batch):
    full, docs, _ = batch
    flat = full.model_output.last_hidden_state.numpy().reshape((-1, 32))
    through_batch = iter(split(full.align))
    for doc, data in zip(docs, full.doc_data, strict=True):
        if len(doc):
            own = data.model_output.last_hidden_state.reshape((-1, 32))
            for places in split(data.align):
                numpy.testing.assert_array_equal(flat[next(through_batch)], own[places])
    assert not list(through_batch)


def test_spans_are_the_tokens_of_each_window(batch):
    full, docs, _ = batch
    for doc, spans, data in zip(docs, full.spans, full.doc_data, strict=True):
        assert len(spans) == len(data.wordpieces)
        assert all(span.doc is doc for span in spans)
        for i, places in enumerate(split(data.align)):
            for place in places:
                span = spans[place // data.wordpieces.input_ids.shape[1]]
                assert span.start <= i < span.end


def test_the_padding_of_the_batch_is_the_tokenizer_s(batch):
    full, _, tokenizer = batch
    for ids, strings in zip(full.wordpieces.input_ids, full.wordpieces.strings, strict=True):
        assert strings == tokenizer.convert_ids_to_tokens(ids.tolist())


def assert_split(full: FullTransformerBatch) -> None:
    """spaCy's way from the arrays of a batch to those of a Doc leads to what the layer gave each Doc."""
    found = FullTransformerBatch.split_by_doc(full)
    assert [len(data.align.lengths) for data in found] == [len(data.align.lengths) for data in full.doc_data]
    assert_close(token_vectors(found), token_vectors(full.doc_data))


def test_a_batch_can_be_split_by_its_spans(layers):
    assert_split(layers["cased"].predict([NLP(text) for text in ("breast cancer", "", "in mice.", LONG)]))


def test_a_batch_with_white_space_around_can_be_split_by_its_spans(layers):
    assert_split(layers["cased"].predict([NLP(text) for text in ("  breast cancer\n\n", "in mice.")]))


def test_annotation_setters_get_the_docs_and_their_batch(pipeline: spacy.Language):
    seen: list[tuple[list[Doc], FullTransformerBatch]] = []
    component = pipeline.get_pipe("transformer")
    kept = component.set_extra_annotations
    component.set_extra_annotations = lambda docs, full: seen.append((docs, full))
    try:
        pipeline("breast cancer")
    finally:
        component.set_extra_annotations = kept
    ((docs, full),) = seen
    assert [token.text for token in chain(*chain(*full.spans))] == ["breast", "cancer"]
    assert docs[0]._.trf_data is full.doc_data[0]


# -- saved and loaded --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_the_same_when_loaded_again(layers, family: str, tmp_path: Path):
    docs = [NLP(text) for text in [*TEXTS, *SPACES, LONG]]
    expected = vectors(layers[family], docs)
    layers[family].to_disk(tmp_path / "model")
    create = registry.architectures.get("spacy-bioner.TransformerModel.v1")
    loaded = create("nowhere", precision="float32", overlap=16, folding=False).from_disk(tmp_path / "model")
    assert_close(vectors(loaded, docs), expected, 0)
