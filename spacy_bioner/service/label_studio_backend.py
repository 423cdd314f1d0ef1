"""Label Studio's protocol for machine-learning backends: `/setup` and `/predict`, beside `/health`.

See labelstud.io/guide/ml_create. Label Studio sends tasks and its labeling configuration, and shows what is
found as predictions. An entity type without a label in the configuration is left out: it couldn't be shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from lxml import etree

from spacy_bioner.documents.document import Document
from spacy_bioner.service.api_schema import (
    ModelVersion,
    Predict,
    Prediction,
    Predictions,
    Setup,
    Task,
    refusals,
)
from spacy_bioner.service.guarding import RefusedError, unless_gone
from spacy_bioner.service.pipelines_served import Pipelines

_PARSER = {"resolve_entities": False, "no_network": True, "load_dtd": False, "recover": False}

_HTML = "places in HyperText are paths in HTML, and plain text is annotated: use Labels with a Text"


@dataclass(frozen=True, slots=True)
class Labeling:
    """What a labeling configuration says.

    Attributes:
        from_name, to_name: the names of `Labels`, and of the text that they are for.
        key: the text's key in the data of a task.
        labels: the labels as they are written, each by its name in small letters; None where any will do.
    """

    from_name: str = "label"
    to_name: str = "text"
    key: str = "text"
    labels: Mapping[str, str] | None = None


def read_labeling(config: str | None) -> Labeling:
    """Reads a labeling configuration, an XML; where it isn't given, or has no `Labels`, the usual names.

    Raises:
        RefusedError: 422 if it isn't XML, or is for HTML.
    """
    if not config or not config.strip():
        return Labeling()
    try:
        root = etree.fromstring(config.encode("utf-8"), etree.XMLParser(**_PARSER))
    except (etree.XMLSyntaxError, ValueError):
        raise RefusedError(422, (None, "the labeling configuration isn't XML")) from None
    control = next((e for e in root.iter("Labels") if e.get("name")), None)
    if control is None and next(root.iter("HyperTextLabels"), None) is not None:
        raise RefusedError(422, (None, _HTML))
    if control is None:
        return Labeling()
    to_name = control.get("toName", "text")
    shown = next((element for element in root.iter() if element.get("name") == to_name), None)
    if shown is not None and shown.tag == "HyperText":
        raise RefusedError(422, (None, _HTML))
    value = shown.get("value", "") if shown is not None else ""
    found = [label.get("alias") or label.get("value", "") for label in control.iter("Label")]
    labels = {name.casefold(): name for name in found if name}
    return Labeling(control.get("name", "label"), to_name, value.removeprefix("$") or "text", labels)


def add_label_studio(app: FastAPI, served: Pipelines) -> None:
    """Adds the routes that Label Studio asks."""

    def version() -> str:
        return f"{served.first.name}-{served.first.version}"

    @app.post(
        "/setup",
        operation_id="setup",
        summary="Label Studio connects",
        responses=refusals(400, 408, 413, 422),
    )
    async def setup(request: Setup) -> ModelVersion:
        read_labeling(request.label_schema)
        return ModelVersion(model_version=version())

    @app.post(
        "/predict", operation_id="predict", summary="Label Studio asks for predictions", responses=refusals()
    )
    async def predict(asked: Predict, request: Request) -> Predictions:
        if len(asked.tasks) > served.limits.documents:
            raise RefusedError(413, (None, f"more than {served.limits.documents:,} tasks"))
        labeling = read_labeling(asked.label_config)
        texts = [_text(task, labeling.key, number) for number, task in enumerate(asked.tasks, start=1)]
        for number, text in enumerate(texts, start=1):
            if len(text) > served.limits.characters:
                raise RefusedError(413, (number, f"more than {served.limits.characters:,} characters"))
        documents = [Document(text) for text in texts]
        found = await unless_gone(request, served.annotate(served.first, documents))
        return Predictions(results=[_prediction(document, labeling, version()) for document in found])


def _text(task: Task, key: str, number: int) -> str:
    """The text of a task: under its key, or the only one."""
    if isinstance(text := task.data.get(key), str):
        return text
    texts = [value for value in task.data.values() if isinstance(value, str)]
    if len(texts) != 1:
        raise RefusedError(422, (number, f"no '{key}' in the data of a task, and {len(texts)} other texts"))
    return texts[0]


def _prediction(document: Document, labeling: Labeling, version: str) -> Prediction:
    regions: list[dict[str, Any]] = []
    scores = []
    for number, mention in enumerate(document.mentions, start=1):
        labels = labeling.labels
        label = mention.type if labels is None else labels.get(mention.type.casefold())
        if label is None:
            continue
        region: dict[str, Any] = {
            "id": f"m{number}",
            "from_name": labeling.from_name,
            "to_name": labeling.to_name,
            "type": "labels",
            "value": {
                "start": mention.start,
                "end": mention.end,
                "text": document.text_of(mention),
                "labels": [label],
            },
        }
        if mention.score is not None:
            region["score"] = mention.score
            scores.append(mention.score)
        regions.append(region)
    return Prediction(
        model_version=version, score=sum(scores) / len(scores) if scores else 0.0, result=regions
    )
