"""On a GPU `bioner` finds what it finds on the CPU, and old types stay when a new one is learned there."""

from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import CupyOps, use_ops

from spacy_bioner.components.spans import scored_spans
from spacy_bioner.corpora.annotations import Annotation, set_annotation

pytestmark = pytest.mark.gpu
TEXTS = [
    ("BRCA1 breast cancer risk", [(0, 1, "Gene"), (0, 3, "Disease")]),
    ("aspirin treats pain in mice", [(2, 3, "Disease")]),
    ("EGFR KRAS TP53", [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]),
]


@pytest.fixture
def on_gpu() -> Iterator[None]:
    cupy = pytest.importorskip("cupy", reason="needs cupy")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"needs a GPU: {error}")
    with use_ops("cupy"):
        yield


def example(nlp: spacy.Language, text: str, spans: list, types: tuple[str, ...]) -> Example:
    reference = nlp.make_doc(text)
    reference.spans["bioner"] = [Span(reference, *span) for span in spans]
    set_annotation(reference, Annotation("made up", types))
    return Example(nlp.make_doc(text), reference)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that was trained on the CPU."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner")
    examples = [example(nlp, *text, ("Disease", "Gene")) for text in TEXTS]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    folder = tmp_path_factory.mktemp("gpu") / "trained"
    nlp.to_disk(folder)
    return folder


def found(nlp: spacy.Language) -> list[tuple[int, int, str, float]]:
    docs = nlp.pipe([text for text, _ in TEXTS])
    return [
        (s.start, s.end, s.label_, p) for doc in docs for s, p in scored_spans(doc) if s.label_ != "Species"
    ]


def assert_same(these: list, those: list) -> None:
    assert [one[:3] for one in these] == [one[:3] for one in those]
    numpy.testing.assert_allclose([one[3] for one in these], [one[3] for one in those], atol=1e-6)


def test_it_finds_what_it_finds_on_the_cpu_and_learns(trained: Path, on_gpu: None):
    with use_ops("numpy"):
        expected = found(spacy.load(trained))
    assert expected
    nlp = spacy.load(trained)
    bioner = nlp.get_pipe("bioner")
    assert isinstance(bioner.model.ops, CupyOps)
    numpy.testing.assert_allclose([one[3] for one in found(nlp)], [one[3] for one in expected], atol=1e-4)
    assert [one[:3] for one in found(nlp)] == [one[:3] for one in expected]

    before = found(nlp)
    bioner.add_label("Species")
    heads = {node.id for node in bioner.model.get_ref("tok2vec").walk()}
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.05
    new = example(nlp, "pain in mice", [(2, 3, "Species")], ("Species",))
    for _ in range(40):
        nlp.update([new], sgd=False)
        bioner.finish_update(lambda key, w, g: (w, g * 0) if key[0] in heads else optimizer(key, w, g))
    assert_same(found(nlp), before)
    assert (2, 3, "Species") in [(s.start, s.end, s.label_) for s, _ in scored_spans(nlp("pain in mice"))]
