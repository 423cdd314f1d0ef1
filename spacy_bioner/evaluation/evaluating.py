"""Evaluating a pipeline on files with gold mentions (`spacy bioner evaluate`)."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.vocab import Vocab

from spacy_bioner.components.pipelines import bioners, gold_keys, load_pipeline
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.evaluation_page import evaluation_sections
from spacy_bioner.evaluation.gold import GoldFile, gold_files, gold_options, read_gold
from spacy_bioner.evaluation.page import check_ending, write_report
from spacy_bioner.evaluation.pipeline_evaluation import Evaluation, evaluate_gold
from spacy_bioner.evaluation.report import Report, report, warn_of_training_data
from spacy_bioner.evaluation.side_by_side import check_outputs, warn_of_not_held, write_side_by_side
from spacy_bioner.evaluation.strata import seen_in
from spacy_bioner.files import Outputs, ending, write_json
from spacy_bioner.models.devices import use_device
from spacy_bioner.terminal import warn


def evaluate(
    model: str | Path | Language,
    data: Sequence[str | Path],
    *,
    output: Path | None = None,
    page: Path | None = None,
    conll: Path | None = None,
    against: Sequence[Path] = (),
    precision: float = 0.95,
    gpu_id: int = -1,
    retokenize: bool = False,
    source: str = "",
    corpus: str = "",
    types: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    offsets: str = "",
    most_bad: MostBad = USUAL,
    threshold: float | None = None,
) -> list[Report]:
    """Evaluates a pipeline on each file, and writes the reports if asked to.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded.
        data: the files, or folders of them; see `evaluation.gold.gold_files`.
        output: a file for the report as JSON: of the one file, or a list.
        page: a file to look at, .html, .md or .json; see `evaluation.page`.
        conll: a file for the mentions that are scored as columns; see `evaluation.side_by_side`.
        against: the training data, for what recall is made of; read as the data is.
        precision: the precision that thresholds are given for.
        gpu_id: the GPU to use; -1 for the CPU.
        retokenize: whether the pipeline gets raw text also where the data has tokens.
        source: the format of the data; found from its content if empty.
        corpus: the corpus of the catalogue that the data is from, for its types and their common names.
        types: the types that the data annotates; if empty, the corpus's, or all that it has mentions of.
        renamed: other names for the data's types; see `evaluation.gold.read_gold`.
        offsets: how the offsets of the data count, see `documents.settling`; found from its content if empty.
        most_bad: how many documents, lines and mentions of a file may be such that they can't be read.
        threshold: the probability that entities of a `bioner` need to be scored; the pipeline's own if None.

    Returns:
        A report for each file; see `evaluation.report`.

    Raises:
        PipelineError: if the pipeline can't be loaded, or has no type in common with the data.
        FormatError: if the data can't be read, or a folder has none.
        CorpusError: if the catalogue doesn't know the corpus, or .spacy files are said to be of one.
        OutputError: if an output would overwrite the data.

    Warns if the pipeline was trained on one of the files, or on many of its sentences.
    """
    use_device(gpu_id)
    options = gold_options(source, corpus, types)
    files = gold_files(map(Path, data), source)
    training = gold_files(map(Path, against), source)
    written = [path for path in (output, page, conll) if path is not None]
    check_outputs(written, [*files, *training])
    if page is not None:
        check_ending(page)

    def gold(path: Path, vocab: Vocab, keys: Sequence[str] = ()) -> GoldFile:
        return read_gold(
            path,
            vocab,
            **options,
            renamed=renamed,
            retokenize=retokenize,
            keys=keys,
            offsets=offsets,
            most_bad=most_bad,
        )

    for path in files:
        if not path.exists():
            gold(path, Vocab())  # says what is wrong with it, before anything is loaded
    nlp = load_pipeline(model) if isinstance(model, str | Path) else model
    if threshold is not None:
        for pipe in bioners(nlp):
            pipe.threshold = threshold
    seen = seen_in(g for path in training for g in gold(path, nlp.vocab).golds) if training else None
    reports: list[Report] = []
    failed: list[PipelineError] = []
    results: list[Evaluation] = []
    for path in files:
        read = gold(path, nlp.vocab, gold_keys(nlp))
        try:
            result = evaluate_gold(nlp, read.golds)
        except PipelineError as error:
            failed.append(PipelineError(f"{path}: {error}"))
            continue
        reports.append(report(nlp, read, result, gpu_id, seen, precision))
        warn_of_training_data(nlp, read)
        if page is not None or conll is not None:
            results.append(result)
    if not reports:
        raise failed[0]
    for problem in failed:
        warn(f"Not scored: {problem}", stacklevel=2)
    if conll is not None:
        texts = ((text.gold.text, text.judged) for result in results for text in result.compared)
        warn_of_not_held(write_side_by_side(texts, conll))
    with Outputs() as outputs:
        if output is not None:
            write_json(outputs.temporary(output), reports if len(reports) > 1 else reports[0])
        if page is not None:
            _write_page(reports, results, page, outputs.temporary(page), [str(path) for path in data])
    return reports


def _write_page(
    reports: Sequence[Report], results: Sequence[Evaluation], page: Path, path: Path, data: Sequence[str]
) -> None:
    kind = ending(page)
    sections = list(evaluation_sections(reports, results, html=kind == ".html"))
    title = f"{reports[0]['pipeline']} {reports[0]['version']}"
    command = shlex.join(["spacy", "bioner", "evaluate", "MODEL", *data])
    write_report(path, title, sections, list(reports), command, kind=kind)
