"""Counting the gold mentions of training data: those that can be learned, and why others can't."""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from spacy.training import Example

from spacy_bioner.components.supervision import Naming, token_map
from spacy_bioner.corpora.annotations import annotated_types
from spacy_bioner.corpora.gold_annotation import has_gold
from spacy_bioner.errors import PipelineError

NOT_ANNOTATED = "their Docs say that their corpus doesn't annotate the type"
NESTED = "they are inside another one of the same type, which is learned"
CROSSING = "they cross another one of the same type, and their tokens are unknown"
MISALIGNED = "they begin or end inside a token, or have gaps, and their tokens are unknown"
UNTRUSTED = (
    "they are in `doc.spans` of Docs that have `doc.ents` as well, and don't say that they are gold; "
    "`set_gold_spans` says so"
)


@dataclass(frozen=True, slots=True)
class MentionStatistics:
    """What the gold mentions of some Docs are good for.

    Attributes:
        annotated: the types that the Docs say they annotate.
        teaching: the mentions that teach something, by type.
        annotated_docs: how many Docs have gold annotation, by corpus.
        elsewhere: the spans in groups of `doc.spans` that aren't read, by their keys.
        unused: by the reason why they teach nothing, the others by type.
    """

    annotated: set[str] = field(default_factory=set)
    teaching: Counter[str] = field(default_factory=Counter)
    annotated_docs: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    unused: dict[str, Counter[str]] = field(
        default_factory=lambda: {
            why: Counter() for why in (NOT_ANNOTATED, NESTED, CROSSING, MISALIGNED, UNTRUSTED)
        }
    )

    def add(self, example: Example, naming: Naming) -> None:
        """Counts the mentions of one Doc."""
        reference = example.reference
        corpus, annotated = annotated_types(reference, naming.label_map)
        to_tokens = token_map(example)
        gold = naming.gold(reference, corpus)
        self.annotated_docs.update([corpus] if annotated or has_gold(reference, naming.spans_key) else [])
        for key, group in reference.spans.items():
            if key != naming.spans_key:
                self.elsewhere[key] += len(group)
        for span, name in gold.taught:
            if not to_tokens(span.start, span.end)[1]:
                self._add_unused(MISALIGNED, name, annotated)
            elif annotated is not None and name not in annotated:
                self.unused[NOT_ANNOTATED][name] += 1
            else:
                self.teaching[name] += 1
        for name, _ in gold.beyond:
            self._add_unused(MISALIGNED, name, annotated)
        for why, counts in ((NESTED, gold.nested), (CROSSING, gold.crossing)):
            for name, count in counts.items():
                self._add_unused(why, name, annotated, count)
        for name, count in gold.untrusted.items():
            self._add_unused(UNTRUSTED, name, annotated, count)
        self.annotated.update(annotated or ())

    def _add_unused(self, why: str, name: str, annotated: Container[str] | None, count: int = 1) -> None:
        if count:
            is_annotated = annotated is None or name in annotated
            self.unused[why if is_annotated else NOT_ANNOTATED][name] += count

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
        keys = ", ".join(f"'{key}' ({count:,})" for key, count in self.elsewhere.items() if count)
        hint = f" Its Docs have spans under {keys}: is one the `spans_key` that is meant?" if keys else ""
        if not types:
            raise PipelineError(f"'{component}': the training data annotates no entity type.{hint} [B296]")
        without = [name for name in dict.fromkeys((*added, *types)) if not self.teaching[name]]
        if without:
            raise PipelineError(
                f"'{component}': the training data has not one mention of {', '.join(without)}. Leave the "
                f"type out, with `spacy bioner convert --types` or a labels file, or add data.{hint} [B297]"
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
