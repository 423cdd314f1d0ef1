"""The token vectors of components that get no model of their own: a small CNN on folded texts."""

from typing import Any

from thinc.api import Config

_TOK2VEC = """
[tok2vec]
@architectures = "spacy-bioner.FoldedTok2Vec.v1"
folding = true

[tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM","PREFIX","SUFFIX","SHAPE"]
rows = [2000,1000,1000,1000]
include_static_vectors = false

[tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = 96
depth = 4
window_size = 1
maxout_pieces = 3
"""


def default_tok2vec() -> dict[str, Any]:
    """The config of `spacy-bioner.FoldedTok2Vec.v1`, anew at each call."""
    return Config().from_str(_TOK2VEC)["tok2vec"]
