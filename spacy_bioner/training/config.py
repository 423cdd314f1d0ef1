"""Settings that a training adds to its config: data, names of types, encoder, schedule."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import spacy
from catalogue import RegistryError
from spacy.language import DEFAULT_CONFIG, Language
from spacy.util import dot_to_object, registry
from thinc.api import Config, ConfigValidationError

from spacy_bioner.components.pipelines import label_maps, load_pipeline
from spacy_bioner.corpora.annotations import mapped
from spacy_bioner.encoders.encoder_catalogue import ResolvedEncoder
from spacy_bioner.errors import PipelineError

GOLD_READER = "corpora.train."
DISTILLATION = "spacy-bioner.Distillation.v1"
MULTI_CORPUS = "spacy-bioner.MultiCorpus.v1"
BIONER = "components.bioner"
ENCODER_PATH = "paths.encoder"
_LEARNING_RATE = "training.optimizer.learn_rate.initial_rate"
_RATE_ENDS = "training.optimizer.learn_rate.total_steps"
_EVALUATED = "training.eval_frequency"
_EVALUATIONS = 5
_RATE_RISES = "training.optimizer.learn_rate.warmup_steps"
_MIXED_PRECISION = "components.transformer.model.mixed_precision"
_ENCODERS = ("transformer", "tok2vec")


def data_settings(config: Config, files: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """The .spacy files of each split, in the form that the config's readers want."""
    return {f"paths.{split}": _path_setting(config, split, paths) for split, paths in files.items()}


def _path_setting(config: Config, split: str, paths: Sequence[Path]) -> Any:
    """The value of paths.train or paths.dev: one file, several, or several by name, as the reader wants."""
    if config.get("corpora", {}).get(split, {}).get("@readers") == MULTI_CORPUS:
        # the names are for people: corpora's folders, their files in a folder of a split, or with numbers
        choices = ([path.parent.name for path in paths], [path.stem for path in paths])
        # they become keys of a config, where marks would mean something
        clean = [[re.sub(r"[^\w.-]+", "_", name) for name in names] for names in choices]
        numbered = [f"{name}_{k}" for k, name in enumerate(clean[1], start=1)]
        names = next((names for names in clean if len(set(names)) == len(names) and all(names)), numbered)
        return dict(zip(names, map(str, paths), strict=True))
    return str(paths[0]) if len(paths) == 1 else [str(path) for path in paths]


def with_answers(config: Config, answers: Path, mix: float) -> Config:
    """A config that learns from teachers' answers beside the gold Docs of its own reader.

    Args:
        config: the config.
        answers: the folder of the answers.
        mix: the share of the words of an epoch that are taught by these.
    """
    copied = config.copy()
    gold = copied["corpora"]["train"]
    # the folder is named by its place, which is not what the training depends on: see the plan's `teachers`
    copied["corpora"]["train"] = {"@readers": DISTILLATION, "answers": str(answers), "mix": mix, "gold": gold}
    return copied


def encoder_settings(config: Config, resolved: ResolvedEncoder, gpu_id: int) -> dict[str, Any]:
    """An encoder's folder and learning rate, and the precision that goes with the device."""
    settings: dict[str, Any] = {ENCODER_PATH: str(resolved.folder)}
    settings |= rate_settings(config, resolved.encoder.learning_rate)
    if has(config, _MIXED_PRECISION):
        settings[_MIXED_PRECISION] = gpu_id >= 0
    return settings


def rate_settings(config: Config, rate: float | None) -> dict[str, Any]:
    """The learning rate that the catalogue has for an encoder, if it has one."""
    return {_LEARNING_RATE: rate} if rate is not None and has(config, _LEARNING_RATE) else {}


