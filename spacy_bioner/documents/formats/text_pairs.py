"""Two texts and what they are to each other, as corpora of similarity and inference are handed out.

Tables with a header, in TSV or CSV, by the names of their columns: BIOSSES in BLURB's form (`sent1`, `sent2`,
`score`), HealthVer (`evidence`, `claim`, `label`). Without one: BLURB's yes/no questions of BioASQ (id,
question, passage, label), and MedSTS (two sentences, score; written after its description, untested on real
data).

JSON: MedNLI's lines (`sentence1`, `sentence2`, `gold_label`; untested as MedSTS), and PubMedQA's object a
question (`QUESTION`, `CONTEXTS`, `final_decision`). NLI4CT's statements (`Statement`, `Primary_id`) stand
beside the folder "CT json" of the trials.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.strict_json import UnfitError, get, parse
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import LABELS, LINE, SIMILARITY
from spacy_bioner.documents.two_texts import two_texts
from spacy_bioner.errors import FormatError
from spacy_bioner.files import read_text

COLUMNS = (
    ("sent1", "sent2", "score"),
    ("evidence", "claim", "label"),
    ("sentence1", "sentence2", "gold_label"),
)
"""First text, second text, and what is told of them, by the names that corpora give their columns."""
_TRIALS = "CT json"
_SECTIONS = ("Intervention", "Eligibility", "Results", "Adverse Events")


def is_pairs(head: str) -> bool:
    """Whether what begins so has columns of two texts."""
    line = head.partition("\n")[0].rstrip("\r")
    names = {name.strip('"') for name in line.replace(",", "\t").split("\t")}
    if any(set(columns) <= names for columns in COLUMNS):
        return True
    return any(f'"{key}"' in head[:2000] for key in ("final_decision", "Statement", "gold_label", "CONTEXTS"))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a file of pairs, with the error in place of a row that isn't one."""
    text = read_text(path).removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        yield from _json(path, text)
        return
    names = set(text.partition("\n")[0].rstrip("\r").split(","))
    is_csv = any(set(columns) <= names for columns in COLUMNS)  # `fetch` calls every file .tsv
    delimiter = "," if is_csv or path.name.removesuffix(".gz").endswith(".csv") else "\t"
    csv.field_size_limit(1 << 24)
    lines = text.splitlines(keepends=True)
    if delimiter == ",":
        rows = csv.reader(lines)
    else:  # in which a quotation mark is one
        rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    header: Sequence[str] | None = None
    for row in rows:
        number = rows.line_num
        if number == 1 and any(set(columns) <= set(row) for columns in COLUMNS):
            header = row
        elif any(field.strip() for field in row):
            try:
                yield _row(number, row, header)
            except UnfitError as error:
                yield FormatError(path, number, str(error))


def _row(number: int, row: Sequence[str], header: Sequence[str] | None) -> Document:
    if header is None:
        if len(row) not in (3, 4):
            raise UnfitError("neither two texts and a score nor id, two texts and a label [B116]")
        id = row[0] if len(row) == 4 else ""
        return _pair(row[-3], row[-2], row[-1], number, id)
    if len(row) != len(header):
        raise UnfitError(f"{len(row)} columns, and the header has {len(header)} [B117]")
    named = dict(zip(header, row, strict=True))
    columns = next(columns for columns in COLUMNS if set(columns) <= named.keys())
    id = next((named[key] for key in ("pair_id", "id", "pairID") if named.get(key)), "")
    first, second, told = columns
    return _pair(named[first], named[second], named[told], number, id)


def _pair(first: str, second: str, told: str, number: int, id: str) -> Document:
    """A pair with a similarity where it is told in numbers, else with a label."""
    if not first.strip() or not second.strip() or not told.strip():
        raise UnfitError("a text or what is told of it is empty [B118]")
    meta: dict[str, Any] = {LINE: number}
    try:
        meta[SIMILARITY] = float(told)
    except ValueError:
        meta[LABELS] = (told.strip(),)
    return two_texts(first, second, meta=meta, id=id)


def _json(path: Path, text: str) -> Iterator[Readable]:
    try:
        whole = parse(text)
    except UnfitError:
        yield from _json_lines(path, text)
        return
    trials: dict[str, Mapping[str, Any]] = {}
    if not isinstance(whole, dict):
        yield FormatError(path, None, "not an object with a question or statement for each id [B119]")
        return
    for id, item in whole.items():
        try:
            yield _question(id, item) if "QUESTION" in item else _statement(path, id, item, trials)
        except (UnfitError, TypeError) as error:
            yield FormatError(path, None, str(error), id)


def _json_lines(path: Path, text: str) -> Iterator[Readable]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = parse(line)
                first, second, label = (get(row, key, str) for key in COLUMNS[2])
                yield _pair(first, second, label, number, get(row, "pairID", str, ""))
            except UnfitError as error:
                yield FormatError(path, number, str(error))


def _question(id: str, item: Mapping[str, Any]) -> Document:
    contexts = get(item, "CONTEXTS", list)
    label = get(item, "final_decision", str)
    return two_texts(get(item, "QUESTION", str), " ".join(map(str, contexts)), meta={LABELS: (label,)}, id=id)


def _statement(path: Path, id: str, item: Any, trials: dict[str, Mapping[str, Any]]) -> Document:
    """A statement of NLI4CT behind the lines of the trials that are its evidence, or their whole section."""
    section = get(item, "Section_id", str)
    if section not in _SECTIONS:
        raise UnfitError(f"there is no section '{section}' in a trial [B120]")
    parts = []
    for key in ("Primary_id", "Secondary_id"):
        trial = get(item, key, str, "")
        if trial:
            if trial not in trials:
                trials[trial] = _trial(path, trial)
            parts.append(" ".join(str(line).strip() for line in trials[trial].get(section, ())))
    label = get(item, "Label", str)
    return two_texts(get(item, "Statement", str), " ".join(parts), meta={LABELS: (label,)}, id=id)


def _trial(path: Path, name: str) -> Mapping[str, Any]:
    if not name.isalnum():
        raise UnfitError(f"'{name}' is no trial's name [B121]")
    file = path.parent / _TRIALS / f"{name}.json"
    if not file.is_file():
        raise UnfitError(f"there is no trial {name} in '{_TRIALS}' beside it [B122]")
    found = json.loads(read_text(file))
    if not isinstance(found, dict):
        raise UnfitError(f"{file.name} holds no trial [B123]")
    return found
