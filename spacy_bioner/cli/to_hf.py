"""`spacy bioner to-hf`: a token classifier of transformers from a pipeline."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("to-hf")
def to_hf_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write"),
    per_type: bool = typer.Option(False, help="One checkpoint a type, each in a folder of its own"),
    fit: Path = typer.Option(
        None, help="Texts (any format) to fine-tune the classifier on, with what the pipeline finds as labels"
    ),
    sample: Path = typer.Option(
        None, help="Texts (any format) to compare classifier and pipeline on; not those of --fit"
    ),
    source: str = typer.Option("", "--from", help="Format of the texts; default: found from their content"),
) -> None:
    """Write a pipeline as a token classifier that transformers loads, with a model card."""
    from spacy_bioner.huggingface.export import export_pipeline, read_texts

    texts = read_texts(sample, source) if sample is not None else []
    taught = read_texts(fit, source) if fit is not None else None
    if shared := len(set(texts) & set(taught or ())):
        msg.warn(f"{shared:,} texts of --sample are in --fit too: it will seem to agree better than it does.")
    for made in export_pipeline(model, output, per_type=per_type, fit=taught, sample=texts):
        types = ", ".join(made.classifier.types)
        if made.classifier.fit is not None:
            msg.text(f"{types}: fitted to {made.classifier.fit}")
        msg.text(f"{types}: {made.agreement or 'not compared: give texts with --sample'}")
        if made.classifier.lossy:
            msg.warn(
                "Heads with transitions, or on the mean of word pieces, folded into one label set: "
                "predictions are far from the pipeline's. --fit TEXTS teaches it what the pipeline "
                "finds. README.md there says more."
            )
    msg.good(str(output))
