"""Biomedical named entity recognition for spaCy.

What people import from here, loaded when it is first used: `import spacy_bioner` imports neither spaCy nor
PyTorch.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy_bioner.annotation.annotating import annotate as annotate
    from spacy_bioner.annotation.settings import Settings as Settings
    from spacy_bioner.components.spans import scored_spans as scored_spans
    from spacy_bioner.corpora.annotations import Annotation as Annotation
    from spacy_bioner.corpora.annotations import get_annotation as get_annotation
    from spacy_bioner.corpora.annotations import set_annotation as set_annotation
    from spacy_bioner.corpora.conversion import to_doc as to_doc
    from spacy_bioner.corpora.conversion import to_document as to_document
    from spacy_bioner.corpora.file_conversion import convert as convert
    from spacy_bioner.corpora.gold_annotation import gold_annotation as gold_annotation
    from spacy_bioner.corpora.gold_annotation import set_gold_spans as set_gold_spans
    from spacy_bioner.corpora.joining import join_docs as join_docs
    from spacy_bioner.documents.document import Document as Document
    from spacy_bioner.documents.document import Mention as Mention
    from spacy_bioner.documents.document import Passage as Passage
    from spacy_bioner.documents.document import Relation as Relation
    from spacy_bioner.documents.formats import read as read
    from spacy_bioner.documents.formats import write as write
    from spacy_bioner.errors import BionerError as BionerError
    from spacy_bioner.evaluation.evaluating import evaluate as evaluate
    from spacy_bioner.training.distillation import distill as distill
    from spacy_bioner.training.loop import train as train

_MODULES = {
    "annotation.annotating": ("annotate",),
    "annotation.settings": ("Settings",),
    "components.spans": ("scored_spans",),
    "corpora.annotations": ("Annotation", "get_annotation", "set_annotation"),
    "corpora.conversion": ("to_doc", "to_document"),
    "corpora.file_conversion": ("convert",),
    "corpora.gold_annotation": ("gold_annotation", "set_gold_spans"),
    "corpora.joining": ("join_docs",),
    "documents.document": ("Document", "Mention", "Passage", "Relation"),
    "documents.formats": ("read", "write"),
    "errors": ("BionerError",),
    "evaluation.evaluating": ("evaluate",),
    "training.distillation": ("distill",),
    "training.loop": ("train",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_MODULE_OF)

try:
    __version__ = version("spacy-bioner")
except PackageNotFoundError:  # a copy of this folder that nobody installed
    __version__ = "unknown"


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'spacy_bioner' has no attribute '{name}'")
    return getattr(import_module(f"spacy_bioner.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF])
