"""Training a pipeline with an encoder of the catalogue, and writing down how it was made."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import spacy
from spacy.language import DEFAULT_CONFIG, Language
from spacy.util import load_config
from thinc.api import Config
from wasabi import msg

from spacy_bioner.catalogue.corpora import load_corpora
from spacy_bioner.catalogue.encoders import NO_ENCODER, ResolvedEncoder, resolve_encoder
from spacy_bioner.devices import use_device
from spacy_bioner.docbin import read_docbin
from spacy_bioner.errors import CorpusError, PipelineError
from spacy_bioner.files import Outputs
from spacy_bioner.memory import return_large_blocks
from spacy_bioner.provenance import META_KEY, Data, describe_data, versions
from spacy_bioner.windows import Cut, count_cut, find_transformer

MODELS = ("model-best", "model-last")
MULTI_CORPUS = "spacy-bioner.MultiCorpus.v1"
BIONER = "components.bioner"
ENCODER_PATH = "paths.encoder"
LEARNING_RATE = "training.optimizer.learn_rate.initial_rate"
MIXED_PRECISION = "components.transformer.model.mixed_precision"


def train_pipeline(
    config_path: Path,
    output: Path,
    *,
    train: Sequence[Path],
    dev: Sequence[Path],
    own_heads: Collection[str] = (),
    encoder: str = "",
    revision: str = "",
    assets: Path = Path("assets"),
    name: str = "",
    pipeline_version: str = "0.1.0",
    gpu_id: int = -1,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Trains a pipeline with `spacy train`, and finishes what it wrote.

    Args:
        config_path: the config.
        output: the folder to make, with model-best and model-last. It appears when all is complete, in place
            of one that an earlier training made.
        train, dev: the .spacy files to train and to choose on. Where they are from several corpora, a
            `bioner` component gets one head for each common name of their types.
        own_heads: corpora whose types get heads of their own all the same: "Gene_BC2GM".
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
    from spacy.cli.train import train as spacy_train

    if not config_path.is_file():
        raise PipelineError(f"There is no config {config_path}.")
    foreign = [path.name for path in output.glob("*") if path.name not in MODELS] if output.is_dir() else []
    if foreign:
        raise PipelineError(
            f"{output} holds {foreign[0]}, which no training made, and would be replaced: name another "
            "folder."
        )
    config = load_config(config_path, interpolate=False)
    files = {"train": list(train), "dev": list(dev)}
    data = {split: [describe_data(path) for path in paths] for split, paths in files.items()}
    for path, described in zip(chain(*files.values()), chain(*data.values()), strict=True):
        if not described.docs:
            raise PipelineError(f"{path}: there are no documents in it.")
    settings: dict[str, Any] = {
        f"paths.{split}": _path_setting(config, split, paths) for split, paths in files.items()
    }
    names = label_map(_entries(chain(*data.values())), own_heads)
    if names and _has(config, BIONER):
        settings[f"{BIONER}.label_map"] = names
    resolved = None
    if "encoder" in config.get("paths", {}):
        resolved = resolve_encoder(encoder or "mini", assets=assets, revision=revision)
        settings[ENCODER_PATH] = str(resolved.folder)
        if _has(config, LEARNING_RATE) and resolved.encoder.learning_rate is not None:
            settings[LEARNING_RATE] = resolved.encoder.learning_rate
        if _has(config, MIXED_PRECISION):
            settings[MIXED_PRECISION] = gpu_id >= 0
    elif encoder not in ("", NO_ENCODER):
        raise PipelineError(
            f"{config_path} has no place for an encoder, and '{encoder}' was named: use another config, or "
            f"--encoder {NO_ENCODER}."
        )
    if seed is not None:
        settings["system.seed"] = seed
    _check_settings(config, overrides or {})
    settings |= dict(overrides or {})
    use_device(gpu_id)
    return_large_blocks()
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=True)
        spacy_train(config_path, temporary, use_gpu=gpu_id, overrides=settings)
        if not (temporary / "model-best").is_dir():
            raise PipelineError("The training wrote no model-best: was it stopped before its first score?")
        cut: dict[str, Cut] = {}
        for folder in sorted(temporary.glob("model-*")):
            nlp = spacy.load(folder)
            cut = cut or {
                split: sum((count_cut(nlp, read_docbin(path, nlp.vocab)) for path in paths), Cut())
                for split, paths in files.items()
            }
            _finish(nlp, resolved)
            made = _made(resolved, data, cut, settings, gpu_id)
            made["seed"] = nlp.config.interpolate()["training"]["seed"]
            _describe(nlp, made, name, pipeline_version)
            nlp.to_disk(folder)
        for split, what in cut.items():
            if what.windows:
                msg.info(f"{split}: {what}")
    return output


def _path_setting(config: Config, split: str, paths: Sequence[Path]) -> Any:
    """The value of paths.train or paths.dev: one file, several, or several by name, as the reader wants."""
    if config.get("corpora", {}).get(split, {}).get("@readers") == MULTI_CORPUS:
        names = [path.parent.name or path.stem for path in paths]
        if len(set(names)) < len(names):
            names = [str(path) for path in paths]
        return dict(zip(names, map(str, paths), strict=True))
    return str(paths[0]) if len(paths) == 1 else [str(path) for path in paths]


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
        raise PipelineError(f"--own-heads: the data has nothing of {', '.join(sorted(strange))}.")
    names = {}
    for entry in entries if len(entries) > 1 else ():
        for own, common in entry["types"].items():
            name = f"{common}_{entry['name']}" if entry["name"] in own_heads else common
            if name != own:
                names[f"{entry['name']}/{own}"] = name
    return names


def without_paths(value: Any) -> Any:
    """The same settings, with None in place of every absolute path."""
    if isinstance(value, dict):
        return {key: without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    return None if isinstance(value, str) and Path(value).is_absolute() else value


def _check_settings(config: Config, overrides: Mapping[str, Any]) -> None:
    """Raises PipelineError on a setting that neither the config nor spaCy's default config has.

    spaCy itself takes a misspelt one without a word. What a component's own settings are, only it knows.
    """
    for name in overrides:
        if not _has(config, name) and not _has(DEFAULT_CONFIG, name) and not name.startswith("components."):
            raise PipelineError(f"The config has no setting '{name}'.")


def _has(config: Config, dotted: str) -> bool:
    """Whether a config has a setting of this dotted name."""
    value: Any = config
    for key in dotted.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _finish(nlp: Language, resolved: ResolvedEncoder | None) -> None:
    """Takes this machine's paths out of a trained pipeline."""
    nlp.config["paths"] = dict.fromkeys(nlp.config.get("paths", {}))
    for section in ("corpora", "initialize", "training"):
        nlp.config[section] = without_paths(nlp.config.get(section, {}))
    if resolved is None:
        return
    public_name = resolved.encoder.hub or resolved.encoder.name
    transformer = find_transformer(nlp)
    nlp.config["components"][transformer.name]["model"]["name"] = public_name
    transformer.model.transformer.config._name_or_path = public_name
    for node in transformer.model.walk():
        if "name" in node.attrs:  # written with the weights
            node.attrs["name"] = public_name


def _made(
    resolved: ResolvedEncoder | None,
    data: Mapping[str, Sequence[Data]],
    cut: Mapping[str, Cut],
    settings: Mapping[str, Any],
    gpu_id: int,
) -> dict[str, Any]:
    """How a pipeline was made."""
    return {
        "encoder": _encoder_meta(resolved),
        "corpora": _entries(data["train"]),
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
    licences = dict.fromkeys(entry["licence"] for entry in made["corpora"] if entry["licence"])
    nlp.meta["name"] = name or nlp.meta["name"]
    nlp.meta["version"] = pipeline_version
    nlp.meta["description"] = f"Biomedical named entity recognition: {label}, trained on {corpora}."
    nlp.meta["license"] = "; ".join(licences)
    nlp.meta[META_KEY] = made


def _encoder_meta(resolved: ResolvedEncoder | None) -> dict[str, Any] | None:
    if resolved is None:
        return None
    encoder = resolved.encoder
    return {
        "name": encoder.label,
        "hub": encoder.hub,
        "revision": resolved.revision,
        "source": resolved.source,
        "weights_sha256": resolved.weights_sha256(),
        "licence": encoder.licence,
        "citation": encoder.citation,
    }


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
