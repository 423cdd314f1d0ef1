"""The record in a pipeline's meta of how it was trained."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_bioner.components.truncation import Cut
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.provenance import META_KEY, Data, versions
from spacy_bioner.encoders.encoder_catalogue import ResolvedEncoder
from spacy_bioner.errors import CorpusError
from spacy_bioner.training.card import licences_of


def corpus_entries(data: Iterable[Data]) -> list[dict[str, Any]]:
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


def make_record(
    resolved: ResolvedEncoder | None,
    source: Language | None,
    data: Mapping[str, Sequence[Data]],
    cut: Mapping[str, Cut],
    settings: Mapping[str, Any],
    gpu_id: int,
) -> dict[str, Any]:
    """How a pipeline was made.

    Args:
        resolved: its encoder; None for a config without one, and for one of another pipeline.
        source: the pipeline that it began with.
        data: the files of each split.
        cut: what the encoder's windows cut off each split.
        settings: the settings of the config that were set.
        gpu_id: the GPU; -1 for the CPU.
    """
    before = source.meta.get(META_KEY, {}) if source is not None else {}
    return {
        "encoder": resolved.to_meta() if resolved is not None else before.get("encoder"),
        "corpora": corpus_entries(data["train"]),
        "started_from": before,
        "data": {
            split: [file.to_meta(table=split == "train") for file in files] for split, files in data.items()
        },
        "cut": {split: asdict(what) for split, what in cut.items()},
        "settings": without_paths({k: v for k, v in settings.items() if not k.startswith("paths.")}),
        "device": "GPU" if gpu_id >= 0 else "CPU",
        "versions": versions(),
    }


def describe_pipeline(nlp: Language, made: dict[str, Any], name: str, pipeline_version: str) -> None:
    """Writes a pipeline's name, and how it was made, to its meta.

    Args:
        nlp: the pipeline.
        made: the record of the training that made it.
        name: its name without the language; empty to keep the one that it has.
        pipeline_version: its version.
    """
    encoder = made["encoder"]
    label = f"encoder {encoder['name']}" if encoder else "no pretrained encoder"
    corpora = ", ".join(entry["name"] for entry in made["corpora"]) or "unnamed data"
    nlp.meta["name"] = name or nlp.meta["name"]
    nlp.meta["version"] = pipeline_version
    nlp.meta["description"] = f"Biomedical named entity recognition: {label}, trained on {corpora}."
    nlp.meta[META_KEY] = made
    nlp.meta["license"] = "; ".join(licences_of(nlp.meta, encoder=False))


def without_paths(value: Any) -> Any:
    """The same settings, with None in place of every absolute path."""
    if isinstance(value, dict):
        return {key: without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    return None if isinstance(value, str) and Path(value).is_absolute() else value
