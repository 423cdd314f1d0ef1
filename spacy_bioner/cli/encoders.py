"""`spacy bioner encoders`: the pretrained transformers that are known by name, and their import."""

from pathlib import Path

import typer

from spacy_bioner.cli import bioner_cli, verb
from spacy_bioner.terminal import msg

encoders_group = typer.Typer(name="encoders")
bioner_cli.add_typer(encoders_group)


@verb("", encoders_group)
def encoders_cli(
    context: typer.Context,
    assets: Path = typer.Option(Path("assets"), help="Folder that may hold encoders/NAME"),
) -> None:
    """List the encoders of the catalogue, and which of them are at hand; import one from its archive."""
    if context.invoked_subcommand is None:
        encoders(assets)


def encoders(assets: Path) -> None:
    """Prints the table of encoders."""
    from spacy_bioner.encoders.encoder_catalogue import load_encoders, resolve_encoder
    from spacy_bioner.errors import EncoderError

    rows = []
    for encoder in load_encoders().values():
        if encoder.embedded:
            where = "embedded"
        else:
            try:
                where = resolve_encoder(encoder.name, assets=assets, download=False).source
            except EncoderError:
                where = "-"
        rows.append(
            (
                encoder.name,
                where,
                f"{encoder.parameters}M",
                "cased" if encoder.cased else "uncased",
                encoder.licence,
                encoder.source or "this package",
            )
        )
    header = ("encoder", "at hand", "size", "casing", "licence", "from")
    msg.table(rows, header=header, divider=True, max_col=120)


@verb("import", encoders_group)
def import_cli(
    source: Path = typer.Argument(..., help="Archive (.tar.gz, .tar, .zip) or folder, as it was released"),
    output: Path = typer.Argument(..., help="Folder to write; assets/encoders/NAME for one of the catalogue"),
    cased: bool | None = typer.Option(
        None, "--cased/--uncased", help="Keep capitals, or lower-case, whatever the vocabulary says"
    ),
) -> None:
    """Turn a released checkpoint, TensorFlow's or PyTorch's, into an encoder's folder."""
    import_(source, output, cased)


def import_(source: Path, output: Path, cased: bool | None = None) -> Path:
    """Imports a checkpoint and says what was taken; returns the folder. Raises as `import_encoder`."""
    from spacy_bioner.encoders.checkpoints import import_encoder

    made = import_encoder(source, output, cased=cased)
    casing = "cased" if made.cased else "uncased"
    msg.good(
        f"{made.folder}: {made.family}, {made.layers} layers of width {made.width}, {made.vocabulary:,} "
        f"pieces, {casing}"
    )
    msg.text(
        f"{made.parameters} weights from {made.weights}; left out: {made.optimizer} of an optimizer's "
        f"variables, {made.heads} of heads"
    )
    for remark in made.remarks:
        msg.warn(remark)
    return made.folder
