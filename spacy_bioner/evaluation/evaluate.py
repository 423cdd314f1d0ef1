"""A pipeline against gold annotation."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_bioner.annotations import corpus_of, get_annotation, mapped
from spacy_bioner.calibration import Judged
from spacy_bioner.catalogue.corpora import load_corpora
from spacy_bioner.component import BioNER, flat_view, label_maps, scored_spans
from spacy_bioner.errors import CorpusError, PipelineError
from spacy_bioner.evaluation.counts import Counts
from spacy_bioner.provenance import META_KEY
from spacy_bioner.readers import with_same_tokens
from spacy_bioner.windows import Cut, count_cut


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        counts: the mentions counted, by type.
        docs, tokens: how much was read.
        seconds: how long the pipeline took.
        unscored: predicted mentions of types that the data doesn't annotate; they count neither way.
        not_found_by_pipeline: types that the data annotates and the pipeline doesn't know, with the number
            of their gold mentions; they count neither way.
        common_names: whether types were compared by their common names, and not the corpora's own.
        cut: what the encoder's windows cut off.
        judged: the probability of each predicted span of a `bioner` that counts, and whether it is right.
    """

    counts: Counts
    docs: int
    tokens: int
    seconds: float
    unscored: int
    not_found_by_pipeline: Mapping[str, int]
    common_names: bool
    cut: Cut
    judged: Judged


def entity_types(nlp: Language) -> list[str]:
    """The entity types that a pipeline writes to `doc.ents`."""
    return sorted(
        {
            label
            for name, pipe in nlp.pipeline
            if "doc.ents" in nlp.get_pipe_meta(name).assigns
            for label in getattr(pipe, "labels", ())
        }
    )


def evaluate(nlp: Language, docs: list[Doc], *, retokenize: bool = False) -> Evaluation:
    """Runs a pipeline on Docs with gold entities, and counts: strict offsets in characters, and type.

    A type counts only on Docs whose corpus annotates it (see `spacy_bioner.annotations`); a Doc that says
    nothing of that annotates every type in the data. Where all types of the data are the pipeline's,
    they are compared as they are; otherwise both sides by the catalogue's common names.

    Args:
        nlp: the pipeline.
        docs: the Docs.
        retokenize: whether the pipeline gets the raw text, as in use; otherwise it gets the gold tokens, as
            published results on these corpora do.

    Raises:
        PipelineError: if there is nothing to compare: no Docs, or no type in common.
    """
    if not docs:
        raise PipelineError("There are no documents in the data.")
    known = entity_types(nlp)
    everything = tuple(sorted({ent.label_ for doc in docs for ent in doc.ents}))
    annotated = [_annotated(doc, everything) for doc in docs]
    own_types = sorted({name for types in annotated for name in types})
    labels = label_maps(nlp)
    learned = {
        mapped(labels, corpus_of(doc), own)
        for doc, types in zip(docs, annotated, strict=True)
        for own in types
    }
    common = not learned <= set(known)
    gold_name = _GoldNames(common, labels)
    predicted_names = pipeline_names(nlp) if common else {}
    known = sorted({predicted_names.get(name, name) for name in known})
    counts, unscored, unknown, compared = Counts(), 0, dict[str, int](), set[str]()
    heads = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, BioNER)]
    keys = list(dict.fromkeys(pipe.cfg["spans_key"] for pipe in heads))
    of_heads = {label for pipe in heads for label in pipe.labels}
    judged: list[tuple[float, bool]] = []
    seconds = 0.0
    for doc, types, result in zip(docs, annotated, _timed(nlp, docs, retokenize), strict=True):
        predicted_doc, seconds = result
        corpus = corpus_of(doc)
        scored = {gold_name(corpus, own) for own in types} & set(known)
        compared |= scored
        gold = [(e.start_char, e.end_char, gold_name(corpus, e.label_)) for e in doc.ents]
        wanted = {label for label in of_heads if predicted_names.get(label, label) in scored}
        found = flat_view(predicted_doc, keys, wanted, of_heads)
        predicted = [(e.start_char, e.end_char, predicted_names.get(e.label_, e.label_)) for e in found]
        for _, _, name in gold:
            if name not in known:
                unknown[name] = unknown.get(name, 0) + 1
        names = (predicted_names.get(ent.label_, ent.label_) for ent in predicted_doc.ents)
        unscored += sum(name not in scored for name in names)
        for key in keys:
            for span, probability in scored_spans(predicted_doc, key):
                name = predicted_names.get(span.label_, span.label_)
                if name in scored:
                    judged.append((probability, (span.start_char, span.end_char, name) in gold))
        counts.add(
            [span for span in gold if span[2] in scored],
            [span for span in predicted if span[2] in scored],
        )
    if not compared:
        raise PipelineError(
            f"Nothing to compare: the data annotates {', '.join(own_types) or 'no type'}, and the pipeline "
            f"finds {', '.join(known) or 'no entities'}."
        )
    tokens = sum(map(len, docs))
    cut = count_cut(nlp, docs)
    return Evaluation(counts, len(docs), tokens, seconds, unscored, unknown, common, cut, judged)


def _annotated(doc: Doc, everything: tuple[str, ...]) -> tuple[str, ...]:
    annotation = get_annotation(doc)
    return annotation.types if annotation else everything


def _timed(nlp: Language, docs: list[Doc], retokenize: bool) -> Iterator[tuple[Doc, float]]:
    """The pipeline's Docs, each with the seconds since the first was asked for."""
    inputs = (doc.text if retokenize else with_same_tokens(doc) for doc in docs)
    start = time.perf_counter()
    for doc in tqdm(nlp.pipe(inputs), "evaluating", len(docs), leave=False, disable=None):
        yield doc, time.perf_counter() - start


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


def corpus_variants(docs: list[Doc]) -> dict[str, str]:
    """The corpora that some Docs are from, each with its variant as the catalogue has it."""
    names = dict.fromkeys(a.corpus for doc in docs if (a := get_annotation(doc)))
    catalogue = load_corpora()
    variants = {}
    for name in names:
        try:
            variants[name] = catalogue[name].title
        except CorpusError:
            variants[name] = ""
    return variants
