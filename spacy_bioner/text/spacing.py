"""Natural spacing for words whose spaces were lost.

A corpus in columns is a list of words; training text should look like the text that a pipeline will read.
`natural_spaces` decides for every gap between two words, from the characters beside it and a little of
what came before. The rule was set on the development split of BC5CDR, whose raw text is known, and is
measured on its test split by `benchmarks/spacing.py`.
"""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""First character, and the one after the last."""
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_NO_SPACE_BEFORE = frozenset(".,;:?!%") | _CLOSING
_COMPARISON = frozenset("=<>")
_JOINING = frozenset("/-_~^@\\")
_CONJUNCTIONS = frozenset(("and", "or", "to"))
_ENDINGS = frozenset(("s", "S", "t", "re", "ve", "ll", "d"))


def natural_spaces(words: Sequence[str]) -> list[bool]:
    """Says after which words a space stood.

    Args:
        words: the words of one sentence, none empty.

    Returns:
        A truth value a word; the last one's is False.
    """
    spaces: list[bool] = []
    quoted = {'"': False, "'": False}  # whether an opening quote waits for its closing one
    for i in range(len(words) - 1):
        left, right = words[i], words[i + 1]
        if left[-1].isalnum() and right[0].isalnum():
            spaces.append(True)
            continue
        before = words[i - 1] if i else ""
        after = words[i + 2] if i + 2 < len(words) else ""
        glued = bool(spaces) and not spaces[-1]  # is the left word written together with the one before?
        if left in quoted:
            opens = not quoted[left] and not (left == "'" and glued)
            quoted[left] = opens
            spaces.append(not opens and _after_closing_quote(left, right, glued, before))
        elif right in quoted and left[-1] not in _OPENING:
            spaces.append(_before_quote(quoted[right], left, right, after))
        else:
            spaces.append(_space(before, left, right, after, glued))
    spaces.append(False)
    return spaces[: len(words)]


def join(words: Sequence[str], spaces: Sequence[bool]) -> tuple[str, tuple[Span, ...]]:
    """Writes words out as a text.

    Args:
        words: the words.
        spaces: whether a space follows each of them.

    Returns:
        The text, and each word's place in it in characters.
    """
    text = "".join([word + " " if space else word for word, space in zip(words, spaces, strict=True)])
    tokens, start = [], 0
    for word, space in zip(words, spaces, strict=True):
        end = start + len(word)
        tokens.append((start, end))
        start = end + space
    return text, tuple(tokens)


def _before_quote(closes: bool, left: str, right: str, after: str) -> bool:
    if right == '"':
        return not closes and left[-1] not in _JOINING
    # an apostrophe, unless a word follows that can't be its ending; then it opens a quotation
    opens = not closes and len(after) > 2 and after.isalpha() and after not in _ENDINGS
    return opens and left[-1].isalnum() and left[-1] != "s" and not left[-1].isdigit()


def _after_closing_quote(left: str, right: str, glued: bool, before: str) -> bool:
    if right[0] in _NO_SPACE_BEFORE or right[0] in _JOINING:
        return False
    if left == '"':
        return True
    if right in _ENDINGS or (before and before[-1].isdigit()):
        return False
    return right[0].isalnum() and (not glued or before.endswith("s"))


def _space(before: str, left: str, right: str, after: str, glued: bool) -> bool:
    """The rule for a gap with a mark on at least one side, quotes aside."""
    a, b = left[-1], right[0]
    if left == "``" or right == "''":
        return False
    if left == "''" or right == "``":
        return b not in _NO_SPACE_BEFORE and b not in _JOINING and a not in _OPENING
    if a in _OPENING:
        return False
    if right == "." and after.isdigit() and (left == "than" or left in _COMPARISON):
        return not glued or left == "than"  # less than .05, P = .05, P=.05
    if b in _NO_SPACE_BEFORE:
        return False
    if left == ".":
        if b.isdigit():
            return bool(before) and not (before.isdigit() or before[-1] in "<=>" or before == "than")
        # i.v.: a letter, a point, a letter and a point again
        initials = len(before) == 1 and len(right) == 1 and before.isalpha() and after == "."
        return b.isalnum() and not initials
    if left == ",":
        if not b.isdigit():
            return b not in _CLOSING
        if not before.isdigit() or not right.isdigit():
            return True
        if len(right) == 3 and len(before) <= 3:
            return after in (",", "and", "or")  # 1,200 but 100, 200, 300
        return not (len(right) <= 2 and len(before) <= 2 and after in ("-", "'"))  # 1,5-dicarboxylic
    if left == ":":
        return not (b.isdigit() and before[-1:].isdigit())
    if a in _JOINING or b in _JOINING:
        if left == "-" and before == "/" and b.isalnum():
            return True  # 5 +/- 2, Apoe-/- mice
        return left == "-" and glued and right in _CONJUNCTIONS and after != "-"  # long- and short-term
    if a in _COMPARISON or b in _COMPARISON:
        return not glued if a in _COMPARISON else True
    if a == "+" or b == "+":
        return left.isdigit() and after == "/" if b == "+" else not glued
    if b in _OPENING:
        if right == "(" and after.isdigit() and len(after) == 1 and left in _POWERS:
            return False  # mg/m(2), 10(9)
        return a.isalnum() or a in "%,;:)"
    if a == "'" or b == "'":
        return False
    if a in _CLOSING:
        return b.isalnum()
    return True


_POWERS = frozenset(("m", "cm", "mm", "10", "Ca"))


def words_and_spaces(
    text: str, tokens: Iterable[tuple[int, int]]
) -> tuple[list[str], list[bool], list[tuple[int, int]]]:
    """The tokens as spaCy wants them: every character in a word, or the one space behind one."""
    words: list[str] = []
    spaces: list[bool] = []
    places: list[tuple[int, int]] = []
    last = 0
    for start, end in (*tokens, (len(text), len(text))):
        if start > last:
            gap = text[last:start]
            if words and gap[0] == " ":
                spaces[-1] = True
                gap = gap[1:]
                last += 1
            if gap:
                words.append(gap)
                spaces.append(False)
                places.append((last, start))
        if end > start:
            words.append(text[start:end])
            spaces.append(False)
            places.append((start, end))
        last = end
    return words, spaces, places
