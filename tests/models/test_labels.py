"""Label sets: entities by the rule of tags.py, probabilities by counting, and what gold annotation allows."""

import itertools

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents.tags import SCHEMES, decode, encode
from spacy_bioner.errors import TagError
from spacy_bioner.models.crf import B, I, O
from spacy_bioner.models.labels import (
    allowed_labels,
    check_scheme,
    find_spans,
    make_label_set,
    scheme_of,
    span_probabilities,
)

LABELS = {
    "IOB1": ("O", "B-Gene", "I-Gene", "I-Drug", "B-Drug"),
    "IOB2": ("O", "B-Gene", "I-Gene", "B-Drug", "I-Drug"),
    "IOBES": ("B-Gene", "I-Gene", "E-Gene", "S-Gene", "O", "B-Drug", "I-Drug", "E-Drug", "S-Drug"),
    "BILOU": ("O", "B-Gene", "I-Gene", "L-Gene", "U-Gene", "U-Drug", "L-Drug", "I-Drug", "B-Drug"),
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def beginnings(lengths: list[int]) -> numpy.ndarray:
    first = numpy.zeros(sum(lengths), dtype=bool)
    first[numpy.cumsum([0, *lengths[:-1]])] = True
    return first


@every_scheme
@given(data=st.data())
def test_entities_are_those_of_the_rule_for_tags(scheme, data):
    """Whatever labels come: sequences that break the scheme too."""
    label_set = make_label_set(LABELS[scheme])
    sequences = data.draw(
        st.lists(
            st.lists(st.integers(0, len(label_set.labels) - 1), min_size=1, max_size=8),
            min_size=1,
            max_size=3,
        )
    )
    first = beginnings([len(sequence) for sequence in sequences])
    starts, ends, types = find_spans(label_set, numpy.concatenate(sequences), first)
    expected, before = [], 0
    for sequence in sequences:
        spans, _ = decode([label_set.labels[i] for i in sequence], scheme)
        expected += [(start + before, end + before, name) for start, end, name in spans]
        before += len(sequence)
    found = zip(starts.tolist(), ends.tolist(), (label_set.types[k] for k in types), strict=True)
    assert list(found) == expected


@every_scheme
def test_probabilities_are_those_of_counting(scheme):
    """Every way to label four tokens, each with its probability; two sequences behind each other."""
    label_set = make_label_set(LABELS[scheme])
    random = numpy.random.default_rng(0)
    for lengths in ([3], [1, 2]):
        first = beginnings(lengths)
        shares = random.dirichlet(numpy.ones(len(label_set.labels)), size=sum(lengths))
        counted: dict[tuple[int, int, int], float] = {}
        for labels in itertools.product(range(len(label_set.labels)), repeat=sum(lengths)):
            probability = shares[range(sum(lengths)), labels].prod()
            for span in zip(*find_spans(label_set, numpy.array(labels), first), strict=True):
                counted[tuple(map(int, span))] = counted.get(tuple(map(int, span)), 0.0) + probability
        assert len(counted) == sum(length * (length + 1) for length in lengths)  # two types
        for (start, end, kind), probability in counted.items():
            (found,) = span_probabilities(
                label_set, shares, first, kind, numpy.array([start]), numpy.array([end])
            )
            assert found == pytest.approx(probability, abs=1e-12)


def gold_arrays(spans, length, types):
    """What the component makes of gold mentions."""
    allowed = numpy.zeros((length, len(types), 3), dtype=bool)
    allowed[:, :, O] = True
    for start, end, name in spans:
        column = types.index(name)
        allowed[start:end, column] = False
        allowed[start, column, B] = True
        allowed[start + 1 : end, column, I] = True
    return allowed


SPANS = [(0, 1, "Gene"), (1, 3, "Gene"), (3, 6, "Drug"), (7, 8, "Drug"), (8, 9, "Gene")]


@every_scheme
def test_gold_annotation_allows_the_tags_of_the_scheme_alone(scheme):
    label_set = make_label_set(LABELS[scheme])
    counts = numpy.array([True, True])
    allowed = allowed_labels(label_set, scheme, gold_arrays(SPANS, 10, label_set.types), counts)
    assert (allowed.sum(axis=1) == 1).all()
    tags = [label_set.labels[i] for i in allowed.argmax(axis=1)]
    assert tags == encode(SPANS, 10, scheme)


@every_scheme
def test_types_that_are_not_annotated_may_be_anywhere(scheme):
    label_set = make_label_set(LABELS[scheme])
    genes = gold_arrays([(1, 2, "Gene")], 3, label_set.types)
    counts = numpy.array([name == "Gene" for name in label_set.types])
    allowed = allowed_labels(label_set, scheme, genes, counts)
    for i, is_gene in enumerate((False, True, False)):
        names = {label_set.labels[k] for k in numpy.flatnonzero(allowed[i])}
        if is_gene:
            assert names == {encode([(1, 2, "Gene")], 3, scheme)[1]}
        else:
            assert names == {label for label in label_set.labels if not label.endswith("Gene")}


@every_scheme
def test_missing_annotation_allows_everything_and_overlaps_nothing(scheme):
    label_set = make_label_set(LABELS[scheme])
    counts = numpy.array([True, True])
    missing = numpy.ones((3, 2, 3), dtype=bool)
    allowed = allowed_labels(label_set, scheme, missing, counts)
    assert allowed[1].all()
    assert allowed.any(axis=1).all()  # at the ends some can't be: no B of IOB1 without a mention before it
    overlap = gold_arrays([(0, 1, "Gene"), (0, 2, "Drug")], 2, label_set.types)
    allowed = allowed_labels(label_set, scheme, overlap, counts)
    assert not allowed[0].any()
    assert allowed[1].any()


def test_labels_of_one_letter_merge_neighbours():
    label_set = make_label_set(["O", "I-Gene"])
    assert scheme_of(label_set) == "IOB1"
    spans = [(0, 1, "Gene"), (1, 2, "Gene")]
    allowed = allowed_labels(label_set, "IOB1", gold_arrays(spans, 3, ("Gene",)), numpy.array([True]))
    assert allowed.argmax(axis=1).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "need O and a type to find, and are none"),
        (["O"], "need O and a type"),
        (["B-Gene", "I-Gene"], "need O and a type"),
        (["O", "B", "I"], "the label 'B' has no type"),
        (["O", "B-Gene", "B-Gene"], "'B-Gene' stands there twice"),
        (["O", "B-Gene", "E-Gene", "L-Gene"], "mix the letters of several schemes: B, E, L"),
        (["O", "X-Gene"], "'X-Gene' isn't a tag"),
        (["O", "Gene"], "'Gene' isn't a tag"),
    ],
)
def test_what_is_no_label_set_is_refused(labels: list[str], message: str):
    with pytest.raises(TagError, match=message):
        make_label_set(labels)


