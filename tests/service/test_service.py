"""The service, asked over the network: what is found, in which formats, and what is refused."""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from memorised import KNOWN
from serving import Running, running
from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.components.spans import scored_spans
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document

PUBTATOR = "12|t|Aspirin for asthma.\n12|a|\n"


@pytest.fixture(scope="module")
def nlp(knowing_pipeline: Path) -> Any:
    return load_pipeline(knowing_pipeline)


def found_by(nlp: Any, text: str) -> list[tuple[int, int, str, float]]:
    spans = ((s.start_char, s.end_char, s.label_, round(score, 4)) for s, score in scored_spans(nlp(text)))
    return sorted(spans)


def spans_of(document: Any) -> list[tuple[int, int, str, float]]:
    return sorted((s["start"], s["end"], s["label"], s["score"]) for s in document["spans"])


def test_many_clients_get_what_the_pipeline_finds_alone(service: Running, nlp: Any):
    texts = [
        f"{text} Case {i}: \N{GREEK SMALL LETTER ALPHA}\N{GRINNING FACE}"
        for i in range(8)
        for text, _ in KNOWN
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: service.send("/annotate/text", text), texts))
    for text, answer in zip(texts, answers, strict=True):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["text"] == text
        for (*place, score), (*wanted, other) in zip(spans_of(answer.json), found_by(nlp, text), strict=True):
            assert place == wanted
            assert score == pytest.approx(other, abs=2e-4)  # batches are padded


def test_requests_that_come_together_go_through_together(knowing_pipeline: Path):
    with running(knowing_pipeline, wait=0.5) as service, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: service.send("/annotate/text", KNOWN[0][0]), range(8)))
        told = service.send("/metrics").body.decode()
    assert 'bioner_documents_total{model="en_knowing"} 8.0' in told
    batches = next(line for line in told.splitlines() if line.startswith("bioner_batch_documents_count"))
    assert float(batches.split()[-1]) < 4


def test_formats_in_and_out(service: Running, tmp_path: Path, nlp: Any):
    documents = [Document(text, id=str(i + 10)) for i, (text, _) in enumerate(KNOWN)]
    for format in ("pubtator", "bioc-json", "jsonl"):
        path = tmp_path / f"in{formats.FORMATS[format].suffix}"
        formats.write(documents, path, format)
        for to in ("", "jsonl", "bioc-json", "pubtator"):
            answer = service.send(f"/annotate/{format}" + (f"?to={to}" if to else ""), path.read_bytes())
            assert answer.status == 200
            out = tmp_path / "out"
            out.write_bytes(answer.body)
            got = list(formats.read(out, to or format))
            assert [document.id for document in got] == [document.id for document in documents]
            for document, original in zip(got, formats.read(path, format), strict=True):
                wanted = [found[:3] for found in found_by(nlp, original.text)]
                assert sorted((m.start, m.end, m.type) for m in document.mentions) == wanted
    xml = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID><Article>"
        "<ArticleTitle>Aspirin.</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    assert service.send("/annotate/pubmed", xml).json["id"] == "7"


