"""Checking and collecting what a training needs: config, data, encoder and settings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import load_config
from thinc.api import Config

from spacy_bioner.components.pipelines import label_maps
from spacy_bioner.corpora.docbin import docbin_files
from spacy_bioner.corpora.provenance import META_KEY, Data, describe_data
from spacy_bioner.corpora.soft_labels import read_manifest
from spacy_bioner.encoders.encoder_catalogue import (
    NO_ENCODER,
    ResolvedEncoder,
    load_encoders,
    resolve_encoder,
)
from spacy_bioner.errors import PipelineError
from spacy_bioner.training.config import (
    BIONER,
    GOLD_READER,
    check_settings,
    data_settings,
    encoder_settings,
    go_on_from,
    has,
    label_map,
    names_from,
    rate_settings,
    schedule_settings,
    with_answers,
)
from spacy_bioner.training.record import corpus_entries


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a training is made of.

    Attributes:
        config: the config; that of the file, or one whose encoder is another pipeline's.
        files: the .spacy files of each split, "train" and "dev".
        data: what is in them.
        settings: what is set in place of the config's own settings, by dotted names.
        resolved: the encoder; None without one of the catalogue.
        source: the pipeline to begin with.
        keep_types: whether that pipeline's other types come along.
        teachers: what is known of teachers' answers to learn from; empty without.
    """

    config: Config
    files: Mapping[str, list[Path]]
    data: Mapping[str, list[Data]]
    settings: dict[str, Any]
    resolved: ResolvedEncoder | None
    source: Language | None
    keep_types: bool
    teachers: dict[str, Any]


def make_plan(
    config_path: Path,
    train: Sequence[Path],
    dev: Sequence[Path],
    *,
    own_heads: Collection[str],
    start_from: Path | None,
    keep_types: bool,
    encoder: str,
    revision: str,
    assets: Path,
    gpu_id: int,
    seed: int | None,
    overrides: Mapping[str, Any],
    answers: Path | None,
    mix: float,
) -> TrainingPlan:
    """Makes a plan; see `loop.train` for the arguments and what is raised."""
    if not config_path.is_file():
        raise PipelineError(f"There is no config {config_path}. [B462]")
    config = load_config(config_path, interpolate=False)
    files = {"train": docbin_files(train), "dev": docbin_files(dev)}
    data = {split: [describe_data(path) for path in paths] for split, paths in files.items()}
    for path, described in zip(chain(*files.values()), chain(*data.values()), strict=True):
        if not described.docs:
            raise PipelineError(f"{path}: there are no documents in it. [B463]")
    entries = corpus_entries(chain(*data.values()))
    settings = data_settings(config, files)
    names = label_map(entries, own_heads)
    resolved = source = None
    if keep_types and start_from is None:
        raise PipelineError("There are no types to keep: name the pipeline to start from. [B464]")
    if start_from is not None:
        if encoder:
            raise PipelineError(
                f"Name either an encoder ({encoder}) or a pipeline to go on from, not both. [B465]"
            )
        config, source = go_on_from(config, start_from, keep_types)
        _check_overrides(config, overrides, start_from)
        names = _names_with(source, entries, names, own_heads, keep_types)
        settings |= rate_settings(config, _learning_rate(source))
    elif "encoder" in config.get("paths", {}):
        resolved = resolve_encoder(encoder or "mini", assets=assets, revision=revision)
        settings |= encoder_settings(config, resolved, gpu_id)
    elif encoder not in ("", NO_ENCODER):
        raise PipelineError(
            f"{config_path} has no place for an encoder, and '{encoder}' was named: use another config, "
            f"or --encoder {NO_ENCODER}. [B466]"
        )
    if names and has(config, BIONER):
        settings[f"{BIONER}.label_map"] = names
    if seed is not None:
        settings["system.seed"] = seed
    check_settings(config, overrides)
    settings |= dict(overrides)
    teachers = {} if answers is None else read_manifest(answers) | {"mix": mix}
    if answers is not None:
        config = with_answers(config, answers, mix)
        settings = {name.replace(GOLD_READER, f"{GOLD_READER}gold.", 1): v for name, v in settings.items()}
    settings |= schedule_settings(config, settings)
    return TrainingPlan(config, files, data, settings, resolved, source, keep_types, teachers)


def _names_with(
    source: Language,
    entries: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    own_heads: Collection[str],
    keep_types: bool,
) -> dict[str, str]:
    """The names of types, with those that the pipeline to begin with has for them."""
    shared = [entry for entry in entries if entry["name"] not in own_heads]
    found = dict(names) | names_from(source, shared)
    found = {place: name for place, name in found.items() if not place.endswith(f"/{name}")}
    return label_maps(source) | found if keep_types else found


def _check_overrides(config: Config, overrides: Mapping[str, Any], start_from: Path) -> None:
    """Raises PipelineError if a setting is of a component that comes from another pipeline."""
    sourced = [name for name, component in config["components"].items() if "source" in component]
    for setting in overrides:
        if setting == "paths.encoder" or setting.startswith(tuple(f"components.{n}." for n in sourced)):
            raise PipelineError(f"'{setting}' can't be set: the encoder is that of {start_from}. [B467]")


def _learning_rate(nlp: Language) -> float | None:
    """What the catalogue has as the learning rate of a trained pipeline's encoder."""
    name = (nlp.meta.get(META_KEY, {}).get("encoder") or {}).get("name", "")
    return next((known.learning_rate for known in load_encoders().values() if known.name == name), None)
