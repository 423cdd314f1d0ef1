"""`spacy bioner encoders`: the pretrained transformers that are known by name."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import verb


@verb("encoders")
def encoders_cli(
    assets: Path = typer.Option(Path("assets"), help="Folder that may hold encoders/NAME"),
) -> None:
    """List the encoders of the catalogue, and which of them are at hand."""
    encoders(assets)


def encoders(assets: Path) -> None:
    """Prints the table of encoders."""
    from spacy_bioner.catalogue.encoders import load_encoders, resolve_encoder
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
                "untrained: random weights" if encoder.untrained else encoder.hub or encoder.archive,
            )
        )
    header = ("encoder", "at hand", "size", "casing", "licence", "from")
    msg.table(rows, header=header, divider=True, max_col=80)
