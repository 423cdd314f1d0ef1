"""The component `trf_cleaner`: lets go of the transformer's output, about 1 MB an abstract.

spaCy's `doc_cleaner` sets `doc.tensor` to None as well, and then `ent.as_doc()`, `doc.vector` and
`doc.similarity` raise.
"""

from spacy.language import Language
from spacy.tokens import Doc


@Language.factory("trf_cleaner", retokenizes=False)
def make_trf_cleaner(nlp: Language, name: str) -> "TransformerCleaner":
    """Makes the component `trf_cleaner`."""
    return TransformerCleaner()


class TransformerCleaner:
    """Sets `doc._.trf_data` to None."""

    def __call__(self, doc: Doc) -> Doc:
        if Doc.has_extension("trf_data"):
            doc._.trf_data = None
        return doc