def test_types_and_thresholds(service: Running):
    every = service.send("/annotate/text", KNOWN[0][0]).json["spans"]
    kind = every[0]["label"]
    only = service.send(f"/annotate/text?types={kind}", KNOWN[0][0]).json["spans"]
    assert only == [span for span in every if span["label"] == kind]
    least = sorted(span["score"] for span in every)[len(every) // 2]
    likely = service.send(f"/annotate/text?threshold={least}", KNOWN[0][0]).json["spans"]
    assert likely == [span for span in every if span["score"] >= least]
    assert "no entity type Planet: there are" in service.send("/annotate/text?types=Planet", "x").reasons[0]
    assert service.send("/annotate/text?threshold=2", "x").status == 422
    assert service.send("/annotate/text?model=none", "x").status == 422
    assert service.send("/annotate/text?to=brat", "x").status == 422


@pytest.mark.parametrize(
    ("format", "body", "told"),
    [
        ("text", b"\xff\xfe", "not UTF-8 (byte 1)"),
        ("jsonl", b'{"text": 1}\n', "text"),
        ("jsonl", b"", "the file is empty"),
        ("jsonl", b'{"text": "\\ud800"}', "surrogate"),
        ("bioc-json", b"{", "JSON"),
        ("pubtator", b"no document", "ID|t|title"),
        ("pubmed", b'<!DOCTYPE x [<!ENTITY a "b">]><PubmedArticleSet>&a;</PubmedArticleSet>', "entities"),
    ],
)
def test_malformed_bodies_are_refused_with_the_reason(service: Running, format: str, body: bytes, told: str):
    answer = service.send(f"/annotate/{format}", body)
    assert answer.status == 422
    assert told in " ".join(answer.reasons)
    assert "/tmp" not in answer.body.decode()


def test_a_document_that_can_not_be_read_is_named_by_its_number(service: Running):
    answer = service.send("/annotate/jsonl", '{"text": "a"}\n{"txt": "b"}\n{"text": "c"}\n')
    assert (answer.status, [one["loc"] for one in answer.json["detail"]]) == (422, [["body", 2]])


def test_limits_on_size(knowing_pipeline: Path, nlp: Any):
    with running(knowing_pipeline, body=2000, documents=3, characters=500) as service:
        assert service.send("/annotate/text", "x" * 2001).status == 413
        assert service.send("/predict", json.dumps({"tasks": [], "x": "y" * 2000})).status == 413
        assert "501 characters" in service.send("/annotate/text", "y" * 501).reasons[0]
        lines = '{"text": "a"}\n'
        assert service.send("/annotate/jsonl", lines * 3).status == 200
        assert service.send("/annotate/jsonl", lines * 4).status == 413
        assert service.send("/annotate/jsonl", b"\x1f\x8b\x08").status == 415
        chunked = b"POST /annotate/text HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with service.connect() as connection:
            connection.sendall(chunked + b"1000\r\n" + b"z" * 4096 + b"\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 413")


@Language.factory("slow_or_failing", default_config={"seconds": 0.0, "error": ""})
def slow_or_failing(nlp: Language, name: str, seconds: float, error: str) -> Callable[[Doc], Doc]:
    """A component that takes its time, or fails on texts with a word in them."""

    def work(doc: Doc) -> Doc:
        time.sleep(seconds)
        if error and error in doc.text:
            raise ValueError(f"there is {doc.text}")
        return doc

    return work


def test_a_full_queue_and_time_that_is_up(knowing_pipeline: Path):
    nlp = load_pipeline(knowing_pipeline)
    nlp.add_pipe("slow_or_failing", config={"seconds": 0.5})
    with running(knowing_pipeline, nlp, queue=20, answer=2.0) as service, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.send("/annotate/text", "ten chars."), range(8)))
        late = service.send("/annotate/jsonl", '{"text": "a"}\n' * 6)
        after = service.send("/annotate/text", "ten chars.")
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}
    assert {answer.headers.get("retry-after") for answer in answers if answer.status == 429} == {"1"}
    assert (late.status, late.headers["retry-after"]) == (503, "5")
    assert after.status == 200


def test_a_text_on_which_the_pipeline_fails_costs_nobody_else(
    knowing_pipeline: Path, caplog: pytest.LogCaptureFixture
):
    nlp = load_pipeline(knowing_pipeline)
    nlp.add_pipe("slow_or_failing", config={"error": "SECRET"})
    with caplog.at_level(logging.DEBUG), running(knowing_pipeline, nlp, wait=0.3) as service:
        with ThreadPoolExecutor(4) as pool:
            texts = ["SECRET one", KNOWN[0][0], "SECRET two", KNOWN[1][0]]
            answers = list(pool.map(lambda text: service.send("/annotate/text", text), texts))
        both = service.send("/annotate/jsonl", '{"text": "fine"}\n{"text": "SECRET three"}\n')
    assert [answer.status for answer in answers] == [500, 200, 500, 200]
    assert both.status == 500
    assert [one["loc"] for one in both.json["detail"]] == [["body", 2]]
    assert both.reasons == ["the pipeline failed (ValueError)"]
    told = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("uvicorn", "spacy_bioner"))
    ]
    assert not any("SECRET" in line for line in told)
    assert any("ValueError" in line and f"{Path(__file__).name}:" in line for line in told)


