"""A pipeline against gold annotation."""

import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_bioner.components.bioner import BioNER, label_maps
from spacy_bioner.components.calibration import Judged
from spacy_bioner.components.spans import flat_view, is_known, scored_spans
from spacy_bioner.components.truncation import Cut, count_cut
from spacy_bioner.corpora.annotations import mapped
from spacy_bioner.corpora.conversion import to_doc
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.corpora.readers import with_same_tokens
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import CorpusError, PipelineError
from spacy_bioner.evaluation.counts import RELAXED, Counts
from spacy_bioner.evaluation.gold import Gold, check_lengths, gold_of
from spacy_bioner.evaluation.matching import Judgement, distinct, judge, most_apart


@dataclass(slots=True)
class Impossible:
    """Gold mentions that the pipeline can't find, whatever it has learned, by type.

    Attributes:
        inside_a_token: those that begin or end inside a token of the pipeline's.
        discontinuous: those of several spans. In strict scores they count as gold and are never found; in
            relaxed ones, what has a character in common with a span of theirs is found.
        overlapping: how many of the others a flat annotation has no room for, since gold mentions overlap.
            Not by type: another one could be left out instead.
        possible: the most that can be found of each type alone.
        possible_in_all: the most that can be found of all types together.
    """

    inside_a_token: Counter[str] = field(default_factory=Counter)
    discontinuous: Counter[str] = field(default_factory=Counter)
    overlapping: int = 0
    possible: Counter[str] = field(default_factory=Counter)
    possible_in_all: int = 0

    def add(self, gold: Sequence[Mention], tokens: Doc) -> None:
        """Counts the gold mentions of one document, each standing there once."""
        begins = {token.idx for token in tokens}
        ends = {token.idx + len(token) for token in tokens}
        fitting: list[Mention] = []
        for mention in gold:
            if len(mention.spans) > 1:
                self.discontinuous[mention.type] += 1
            elif mention.start not in begins or mention.end not in ends:
                self.inside_a_token[mention.type] += 1
            else:
                fitting.append(mention)
        most = most_apart(fitting)
        self.possible_in_all += most
        self.overlapping += len(fitting) - most
        for name in {mention.type for mention in fitting}:
            self.possible[name] += most_apart(m for m in fitting if m.type == name)


