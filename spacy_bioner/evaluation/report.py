"""Reports of evaluations, with everything that the figures depend on; tables over several corpora."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_bioner.components.pipelines import gold_keys
from spacy_bioner.corpora.provenance import META_KEY, TABLE, versions
from spacy_bioner.corpora.sentence_tables import shared_sentences
from spacy_bioner.documents.formats import SPACY
from spacy_bioner.evaluation.counts import Score
from spacy_bioner.evaluation.document_counts import DocumentCounts, count_documents
from spacy_bioner.evaluation.gold import GoldFile, read_gold
from spacy_bioner.evaluation.matching import ERRORS
from spacy_bioner.evaluation.pipeline_evaluation import Evaluation, evaluate_gold
from spacy_bioner.evaluation.probabilities import at_precision, calibration_interval, curves, thinned
from spacy_bioner.evaluation.reliability import calibration_error, reliability
from spacy_bioner.evaluation.strata import Seen, diagnostics, strata
from spacy_bioner.evaluation.type_names import corpora_of
from spacy_bioner.terminal import warn

Report = dict[str, Any]
_TOLD = ("file", "sha256", "docs", "corpora")  # of a file that a pipeline was trained on
_FEWEST, _SHARE = 3, 0.1  # sentences in common with the training data that are no chance


def make_report(nlp: Language, data: Path, *, retokenize: bool = False, gpu_id: int = -1) -> Report:
    """Evaluates a pipeline on a .spacy file, and makes a report of it.

    Args:
        nlp: the pipeline.
        data: the .spacy file with gold entities.
        retokenize: whether the pipeline gets the raw text, and not the tokens of the file.
        gpu_id: the GPU that is used, for the report; -1 for the CPU.

    Raises:
        PipelineError: if the pipeline has no type in common with the data.
        FormatError: if the data isn't a .spacy file.
    """
    file = read_gold(data, nlp.vocab, format=SPACY, retokenize=retokenize, keys=gold_keys(nlp))
    return report(nlp, file, evaluate_gold(nlp, file.golds), gpu_id)


def report(
    nlp: Language,
    file: GoldFile,
    result: Evaluation,
    gpu_id: int = -1,
    seen: Seen | None = None,
    precision: float = 0.95,
) -> Report:
    """What an evaluation found, ready for JSON, with all that its figures depend on.

    Args:
        nlp: the pipeline.
        file: the gold annotation.
        result: what the evaluation found.
        gpu_id: the GPU that was used; -1 for the CPU.
        seen: the mentions of the training data, for what recall is made of.
        precision: the precision that thresholds are given for.
    """
    by_type = curves(result.compared)
    points = {name: at_precision(curve, precision) for name, curve in by_type.items()}
    reliable = reliability(result.judged)
    return {
        **describe(nlp),
        "data": file.data,
        "corpus_variants": corpus_variants(nlp, (gold.corpus for gold in file.golds)),
        "reading": file.reading.to_dict(),
        "tokens_from": "pipeline" if any(gold.doc is None for gold in file.golds) else "corpus",
        "types_by": "common names" if result.common_names else "own names",
        "total": result.counts.total().to_dict(),
        "types": {name: score.to_dict() for name, score in result.counts.by_type().items()},
        "relaxed": {
            "total": result.relaxed.total().to_dict(),
            "types": {name: score.to_dict() for name, score in result.relaxed.by_type().items()},
        },
        "errors": {
            kind: {name: result.kinds[kind, name] for name in result.counts.by_type()} for kind in ERRORS
        },
        "scored": "flat view" if result.flat is None else "spans",
        "flat": result.flat.total().to_dict() if result.flat is not None else None,
        "impossible": _impossible(result),
        "calibration_error": calibration_error(reliable) if reliable else None,
        "calibration_interval": calibration_interval(result.compared),
        "reliability": [asdict(part) for part in reliable],
        "curves": {name: [point.to_dict() for point in thinned(curve)] for name, curve in by_type.items()},
        "thresholds": {name: {f"{precision:g}": p.to_dict() if p else None} for name, p in points.items()},
        "strata": [stratum.to_dict() for stratum in strata(result.compared, seen)],
        "diagnostics": diagnostics(file.golds),
        "unscored_predictions": result.unscored,
        "types_not_in_pipeline": dict(result.not_found_by_pipeline),
        "docs": result.docs,
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens / result.seconds, 1) if result.seconds else 0.0,
        "device": "GPU" if gpu_id >= 0 else "CPU",
        "windows": result.cut.windows,
        "windows_cut": result.cut.windows_cut,
        "tokens_cut": result.cut.tokens_lost,
        "mentions_cut": result.cut.mentions_lost,
        "versions": versions(),
        "documents": documents_of(result).to_dict(),
    }


def documents_of(result: Evaluation) -> DocumentCounts:
    """The counts of each document of an evaluation."""
    documents = ((c.gold.id, c.gold.text, c.gold.mentions, c.judged) for c in result.compared)
    return count_documents(documents, list(result.counts.by_type()))


def describe(nlp: Language) -> dict[str, Any]:
    """What of a pipeline's meta belongs beside its scores."""
    made = nlp.meta.get(META_KEY, {})
    return {
        "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']}",
        "version": nlp.meta["version"],
        "encoder": made.get("encoder"),
        "seed": made.get("seed"),
        "trained_on": {
            split: [{key: file[key] for key in _TOLD if key in file} for file in files]
            for split, files in made.get("data", {}).items()
        },
        "corpora": made.get("corpora", []),
    }


