"""`spacy bioner link-train`: gives a pipeline a linker that learned from a corpus."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("link-train")
def link_train_cli(
    model: str = typer.Argument(..., help="Pipeline: a folder, or the name of a package"),
    train: list[Path] = typer.Argument(..., help="Training data with identifiers; then the output folder"),
    devel: list[Path] = typer.Option(
        [], "--dev", help="Development data, for the temperature and the threshold"
    ),
    remember_dev: bool = typer.Option(
        False, help="Take development mentions for names too, in the end; its scores mean nothing then"
    ),
    kb: str = typer.Option(
        "diseases", help="Knowledge base: its file, or the name of one of the package's own"
    ),
    label: str = typer.Option("Disease", help="Entity type that is linked"),
    mapping: list[str] = typer.Option(
        [], "--map", help="OLD=NEW for the corpus' types; '*=NEW' for the others"
    ),
) -> None:
    """Add `abbreviations` and a trained `linker` to a pipeline."""
    from spacy_bioner.cli import renamed_types
    from spacy_bioner.components.linker_training import add_linker
    from spacy_bioner.components.pipelines import check_output, load_pipeline
    from spacy_bioner.documents.formats import read
    from spacy_bioner.errors import PipelineError
    from spacy_bioner.files import Outputs

    if len(train) < 2:
        raise PipelineError("Name training data, and the output folder behind it. [B546]")
    *files, output = train
    check_output(output)
    nlp = load_pipeline(model)
    training, development = (
        [document for path in paths for document in read(path)] for paths in (files, devel)
    )
    types = renamed_types(mapping) or None
    linker = add_linker(nlp, kb, label, training, development, types, remember_devel=remember_dev)
    with Outputs() as outputs:
        nlp.to_disk(outputs.temporary(output, folder=True))
    base = linker.base(kb)
    msg.good(f"{output}: {label} is linked to {base.meta['name']}, {len(base):,} concepts")
