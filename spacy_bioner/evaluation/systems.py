"""What can be compared: scores that were written down, pipelines, and predictions in any format."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.vocab import Vocab

from spacy_bioner.components.pipelines import gold_keys, load_pipeline
from spacy_bioner.components.spans import SPANS_KEY
from spacy_bioner.errors import ComparisonError, PipelineError
from spacy_bioner.evaluation.comparison import read_scores, runs_of, score_files
from spacy_bioner.evaluation.document_counts import DocumentCounts, count_documents
from spacy_bioner.evaluation.gold import Gold, GoldFile, gold_files, read_gold
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_gold
from spacy_bioner.evaluation.predicted_mentions import judge_predictions, read_predictions
from spacy_bioner.evaluation.report import report, warn_of_training_data
from spacy_bioner.evaluation.significance import Runs
from spacy_bioner.files import ending


@dataclass(frozen=True, slots=True)
class GoldData:
    """Where gold mentions are, for systems that haven't been scored yet.

    Attributes:
        files: files in any format that has mentions, or folders of them.
        renamed: other names for the types of gold and predictions; see `gold.read_gold`.
        retokenize: whether pipelines get the raw text also where the data has tokens.
    """

    files: tuple[Path, ...] = ()
    renamed: Mapping[str, str] | None = None
    retokenize: bool = False

    def read(self, vocab: Vocab, keys: Sequence[str] = (SPANS_KEY,)) -> list[GoldFile]:
        """Reads all files; `keys` says where in `doc.spans` of .spacy files the gold may be."""
        return [
            read_gold(path, vocab, renamed=self.renamed, retokenize=self.retokenize, keys=keys)
            for path in gold_files(self.files)
        ]


def system_runs(names: Sequence[str], gold: GoldData) -> list[Runs]:
    """The counts of a system, by data set and run.

    Args:
        names: what there is of it, each of a run: scores (JSON of `evaluate --output`, or a folder of such
            files, one a seed), pipelines (folders, or names of packages), or files of predictions.
        gold: what pipelines and predictions are scored on.

    Raises:
        ComparisonError: if something is none of these, or there is no gold to score it on.
    """
    return runs_of([(name, _reports(name, gold, where)) for name, where in _parts(names)])


def _parts(names: Iterable[str]) -> Iterable[tuple[str, Path | None]]:
    """Each run with the file of its scores, if it has one."""
    for name in names:
        path = Path(name)
        if path.is_dir() and not _is_pipeline(path) and any(path.rglob("scores*.json")):
            yield from ((str(file), file) for file in score_files(path))
        else:
            yield name, path if _has_scores(path) else None


def _is_pipeline(path: Path) -> bool:
    return (path / "meta.json").is_file()


def _has_scores(path: Path) -> bool:
    """Whether a file is a report, and not documents in one of the formats in JSON."""
    if ending(path) != ".json" or not path.is_file():
        return False
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except (UnicodeDecodeError, ValueError):
        return True  # whose reader says what is wrong with it
    first = content[0] if isinstance(content, list) and content else content
    return isinstance(first, dict) and "total" in first


def _reports(name: str, gold: GoldData, scores: Path | None) -> list[dict[str, Any]]:
    if scores is not None:
        return read_scores(scores)
    path = Path(name)
    if not gold.files:
        what = "a pipeline or predictions" if path.exists() else "neither a file nor a folder"
        raise ComparisonError(f"{name} is {what}: say with --gold which files to score it on. [B353]")
    if _is_pipeline(path) or not path.exists():
        nlp = load_pipeline(name)
        files = gold.read(nlp.vocab, gold_keys(nlp))
        try:
            reports = [report(nlp, file, evaluate_gold(nlp, file.golds)) for file in files]
        except PipelineError as error:
            raise PipelineError(f"{name}: {error}") from None
        for file in files:
            warn_of_training_data(nlp, file)
        return reports
    files = gold.read(Vocab())
    if len(files) > 1:
        raise ComparisonError(
            f"{name} has predictions on one data set, and --gold names {len(files)}. [B354]"
        )
    found = read_predictions(path, renamed=gold.renamed)
    counts = score_predictions(files[0].golds, found.golds, path)
    return [{"data": files[0].data, "total": {}, "documents": counts.to_dict()}]


def score_predictions(golds: Sequence[Gold], predicted: Sequence[Gold], path: Path) -> DocumentCounts:
    """Counts predictions that were read from a file; for the arguments, see `judge_predictions`."""
    pairs, scored = judge_predictions(golds, predicted, path)
    rows = [(gold.id, gold.text, gold.mentions, judged) for gold, judged in pairs]
    return count_documents(rows, scored)
