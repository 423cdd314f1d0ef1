"""How true probabilities are: `python -m benchmarks.calibration MODEL...`, pipelines with `bioner`.

On NCBI-disease: expected calibration error of the predicted spans of test, ten bins of equal mass, with the
scores as they were trained, and with the temperature that is fitted on devel.
"""

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common import corpora_folder, save
from spacy_bioner.components.bioner import BioNER
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs
from spacy_bioner.evaluation.reliability import calibration_error, reliability
from spacy_bioner.evaluation.report import describe
from spacy_bioner.training.finishing import calibrate

NAME = "NCBI-disease"


def measure(model: str, data: Path) -> dict[str, Any]:
    """The error on test before and after the temperature is fitted on devel."""
    nlp = spacy.load(model)
    component = next(pipe for _, pipe in nlp.pipeline if isinstance(pipe, BioNER))
    component.cfg["temperature"] = {}
    result: dict[str, Any] = {"pipeline": describe(nlp)}
    for way in ("as trained", "with temperature"):
        if way == "with temperature":
            result["temperature"] = calibrate(nlp, [data / "devel.spacy"])
        evaluation = evaluate_docs(nlp, read_docbin(data / "test.spacy", nlp.vocab))
        table = reliability(evaluation.judged)
        result[way] = {
            "calibration_error": round(calibration_error(table), 4),
            "f1": round(100 * evaluation.counts.total().f1, 2),
            "reliability": [asdict(part) for part in table],
        }
    return result


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        convert([corpora_folder() / "mtl" / "NCBI-disease-IOB"], Path(temporary), corpus=NAME)
        save("calibration", {"models": [measure(model, Path(temporary)) for model in sys.argv[1:]]})


if __name__ == "__main__":
    main()
