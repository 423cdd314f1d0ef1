"""A pipeline on columns, raw text, and raw text with Unicode put back: `python -m benchmarks.unicode MODEL`.

The labelled corpora are ASCII. The copy has what texts in use have in the same places: Greek letters,
dashes, primes and quotation marks, "±" and "≥", some spaces as non-breaking or thin ones, some words with a
soft hyphen or a ligature. Mentions shift with the text. It is harsher than texts are: none of its hyphens is
ASCII's.

`--corpus NCBI-disease` takes that corpus, `--split devel` another split; `--output FILE` writes the copy as
PubTator, `--name NAME` keeps the result in benchmarks/results/unicode.json. Each is scored with folding and
without; a pipeline that was trained before there was folding is given it here, for ASCII texts are the same
with it.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language

from benchmarks.common import corpora_folder, read_pubtator, results, save
from spacy_bioner.components.pipelines import find_transformer
from spacy_bioner.corpora.annotations import Annotation
from spacy_bioner.corpora.conversion import Tally, to_docs
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.formats import columns, pubtator
from spacy_bioner.documents.metadata import TEXT
from spacy_bioner.evaluation.counts import Counts
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs
from spacy_bioner.evaluation.report import describe
from spacy_bioner.models.folded_tok2vec import create_folded_tok2vec
from spacy_bioner.text.folding import fold

CORPORA: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "BC5CDR": (
        "mtl/BC5CDR-IOB",
        {
            "devel": "pubtator/BC5CDR/CDR_DevelopmentSet.PubTator.txt",
            "test": "pubtator/BC5CDR/CDR_TestSet.PubTator.txt",
        },
        ("Chemical", "Disease"),
    ),
    "NCBI-disease": (
        "mtl/NCBI-disease-IOB",
        {"test": "pubtator/NCBI-disease/NCBIdisease_Test.PubTator"},
        ("Disease",),
    ),
}
"""The folder of each corpus's columns, the PubTator file of each split, its types.

Where there is one type, those of the PubTator file are kinds of it.
"""

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "kappa": "κ",
    "lambda": "λ",
    "sigma": "σ",
    "omega": "ω",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "mu": "μ",
    "nu": "ν",
    "pi": "π",
    "rho": "ρ",
    "tau": "τ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
}
_GLUED = "alpha|beta|gamma|delta|epsilon|kappa"  # also behind other letters: TNFalpha
HYPHENS, DASHES, SPACES = "‐‐‐––‑", "–—", "\u00a0\u00a0\u00a0\u00a0\u2009\u202f"  # as often as they are named

Choose = Callable[[re.Match[str], random.Random], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is put in the place of some ASCII text.

    Attributes:
        name: for the count.
        pattern: where it stands.
        choose: gives what is put there.
        share: of the places, how many are changed.
    """

    name: str
    pattern: re.Pattern[str]
    choose: Choose
    share: float = 1.0


def _rule(name: str, pattern: str, choose: str | Choose, share: float = 1.0) -> Rule:
    """A rule; a text instead of a choice stands for one of its characters."""
    if isinstance(choose, str):
        characters = choose
        return Rule(name, re.compile(pattern), lambda match, rng: rng.choice(characters), share)
    return Rule(name, re.compile(pattern), choose, share)


def _greek(match: re.Match[str], rng: random.Random) -> str:
    return "Δ" if match[0] == "Delta" else GREEK[match[0].lower()]


RULES = (
    _rule("Greek letters", rf"(?<![A-Za-z])(?:{'|'.join(GREEK)}|Alpha|Beta|Gamma|Delta)(?![a-z])", _greek),
    _rule("Greek letters", rf"(?<=[A-Za-z])(?:{_GLUED})(?![a-z])", _greek),
    _rule("micro", r"(?<![A-Za-z])micro(?=[gMlLm]\b)", "µμ"),
    _rule("±", r"\+/-", "±"),
    _rule("≥ ≤", r"> ?or ?=|>=", "≥"),
    _rule("≥ ≤", r"< ?or ?=|<=", "≤"),
    _rule("°", r" degrees (?=C\b)", "°"),
    _rule("® ™", r"\(R\)", "®"),
    _rule("dashes", r"--|(?<= )-(?= )", DASHES),
    _rule("minus", r"(?<=[ (])-(?=\d)", "−"),
    _rule("dashes", r"(?<=\d)-(?=\d)", "–"),
    _rule("hyphens", r"-", HYPHENS),
    _rule("primes", r"(?<=\d)''", "″"),
    _rule("primes", r"(?<=\d)'", "′"),
    _rule("quotation marks", r"'(?=s\b)", "’"),
    _rule("quotation marks", r"(?<=[ (])[\"']", "“‘"),
    _rule("quotation marks", r"[\"']", "”’"),
    _rule("spaces", r"(?<=\S) (?=\S)", SPACES, 0.05),
    _rule("ligatures", r"fi|fl", lambda match, rng: {"fi": "ﬁ", "fl": "ﬂ"}[match[0]], 0.05),
    _rule("soft hyphens", r"(?<=\w{4})(?=\w{4})", "\u00ad", 0.002),
)
"""Where two rules want the same place, the earlier has it."""


