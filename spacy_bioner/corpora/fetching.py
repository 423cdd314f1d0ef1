"""Fetching corpora and encoders into assets/; every file is checked before it appears there."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner.corpora.corpus_catalogue import Corpus, Split, load_corpora
from spacy_bioner.downloads import download, is_address
from spacy_bioner.encoders.encoder_catalogue import NO_ENCODER
from spacy_bioner.encoders.encoder_fetching import fetch_encoder
from spacy_bioner.errors import CorpusError, FetchError
from spacy_bioner.files import Outputs


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of a corpus, or an encoder's folder, that is at hand.

    Attributes:
        name: what it is, for people: a path, or the encoder's name.
        path: where it is; None for "cnn", which needs no encoder.
        how: "fetched", "there already", or where an encoder was found.
        checked: whether its checksum is the catalogue's; None for encoders.
    """

    name: str
    path: Path | None
    how: str
    checked: bool | None = None


def fetch(
    corpora: Sequence[str] = (),
    encoders: Sequence[str] = (),
    assets: Path = Path("assets"),
    *,
    corpora_base: str = "",
    encoders_base: str = "",
    revision: str = "",
) -> Iterator[Fetched]:
    """Fetches corpora and encoders of the catalogues, unless they are at hand.

    Args:
        corpora, encoders: their names.
        assets: the folder to put them in.
        corpora_base: an address that stands in for the corpora's own; see `fetch_corpus`.
        encoders_base: a local folder that stands in for the hub; see `fetch_encoder`.
        revision: the commit id of the encoder's repository on the hub.

    Yields:
        What is at hand, as soon as it is.

    Raises:
        FetchError, CorpusError, EncoderError: on the first that fails.
    """
    if not corpora and not encoders:
        raise FetchError("Nothing to fetch: name a --corpus or an --encoder. [B217]")
    catalogue = load_corpora()
    for name in corpora:
        corpus = catalogue[name]
        for path, how in fetch_corpus(corpus, assets, corpora_base):
            yield Fetched(str(path), path, how, bool(corpus.splits[path.stem].blobs))
    for name in encoders:
        if name == NO_ENCODER:
            yield Fetched(name, None, "no encoder to fetch")
            continue
        folder, found = fetch_encoder(name, assets, encoders_base, revision)
        yield Fetched(f"encoder {name}", folder, found)


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
            raise CorpusError(f"{target} isn't there, and can't be downloaded. {how} [B218]")
        with Outputs() as outputs:
            temporary = outputs.temporary(target)
            place = download(base, split.file, temporary)
            _check(temporary, split, f"what came from {place} was not kept")
        yield target, "fetched"


def _stand_in(corpus: Corpus, base: str) -> str:
    """The address or folder, of those that stand in for others, that has a corpus's files."""
    if is_address(base):
        return base
    parts = [part.strip() for part in base.split(",") if part.strip()]
    for folder in (folder for part in parts for folder in (Path(part), Path(part) / corpus.collection)):
        if any((folder / split.file).is_file() for split in corpus.splits.values()):
            return str(folder)
    return parts[0] if parts else ""


def _check(path: Path, split: Split, help_text: str) -> None:
    found = git_blob_id(path)
    if split.blobs and found not in split.blobs:
        raise FetchError(
            f"{split.file}: the wrong file. Its git blob id is {found}, and should be "
            f"{' or '.join(split.blobs)}; {help_text}. [B219]"
        )
