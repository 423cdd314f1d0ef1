"""The probabilities of O, B and I at each token, as a `bioner` of a pipeline gives them."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.array_types import Array
from spacy_bioner.components.supervision import words_of
from spacy_bioner.models.decoder import decoder_of

if TYPE_CHECKING:
    from spacy_bioner.components.bioner import BioNER


def token_probabilities(
    nlp: Language,
    name: str,
    docs: Iterable[Doc],
    *,
    batch_size: int | None = None,
    temperature: float = 1.0,
) -> list[Array]:
    """Runs the components before a `bioner`, and gives the probabilities of its heads.

    Args:
        nlp: the pipeline.
        name: the name of its `bioner`.
        docs: tokenized texts that no other component has seen.
        batch_size: how many go through together; the pipeline's own number if None.
        temperature: what the scores are divided by, beside the temperatures that the component has.

    Returns:
        For each Doc an array of shape (tokens, types, 3), the types as the component's `labels` have them.
        White space is O.
    """
    component: BioNER = nlp.get_pipe(name)  # type: ignore[assignment]
    size = batch_size or nlp.batch_size
    temperatures = [component.cfg["temperature"].get(label, 1.0) * temperature for label in component.labels]
    found: list[Array] = []
    with nlp.select_pipes(disable=nlp.pipe_names[nlp.pipe_names.index(name) :]):
        stream = nlp.pipe(docs, batch_size=size)
        while batch := list(islice(stream, size)):
            scores, decoder = component.model.predict(batch), decoder_of(component.model)
            found += decoder.marginals(component.model, scores, words_of(batch), temperatures)
    return found
