"""Training a pipeline with an encoder of the catalogue, and writing down how it was made."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import spacy
from spacy.cli._util import show_validation_error
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, load_config_from_str
from thinc.api import Config
from wasabi import msg

from spacy_bioner.components.bioner import BioNER, label_maps
from spacy_bioner.components.truncation import Cut, count_cut, find_transformer
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.docbin import docbin_files, read_docbin
from spacy_bioner.corpora.provenance import META_KEY, Data, describe_data, versions
from spacy_bioner.corpora.readers import with_same_tokens
from spacy_bioner.encoders.encoder_catalogue import (
    NO_ENCODER,
    ResolvedEncoder,
    load_encoders,
    resolve_encoder,
)
from spacy_bioner.errors import CorpusError, PipelineError
from spacy_bioner.files import Outputs
from spacy_bioner.models.devices import use_device
from spacy_bioner.training.card import README, card
from spacy_bioner.training.checkpoint import read_identity
from spacy_bioner.training.config import (
    BIONER,
    check_settings,
    data_settings,
    encoder_settings,
    go_on_from,
    has,
    label_map,
    names_from,
    rate_settings,
    schedule_settings,
)
from spacy_bioner.training.updates import BEST, CHECKPOINT, LAST, run_updates

MODELS = (BEST, LAST)


def train_pipeline(
    config_path: Path,
    output: Path,
    *,
    train: Sequence[Path],
    dev: Sequence[Path],
    own_heads: Collection[str] = (),
    start_from: Path | None = None,
    keep_types: bool = False,
    encoder: str = "",
    revision: str = "",
    assets: Path = Path("assets"),
    name: str = "",
    pipeline_version: str = "0.1.0",
    gpu_id: int = -1,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Trains a pipeline as `spacy train` does, and finishes what that writes.

    The run is in OUTPUT.run until it is complete: a training that was stopped goes on with the same call.
    Interrupted (Ctrl-C), it finishes the best pipeline so far.

    Args:
        config_path: the config.
        output: the folder to make, with model-best and model-last. It appears when all is complete, in place
            of one that an earlier training made.
        train, dev: the .spacy files to train and to choose on, or folders of them. Where they are from
            several corpora, a `bioner` component gets one head for each common name of their types.
        own_heads: corpora whose types get heads of their own all the same: "Gene_BC2GM".
        start_from: the folder of a trained pipeline whose encoder the new one takes over, and whose heads of
            the same types it begins with.
        keep_types: whether that pipeline's other types come along; they are left behind otherwise.
        encoder: the encoder's name, see `catalogue.encoders.resolve_encoder`; `mini` if empty. For a config
            whose `paths` have no `encoder`: "cnn", or empty.
        revision: the commit id of the encoder's repository on the hub.
        assets: the folder that holds encoders.
        name: the pipeline's name, without its language.
        pipeline_version: the pipeline's own version.
        gpu_id: the GPU to use; -1 for the CPU.
        seed: the seed; the config's if None.
        overrides: further settings of the config, by their dotted names.

    Returns:
        The folder.

    Raises:
        BionerError: if the config, data or encoder can't be had.
    """
    if not config_path.is_file():
        raise PipelineError(f"There is no config {config_path}.")
    foreign = [path.name for path in output.glob("*") if path.name not in MODELS] if output.is_dir() else []
    if foreign:
        raise PipelineError(
            f"{output} holds {foreign[0]}, which no training made, and would be replaced: name another "
            "folder."
        )
    config = load_config(config_path, interpolate=False)
    files = {"train": docbin_files(train), "dev": docbin_files(dev)}
    data = {split: [describe_data(path) for path in paths] for split, paths in files.items()}
    for path, described in zip(chain(*files.values()), chain(*data.values()), strict=True):
        if not described.docs:
            raise PipelineError(f"{path}: there are no documents in it.")
    entries = _entries(chain(*data.values()))
    settings = data_settings(config, files)
    resolved = source = None
    if keep_types and start_from is None:
        raise PipelineError("There are no types to keep: name the pipeline to start from.")
    if start_from is not None:
        if encoder:
            raise PipelineError(f"Name either an encoder ({encoder}) or a pipeline to go on from, not both.")
        config, source = go_on_from(config, start_from, keep_types)
        shared = [entry for entry in entries if entry["name"] not in own_heads]
        names = label_map(entries, own_heads) | names_from(source, shared)
        names = {place: name for place, name in names.items() if not place.endswith(f"/{name}")}
        if keep_types:
            names = label_maps(source) | names
        for setting in overrides or {}:
            if setting == "paths.encoder" or setting.startswith(_taken_over(config)):
                raise PipelineError(f"'{setting}' can't be set: the encoder is that of {start_from}.")
        settings |= rate_settings(config, _learning_rate(source))
    else:
        names = label_map(entries, own_heads)
        if "encoder" in config.get("paths", {}):
            resolved = resolve_encoder(encoder or "mini", assets=assets, revision=revision)
            settings |= encoder_settings(config, resolved, gpu_id)
        elif encoder not in ("", NO_ENCODER):
            raise PipelineError(
                f"{config_path} has no place for an encoder, and '{encoder}' was named: use another config, "
                f"or --encoder {NO_ENCODER}."
            )
    if names and has(config, BIONER):
        settings[f"{BIONER}.label_map"] = names
    if seed is not None:
        settings["system.seed"] = seed
    check_settings(config, overrides or {})
    settings |= dict(overrides or {})
    settings |= schedule_settings(config, settings)
    use_device(gpu_id)
    run = output.with_name(f"{output.name}.run")
    whole = load_config_from_str(config.to_str(), overrides=settings, interpolate=False)
    with show_validation_error(config_path):
        nlp = init_nlp(whole, use_gpu=gpu_id)
    identity = {
        "config": whole.interpolate().to_str(),
        "data": {split: [file.to_meta() for file in described] for split, described in data.items()},
        "encoder": resolved.to_meta() if resolved is not None else None,
    }
    interrupted = _run(nlp, run, identity, gpu_id)
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=True)
        cut: dict[str, Cut] = {}
        for folder in [shutil.copytree(run / name, temporary / name) for name in MODELS]:
            nlp = spacy.load(folder)
            cut = cut or {
                split: sum((count_cut(nlp, read_docbin(path, nlp.vocab)) for path in paths), Cut())
                for split, paths in files.items()
            }
            fitted = calibrate(nlp, files["dev"])
            _finish(nlp, resolved)
            made = _made(resolved, source, data, cut, settings, gpu_id)
            if keep_types:
                names_here = {entry["name"] for entry in made["corpora"]}
                earlier = made["started_from"].get("corpora", [])
                made["corpora"] += [entry for entry in earlier if entry["name"] not in names_here]
            made["temperature"] = fitted
            made["seed"] = nlp.config.interpolate()["training"]["seed"]
            _describe(nlp, made, name, pipeline_version)
            nlp.to_disk(folder)
            (folder / README).write_text(card(nlp.meta), encoding="utf8")
        for split, what in cut.items():
            if what.windows:
                msg.info(f"{split}: {what}")
    if interrupted:
        msg.warn(f"Interrupted: {output} is the best so far. The same command goes on with the training.")
    else:
        shutil.rmtree(run)
    return output


