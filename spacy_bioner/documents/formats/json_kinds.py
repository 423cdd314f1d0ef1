"""Which format a JSON file is in, by the keys in how it begins."""

import re

from spacy_bioner.documents.formats import jsonl

_JSON = re.compile(r'(\{|\[\s*\{|\[|\[\s*\[)\s*"')
_KEY = re.compile(r'"(\w+)"\s*:')
_JSON_FORMATS = {  # by the keys that tell what a JSON file holds; the first that has all of one of its sets
    "spacy-json": ({"paragraphs"},),
    "pubannotation": ({"text", "denotations"}, {"text", "tracks"}),
    "token-rows": ({"tokens", "ner_tags"}, {"tokens", "tags"}, {"rows", "features"}),
    "label-studio": (
        {"annotations", "data", "result"},
        {"predictions", "data"},
        {"annotations", "data", "was_cancelled"},
        {"annotations", "data", "completed_by"},
        {"annotation_id", "text"},
    ),
}


def json_format(head: str) -> str:
    """Tells the format of a JSON file by the keys in how it begins; empty if it isn't JSON."""
    if not _JSON.match(head):
        return ""
    keys = {match[1]: None for match in _KEY.finditer(head)}
    if next((key for key in keys if key in ("documents", "passages", *jsonl.TEXT_KEYS)), "") in (
        "documents",
        "passages",
    ):
        return "bioc-json"
    for name, sets in _JSON_FORMATS.items():
        if any(wanted <= keys.keys() for wanted in sets):
            return name
    if re.match(r'\{\s*"tokens"|\[\s*\{\s*"tokens"', head) and "text" not in keys:
        return "token-rows"
    if re.search(r'"data"\s*:\s*\{', head):
        return "label-studio"
    row = re.match(r'\[\s*(?:\[\s*)?"(?:[^"\\]|\\.)*"\s*,\s*\{', head)
    return "jsonl" if row or keys.keys() & set(jsonl.TEXT_KEYS) else ""


def is_json(head: str) -> bool:
    """Whether what begins so is JSON with an object in it."""
    return _JSON.match(head) is not None
