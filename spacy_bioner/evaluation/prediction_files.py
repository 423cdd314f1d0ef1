"""Predictions in a file against gold annotation: what `spacy bioner evaluate --predictions` does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy.vocab import Vocab

from spacy_bioner.corpora.gold_annotation import SPANS_KEY, warn_of_untrusted
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad
from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.counts import RELAXED, Counts
from spacy_bioner.evaluation.document_counts import count_documents
from spacy_bioner.evaluation.gold import Gold, gold_files, gold_options, read_gold
from spacy_bioner.evaluation.matching import ERRORS, Judgement
from spacy_bioner.evaluation.predicted_mentions import judge_predictions, read_predictions
from spacy_bioner.evaluation.side_by_side import check_outputs, warn_of_not_held, write_side_by_side
from spacy_bioner.evaluation.type_names import map_option


def evaluate_predictions(
    predictions: str | Path,
    gold: str | Path,
    *,
    conll: Path | None = None,
    source: str = "",
    corpus: str = "",
    types: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    offsets: str = "",
    most_bad: MostBad = USUAL,
    threshold: float | None = None,
) -> dict[str, Any]:
    """Scores predictions of whatever made them; the two files may have different formats.

    Args:
        predictions: a file or folder with predicted mentions, of the same texts as the gold.
        gold: the file or folder with gold mentions. All count that have right offsets.
        conll: a file for the mentions that are scored as columns; see `evaluation.side_by_side`.
        source: the format of the gold; found from its content if empty, as that of the predictions always is.
        corpus: the corpus of the catalogue that the gold is from, for its types.
        types: the types that are scored; if empty, those that the gold annotates.
        renamed: other names for the types of both; see `evaluation.gold.read_gold`.
        offsets: how the offsets of the gold count, see `documents.settling`; found from its content if empty.
        most_bad: how many documents, lines and mentions of each file may be such that they can't be read.
        threshold: the score that a predicted mention needs; those without a score stay.

    Returns:
        "total" and "types" (strict scores), "relaxed", "errors" (by kind and type), "documents" (the counts
        of each), and "reading" of both files.

    Raises:
        ComparisonError: if the texts aren't the same, there is nothing to compare, or there is a threshold
            and no score.
        CorpusError: if the catalogue doesn't know the corpus, or a .spacy file is said to be of one.
        FormatError: if a file can't be read.
        OutputError: if the columns would overwrite one of the files.
    """
    options = gold_options(source, corpus, types)
    files = gold_files([Path(gold)], source)
    if len(files) != 1:
        raise ComparisonError(
            f"{gold} has {len(files)} files: name the one that the predictions are for. [B345]"
        )
    theirs = read_gold(
        files[0],
        Vocab(),
        **options,
        renamed=renamed,
        retokenize=True,
        offsets=offsets,
        most_bad=most_bad,
    )
    found = read_predictions(
        Path(predictions), types=options["annotated"], renamed=renamed, threshold=threshold, most_bad=most_bad
    )
    warn_of_untrusted(sum(text.untrusted for text in (*theirs.golds, *found.golds)), SPANS_KEY)
    pairs, scored = judge_predictions(theirs.golds, found.golds, Path(predictions))
    own = {mention.type for document in found.golds for mention in document.mentions}
    if own and own.isdisjoint(scored):
        raise ComparisonError(
            f"{predictions} has mentions of {', '.join(sorted(own))}, and {files[0]} of {', '.join(scored)}: "
            f"say what is the same with {map_option(own, scored)}. [B346]"
        )
    if conll is not None:
        check_outputs([conll], [*files, Path(predictions)])
        warn_of_not_held(write_side_by_side(((text.text, judged) for text, judged in pairs), conll))
    return {
        "predictions": Path(predictions).name,
        "data": theirs.data,
        **_scores(pairs, scored),
        "types_not_in_gold": sorted(own - set(scored)),
        "reading": {"gold": theirs.reading.to_dict(), "predictions": found.reading.to_dict()},
    }


def _scores(pairs: Sequence[tuple[Gold, list[Judgement]]], scored: Sequence[str]) -> dict[str, Any]:
    """What `evaluate_predictions` gives that can be counted from the mentions of each text."""
    counts, relaxed = Counts(), Counts()
    kinds: Counter[tuple[str, str]] = Counter()
    for _, judged in pairs:
        counts.add_judged(judged)
        relaxed.add_judged(judged, RELAXED)
        kinds.update((pair.kind, pair.type) for pair in judged)
    rows = [(text.id, text.text, text.mentions, judged) for text, judged in pairs]
    return {
        "total": counts.total().to_dict(),
        "types": {name: score.to_dict() for name, score in counts.by_type().items()},
        "relaxed": {
            "total": relaxed.total().to_dict(),
            "types": {name: score.to_dict() for name, score in relaxed.by_type().items()},
        },
        "errors": {kind: {name: kinds[kind, name] for name in counts.by_type()} for kind in ERRORS},
        "documents": count_documents(rows, scored).to_dict(),
    }
