"""The factory `relations`: what `nlp.add_pipe("relations")` makes, and its default settings."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from thinc.api import Model

from spacy_bioner.components.default_tok2vec import default_tok2vec
from spacy_bioner.components.relations import Relations

DEFAULT_MODEL = {"@architectures": "spacy-bioner.PooledSpans.v1", "hidden": 128, "tok2vec": default_tok2vec()}


@Language.factory(
    "relations",
    assigns=["doc._.relations"],
    default_config={
        "model": DEFAULT_MODEL,
        "level": "mention",
        "window": "sentence",
        "directed": True,
        "exclusive": False,
        "threshold": 0.5,
        "spans_key": "bioner",
        "label_map": {},
        "most_pairs": 1000,
        "scorer": {"@scorers": "spacy-bioner.relations_scorer.v1"},
    },
    default_score_weights={
        "relations_best_f": 1.0,
        "relations_ap": 0.0,
        "relations_f": 0.0,
        "relations_p": 0.0,
        "relations_r": 0.0,
        "relations_per_type": None,
        "relations_out_of_reach": None,
    },
)
def make_relations(
    nlp: Language,
    name: str,
    model: Model[list[Any], Any],
    level: str,
    window: str,
    directed: bool,
    exclusive: bool,
    threshold: float,
    spans_key: str,
    label_map: dict[str, str],
    most_pairs: int,
    scorer: Callable | None,
) -> Relations:
    """Makes the component `relations`; the arguments are `Relations`'s."""
    return Relations(
        nlp,
        model,
        name,
        level=level,
        window=window,
        directed=directed,
        exclusive=exclusive,
        threshold=threshold,
        spans_key=spans_key,
        label_map=label_map,
        most_pairs=most_pairs,
        scorer=scorer,
    )
