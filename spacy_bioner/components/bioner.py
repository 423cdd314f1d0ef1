"""The `bioner` component: one head per entity type, on one shared encoder."""

import warnings
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.util import minibatch
from thinc.api import Config, Model, Optimizer, set_dropout_rate

from spacy_bioner.array_types import Ints
from spacy_bioner.components.calibration import fit_temperatures
from spacy_bioner.components.spans import (
    SPANS_KEY,
    Pair,
    characters,
    gold_spans,
    is_known,
    place_of,
    places_of,
    ranked,
    without_overlaps,
    write_spans,
)
from spacy_bioner.corpora.annotations import annotated_types, mapped
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.crf import LABELS, B, I, O
from spacy_bioner.models.decoder import DECODER, Decoder, Found, Gold
from spacy_bioner.text.folding import is_blank

DEFAULT_MODEL = Config().from_str(
    """
[model]
@architectures = "spacy-bioner.EntityHeads.v1"

[model.tok2vec]
@architectures = "spacy-bioner.FoldedTok2Vec.v1"
folding = true

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM","PREFIX","SUFFIX","SHAPE"]
rows = [2000,1000,1000,1000]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 96
depth = 4
window_size = 1
maxout_pieces = 3
"""
)["model"]

_CALIBRATED = 64  # Docs whose scores are computed together
_SAMPLE = 10  # Docs that the model is initialized with
_SENTENCE = 25  # words: those of a sentence of the corpora, on average
_LONG = 100  # words: hardly a sentence has more

# why a mention isn't learned
_NOT_ANNOTATED = "their Docs say that their corpus doesn't annotate the type"
_NESTED = "they overlap another one of the same type"
_MISALIGNED = "they begin or end inside a token"


def _longest_first(span: Span) -> tuple[int, int]:
    return span.start - span.end, span.start


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
) -> "BioNER":
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


@dataclass(frozen=True, slots=True)
class _Truth:
    """A Doc's gold annotation.

    Attributes:
        types: the types that it annotates.
        gold: its entities, in characters.
        missing: the characters of which nothing is known.
        starts, ends: where the predicted Doc's tokens begin and end.
    """

    types: set[str]
    gold: set[tuple[int, int, str]]
    missing: set[int]
    starts: list[int]
    ends: list[int]

    def judge(self, start: int, end: int, label: str) -> bool | None:
        """Whether an entity, in tokens, is right; None if that isn't known."""
        place = (self.starts[start], self.ends[end - 1], label)
        right = place in self.gold
        if label not in self.types or not is_known(*place[:2], right, self.missing):
            return None
        return right