def unicode_copy(document: Document, rng: random.Random, counts: Counter[str]) -> Document:
    """A document with Unicode characters in the places of their ASCII spellings.

    Args:
        document: the document, in ASCII.
        rng: the chance by which it is decided.
        counts: what was put in, by rule, is added here; also what wasn't, as it would reach across an end
            of a mention or passage.
    """
    text = document.text
    ends = {0, len(text)}
    for part in document.passages:
        ends |= {part.start, part.end}
    for mention in document.mentions:
        ends |= {end for span in mention.spans for end in span}
    # a character between passages belongs to none
    taken = (
        numpy.ones(len(text) + 1, dtype=bool) if document.passages else numpy.zeros(len(text) + 1, dtype=bool)
    )
    for part in document.passages:
        taken[part.start : part.end] = False
    edits: list[tuple[int, int, str]] = []
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            start, end = match.span()
            if taken[start:end].any() or rng.random() >= rule.share:
                continue
            if any(start < border < end or start == border == end for border in ends):
                counts["left, across an end"] += 1
                continue
            edits.append((start, end, rule.choose(match, rng)))
            taken[start:end] = True
            counts[rule.name] += 1
    shift = numpy.zeros(len(text) + 1, dtype="int64")
    parts, last = [], 0
    for start, end, new in sorted(edits):
        parts += [text[last:start], new]
        shift[end:] += len(new) - (end - start)
        last = end
    place = [i + by for i, by in enumerate(shift.tolist())]

    def moved(mention: Mention) -> Mention:
        # what its file says of its text is no longer so
        meta = {key: value for key, value in mention.meta.items() if key != TEXT}
        return replace(mention, spans=tuple((place[a], place[b]) for a, b in mention.spans), meta=meta)

    return replace(
        document,
        text="".join(parts) + text[last:],
        mentions=tuple(map(moved, document.mentions)),
        passages=tuple(
            replace(part, start=place[part.start], end=place[part.end]) for part in document.passages
        ),
    )


def copies(documents: Iterable[Document], seed: int) -> tuple[list[Document], Counter[str]]:
    """The Unicode copies of some documents, and what was put in."""
    rng, counts = random.Random(seed), Counter[str]()
    return [unicode_copy(document, rng, counts) for document in documents], counts


def set_folding(nlp: Language, folding: bool) -> None:
    """Sets whether the encoder of a pipeline sees folded texts, also of one that was trained without."""
    component: Any = find_transformer(nlp) or nlp.get_pipe("tok2vec")
    if component.name == "tok2vec" and component.model.name != "folded_tok2vec":
        plain = component.model
        component.model = create_folded_tok2vec(plain.get_ref("embed"), plain.get_ref("encode"))
    settings = component.model.attrs["settings"]
    component.model.attrs["settings"] = replace(settings, folding=folding)


def score_columns(nlp: Language, corpus: str, split: str) -> Counts:
    """The scores on the sentences and tokens of a corpus's columns."""
    folder, _, types = CORPORA[corpus]
    sentences = columns.read(corpora_folder() / folder / f"{split}.tsv")
    docs = list(to_docs(sentences, nlp.vocab, nlp.make_doc, Annotation(corpus, types), Tally()))
    return evaluate_docs(nlp, docs).counts


def score_raw(nlp: Language, documents: list[Document], types: tuple[str, ...]) -> Counts:
    """The scores on raw texts: offsets in characters."""
    counts = Counts()
    for document, doc in zip(documents, nlp.pipe(d.text for d in documents), strict=True):
        counts.add(
            [(m.start, m.end, m.type if len(types) > 1 else types[0]) for m in document.mentions],
            [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents],
        )
    return counts


def changed_mentions(documents: list[Document]) -> Iterator[Mention]:
    """The mentions that are not ASCII."""
    return (m for d in documents for m in d.mentions if not d.text_of(m).isascii())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--corpus", default="BC5CDR", choices=list(CORPORA))
    parser.add_argument("--split", default="test", choices=["devel", "test"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="", help="under which the result is kept; else it is only printed")
    parser.add_argument("--output", type=Path, help="where to write the copy")
    arguments = parser.parse_args()
    _, files, types = CORPORA[arguments.corpus]
    documents = read_pubtator(files[arguments.split])
    made, counts = copies(documents, arguments.seed)
    if arguments.output:
        with arguments.output.open("w", encoding="utf8", newline="") as file:
            file.writelines(written.text for written in pubtator.write(made))
    nlp = spacy.load(arguments.model)
    result: dict[str, Any] = {
        "pipeline": describe(nlp),
        "corpus": arguments.corpus,
        "split": arguments.split,
        "put_in": dict(counts),
        "mentions": sum(len(document.mentions) for document in made),
        "mentions_changed": sum(1 for _ in changed_mentions(made)),
        "texts_that_fold_back": sum(
            fold(b.text).split() == a.text.split() for a, b in zip(documents, made, strict=True)
        ),
    }
    for folding in (True, False):
        set_folding(nlp, folding)
        scores = {
            "columns": score_columns(nlp, arguments.corpus, arguments.split),
            "raw": score_raw(nlp, documents, types),
            "unicode": score_raw(nlp, made, types),
        }
        result["folding" if folding else "no folding"] = {
            name: {key: round(100 * getattr(own.total(), key), 2) for key in ("f1", "precision", "recall")}
            for name, own in scores.items()
        }
    if arguments.name:
        save("unicode", {**results("unicode"), arguments.name: result})
    else:
        print(result)


if __name__ == "__main__":
    main()
