"""The catalogue of encoders, and resolving a name to a folder with a transformer in it."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from spacy_bioner.errors import EncoderError
from spacy_bioner.files import Outputs, sha256, write_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")
NO_ENCODER = "cnn"
"""The name that says: none of these, the config has no place for one."""

NOTE = "source.json"
"""What is known of a folder under assets/: where it is from, its revision."""

_WANTED = [
    "*.json",
    "*.txt",
    "*.model",
    *WEIGHTS,
]  # the hub's repositories hold more than is needed


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder of the catalogue.

    Attributes:
        name: its short name; a valid part of a package's name.
        hub: the id of its repository on the Hugging Face hub, if it has one.
        formerly: ids that the repository had before.
        revision: the commit id that pins the repository, if it is pinned.
        archive: the address of an archive with the model's files, if that is how it is handed out.
        by_hand: the address of a page from which people have to fetch such an archive.
        original: for one with a repository, the address of the archive that it was released in before.
        embedded: whether it is part of this package.
        sha256: of the weights of the one that is part of this package.
        cased: whether it tells capital letters from small ones; None if not known.
        parameters: its size in millions of parameters; None if not known.
        learning_rate: for fine-tuning, where the command line says nothing else; None for the config's.
        description, licence, citation: for people.
    """

    name: str
    hub: str = ""
    formerly: tuple[str, ...] = ()
    revision: str = ""
    archive: str = ""
    by_hand: str = ""
    original: str = ""
    embedded: bool = False
    sha256: str = ""
    cased: bool | None = None
    parameters: int | None = None
    learning_rate: float | None = None
    description: str = ""
    licence: str = ""
    citation: str = ""

    @property
    def source(self) -> str:
        """Its repository or an address; empty for a local folder and for the embedded one."""
        return self.hub or self.archive or self.by_hand


@dataclass(frozen=True, slots=True)
class ResolvedEncoder:
    """An encoder that is at hand.

    Attributes:
        encoder: which one.
        folder: where its files are.
        source: "embedded", "folder", "hub cache" or "hub".
        revision: the commit id of the hub's repository; empty for one from elsewhere.
    """

    encoder: Encoder
    folder: Path
    source: str
    revision: str = ""

    def weights_sha256(self) -> str:
        """The checksum of its file of weights."""
        return sha256(_weights(self.folder))

    def to_meta(self) -> dict[str, Any]:
        """What the meta of a pipeline says of its encoder."""
        return {
            "name": self.encoder.name,
            "hub": self.encoder.hub,
            "revision": self.revision,
            "source": self.source,
            "weights_sha256": self.weights_sha256(),
            "licence": self.encoder.licence,
            "citation": self.encoder.citation,
        }


def load_encoders() -> dict[str, Encoder]:
    """Reads the catalogue: encoders by their short names."""
    text = (files("spacy_bioner.encoders") / "encoders.toml").read_text(encoding="utf8")
    return {
        name: Encoder(name, **{**entry, "formerly": tuple(entry.get("formerly", ()))})
        for name, entry in tomllib.loads(text).items()
    }


def find_encoder(name: str) -> Encoder:
    """Finds an encoder by its short name, the id of its repository (a former one too), or its folder.

    An id or folder that the catalogue doesn't have is an encoder as well, about which nothing is known.

    Raises:
        EncoderError: if it is neither.
    """
    catalogue = load_encoders()
    wanted = name.lower().replace("-", "_")
    for encoder in catalogue.values():
        ids = (encoder.hub, *encoder.formerly)
        if encoder.name == wanted or (encoder.hub and name.lower() in map(str.lower, ids)):
            return encoder
    folder = Path(name)
    if is_complete(folder):
        cased = _note(folder).get("cased")
        return Encoder(
            _identifier(folder.resolve().name),
            cased=cased if isinstance(cased, bool) else None,
            description="a local folder",
        )
    if folder.is_dir():
        raise EncoderError(
            f"The folder '{name}' isn't an encoder: it needs config.json, one of {', '.join(WEIGHTS)}, and "
            f"one of {', '.join(TOKENIZERS)}. [B183]"
        )
    if name.count("/") == 1 and not name.startswith(("/", ".")):
        return Encoder(_identifier(name.split("/")[1]), hub=name)
    raise EncoderError(
        f"The encoder '{name}' isn't in the catalogue, and there is no folder of that name. [B184]\n"
        f"The catalogue has: {', '.join(catalogue)} (see: spacy bioner encoders).\n"
        "Or name a folder with a transformer in it, or the id of a repository on the hub (owner/name)."
    )


