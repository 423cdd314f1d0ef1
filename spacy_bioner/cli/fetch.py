"""`spacy bioner fetch`: corpora, encoders and knowledge bases into assets/, each file checked."""

from pathlib import Path

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg


@verb("fetch")
def fetch_cli(
    corpus: list[str] = typer.Option([], help="A corpus of the catalogue; several with commas"),
    encoder: list[str] = typer.Option([], help="An encoder, by name; several with commas"),
    kb: list[str] = typer.Option([], help="A knowledge base of the catalogue; several with commas"),
    assets: Path = typer.Option(Path("assets"), help="Folder to put them in"),
    corpora_base: str = typer.Option(
        "", help="Address that stands in for the corpora's own, or local folders with commas"
    ),
    encoders_base: str = typer.Option("", help="Local folder that stands in for the hub"),
    kb_base: str = typer.Option("", help="Local folder that stands in for the addresses of --kb's sources"),
    revision: str = typer.Option("", help="Commit id of the encoder's repository on the hub"),
    record: Path = typer.Option(None, help="JSON file for the checksums of the corpora's files"),
) -> None:
    """Download corpora, encoders and knowledge bases that aren't at hand, and check every file's checksum."""
    from spacy_bioner.corpora.fetching import fetch
    from spacy_bioner.files import Outputs, sha256, write_json
    from spacy_bioner.knowledge.base_fetching import fetch_base

    for name in listed(kb):
        path, how = fetch_base(name, assets, kb_base)
        msg.good(f"{path}: {how}")
    if kb and not corpus and not encoder:
        return
    checksums = {}
    for found in fetch(
        listed(corpus),
        listed(encoder),
        assets,
        corpora_base=corpora_base,
        encoders_base=encoders_base,
        revision=revision,
    ):
        if found.path is not None and found.checked is not None:
            checksums[str(found.path)] = sha256(found.path)
        if found.path is None:
            msg.info(f"{found.name}: {found.how}")
        elif found.checked is None:
            msg.good(f"{found.name}: {found.how} ({found.path})")
        else:
            msg.good(f"{found.path}: {found.how}, {'checked' if found.checked else 'no checksum known'}")
    if record is not None:
        with Outputs() as outputs:
            write_json(outputs.temporary(record), checksums)
