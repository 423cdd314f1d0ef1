"""What the service does where the pipeline fails, isn't ready yet, or where a client goes."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memorised import KNOWN
from serving import Running, running
from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.errors import PipelineError
from spacy_bioner.service.metrics import Metrics
from spacy_bioner.service.pipelines_served import Pipelines
from spacy_bioner.service.service_settings import ServiceSettings

TEXT = KNOWN[0][0]
ERRORS: dict[str, tuple[type[Exception], str]] = {
    "MEMORY": (MemoryError, "for SECRET"),
    "ENCODER": (PipelineError, "Run --resume: the encoder isn't there for SECRET."),
    "FAULT": (ZeroDivisionError, "by SECRET"),
}


@Language.factory("failing_by_word")
def failing_by_word(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    """A component that fails on some words."""

    def work(doc: Doc) -> Doc:
        for word, (error, message) in ERRORS.items():
            if word in doc.text:
                raise error(message)
        return doc

    return work


@Language.factory("recording", default_config={"seconds": 0.0}, requires=["doc.ents"])
class Recording:
    """A component that takes its time, and keeps which texts and entity types it was given."""

    def __init__(self, nlp: Language, name: str, seconds: float) -> None:
        self.seconds = seconds
        self.seen: list[tuple[str, set[str]]] = []

    def __call__(self, doc: Doc) -> Doc:
        time.sleep(self.seconds)
        self.seen.append((doc.text, {ent.label_ for ent in doc.ents}))
        return doc


def told_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name.startswith(("uvicorn", "spacy_bioner"))]


def test_a_failure_of_the_pipeline_is_no_fault_of_the_document(
    knowing_pipeline: Path, caplog: pytest.LogCaptureFixture
):
    nlp = load_pipeline(knowing_pipeline)
    nlp.add_pipe("failing_by_word")
    with caplog.at_level(logging.DEBUG), running(knowing_pipeline, nlp) as service:
        answers = {word: service.send("/annotate/text", f"{word} of a SECRET") for word in ERRORS}
        every = service.send("/annotate/jsonl", '{"text": "FAULT SECRET"}\n' * 3)
        fine = service.send("/annotate/text", TEXT)
    statuses = {word: answer.status for word, answer in answers.items()}
    assert statuses == {"MEMORY": 503, "ENCODER": 500, "FAULT": 500}
    assert "retry-after" in answers["MEMORY"].headers
    assert (every.status, len(every.reasons), fine.status) == (500, 3, 200)
    assert not any(b"SECRET" in a.body or b"--" in a.body for a in (*answers.values(), every))
    lines = told_by(caplog)
    assert not any("SECRET" in line for line in lines)
    for error, _ in ERRORS.values():
        assert any(error.__name__ in line and f"{Path(__file__).name}:" in line for line in lines)


def left_alone(service: Running, path: str, body: str) -> None:
    """Sends a request, and goes before it is answered."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with service.connect() as gone:
        gone.sendall(f"{head}\r\n\r\n{body}".encode())
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/annotate/jsonl", '{"text": "left"}\n' * 40),
        ("/predict", json.dumps({"tasks": [{"data": {"text": "left"}}] * 40})),
    ],
)
def test_work_for_a_client_that_has_gone_ends(knowing_pipeline: Path, path: str, body: str):
    nlp = load_pipeline(knowing_pipeline)
    nlp.batch_size = 2
    recording: Any = nlp.add_pipe("recording", config={"seconds": 0.1})
    with running(knowing_pipeline, nlp) as service:
        left_alone(service, path, body)
        assert service.send("/annotate/text", TEXT).status == 200
        batcher = service.pipelines.first.batcher
        assert batcher.waiting == 0
        assert f'path="{path}",status="499"' in service.send("/metrics").body.decode()
    assert 0 < sum(text == "left" for text, _ in recording.seen) < 20


def test_it_is_ready_when_components_have_seen_an_entity_of_each_type(knowing_pipeline: Path):
    nlp = load_pipeline(knowing_pipeline)
    recording: Any = nlp.add_pipe("recording")
    with running(knowing_pipeline, nlp) as service:
        seen = list(recording.seen)
        assert service.send("/ready").status == 200
    assert [types for _, types in seen] == [{"Chemical", "Disease", "Gene", "Species"}]


def test_a_pipeline_that_fails_at_once_is_not_served(knowing_pipeline: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ERRORS, "aspirin", (OSError, "no knowledge base"))
    nlp = load_pipeline(knowing_pipeline)
    nlp.add_pipe("failing_by_word")
    with pytest.raises(PipelineError, match=r"'failing_by_word' fails \(OSError\): no knowledge base"):
        Pipelines([nlp], ServiceSettings((str(knowing_pipeline),)), Metrics())
