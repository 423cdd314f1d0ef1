"""How well natural spacing is rebuilt: `python -m benchmarks.spacing`.

The rule of `spacy_bioner.text.spacing` was set on BC5CDR's development split; the test split is for this.
"""

from benchmarks.common import bc5cdr_sentences, save
from spacy_bioner.text.spacing import natural_spaces


def measure(split: str) -> dict[str, float]:
    """The share of words that are followed by a space exactly where the raw text has one."""
    words = right = sentences = whole = 0
    all_spaced = 0
    for sentence, true_spaces in bc5cdr_sentences(split):
        rebuilt = natural_spaces(sentence)
        agree = [a == b for a, b in zip(rebuilt, true_spaces, strict=True)]
        words += len(agree)
        right += sum(agree)
        sentences += 1
        whole += all(agree)
        all_spaced += sum(true_spaces) + 1
    return {
        "words": words,
        "words_right": round(right / words, 5),
        "sentences_right": round(whole / sentences, 4),
        "words_right_with_spaces_everywhere": round(all_spaced / words, 5),
    }


if __name__ == "__main__":
    save("spacing", {split: measure(split) for split in ("devel", "test")})
