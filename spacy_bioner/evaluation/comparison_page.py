"""The part of a report that compares two systems: words, intervals, a table."""

from collections.abc import Sequence

from spacy_bioner.evaluation import plots
from spacy_bioner.evaluation.comparison import differences_as_rows, in_words
from spacy_bioner.evaluation.page import Part, Plot, Section, Table
from spacy_bioner.evaluation.significance import ALL, MEAN, Difference


def comparison_section(
    differences: Sequence[Difference], a: str, b: str, title: str, *, html: bool
) -> Section:
    """Differences as a section.

    Args:
        differences: what `significance.compare` found.
        a, b: the names of the systems.
        title: its heading.
        html: whether a plot is wanted, as only HTML has it.
    """
    parts: list[Part] = [in_words(d, a, b) for d in differences if d.type == ALL]
    if html:
        rows = [(_label(d), d.difference, d.low, d.high) for d in differences]
        plot = plots.intervals(rows, f"F1 of {b} less that of {a}")
        parts.append(Plot(plot, "Differences in strict F1 with their 95% intervals."))
    return Section(title, [*parts, Table(*differences_as_rows(differences, a, b))])


def _label(difference: Difference) -> str:
    whole = difference.type == ALL or difference.data == MEAN
    return difference.data if whole else f"{difference.data}, {difference.type}"
