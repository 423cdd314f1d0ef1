"""Downloading files, or copying them from a local folder that replaces the address."""

import http.client
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from spacy_bioner.errors import FetchError

_TIMEOUT = 60  # seconds without an answer


def is_address(base: str) -> bool:
    """Whether it is an address of the web, and not a folder."""
    return urllib.parse.urlsplit(base).scheme in ("http", "https")


def download(base: str, file: str, target: Path) -> str:
    """Copies a file from an address or a local folder.

    Args:
        base: the address or the folder.
        file: the file's path below it.
        target: where the copy goes.

    Returns:
        Where it was found.

    Raises:
        FetchError: if it isn't there, or the download fails.
    """
    if is_address(base):
        url = f"{base.rstrip('/')}/{urllib.parse.quote(file)}"
        download_url(url, target)
        return url
    source = Path(base) / file
    if not source.is_file():
        raise FetchError(f"{source}: there is no such file. Is {base} the right folder? [B013]")
    shutil.copyfile(source, target)
    return str(source)


def download_url(url: str, target: Path) -> None:
    """Downloads a file, with a progress bar; raises FetchError if that fails."""
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
                raise FetchError(f"{url}: {out.tell()} bytes came instead of {size}. Try again. [B014]")
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError) as error:
        raise FetchError(
            f"{url}: the download failed ({error}). Is there a network? A local folder with the same "
            "files can stand in for the address: --corpora-base or --encoders-base FOLDER. [B015]"
        ) from None
