"""Importing a token classifier of transformers as a pipeline (`spacy bioner from-hf`)."""

from collections.abc import Sequence
from pathlib import Path

from spacy_bioner.components.pipelines import check_output
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder
from spacy_bioner.files import Outputs
from spacy_bioner.huggingface.from_huggingface import from_hf
from spacy_bioner.training.card import README, make_card


def import_checkpoint(
    checkpoint: str,
    output: Path,
    *,
    labels: Sequence[str] = (),
    entity_type: str = "",
    scheme: str = "",
    revision: str = "",
    assets: Path = Path("assets"),
    precision: str = "float32",
    name: str = "",
    version: str = "0.1.0",
) -> Path:
    """Writes a pipeline made of a token classifier.

    Args:
        checkpoint: a folder, or an id on the hub.
        output: the folder to write.
        labels: the labels in their order, where the checkpoint has none.
        entity_type: the type, where the labels are B, I and O alone.
        scheme: the scheme to go on training with; that of the labels if empty.
        revision: the commit id of the checkpoint's repository on the hub.
        assets: the folder that may hold encoders/NAME.
        precision: "float32", or "auto".
        name: the pipeline's name, without its language.
        version: the pipeline's own version.

    Returns:
        The folder.

    Raises:
        BionerError: if the checkpoint can't be had or isn't a token classifier, or something else stands at
            the output. Nothing is written then.
    """
    check_output(output)
    nlp = from_hf(
        resolve_encoder(checkpoint, assets=assets, revision=revision),
        labels=labels,
        entity_type=entity_type,
        scheme=scheme,
        precision=precision,
        name=name,
        pipeline_version=version,
    )
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        nlp.to_disk(folder)
        (folder / README).write_text(make_card(nlp.meta), encoding="utf8")
    return output
