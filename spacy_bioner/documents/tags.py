"""Tags and spans: IOB1, IOB2, IOBES and BILOU, both ways.

A tag is "O", or a letter that says where in its mention the token stands, with "-TYPE" behind it unless
the corpus annotates only one type and leaves it out. The schemes:

- IOB2: B begins every mention, I goes on.
- IOB1: I begins and goes on; B begins a mention only right behind another of its type
  (Ramshaw and Marcus 1995; Tjong Kim Sang and Veenstra 1999 name the variants).
- IOBES: IOB2 with E on the last token and S on a mention of one token.
- BILOU: the same with L and U (Ratinov and Roth 2009).

One rule repairs every sequence that breaks its scheme: **a token belongs to a mention if and only if its
tag isn't O; a mention begins where a tag says so, or where it can't go on the mention before it (there
is none, it is closed, or of another type), and it ends where a tag says so, or before the next begins.**
Each place where the scheme asks for something else counts as one repair.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from spacy_bioner.errors import TagError

Scheme = Literal["IOB1", "IOB2", "IOBES", "BILOU"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

TokenSpan = tuple[int, int, str]
"""A mention in tokens: its first token, the one after its last, its type ("" where tags have none)."""


def find_scheme(name: str) -> Scheme:
    """The scheme of this name, in capitals or not.

    Raises:
        TagError: if there is none.
    """
    for scheme in SCHEMES:
        if scheme == name.upper():
            return scheme
    raise TagError(f"'{name}' isn't a scheme of tags: use {', '.join(SCHEMES)}. [B134]")


_LETTERS = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU"}
_LAST = {"IOBES": "E", "BILOU": "L"}
_SINGLE = {"IOBES": "S", "BILOU": "U"}


def split_tag(tag: str) -> tuple[str, str]:
    """Splits "B-Disease" into "B" and "Disease"; the type is empty where the tag has none.

    Raises:
        TagError: if the tag belongs to no scheme.
    """
    letter, dash, entity_type = tag.partition("-")
    if tag != "O" and (letter not in _ALL_LETTERS or bool(dash) != bool(entity_type)):
        raise TagError(f"'{tag}' isn't a tag: O, or one of B, I, E, S, L, U with -TYPE behind it [B135]")
    if "|" in tag and any(_TAG.fullmatch(part) for part in entity_type.split("|")[1:]):
        raise TagError(
            f"'{tag}' is several tags, and a token has one: write a file for each layer of them [B136]"
        )
    return letter, entity_type


_ALL_LETTERS = frozenset("BIESLU")
_TAG = re.compile(r"O|[BIESLU]-.+")


def decode(tags: Sequence[str], scheme: Scheme) -> tuple[list[TokenSpan], int]:
    """Turns the tags of one sentence into mentions.

    Args:
        tags: a tag for each token.
        scheme: the scheme that they follow.

    Returns:
        The mentions in order, and how many repairs were made (see the module's text for the rule).

    Raises:
        TagError: if a tag isn't one of the scheme's.
    """
    spans: list[TokenSpan] = []
    repairs = 0
    start, open_type = -1, ""  # the mention that is open, if start isn't -1
    closed_type = None  # the type of a mention that ends right before this token
    needs_end = scheme in _LAST
    for i, tag in enumerate(tags):
        if tag == "O":
            if start >= 0:
                spans.append((start, i, open_type))
                repairs += needs_end
                start = -1
            closed_type = None
            continue
        letter, entity_type = split_tag(tag)
        if letter not in _LETTERS[scheme]:
            raise TagError(f"'{tag}' isn't a tag of {scheme} [B137]")
        goes_on = letter in "IEL" and start >= 0 and open_type == entity_type
        if not goes_on:
            if start >= 0:
                spans.append((start, i, open_type))
                repairs += needs_end
                closed_type = open_type
            if scheme == "IOB1":
                repairs += letter == "B" and closed_type != entity_type
            else:
                repairs += letter in "IEL"
            start, open_type = i, entity_type
        closed_type = None
        if letter in "ESLU":
            spans.append((start, i + 1, open_type))
            start, closed_type = -1, open_type
    if start >= 0:
        spans.append((start, len(tags), open_type))
        repairs += needs_end
    return spans, repairs


def encode(spans: Iterable[TokenSpan], length: int, scheme: Scheme = "IOB2") -> list[str]:
    """Turns mentions into tags.

    Args:
        spans: the mentions, in any order; none may overlap.
        length: the number of tokens.
        scheme: the scheme to follow.

    Returns:
        A tag for each token.

    Raises:
        ValueError: if two mentions overlap, or one is empty or goes beyond the tokens.
    """
    tags = ["O"] * length
    before = None  # the end and type of the mention before
    for start, end, entity_type in sorted(spans):
        if not 0 <= start < end <= length or (before is not None and start < before[0]):
            raise ValueError(f"Mentions must not be empty, overlap or go beyond {length} tokens.")
        suffix = f"-{entity_type}" if entity_type else ""
        begins = "I" if scheme == "IOB1" and before != (start, entity_type) else "B"
        if scheme in _SINGLE and end - start == 1:
            begins = _SINGLE[scheme]
        tags[start] = begins + suffix
        for i in range(start + 1, end):
            tags[i] = "I" + suffix
        if scheme in _LAST and end - start > 1:
            tags[end - 1] = _LAST[scheme] + suffix
        before = (end, entity_type)
    return tags


class SchemeDetector:
    """Finds the scheme of a file from all of its sentences: feed it each one, then ask.

    E or S mean IOBES, L or U mean BILOU. Between IOB1 and IOB2, which have the same letters, the one that
    asks for fewer repairs is it, and IOB2 where both ask for as many.
    """

    def __init__(self) -> None:
        self.letters: set[str] = set()
        self.repairs: dict[Scheme, int] = {"IOB1": 0, "IOB2": 0}

    def add(self, tags: Sequence[str]) -> None:
        """Takes the tags of one sentence; raises TagError if one of them belongs to no scheme."""
        letters = {split_tag(tag)[0] for tag in set(tags)}
        self.letters |= letters
        if "I" in letters or "B" in letters:
            inside = ["O" if tag[0] in "ESLU" else tag for tag in tags]
            for scheme in self.repairs:
                self.repairs[scheme] += decode(inside, scheme)[1]

    def scheme(self) -> Scheme:
        """The scheme of what was added; raises TagError if the letters of two schemes are mixed."""
        iobes, bilou = self.letters & set("ES"), self.letters & set("LU")
        if iobes and bilou:
            mixed = ", ".join(sorted(iobes | bilou))
            raise TagError(f"the tags mix the letters of IOBES and BILOU ({mixed}): give the scheme [B138]")
        if iobes or bilou:
            return "IOBES" if iobes else "BILOU"
        return "IOB1" if self.repairs["IOB1"] < self.repairs["IOB2"] else "IOB2"
