"""What recall is made of: names seen in training, new names of seen concepts, new concepts, and more.

The first three are those of Kim and Kang 2022, "How do your biomedical named entity recognition models
generalize to novel entities?": a mention is memorised if its text stands in the training data as a mention; a
synonym, if not, but one of its identifiers does; and a new concept otherwise. Texts are compared in lower
case, with runs of punctuation and white space as one space. An identifier of several concepts ("D001|D002",
"D001+D002") counts as each of them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from string import punctuation
from typing import Any

from spacy_bioner.documents.document import Mention
from spacy_bioner.evaluation.gold import Gold
from spacy_bioner.evaluation.matching import CORRECT
from spacy_bioner.evaluation.near_duplicates import words_of
from spacy_bioner.evaluation.pipeline_evaluation import Compared

MEMORISED, SYNONYM, NEW = "memorised", "synonym", "new concept"
UNSEEN = "not in training"
"""Instead of the last two, where mentions have no identifiers."""
_BREAKS = re.compile(rf"[\s{re.escape(punctuation)}]+")
_SEVERAL = re.compile(r"[|+]")
_SHORT_FORM = re.compile(r"(?=.*[A-Z0-9].*[A-Z0-9])[A-Za-z0-9-]{2,10}")
_LONG_FORM = re.compile(r"\s*[(\[]\s*[A-Z][A-Za-z0-9-]{1,9}\s*[)\]]")
_MOST_WORDS = 5


def normalised(name: str) -> str:
    """A name for comparison: in lower case, punctuation and white space as one space."""
    return _BREAKS.sub(" ", name.lower()).strip()


def concepts(mention: Mention) -> set[str]:
    """The identifiers of a mention, each of those of several concepts; MeSH's with or without its name."""
    parts = (part for identifier in mention.identifiers for part in _SEVERAL.split(identifier))
    return {re.sub("^mesh:", "", part.strip(), flags=re.IGNORECASE) for part in parts if part.strip(" -")}


@dataclass(frozen=True, slots=True)
class Seen:
    """The mentions of training data.

    Attributes:
        names: how often each name is a mention, by type.
        concepts: the identifiers, by type.
    """

    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    concepts: set[tuple[str, str]] = field(default_factory=set)

    def add(self, gold: Gold) -> None:
        """Adds the names and concepts of a document's gold mentions."""
        for mention in gold.mentions:
            self.names[mention.type, normalised(_text(gold, mention))] += 1
            self.concepts.update((mention.type, concept) for concept in concepts(mention))


def seen_in(golds: Iterable[Gold]) -> Seen:
    """Collects the mentions of training data."""
    seen = Seen()
    for gold in golds:
        seen.add(gold)
    return seen


