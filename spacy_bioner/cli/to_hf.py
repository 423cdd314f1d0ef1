"""`spacy bioner to-hf`: a token classifier of transformers from a pipeline."""

from pathlib import Path
from typing import Any

import typer
from wasabi import msg

from spacy_bioner.cli import verb


@verb("to-hf")
def to_hf_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write"),
    per_type: bool = typer.Option(False, help="One checkpoint a type, each in a folder of its own"),
    fit: Path = typer.Option(
        None, help="Texts (any format) to teach it what heads find there, which folding them doesn't keep"
    ),
    sample: Path = typer.Option(None, help="Texts (any format) to compare the two on, others than those"),
    source: str = typer.Option("", "--from", help="Format of the texts; default: found from their content"),
) -> None:
    """Write a pipeline as a token classifier that transformers loads, with a model card."""
    to_hf(model, output, per_type, fit, sample, source)


def to_hf(
    model: str,
    output: Path,
    per_type: bool = False,
    fit: Path | None = None,
    sample: Path | None = None,
    source: str = "",
) -> list[Any]:
    """Writes a pipeline as a checkpoint, or one checkpoint a type; see `huggingface.to_huggingface`.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write.
        per_type: whether to write a checkpoint for each type, in folders of their names.
        fit: texts on which it learns to find what the pipeline finds, see `huggingface.fitting`; heads are
            folded and no more, if None.
        sample: texts on which predictions are compared.
        source: the format of the texts, unless these are .spacy files; found from their content, if empty.

    Returns:
        The agreement of each checkpoint with the pipeline; None without a sample.

    Raises:
        BionerError: if the pipeline or texts can't be read, the pipeline can't be a token classifier or has
            nothing to fit, or something else stands at the output. Nothing is written then.
    """
    from spacy_bioner.components.pipelines import load_pipeline
    from spacy_bioner.errors import OutputError, PipelineError
    from spacy_bioner.files import Outputs, holds_other
    from spacy_bioner.huggingface.fitting import fit as fitted
    from spacy_bioner.huggingface.hub_card import card
    from spacy_bioner.huggingface.to_huggingface import agreement, find_bioner, write
    from spacy_bioner.huggingface.to_huggingface import to_hf as made_of

    by_type = all((path / "config.json").is_file() for path in output.glob("*"))
    if holds_other(output, "config.json") and not by_type:
        raise OutputError(f"{output} holds something else than a checkpoint: name another folder.")
    texts = _texts(sample, source) if sample is not None else []
    taught = _texts(fit, source) if fit is not None else []
    if shared := len(set(texts) & set(taught)):
        msg.warn(f"{shared:,} texts of --sample are in --fit too: it will seem to agree better than it does.")
    nlp = load_pipeline(model)
    groups: list[tuple[str, ...]] = [()]
    folders = [""]
    if per_type:
        labels = find_bioner(nlp).labels
        groups = [(label,) for label in labels]
        folders = ["".join(c if c.isalnum() or c in "-_." else "_" for c in label) for label in labels]
        if len({name.lower() for name in folders}) < len(folders) or {".", ".."} & set(folders):
            raise PipelineError(f"The types can't all be names of folders: {', '.join(labels)}.")
    found = []
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=True)
        for types, name in zip(groups, folders, strict=True):
            classifier = made_of(nlp, types)
            if fit is not None:
                classifier = fitted(nlp, classifier, taught)
                msg.text(f"{', '.join(classifier.types)}: fitted to {classifier.fit}")
            write(classifier, temporary / name)
            same = agreement(nlp, temporary / name, classifier.types, texts) if texts else None
            (temporary / name / "README.md").write_text(card(nlp, classifier, same), encoding="utf8")
            found.append(same)
            msg.text(f"{', '.join(classifier.types)}: {same or 'not compared: give texts with --sample'}")
            if classifier.far:
                msg.warn(
                    "Heads with transitions, or on the mean of word pieces, folded into one label set: "
                    "predictions are far from the pipeline's. --fit TEXTS teaches it what the pipeline "
                    "finds. README.md there says more."
                )
    msg.good(str(output))
    return found


def _texts(path: Path, source: str) -> list[str]:
    """The texts of a file or folder of any format."""
    from spacy_bioner.corpora.conversion import open_source
    from spacy_bioner.documents.formats.columns import ColumnOptions

    documents = open_source(path, ColumnOptions(), "" if path.suffix == ".spacy" else source).documents()
    return [document.text for document in documents]
