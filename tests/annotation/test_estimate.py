"""What annotating would cost: counts that are known, and nothing written."""

from pathlib import Path

import pytest
from memorised import KNOWN

from spacy_bioner.annotation.estimate import estimate
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document


@pytest.mark.parametrize("to", ["jsonl", "parquet", "brat"])
def test_estimate_tells_what_all_of_it_costs(knowing_pipeline: Path, tmp_path: Path, to: str):
    documents = [Document(text, id=str(i)) for i, (text, _) in enumerate(KNOWN * 30)]
    formats.write(documents, tmp_path / "in.jsonl", "jsonl")
    found = estimate(knowing_pipeline, [tmp_path / "in.jsonl"], Settings(to), sample=40)
    words = sum(len(text.split()) for text, _ in KNOWN) * 30
    assert (found.documents, found.sample, found.words) == (120, 40, words)
    assert found.seconds > 0
    assert found.output_bytes > 100
    assert found.memory_bytes is None or found.memory_bytes > 50e6
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
