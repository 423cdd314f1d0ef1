"""`spacy-bioner.FoldedTok2Vec.v1`: spaCy's `tok2vec` on texts folded to ASCII.

The attributes that spaCy embeds (NORM, PREFIX, SUFFIX, SHAPE) are those of a token's text: to a network that
was trained on "beta" a "β" is nothing that it knows. Here the network gets a Doc of the same tokens, folded;
the user's Doc stays as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.ml.models import build_Tok2Vec_model
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints
from spacy_bioner.text.folding import fold, is_blank


@dataclass(frozen=True, slots=True)
class _Settings:
    """How the layer runs. An object of its own, for thinc stores plain attributes with the weights."""

    folding: bool


def create_folded_tok2vec(
    embed: Model[list[Doc], list[Floats2d]],
    encode: Model[list[Floats2d], list[Floats2d]],
    folding: bool = True,
) -> Model[list[Doc], list[Floats2d]]:
    """Makes `spacy-bioner.FoldedTok2Vec.v1`, to be used in the place of `spacy.Tok2Vec.v2`.

    Args:
        embed: gives each token a vector; from what its text says (`spacy.MultiHashEmbed.v2`,
            `spacy.CharacterEmbed.v2`), for what other components have said of a token is not in the folded
            Docs.
        encode: makes of these the vectors in context.
        folding: whether the layers see texts folded to ASCII, see `text.folding`, and without white
            space, as corpora in columns are. Docs that are so go through as they are.

    Returns:
        The model, with the references "embed" and "encode". Tokens of white space have vectors of zeros, and
        their neighbours are next to each other.
    """
    tok2vec = build_Tok2Vec_model(embed, encode)
    model: Model[list[Doc], list[Floats2d]] = Model(
        "folded_tok2vec",
        _forward,
        init=_init,
        layers=[tok2vec],
        dims={"nO": tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None},
        refs={"embed": embed, "encode": encode},
        attrs={"settings": _Settings(folding)},
    )
    return model


def fold_doc(doc: Doc) -> tuple[Doc, Ints | None]:
    """Makes a Doc of the folded tokens of another.

    Returns:
        The Doc, the same if it is in ASCII and without white space, and the numbers of the tokens that it
        has; None for all.
    """
    words = [token.text for token in doc]
    if all(map(str.isascii, words)) and not any(map(str.isspace, words)):
        return doc, None
    kept = [i for i, word in enumerate(words) if not is_blank(word)]
    # a sign whose spelling is a word of its own has spaces around
    folded = Doc(doc.vocab, words=[fold(words[i]).strip(" ") or words[i] for i in kept])
    return folded, None if len(kept) == len(words) else numpy.array(kept, dtype="int64")


def _init(model: Model, X: Any = None, Y: Any = None) -> None:  # noqa: N803
    (tok2vec,) = model.layers
    tok2vec.initialize(X, Y)
    if tok2vec.has_dim("nO"):
        model.set_dim("nO", tok2vec.get_dim("nO"))


def _forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], Any]]:
    (tok2vec,) = model.layers
    if not model.attrs["settings"].folding:
        return tok2vec(docs, is_train)
    folded = [fold_doc(doc) for doc in docs]
    vectors, backprop = tok2vec([doc for doc, _ in folded], is_train)
    made = []
    for doc, own, (_, kept) in zip(docs, vectors, folded, strict=True):
        if kept is None:
            made.append(own)
            continue
        spread = model.ops.alloc2f(len(doc), own.shape[1])
        spread[kept] = own
        made.append(spread)

    def backward(d_vectors: list[Floats2d]) -> Any:
        if not any(len(own) for own in vectors):  # thinc's layers can't go back through nothing
            return []
        return backprop(
            [d if kept is None else d[kept] for d, (_, kept) in zip(d_vectors, folded, strict=True)]
        )

    return made, backward
