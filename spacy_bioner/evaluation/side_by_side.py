"""Gold and predicted mentions side by side, in columns that other scorers read (conlleval, seqeval)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from spacy_bioner.documents.document import Mention, Span, flat
from spacy_bioner.documents.tags import encode
from spacy_bioner.errors import OutputError
from spacy_bioner.evaluation.matching import Judgement
from spacy_bioner.files import Outputs
from spacy_bioner.terminal import warn

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")


@dataclass(slots=True)
class NotHeld:
    """How many mentions columns can't hold: discontinuous ones, and the shorter of those that overlap."""

    gold: int = 0
    predicted: int = 0


def write_side_by_side(judged: Iterable[tuple[str, Sequence[Judgement]]], path: Path) -> NotHeld:
    """Writes gold and predicted mentions as CoNLL columns: token, gold tag, predicted tag (IOB2).

    There is a line a token and an empty line behind each text. Tokens are runs of letters and digits, or
    single marks, and end where a mention does, so that each mention with one stretch has its tags.

    Args:
        judged: the texts, each with its mentions as they were scored.
        path: the file to write.

    Raises:
        OutputError: if the file can't be written.
    """
    missing = NotHeld()
    with Outputs() as outputs, open(outputs.temporary(path), "w", encoding="utf8", newline="") as file:
        for text, pairs in judged:
            file.writelines(f"{line}\n" for line in _lines(text, pairs, missing))
    return missing


def check_outputs(written: Sequence[Path], data: Sequence[Path]) -> None:
    """Raises OutputError if an output of an evaluation would overwrite its data, or another output."""
    for path in written:
        if any(path.resolve() == file.resolve() for file in data):
            raise OutputError(f"{path} is data to evaluate on, and would be overwritten. [B347]")
    if len({path.resolve() for path in written}) < len(written):
        raise OutputError("--output, --report and --conll need a file each. [B348]")


def warn_of_not_held(missing: NotHeld) -> None:
    """Warns if mentions aren't in the columns, so that other scorers count fewer."""
    if missing.gold or missing.predicted:
        warn(
            f"{missing.gold:,} gold and {missing.predicted:,} predicted mentions aren't in the columns: they "
            "are discontinuous, or overlap others.",
            stacklevel=3,
        )


def _lines(text: str, pairs: Sequence[Judgement], missing: NotHeld) -> Iterator[str]:
    gold, left_out = _held(text, (pair.gold for pair in pairs))
    missing.gold += left_out
    predicted, left_out = _held(text, (pair.predicted for pair in pairs))
    missing.predicted += left_out
    tokens = _tokens(text, {place for m in (*gold, *predicted) for place in m.spans[0]})
    columns = (_tags(mentions, tokens) for mentions in (gold, predicted))
    for (start, end), *tags in zip(tokens, *columns, strict=True):
        yield " ".join((text[start:end], *tags))
    yield ""


def _held(text: str, mentions: Iterable[Mention | None]) -> tuple[list[Mention], int]:
    """The mentions that tags can hold, and how many they can't."""
    found = [mention for mention in mentions if mention is not None]
    whole = (m for m in found if len(m.spans) == 1 and text[m.start : m.end].strip() == text[m.start : m.end])
    kept, _ = flat(whole)
    return kept, len(found) - len(kept)


def _tokens(text: str, ends: set[int]) -> list[Span]:
    borders = sorted({*ends, *(place for match in _TOKEN.finditer(text) for place in match.span())})
    return [(start, end) for start, end in pairwise(borders) if text[start:end].strip()]


def _tags(mentions: Sequence[Mention], tokens: Sequence[Span]) -> list[str]:
    first = {start: i for i, (start, _) in enumerate(tokens)}
    last = {end: i for i, (_, end) in enumerate(tokens)}
    spans = [(first[m.start], last[m.end] + 1, "_".join(m.type.split())) for m in mentions]
    return encode(spans, len(tokens))
