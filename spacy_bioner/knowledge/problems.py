"""What is wrong in the sources of a knowledge base: counted, and told with file and line."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_SHOWN = 3  # examples of each kind of problem


@dataclass(slots=True)
class Problems:
    """What was wrong in sources, counted by kind, with where the first ones are.

    Attributes:
        counts: how often, by what is wrong.
        examples: where, and what exactly, of the first of each kind.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, path: Path, line: int | None = None, what: str = "") -> None:
        """Counts something that is wrong.

        Args:
            kind: what is wrong, in words that are the same for all of its kind.
            path: the file.
            line: the line, if it is known.
            what: the identifier or text that is meant.
        """
        self.counts[kind] += 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < _SHOWN:
            where = path.name if line is None else f"{path.name}, line {line}"
            shown.append(f"{where}: {what}" if what else where)
