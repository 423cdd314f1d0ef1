"""Packaging a trained pipeline with its model card: as a folder, as a wheel, installed."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import srsly

from spacy_bioner.components.pipelines import check_output, load_pipeline
from spacy_bioner.errors import FormatError, PipelineError
from spacy_bioner.files import Outputs, checksum, write_json
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
        raise FormatError(
            names, None, f"{error} isn't in it: evaluate again, or train again [B456]"
        ) from None
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
            raise FormatError(path, None, f"not a report of evaluate ({error}) [B457]") from None
        reports += content if isinstance(content, list) else [content]
    return reports


def package(model: str | Path, output: Path, scores: Sequence[Path] = ()) -> Path:
    """Builds a wheel of a pipeline, with its model card.

    Args:
        model: the name of a package, or a folder.
        output: the folder that gets "LANG_NAME-VERSION", as `spacy package` makes it.
        scores: reports of `spacy bioner evaluate`.

    Returns:
        The wheel.

    Raises:
        BionerError: as `add_card`; or if the wheel can't be built.
    """
    from spacy.cli.package import package as spacy_package

    with tempfile.TemporaryDirectory() as temporary:
        folder = add_card(model, Path(temporary) / "model", scores)
        meta = srsly.read_json(folder / "meta.json")
        name = f"{meta['lang']}_{meta['name']}-{meta['version']}"
        output.mkdir(parents=True, exist_ok=True)
        try:
            spacy_package(folder, output, create_sdist=False, create_wheel=True, force=True, silent=False)
        except SystemExit:
            raise PipelineError(f"The wheel of {name} can't be built; see above. [B458]") from None
    found = list((output / name / "dist").glob("*.whl"))
    if len(found) != 1:
        raise PipelineError(f"The wheel of {name} can't be built: is the package `build` installed? [B459]")
    return found[0]


_WHERE = "import importlib, os, sys; print(os.path.dirname(importlib.import_module(sys.argv[1]).__file__))"


def install_wheel(wheel: Path) -> str:
    """Installs the wheel of a pipeline for this Python, and checks that its files are what was packaged.

    Returns:
        The name of the installed package.

    Raises:
        PipelineError: if it can't be installed, or other files are found where it should be.
    """
    name, version = wheel.name.split("-")[:2]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
        str(wheel),
    ]
    for arguments in (command, [sys.executable, "-c", _WHERE, name]):
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            raise PipelineError(f"{wheel} can't be installed: [B460]\n{done.stderr.strip()}")
    data = f"{name}-{version}"
    installed, packaged = Path(done.stdout.strip()) / data, wheel.parent.parent / name / data
    if checksum(installed) != checksum(packaged):
        raise PipelineError(
            f"{installed} has other files than {packaged}: is another copy of {name} in the way? [B461]"
        )
    return name
