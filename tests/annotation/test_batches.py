"""Batches that fit into memory, and processes that are killed."""

import os
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.inputs import Item
from spacy_bioner.annotation.parts import parts_folder
from spacy_bioner.annotation.prediction import annotated
from spacy_bioner.annotation.settings import Settings, prepare
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document
from spacy_bioner.errors import PipelineError


class Watching:
    """A component that keeps how many characters each batch has, and has its process killed by a text."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.deadly = ""
        self.parent = os.getpid()

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def pipe(self, docs: Iterable[Doc], **settings: Any) -> Iterator[Doc]:
        whole = list(docs)
        self.batches.append(sum(len(doc.text) for doc in whole))
        for doc in whole:
            if self.deadly and self.deadly in doc.text and os.getpid() != self.parent:
                os.kill(os.getpid(), signal.SIGKILL)
            yield doc


@Language.factory("watching")
def make_watching(nlp: Language, name: str) -> Watching:
    return Watching()


@pytest.fixture
def nlp() -> Language:
    made = spacy.blank("en")
    made.add_pipe("entity_ruler").add_patterns([{"label": "Chemical", "pattern": "aspirin"}])
    made.add_pipe("watching")
    return made


def test_a_batch_has_so_many_characters_at_most(nlp: Language):
    lengths = [50_000] * 9 + [400_000] + [500] * 60
    items = [Item(Document("aspirin "[:8] * (n // 8)), "in", i) for i, n in enumerate(lengths, start=1)]
    settings = Settings("jsonl", batch_size=40, max_length=500_000)
    results = list(annotated(nlp, items, settings, Counter()))
    assert [len(result.mentions) for result in results] == [n // 8 for n in lengths]
    watching: Any = nlp.get_pipe("watching")
    assert watching.batches == [200_000, 200_000, 50_000, 400_000, 40 * 496, 20 * 496]


def test_a_precision_is_chosen(tiny_pipeline: Path):
    pipeline = spacy.load(tiny_pipeline)
    prepare(pipeline, Settings("jsonl", precision="float32"))
    assert pipeline.get_pipe("transformer").model.attrs["settings"].precision == "float32"
    with pytest.raises(PipelineError, match="There is no precision 'int3'"):
        prepare(pipeline, Settings("jsonl", precision="int3"))
    pipeline.remove_pipe("transformer")
    with pytest.raises(PipelineError, match="no transformer whose precision can be chosen"):
        prepare(pipeline, Settings("jsonl", precision="float32"))


def test_a_process_that_is_killed_stops_the_run_which_goes_on(nlp: Language, tmp_path: Path):
    texts = [Document(f"aspirin {number}.", id=str(number)) for number in range(40)]
    formats.write(texts, tmp_path / "in.jsonl", "jsonl")
    settings = Settings("jsonl", n_process=2, batch_size=4, part_size=20)
    output = tmp_path / "out.jsonl"
    watching: Any = nlp.get_pipe("watching")
    watching.deadly = " 33."  # in the second part
    with pytest.raises(PipelineError, match="One of the processes was killed"):
        annotate(nlp, [tmp_path / "in.jsonl"], output, settings)
    assert not output.exists()
    assert [path.name for path in sorted(parts_folder(output).glob("part-*.jsonl"))] == ["part-00000.jsonl"]
    watching.deadly = ""
    done = annotate(nlp, [tmp_path / "in.jsonl"], output, settings, resume=True)
    assert done.resumed == (20, 1)
    assert [len(document.mentions) for document in formats.read(output)] == [1] * 40
    annotate(nlp, [tmp_path / "in.jsonl"], tmp_path / "alone.jsonl", Settings("jsonl", part_size=20))
    assert output.read_bytes() == (tmp_path / "alone.jsonl").read_bytes()