def _run(nlp: Language, run: Path, identity: dict[str, Any], gpu_id: int) -> bool:
    """Makes the updates of a training, or goes on with them.

    Args:
        nlp: the pipeline, initialized.
        run: the folder of the run.
        identity: what the training depends on.
        gpu_id: the GPU to use; -1 for the CPU.

    Returns:
        Whether it was interrupted, with a first score.

    Raises:
        PipelineError: if the folder holds another training.
        KeyboardInterrupt: if it was interrupted before the first score.
    """
    earlier = read_identity(run / CHECKPOINT)
    if earlier not in (None, identity):
        different = ", ".join(part for part in identity if earlier.get(part) != identity[part])
        raise PipelineError(
            f"{run} holds a training that was stopped, and this one differs from it ({different}). Give the "
            "same command as then to go on with it, or remove the folder."
        )
    try:
        progress = run_updates(nlp, run, identity, gpu_id)
    except KeyboardInterrupt:
        if not (run / BEST).is_dir():
            raise
        return True
    finally:
        if not (run / BEST).is_dir():  # nothing to go on from
            shutil.rmtree(run, ignore_errors=True)
    if not progress.results:
        raise PipelineError("The training made no update: is every Doc longer than a batch may be?")
    if len(progress.results) > 1 and progress.results[0] == max(progress.results):
        msg.warn("The first score was the best one: the pipeline has learned nothing since. See the config.")
    return False


def _taken_over(config: Config) -> tuple[str, ...]:
    """What the settings of components begin with that come from another pipeline."""
    sourced = [name for name, component in config["components"].items() if "source" in component]
    return tuple(f"components.{name}." for name in sourced)


def calibrate(nlp: Language, dev: Sequence[Path]) -> dict[str, float]:
    """Fits the temperatures of a pipeline's `bioner` on the data that it was chosen on, and returns them."""
    fitted: dict[str, float] = {}
    for name, pipe in nlp.pipeline:
        if isinstance(pipe, BioNER):
            fitted |= pipe.calibrate(_read_up_to(nlp, name, dev))
    return fitted


