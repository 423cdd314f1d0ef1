"""The `pairs` component: labels for two texts, or how similar they are."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from thinc.api import Model
from thinc.types import Floats2d

from spacy_bioner.corpora.task_records import set_task_extensions
from spacy_bioner.documents.two_texts import two_texts
from spacy_bioner.errors import PipelineError

_SAMPLE = 10  # Docs that the model is initialized with
TASKS = ("labels", "similarity")


def pair_doc(nlp: Language, first: str, second: str) -> Doc:
    """A Doc of two texts, for `pairs` and `answers`: `nlp(pair_doc(nlp, premise, statement))`."""
    set_task_extensions()
    document = two_texts(first, second)
    doc = nlp.make_doc(document.text)
    doc._.second = document.passages[1].start
    return doc


class Pairs(TrainablePipe):
    """Says what two texts are to each other, of Docs that `pair_doc` or the reader makes.

    With labels, exactly one is right: `doc.cats` has the probability of each. With similarities,
    `doc._.similarity` is between the lowest and the highest of the training data.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[list[Doc], Floats2d],
        name: str = "pairs",
        *,
        task: str = "labels",
        scorer: Callable | None = None,
    ) -> None:
        """Makes the component.

        Args:
            nlp: the pipeline.
            model: scores pairs, see `models.two_texts_model`.
            name: the component's name.
            task: "labels" or "similarity".
            scorer: the scoring method.

        Raises:
            PipelineError: if there is no such task.
        """
        if task not in TASKS:
            raise PipelineError(f"There is no task '{task}': use {' or '.join(TASKS)}. [B298]")
        set_task_extensions()
        self.vocab = nlp.vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], "task": task, "lowest": 0.0, "highest": 1.0}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that a pair of texts can have; empty for similarity."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """The labels, for `spacy init labels`."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Adds a label, before training.

        Returns:
            1; 0 if the label is there already.

        Raises:
            PipelineError: if the component is trained.
        """
        if label in self.cfg["labels"]:
            return 0
        if self.model.get_ref("output").has_dim("nO"):
            raise PipelineError(
                f"'{self.name}' is trained: it can't learn '{label}' beside its own labels. [B299]"
            )
        self.cfg["labels"].append(label)
        return 1

    def predict(self, docs: Iterable[Doc]) -> Any:
        """Probabilities of the labels, (Docs, labels), or similarities, (Docs, 1)."""
        docs = list(docs)
        if not docs or not self.model.get_ref("output").has_dim("nO"):
            return numpy.zeros((len(docs), 0))
        return self._made(self.model.ops.to_numpy(self.model.predict(docs)))

    def _made(self, scores: Any) -> Any:
        if self.cfg["task"] == "labels":
            weights = numpy.exp(scores - scores.max(axis=1, keepdims=True))
            return weights / weights.sum(axis=1, keepdims=True)
        reach = self.cfg["highest"] - self.cfg["lowest"]
        return self.cfg["lowest"] + reach / (1 + numpy.exp(-numpy.clip(scores, -50, 50)))

    def set_annotations(self, docs: Iterable[Doc], scores: Any) -> None:
        """Writes to `doc.cats` or `doc._.similarity`. A Doc without a second text gets neither."""
        for doc, row in zip(docs, scores, strict=True):
            if doc._.second is None or not len(row):
                continue
            if self.cfg["task"] == "labels":
                doc.cats |= {label: float(score) for label, score in zip(self.labels, row, strict=True)}
            else:
                doc._.similarity = float(row[0])

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """Cross entropy with the labels, or with the share of the range; a pair on average, and its gradient.

        A Doc of which nothing is known teaches nothing.
        """
        made = self._made(self.model.ops.to_numpy(scores).astype("float64"))
        gradient = numpy.zeros_like(made)
        loss, count = 0.0, 0
        for row, example in enumerate(examples):
            target = self._target(example.reference)
            if target is None:
                continue
            count += 1
            if self.cfg["task"] == "labels":
                loss -= float((target * numpy.log(numpy.maximum(made[row], 1e-12))).sum())
                gradient[row] = made[row] - target
            else:
                reach = max(self.cfg["highest"] - self.cfg["lowest"], 1e-9)
                share = numpy.clip((made[row] - self.cfg["lowest"]) / reach, 1e-6, 1 - 1e-6)
                wanted = (target - self.cfg["lowest"]) / reach
                loss -= float((wanted * numpy.log(share) + (1 - wanted) * numpy.log(1 - share)).sum())
                gradient[row] = share - wanted
        weight = 1 / max(count, 1)
        return loss * weight, self.model.ops.asarray2f((gradient * weight).astype("float32"))

    def _target(self, reference: Doc) -> Any:
        if self.cfg["task"] != "labels":
            return reference._.similarity
        right = [reference.cats.get(label, 0.0) for label in self.labels]
        return numpy.array(right) / sum(right) if sum(right) else None

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Prepares for training.

        Args:
            get_examples: gives examples of the training data.
            nlp: the pipeline.
            labels: the labels; all that the data has if None.

        Raises:
            PipelineError: if the data has no pairs, or nothing is told of them.
        """
        validate_get_examples(get_examples, "Pairs.initialize")
        found: dict[str, None] = {}
        known: list[float] = []
        pairs = 0
        for example in get_examples():
            pairs += example.reference._.second is not None
            found.update(dict.fromkeys(example.reference.cats))
            if example.reference._.similarity is not None:
                known.append(example.reference._.similarity)
        wanted = "labels" if self.cfg["task"] == "labels" else "similarities"
        if not pairs or not (found if self.cfg["task"] == "labels" else known):
            raise PipelineError(
                f"'{self.name}': there are no pairs of texts with {wanted} in the training data. `spacy "
                "bioner convert --from text-pairs` makes such. [B300]"
            )
        if self.cfg["task"] == "labels":
            for label in labels if labels is not None else sorted(found):
                self.add_label(label)
        else:
            self.cfg["lowest"], self.cfg["highest"] = min(known), max(known)
        self.model.get_ref("output").set_dim("nO", max(len(self.labels), 1))
        sample = [example.predicted for example in islice(get_examples(), _SAMPLE)]
        self.model.initialize(X=sample)
