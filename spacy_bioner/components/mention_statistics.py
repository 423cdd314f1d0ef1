"""Counting the gold mentions of training data: those that can be learned, and why others can't."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from spacy.tokens import Span
from spacy.training import Example

from spacy_bioner.components.spans import gold_spans, without_overlaps
from spacy_bioner.components.supervision import Naming, longest_first, token_map
from spacy_bioner.corpora.annotations import annotated_types, mapped
from spacy_bioner.errors import PipelineError

NOT_ANNOTATED = "their Docs say that their corpus doesn't annotate the type"
NESTED = "they overlap another one of the same type"
MISALIGNED = "they begin or end inside a token"


@dataclass(frozen=True, slots=True)
class MentionStatistics:
    """What the gold mentions of some Docs are good for.

    Attributes:
        annotated: the types that the Docs say they annotate.
        teaching: the mentions that teach something, by type.
        unused: by the reason why they teach nothing, the others by type.
    """

    annotated: set[str] = field(default_factory=set)
    teaching: Counter[str] = field(default_factory=Counter)
    unused: dict[str, Counter[str]] = field(
        default_factory=lambda: {why: Counter() for why in (NOT_ANNOTATED, NESTED, MISALIGNED)}
    )

    def add(self, example: Example, naming: Naming) -> None:
        """Counts the mentions of one Doc."""
        reference = example.reference
        corpus, annotated = annotated_types(reference, naming.label_map)
        to_tokens = token_map(example)
        mentions: dict[str, list[Span]] = {}
        for span in gold_spans(reference, naming.spans_key)[0]:
            name = mapped(naming.label_map, corpus, span.label_)
            if annotated is not None and name not in annotated:
                self.unused[NOT_ANNOTATED][name] += 1
            elif not to_tokens(span.start, span.end)[1]:
                self.unused[MISALIGNED][name] += 1
            else:
                mentions.setdefault(name, []).append(span)
        for name, spans in mentions.items():
            taught = len(without_overlaps(sorted(spans, key=longest_first)))
            self.teaching[name] += taught
            self.unused[NESTED][name] += len(spans) - taught
        self.annotated.update(annotated or ())

    @property
    def types(self) -> list[str]:
        """All types that the Docs annotate, or have mentions of that teach something."""
        return sorted(self.annotated | self.teaching.keys())

    def check(self, component: str, types: Sequence[str], added: Sequence[str]) -> None:
        """Checks that there is something to learn of every type.

        Args:
            component: the component's name.
            types: the types to learn.
            added: types that were added to the component before.

        Raises:
            PipelineError: if there is no type, or no mention of one of them.
        """
        if not types:
            raise PipelineError(f"'{component}': the training data annotates no entity type.")
        without = [name for name in dict.fromkeys((*added, *types)) if not self.teaching[name]]
        if without:
            raise PipelineError(
                f"'{component}': the training data has not one mention of {', '.join(without)}. Leave the "
                "type out, with `spacy bioner convert --types` or a labels file, or add data."
            )

    def warnings(self, types: Container[str] | None) -> Iterator[str]:
        """Says, reason by reason, how many mentions of some types, or of all, teach nothing."""
        for why, counts in self.unused.items():
            by_type = {
                name: count
                for name, count in sorted(counts.items())
                if count and (types is None or name in types)
            }
            if by_type:
                listed = ", ".join(f"{count} of {name}" for name, count in by_type.items())
                yield (
                    f"{sum(by_type.values())} mentions of the Docs that training begins with teach nothing: "
                    f"{why} ({listed})."
                )
