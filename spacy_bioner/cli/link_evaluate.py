"""`spacy bioner link-evaluate`: how well identifiers are found, on gold mentions and from raw text on."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("link-evaluate")
def link_evaluate_cli(
    model: str = typer.Argument(..., help="Pipeline with a linker: a folder, or the name of a package"),
    data: Path = typer.Argument(..., help="Data with identifiers, in any format that has them"),
    train: list[Path] = typer.Option([], help="Training data, to tell what is memorised"),
    label: str = typer.Option("Disease", help="Entity type that is linked"),
    mapping: list[str] = typer.Option(
        [], "--map", help="OLD=NEW for the data's types; '*=NEW' for the others"
    ),
    output: Path = typer.Option(None, help="JSON file with the scores and every mention that is wrong"),
) -> None:
    """Score a linker: mentions that are given, and the set of identifiers of each document from its text."""
    from spacy_bioner.cli import renamed_types
    from spacy_bioner.components.pipelines import load_pipeline
    from spacy_bioner.documents.formats import read
    from spacy_bioner.evaluation.linker_evaluation import evaluate_linker
    from spacy_bioner.files import Outputs, write_json

    nlp = load_pipeline(model)
    training = [document for path in train for document in read(path)]
    report = evaluate_linker(nlp, list(read(data)), label, renamed_types(mapping) or None, training)
    msg.table(report.rows(), aligns=("l", "r"))
    for text, gold, given in report.mentions.wrong[:10]:
        msg.text(f"{text}: {', '.join(gold)} is linked to {', '.join(given) or 'nothing'}")
    if output is not None:
        with Outputs() as outputs:
            write_json(outputs.temporary(output), report.to_dict())
        msg.good(str(output))
