"""The threshold of a linker, chosen on mentions of known meaning."""

from types import SimpleNamespace

from spacy_bioner.knowledge.linking import Link
from spacy_bioner.knowledge.linking_learning import best_threshold
from spacy_bioner.knowledge.mentions import Query


def threshold(*outcomes: tuple[float, str]) -> float:
    """The threshold where each mention is linked to concept 1 with a score, and means what is named."""
    linking = SimpleNamespace(
        base=SimpleNamespace(find=lambda id: (int(id),)),
        link=lambda queries: [Link((1,), score) for score, _ in outcomes],
    )
    labelled = [(Query("", ""), (id,) if id else ()) for _, id in outcomes]
    return best_threshold(linking, labelled)  # type: ignore[arg-type]


def test_mentions_with_one_score_are_left_out_together():
    assert threshold((0.8, ""), (0.8, "1"), (0.8, "1")) == 0
    assert threshold((0.3, ""), (0.8, ""), (0.8, "1"), (0.8, "1")) == 0.300001
