"""Where the long form of a short form begins, told from its letters.

Schwartz and Hearst (2003) take the first match from the right; here the best alignment is sought. The
letters of the short form are found in the long form, in order, and every match has a cost: none for the first
letter of a word, more for letters inside a word and for words that are passed over. A pair is kept if the sum
is small. The costs were chosen on half of Ab3P's corpus.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from spacy_bioner.text.symbols import name_of

_BRACKET = re.compile(r"[()\[\]]")
_PASSED_FREELY = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "type", "with")
)
_NUMBERS = {
    "one": "1", "first": "1", "two": "2", "second": "2", "three": "3", "third": "3", "four": "4", "five": "5",
    "fifth": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "1",
}  # fmt: skip
_NUMBER = re.compile(rf"\b(?:{'|'.join(_NUMBERS)})", re.IGNORECASE)
_ONE_DIGIT = re.compile(r"([^\W\d][^\d(]+|[^\W\d](?=.\D))(?:[0-9]|\([0-9.]+\))([^\d]*)")
_SUBSCRIPT = re.compile(r"([A-Za-z]+)\(([A-Za-z]+)\)")
_PREFIX = re.compile(r"([a-z])([A-Z])([A-Z]{2,})")
_CURRENT = re.compile(r"I((?:[A-Z]|\()\S*)")
_CONCENTRATION = re.compile(r"\[(.+)\]([a-z])")
_SIGNS = {"+": ("positive", "high"), "-": ("negative", "low", "deficient")}
_LONGEST_SMALL = 5  # letters of a short form in small letters

# what a match costs
_INSIDE = 0.3  # a letter inside a word of which an earlier letter is matched
_NEXT = 0.3  # ... that follows the letter matched before
_ALONE = 2.0  # a letter inside a word of which none is matched before
_PASSED = 0.6  # a word passed over
_PASSED_FREE = 0.1  # ... that is a preposition or the like
_BEHIND = 0.6  # a word behind the last match
_PART = 0.2  # a part of a word ("hydroxy-tryptamine") passed over
_DIGIT = 0.4  # a digit that isn't in the long form
_TURNED = 0.4  # two parts the other way round
_TURNED_SUBSCRIPT = 0.1  # ... of which one is below the line: "V(T)", the tidal volume
_SPELLED = 0.1  # a part that isn't a letter of the long form
_ALLOWED = 0.42  # for each letter of the short form
_ALLOWED_SMALL = 0.35  # ... of one in small letters


def letters_of(short: str) -> str:
    """The letters and digits of a short form."""
    return "".join(c for c in short if c.isalnum())


@lru_cache(maxsize=4096)
def align(short: str, text: str) -> int | None:
    """Where in a text the long form begins that ends with it; None if there is none."""
    begin = _aligned(short, text)
    return name_of(short, text) if begin is None else begin


def _aligned(short: str, text: str) -> int | None:
    """The same, by letters alone."""
    letters = letters_of(short)
    if not letters or _is_word_of(short.lower(), text.lower()):
        return None
    small = short.islower()
    if small and len(letters) > _LONGEST_SMALL:
        return None
    best = _best(letters.lower(), text)
    with_digits = _NUMBER.sub(lambda word: _NUMBERS[word[0].lower()] + word[0][1:], text)
    if with_digits != text and any(c.isdigit() for c in letters):
        best = _best(letters.lower(), with_digits) or best
    for fewer, cost in (*_shortened(short, letters), *_turned(short), *_spelled(short, text)):
        way = _best(fewer.lower(), text)
        if way is not None and (best is None or way[0] + cost < best[0]):
            best = way[0] + cost, way[1]
    if best is None:
        return None
    cost, begin = best
    allowed = len(letters) * (_ALLOWED_SMALL if small else _ALLOWED)
    if cost > allowed:
        return None
    return _widened(text, begin)


def _shortened(short: str, letters: str) -> Iterator[tuple[str, float]]:
    """A short form without its plural's "s" ("RBCs") or its digit ("IP3", "N2O"), and what that costs."""
    if len(letters) > 2 and letters[-1] == "s" and letters[:-1].isupper():
        yield letters[:-1], 0.0
    without = _ONE_DIGIT.fullmatch(short)
    if without is not None:
        yield letters_of(without[1] + without[2]), _DIGIT


def _turned(short: str) -> Iterator[tuple[str, float]]:
    """A short form whose two parts stand the other way round in the long form: "IFN-gamma", "QTc", "cAMP"."""
    parts = re.fullmatch(r"([A-Z]{2,}[0-9]*)(?:-([A-Za-z0-9]+)|([a-z]))", short)
    if parts is not None:
        yield (parts[2] or parts[3]) + parts[1], _TURNED
    below = _SUBSCRIPT.fullmatch(short)
    if below is not None:
        yield below[2] + below[1], _TURNED_SUBSCRIPT
    prefix = _PREFIX.fullmatch(short)
    if prefix is not None:
        yield prefix[2] + prefix[1] + prefix[3], _TURNED


