"""Predictions in a file against gold annotation: what `spacy bioner evaluate --predictions` does."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacy.vocab import Vocab

from spacy_bioner.corpora.gold_annotation import SPANS_KEY, warn_of_untrusted
from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.counts import RELAXED, Counts
from spacy_bioner.evaluation.document_counts import count_documents
from spacy_bioner.evaluation.gold import gold_files, read_gold
from spacy_bioner.evaluation.matching import ERRORS
from spacy_bioner.evaluation.systems import judge_predictions


def evaluate_predictions(
    predictions: str | Path, gold: str | Path, *, renamed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Scores predictions of whatever made them; the two files may have different formats.

    Args:
        predictions: a file or folder with predicted mentions, of the same texts as the gold.
        gold: the file or folder with gold mentions. All count that have right offsets.
        renamed: other names for the types of both; see `evaluation.gold.read_gold`.

    Returns:
        "total" and "types" (strict scores), "relaxed", "errors" (by kind and type), "documents" (the counts
        of each), and "reading" of both files.

    Raises:
        ComparisonError: if the texts aren't the same, or there is nothing to compare.
        FormatError: if a file can't be read.
    """
    files = gold_files([Path(gold)])
    if len(files) != 1:
        raise ComparisonError(f"{gold} has {len(files)} files: name the one that the predictions are for.")
    theirs = read_gold(files[0], Vocab(), renamed=renamed, retokenize=True)
    found = read_gold(Path(predictions), Vocab(), renamed=renamed, retokenize=True)
    warn_of_untrusted(sum(text.untrusted for text in (*theirs.golds, *found.golds)), SPANS_KEY)
    pairs, scored = judge_predictions(theirs.golds, found.golds, Path(predictions))
    own = {mention.type for document in found.golds for mention in document.mentions}
    if own and own.isdisjoint(scored):
        raise ComparisonError(
            f"{predictions} has mentions of {', '.join(sorted(own))}, and {files[0]} of {', '.join(scored)}: "
            f"say what is the same with --map {min(own)}={min(scored, default='TYPE')}."
        )
    counts, relaxed = Counts(), Counts()
    kinds: Counter[tuple[str, str]] = Counter()
    for _, judged in pairs:
        counts.add_judged(judged)
        relaxed.add_judged(judged, RELAXED)
        kinds.update((pair.kind, pair.type) for pair in judged)
    rows = [(text.id, text.text, text.mentions, judged) for text, judged in pairs]
    return {
        "predictions": Path(predictions).name,
        "data": theirs.data,
        "total": counts.total().to_dict(),
        "types": {name: score.to_dict() for name, score in counts.by_type().items()},
        "relaxed": {
            "total": relaxed.total().to_dict(),
            "types": {name: score.to_dict() for name, score in relaxed.by_type().items()},
        },
        "errors": {kind: {name: kinds[kind, name] for name in counts.by_type()} for kind in ERRORS},
        "types_not_in_gold": sorted(own - set(scored)),
        "reading": {"gold": theirs.reading.to_dict(), "predictions": found.reading.to_dict()},
        "documents": count_documents(rows, scored).to_dict(),
    }
