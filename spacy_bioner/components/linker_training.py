"""Puts abbreviations and a linker into a pipeline, and trains the linker on a corpus."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spacy.language import Language

from spacy_bioner.components.linker import Linker
from spacy_bioner.errors import PipelineError
from spacy_bioner.knowledge.gold_concepts import Labelled, labelled_mentions

if TYPE_CHECKING:
    from spacy_bioner.documents.document import Document


def add_linker(
    nlp: Language,
    kb: str | Path = "diseases",
    label: str = "Disease",
    train: "Sequence[Document]" = (),
    devel: "Sequence[Document]" = (),
    types: Mapping[str, str] | None = None,
    *,
    remember_devel: bool = False,
) -> Linker:
    """Adds `abbreviations` and `linker` to the end of a pipeline, unless they are there.

    A linker that is there gets one more entity type.

    Args:
        nlp: the pipeline.
        kb: the knowledge base, by its name or the path of its file.
        label: the entity type that is linked to it.
        train: documents whose mentions have identifiers to learn from; without any, the most similar name
            wins.
        devel: others, for the temperature and the threshold; every fifth document of `train` if there are
            none.
        types: the entity types of the corpus' types, "*" for any other; None where they have the same names.
        remember_devel: whether in the end the mentions of `devel` count as names too, as those of `train` do.

    Returns:
        The linker.

    Raises:
        KnowledgeError: if there is no such knowledge base.
        PipelineError: if no training document has a mention of the type with an identifier that it knows.
    """
    for name in ("abbreviations", "linker"):
        if name not in nlp.pipe_names:
            config = {"kb": {label: str(kb)}} if name == "linker" else {}
            nlp.add_pipe(name, config=config)
    linker = nlp.get_pipe("linker")
    if not isinstance(linker, Linker):
        raise PipelineError("The pipeline has another component that is called 'linker': rename it. [B294]")
    linker.set_base(label, str(kb))
    nlp.get_pipe_config("linker")["kb"] = linker.kb  # `nlp.config` gives copies
    base = linker.base(str(kb))
    if train:
        species = linker.default_species(str(kb))
        labelled: list[list[Labelled]] = [
            labelled_mentions(documents, label, types, species) for documents in (train, devel)
        ]
        if not any(base.find(id) for _, ids in labelled[0] for id in ids):
            raise PipelineError(
                f"No mention of type {label} has an identifier that the knowledge base knows. Name the "
                "corpus' types with --map ('*=Disease'), or build the knowledge base with --xrefs. [B295]"
            )
        linker.train(str(kb), *labelled, remember_devel=remember_devel)
    return linker
