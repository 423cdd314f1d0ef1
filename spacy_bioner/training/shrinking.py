"""A pipeline of half the size: its encoder's weights in 16 bits, without the words that it was trained on."""

from pathlib import Path
from typing import Any

import torch

from spacy_bioner.components.pipelines import check_output, find_transformer, load_pipeline
from spacy_bioner.errors import PipelineError
from spacy_bioner.files import Outputs, write_json
from spacy_bioner.training.card import README


def shrink(model: str | Path, output: Path) -> Path:
    """Writes a copy of a pipeline whose encoder's weights are stored in 16 bits.

    They become 32 bits again when they are loaded, so that nothing else changes. A weight keeps three to four
    digits; score the copy, if its scores are to be published. What is trained on is stored in 32 bits again.
    spaCy's store of strings is left with the labels: it has every word of the training texts, and reading
    them takes longer than all else that is loaded. Where a component's labels are no texts, as those of
    spaCy's lemmatizer of edit trees, it may need the words, and they stay.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write.

    Returns:
        The folder.

    Raises:
        PipelineError: if the pipeline can't be loaded, has no transformer in PyTorch, or has a weight too
            large for 16 bits; or something else stands at the output.
    """
    check_output(output)
    nlp = load_pipeline(model)
    transformer = find_transformer(nlp)
    shims = [] if transformer is None else [s for n in transformer.model.walk() for s in n.shims]
    found: list[Any] = [shim for shim in shims if hasattr(shim, "stored_in_16_bits")]
    if not found:
        raise PipelineError(
            f"'{model}' has no transformer in PyTorch whose weights could be stored in 16 bits. [B469]"
        )
    for shim in found:
        largest = max(float(weight.abs().max()) for weight in shim.transformer.parameters())
        if largest > torch.finfo(torch.float16).max:
            raise PipelineError(f"A weight of {largest:g} is too large for 16 bits. [B470]")
        shim.stored_in_16_bits = True
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        nlp.to_disk(folder)
        labels = {label for _, pipe in nlp.components for label in getattr(pipe, "labels", ())}
        if all(isinstance(label, str) for label in labels):
            write_json(folder / "vocab" / "strings.json", sorted(labels))
        card = nlp.path / README if nlp.path else None
        if card is not None and card.is_file():
            (folder / README).write_text(card.read_text(encoding="utf8"), encoding="utf8")
    return output
