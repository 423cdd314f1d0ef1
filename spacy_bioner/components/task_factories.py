"""The factories `pairs` and `answers`, and their default settings."""

from collections.abc import Callable
from typing import Any

from spacy.language import Language
from thinc.api import Model

from spacy_bioner.components.answers import Answers
from spacy_bioner.components.default_tok2vec import default_tok2vec
from spacy_bioner.components.pairs import Pairs

_TOK2VEC = default_tok2vec()


@Language.factory(
    "pairs",
    assigns=["doc.cats", "doc._.similarity"],
    default_config={
        "model": {"@architectures": "spacy-bioner.TwoTexts.v1", "tok2vec": _TOK2VEC},
        "task": "labels",
        "scorer": {"@scorers": "spacy-bioner.pairs_scorer.v1"},
    },
    default_score_weights={"pairs_accuracy": 1.0, "pairs_macro_f": 0.0, "pairs_pearson": 0.0},
)
def make_pairs(
    nlp: Language, name: str, model: Model[list[Any], Any], task: str, scorer: Callable | None
) -> Pairs:
    """Makes the component `pairs`; the arguments are `Pairs`'s."""
    return Pairs(nlp, model, name, task=task, scorer=scorer)


@Language.factory(
    "answers",
    assigns=["doc.spans"],
    default_config={
        "model": {"@architectures": "spacy-bioner.AnswerScores.v1", "tok2vec": _TOK2VEC},
        "spans_key": "answers",
        "written": 5,
        "longest": 30,
        "scorer": {"@scorers": "spacy-bioner.answers_scorer.v1"},
    },
    default_score_weights={"answers_mrr": 1.0, "answers_strict": 0.0, "answers_lenient": 0.0},
)
def make_answers(
    nlp: Language,
    name: str,
    model: Model[list[Any], Any],
    spans_key: str,
    written: int,
    longest: int,
    scorer: Callable | None,
) -> Answers:
    """Makes the component `answers`; the arguments are `Answers`'s."""
    return Answers(nlp, model, name, spans_key=spans_key, written=written, longest=longest, scorer=scorer)