def test_slow_and_cut_off_requests(knowing_pipeline: Path):
    with running(knowing_pipeline, receive=0.5) as service:
        head = b"POST /annotate/text HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        with service.connect() as slow:
            slow.sendall(head + b"some")
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        with service.connect() as gone:
            gone.sendall(head + b"some")
        with service.connect() as nonsense:
            nonsense.sendall(b"\x00\x01\r\n\r\n")
            assert nonsense.recv(100).startswith(b"HTTP/1.1 400")
        assert service.send("/annotate/text", KNOWN[0][0]).status == 200
        end = time.monotonic() + 10
        while 'status="499"' not in (told := service.send("/metrics").body.decode()):
            assert time.monotonic() < end
            time.sleep(0.05)
    assert 'status="408"' in told


def test_what_the_service_tells_of_itself(service: Running):
    assert service.send("/health").json == {"status": "UP", "model_class": "en_knowing"}
    assert service.send("/ready").json == {"status": "ready"}
    [model] = service.send("/models").json
    assert (model["name"], model["types"]) == ("en_knowing", ["Chemical", "Disease", "Gene", "Species"])
    paths = service.send("/openapi.json").json["paths"]
    assert {
        "/annotate/text",
        "/annotate/pubtator",
        "/annotate/bioc-json",
        "/annotate/jsonl",
        "/predict",
    } <= set(paths)
    body = paths["/annotate/jsonl"]["post"]["requestBody"]
    assert (body["required"], len(body["content"])) == (True, 1)
    assert set(paths["/annotate/text"]["post"]["responses"]) == {
        "200",
        "408",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
    }
    assert service.send("/docs").status == 404
    assert service.send("/annotate/text").status == 405


CONFIG = """<View>
  <Labels name="ner" toName="abstract"><Label value="disease"/><Label value="Drug" alias="Chemical"/></Labels>
  <Text name="abstract" value="$body"/>
</View>"""


def test_label_studio_gets_predictions_in_its_own_names(service: Running, nlp: Any):
    text = KNOWN[0][0]
    version = service.send("/setup", json.dumps({"project": "1.2", "schema": CONFIG}), **JSON).json
    asked = {
        "tasks": [{"id": 1, "data": {"body": text}}, {"id": 2, "data": {"body": ""}}],
        "label_config": CONFIG,
    }
    answer = service.send("/predict", json.dumps(asked), **JSON)
    first, second = answer.json["results"]
    assert first["model_version"] == version["model_version"]
    names = {"Disease": "disease", "Chemical": "Chemical"}
    wanted = [(s, e, names[t], text[s:e]) for s, e, t, _ in found_by(nlp, text) if t in names]
    regions = [region["value"] for region in first["result"]]
    assert [(v["start"], v["end"], *v["labels"], v["text"]) for v in regions] == wanted
    assert {(r["from_name"], r["to_name"], r["type"]) for r in first["result"]} == {
        ("ner", "abstract", "labels")
    }
    assert (second["result"], second["score"]) == ([], 0.0)
    assert service.send("/predict", json.dumps({**asked, "label_config": "<View>"}), **JSON).status == 422
    assert service.send("/predict", json.dumps({"tasks": [{"data": {"a": 1}}]}), **JSON).status == 422
    html = CONFIG.replace("Labels ", "HyperTextLabels ").replace("/Labels", "/HyperTextLabels")
    for config in (html, CONFIG.replace("<Text", "<HyperText")):  # its places aren't offsets
        refused = service.send("/predict", json.dumps({**asked, "label_config": config}), **JSON)
        assert (refused.status, "use Labels with a Text" in refused.reasons[0]) == (422, True)
    plain = service.send("/predict", json.dumps({"tasks": [{"data": {"text": text}}]}), **JSON).json
    assert len(plain["results"][0]["result"]) == len(found_by(nlp, text))


JSON = {"Content-Type": "application/json"}
