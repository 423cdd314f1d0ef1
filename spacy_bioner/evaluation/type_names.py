"""The names under which entity types of a pipeline and of gold annotation are compared."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from spacy.language import Language

from spacy_bioner.components.pipelines import bioners, entity_types, label_maps
from spacy_bioner.corpora.annotations import mapped
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.evaluation.gold import Gold

_ALIKE = 0.75  # the share of the shorter name that stands in the other in one piece
_SHORTEST = 3  # letters: one or two are in many names


@dataclass(frozen=True, slots=True)
class TypeNames:
    """The names under which types are compared.

    Where all types of the data are the pipeline's, they are compared by those; otherwise both sides by the
    catalogue's common names.

    Attributes:
        known: the types that the pipeline finds.
        annotated: for each gold text, the types that it annotates, by the corpus's own names.
        common: whether common names are compared.
        predicted: from the pipeline's types to those that are compared, where they differ.
        labels: the pipeline's label map, see `annotations.mapped`.
        corpora: for each corpus the common names of its types, where common names are compared.
    """

    known: tuple[str, ...]
    annotated: tuple[tuple[str, ...], ...]
    common: bool
    predicted: Mapping[str, str]
    labels: Mapping[str, str]
    corpora: Mapping[str, Mapping[str, str]]

    def of_gold(self, corpus: str, own: str) -> str:
        """The name that is compared, of a corpus's own type."""
        if corpus in self.corpora:
            return self.corpora[corpus].get(own, own)
        return mapped(self.labels, corpus, own)

    def of_pipeline(self, label: str) -> str:
        """The name that is compared, of a type of the pipeline."""
        return self.predicted.get(label, label)


def type_names(nlp: Language, golds: Sequence[Gold]) -> TypeNames:
    """Decides under which names the types of a pipeline and some gold texts are compared.

    A text that doesn't say what it annotates counts as annotating every type in the data.
    """
    everything = tuple(sorted({mention.type for gold in golds for mention in gold.mentions}))
    annotated = tuple(everything if gold.types is None else gold.types for gold in golds)
    labels = label_maps(nlp)
    learned = {
        mapped(labels, gold.corpus, own)
        for gold, types in zip(golds, annotated, strict=True)
        for own in types
    }
    finds = entity_types(nlp)
    heads = {label for pipe in bioners(nlp) for label in pipe.labels}
    common = not learned <= {*finds, *heads}
    predicted = common_names(nlp) if common else {}
    known = tuple(sorted({predicted.get(name, name) for name in finds}))
    found = corpora_of(nlp, (gold.corpus for gold in golds)) if common else {}
    corpora = {name: corpus.types for name, corpus in found.items()}
    return TypeNames(known, annotated, common, predicted, labels, corpora)


def map_option(own: Iterable[str], others: Iterable[str]) -> str:
    """The --map that makes two sides comparable which have no type in common: "--map GENE=Gene".

    Args:
        own: the types of the side whose types are renamed.
        others: those of the other side.

    Returns:
        The option with the two types whose names are most alike; with stand-ins, if none are.
    """
    pairs = list(itertools.product(sorted(set(own)), sorted(set(others))))
    alike, pair = max(((_likeness(*pair), pair) for pair in pairs), default=(0.0, ("", "")))
    return "--map {}={}".format(*(pair if alike >= _ALIKE or len(pairs) == 1 else ("OLD", "NEW")))


def _likeness(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1, whatever their case: "DISEASE" and "SpecificDisease"."""
    one, other = sorted((one.casefold(), other.casefold()), key=len)
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.find_longest_match().size / max(len(one), _SHORTEST)


@dataclass(frozen=True, slots=True)
class CorpusNames:
    """What a corpus is called in reports: its variant, and the common names of its types."""

    variant: str
    types: Mapping[str, str]


def corpora_of(nlp: Language, names: Iterable[str]) -> dict[str, CorpusNames]:
    """What is known of some corpora: by a pipeline that was trained on them, or by a catalogue.

    The catalogue of the current folder is read only for corpora that nothing else knows.

    Raises:
        CorpusError: if that catalogue is needed and broken.
    """
    made = {entry["name"]: entry for entry in nlp.meta.get(META_KEY, {}).get("corpora", [])}
    own = load_corpora(project=False).corpora
    found = {}
    for name in dict.fromkeys(filter(None, names)):
        if name in made:
            found[name] = CorpusNames(made[name].get("variant", ""), made[name]["types"])
        elif (corpus := own.get(name) or load_corpora().corpora.get(name)) and corpus.types:
            found[name] = CorpusNames(corpus.title, corpus.types)
    return found


def common_names(nlp: Language) -> dict[str, str]:
    """From a pipeline's types to their common names, as the meta of its corpora has them."""
    names: dict[str, str] = {}
    labels = label_maps(nlp)
    for corpus in nlp.meta.get(META_KEY, {}).get("corpora", []):
        for own, common in corpus["types"].items():
            names[mapped(labels, corpus["name"], own)] = common
    return names