def _spelled(short: str, text: str) -> Iterator[tuple[str, float]]:
    """A short form of which a part isn't a letter of the long form: "ICl" is the chloride current, "[K+]i"
    the intracellular concentration of potassium, and "HIV+" is HIV positive."""
    current = _CURRENT.fullmatch(short)
    if current is not None and text.lower().endswith(("current", "currents")):
        yield letters_of(current[1]) + "c", _SPELLED
        if _SUBSCRIPT.fullmatch(current[1]):
            yield from ((turned + "c", cost) for turned, cost in _turned(current[1]))
    concentration = _CONCENTRATION.fullmatch(short)
    if concentration is not None:
        yield concentration[2] + letters_of(concentration[1]) + "c", _SPELLED
        yield concentration[2] + "c" + letters_of(concentration[1]), _SPELLED
    if short[-1] in _SIGNS and text.endswith(_SIGNS[short[-1]]):
        yield letters_of(short) + text.rsplit(None, 1)[-1].rsplit("-", 1)[-1][0], 0.0


def _is_word_of(short: str, text: str) -> bool:
    """Whether a short form stands in a text as a word."""
    place = text.find(short)
    while place >= 0:
        if not text[place - 1 : place].isalnum() and not text[place + len(short) :][:1].isalnum():
            return True
        place = text.find(short, place + 1)
    return False


def _widened(text: str, begin: int) -> int:
    """Where the word begins in which a long form was found to begin: "1,2-diacylglycerol"."""
    word = text.rfind(" ", 0, begin) + 1
    return begin if _BRACKET.search(text, word, begin) or "--" in text[word:begin] else word


def _best(letters: str, text: str) -> tuple[float, int] | None:
    """The cheapest way to find letters in a text in order: its cost, and where it begins.

    Of ways of one cost that with the shortest long form is taken.
    """
    lower = text.lower()
    place = -1
    for letter in letters:
        place = lower.find(letter, place + 1)
        if place < 0:
            return None
    starts, words, price = _parts(text)
    ways: list[tuple[int, float, int]] = [
        (i, 0.0, i) for i, c in enumerate(lower) if c == letters[0] and starts[i] and _may_begin(lower, i)
    ]
    for letter in letters[1:]:
        new: list[tuple[int, float, int]] = []
        position = lower.find(letter)
        while position >= 0:
            chosen = _cheapest(ways, position, starts, words, price)
            if chosen is not None:
                new.append((position, *chosen))
            position = lower.find(letter, position + 1)
        if not new:
            return None
        ways = new
    last = words[-1] if words else 0
    ends = [(cost + _BEHIND * (last - words[position]), -begin) for position, cost, begin in ways]
    if not ends:
        return None
    cost, begin = min(ends)
    return cost, -begin


def _may_begin(text: str, place: int) -> bool:
    """Whether a long form may begin at a place: with no preposition, and with no bracket left open."""
    word = text[place:].split(" ", 1)[0]
    rest = text[place:]
    return (
        word not in _PASSED_FREELY
        and rest.count("(") == rest.count(")")
        and rest.count("[") == rest.count("]")
    )


def _cheapest(
    ways: Sequence[tuple[int, float, int]],
    position: int,
    starts: Sequence[int],
    words: Sequence[int],
    price: Sequence[float],
) -> tuple[float, int] | None:
    """The cheapest continuation of ways to a letter that is matched at a position."""
    best: tuple[float, int] | None = None
    word = words[position]
    for before, cost, begin in ways:
        if before >= position:
            break
        if starts[position]:
            step = _PART if words[before] == word and starts[position] == 1 else 0.0
            step += price[word] - price[words[before] + 1] if word > words[before] + 1 else 0.0
        elif words[before] == word:
            step = _NEXT if before + 1 == position else _INSIDE
        else:
            step = _ALONE + (price[word] - price[words[before] + 1])
        total = cost + step
        if best is None or (total, -begin) < (best[0], -best[1]):
            best = total, begin
    return best


def _parts(text: str) -> tuple[list[int], list[int], list[float]]:
    """For each character whether a part of a word begins there (2: a word); its word; and the words' prices.

    Returns:
        starts: 0, 1 or 2 for each character.
        words: the number of the word of each character.
        price: what it costs to pass over all words before each.
    """
    starts, words, price = [], [], [0.0]
    number, before = 0, " "
    begin = 0
    for i, c in enumerate(text):
        if c.isspace():
            if not before.isspace():
                price.append(
                    price[-1] + (_PASSED_FREE if text[begin:i].lower() in _PASSED_FREELY else _PASSED)
                )
                number += 1
            begin = i + 1
            starts.append(0)
        elif not before.isalnum():
            starts.append(2 if c.isalnum() else 0)
        elif c.isdigit() != before.isdigit() or (c.isupper() and before.islower()):
            starts.append(1)
        else:
            starts.append(0)
        words.append(number)
        before = c
    price.append(price[-1] + _PASSED)
    return starts, words, price
