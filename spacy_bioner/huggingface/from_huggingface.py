"""Making a pipeline of a token classifier of transformers."""

from collections.abc import Sequence
from typing import Any

import spacy
from spacy.language import Language

from spacy_bioner.corpora.provenance import META_KEY, versions
from spacy_bioner.encoders.encoder_catalogue import ResolvedEncoder
from spacy_bioner.errors import EncoderError, TagError
from spacy_bioner.huggingface.token_classifiers import read_checkpoint
from spacy_bioner.models.classifier import set_weights
from spacy_bioner.models.labels import check_scheme
from spacy_bioner.models.transformer.shim import longest_sequence

TOKENIZER = {"@tokenizers": "spacy-bioner.Tokenizer.v1"}
_OVERLAP = 64  # word pieces, where the encoder takes enough for it


def from_hf(
    resolved: ResolvedEncoder,
    *,
    labels: Sequence[str] = (),
    entity_type: str = "",
    scheme: str = "",
    precision: str = "float32",
    name: str = "",
    pipeline_version: str = "0.1.0",
) -> Language:
    """Makes a pipeline of a token classifier: the same word pieces, weights, labels and decisions.

    Args:
        resolved: the checkpoint.
        labels, entity_type: see `checkpoints.huggingface.read_checkpoint`.
        scheme: the scheme to go on training with, see `models.classifier.create_token_classifier`.
        precision: see `models.transformer.create_transformer_model`; what is not float32 may flip a few
            entities.
        name: the pipeline's name, without its language; after the checkpoint if empty.
        pipeline_version: the pipeline's own version.

    Raises:
        EncoderError: if the checkpoint can't be one.
    """
    folder = resolved.folder
    checkpoint = read_checkpoint(folder, labels, entity_type)
    try:
        scheme = check_scheme(checkpoint.labels, scheme)
    except TagError as error:
        raise EncoderError(f"{folder}: {error}") from None
    public_name = resolved.encoder.hub or resolved.encoder.name
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": TOKENIZER}})
    longest = longest_sequence(checkpoint.model.base_model, checkpoint.tokenizer)
    model = {
        "@architectures": "spacy-bioner.TransformerModel.v1",
        "name": public_name,
        "precision": precision,
        "folding": False,  # the checkpoint was tuned on texts as they are
        "overlap": min(_OVERLAP, longest // 4),
    }
    transformer: Any = nlp.add_pipe("transformer", config={"model": model})
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@architectures": "spacy-bioner.FirstPiece.v1"},
    }
    classifier = {
        "@architectures": "spacy-bioner.TokenClassifier.v1",
        "labels": list(checkpoint.labels.labels),
        "scheme": scheme,
        "tok2vec": listener,
    }
    bioner: Any = nlp.add_pipe("bioner", config={"model": classifier})
    nlp.add_pipe("trf_cleaner", "doc_cleaner")
    layer = transformer.model
    layer.encoder.load(str(folder))
    layer.encoder.transformer.config._name_or_path = public_name
    layer.set_dim("nO", layer.encoder.width)
    nlp._link_components()
    set_weights(bioner.model, checkpoint.head.weight.detach().numpy(), _bias(checkpoint.head))
    for label in bioner.labels:
        nlp.vocab.strings.add(label)
    nlp.meta["name"] = name or f"bioner_{resolved.encoder.name}"
    nlp.meta["version"] = pipeline_version
    nlp.meta["description"] = (
        f"Biomedical named entity recognition: the token classifier {public_name} of transformers."
    )
    nlp.meta["license"] = resolved.encoder.licence
    nlp.meta[META_KEY] = {
        "encoder": resolved.to_meta(),
        "corpora": [],
        "data": {},
        "settings": {},
        "from_hf": {
            "checkpoint": public_name,
            "architecture": type(checkpoint.model).__name__,
            "labels": [checkpoint.model.config.id2label[i] for i in range(len(checkpoint.labels.labels))],
            "read_as": list(checkpoint.labels.labels),
        },
        "versions": versions(),
    }
    return nlp


def _bias(head: Any) -> Any:
    return (
        head.weight.new_zeros(len(head.weight)).numpy() if head.bias is None else head.bias.detach().numpy()
    )
