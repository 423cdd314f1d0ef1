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
    page: Path = typer.Option(
        None, "--report", help="Page with the scores and every mention that is wrong (.html, .md or .json)"
    ),
) -> None:
    """Score a linker: mentions that are given, and the set of identifiers of each document from its text."""
    from spacy_bioner.cli import renamed_types
    from spacy_bioner.components.pipelines import load_pipeline
    from spacy_bioner.documents.formats import read
    from spacy_bioner.evaluation.linker_evaluation import evaluate_linker
    from spacy_bioner.evaluation.linking_page import linking_sections
    from spacy_bioner.evaluation.page import check_ending, write_report
    from spacy_bioner.files import Outputs, ending, write_json

    if page is not None:
        check_ending(page, plots=False)
    nlp = load_pipeline(model)
    training = [document for path in train for document in read(path)]
    documents = list(read(data))
    report = evaluate_linker(nlp, documents, label, renamed_types(mapping) or None, training)
    msg.table(report.rows(), aligns=("l", "r"))
    for wrong in report.mentions.wrong[:10]:
        msg.text(f"{wrong.text}: {', '.join(wrong.gold)} is linked to {', '.join(wrong.given) or 'nothing'}")
    with Outputs() as outputs:
        if output is not None:
            write_json(outputs.temporary(output), report.to_dict())
        if page is not None:
            sections = linking_sections(report, documents)
            title, kind = f"Identifiers: {data.name}", ending(page)
            write_report(outputs.temporary(page), title, sections, report.to_dict(), kind=kind)
    for path in filter(None, (output, page)):
        msg.good(str(path))
