"""The `answers` component: spans of a passage that answer a question."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example, validate_get_examples
from thinc.api import Model, Optimizer
from thinc.types import Floats2d

from spacy_bioner.corpora.task_records import second_token, set_task_extensions
from spacy_bioner.errors import PipelineError

ANSWER = "ANSWER"
_SAMPLE = 10  # Docs that the model is initialized with

Candidate = tuple[int, int, float]
"""First token, the one after the last, and probability."""


class Answers(TrainablePipe):
    """Finds answers in the second text of a Doc to the question that is its first
    (`components.pairs.pair_doc`).

    The best spans go to `doc.spans[spans_key]`, the most probable first, with their probabilities in
    `attrs["scores"]`. A start and an end are found, each with a probability, as BERT does for SQuAD (Devlin
    and others 2019); the Doc's first token stands for "no answer here", so that probabilities of passages
    can be compared.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "answers",
        *,
        spans_key: str = "answers",
        written: int = 5,
        longest: int = 30,
        scorer: Callable | None = None,
    ) -> None:
        """Makes the component.

        Args:
            nlp: the pipeline.
            model: scores starts and ends, see `models.two_texts_model.create_answer_scores`.
            name: the component's name.
            spans_key: where in `doc.spans` answers go.
            written: how many are written.
            longest: how many tokens an answer has at most.
            scorer: the scoring method.
        """
        set_task_extensions()
        self.vocab = nlp.vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"spans_key": spans_key, "written": written, "longest": longest}

    def predict(self, docs: Iterable[Doc]) -> list[list[Candidate]]:
        """The best answers of each Doc."""
        docs = list(docs)
        filled = [doc for doc in docs if len(doc)]
        scores = iter(self.model.predict(filled) if filled else [])
        return [self._best(doc, self.model.ops.to_numpy(next(scores))) if len(doc) else [] for doc in docs]

    def _best(self, doc: Doc, scores: Any) -> list[Candidate]:
        middle = second_token(doc)
        if middle >= len(doc):
            return []
        starts, ends = _probabilities(scores, middle)
        size = len(doc) - middle
        joint = numpy.triu(starts[middle:, None] * ends[None, middle:])
        joint = joint - numpy.triu(joint, self.cfg["longest"])
        count = min(self.cfg["written"], size * size)
        chosen = numpy.argpartition(-joint, count - 1, axis=None)[:count]
        chosen = chosen[numpy.argsort(-joint.ravel()[chosen])]
        return [
            (middle + int(place) // size, middle + int(place) % size + 1, float(joint.ravel()[place]))
            for place in chosen
            if joint.ravel()[place] > 0
        ]

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[Candidate]]) -> None:
        """Writes answers to `doc.spans`."""
        key = self.cfg["spans_key"]
        for doc, found in zip(docs, scores, strict=True):
            spans = [Span(doc, start, end, label=ANSWER) for start, end, _ in found]
            doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs={"scores": [s for _, _, s in found]})

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learns from Docs that aren't empty; the arguments are those of spaCy's `TrainablePipe.update`."""
        filled = [example for example in examples if len(example.predicted)]
        return super().update(filled, drop=drop, sgd=sgd, losses=losses)

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """The negative log probability of starts and ends of the gold answers, and its gradient.

        With several answers any of them will do. A Doc whose answers aren't known (no entity annotation)
        teaches nothing; one that is known to have none teaches the first token.
        """
        examples = list(examples)
        gradients = []
        loss = 0.0
        for example, own in zip(examples, scores, strict=True):
            values = self.model.ops.to_numpy(own).astype("float64")
            gradient = numpy.zeros_like(values)
            if example.reference.has_annotation("ENT_IOB"):
                middle = second_token(example.predicted)
                gold = self._gold(example)
                for side, made in enumerate(_probabilities(values, middle)):
                    places = sorted({pair[side] for pair in gold}) or [0]
                    mass = max(float(made[places].sum()), 1e-12)
                    loss -= float(numpy.log(mass))
                    gradient[:, side] = made
                    gradient[places, side] -= made[places] / mass
            gradients.append(self.model.ops.asarray2f((gradient / len(examples)).astype("float32")))
        return loss / max(len(examples), 1), gradients

    def _gold(self, example: Example) -> list[tuple[int, int]]:
        """First and last token of each gold answer."""
        found = []
        for ent in example.reference.ents:
            span = example.predicted.char_span(ent.start_char, ent.end_char, alignment_mode="expand")
            if ent.label_ == ANSWER and span is not None:
                found.append((span.start, span.end - 1))
        return found

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None
    ) -> None:
        """Prepares for training.

        Raises:
            PipelineError: if there is no answer in the training data.
        """
        validate_get_examples(get_examples, "Answers.initialize")
        if not any(self._gold(example) for example in get_examples()):
            raise PipelineError(
                f"'{self.name}': there is no question with an answer in the training data. `spacy bioner "
                "convert --from squad` makes such. [B290]"
            )
        self.model.initialize(X=[example.predicted for example in islice(get_examples(), _SAMPLE)])


def _probabilities(scores: Any, middle: int) -> tuple[Any, Any]:
    """The probabilities of starts and of ends: of the first token, and of those of the second text."""
    made = []
    for side in (0, 1):
        values = scores[:, side].astype("float64").copy()
        values[1:middle] = -numpy.inf
        weights = numpy.exp(values - values.max())
        made.append(weights / weights.sum())
    return made[0], made[1]