class BioNER(TrainablePipe):
    """Finds the entities of several types, each type with a head of its own.

    How scores become entities, and gold entities a loss, is the model's to say (`models.decoder`): one with a
    head a type (`models.heads`), or with one label set for all (`models.classifier`).

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
            label_map: other names for the types of the data, see `annotations.mapped`; types with one new
                name become one.
            overwrite_ents: whether entities of ours push out those in `doc.ents` that they overlap; as in
                spaCy's entity ruler, entities that are there already stay otherwise.
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
        self._warned = False

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
        thresholds = dict(value) if isinstance(value, Mapping) else {"*": value}
        for entity_type, lowest in thresholds.items():
            if not 0 <= lowest <= 1:
                raise PipelineError(f"The threshold of {entity_type} is {lowest}: it must be from 0 to 1.")
        self._threshold = thresholds

    @property
    def label_data(self) -> list[str]:
        """The types, for `spacy init labels`."""
        return list(self.labels)

    @property
    def is_resizable(self) -> bool:
        return True

    @property
    def _decoder(self) -> Decoder:
        return self.model.attrs[DECODER]

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

    # -- prediction ----------------------------------------------------------------------------------

    def predict(self, docs: Iterable[Doc]) -> list[list[Found]]:
        """Finds the entities of Docs, without setting them.

        Returns:
            For each Doc its entities on the best paths: first token, the one after the last, type and
            probability; by type, then in order.
        """
        docs = list(docs)
        self._check_types()
        if not self.labels or not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        temperatures = [self.cfg["temperature"].get(label, 1.0) for label in self.labels]
        return self._decoder.find(self.model, self.model.predict(docs), words_of(docs), temperatures)

    def set_annotations(self, docs: Iterable[Doc], scores: list[list[Found]]) -> None:
        """Writes entities to `doc.spans` and `doc.ents`.

        What other components wrote there stays, see `spans.write_spans` and `overwrite_ents`; what this one
        wrote before does not.
        """
        written = self.written
        default = self.threshold.get("*", 0.0)
        for doc, found in zip(docs, scores, strict=True):
            kept = [
                (Span(doc, start, end, label=label), score)
                for start, end, label, score in found
                if label in written and score >= self.threshold.get(label, default)
            ]
            before = write_spans(doc, self.cfg["spans_key"], self.name, written, kept)
            self._set_ents(doc, kept, before)

    def _set_ents(self, doc: Doc, kept: list[Pair], before: list[Span]) -> None:
        """Sets the flat view."""
        ours = ranked(kept)
        gone = places_of(before)
        existing = [ent for ent in doc.ents if place_of(ent) not in gone]
        doc.set_ents(without_overlaps([*ours, *existing] if self.overwrite_ents else [*existing, *ours]))

    # -- training ------------------------------------------------------------------------------------

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learns from a batch; arguments and result as of every trainable component of spaCy."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BioNER.update")
        if not any(len(eg.predicted) for eg in examples):
            return losses
        set_dropout_rate(self.model, drop)
        # A batch without annotation goes through as well: a shared encoder waits for our gradient.
        scores, backprop = self.model.begin_update([eg.predicted for eg in examples])
        loss, d_scores = self.get_loss(examples, scores)
        backprop(d_scores)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Updates the parameters; a type that no Doc has taught since the last time stays as it is."""
        self.model.finish_update(sgd)
        self._decoder.finish_update(self.model, sgd)

    def get_loss(self, examples: Iterable[Example], scores: Any) -> tuple[float, Any]:
        """The negative log probability of the gold annotation, a sentence on average, and its gradient.

        So a sentence weighs the same alone and in an abstract. A type counts on the Docs whose corpus
        annotates it, and tokens whose annotation is missing count as whatever fits best.
        """
        examples = list(examples)
        words = words_of([example.predicted for example in examples])
        gold = [self._gold(example, own) for example, own in zip(examples, words, strict=True)]
        sentences = sum(_sentences(example.reference) for example in examples)
        return self._decoder.loss(self.model, scores, words, gold, 1 / max(sentences, 1))

    def _gold(self, example: Example, words: Ints | None) -> Gold:
        """What a reference Doc says of the tokens of the predicted one.

        Args:
            example: the Docs.
            words: the numbers of the predicted Doc's tokens that count, see `words_of`.

        Returns:
            Which labels are allowed, (tokens, types, 3); and which types the Doc annotates, (types,).
        """
        reference, size = example.reference, len(example.predicted)
        corpus, annotated = self._annotated_types(reference)
        counts = numpy.array([label in annotated for label in self.labels], dtype=bool)
        allowed = numpy.zeros((size, len(self.labels), LABELS), dtype=bool)
        allowed[:, :, O] = True
        to_tokens = _token_map(example)
        spans, missing = gold_spans(reference, self.cfg["spans_key"])
        for i in missing:
            allowed[to_tokens(i, i + 1)[0]] = True
        taken = numpy.zeros((size, len(self.labels)), dtype=bool)
        blank = frozenset[int]() if words is None else frozenset(range(size)) - frozenset(words.tolist())
        index = {label: i for i, label in enumerate(self.labels)}
        for span in sorted(spans, key=_longest_first):
            column = index.get(mapped(self.cfg["label_map"], corpus, span.label_))
            if column is None:
                continue
            tokens, exact = to_tokens(span.start, span.end)
            # the heads don't see blank tokens: a mention begins with its first word for them
            tokens = [token for token in tokens if token not in blank]
            if not tokens:
                continue
            start, end = tokens[0], tokens[-1] + 1
            if not exact:
                allowed[start:end, column] = True  # ends inside a token: nothing is known of these
            elif not taken[start:end, column].any():
                allowed[start:end, column] = False
                allowed[start, column, B] = True
                allowed[start + 1 : end, column, I] = True
                taken[start:end, column] = True
        return allowed, counts

    def _annotated_types(self, reference: Doc) -> tuple[str, set[str]]:
        """A Doc's corpus, and the types that it annotates by the names that they have here."""
        corpus, annotated = annotated_types(reference, self.cfg["label_map"])
        if annotated is not None:
            return corpus, annotated
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"'{self.name}': a Doc doesn't say which entity types its corpus annotates, and counts as "
                "annotating all of them. `spacy bioner convert` writes Docs that say so.",
                stacklevel=2,
            )
        return "", set(self.labels)

    def calibrate(self, examples: Iterable[Example]) -> dict[str, float]:
        """Fits a temperature for each type, see `spacy_bioner.components.calibration`, and keeps it.

        Types that the examples don't annotate, or have too few predicted spans of, keep what they have.

        Args:
            examples: data that the component wasn't trained on. The predicted Docs are as the components
                before this one leave them.

        Returns:
            The temperatures that were fitted.
        """
        self._check_types()
        batches = []
        # the Docs are let go: with a transformer's output in each, those of a corpus are too large to keep
        for batch in minibatch(examples, _CALIBRATED):
            if any(len(example.predicted) for example in batch):
                docs = [example.predicted for example in batch]
                batches.append(
                    (self.model.predict(docs), words_of(docs), [self._truth(example) for example in batch])
                )

        def judged_at(temperature: float) -> dict[str, list[tuple[float, bool]]]:
            judged: dict[str, list[tuple[float, bool]]] = {label: [] for label in self.labels}
            for scores, words, truths in batches:
                found = self._decoder.find(self.model, scores, words, [temperature] * len(self.labels))
                for spans, truth in zip(found, truths, strict=True):
                    for start, end, label, probability in spans:
                        right = truth.judge(start, end, label)
                        if right is not None:
                            judged[label].append((probability, right))
            return judged

        fitted = fit_temperatures(judged_at)
        self.cfg["temperature"] = {**self.cfg["temperature"], **fitted}
        return fitted

    def _truth(self, example: Example) -> "_Truth":
        """What a Doc annotates."""
        reference = example.reference
        corpus, annotated = self._annotated_types(reference)
        spans, missing = gold_spans(reference, self.cfg["spans_key"])
        names = [mapped(self.cfg["label_map"], corpus, span.label_) for span in spans]
        gold = {(*place_of(span)[:2], name) for span, name in zip(spans, names, strict=True)}
        tokens = list(example.predicted)
        starts, ends = [t.idx for t in tokens], [t.idx + len(t) for t in tokens]
        return _Truth(annotated, gold, characters(reference, missing), starts, ends)

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
            PipelineError: if there is no type, or no mention of one of them, or of one that was added before,
                in data that annotates it; or if the other pipeline has no `bioner` on token vectors as wide
                as these.
        """
        validate_get_examples(get_examples, "BioNER.initialize")
        source = _find_bioner(heads_from) if heads_from is not None else None
        annotated: set[str] = set()
        teaching: Counter[str] = Counter()
        unused: dict[str, Counter[str]] = {why: Counter() for why in (_NOT_ANNOTATED, _NESTED, _MISALIGNED)}
        sample: list[Doc] = []
        for example in get_examples():
            annotated |= self._count_mentions(example, teaching, unused)
            if len(sample) < _SAMPLE:
                sample.append(example.predicted)
        types = list(labels) if labels is not None else sorted(annotated | teaching.keys())
        if not types:
            raise PipelineError(f"'{self.name}': the training data annotates no entity type.")
        # what was added before begins anew with the encoder, if it isn't taken over
        taken = source.labels if source is not None else ()
        added = [name for name in self.labels if name not in (*self._given, *taken)]
        without = [name for name in dict.fromkeys((*added, *types)) if not teaching[name]]
        if without:
            raise PipelineError(
                f"'{self.name}': the training data has not one mention of {', '.join(without)}. Leave the "
                "type out, with `spacy bioner convert --types` or a labels file, or add data."
            )
        self._warn_of(unused, {*added, *types} if labels is not None else None)
        for entity_type in dict.fromkeys((*(taken if keep_types else ()), *self.labels, *types)):
            self.add_label(entity_type)
        self.cfg["temperature"] = {}
        self.model.initialize(X=sample)
        if source is not None:
            self._copy_heads(source)
        self._check_types()

    def _count_mentions(
        self, example: Example, teaching: Counter[str], unused: Mapping[str, Counter[str]]
    ) -> set[str]:
        """Counts a Doc's gold mentions by type: those that teach something, and the others by the reason.

        Returns:
            The types that it says it annotates.
        """
        reference = example.reference
        corpus, annotated = annotated_types(reference, self.cfg["label_map"])
        to_tokens = _token_map(example)
        mentions: dict[str, list[Span]] = {}
        for span in gold_spans(reference, self.cfg["spans_key"])[0]:
            name = mapped(self.cfg["label_map"], corpus, span.label_)
            if annotated is not None and name not in annotated:
                unused[_NOT_ANNOTATED][name] += 1
            elif not to_tokens(span.start, span.end)[1]:
                unused[_MISALIGNED][name] += 1
            else:
                mentions.setdefault(name, []).append(span)
        for name, spans in mentions.items():
            taught = len(without_overlaps(sorted(spans, key=_longest_first)))
            teaching[name] += taught
            unused[_NESTED][name] += len(spans) - taught
        return annotated or set()

    def _warn_of(self, unused: Mapping[str, Counter[str]], types: Container[str] | None) -> None:
        """Warns of mentions of some types, or of all, that teach nothing."""
        for why, counts in unused.items():
            by_type = {
                name: count
                for name, count in sorted(counts.items())
                if count and (types is None or name in types)
            }
            if by_type:
                listed = ", ".join(f"{count} of {name}" for name, count in by_type.items())
                warnings.warn(
                    f"'{self.name}': {sum(by_type.values())} mentions of the Docs that training begins with "
                    f"teach nothing: {why} ({listed}).",
                    stacklevel=3,
                )

    def _copy_heads(self, source: "BioNER") -> None:
        """Takes over the heads of types with the same names, and their temperatures."""
        if self._decoder != source._decoder:
            raise PipelineError(
                f"'{self.name}': the model to begin with is of another architecture than this one."
            )
        temperatures = source.cfg["temperature"]
        for entity_type in self._decoder.take_over(self.model, source.model):
            if entity_type in temperatures:
                self.cfg["temperature"][entity_type] = temperatures[entity_type]

    def _check_types(self) -> None:
        """Raises PipelineError if the config names a type that there is no head for."""
        named = [*(self.types or ()), *(name for name in self.threshold if name != "*")]
        unknown = [name for name in named if name not in self.labels]
        if unknown:
            raise PipelineError(
                f"'{self.name}' has no entity type {', '.join(unknown)}; it knows {', '.join(self.labels)}."
            )


def label_maps(nlp: Language) -> dict[str, str]:
    """The label maps of a pipeline's `bioner` components; see `annotations.mapped`."""
    names: dict[str, str] = {}
    for _, pipe in nlp.pipeline:
        names |= getattr(pipe, "cfg", {}).get("label_map", {})
    return names