def corpus_variants(nlp: Language, names: Iterable[str]) -> dict[str, str]:
    """Some corpora, each with its variant; empty where nothing is known of it."""
    names = list(dict.fromkeys(filter(None, names)))
    known = corpora_of(nlp, names)
    return {name: known[name].variant if name in known else "" for name in names}


def _impossible(result: Evaluation) -> dict[str, Any]:
    """What the pipeline can't find, and the F1 of one that finds all the rest and nothing else."""
    found, gold = result.impossible, result.counts.gold
    inside, total = found.inside_a_token, gold.total()
    return {
        "inside_a_token": {name: inside[name] for name in sorted(gold)},
        "discontinuous": {name: found.discontinuous[name] for name in sorted(gold)},
        "overlapping": found.overlapping,
        "f1_ceiling_of_tokens": _ceiling(total - inside.total(), total),
        "f1_ceiling": _ceiling(found.possible_in_all, total),
        "types": {name: _ceiling(found.possible[name], gold[name]) for name in sorted(gold)},
    }


def _ceiling(possible: int, gold: int) -> float:
    return Score(possible, possible, gold).f1


def warn_of_training_data(nlp: Language, file: GoldFile) -> None:
    """Warns if a pipeline was trained on what it is scored on.

    That is told by the checksum of the file and, in whatever format it is, by sentences in common.

    Args:
        nlp: the pipeline.
        file: what it is scored on.
    """
    data = file.data
    for made in nlp.meta.get(META_KEY, {}).get("data", {}).get("train", ()):
        if made["sha256"] == data["sha256"]:
            message = "the pipeline was trained on this file"
        else:
            texts = (gold.text for gold in file.golds)
            looked_up, shared = shared_sentences(made.get(TABLE, ""), texts)
            if shared < _FEWEST or shared < _SHARE * looked_up:
                continue
            message = (
                f"the pipeline was trained on many of these sentences ({shared} of the {looked_up} that were "
                f"looked up are in {made['file']})"
            )
        warn(f"{data['file']}: {message}: the scores say nothing of other texts.", stacklevel=3)
        return


def corpus_names(report: Report) -> str:
    """The corpora that a report is about, with their variants."""
    named = (
        f"{name} ({variant})" if variant else name for name, variant in report["corpus_variants"].items()
    )
    return ", ".join(named) or report["data"]["file"]


def matrix(reports: Sequence[Report], relaxed: bool = False) -> tuple[list[str], list[list[str]]]:
    """F1 of several corpora: a row a corpus, a column a type.

    Args:
        reports: the reports.
        relaxed: whether to give the relaxed F1, and not the strict one.

    Returns:
        The header, and the rows: corpus and split, F1 of each type (empty where the corpus doesn't annotate
        it), and of all mentions.
    """
    types = sorted({name for report in reports for name in report["types"]})
    rows = []
    for made in reports:
        scores = made["relaxed"] if relaxed else made
        name = ", ".join((*made["corpus_variants"], _stem(made["data"]["file"])))
        cells = (f"{100 * scores['types'][t]['f1']:.2f}" if t in scores["types"] else "" for t in types)
        rows.append([name, *cells, f"{100 * scores['total']['f1']:.2f}"])
    return ["relaxed F1" if relaxed else "F1", *types, "all"], rows


def _stem(name: str) -> str:
    return Path(name.removesuffix(".gz")).stem


def remarks(report: Report) -> list[str]:
    """What a reader of the scores must know of gold mentions: what can't be found, what was read how."""
    said = []
    impossible, reading = report["impossible"], report["reading"]
    gold = report["total"]["gold"]
    reasons = [
        _by_type(impossible["inside_a_token"], "begin or end inside a token"),
        _by_type(impossible["discontinuous"], "discontinuous"),
        f"{impossible['overlapping']:,} overlap others" if impossible["overlapping"] else "",
    ]
    if any(reasons):
        said.append(
            f"can't be found, of {gold:,} gold mentions: {'; '.join(filter(None, reasons))}. "
            f"F1 is {100 * impossible['f1_ceiling']:.2f} at most "
            f"({100 * impossible['f1_ceiling_of_tokens']:.2f} by tokens alone)"
        )
    elif report["tokens_from"] == "pipeline":
        said.append(f"the pipeline's tokens can give all {gold:,} gold mentions")
    counted = {
        "gold mentions were moved to where their text is": reading["mentions_moved"],
        "gold mentions have offsets that don't give their text; the offsets count": len(
            reading["offsets_not_of_text"]
        ),
        "of them contradict their text, and are left out": reading.get("mentions_left_out", 0),
        "things in the file aren't read": len(reading["not_read"]),
        "documents, lines or mentions can't be read and are set aside": len(reading.get("set_aside", ())),
        "tags were repaired": reading["tags_repaired"],
        "gold mentions stand there twice, and count once": reading["mentions_repeated"],
    }
    said += [f"{count:,} {what}" for what, count in counted.items() if count]
    said += [
        f"{old or 'no type'} counts as {new}: {n:,} gold mentions" for old, new, n in reading["types_renamed"]
    ]
    said += [
        f"{name}: {count:,} gold mentions, and the type isn't among those annotated: not scored"
        for name, count in reading["types_not_annotated"].items()
    ]
    return said


def _by_type(counts: dict[str, int], what: str) -> str:
    """ "3 begin or end inside a token (Chemical 2, Disease 1)"; empty if there are none."""
    total = sum(counts.values())
    types = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return f"{total:,} {what} ({types})" if total else ""
