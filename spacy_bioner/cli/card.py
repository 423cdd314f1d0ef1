"""`spacy bioner card`: a pipeline with its model card, ready to be packaged and pushed to the hub."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import verb


@verb("card")
def card_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write the pipeline with its card to"),
    scores: list[Path] = typer.Option([], help="Report that evaluate wrote with --output; several times too"),
) -> None:
    """Copy a pipeline, and write down what it is: README.md and a complete meta.json."""
    card(model, output, scores)


def card(model: str, output: Path, scores: list[Path] | None = None) -> Path:
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
    import shutil

    import srsly

    from spacy_bioner.components.pipelines import check_output, load_pipeline
    from spacy_bioner.errors import FormatError
    from spacy_bioner.files import Outputs, write_json
    from spacy_bioner.training.card import README, check_reports, complete_meta
    from spacy_bioner.training.card import card as text_of

    check_output(output)
    reports = []
    for path in scores or ():
        try:
            content = srsly.read_json(path)
            reports += content if isinstance(content, list) else [content]
        except (OSError, ValueError) as error:
            raise FormatError(path, None, f"not a report of evaluate ({error})") from None
    nlp = load_pipeline(model)
    try:
        check_reports(nlp.meta, reports)
        meta = complete_meta(nlp.meta, reports)
        text = text_of(meta, reports)
    except (KeyError, TypeError, AttributeError) as error:
        names = ", ".join(map(str, scores or ())) or model
        raise FormatError(names, None, f"{error} isn't in it: evaluate again, or train again") from None
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        shutil.copytree(nlp.path, folder, ignore=shutil.ignore_patterns("__pycache__"))
        write_json(folder / "meta.json", meta)
        (folder / README).write_text(text, encoding="utf8")
    msg.good(str(output))
    return output