def test_several_labels_may_mean_nothing():
    label_set = make_label_set(["O", "B-Gene", "I-Gene", "O"])
    assert label_set.types == ("Gene",)
    starts, ends, _ = find_spans(label_set, numpy.array([3, 1, 3, 0]), beginnings([4]))
    assert (starts.tolist(), ends.tolist()) == ([1], [2])


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (["O", "B-Gene", "I-Gene"], "IOB2"),
        (["O", "B-Gene"], "IOB2"),
        (["O", "B-Gene", "E-Gene", "S-Gene"], "IOBES"),
        (["O", "U-Gene"], "BILOU"),
    ],
)
def test_scheme_of_labels(labels: list[str], scheme: str):
    assert scheme_of(make_label_set(labels)) == scheme
    assert check_scheme(make_label_set(labels), "") == scheme
    assert check_scheme(make_label_set(labels), scheme) == scheme


def test_iob1_is_said_and_other_schemes_are_checked():
    label_set = make_label_set(["O", "B-Gene", "I-Gene"])
    assert check_scheme(label_set, "IOB1") == "IOB1"
    with pytest.raises(TagError, match="don't follow 'IO', one of IOB1"):
        check_scheme(label_set, "IO")
    with pytest.raises(TagError, match="don't follow 'IOB2'"):
        check_scheme(make_label_set(["O", "S-Gene"]), "IOB2")
