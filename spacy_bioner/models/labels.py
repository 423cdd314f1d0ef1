"""One label set for all entity types: from labels to entities, their probabilities, and what gold allows.

Each token has one label, the most probable one, whatever its neighbours have, as in transformers. Labels
become entities by the rule of `documents.tags`, which takes every sequence. By that rule it depends on two
neighbours alone whether an entity begins, goes on or ends between them, so the probability that labels drawn
for each token independently give exactly some entity is a product over its tokens.

Arrays are numpy's. The tokens of several sequences stand behind each other, `first` says where one begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from spacy_bioner.array_types import Array
from spacy_bioner.documents.tags import SCHEMES, Scheme, split_tag
from spacy_bioner.errors import TagError
from spacy_bioner.models.crf import B, I, O

_BEGINS, _CLOSES = frozenset("BSU"), frozenset("ESLU")
_LETTERS: dict[Scheme, frozenset[str]] = {
    "IOB1": frozenset("BI"),
    "IOB2": frozenset("BI"),
    "IOBES": frozenset("BIES"),
    "BILOU": frozenset("BILU"),
}


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels of a classifier, in the order of its scores.

    Attributes:
        labels: "O", or a letter and a type: "B-Disease". Several may be "O".
        types: the types in them, in order of appearance.
        letters: the letter of each label.
        owner: (labels,), the number of each label's type; -1 for "O".
        begins: (labels,), whether it begins an entity whatever is before it.
        closes: (labels,), whether its entity ends with it.
    """

    labels: tuple[str, ...]
    types: tuple[str, ...]
    letters: tuple[str, ...]
    owner: Array
    begins: Array
    closes: Array


def make_label_set(labels: Sequence[str]) -> LabelSet:
    """Makes a label set; raises TagError if these labels can't be one, and says why."""
    parts = []
    for label in labels:
        letter, entity_type = split_tag(label)
        if letter != "O" and not entity_type:
            raise TagError(f"the label '{label}' has no type: name it [B256]")
        parts.append((letter, entity_type))
    letters, types = [letter for letter, _ in parts], [entity_type for _, entity_type in parts]
    used = set(letters) - {"O"}
    twice = sorted({label for label in labels if label != "O" and list(labels).count(label) > 1})
    if twice:
        raise TagError(f"the label '{twice[0]}' stands there twice [B257]")
    if "O" not in letters or not used:
        raise TagError(f"the labels need O and a type to find, and are {', '.join(labels) or 'none'} [B258]")
    if not any(used <= letters_of for letters_of in _LETTERS.values()):
        raise TagError(f"the labels mix the letters of several schemes: {', '.join(sorted(used))} [B259]")
    known = list(dict.fromkeys(filter(None, types)))
    return LabelSet(
        tuple(labels),
        tuple(known),
        tuple(letters),
        numpy.array([known.index(name) if name else -1 for name in types]),
        numpy.array([letter in _BEGINS for letter in letters]),
        numpy.array([letter in _CLOSES for letter in letters]),
    )


def scheme_of(label_set: LabelSet) -> Scheme:
    """The scheme of a label set; IOB2 for letters that IOB1 has as well, and IOB1 where B is missing."""
    used = set(label_set.letters) - {"O"}
    if used == {"I"}:
        return "IOB1"
    return next(scheme for scheme in ("IOB2", "IOBES", "BILOU", *SCHEMES) if used <= _LETTERS[scheme])


def check_scheme(label_set: LabelSet, scheme: str) -> Scheme:
    """The scheme, if labels can follow it; that of `scheme_of` if it is empty. Raises TagError otherwise."""
    for known in SCHEMES:
        if known == scheme and set(label_set.letters) - {"O"} <= _LETTERS[known]:
            return known
    if scheme:
        raise TagError(
            f"the labels {', '.join(label_set.labels)} don't follow '{scheme}', one "
            f"of {', '.join(SCHEMES)} [B260]"
        )
    return scheme_of(label_set)


def find_spans(label_set: LabelSet, best: Array, first: Array) -> tuple[Array, Array, Array]:
    """The entities in the labels of some tokens, by the rule of `spacy_bioner.documents.tags`.

    Args:
        label_set: the labels.
        best: (tokens,), the number of each token's label.
        first: (tokens,), whether a sequence begins there.

    Returns:
        First token, the one after the last, and number of the type of each entity, in order.
    """
    owner, closes = label_set.owner[best], label_set.closes[best]
    inside = owner >= 0
    # whether the label before is of the same type, and its entity not closed
    before = numpy.concatenate([[-1], numpy.where(closes, -1, owner)[:-1]])
    goes_on = inside & ~label_set.begins[best] & (before == owner) & ~first
    starts = numpy.flatnonzero(inside & ~goes_on)
    followed = numpy.append(goes_on[1:], False)
    ends = numpy.flatnonzero(inside & ~followed) + 1
    return starts, ends, owner[starts]


