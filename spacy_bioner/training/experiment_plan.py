"""What an experiment is to run: systems x corpora x shares of the training data x seeds, from a TOML file."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from spacy_bioner.errors import ExperimentError

_KEYS = {
    "seeds",
    "shares",
    "baseline",
    "settings",
    "corpora",
    "systems",
    "configs",
    "encoders",
    "keep_models",
}
_SYSTEM_KEYS = {"config", "encoder", "settings", "own_heads"}
_CORPUS_KEYS = {"train", "dev", "test", "folder"}
_UNSAFE = '/\\:*?"<>|'


@dataclass(frozen=True, slots=True)
class System:
    """One way to train: a config with an encoder and settings.

    Attributes:
        name: how it is called in results.
        config: the config file.
        encoder: the encoder's name; empty for the config's default.
        settings: further settings of the config, by their dotted names.
        own_heads: corpora whose types get heads of their own.
    """

    name: str
    config: Path
    encoder: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    own_heads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """The splits of a corpus: .spacy files.

    Attributes:
        name: how it is called in results.
        train, dev: what is trained and chosen on.
        test: what is reported; where there is none, dev is.
    """

    name: str
    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    test: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment.

    Attributes:
        systems, corpora, shares, seeds: every combination is trained once. A share is a part of the training
            documents, from 0 to 1; with one seed a smaller share is part of a larger one.
        baseline: the name of the system that the others are compared with.
        keep_models: whether the trained pipelines are kept.
    """

    systems: tuple[System, ...]
    corpora: tuple[Data, ...]
    seeds: tuple[int, ...]
    shares: tuple[float, ...] = (1.0,)
    baseline: str = ""
    keep_models: bool = True

    def __post_init__(self) -> None:
        """Raises ExperimentError where something is missing or stands there twice."""
        listed: tuple[tuple[str, list[Any]], ...] = (
            ("systems", [system.name for system in self.systems]),
            ("corpora", [corpus.name for corpus in self.corpora]),
            ("seeds", list(self.seeds)),
            ("shares", list(self.shares)),
        )
        for what, names in listed:
            if not names:
                raise ExperimentError(f"The experiment has no {what}. [B428]")
            twice = sorted({str(name) for name in names if names.count(name) > 1})
            if twice:
                raise ExperimentError(
                    f"The experiment has {what} twice: {', '.join(twice)}. The same "
                    "run again tells nothing. [B429]"
                )
        for name in (*(s.name for s in self.systems), *(c.name for c in self.corpora)):
            if not name or name.startswith(".") or set(name) & set(_UNSAFE):
                raise ExperimentError(f"'{name}' can't be the name of a folder: name it otherwise. [B430]")
        if not all(0 < share <= 1 for share in self.shares):
            raise ExperimentError("Shares of the training data are numbers above 0 and up to 1. [B431]")
        if self.baseline and self.baseline not in {system.name for system in self.systems}:
            raise ExperimentError(f"The baseline '{self.baseline}' is none of the systems. [B432]")


def seeds_plan(
    config: Path,
    train: Sequence[Path],
    dev: Sequence[Path],
    test: Sequence[Path],
    seeds: Sequence[str],
    encoder: str = "",
    settings: Mapping[str, Any] | None = None,
    own_heads: Sequence[str] = (),
) -> Plan:
    """One config on one corpus with several seeds.

    Args:
        config: the config file.
        train, dev: .spacy files, or folders of them, to train on and to choose the best on.
        test: .spacy files to score on.
        seeds: the seeds, as texts.
        encoder: the encoder, as for `train`; empty for the config's.
        settings: settings of the config to override, by section.name.
        own_heads: corpora whose types get heads of their own.

    Raises:
        ExperimentError: if a seed is no whole number, or stands there twice.
    """
    if not all(seed.isdecimal() for seed in seeds):
        raise ExperimentError(f"Seeds are whole numbers with commas (1,2,3), not {','.join(seeds)}. [B433]")
    system = System(config.stem, config, encoder, dict(settings or {}), tuple(own_heads))
    data = Data("data", tuple(train), tuple(dev), tuple(test))
    return Plan((system,), (data,), tuple(map(int, seeds)))


