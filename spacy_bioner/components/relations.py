"""The `relations` component: what holds between two entities of a Doc."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import minibatch
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d

from spacy_bioner.components.relation_arguments import Reach
from spacy_bioner.components.relation_candidates import all_pairs, askable, candidate_blocks, to_candidates
from spacy_bioner.components.relation_comparison import Ranking, compare
from spacy_bioner.components.relation_probabilities import Scored, probabilities
from spacy_bioner.components.relation_targets import gold_relations, loss_and_gradient, renamed, targets
from spacy_bioner.components.relation_training import Taught, at_most, in_parts, rows_known, survey
from spacy_bioner.components.safeguards import check_same_settings, check_vectors
from spacy_bioner.corpora.annotations import CONCEPT, MENTION, AnnotatedRelations, get_annotation
from spacy_bioner.corpora.relation_records import Related, set_candidates, set_relations
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.candidates import Candidates, pair_model
from spacy_bioner.terminal import warn

_BATCH = 64  # Docs that are scored together
_LEAST = 0.01  # what is less probable has no part in choosing a threshold
LEVELS = (MENTION, CONCEPT)
_USUAL = {
    "level": MENTION,
    "window": "sentence",
    "directed": True,
    "exclusive": False,
    "spans_key": "bioner",
    "label_map": {},
}
"""What belongs to the training, with the defaults."""


class Relations(TrainablePipe):
    """Finds relations between two entities of a Doc, each with its probability, in `doc._.relations`.

    It asks about every pair of entities of types that its training data relates, mentioned in one window.
    The entities are those of the components before it, or gold ones that the Doc carries
    (`doc._.arguments`). In training a Doc teaches only the labels, between the types, that its corpus
    annotates.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[list[Candidates], Floats2d],
        name: str = "relations",
        *,
        level: str = MENTION,
        window: str = "sentence",
        directed: bool = True,
        exclusive: bool = False,
        threshold: float = 0.5,
        spans_key: str = "bioner",
        label_map: Mapping[str, str] | None = None,
        most_pairs: int = 1000,
        scorer: Callable | None = None,
    ) -> None:
        """Makes the component.

        Args:
            nlp: the pipeline.
            model: scores pairs, see `models.pooled_spans` and `models.marked_pairs`.
            name: the component's name.
            level: "mention" for relations between single mentions, "concept" between identifiers with all
                their mentions.
            window: what both must be mentioned in: "sentence", "passage" or "document".
            directed: whether head and child are told apart.
            exclusive: whether a pair has one label at most. If not, each label is asked about by itself.
            threshold: the probability that a relation needs to be written; it is learned with `tune`.
            spans_key: where in `doc.spans` overlapping entities are.
            label_map: other names for types of entities and relations, see `corpora.annotations.mapped`.
            most_pairs: how many pairs of a Doc teach; of more all related ones, and others by chance. Of
                concepts with many mentions there may be fewer.
            scorer: the scoring method.

        Raises:
            PipelineError: if there is no such level or window, or the threshold isn't from 0 to 1.
        """
        if level not in LEVELS:
            raise PipelineError(f"There is no level '{level}': use {' or '.join(LEVELS)}. [B307]")
        if not 0 <= threshold <= 1:
            raise PipelineError(f"The threshold is {threshold}: it must be from 0 to 1. [B308]")
        Reach((), window, directed)
        self.vocab = nlp.vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.most_pairs = most_pairs
        self.cfg: dict[str, Any] = {
            "labels": [],
            "pairs": [],
            "level": level,
            "window": window,
            "directed": directed,
            "exclusive": exclusive,
            "threshold": threshold,
            "config_threshold": threshold,  # before `tune`
            "spans_key": spans_key,
            "label_map": dict(label_map or {}),
        }
        self._random = numpy.random.RandomState(0)
        self._warned = False
        self._is_learning = False  # here and now: not stored

    @property
    def labels(self) -> tuple[str, ...]:
        """The relation types."""
        return tuple(self.cfg["labels"])

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The entity types of head and child that are asked about."""
        return tuple((head, child) for head, child in self.cfg["pairs"])

    @property
    def label_data(self) -> list[str]:
        """The relation types, for `spacy init labels`."""
        return list(self.labels)

    @property
    def reach(self) -> Reach:
        """Which pairs of entities are asked about: types, window, whether head and child are told apart."""
        return Reach(self.pairs, self.cfg["window"], self.cfg["directed"])

    def add_label(self, label: str) -> int:
        """Adds a relation type, before training; 0 if it is there."""
        if label in self.cfg["labels"]:
            return 0
        if self.model.get_ref("scores").has_dim("nO"):
            raise PipelineError(
                f"'{self.name}' is trained: it can't learn '{label}' beside its own labels. [B309]"
            )
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    # -- prediction ----------------------------------------------------------------------------------

    def predict(self, docs: Iterable[Doc]) -> list[list[Related]]:
        """Finds the relations of Docs, without setting them; the most probable first.

        In training it gives less probable ones as well, see `set_annotations`.
        """
        least = float(self.cfg["threshold"])
        return self.candidates(docs, min(least, _LEAST) if self._is_learning else least)

    def candidates(self, docs: Iterable[Doc], least: float) -> list[list[Related]]:
        """All relations of Docs that are at least so probable, the most probable first."""
        docs = list(docs)
        found: list[list[Related]] = [[] for _ in docs]
        for number, scored in self.scored_pairs(docs) if self.labels else ():
            found[number] += scored.relations(self.labels, least, self.cfg["exclusive"])
        for own in found:
            own.sort(key=lambda related: -related.score)
        return found

    def scored_pairs(self, docs: Sequence[Doc]) -> Iterator[tuple[int, Scored]]:
        """All pairs that are asked about with the probabilities of all labels, some at a time.

        Yields:
            The number of the Doc, and pairs of it.

        Raises:
            PipelineError: if the component that gives the token vectors hasn't seen the Docs.
        """
        chosen = [doc for doc in docs if len(doc)]
        if not chosen:
            return
        check_vectors(self.name, self.model, chosen)
        arguments = [askable(doc, self.cfg) for doc in chosen]
        numbers = [number for number, doc in enumerate(docs) if len(doc)]
        size = pair_model(self.model).block
        blocks = [
            candidate_blocks(doc, own, self.reach, size) for doc, own in zip(chosen, arguments, strict=True)
        ]
        for number, pairs, scores in pair_model(self.model).predict(self.model, chosen, blocks):
            made = probabilities(self.model.ops.to_numpy(scores), self.cfg["exclusive"])
            yield numbers[number], Scored(arguments[number], pairs, made)

    def all_pairs(self, doc: Doc, label: str) -> list[Related]:
        """Every pair of a Doc that is asked about, as a relation of one label: a baseline."""
        arguments = askable(doc, self.cfg)
        pairs = all_pairs(doc, arguments, self.reach)
        return [Related(arguments[head], arguments[child], label) for head, child in pairs]

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[Related]]) -> None:
        """Writes relations to `doc._.relations`, in place of those that are there.

        A component in training keeps all candidates in `doc._.relation_candidates` as well: by these it is
        scored, whatever the threshold.
        """
        for doc, found in zip(docs, scores, strict=True):
            set_relations(doc, [related for related in found if related.score >= self.cfg["threshold"]])
            if self._is_learning:
                set_candidates(doc, found)

    # -- training ------------------------------------------------------------------------------------

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learns from a batch; the arguments and result are those of spaCy's `TrainablePipe.update`."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "Relations.update")
        self._is_learning = True
        if not any(len(eg.predicted) for eg in examples):
            return losses
        set_dropout_rate(self.model, drop)
        taught = [self._taught(example) for example in examples]
        # a batch without pairs goes through as well: a shared encoder waits for our gradient
        model = pair_model(self.model)
        total = max(rows_known([known for _, known in taught]), 1)
        for part in [taught] if model.one_pass else in_parts(taught, model.block):
            scores, backprop = self.model.begin_update([candidates for candidates, _ in part])
            known = [own for _, own in part]
            loss, gradient = self.get_loss(known, scores)
            share = rows_known(known) / total  # the loss is the average of all pairs of the batch
            backprop(gradient * share)
            losses[self.name] += loss * share
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def get_loss(self, examples: Any, scores: Any) -> tuple[float, Any]:
        """The negative log probability of what is known of each pair, on average, and its gradient."""
        made, gradient = loss_and_gradient(
            self.model.ops.to_numpy(scores), list(examples), self.cfg["exclusive"]
        )
        return made, self.model.ops.asarray2f(gradient)

    def _taught(self, example: Example) -> Taught:
        """The pairs of an example that teach, and what is known of them."""
        doc, reference = example.predicted, example.reference
        arguments = askable(doc, self.cfg)
        pairs = all_pairs(doc, arguments, self.reach)
        known = targets(reference, arguments, pairs, self.labels, self.annotated(reference), self.cfg)
        taught = to_candidates(doc, arguments, pairs), known
        return at_most(taught, self.most_pairs, self._random.rand(len(pairs)))

    def annotated(self, reference: Doc) -> AnnotatedRelations | None:
        """Which relations the corpus of a Doc annotates, by the names that they have here; None if none."""
        annotation = get_annotation(reference)
        if annotation is None:
            if not self._warned:
                self._warned = True
                warn(
                    f"'{self.name}': a Doc doesn't say which relations its corpus annotates, and counts as "
                    "annotating all of them. `spacy bioner convert` writes Docs that say so.",
                    stacklevel=2,
                )
            return AnnotatedRelations(self.labels, self.pairs)
        return renamed(annotation.relations, self.cfg["label_map"], annotation.corpus)

    def tune(self, examples: Iterable[Example]) -> float | None:
        """Sets the threshold to the one with the best F1 on data that wasn't trained on.

        Args:
            examples: their predicted Docs have gone through the components before this one, a shared encoder
                among them.

        Returns:
            The threshold; None, and it stays as it is, if no relation of the data is found.
        """
        ranking = Ranking()
        for batch in minibatch(examples, _BATCH):  # the encoder's output is let go with each
            candidates = self.candidates([example.predicted for example in batch], _LEAST)
            for example, found in zip(batch, candidates, strict=True):
                ranking.add(compare(example.reference, example.predicted, found, self.labels, self.cfg))
        threshold, best = ranking.best(self.cfg["threshold"], _LEAST)
        if not best:
            return None
        self.cfg["threshold"] = threshold
        return threshold

    def gold(self, reference: Doc) -> list[Related]:
        """The gold relations of a Doc by the names that they have here."""
        return gold_relations(reference, self.cfg)

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
            labels: the relation types; all that the data has if None.

        Raises:
            PipelineError: if no Doc of the data has relations.
        """
        validate_get_examples(get_examples, "Relations.initialize")
        sample, found = survey(get_examples(), self.annotated, self.gold)
        if found is None or not sample:
            raise PipelineError(
                f"'{self.name}': there is no relation in the training data. `spacy bioner convert` keeps "
                "those of PubTator, BioC, BRAT, JSON lines and of corpora for relations. [B310]"
            )
        for label in labels if labels is not None else found.labels:
            self.add_label(label)
        self.cfg["pairs"] = list(dict.fromkeys((*self.pairs, *found.pairs)))
        self.model.get_ref("scores").set_dim("nO", len(self.labels))
        taught = [candidates for candidates, _ in map(self._taught, sample)]
        if not any(len(candidates.pairs) for candidates in taught):
            warn(
                f"'{self.name}': the training data has relations, but its Docs no entities to ask about "
                f"within one {self.cfg['window']}. Set gold_entities = true in the reader of the corpus. "
                "Otherwise nothing is learned, unless `annotating_components` has one that finds entities.",
                stacklevel=2,
            )
        self.model.initialize(X=taught)

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> "Relations":
        """Loads what was trained.

        The threshold is the trained one, unless the config has another than that of the training.

        Raises:
            PipelineError: if the config contradicts another setting of the training.
        """
        given = dict(self.cfg)
        super().from_disk(path, exclude=tuple(exclude))
        return self._loaded(given)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "Relations":
        """As `from_disk`."""
        given = dict(self.cfg)
        super().from_bytes(bytes_data, exclude=tuple(exclude))
        return self._loaded(given)

    def _loaded(self, given: Mapping[str, Any]) -> "Relations":
        check_same_settings(self.name, given, self.cfg, _USUAL)
        # numbers come back from JSON almost the same
        if not math.isclose(given["config_threshold"], self.cfg["config_threshold"], abs_tol=1e-9):
            self.cfg["threshold"] = self.cfg["config_threshold"] = given["config_threshold"]
        return self