@dataclass(frozen=True, slots=True)
class Compared:
    """A text with what was made of its mentions of the types that are scored."""

    gold: Gold
    judged: list[Judgement]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        counts: the mentions counted, by type: strict.
        relaxed: the same, where pairs of one type with a character in common count as well.
        kinds: how often each kind of `matching.Judgement` was made, by kind and type.
        impossible: what the pipeline can't find.
        compared: the texts, with what was made of their mentions.
        docs, tokens: how much was read.
        seconds: how long the pipeline took.
        unscored: predicted mentions of types that the data doesn't annotate, or on tokens whose annotation is
            missing; they count neither way.
        not_found_by_pipeline: types that the data annotates and the pipeline doesn't know, with the number
            of their gold mentions; they count neither way.
        common_names: whether types were compared by their common names, and not the corpora's own.
        cut: what the encoder's windows cut off.
        judged: the probability of each predicted span of a `bioner` that counts, and whether it is right.
    """

    counts: Counts
    relaxed: Counts
    kinds: Counter[tuple[str, str]]
    impossible: Impossible
    compared: list[Compared]
    docs: int
    tokens: int
    seconds: float
    unscored: int
    not_found_by_pipeline: Mapping[str, int]
    common_names: bool
    cut: Cut
    judged: Judged


def entity_finders(nlp: Language) -> list[Any]:
    """The components of a pipeline that write to `doc.ents`."""
    return [
        pipe
        for name, pipe in nlp.pipeline
        if isinstance(pipe, BioNER) or "doc.ents" in nlp.get_pipe_meta(name).assigns
    ]


def entity_types(nlp: Language) -> list[str]:
    """The entity types that a pipeline writes to `doc.ents`."""
    return sorted(
        {
            label
            for pipe in entity_finders(nlp)
            for label in (pipe.written if isinstance(pipe, BioNER) else getattr(pipe, "labels", ()))
        }
    )


def evaluate(nlp: Language, docs: list[Doc], *, retokenize: bool = False) -> Evaluation:
    """Runs a pipeline on Docs with gold entities, and counts; see `evaluate_gold`.

    Args:
        nlp: the pipeline.
        docs: the Docs.
        retokenize: whether the pipeline gets the raw text, as in use; otherwise it gets the gold tokens, as
            published results on these corpora do.

    Raises:
        PipelineError: if there is nothing to compare: no Docs, or no type in common.
    """
    return evaluate_gold(nlp, [gold_of(doc, retokenize) for doc in docs])


def evaluate_gold(nlp: Language, golds: Sequence[Gold]) -> Evaluation:
    """Runs a pipeline on texts with gold mentions, and counts: offsets in characters, and type.

    A type counts only on texts whose corpus annotates it (see `corpora.annotations`); a text that says
    nothing of that annotates every type in the data. Where all types of the data are the pipeline's,
    they are compared as they are; otherwise both sides by the catalogue's common names.

    Args:
        nlp: the pipeline. It gets the raw text, or the tokens of a `Gold` that has some.
        golds: the texts.

    Raises:
        PipelineError: if there is nothing to compare: no texts, or no type in common; or if a text is longer
            than the pipeline takes.
    """
    if not golds:
        raise PipelineError("There are no documents in the data.")
    check_lengths(golds, nlp.max_length)
    known = entity_types(nlp)
    everything = tuple(sorted({mention.type for gold in golds for mention in gold.mentions}))
    annotated = [everything if gold.types is None else gold.types for gold in golds]
    own_types = sorted({name for types in annotated for name in types})
    labels = label_maps(nlp)
    learned = {
        mapped(labels, gold.corpus, own)
        for gold, types in zip(golds, annotated, strict=True)
        for own in types
    }
    heads = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, BioNER)]
    common = not learned <= {*known, *(label for pipe in heads for label in pipe.labels)}
    gold_name = _GoldNames(common, labels)
    predicted_names = pipeline_names(nlp) if common else {}
    known = sorted({predicted_names.get(name, name) for name in known})
    counts, relaxed, kinds = Counts(), Counts(), Counter[tuple[str, str]]()
    impossible, compared = Impossible(), list[Compared]()
    unscored, unknown, scored_types = 0, dict[str, int](), set[str]()
    keys = list(dict.fromkeys(pipe.cfg["spans_key"] for pipe in heads))
    of_heads = {label for pipe in heads for label in pipe.written}
    judged: list[tuple[float, bool]] = []
    seconds, tokens = 0.0, 0
    for gold, types, result in zip(golds, annotated, _timed(nlp, golds), strict=True):
        predicted_doc, seconds = result
        tokens += len(predicted_doc)
        scored = {gold_name(gold.corpus, own) for own in types} & set(known)
        scored_types |= scored
        named = [replace(m, type=gold_name(gold.corpus, m.type)) for m in gold.mentions if m.type in types]
        wanted = {label for label in of_heads if predicted_names.get(label, label) in scored}
        probabilities = {
            (span.start_char, span.end_char, span.label_): probability
            for key in keys
            for span, probability in scored_spans(predicted_doc, key)
        }
        found = [
            Mention(
                ((e.start_char, e.end_char),),
                predicted_names.get(e.label_, e.label_),
                score=probabilities.get((e.start_char, e.end_char, e.label_)),
            )
            for e in flat_view(predicted_doc, keys, wanted)
        ]
        for mention in named:
            if mention.type not in known:
                unknown[mention.type] = unknown.get(mention.type, 0) + 1
        theirs = distinct(mention for mention in named if mention.type in scored)
        places = {(mention.spans, mention.type) for mention in theirs}

        counted = partial(_is_counted, gold, scored, places)
        for ent in predicted_doc.ents:
            name = predicted_names.get(ent.label_, ent.label_)
            unscored += not counted(ent.start_char, ent.end_char, name)
        for (start, end, label), probability in probabilities.items():
            name = predicted_names.get(label, label)
            if counted(start, end, name):
                judged.append((probability, (((start, end),), name) in places))
        pairs = judge(theirs, [m for m in found if counted(m.start, m.end, m.type)])
        counts.add_judged(pairs)
        relaxed.add_judged(pairs, RELAXED)
        kinds.update((pair.kind, pair.type) for pair in pairs)
        impossible.add(theirs, predicted_doc)
        compared.append(Compared(gold, pairs))
    if not scored_types:
        raise PipelineError(
            f"Nothing to compare: the data annotates {', '.join(own_types) or 'no type'}, and the pipeline "
            f"finds {', '.join(known) or 'no entities'}."
        )
    cut = count_cut(nlp, (_tokenized(nlp, gold) for gold in golds))
    return Evaluation(
        counts,
        relaxed,
        kinds,
        impossible,
        compared,
        len(golds),
        tokens,
        seconds,
        unscored,
        unknown,
        common,
        cut,
        judged,
    )


def _is_counted(
    gold: Gold, types: Container[str], places: Container[Any], start: int, end: int, name: str
) -> bool:
    """Whether something that was found is right or wrong; it is neither where too little is known."""
    return name in types and is_known(start, end, (((start, end),), name) in places, gold.missing)


def _timed(nlp: Language, golds: Sequence[Gold]) -> Iterator[tuple[Doc, float]]:
    """The pipeline's Docs, each with the seconds since the first was asked for."""
    inputs = (gold.text if gold.doc is None else with_same_tokens(gold.doc) for gold in golds)
    start = time.perf_counter()
    for doc in tqdm(nlp.pipe(inputs), "evaluating", len(golds), leave=False, disable=None):
        yield doc, time.perf_counter() - start


