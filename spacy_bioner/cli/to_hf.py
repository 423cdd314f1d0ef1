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
    sample: Path = typer.Option(None, help=".spacy file on whose texts to compare the two"),
) -> None:
    """Write a pipeline as a token classifier that transformers loads, with a model card."""
    to_hf(model, output, per_type, sample)


def to_hf(model: str, output: Path, per_type: bool = False, sample: Path | None = None) -> list[Any]:
    """Writes a pipeline as a checkpoint, or one checkpoint a type; see `checkpoints.to_hf`.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write.
        per_type: whether to write a checkpoint for each type, in folders of their names.
        sample: a .spacy file on whose texts predictions are compared.

    Returns:
        The agreement of each checkpoint with the pipeline; None without a sample.

    Raises:
        BionerError: if the pipeline or the sample can't be read, the pipeline can't be a token classifier, or
            something else stands at the output. Nothing is written then.
    """
    from spacy_bioner.checkpoints.hf_card import card
    from spacy_bioner.checkpoints.to_hf import agreement, find_bioner, write
    from spacy_bioner.checkpoints.to_hf import to_hf as made_of
    from spacy_bioner.docbin import read_docbin
    from spacy_bioner.errors import OutputError, PipelineError
    from spacy_bioner.files import Outputs, holds_other
    from spacy_bioner.pipelines import load_pipeline

    by_type = all((path / "config.json").is_file() for path in output.glob("*"))
    if holds_other(output, "config.json") and not by_type:
        raise OutputError(f"{output} holds something else than a checkpoint: name another folder.")
    texts = [doc.text for doc in read_docbin(sample)] if sample is not None else []
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
            write(classifier, temporary / name)
            same = agreement(nlp, temporary / name, classifier.types, texts) if texts else None
            (temporary / name / "README.md").write_text(card(nlp, classifier, same), encoding="utf8")
            found.append(same)
            msg.text(f"{', '.join(classifier.types)}: {same or 'not compared: give texts with --sample'}")
            if not classifier.same_weights:
                msg.warn(
                    "Heads with transitions, folded into one label set: predictions are not the pipeline's. "
                    "README.md there says more."
                )
    msg.good(str(output))
    return found
