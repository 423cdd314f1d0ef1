"""Other people's JSON with names that mean something here: nothing fails, is lost, or gets in."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spacy_bioner.corpora.annotations import Annotation
from spacy_bioner.corpora.conversion import Tally, to_docs
from spacy_bioner.corpora.sources import open_source, write_columns, write_format
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import columns, jsonl
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.metadata import BAD, OF_DOCUMENTS, OF_MENTIONS, OF_PASSAGES, OF_RELATIONS, taken
from spacy_bioner.errors import ConversionError
from spacy_bioner.text.tokenizer import create_tokenizer

TOKENIZE = create_tokenizer()(spacy.blank("en"))
NAMES = sorted({*OF_DOCUMENTS, *OF_PASSAGES, *OF_MENTIONS, *OF_RELATIONS, "notes", "attributes"})
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "a\nb\tc", "-DOCSTART-\nx\tO"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([".ann", *NAMES]), inner, max_size=2)
    ),
    max_leaves=4,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=3)


@st.composite
def foreign(draw):
    """A line of JSON with such names anywhere."""
    names = {key: value for key, value in draw(objects).items() if key not in ("text", "meta")}
    span = {key: value for key, value in draw(objects).items() if key not in ("text", "parts")}
    span |= {"start": 0, "end": 7, "label": "X", "meta": draw(objects)}
    arguments = [{"role": "a", "id": "D1"}, {"role": "b", "id": "D2"}]
    relations = [draw(objects), {"type": "R", "arguments": arguments, "meta": draw(objects)}]
    passages = [{"start": 0, "end": 7, "meta": draw(objects)}]
    more = {"meta": draw(objects), "spans": [span], "relations": relations, "passages": passages}
    return {"text": "Aspirin helps.", "id": "1"} | names | more


def read_line(line: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jsonl"
        path.write_text(line)
        [found] = formats.read(path, "jsonl")
        return found


@settings(max_examples=200)
@given(foreign())
def test_names_of_ours_in_json_of_others(line):
    found = read_line(json.dumps(line))
    [again] = map(read_line, (piece.text for piece in jsonl.write([found])))
    # what can't be used is told by the reader, and isn't written
    assert again == replace(found, meta={name: value for name, value in found.meta.items() if name != BAD})
    for value in (found, *found.mentions, *found.passages, *found.relations):
        assert not value.meta.keys() & {"unread", "counted", "repaired", "line", "moved"}
    for name, known in formats.FORMATS.items():
        if name == "columns" or not (known.reads and known.writes):
            continue
        try:
            list(known.write([found]))
        except ConversionError:
            assert name != "jsonl"  # a format of lines may refuse
    [doc] = to_docs([found], TOKENIZE.vocab, TOKENIZE, Annotation("c", ("X",)), Tally())
    assert doc.text == found.text


@settings(max_examples=100)
@example({"text": "Aspirin helps.", "spans": [{"start": 0, "end": 7, "label": "X", "score": []}]})
@given(foreign())
def test_names_of_ours_put_nothing_into_columns(line):
    found = read_line(json.dumps(line | {"tokens": [{"start": 0, "end": 7}]}))
    [written] = columns.lines([found])
    lines = written.text.splitlines()
    assert found.mentions or BAD in found.meta  # one that can't be used, as with a list for a score, is told
    tag = "B-X" if found.mentions else "O"
    assert [row for row in lines if row and not row.startswith("-DOCSTART-")] == [f"Aspirin\t{tag}"]
    assert not any("\t" in row and row.startswith("-DOCSTART-") and "\n" in row for row in lines)


@settings(max_examples=100)
@given(objects, objects)
def test_nothing_of_a_meta_is_lost(meta, others):
    found = taken(meta, OF_DOCUMENTS, others)
    layers = [found]
    while "json" in layers[-1] and isinstance(layers[-1]["json"], dict):
        layers.append(layers[-1]["json"])
    for key, value in (*meta.items(), *others.items()):
        assert any(key in layer and layer[key] == value for layer in layers) or key == "json"


def test_keys_that_mean_something_are_kept_apart(write):
    line = {"text": "a", "unread": True, "moved": 1, "source": "x", "meta": {"source": "y", "lines": 5}}
    line |= {"relations": "none"} | {"relations": [{"head": 1}]}
    [found] = jsonl.read(write(json.dumps(line)))
    assert found.meta == {
        "source": "y",
        "relations": ({"head": 1},),
        "json": {"unread": True, "moved": 1, "source": "x", "json": {"lines": 5}},
    }


def test_relations_that_are_a_text_are_refused(write):
    line = {"text": "a", "meta": {"relations": "x"}, "relations": [{"head": 1}]}
    [found] = jsonl.read(write(json.dumps(line)))
    assert found.meta == {"relations": "x", "json": {"relations": ({"head": 1},)}}


@pytest.mark.parametrize("infon", ['{"meta": {"infons": 5}}', '{"meta": 1}', '{"passages": 3}', "[1]"])
def test_infon_of_ours_with_something_else_in_it(write, infon):
    infons = {"spacy-bioner": infon}
    passage = {
        "offset": 0,
        "text": "ab",
        "infons": infons,
        "annotations": [
            {"id": "1", "infons": infons, "text": "ab", "locations": [{"offset": 0, "length": 2}]}
        ],
        "relations": [{"id": "R", "infons": infons, "nodes": []}],
    }
    path = write(json.dumps({"id": "1", "infons": infons, "passages": [passage]}))
    [found] = formats.read(path, "bioc-json")
    for name in ("bioc-json", "bioc-xml", "jsonl", "pubtator", "brat"):
        list(formats.FORMATS[name].write([found]))


def test_line_of_docstart_is_one():
    with pytest.raises(ConversionError, match="isn't a line of -DOCSTART-"):
        list(columns.lines([Document("a", tokens=((0, 1),), meta={"docstart": "-DOCSTART-\nx\tO"})]))


def test_how_it_was_read_is_counted_and_not_written(write, tmp_path):
    path = write('{"documents": [{"id": "1", "x": 1, "passages": [{"offset": 0, "text": "a"}]}]}')
    tally = Tally()
    source = open_source(path, ColumnOptions())
    write_format(source, tmp_path / "out.jsonl", (), tally, formats.FORMATS["jsonl"])
    assert tally.unread == ["document 1: document key 'x'"]
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"id": "1", "text": "a", "spans": []}


def test_what_columns_do_not_hold(write, tmp_path):
    line = {
        "id": "7",
        "text": "a b",
        "spans": [{"start": 0, "end": 1, "label": "X", "id": "T1", "score": 0.5}],
    }
    line |= {"tokens": [{"start": 0, "end": 1}, {"start": 2, "end": 3}]}
    line |= {"passages": [{"start": 0, "end": 3, "type": "title", "meta": {"n": 1}}]}
    tally = Tally()
    write_columns(open_source(write(json.dumps(line)), ColumnOptions()), tmp_path / "out.tsv", ["X"], tally)
    lost = ("ids of mentions", "ids of documents", "scores", "passages", "notes on passages")
    assert tally.others == dict.fromkeys(lost, 1)