def _tokenized(nlp: Language, gold: Gold) -> Doc:
    """A Doc as the pipeline gets it, with the gold mentions that fit it as entities."""
    if gold.doc is not None:
        return gold.doc
    return to_doc(Document(gold.text, mentions=gold.mentions), nlp.vocab, nlp.make_doc)[0]


class _GoldNames:
    """From the own names of each corpus to the pipeline's, or to the common ones."""

    def __init__(self, common: bool, labels: Mapping[str, str]) -> None:
        self._corpora = load_corpora().corpora if common else {}
        self._labels = labels

    def __call__(self, corpus: str, own: str) -> str:
        if corpus in self._corpora:
            return self._corpora[corpus].types.get(own, own)
        return mapped(self._labels, corpus, own)


def pipeline_names(nlp: Language) -> dict[str, str]:
    """From a pipeline's types to their common names, as the meta of its corpora has them."""
    names: dict[str, str] = {}
    labels = label_maps(nlp)
    for corpus in nlp.meta.get(META_KEY, {}).get("corpora", []):
        for own, common in corpus["types"].items():
            names[mapped(labels, corpus["name"], own)] = common
    return names


def describe(nlp: Language) -> dict[str, Any]:
    """What of a pipeline's meta belongs beside its scores."""
    made = nlp.meta.get(META_KEY, {})
    return {
        "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "encoder": made.get("encoder"),
        "seed": made.get("seed"),
        "trained_on": made.get("data", {}),
        "corpora": made.get("corpora", []),
    }


def corpus_variants(names: Iterable[str]) -> dict[str, str]:
    """Some corpora, each with its variant as the catalogue has it."""
    catalogue = load_corpora()
    variants = {}
    for name in dict.fromkeys(filter(None, names)):
        try:
            variants[name] = catalogue[name].title
        except CorpusError:
            variants[name] = ""
    return variants
