"""Tokenizers on raw text: `python -m benchmarks.tokenization`.

For each tokenizer: the share of gold mentions both of whose ends are ends of tokens, the share of BC5CDR's
sentences that come out as in its columns, and tokens a second.
"""

import re
from collections.abc import Callable

import spacy
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from benchmarks.common import bc5cdr_sentences, best_of, read_pubtator, save
from spacy_bioner.documents.document import Document
from spacy_bioner.text.spacing import join
from spacy_bioner.text.tokenizer import create_tokenizer, mark_pattern

CORPORA = {
    "BC5CDR": [f"pubtator/BC5CDR/CDR_{s}Set.PubTator.txt" for s in ("Training", "Development", "Test")],
    "NCBI-disease": [f"pubtator/NCBI-disease/NCBIdisease_{s}.PubTator" for s in ("TrainDev", "Test")],
    "BioRED": ["bioc/BioRED/Train.PubTator", "bioc/BioRED/Dev.PubTator"],
}


def letters_from_digits(nlp: spacy.Language) -> Tokenizer:
    """Our tokenizer with one rule more: a token ends between a letter and a digit."""
    mark = mark_pattern()
    infix = rf"{mark}|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"
    return Tokenizer(
        nlp.vocab,
        prefix_search=re.compile(f"^(?:{mark})").search,
        suffix_search=re.compile(f"(?:{mark})$").search,
        infix_finditer=re.compile(infix).finditer,
    )


def coverage(tokenizer: Callable[[str], Doc], documents: list[Document]) -> float:
    """The share of mentions whose ends are ends of tokens."""
    mentions = covered = 0
    for document in documents:
        doc = tokenizer(document.text)
        begins = {token.idx for token in doc}
        ends = {token.idx + len(token) for token in doc}
        mentions += len(document.mentions)
        covered += sum(m.start in begins and m.end in ends for m in document.mentions)
    return covered / mentions


def same_as_columns(tokenizer: Callable[[str], Doc], split: str) -> float:
    """The share of BC5CDR's sentences whose raw text comes out as the tokens of its columns."""
    same = [
        [token.text for token in tokenizer(join(words, spaces)[0])] == words
        for words, spaces in bc5cdr_sentences(split)
    ]
    return sum(same) / len(same)


def main() -> None:
    nlp = spacy.blank("en")
    tokenizers = {
        "spacy-bioner.Tokenizer.v1": create_tokenizer()(nlp),
        "the same, letters from digits": letters_from_digits(nlp),
        "spaCy's English tokenizer": nlp.tokenizer,
    }
    corpora = {name: read_pubtator(*files) for name, files in CORPORA.items()}
    texts = [document.text for documents in corpora.values() for document in documents]
    result: dict[str, dict[str, float]] = {name: {} for name in tokenizers}
    for name, tokenizer in tokenizers.items():
        for corpus, documents in corpora.items():
            result[name][f"mentions_covered_{corpus}"] = round(coverage(tokenizer, documents), 5)
        result[name]["bc5cdr_devel_sentences_as_in_columns"] = round(same_as_columns(tokenizer, "devel"), 4)
    runs = [lambda t=t: [t(text) for text in texts] for t in tokenizers.values()]
    times = best_of(3, *runs)
    for (name, tokenizer), seconds in zip(tokenizers.items(), times, strict=True):
        result[name]["tokens_per_second"] = round(sum(len(tokenizer(text)) for text in texts) / seconds)
        result[name]["times_as_fast_as_english"] = round(times[-1] / seconds, 2)
    save("tokenization", {"texts": len(texts), "tokenizers": result})


if __name__ == "__main__":
    main()
