"""The factory `bioner`: what `nlp.add_pipe("bioner")` makes, and its default settings."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Model

from spacy_bioner.components.bioner import BioNER
from spacy_bioner.components.default_tok2vec import default_tok2vec
from spacy_bioner.components.spans import SPANS_KEY

DEFAULT_MODEL = {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": default_tok2vec()}


@Language.factory(
    "bioner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "spans_key": SPANS_KEY,
        "threshold": 0.0,
        "types": None,
        "label_map": {},
        "overwrite_ents": False,
        "scorer": {"@scorers": "spacy-bioner.bioner_scorer.v1", "spans_key": SPANS_KEY},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "spans_bioner_f": 0.0,
        "spans_bioner_p": None,
        "spans_bioner_r": None,
        "spans_bioner_per_type": None,
    },
)
def make_bioner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Any],
    spans_key: str,
    threshold: float | dict[str, float],
    types: list[str] | None,
    label_map: dict[str, str],
    overwrite_ents: bool,
    scorer: Callable | None,
) -> BioNER:
    """Makes the component `bioner`; the arguments are `BioNER`'s."""
    return BioNER(
        nlp,
        model,
        name,
        spans_key=spans_key,
        threshold=threshold,
        types=types,
        label_map=label_map,
        overwrite_ents=overwrite_ents,
        scorer=scorer,
    )