def _read_up_to(nlp: Language, name: str, paths: Sequence[Path]) -> Iterator[Example]:
    """Gold Docs, with what the components before one make of their tokens."""
    behind = nlp.pipe_names[nlp.pipe_names.index(name) :]
    with nlp.select_pipes(disable=behind):
        for path in paths:
            docs = read_docbin(path, nlp.vocab)
            predicted = nlp.pipe(with_same_tokens(doc) for doc in docs)
            yield from map(Example, predicted, docs)


def without_paths(value: Any) -> Any:
    """The same settings, with None in place of every absolute path."""
    if isinstance(value, dict):
        return {key: without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    return None if isinstance(value, str) and Path(value).is_absolute() else value


def _finish(nlp: Language, resolved: ResolvedEncoder | None) -> None:
    """Takes out of a trained pipeline what holds on this machine alone: paths, and what only a GPU can do."""
    nlp.config["paths"] = dict.fromkeys(nlp.config.get("paths", {}))
    for section in ("corpora", "initialize", "training"):
        nlp.config[section] = without_paths(nlp.config.get(section, {}))
    transformer = find_transformer(nlp)
    if transformer is not None:
        model = nlp.config["components"][transformer.name]["model"]
        if model.get("mixed_precision"):
            model["mixed_precision"] = False  # with it, a pipeline can't even be loaded without a GPU
    if resolved is None:
        return
    public_name = resolved.encoder.hub or resolved.encoder.name
    nlp.config["components"][transformer.name]["model"]["name"] = public_name
    transformer.model.transformer.config._name_or_path = public_name
    for node in transformer.model.walk():
        if "name" in node.attrs:  # written with the weights
            node.attrs["name"] = public_name


def _made(
    resolved: ResolvedEncoder | None,
    source: Language | None,
    data: Mapping[str, Sequence[Data]],
    cut: Mapping[str, Cut],
    settings: Mapping[str, Any],
    gpu_id: int,
) -> dict[str, Any]:
    """How a pipeline was made."""
    before = source.meta.get(META_KEY, {}) if source is not None else {}
    return {
        "encoder": resolved.to_meta() if resolved is not None else before.get("encoder"),
        "corpora": _entries(data["train"]),
        "started_from": before,
        "data": {split: [file.to_meta() for file in files] for split, files in data.items()},
        "cut": {split: asdict(what) for split, what in cut.items()},
        "settings": without_paths({k: v for k, v in settings.items() if not k.startswith("paths.")}),
        "device": "GPU" if gpu_id >= 0 else "CPU",
        "versions": versions(),
    }


def _describe(nlp: Language, made: dict[str, Any], name: str, pipeline_version: str) -> None:
    """Writes a pipeline's name, and how it was made, to its meta."""
    encoder = made["encoder"]
    label = f"encoder {encoder['name']}" if encoder else "no pretrained encoder"
    corpora = ", ".join(entry["name"] for entry in made["corpora"]) or "unnamed data"
    stages = [made]
    while stages[-1].get("started_from"):
        stages.append(stages[-1]["started_from"])
    learned_from = [entry for stage in stages for entry in stage.get("corpora", [])]
    licences = dict.fromkeys(entry["licence"] for entry in learned_from if entry["licence"])
    nlp.meta["name"] = name or nlp.meta["name"]
    nlp.meta["version"] = pipeline_version
    nlp.meta["description"] = f"Biomedical named entity recognition: {label}, trained on {corpora}."
    nlp.meta["license"] = "; ".join(licences)
    nlp.meta[META_KEY] = made


def _learning_rate(nlp: Language) -> float | None:
    """What the catalogue has as the learning rate of a trained pipeline's encoder."""
    name = (nlp.meta.get(META_KEY, {}).get("encoder") or {}).get("name", "")
    return next((known.learning_rate for known in load_encoders().values() if known.name == name), None)


def _entries(data: Iterable[Data]) -> list[dict[str, Any]]:
    """What the catalogue says of the corpora in some files: variant, common names, licence, citation."""
    catalogue = load_corpora()
    corpora: dict[str, dict[str, None]] = {}
    for file in data:
        for name, annotated in file.corpora.items():
            corpora.setdefault(name, {}).update(dict.fromkeys(annotated))
    entries = []
    for name, types in corpora.items():
        entry: dict[str, Any] = {"name": name, "variant": "", "licence": "", "citation": ""}
        common = {own: own for own in types}
        try:
            corpus = catalogue[name]
        except CorpusError:
            pass  # somebody's own corpus, converted without an entry
        else:
            common = {own: corpus.types.get(own, own) for own in types}
            entry |= {
                "variant": corpus.title,
                "licence": corpus.licence,
                "citation": corpus.citation,
            }
        entries.append(entry | {"types": common})
    return entries