def _find_bioner(pipeline: str) -> BioNER:
    """The first `bioner` of a trained pipeline, by name or folder."""
    found = [pipe for _, pipe in spacy.load(pipeline).pipeline if isinstance(pipe, BioNER)]
    if not found:
        raise PipelineError(f"'{pipeline}' has no `bioner` to take heads from.")
    return found[0]


def words_of(docs: Iterable[Doc]) -> list[Ints | None]:
    """The numbers of each Doc's tokens that are more than white space; None for all.

    Corpora have no other tokens, texts do, and nobody taught the heads what to make of these: a line break
    would become a mention, or a non-breaking space inside a mention end it.
    """
    words: list[Ints | None] = []
    for doc in docs:
        kept = [i for i, token in enumerate(doc) if not is_blank(token.text)]
        words.append(None if len(kept) == len(doc) else numpy.array(kept, dtype="int64"))
    return words


def _sentences(reference: Doc) -> float:
    """How many sentences a Doc has: those that it marks, or else one; one too long to be one is several."""
    marked = reference.has_annotation("SENT_START")
    lengths = [len(sentence) for sentence in reference.sents] if marked else [len(reference)]
    return sum(1.0 if length <= _LONG else length / _SENTENCE for length in lengths)


def _token_map(example: Example) -> Callable[[int, int], tuple[list[int], bool]]:
    """From tokens of the reference (first, and one after the last) to those of the predicted Doc.

    The function that is returned gives the tokens, and whether they have exactly the same text.
    """
    predicted, reference = example.predicted, example.reference
    if len(predicted) == len(reference) and (predicted.to_array("ORTH") == reference.to_array("ORTH")).all():
        return lambda start, end: (list(range(start, end)), True)
    alignment = example.alignment.y2x

    def to_tokens(start: int, end: int) -> tuple[list[int], bool]:
        tokens = sorted({int(i) for i in alignment[start:end]})
        if not tokens:
            return [], False
        ours = predicted[tokens[0] : tokens[-1] + 1].text
        theirs = reference[start:end].text
        return tokens, "".join(ours.split()).lower() == "".join(theirs.split()).lower()

    return to_tokens
