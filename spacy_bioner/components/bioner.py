"""The `bioner` component: one head per entity type, on one shared encoder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_get_examples
from thinc.api import Model, Optimizer

from spacy_bioner.components.calibration import calibrate
from spacy_bioner.components.initialization import initialize_heads
from spacy_bioner.components.safeguards import (
    RateWatch,
    check_same_settings,
    check_types,
    check_vectors,
    warn_of_starting_anew,
    warn_of_types_not_said,
    without_markup,
)
from spacy_bioner.components.spans import SPANS_KEY, set_flat_view, write_spans
from spacy_bioner.components.supervision import Known, Naming, sentence_count, targets, words_of
from spacy_bioner.corpora.annotations import annotated_types
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.decoder import Decoder, Found, decoder_of


class BioNER(TrainablePipe):
    """Finds the entities of several types, each type with a head of its own (`models.heads`).

    How scores become entities, and gold entities a loss, is the model's to say (`models.decoder`).

    In training a Doc teaches only the types that its corpus annotates (`corpora.annotations`). In use every
    type is found in one pass; entities of different types may overlap.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[list[Doc], Any],
        name: str = "bioner",
        *,
        spans_key: str = SPANS_KEY,
        threshold: float | Mapping[str, float] = 0.0,
        types: Sequence[str] | None = None,
        label_map: Mapping[str, str] | None = None,
        overwrite_ents: bool = False,
        scorer: Callable | None = None,
    ) -> None:
        """Makes the component.

        Args:
            nlp: the pipeline.
            model: the heads on their token vectors, see `models.heads.create_entity_heads`, or
                `models.classifier.create_token_classifier`.
            name: the component's name.
            spans_key: where in `doc.spans` all entities go, with their probabilities in
                `attrs["scores"]`. Training takes gold spans from there too, or from `doc.ents` where a Doc
                has none.
            threshold: the probability that an entity needs to be kept, or one a type.
            types: the types to write; None for all that are known.
            label_map: other names for the types of the data, see `annotations.mapped`.
            overwrite_ents: whether this component's entities replace those in `doc.ents` that they overlap;
                otherwise entities that are there already stay, as with spaCy's entity ruler.
            scorer: the scoring method.

        Raises:
            PipelineError: if a threshold isn't from 0 to 1.
        """
        self.vocab = nlp.vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.threshold = threshold
        self.types = list(types) if types is not None else None
        self.overwrite_ents = overwrite_ents
        # those of a model with one label set, which isn't made from the data
        self._given = tuple(self._decoder.types(model))
        # what was trained, and so is saved and handed to the scorer; the rest is the config's to say
        self.cfg: dict[str, Any] = {
            "labels": list(self._given),
            "label_map": dict(label_map or {}),
            "spans_key": spans_key,
            "temperature": {},
        }
        self._warned = self._is_trained = False
        self._rate = RateWatch()

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types that there are heads for."""
        return tuple(self.cfg["labels"])

    @property
    def written(self) -> tuple[str, ...]:
        """The entity types that are written: all, or those that `types` names."""
        return tuple(label for label in self.labels if self.types is None or label in self.types)

    @property
    def threshold(self) -> dict[str, float]:
        """The probability that an entity needs to be written, by type; "*" for those that aren't named.

        Set here, as a number or by type, it counts for this object and isn't saved: a pipeline's config says
        what it is loaded with.
        """
        return self._threshold

    @threshold.setter
    def threshold(self, value: float | Mapping[str, float]) -> None:
        """Sets the least probability: one number for all types, or one by type with "*" for the others."""
        thresholds = dict(value) if isinstance(value, Mapping) else {"*": value}
        for entity_type, lowest in thresholds.items():
            if not 0 <= lowest <= 1:
                raise PipelineError(
                    f"The threshold of {entity_type} is {lowest}: it must be from 0 to 1. [B291]"
                )
        self._threshold = thresholds

    @property
    def label_data(self) -> list[str]:
        """The types, for `spacy init labels`."""
        return list(self.labels)

    @property
    def is_resizable(self) -> bool:
        """True: `add_label` works on a trained component too, where its model has heads."""
        return True

    @property
    def _decoder(self) -> Decoder:
        return decoder_of(self.model)

    @property
    def naming(self) -> Naming:
        """Where gold entities are, and what their types are called here."""
        return Naming(self.labels, self.cfg["label_map"], self.cfg["spans_key"])

    def add_label(self, label: str) -> int:
        """Adds a head for a type, which knows nothing yet. The others stay as they are.

        Returns:
            1, or 0 if there is one already.

        Raises:
            PipelineError: if the model has one label set for all types, and this isn't among them.
        """
        if label not in self._decoder.types(self.model):
            self._decoder.add_type(self.model, label)
        if label in self.cfg["labels"]:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def predict(self, docs: Iterable[Doc]) -> list[list[Found]]:
        """Finds the entities of Docs, without setting them.

        Returns:
            For each Doc its entities on the best paths: first token, the one after the last, type and
            probability; by type, then in order.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        self._check_types()
        check_vectors(self.name, self.model, docs)
        temperatures = [self.cfg["temperature"].get(label, 1.0) for label in self.labels]
        found = self._decoder.find(self.model, self.model.predict(docs), words_of(docs), temperatures)
        return [without_markup(doc, own) for doc, own in zip(docs, found, strict=True)]

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[Found]]) -> None:
        """Writes entities to `doc.spans` and `doc.ents`.

        What others wrote there stays, see `overwrite_ents`; what this one wrote before does not.
        """
        written, default = self.written, self.threshold.get("*", 0.0)
        for doc, found in zip(docs, scores, strict=True):
            kept = [
                (Span(doc, start, end, label=label), score)
                for start, end, label, score in found
                if label in written and score >= self.threshold.get(label, default)
            ]
            before = write_spans(doc, self.cfg["spans_key"], self.name, written, kept)
            set_flat_view(doc, kept, before, self.overwrite_ents)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learns from a batch; the arguments and result are those of spaCy's `TrainablePipe.update`."""
        examples = list(examples)
        losses = super().update(examples, drop=drop, sgd=sgd, losses=losses)
        # spaCy's gives up only on batches without tokens: one without annotation goes through as well, for a
        # shared encoder waits for our gradient
        self._is_trained = self._is_trained or any(len(eg.predicted) for eg in examples)
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Changes the weights; a warning says if the learning rate is 0."""
        self._rate.see(self.name, sgd)
        super().finish_update(sgd)

    def rehearse(self, examples: Iterable[Example], **_: Any) -> dict[str, float]:
        """Isn't supported: raises PipelineError."""
        raise PipelineError(
            f"'{self.name}' doesn't support rehearse: name it in `exclude`, or mix "
            "old data into `update`. [B292]"
        )

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """The negative log probability of the gold annotation, a sentence on average, and its gradient.

        A type counts on the Docs whose corpus annotates it, and tokens whose annotation is missing count as
        whatever fits best.
        """
        examples = list(examples)
        words = words_of([example.predicted for example in examples])
        gold = [
            targets(example, self.known(example.reference), self.naming, own)
            for example, own in zip(examples, words, strict=True)
        ]
        sentences = sum(sentence_count(example.reference) for example in examples)
        return self._decoder.loss(self.model, scores, words, gold, 1 / max(sentences, 1))

    def known(self, reference: Doc) -> Known:
        """A Doc's corpus, and the types that it annotates by the names that they have here."""
        corpus, annotated = annotated_types(reference, self.cfg["label_map"])
        if annotated is not None:
            return Known(corpus, annotated)
        if not self._warned:
            warn_of_types_not_said(self.name)
        self._warned = True
        return Known("", set(self.labels))

    def calibrate(self, examples: Iterable[Example]) -> dict[str, float]:
        """Fits a temperature for each type on data that wasn't trained on; see `calibration.calibrate`."""
        self._check_types()
        return calibrate(self, examples)

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
        heads_from: str | None = None,
        keep_types: bool = False,
    ) -> None:
        """Prepares for training. Mentions that can't be learned are counted, and a warning says how many.

        Args:
            get_examples: gives examples of the training data.
            nlp: the pipeline.
            labels: the entity types; all that the data annotates if None.
            heads_from: a trained pipeline, by name or folder, whose heads the types of the same names begin
                with.
            keep_types: whether to keep that pipeline's other types as well, with their heads and
                temperatures. On data that doesn't annotate them, they aren't trained.

        Raises:
            PipelineError: if there is no type, or a type without a mention in data that annotates it; or if
                the other pipeline has no `bioner` on token vectors as wide as these.
        """
        validate_get_examples(get_examples, "BioNER.initialize")
        if self._is_trained:
            warn_of_starting_anew(self.name)
        initialize_heads(self, get_examples, self._given, labels, heads_from, keep_types)
        self._check_types()

    def from_disk(self, path: Any, *, exclude: Iterable[str] = ()) -> "BioNER":
        """Loads what was trained; raises PipelineError if the config contradicts it."""
        given = dict(self.cfg)
        super().from_disk(path, exclude=tuple(exclude))
        return self._loaded(given)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "BioNER":
        """As `from_disk`."""
        given = dict(self.cfg)
        super().from_bytes(bytes_data, exclude=tuple(exclude))
        return self._loaded(given)

    def _loaded(self, given: dict[str, Any]) -> "BioNER":
        check_same_settings(self.name, given, self.cfg)
        self._is_trained = True
        return self

    def _check_types(self) -> None:
        check_types(self.name, self.labels, (*(self.types or ()), *self.threshold))
