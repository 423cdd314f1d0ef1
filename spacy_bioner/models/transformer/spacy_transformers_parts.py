"""All that this package takes from spacy-transformers: what its listeners are given, and how they pool it.

Nothing else here imports spacy-transformers: another version of it, or a copy, is a matter of this file.
The component `transformer` itself is spacy-transformers' own, and spaCy finds it by its entry point.
"""

from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from spacy_transformers.layers import split_trf_batch, trfs2arrays

__all__ = ["FullTransformerBatch", "TransformerData", "WordpieceBatch", "split_trf_batch", "trfs2arrays"]
