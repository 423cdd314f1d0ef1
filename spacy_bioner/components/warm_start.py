"""Starting a `bioner` with the heads of a trained pipeline."""

from typing import TYPE_CHECKING

from spacy_bioner.components.pipelines import bioners, load_pipeline
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.decoder import decoder_of

if TYPE_CHECKING:
    from spacy_bioner.components.bioner import BioNER


def find_source(pipeline: str) -> "BioNER":
    """The first `bioner` of a trained pipeline, by name or folder; raises PipelineError if it has none."""
    found = bioners(load_pipeline(pipeline))
    if not found:
        raise PipelineError(f"'{pipeline}' has no `bioner` to take heads from. [B319]")
    return found[0]


def take_over(component: "BioNER", source: "BioNER") -> None:
    """Takes over the heads of types with the same names, and their temperatures.

    Raises:
        PipelineError: if the two have models of different architectures.
    """
    decoder = decoder_of(component.model)
    if type(decoder) is not type(decoder_of(source.model)):
        raise PipelineError(
            f"'{component.name}': the model to begin with is of another architecture than this one. [B320]"
        )
    temperatures = source.cfg["temperature"]
    for entity_type in decoder.take_over(component.model, source.model):
        if entity_type in temperatures:
            component.cfg["temperature"][entity_type] = temperatures[entity_type]