def read_plan(path: Path) -> Plan:
    """Reads an experiment from a TOML file; its paths are relative to the working folder, as in configs.

    Raises:
        ExperimentError: if the file isn't there, isn't TOML, or has keys that mean nothing.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        raise ExperimentError(f"There is no experiment {path}. [B434]") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: not TOML ({error}). [B435]") from None
    _check_keys(path, "it", content, _KEYS)
    shared = _settings(path, content.get("settings", {}))
    systems = [*_crossed(path, content, shared), *_named(path, content, shared)]
    seeds = content.get("seeds", [1])
    if not _is_list(seeds, int):
        raise ExperimentError(f"{path}: seeds is a list of whole numbers: [1, 2, 3]. [B436]")
    shares = content.get("shares", [1.0])
    if not _is_list(shares, int | float):
        raise ExperimentError(f"{path}: shares is a list of numbers: [0.25, 0.5, 1.0]. [B437]")
    return Plan(
        tuple(systems),
        tuple(_corpora(path, content.get("corpora", {}))),
        tuple(seeds),
        tuple(float(share) for share in shares),
        str(content.get("baseline", "")),
        bool(content.get("keep_models", True)),
    )


def _crossed(path: Path, content: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterable[System]:
    """A system for each of `configs` with each of `encoders`."""
    configs, encoders = content.get("configs", []), content.get("encoders", [""])
    if not _is_list(configs, str) or not _is_list(encoders, str):
        raise ExperimentError(f"{path}: configs and encoders are lists of texts. [B438]")
    for config, encoder in product(configs, encoders):
        name = Path(config).stem + (f"-{Path(encoder).name}" if len(encoders) > 1 else "")
        yield System(name, Path(config), encoder, dict(shared))


def _named(path: Path, content: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterable[System]:
    for name, entry in _tables(path, "systems", content.get("systems", {})):
        _check_keys(path, f"system '{name}'", entry, _SYSTEM_KEYS)
        if not isinstance(entry.get("config"), str):
            raise ExperimentError(f"{path}: system '{name}' needs a config. [B439]")
        settings = {**shared, **_settings(path, entry.get("settings", {}))}
        own_heads = tuple(entry.get("own_heads", ()))
        yield System(name, Path(entry["config"]), entry.get("encoder", ""), settings, own_heads)


def _corpora(path: Path, entries: Any) -> Iterable[Data]:
    if _is_list(entries, str):  # as `spacy project` converts them
        entries = {name: {"folder": f"corpus/{name}"} for name in entries}
    for name, entry in _tables(path, "corpora", entries):
        _check_keys(path, f"corpus '{name}'", entry, _CORPUS_KEYS)
        splits = {split: _paths(entry.get(split, ())) for split in ("train", "dev", "test")}
        if "folder" in entry:
            folder = Path(entry["folder"])
            files = {"train": "train", "dev": "devel", "test": "test"}
            splits = {s: splits[s] or (folder / f"{file}.spacy",) for s, file in files.items()}
        if not splits["train"] or not splits["dev"]:
            raise ExperimentError(f"{path}: corpus '{name}' needs train and dev, or a folder of them. [B440]")
        yield Data(name, splits["train"], splits["dev"], splits["test"])


def _paths(value: Any) -> tuple[Path, ...]:
    return tuple(Path(name) for name in ([value] if isinstance(value, str) else value))


def _settings(path: Path, nested: Any, prefix: str = "") -> dict[str, Any]:
    """Settings by dotted names; TOML makes tables of dotted keys that aren't quoted."""
    if not isinstance(nested, Mapping):
        raise ExperimentError(f"{path}: settings is a table. [B441]")
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= (
            _settings(path, value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
        )
    return flat


def _tables(path: Path, what: str, entries: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if not isinstance(entries, Mapping) or not all(isinstance(entry, Mapping) for entry in entries.values()):
        raise ExperimentError(f"{path}: write [{what}.NAME] tables. [B442]")
    return entries.items()


def _check_keys(path: Path, where: str, entry: Mapping[str, Any], known: set[str]) -> None:
    strange = sorted(entry.keys() - known)
    if strange:
        raise ExperimentError(
            f"{path}: {where} can't have '{strange[0]}': {', '.join(sorted(known))}. [B443]"
        )


def _is_list(value: Any, kind: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
    )
