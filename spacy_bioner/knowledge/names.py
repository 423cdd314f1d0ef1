"""Names in one spelling, so that those that differ in nothing but form are the same.

"Tumours of the Breast", "breast tumor" and "Breast Tumors" have the same words: letters are folded to
ASCII (Greek ones spelled out), case, punctuation and the order of words don't count, British spelling
becomes American, plurals become singulars, Roman numerals and number words become digits.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from spacy_bioner.text.folding import fold

_WORD = re.compile(r"[a-z]+|[0-9]+|[^\W\d_]+")
_POSSESSIVE = re.compile(r"(?<=[a-z])'s?\b|(?<=s)'")
_DROPPED = frozenset(
    ("a", "an", "and", "by", "due", "for", "from", "in", "of", "on", "or", "the", "to", "with")
)
_DIGITS = {
    "ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11", "xii": "12",
    "xiii": "13", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "first": "1", "second": "2", "third": "3",
}  # fmt: skip
_BRITISH = (
    ("tumour", "tumor"), ("colour", "color"), ("behaviour", "behavior"), ("humour", "humor"),
    ("leucaemi", "leukemi"), ("leucemi", "leukemi"), ("leuco", "leuko"), ("anaem", "anem"),
    ("aemia", "emia"), ("aemic", "emic"), ("haem", "hem"), ("oedema", "edema"), ("oesoph", "esoph"),
    ("oestr", "estr"), ("paed", "ped"), ("gynaec", "gynec"), ("caec", "cec"), ("faec", "fec"),
    ("foet", "fet"), ("coeliac", "celiac"), ("diarrhoea", "diarrhea"), ("rrhoea", "rrhea"),
    ("pnoea", "pnea"), ("aetiol", "etiol"), ("anaesth", "anesth"), ("orthopaed", "orthoped"),
    ("ischaem", "ischem"), ("lipaem", "lipem"), ("naev", "nev"), ("fibre", "fiber"),
    ("centre", "center"), ("sulph", "sulf"), ("aluminium", "aluminum"), ("litre", "liter"),
    ("isation", "ization"),
)  # fmt: skip
_PLURALS = (
    (re.compile(r"(?<=st)ases$"), "asis"),
    (re.compile(r"(?<=[^d])oses$"), "osis"),
    (re.compile(r"(?<=.l)yses$"), "ysis"),
    (re.compile(r"(?<=..)eses$"), "esis"),
    (re.compile(r"(?<=om)ata$"), "a"),
    (re.compile(r"(?<=...)ies$"), "y"),
    (re.compile(r"(?<=ss|sh|ch)es$"), ""),
    (re.compile(r"(?<=x)es$"), ""),
    (re.compile(r"(?<=[^sui])s$"), ""),
)


@lru_cache(maxsize=1 << 16)
def _word(word: str) -> str:
    """A word in one spelling."""
    if word in _DIGITS:
        return _DIGITS[word]
    if not word.isascii() or len(word) < 4:
        return word
    for british, american in _BRITISH:
        if british in word:
            word = word.replace(british, american)
    for plural, singular in _PLURALS:
        changed = plural.sub(singular, word)
        if changed != word:
            return changed
    return word


def words_of(name: str) -> list[str]:
    """The words of a name in one spelling, in their order; prepositions, articles and "and" are left out.

    A name of nothing else keeps them.
    """
    lower = _POSSESSIVE.sub("", fold(name).lower())
    words = _WORD.findall(lower)
    return [_word(word) for word in words if word not in _DROPPED] or words


def key_of(name: str) -> str:
    """What names have in common that differ in form alone: their words, sorted."""
    return " ".join(sorted(words_of(name)))


_LOOSE = {
    word: row[0]
    for row in (
        (
            "neoplasm",
            "tumor",
            "cancer",
            "carcinoma",
            "malignancy",
            "adenocarcinoma",
            "malignant",
            "neoplastic",
        ),
        ("disease", "disorder", "syndrome", "condition", "illness", "anomaly", "abnormality", "defect"),
        ("hereditary", "inherited", "familial", "inborn", "genetic", "congenital"),
        ("kidney", "renal", "nephric"),
        ("liver", "hepatic"),
        ("heart", "cardiac"),
        ("lung", "pulmonary"),
        ("stomach", "gastric"),
        ("brain", "cerebral"),
        ("skin", "cutaneous", "dermal"),
        ("breast", "mammary"),
        ("eye", "ocular"),
        ("bone", "osseous"),
        ("muscle", "muscular"),
        ("nerve", "neural", "nervous"),
        ("nose", "nasal"),
        ("mouth", "oral"),
        ("vessel", "vascular"),
        ("blood", "hematologic", "hematological", "hematopoietic"),
        ("colon", "colonic"),
        ("pain", "ache"),
        ("lack", "absence", "deficiency", "deficient"),
        ("toxicity", "toxic"),
    )
    for word in row
}
_ENDINGS = re.compile(r"(?<=....)(?:ically|ical|ous|ic|al|ity|ed|ing|es|e|y|ia|us|is|a|s)$")


@lru_cache(maxsize=1 << 16)
def _loose_word(word: str) -> str:
    return _LOOSE.get(word) or _ENDINGS.sub("", word)


@lru_cache(maxsize=1 << 16)
def stem_of(word: str) -> str:
    """A word without the ending that makes it an adjective, a verb's form or a plural."""
    return _ENDINGS.sub("", word)


def loose_key_of(key: str) -> str:
    """What names have in common that differ in endings and in words that say much the same.

    "Prostate carcinoma" and "prostatic neoplasms" are one here. It is for looking once more where `key_of`
    found nothing, and no reason by itself.

    Args:
        key: as `key_of` gives it.
    """
    return " ".join(sorted({_loose_word(word) for word in key.split()}))


_INHERITED = frozenset(("autosomal", "dominant", "recessive", "mendelian", "monogenic"))


def inherited_key_of(key: str) -> str:
    """The loose key of a name where how something is inherited says only that it is: "autosomal recessive
    disorder" is a genetic disease.

    Args:
        key: as `key_of` gives it.
    """
    words = set(key.split())
    return loose_key_of(" ".join(words - _INHERITED | {"hereditary"})) if words & _INHERITED else ""


def loose_keys_of(keys: Iterable[str]) -> Iterator[str]:
    """`loose_key_of` of many names; each of their words is looked at once."""
    known: dict[str, str] = {}
    for key in keys:
        words = key.split()
        for word in words:
            if word not in known:
                known[word] = _loose_word(word)
        yield " ".join(sorted({known[word] for word in words}))
