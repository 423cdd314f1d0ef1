"""The encoder as a layer of thinc: word pieces, windows, weights, and fast prediction."""

from spacy_bioner.encoders.loading import without_tensorflow

with without_tensorflow():
    import transformers.modeling_utils  # noqa: F401 - so that later imports find it