def resolve_encoder(
    name: str, *, assets: Path = Path("assets"), revision: str = "", download: bool = True
) -> ResolvedEncoder:
    """Turns a name into a folder: a local one, one in the hub's cache, or one downloaded from the hub.

    Args:
        name: see `find_encoder`.
        assets: the folder whose "encoders/NAME" may hold it.
        revision: the commit id of the hub's repository to use; the catalogue's, or the newest, if empty.
        download: whether to ask the hub for what isn't at hand.

    Raises:
        EncoderError: if the name is unknown or the encoder can't be had, with what to do about it; or if a
            local copy isn't known to be of the revision that is asked for.
    """
    encoder = find_encoder(name)
    folder = assets / "encoders" / encoder.name
    if encoder.embedded:
        from spacy_bioner.encoders.mini import embedded

        return ResolvedEncoder(encoder, embedded(encoder.sha256), "embedded")
    for local in (Path(name), folder):
        if is_complete(local):
            known = _note(local).get("revision", "")
            if revision and revision != known:
                raise EncoderError(
                    f"{local} holds the encoder '{encoder.name}' of "
                    f"{'revision ' + known if known else 'a revision that is not known'}, and {revision} was "
                    "asked for. Move that folder away, or leave out --revision. [B185]"
                )
            return ResolvedEncoder(encoder, local, "folder", known)
    if encoder.hub:
        revision = revision or encoder.revision
        for repository in (encoder.hub, *encoder.formerly):
            cached = _snapshot(repository, revision, local_files_only=True)
            if isinstance(cached, Path):
                return ResolvedEncoder(encoder, cached, "hub cache", cached.name)
        if download:
            fetched = _snapshot(encoder.hub, revision, local_files_only=False)
            if isinstance(fetched, Path):
                return ResolvedEncoder(encoder, fetched, "hub", fetched.name)
            raise _not_at_hand(encoder, folder, f"the hub can't be asked for it ({fetched})")
    raise _not_at_hand(encoder, folder, encoder.source)


def _not_at_hand(encoder: Encoder, folder: Path, why: str) -> EncoderError:
    how = (
        f"With a network, run: spacy bioner fetch --encoder {encoder.name}. Without, copy its folder to "
        f"{folder}, or name a folder with --encoder PATH."
    )
    if encoder.by_hand:
        how = (
            "Fetch its archive by hand, with a browser; then run: "
            f"spacy bioner encoders import ARCHIVE {folder}"
        )
    return EncoderError(
        f"The encoder '{encoder.name}' isn't at hand: {why}. [B186]\n"
        f"{how}\n"
        "The embedded encoder needs no download: --encoder mini."
    )


def _snapshot(repository: str, revision: str, *, local_files_only: bool) -> Path | str:
    """The folder of a repository's snapshot, or in a few words why there is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=_WANTED,
            local_files_only=local_files_only,
        )
    except (OSError, HFValidationError) as error:  # every failure of network, hub and cache is one
        return type(error).__name__
    return Path(folder) if is_complete(Path(folder)) else "its files are not complete"


def is_complete(folder: Path) -> bool:
    """Whether a folder has a transformer's config, weights and tokenizer."""
    return (folder / "config.json").is_file() and all(
        any((folder / name).is_file() for name in names) for names in (WEIGHTS, TOKENIZERS)
    )


def _note(folder: Path) -> dict[str, Any]:
    """What `install_encoder` or an import noted of a folder; empty where there is none."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _weights(folder: Path) -> Path:
    return next(folder / name for name in WEIGHTS if (folder / name).is_file())


def _identifier(name: str) -> str:
    """A name that can be part of a package's name."""
    cleaned = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.lower())
    return "_".join(part for part in cleaned.split("_") if part) or "encoder"


def install_encoder(source: Path, encoder: Encoder, assets: Path, note: dict[str, str]) -> Path:
    """Copies an encoder's folder to assets, with a note of where it is from.

    Args:
        source: the folder, complete; what else is in it stays there.
        encoder: which encoder it is.
        assets: the folder that gets "encoders/NAME"; what is there is replaced.
        note: what to write to source.json in it.
    """
    target = assets / "encoders" / encoder.name
    with Outputs() as outputs:
        temporary = outputs.temporary(target, folder=True)
        temporary.mkdir()
        for file in _wanted_files(source):
            (temporary / file.name).write_bytes(file.read_bytes())
        write_json(temporary / NOTE, note)
    return target


def _wanted_files(folder: Path) -> Iterable[Path]:
    return sorted({file for pattern in _WANTED for file in folder.glob(pattern) if file.is_file()})
