"""What the OpenAPI description says of bodies and answers, beside what FastAPI finds out itself."""

from typing import Any

from pydantic import BaseModel, Field

from spacy_bioner.service.bodies import WRITTEN


class Problem(BaseModel):
    """Why a request wasn't answered, or a document of it."""

    loc: list[str | int] = Field(description="Where: for a document, its number in the body, from 1")
    msg: str = Field(description="What is wrong, and what to do")
    type: str = Field(description="What kind of problem it is")


class Refused(BaseModel):
    """A request that wasn't answered as it was meant."""

    detail: list[Problem]


class Unreadable(BaseModel):
    """A body that isn't JSON."""

    detail: str


class Ready(BaseModel):
    """Whether requests can be sent."""

    status: str = Field(description="ready, or starting")


class Health(BaseModel):
    """Whether the process works."""

    status: str = Field(description="UP")
    model_class: str = Field(description="The name of the first pipeline")


class Pipeline(BaseModel):
    """A pipeline that is served."""

    name: str
    version: str
    description: str
    types: list[str] = Field(description="The entity types that it finds")


class Setup(BaseModel):
    """What Label Studio sends when it connects; nothing of it is kept."""

    label_schema: str | None = Field(None, alias="schema", description="The labeling configuration, as XML")


class ModelVersion(BaseModel):
    """The name of the pipeline, in the form that Label Studio asks for."""

    model_version: str


class Task(BaseModel):
    """A task of Label Studio's."""

    id: int | str | None = None
    data: dict[str, Any] = Field(description="The values of the task, its text among them")


class Predict(BaseModel):
    """What Label Studio asks predictions for."""

    tasks: list[Task]
    label_config: str | None = Field(None, description="The labeling configuration, as XML")


class Prediction(BaseModel):
    """What was found in a task's text."""

    model_version: str
    score: float = Field(description="The mean probability of the mentions")
    result: list[dict[str, Any]] = Field(description="The regions, as Label Studio has them")


class Predictions(BaseModel):
    """The predictions, one for each task, in the order of the tasks."""

    results: list[Prediction]


_SPAN = {
    "type": "object",
    "required": ["start", "end", "label"],
    "properties": {
        "start": {"type": "integer", "minimum": 0, "description": "In characters (code points) of the text"},
        "end": {"type": "integer", "minimum": 0},
        "label": {"type": "string", "description": "The entity type"},
        "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "The probability"},
        "identifiers": {"type": "array", "items": {"type": "string"}},
    },
}
DOCUMENT = {
    "type": "object",
    "required": ["text", "spans"],
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string"},
        "spans": {"type": "array", "items": _SPAN},
    },
}
"""A line of JSONL, as it is answered."""
_BIOC_IN = {
    "type": "object",
    "required": ["documents"],
    "properties": {
        "documents": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["passages"],
                "properties": {
                    "id": {"description": "A string or a number"},
                    "passages": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["offset", "text"],
                            "properties": {
                                "offset": {"type": "integer", "minimum": 0},
                                "text": {"type": "string"},
                                "infons": {"description": "An object of texts"},
                            },
                        },
                    },
                },
            },
        }
    },
}
_BIOC_OUT = {
    "type": "object",
    "required": ["documents"],
    "properties": {"documents": {"type": "array", "items": {"type": "object"}}},
}
_LINE_IN = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}, "id": {"description": "A string or a number"}},
}
_BODIES: dict[str, dict[str, Any]] = {
    "text": {"text/plain": {"schema": {"type": "string"}, "example": "Aspirin for migraine."}},
    "pubtator": {
        "text/plain": {
            "schema": {"type": "string"},
            "example": "12|t|Aspirin for migraine.\n12|a|It helps.\n",
        }
    },
    "bioc-json": {"application/json": {"schema": _BIOC_IN}},
    "jsonl": {
        "application/json": {
            "schema": {"anyOf": [_LINE_IN, {"type": "array", "items": _LINE_IN, "minItems": 1}]}
        },
    },
    "pubmed": {
        "application/octet-stream": {
            "schema": {"type": "string", "format": "binary"},
            "example": "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>12</PMID><Article>"
            "<ArticleTitle>Aspirin for migraine.</ArticleTitle></Article></MedlineCitation>"
            "</PubmedArticle></PubmedArticleSet>",
        }
    },
}
_ANSWERS: dict[str, Any] = {
    "application/x-ndjson": {"schema": {"type": "string", "description": "An object a line"}},
    "text/plain": {"schema": {"type": "string", "description": "PubTator"}},
}
_REFUSALS = {
    400: "The body isn't JSON",
    408: "The body didn't come in time",
    413: "The body, a document, or the number of documents is too large",
    415: "The body is packed",
    422: "A parameter, or a document of the body, can't be used; no document was annotated",
    429: "Too much waits already; try again later",
    500: "The pipeline failed",
    503: "Not annotated in time, too little memory, or too many connections; try again later",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers to requests that are refused; all kinds of them, if none is named."""
    return {
        status: {"model": Unreadable if status == 400 else Refused, "description": _REFUSALS[status]}
        for status in statuses or _REFUSALS
    }


def annotating(format: str) -> dict[str, Any]:
    """What a route that reads a format says of its body."""
    # a text may be empty, a file not
    return {"requestBody": {"required": format != "text", "content": _BODIES[format]}}


def answers(format: str) -> dict[int | str, dict[str, Any]]:
    """What such a route says of its answers."""
    json = {"anyOf": [DOCUMENT, _BIOC_OUT]} if format == "text" else _BIOC_OUT
    content = {**_ANSWERS, "application/json": {"schema": json}}
    refused = [status for status in _REFUSALS if status != 400]
    assert set(content) == set(WRITTEN.values())
    return {200: {"description": "The annotated documents", "content": content}, **refusals(*refused)}