def token_probabilities(label_set: LabelSet, shares: Array, first: Array, kind: int) -> tuple[Array, Array]:
    """The probabilities that each token begins an entity of one type, and that it goes on with one.

    What goes on an open entity begins one where there is none, as in IOB1. The arguments are those of
    `span_probabilities`.

    Returns:
        Two arrays of (tokens,).
    """
    own = label_set.owner == kind
    begins = shares[:, own & label_set.begins].sum(axis=1)
    goes_on = shares[:, own & ~label_set.begins].sum(axis=1)
    open_ = shares[:, own & ~label_set.closes].sum(axis=1)
    fresh = numpy.where(first, 1.0, 1.0 - numpy.roll(open_, 1))
    return begins + goes_on * fresh, goes_on * (1.0 - fresh)


def span_probabilities(
    label_set: LabelSet, shares: Array, first: Array, kind: int, starts: Array, ends: Array
) -> list[float]:
    """The probability of entities of one type: that labels drawn independently give exactly each of them.

    Args:
        label_set: the labels.
        shares: (tokens, labels), the probability of each label.
        first: (tokens,), whether a sequence begins there.
        kind: the number of the type.
        starts, ends: of the entities; `ends` are exclusive.
    """
    own = label_set.owner == kind
    opening = shares[:, own & label_set.begins & ~label_set.closes].sum(axis=1)  # B
    inner = shares[:, own & ~label_set.begins & ~label_set.closes].sum(axis=1)  # I
    single = shares[:, own & label_set.begins & label_set.closes].sum(axis=1)  # S, U
    last = shares[:, own & ~label_set.begins & label_set.closes].sum(axis=1)  # E, L
    # what goes on an open entity begins one where there is none
    fresh = numpy.where(first, 1.0, 1.0 - numpy.roll(opening + inner, 1))
    stops = 1.0 - numpy.where(numpy.append(first[1:], True), 0.0, numpy.roll(inner + last, -1))
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        begun = opening[start] + inner[start] * fresh[start]
        if end - start == 1:
            value = single[start] + last[start] * fresh[start] + begun * stops[start]
        else:
            value = begun * inner[start + 1 : end - 1].prod()
            value *= last[end - 1] + inner[end - 1] * stops[end - 1]
        found.append(float(min(value, 1.0)))
    return found


def allowed_labels(label_set: LabelSet, scheme: Scheme, allowed: Array, counts: Array) -> Array:
    """Which labels the gold annotation of one sequence allows.

    Types that it doesn't annotate may be anywhere. A token that belongs to mentions of two types can't have
    the labels of both: nothing is allowed there.

    Args:
        label_set: the labels.
        scheme: the scheme that they follow.
        allowed: (tokens, types, 3), which of O, B and I are allowed for each type.
        counts: (types,), which types are annotated.

    Returns:
        (tokens, labels).
    """
    outside = allowed[:, :, O] | ~counts
    made = numpy.empty((len(allowed), len(label_set.labels)), dtype=bool)
    for column, (letter, kind) in enumerate(zip(label_set.letters, label_set.owner.tolist(), strict=True)):
        if kind < 0:
            made[:, column] = outside.all(axis=1)
            continue
        made[:, column] = numpy.delete(outside, kind, axis=1).all(axis=1)
        if counts[kind]:
            made[:, column] &= _fits(letter, scheme, allowed[:, kind], "B" in label_set.letters)
    return made


def _fits(letter: str, scheme: Scheme, allowed: Array, has_b: bool) -> Array:
    """Where the annotation of one type, (tokens, 3), allows a letter of a scheme, which may have no B."""
    begins, inside = allowed[:, B], allowed[:, I]
    follows = numpy.append(inside[1:], False)  # the next token may go on
    ends = numpy.append(allowed[1:, O] | allowed[1:, B], True)  # or not
    if scheme == "IOB2":
        return begins if letter == "B" else inside
    if scheme == "IOB1":
        near = numpy.append(False, allowed[:-1, B] | allowed[:-1, I])  # the one before may be in a mention
        apart = numpy.append(True, allowed[:-1, O])
        if not has_b:  # nothing could tell neighbours apart
            return begins | inside
        return begins & near if letter == "B" else inside | (begins & apart)
    return {
        "B": begins & follows,
        "I": inside & follows,
        "E": inside & ends,
        "S": begins & ends,
    }[{"L": "E", "U": "S"}.get(letter, letter)]
