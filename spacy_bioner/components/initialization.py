"""Initializing a `bioner` on training data: which types get a head, and what can't be learned."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.components.mention_statistics import MentionStatistics
from spacy_bioner.components.warm_start import find_source, take_over
from spacy_bioner.terminal import warn

if TYPE_CHECKING:
    from spacy_bioner.components.bioner import BioNER

_SAMPLE = 10  # Docs that the model is initialized with


def initialize_heads(
    component: "BioNER",
    get_examples: Callable[[], Iterable[Example]],
    given: Sequence[str],
    labels: Sequence[str] | None,
    heads_from: str | None,
    keep_types: bool,
) -> None:
    """Adds a head for each type and initializes the model; mentions that can't be learned are told.

    Args:
        component: the component.
        get_examples: gives examples of the training data.
        given: the types that the model has by its architecture, and not from data.
        labels, heads_from, keep_types: see `BioNER.initialize`, as for what is raised.
    """
    source = find_source(heads_from) if heads_from is not None else None
    mentions = MentionStatistics()
    sample: list[Doc] = []
    for example in get_examples():
        mentions.add(example, component.naming)
        if len(sample) < _SAMPLE:
            sample.append(example.predicted)
    # what was added before begins anew with the encoder, if it isn't taken over
    taken = source.labels if source is not None else ()
    added = [name for name in component.labels if name not in (*given, *taken)]
    types = list(labels) if labels is not None else mentions.types
    if mentions.annotated_docs or not (types or component.labels):  # spaCy initializes without examples too
        mentions.check(component.name, types, added)
    for told in mentions.warnings({*added, *types} if labels is not None else None):
        warn(f"'{component.name}': {told}", stacklevel=3)
    for entity_type in dict.fromkeys((*(taken if keep_types else ()), *component.labels, *types)):
        component.add_label(entity_type)
    component.cfg["temperature"] = {}
    component.model.initialize(X=sample)
    if source is not None:
        take_over(component, source)
