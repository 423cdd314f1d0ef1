"""Fetching an encoder into assets/encoders, or into the hub's cache."""

import os
import tempfile
from pathlib import Path

from spacy_bioner.downloads import download, download_url
from spacy_bioner.encoders import encoder_catalogue
from spacy_bioner.encoders.checkpoints import import_encoder
from spacy_bioner.encoders.encoder_catalogue import Encoder, ResolvedEncoder
from spacy_bioner.errors import EncoderError, FetchError, FormatError


def fetch_encoder(name: str, assets: Path, base: str = "", revision: str = "") -> tuple[Path, str]:
    """Makes sure that an encoder is at hand: in assets/encoders, or in the hub's cache.

    Args:
        name: its name, see `encoder_catalogue.find_encoder`.
        assets: the folder that gets "encoders/NAME", unless the hub's cache holds it.
        base: a local folder that stands in for the hub and for addresses of archives: it holds a folder
            or an archive of the encoder's name.
        revision: the commit id of the hub's repository.

    Returns:
        The encoder's folder, and where it was found.

    Raises:
        EncoderError: if it can't be had.
        FetchError: if a download fails, or an archive isn't sound or holds no encoder that can be had of it.
    """
    encoder = encoder_catalogue.find_encoder(name)
    if base and not encoder.embedded and not encoder.archive:
        for candidate in (encoder.name, encoder.hub.split("/")[-1]):
            folder = Path(base) / candidate
            if candidate and folder.is_dir():
                encoder_catalogue.find_encoder(str(folder))  # raises unless it is complete
                note = {"source": encoder.hub or encoder.name}
                return encoder_catalogue.install_encoder(folder, encoder, assets, note), "folder"
        if not encoder.by_hand:
            raise FetchError(
                f"{base} has no folder {encoder.name} to stand in for the encoder '{name}'. [B187]"
            )
    if encoder.archive:
        try:
            found = encoder_catalogue.resolve_encoder(name, assets=assets, download=False)
        except EncoderError:
            return _fetch_archive(encoder, assets, base), "archive"
        return found.folder, found.source
    resolved = encoder_catalogue.resolve_encoder(name, assets=assets, revision=revision)
    if encoder.embedded:  # a copy is what the configs name, for plain `spacy train`
        copy = assets / "encoders" / encoder.name
        there = ResolvedEncoder(encoder, copy, resolved.source)
        if encoder_catalogue.is_complete(copy) and there.weights_sha256() == encoder.sha256:
            return copy, there.source
        note = {"source": "spacy-bioner, embedded", "sha256": encoder.sha256}
        return encoder_catalogue.install_encoder(resolved.folder, encoder, assets, note), resolved.source
    return resolved.folder, resolved.source


def _fetch_archive(encoder: Encoder, assets: Path, base: str) -> Path:
    with tempfile.TemporaryDirectory() as temporary:
        file_name = encoder.archive.rsplit("/", 1)[1]
        archive = Path(temporary) / file_name
        if base:
            download(base, file_name, archive)
        else:
            download_url(encoder.archive, archive)
        target = assets / "encoders" / encoder.name
        try:
            return import_encoder(archive, target, origin=encoder.archive).folder
        except (EncoderError, FormatError) as error:
            raise FetchError(str(error).replace(f"{temporary}{os.sep}", "")) from None
