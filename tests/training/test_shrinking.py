"""A pipeline of half the size finds the same."""

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy

from spacy_bioner.errors import PipelineError
from spacy_bioner.training.shrinking import shrink

TEXT = "Cisplatin-induced nephrotoxicity was attenuated in Tp53-deficient mice."


def size(folder: Path) -> int:
    return (folder / "transformer" / "model").stat().st_size


def vectors(nlp: spacy.language.Language) -> numpy.ndarray:
    with nlp.select_pipes(enable=["transformer"]):
        return nlp(TEXT)._.trf_data.model_output.last_hidden_state


def test_weights_in_16_bits(train_tiny: Callable[..., Path], tmp_path: Path) -> None:
    trained = train_tiny(tmp_path / "out", "bioner_trf", overrides={"training.max_steps": 2}) / "model-last"
    small = shrink(trained, tmp_path / "small")
    before, after = spacy.load(trained), spacy.load(small)
    # the tokenizer's files are the rest
    assert size(trained) - size(small) > 0.45 * sum(
        weight.nbytes for weight in before.get_pipe("transformer").model.transformer.parameters()
    )
    numpy.testing.assert_allclose(vectors(before), vectors(after), atol=0.05)
    assert len(after.vocab.strings) < len(before.vocab.strings)  # without the words of the training texts
    assert [(e.text, e.label_) for e in after(TEXT).ents] == [(e.text, e.label_) for e in before(TEXT).ents]
    # saved again it stays small and the same to the bit
    after.to_disk(tmp_path / "again")
    assert size(tmp_path / "again") == size(small)
    numpy.testing.assert_array_equal(vectors(after), vectors(spacy.load(tmp_path / "again")))


def test_a_pipeline_without_a_transformer_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(PipelineError, match="no transformer in PyTorch"):
        shrink(tmp_path / "blank", tmp_path / "small")
    assert not (tmp_path / "small").exists()