def schedule_settings(config: Config, settings: Mapping[str, Any]) -> dict[str, int]:
    """The updates after which the learning rate is 0, in which it rises, and between two evaluations.

    spaCy's schedules count updates, and how many an epoch has depends on the data. The rate falls until the
    end of the config's epochs, and rises for a tenth of that if the config's own number is larger. What it
    falls for is best at the end: so evaluations are spread to have one there, and at least five in all.

    Args:
        config: the config.
        settings: what is set in place of its own settings.

    Returns:
        The settings; none where the config has no such schedule or no number of epochs, or they are set.
    """
    if _RATE_ENDS in settings or not has(config, _RATE_ENDS):
        return {}
    try:
        whole = Config(DEFAULT_CONFIG).merge(Config().from_str(config.to_str(), overrides=dict(settings)))
        training = whole["training"]
        epochs, most = training["max_epochs"], training["max_steps"]
        if not isinstance(epochs, int) or not isinstance(most, int) or epochs < 1:
            return {}
        reader = dot_to_object(whole, training["train_corpus"])
        found = registry.resolve({"reader": reader, "batcher": training["batcher"]})
    except (ConfigValidationError, RegistryError, KeyError):
        return {}  # spaCy says better what is wrong with a config, when it reads it
    examples = list(found["reader"](spacy.blank(whole["nlp"]["lang"])))
    shuffled, updates = Random(0), 0
    for _ in range(epochs):  # as spaCy does: the sizes of some batchers go on growing from epoch to epoch
        shuffled.shuffle(examples)
        updates += sum(1 for _ in found["batcher"](examples))
    updates = min(updates, most or updates)
    schedule = {_RATE_ENDS: updates}
    if _RATE_RISES not in settings and has(whole, _RATE_RISES):
        schedule[_RATE_RISES] = min(dot_to_object(whole, _RATE_RISES), updates // 10)
    if _EVALUATED not in settings:
        last = max(1, updates - 1)
        schedule[_EVALUATED] = max(1, last // max(_EVALUATIONS, round(last / training["eval_frequency"])))
    return schedule


def label_map(entries: Sequence[Mapping[str, Any]], own_heads: Collection[str] = ()) -> dict[str, str]:
    """The names under which the types of several corpora are learned; see `annotations.mapped`.

    Args:
        entries: the corpora, as `_entries` gives them. A single one keeps its own names.
        own_heads: the corpora whose types keep heads of their own.

    Raises:
        PipelineError: if one of these isn't among the corpora.
    """
    strange = set(own_heads) - {entry["name"] for entry in entries}
    if strange:
        raise PipelineError(f"--own-heads: the data has nothing of {', '.join(sorted(strange))}. [B418]")
    names = {}
    for entry in entries if len(entries) > 1 else ():
        for own, common in entry["types"].items():
            name = f"{common}_{entry['name']}" if entry["name"] in own_heads else common
            if name != own:
                names[f"{entry['name']}/{own}"] = name
    return names


def go_on_from(config: Config, folder: Path, keep_types: bool) -> tuple[Config, Language]:
    """A config whose pipeline takes over the encoder of a trained one, and begins with its heads.

    Heads are those of `bioner`, for the types that have the same names in both; other types are left behind,
    unless they are to be kept. This is the second stage of GERBERA (Yin et al. 2024).

    Args:
        config: the config.
        folder: the trained pipeline, or the name of its package.
        keep_types: whether the other types come along.

    Returns:
        The config, and the trained pipeline.

    Raises:
        PipelineError: if it can't be loaded, or has not the same encoder component and `bioner`.
    """
    is_folder = folder.exists()  # else the name of a package
    source = load_pipeline(folder if is_folder else str(folder))
    pipeline = config.get("nlp", {}).get("pipeline", [])
    needed = [name for name in pipeline if name in (*_ENCODERS, "bioner")]
    missing = [name for name in needed if name not in source.pipe_names]
    if missing or len(needed) != 2:
        raise PipelineError(
            f"Can't go on from {folder}: the config and the pipeline must both have 'bioner' and one of "
            f"{' and '.join(map(repr, _ENCODERS))}; the config has {', '.join(pipeline)}, and the pipeline "
            f"{', '.join(source.pipe_names)}. [B419]"
        )
    encoder = next(name for name in needed if name in _ENCODERS)
    copied = config.copy()
    place = str(folder.resolve()) if is_folder else str(folder)
    copied["components"][encoder] = {"source": place}
    # what listens must be as wide as what it listens to
    copied["components"]["bioner"]["model"] = source.config.interpolate()["components"]["bioner"]["model"]
    heads = copied.setdefault("initialize", {}).setdefault("components", {}).setdefault("bioner", {})
    heads |= {"heads_from": place, "keep_types": keep_types}
    return copied, source


def names_from(source: Language, entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names that a trained pipeline's `bioner` has for the types of some corpora."""
    learned, known = label_maps(source), source.get_pipe("bioner").labels  # type: ignore[attr-defined]
    names = {
        (entry["name"], own): mapped(learned, entry["name"], own)
        for entry in entries
        for own in entry["types"]
    }
    return {f"{corpus}/{own}": name for (corpus, own), name in names.items() if name in known}


def check_settings(config: Config, overrides: Mapping[str, Any]) -> None:
    """Raises PipelineError on a setting that neither the config nor spaCy's default config has.

    spaCy itself takes a misspelt one without saying so. Settings of components aren't checked: only they know
    their own.
    """
    for name in overrides:
        if not has(config, name) and not has(DEFAULT_CONFIG, name) and not name.startswith("components."):
            raise PipelineError(f"The config has no setting '{name}'. [B420]")


def has(config: Config, dotted: str) -> bool:
    """Whether a config has a setting of this dotted name."""
    value: Any = config
    for key in dotted.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
