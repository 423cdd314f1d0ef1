"""Short forms that a text defines: "multiple sclerosis (MS)".

Candidates are those of Schwartz and Hearst (2003): what stands in brackets, and the words before them. Which
of those words are the long form is told from its letters, see `alignment`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spacy_bioner.text.alignment import align, letters_of

Span = tuple[int, int]

MOST_CHARACTERS = 14
"""How long a short form may be: longer than the 10 of Schwartz and Hearst, for "TNF-alphaIP1"."""

_MOST_AROUND = 60  # characters of a short form with what may stand around it
_MOST_INSIDE = 1000  # characters of a long form in brackets

_OPEN, _CLOSE = "([", ")]"
_BRACKET = re.compile(r"[()\[\]]")
_SENTENCE_END = re.compile(r"(?<=[a-z0-9)\]%][.?!])\s+(?=[A-Z(\[\"'])|\n+")
_BRACKETED = re.compile(r"\[\w[^\[\]]*\]")
_CAPITAL_LETTERS = re.compile(r"[A-Z]{3,}")
_WORD = re.compile(r"\S+")
_CUT = re.compile(r";|[,:=](?=\s)")  # a mark; a pattern that begins with white space is slow where much is
_LEAD = re.compile(
    r"(?:i\.e\.,?|e\.g\.,?|or|called|termed|abbreviated(?: as)?|the|hereafter)\s+", re.IGNORECASE
)
_VERBS = frozenset(("is", "are", "was", "were", "been", "has", "have", "had"))  # no long form has one
_QUOTES = "\"'“”‘’"
_ENUMERATION = re.compile(r"[ivx]{1,4}|[a-z]|[0-9.,%+<>= -]+", re.ASCII)

_CAPITALS = 2  # that a short form has which stands right behind a letter


@dataclass(frozen=True, slots=True)
class Definition:
    """A short form where its text defines it.

    Attributes:
        short: the characters of the short form.
        long: those of its long form.
    """

    short: Span
    long: Span


def find_definitions(text: str, sentences: Iterable[Span] | None = None) -> list[Definition]:
    """Finds the short forms that a text defines, in its order.

    Args:
        text: the text.
        sentences: its sentences, which no definition crosses; told from punctuation, if None.
    """
    if "(" not in text and "[" not in text:
        return []
    found = []
    for start, end in _sentences(text) if sentences is None else sentences:
        for opening, closing in _brackets(text, start, end):
            definition = (
                _before(text, start, opening, closing)
                or _inside(text, start, opening, closing)
                or _listed(text, opening, closing)
            )
            if definition is not None:
                found.append(definition)
    return found


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)


def _brackets(text: str, start: int, end: int) -> list[Span]:
    """Places of opening brackets and of those that close them, in the order of the former."""
    pairs, waiting = [], []
    for match in _BRACKET.finditer(text, start, end):
        if match[0] in _OPEN:
            waiting.append(match.start())
        elif waiting and _OPEN.index(text[waiting[-1]]) == _CLOSE.index(match[0]):
            pairs.append((waiting.pop(), match.start()))
    return sorted(pairs)


def _before(text: str, start: int, opening: int, closing: int) -> Definition | None:
    """The short form in brackets, the long one before them."""
    short = _short_form(text, opening + 1, closing)
    if short is None or opening == start:
        return None
    if not text[opening - 1].isspace() and sum(c.isupper() for c in text[short[0] : short[1]]) < _CAPITALS:
        return None  # a part of a name: poly(A)
    return _defined(text, start, opening, short)


def _listed(text: str, opening: int, closing: int) -> Definition | None:
    """Both in brackets, a comma between them: "(blood-brain barrier, BBB)"."""
    comma = text.rfind(", ", max(opening, closing - _MOST_AROUND - 2), closing)
    short = None if comma < 0 else _short_form(text, comma + 2, closing)
    return None if short is None else _defined(text, opening + 1, comma, short)


def _defined(text: str, start: int, end: int, short: Span) -> Definition | None:
    """The long form that ends at a place."""
    letters = letters_of(text[short[0] : short[1]])
    words = [match.span() for match in _WORD.finditer(text, max(start, end - 60 * len(letters)), end)]
    words = words[-(min(len(letters) + 5, 2 * len(letters))) :]
    verb = max((n for n, word in enumerate(words) if text[slice(*word)] in _VERBS), default=-1)
    words = words[verb + 1 :]
    if not words:
        return None
    begin = align(text[short[0] : short[1]], text[words[0][0] : words[-1][1]])
    return None if begin is None else Definition(short, (words[0][0] + begin, words[-1][1]))


def _inside(text: str, start: int, opening: int, closing: int) -> Definition | None:
    """The long form in brackets, the short one before them."""
    inner = text[opening + 1 : min(closing, opening + 1 + _MOST_INSIDE)]
    if (len(inner) <= MOST_CHARACTERS and " " not in inner) or not text[opening - 1 : opening].isspace():
        return None
    before = list(_WORD.finditer(text, max(start, opening - 40), opening))[-2:]
    shorts = [
        short
        for word in reversed(before)
        if (word is before[-1] or _CAPITAL_LETTERS.fullmatch(word[0]))
        and (short := _short_form(text, *word.span()))
    ]  # "EMLA cream (eutectic mixture of local anesthetics)"
    if not shorts:
        return None
    cut = _CUT.search(inner)
    whole = inner if opening + 1 + len(inner) == closing else ""
    for short in shorts:
        letters = text[short[0] : short[1]]
        for long in (whole, inner[: cut.start()].rstrip() if cut else ""):
            lead = _LEAD.match(long)
            long = long[lead.end() if lead else 0 :].strip(_QUOTES + " ")
            most = min(len(letters) + 5, 2 * len(letters))
            if long and len(long.split()) <= most and align(letters, long) == 0:
                at = text.index(long, opening + 1)
                return Definition(short, (at, at + len(long)))
    return None


def _short_form(text: str, start: int, end: int) -> Span | None:
    """The part of some characters that may be a short form."""
    if not start < end or end - start > _MOST_AROUND:
        return None
    inner = text[start:end]
    lead = _LEAD.match(inner)
    if lead:
        start, inner = start + lead.end(), inner[lead.end() :]
    cut = _CUT.search(inner)
    if cut:
        inner = inner[: cut.start()].rstrip()
    stripped = inner.strip(_QUOTES + " \t")
    start += inner.find(stripped)
    inner = stripped
    if not inner or len(inner) > MOST_CHARACTERS or inner.count(" ") > 1:
        return None
    if not inner[0].isalnum() and not _BRACKETED.match(inner):
        return None
    if not any(c.isalpha() for c in inner) or _ENUMERATION.fullmatch(inner):
        return None
    return start, start + len(inner)