@dataclass(frozen=True, slots=True)
class Stratum:
    """Gold mentions that have something in common.

    Attributes:
        by: in what ("training", "words").
        group: which value of it.
        gold: how many there are.
        found: how many of them were found, with right offsets and type.
    """

    by: str
    group: str
    gold: int
    found: int

    @property
    def recall(self) -> float:
        """The share of these mentions that were found; 0 where there are none."""
        return self.found / self.gold if self.gold else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The stratum and its recall as plain data, for JSON."""
        return {**asdict(self), "recall": self.recall}


def strata(compared: Sequence[Compared], seen: Seen | None = None) -> list[Stratum]:
    """Divides the gold mentions of an evaluation in several ways, and counts what was found of each part.

    Args:
        compared: the texts, with what was made of their mentions.
        seen: the mentions of the training data; without it, only ways that need none.
    """
    gold, found = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    with_concepts = bool(seen and seen.concepts) and any(
        mention.identifiers for text in compared for mention in text.gold.mentions
    )
    for text in compared:
        scored = [pair for pair in text.judged if pair.gold is not None]
        for pair in scored:
            assert pair.gold is not None
            for key in _groups(text.gold, pair.gold, seen, with_concepts):
                gold[key] += 1
                found[key] += pair.kind == CORRECT
    return [Stratum(by, group, gold[by, group], found[by, group]) for by, group in sorted(gold, key=_order)]


def _groups(
    gold: Gold, mention: Mention, seen: Seen | None, with_concepts: bool
) -> Iterator[tuple[str, str]]:
    """The groups that a mention is in, one a way."""
    text = _text(gold, mention)
    if seen is not None:
        group = group_of(text, mention, seen)
        yield "training", group if group == MEMORISED or with_concepts else UNSEEN
        times = seen.names[mention.type, normalised(text)]
        yield "times in training", "0" if not times else "1" if times == 1 else "2-9" if times < 10 else "10+"
    words = len(words_of(text))
    yield "words", str(words) if words < _MOST_WORDS else f"{_MOST_WORDS}+"
    yield "characters", "ASCII" if text.isascii() else "others too"
    overlaps = any(
        other.start < mention.end and mention.start < other.end and other.spans != mention.spans
        for other in gold.mentions
    )
    yield "overlap", "overlaps another" if overlaps else "alone"
    yield "form", _form(gold.text, text, mention)


def group_of(text: str, mention: Mention, seen: Seen) -> str:
    """Whether a mention is memorised, a synonym or a new concept (Kim and Kang 2022)."""
    if (mention.type, normalised(text)) in seen.names:
        return MEMORISED
    known = any((mention.type, concept) in seen.concepts for concept in concepts(mention))
    return SYNONYM if known else NEW


def _form(whole: str, text: str, mention: Mention) -> str:
    """Whether a mention looks like an abbreviation, or one follows it in brackets."""
    if _SHORT_FORM.fullmatch(text):
        return "abbreviation"
    return "followed by its abbreviation" if _LONG_FORM.match(whole, mention.end) else "other"


def _order(key: tuple[str, str]) -> tuple[int, int, str]:
    ways = ("training", "times in training", "words", "characters", "overlap", "form")
    groups = (MEMORISED, SYNONYM, NEW, UNSEEN, "0", "1", "2-9", "10+")
    by, group = key
    return ways.index(by), groups.index(group) if group in groups else len(groups), group


def _text(gold: Gold, mention: Mention) -> str:
    return " ".join(gold.text[start:end] for start, end in mention.spans)


def diagnostics(golds: Sequence[Gold]) -> dict[str, float | int]:
    """What kind of corpus this is, in figures.

    Returns:
        documents, words, mentions; mentions per 100 words; different names per mention (lexical variety);
        the share of names that are mentioned once; of names with mentions of several types; and of names
        that are no mention in most of the places where they stand (all without regard to case).
    """
    names, types = Counter[tuple[str, ...]](), dict[tuple[str, ...], set[str]]()
    for gold in golds:
        for mention in gold.mentions:
            name = tuple(words_of(_text(gold, mention)))
            names[name] += 1
            types.setdefault(name, set()).add(mention.type)
    sizes = sorted({len(name) for name in names if name})
    occurs, words = Counter[tuple[str, ...]](), 0
    for gold in golds:
        tokens = words_of(gold.text)
        words += len(tokens)
        for size in sizes:
            grams = zip(*(tokens[shift:] for shift in range(size)), strict=False)
            occurs.update(gram for gram in grams if gram in names)
    count, mentions = max(len(names), 1), names.total()
    return {
        "documents": len(golds),
        "words": words,
        "mentions": mentions,
        "mentions per 100 words": round(100 * mentions / max(words, 1), 2),
        "names per mention": round(len(names) / max(mentions, 1), 3),
        "share of names mentioned once": round(sum(n == 1 for n in names.values()) / count, 3),
        "share of names of several types": round(sum(len(t) > 1 for t in types.values()) / count, 3),
        "share of names mostly no mention": round(sum(occurs[n] > 2 * names[n] for n in names) / count, 3),
    }
