"""A trained pipeline with its model card, ready to be packaged."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly

from spacy_bioner.components.pipelines import check_output, load_pipeline
from spacy_bioner.errors import FormatError
from spacy_bioner.files import Outputs, write_json
from spacy_bioner.training.card import README, check_reports, complete_meta, make_card


def add_card(model: str | Path, output: Path, scores: Sequence[Path] = ()) -> Path:
    """Writes a copy of a pipeline with README.md, and with what the hub wants in meta.json.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write; the pipeline's own adds to that.
        scores: reports of `spacy bioner evaluate`.

    Returns:
        The folder.

    Raises:
        BionerError: if the pipeline can't be loaded, a report can't be read or is of another pipeline, or
            something else stands at the output. Nothing is written then.
    """
    check_output(output)
    reports = read_reports(scores)
    nlp = load_pipeline(model)
    try:
        check_reports(nlp.meta, reports)
        meta = complete_meta(nlp.meta, reports)
        text = make_card(meta, reports)
    except (KeyError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, scores)) or str(model)
        raise FormatError(names, None, f"{error} isn't in it: evaluate again, or train again") from None
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        shutil.copytree(nlp.path, folder, ignore=shutil.ignore_patterns("__pycache__"))
        write_json(folder / "meta.json", meta)
        (folder / README).write_text(text, encoding="utf8")
    return output


def read_reports(paths: Sequence[Path]) -> list[Any]:
    """The reports in files that `spacy bioner evaluate --output` wrote.

    Raises:
        FormatError: if a file isn't there, or isn't JSON.
    """
    reports = []
    for path in paths:
        try:
            content = srsly.read_json(path)
        except (OSError, ValueError) as error:
            raise FormatError(path, None, f"not a report of evaluate ({error})") from None
        reports += content if isinstance(content, list) else [content]
    return reports
