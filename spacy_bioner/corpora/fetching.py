"""Getting corpora and encoders into assets/, each file checked before it appears there."""

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from spacy_bioner.corpora.corpus_catalogue import Corpus, Split
from spacy_bioner.encoders import encoder_catalogue
from spacy_bioner.encoders.encoder_catalogue import Encoder, ResolvedEncoder
from spacy_bioner.errors import CorpusError, EncoderError, FetchError, FormatError
from spacy_bioner.files import Outputs

_TIMEOUT = 60  # seconds without an answer


def git_blob_id(path: Path) -> str:
    r"""The id that git gives to a file of this content: the sha1 of "blob SIZE\0" and the content."""
    begun = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: begun).hexdigest()


def fetch_corpus(corpus: Corpus, assets: Path, base: str = "") -> Iterator[tuple[Path, str]]:
    """Puts a corpus's files into assets/NAME/SPLIT.tsv, unless they are there.

    Args:
        corpus: the corpus.
        assets: the folder that gets "NAME".
        base: an address that stands in for the corpus's own; or local folders, with commas between them,
            in each of which the files are looked for, and in its folder of the collection's name.

    Yields:
        Each file, and "there already" or "fetched".

    Raises:
        FetchError: on the first file that can't be had, or whose checksum isn't the catalogue's.
        CorpusError: if a file must be got by hand, with how.
    """
    folder = assets / corpus.name
    base = corpus.base if corpus.local else _stand_in(corpus, base) or corpus.base
    for name, split in corpus.splits.items():
        target = folder / f"{name}.tsv"
        if target.exists() and not corpus.local:
            _check(target, split, f"delete {target} to fetch it again")
            yield target, "there already"
            continue
        if not base or (corpus.by_hand and not (Path(base) / split.file).exists()):
            how = corpus.by_hand.format(folder=folder) or "Its entry names no source: put the file there."
            raise CorpusError(f"{target} isn't there, and can't be downloaded. {how}")
        with Outputs() as outputs:
            temporary = outputs.temporary(target)
            place = _download(base, split.file, temporary)
            _check(temporary, split, f"what came from {place} was not kept")
        yield target, "fetched"


def _stand_in(corpus: Corpus, base: str) -> str:
    """The address or folder, of those that stand in for others, that has a corpus's files."""
    if _is_address(base):
        return base
    parts = [part.strip() for part in base.split(",") if part.strip()]
    for folder in (folder for part in parts for folder in (Path(part), Path(part) / corpus.collection)):
        if any((folder / split.file).is_file() for split in corpus.splits.values()):
            return str(folder)
    return parts[0] if parts else ""


def _is_address(base: str) -> bool:
    return urllib.parse.urlsplit(base).scheme in ("http", "https")


def _check(path: Path, split: Split, help_text: str) -> None:
    found = git_blob_id(path)
    if split.blobs and found not in split.blobs:
        raise FetchError(
            f"{split.file}: the wrong file. Its git blob id is {found}, and should be "
            f"{' or '.join(split.blobs)}; {help_text}."
        )


def _download(base: str, file: str, target: Path) -> str:
    """Copies a file from an address or a local folder; returns where it was found."""
    if _is_address(base):
        url = f"{base.rstrip('/')}/{urllib.parse.quote(file)}"
        _download_url(url, target)
        return url
    source = Path(base) / file
    if not source.is_file():
        raise FetchError(f"{source}: there is no such file. Is {base} the right folder?")
    shutil.copyfile(source, target)
    return str(source)


def _download_url(url: str, target: Path) -> None:
    from tqdm import tqdm

    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, target.open("wb") as out:
            size = int(answer.headers.get("Content-Length") or 0)
            # disable=None: no bar where the output isn't a terminal
            with tqdm(total=size or None, unit="B", unit_scale=True, desc=target.name, disable=None) as bar:
                while block := answer.read(1 << 16):
                    out.write(block)
                    bar.update(len(block))
            if size and out.tell() != size:
                raise FetchError(f"{url}: {out.tell()} bytes came instead of {size}. Try again.")
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError) as error:
        raise FetchError(
            f"{url}: the download failed ({error}). Is there a network? A local folder with the same "
            "files can stand in for the address: --corpora-base or --encoders-base FOLDER."
        ) from None


def fetch_encoder(name: str, assets: Path, base: str = "", revision: str = "") -> tuple[Path, str]:
    """Makes sure that an encoder is at hand: in assets/encoders, or in the hub's cache.

    Args:
        name: its name, see `encoders.find_encoder`.
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
            raise FetchError(f"{base} has no folder {encoder.name} to stand in for the encoder '{name}'.")
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
    from spacy_bioner.encoders.checkpoints import import_encoder

    with tempfile.TemporaryDirectory() as temporary:
        file_name = encoder.archive.rsplit("/", 1)[1]
        archive = Path(temporary) / file_name
        if base:
            _download(base, file_name, archive)
        else:
            _download_url(encoder.archive, archive)
        target = assets / "encoders" / encoder.name
        try:
            return import_encoder(archive, target, origin=encoder.archive).folder
        except (EncoderError, FormatError) as error:
            raise FetchError(str(error).replace(f"{temporary}{os.sep}", "")) from None
