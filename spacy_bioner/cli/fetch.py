"""`spacy bioner fetch`: corpora and encoders into assets/, each file checked."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import listed, verb


@verb("fetch")
def fetch_cli(
    corpus: list[str] = typer.Option([], help="A corpus of the catalogue; several with commas"),
    encoder: list[str] = typer.Option([], help="An encoder, by name; several with commas"),
    assets: Path = typer.Option(Path("assets"), help="Folder to put them in"),
    corpora_base: str = typer.Option(
        "", help="Address that stands in for the corpora's own, or local folders with commas"
    ),
    encoders_base: str = typer.Option("", help="Local folder that stands in for the hub"),
    revision: str = typer.Option("", help="Commit id of the encoder's repository on the hub"),
) -> None:
    """Download corpora and encoders that aren't at hand, and check every file's checksum."""
    fetch(listed(corpus), listed(encoder), assets, corpora_base, encoders_base, revision)


def fetch(
    corpora: list[str],
    encoders: list[str],
    assets: Path,
    corpora_base: str = "",
    encoders_base: str = "",
    revision: str = "",
) -> None:
    """Fetches what is named; raises FetchError, CorpusError or EncoderError on the first that fails."""
    from spacy_bioner.corpora.corpus_catalogue import load_corpora
    from spacy_bioner.corpora.fetching import fetch_corpus, fetch_encoder
    from spacy_bioner.encoders.encoder_catalogue import NO_ENCODER
    from spacy_bioner.errors import FetchError

    if not corpora and not encoders:
        raise FetchError("Nothing to fetch: name a --corpus or an --encoder.")
    catalogue = load_corpora()
    for name in corpora:
        corpus = catalogue[name]
        for path, how in fetch_corpus(corpus, assets, corpora_base):
            checked = "checked" if corpus.splits[path.stem].blobs else "no checksum known"
            msg.good(f"{path}: {how}, {checked}")
    for name in encoders:
        if name == NO_ENCODER:
            msg.info(f"{name}: no encoder to fetch")
            continue
        folder, how = fetch_encoder(name, assets, encoders_base, revision)
        msg.good(f"encoder {name}: {how} ({folder})")
