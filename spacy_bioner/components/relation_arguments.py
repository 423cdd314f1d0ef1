"""The entities of a Doc that relations can hold between, and the pairs of them that are asked about."""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy
from spacy.tokens import Doc

from spacy_bioner.array_types import Ints
from spacy_bioner.corpora.annotations import CONCEPT
from spacy_bioner.corpora.relation_records import Argument
from spacy_bioner.errors import PipelineError
from spacy_bioner.text.rough_sentences import sentence_ends

WINDOWS = ("sentence", "passage", "document")
"""What both entities of a pair must be mentioned in. Each line of the text is a passage."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which pairs are asked about.

    Attributes:
        pairs: the entity types of head and child.
        window: one of `WINDOWS`.
        directed: whether head and child are told apart. If not, the one that is mentioned first is the head.
    """

    pairs: Collection[tuple[str, str]]
    window: str
    directed: bool

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise PipelineError(f"There is no window '{self.window}': use {', '.join(WINDOWS)}. [B306]")


def token_mentions(doc: Doc, argument: Argument) -> list[Ints]:
    """The tokens of each mention of an argument: all that it has characters of."""
    found = []
    for spans in argument.mentions:
        numbers: dict[int, None] = {}
        for start, end in spans:
            span = doc.char_span(start, end, alignment_mode="expand")
            if span is not None:
                numbers.update(dict.fromkeys(range(span.start, span.end)))
        if numbers:
            found.append(numpy.array(sorted(numbers), dtype="int64"))
    return found


def pair_blocks(doc: Doc, arguments: Sequence[Argument], reach: Reach, size: int) -> Iterator[Ints]:
    """The pairs of arguments that are asked about, a block at a time.

    Args:
        doc: the Doc that they are mentioned in.
        arguments: the entities or concepts.
        reach: which pairs of types, within which window, are asked about.
        size: how many pairs a block has; the last one may have fewer.

    Yields:
        Arrays of (pairs, 2): the numbers of head and child in `arguments`.
    """
    units = _units(doc, arguments, reach.window)
    rest: list[Ints] = []
    held = 0
    for pairs in _rows(arguments, units, reach):
        rest.append(pairs)
        held += len(pairs)
        while held >= size:
            whole = numpy.concatenate(rest)
            yield whole[:size]
            rest, held = [whole[size:]], held - size
    if held:
        yield numpy.concatenate(rest)


def _rows(arguments: Sequence[Argument], units: Ints, reach: Reach) -> Iterator[Ints]:
    """The pairs of each argument as head."""
    types = [argument.type for argument in arguments]
    children: dict[str, set[str]] = {}
    for head, child in reach.pairs:
        children.setdefault(head, set()).add(child)
        if not reach.directed:
            children.setdefault(child, set()).add(head)
    of_type = {name: numpy.array([own == name for own in types]) for name in dict.fromkeys(types)}
    for number, argument in enumerate(arguments):
        wanted = [of_type[name] for name in children.get(argument.type, ()) if name in of_type]
        if not wanted:
            continue
        allowed = numpy.logical_or.reduce(wanted) & (units @ units[number] > 0)
        # one entity of two types, or under two identifiers, isn't related to itself
        same = [n for n in numpy.flatnonzero(allowed) if arguments[int(n)].mentions == argument.mentions]
        allowed[[number, *same]] = False
        if not reach.directed:
            allowed[:number] = False
        found = numpy.flatnonzero(allowed)
        if len(found):
            yield numpy.stack([numpy.full(len(found), number), found], axis=1)


def _units(doc: Doc, arguments: Sequence[Argument], window: str) -> Ints:
    """In which sentences or passages each argument is mentioned: (arguments, units), 0 or 1."""
    ends = unit_ends(doc, window)
    found = numpy.zeros((len(arguments), len(ends) + 1), dtype="int32")
    for number, argument in enumerate(arguments):
        for start, _ in chain.from_iterable(argument.mentions):
            found[number, bisect_right(ends, start)] = 1
    return found


def unit_ends(doc: Doc, window: str) -> list[int]:
    """Where the sentences or passages of a Doc end, in characters."""
    if window == "document":
        return []
    if window == "passage":
        return [number + 1 for number, char in enumerate(doc.text) if char == "\n"]
    if doc.has_annotation("SENT_START"):
        return [sentence.end_char for sentence in doc.sents]
    return sentence_ends(doc.text)


def in_reach(doc: Doc, head: Argument, child: Argument, window: str) -> bool:
    """Whether two arguments are mentioned in one sentence or passage.

    Args:
        doc: the Doc that they are mentioned in.
        head, child: the two.
        window: one of `WINDOWS`; "document" is true for any two.
    """
    units = _units(doc, [head, child], window)
    return bool((units[0] * units[1]).any())


def match(found: Sequence[Argument], gold: Sequence[Argument], level: str) -> dict[Argument, Argument]:
    """For each argument that was found the gold one that it stands for, if there is one.

    It is the one with its type and identifier; else the one of its type with most of its mentions. Concepts
    that have different identifiers are different, wherever they are mentioned.

    Args:
        found: the arguments that were found.
        gold: the gold ones.
        level: `MENTION` or `CONCEPT`: what identifiers are of.
    """
    by_id = {(a.type, a.id): a for a in gold if a.id}
    by_mention: dict[tuple[str, tuple[tuple[int, int], ...]], list[Argument]] = {}
    for argument in gold:
        for spans in argument.mentions:
            by_mention.setdefault((argument.type, spans), []).append(argument)
    matched = {}
    for argument in found:
        same = by_id.get((argument.type, argument.id)) if argument.id else None
        if same is None or level != CONCEPT:
            shared = [a for spans in argument.mentions for a in by_mention.get((argument.type, spans), ())]
            if level == CONCEPT and argument.id:
                shared = [a for a in shared if not a.id]
            if same not in shared and shared:
                same = max(dict.fromkeys(shared), key=shared.count)
        if same is not None:
            matched[argument] = same
    return matched
