"""What keeps `bioner` from being wrong in silence when it is used in one of spaCy's other ways."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy.tokens import Doc
from thinc.api import Model, Optimizer

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.headings import find_headings
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.decoder import Found
from spacy_bioner.terminal import warn

_USUAL = {"spans_key": "bioner", "label_map": {}}
_LISTENERS = {"tok2vec-listener": "tok2vec", "transformer-listener": "transformer"}
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]{1,7});")


def check_vectors(component: str, model: Model, docs: Sequence[Doc]) -> None:
    """Raises PipelineError if a component that gives token vectors hasn't seen the Docs.

    A listener of spaCy's gives zeros then, and heads find something in zeros too.

    Args:
        component: the name of the component that listens.
        model: its model.
        docs: the Docs that it gets.
    """
    listener = next((node for node in model.walk() if node.name in _LISTENERS), None)
    if listener is None or not any(len(doc) and not _has_vectors(doc, listener.name) for doc in docs):
        return
    giver = getattr(listener, "upstream_name", "*")
    giver = _LISTENERS[listener.name] if giver in ("*", None) else giver
    raise PipelineError(
        f"'{component}' gets no vectors: '{giver}', which gives them, is disabled, excluded, missing, or "
        f"they were removed. Enable '{giver}', before '{component}' and with `doc_cleaner` "
        f"behind both; or source it along: `nlp.add_pipe(\"{giver}\", source=other)`; or give '{component}' "
        f'an encoder of its own, where both are at hand: `nlp.replace_listeners("{giver}", '
        f'"{component}", ["model.tok2vec"])`. [B311]'
    )


def _has_vectors(doc: Doc, listener: str) -> bool:
    if listener == "tok2vec-listener":
        return doc.tensor is not None and len(doc.tensor) == len(doc)
    return Doc.has_extension("trf_data") and doc._.trf_data is not None and bool(doc._.trf_data.model_output)


class RateWatch:
    """Notices updates at a learning rate of 0: a schedule begins there, and only training steps it."""

    def __init__(self) -> None:
        self._idle = 0

    def see(self, component: str, sgd: Optimizer) -> None:
        """Warns at the second update in succession that changes nothing."""
        rate = getattr(sgd, "learn_rate", None)  # an optimizer of somebody's own has none, perhaps
        self._idle = self._idle + 1 if rate == 0 else 0
        if self._idle == 2:
            warn(
                f"'{component}': the optimizer's learning rate is 0, and nothing is learned. A schedule that "
                "begins at 0 has to be stepped, `optimizer.step_schedules()`; or set a rate: "
                "`optimizer.learn_rate = 0.001`.",
                stacklevel=3,
            )


def without_markup(doc: Doc, found: Iterable[Found]) -> list[Found]:
    """What was found in a Doc, but what is no text: headings ("METHODS:"), and HTML entities ("&nbsp;")."""
    found = list(found)
    if not found:
        return found
    places = [*find_headings(Document(doc.text)), *(match.span() for match in _ENTITY.finditer(doc.text))]
    if not places:
        return found
    kept = []
    for one in found:
        start, end = doc[one[0]].idx, doc[one[1] - 1].idx + len(doc[one[1] - 1])
        if not any(first <= start and end <= last for first, last in places):
            kept.append(one)
    return kept


def check_same_settings(
    component: str,
    given: Mapping[str, Any],
    trained: Mapping[str, Any],
    usual_settings: Mapping[str, Any] = _USUAL,
) -> None:
    """Raises PipelineError if settings that belong to the training are given otherwise on loading.

    Args:
        component: the component's name.
        given: the settings of the config that it is loaded with.
        trained: those that it was trained with.
        usual_settings: the settings that belong to the training, with the values that they have if they
            aren't given.
    """
    for setting, usual in usual_settings.items():
        if given[setting] not in (usual, trained.get(setting, usual)):
            raise PipelineError(
                f"'{component}' was trained with {setting} = {trained.get(setting, usual)!r}, and can't be "
                f"loaded with {given[setting]!r}: leave it out. [B312]"
            )


def check_types(component: str, known: Sequence[str], named: Iterable[str]) -> None:
    """Raises PipelineError if a component has no head at all, or none for a type (but "*") of its config."""
    if not known:
        raise PipelineError(
            f"'{component}' knows no entity type: load a trained pipeline, or initialize it. [B313]"
        )
    unknown = [name for name in named if name not in (*known, "*")]
    if unknown:
        raise PipelineError(
            f"'{component}' has no entity type {', '.join(unknown)}; it knows {', '.join(known)}. [B314]"
        )


def warn_of_types_not_said(component: str) -> None:
    """Warns that a Doc in training doesn't say which types its corpus annotates."""
    warn(
        f"'{component}': a Doc doesn't say which entity types its corpus annotates, and counts as "
        "annotating all of them. `spacy bioner convert` writes Docs that say so, and in Python "
        "`spacy_bioner.set_annotation(doc, Annotation(corpus, types))` does.",
        stacklevel=3,
    )


def warn_of_starting_anew(component: str) -> None:
    """Warns that `initialize` was called for a component that is trained."""
    warn(
        f"'{component}' is trained, and `initialize` starts anew: its heads lose what they learned. "
        "To go on, use `nlp.resume_training()` and `nlp.update`.",
        stacklevel=3,
    )
