"""Loading a trained pipeline, and finding its `bioner`, transformer and other entity components."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spacy
from safetensors import SafetensorError
from spacy.language import Language
from thinc.api import Model

from spacy_bioner.components.spans import SPANS_KEY
from spacy_bioner.errors import PipelineError
from spacy_bioner.files import holds_other

if TYPE_CHECKING:
    from spacy_bioner.components.bioner import BioNER
    from spacy_bioner.components.relations import Relations


def load_pipeline(name: str | Path) -> Language:
    """Loads a trained pipeline.

    Args:
        name: a package that is installed, or a folder.

    Raises:
        PipelineError: if there is none, or what is there is damaged or needs what isn't installed.
    """
    try:
        return spacy.load(name)
    # what a package that is no pipeline, a damaged file, or a missing dependency lead to
    except (OSError, ValueError, ImportError, AttributeError, TypeError, KeyError, SafetensorError) as error:
        reason = str(error) or type(error).__name__
        raise PipelineError(f"The pipeline '{name}' can't be loaded. [B301]\n{reason}") from error


def check_output(folder: Path) -> None:
    """Raises PipelineError if there is something else than a pipeline where one is to be written."""
    if holds_other(folder, "meta.json"):
        raise PipelineError(f"{folder} holds something else than a pipeline: name another folder. [B302]")


def _made_by(nlp: Language, factory: str) -> list[tuple[str, Any]]:
    """The components of a pipeline that a factory made, each with its name."""
    return [(name, pipe) for name, pipe in nlp.pipeline if nlp.get_pipe_meta(name).factory == factory]


def named_bioners(nlp: Language) -> "list[tuple[str, BioNER]]":
    """The `bioner` components of a pipeline, each with its name."""
    return _made_by(nlp, "bioner")


def bioners(nlp: Language) -> "list[BioNER]":
    """The `bioner` components of a pipeline."""
    return [pipe for _, pipe in named_bioners(nlp)]


def named_relations(nlp: Language) -> "list[tuple[str, Relations]]":
    """The `relations` components of a pipeline, each with its name."""
    return _made_by(nlp, "relations")


def named_multilabel(nlp: Language) -> list[tuple[str, Any]]:
    """spaCy's classifiers of a pipeline that give a Doc any number of labels, each with its name."""
    return _made_by(nlp, "textcat_multilabel")


def named_classifiers(nlp: Language) -> list[tuple[str, Any]]:
    """The components of a pipeline that write labels to `doc.cats`, each with its name."""
    return [pipe for factory in ("pairs", "textcat", "textcat_multilabel") for pipe in _made_by(nlp, factory)]


def find_transformer(nlp: Language) -> Any:
    """The component of a pipeline that spacy-transformers made; None if there is none."""
    return next((pipe for _, pipe in _made_by(nlp, "transformer")), None)


def spans_keys(nlp: Language) -> list[str]:
    """The keys of `doc.spans` under which the `bioner` components of a pipeline write."""
    return list(dict.fromkeys(pipe.cfg["spans_key"] for pipe in bioners(nlp)))


def gold_keys(nlp: Language) -> list[str]:
    """The keys of `doc.spans` under which the gold entities of a pipeline's data may be."""
    return spans_keys(nlp) or [SPANS_KEY]


def label_maps(nlp: Language) -> dict[str, str]:
    """The label maps of a pipeline's `bioner` components, as one; see `annotations.mapped`."""
    names: dict[str, str] = {}
    for pipe in bioners(nlp):
        names |= pipe.cfg["label_map"]
    return names


def entity_finders(nlp: Language) -> list[Any]:
    """The components of a pipeline that write to `doc.ents`."""
    return [pipe for name, pipe in nlp.pipeline if "doc.ents" in nlp.get_pipe_meta(name).assigns]


def entity_types(nlp: Language) -> list[str]:
    """The entity types that a pipeline writes to `doc.ents`."""
    heads = bioners(nlp)
    written = {label for pipe in heads for label in pipe.written}
    others = [pipe for pipe in entity_finders(nlp) if pipe not in heads]
    return sorted(written.union(*(getattr(pipe, "labels", ()) for pipe in others)))


def find_bioner(nlp: Language) -> "BioNER":
    """The one `bioner` of a pipeline.

    Raises:
        PipelineError: if there is none, or more than one.
    """
    found = bioners(nlp)
    if len(found) != 1:
        raise PipelineError(
            f"The pipeline has {len(found) or 'no'} `bioner`, and one is needed: "
            f"{', '.join(nlp.pipe_names)}. [B303]"
        )
    return found[0]


def set_precision(nlp: Language, precision: str) -> None:
    """Chooses what the transformers of a pipeline compute in, see `spacy-bioner.TransformerModel.v1`.

    Raises:
        PipelineError: if there is no such precision, or no transformer of this package in torch.
    """
    from spacy_bioner.models.transformer.layer import PRECISIONS, FastTransformer
    from spacy_bioner.models.transformer.shim import EncoderShim

    if precision not in PRECISIONS:
        raise PipelineError(
            f"There is no precision '{precision}': it is one of {', '.join(PRECISIONS)}. [B304]"
        )
    models = [getattr(pipe, "model", None) for _, pipe in nlp.pipeline]
    nodes = [node for model in models if isinstance(model, Model) for node in model.walk()]
    layers = [n for n in nodes if isinstance(n, FastTransformer) and isinstance(n.encoder, EncoderShim)]
    if not layers:
        raise PipelineError("The pipeline has no transformer whose precision can be chosen. [B305]")
    for layer in layers:
        layer.attrs["settings"] = replace(layer.attrs["settings"], precision=precision)
