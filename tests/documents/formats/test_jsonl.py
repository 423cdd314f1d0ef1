import json
from dataclasses import replace

import pytest

from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage, Relation
from spacy_bioner.documents.formats import jsonl
from spacy_bioner.errors import FormatError

FULL = Document(
    "Lung and skin cancer.",
    (Passage(0, 21, SENTENCE, {"n": 1}),),
    (
        Mention(((0, 4), (14, 20)), "Disease", "T1", ("MESH:D008175",), 0.5, {"note": "x"}),
        Mention(((9, 20),), "Disease", meta={"text": "Skin tumor"}),
    ),
    (Relation("Is", (("Arg1", "T1"), ("", "D1")), "R1", {"sure": True}),),
    ((0, 4), (5, 8)),
    {"year": 1999},
    "7",
)
LINE = {
    "id": "7",
    "text": "Lung and skin cancer.",
    "spans": [
        {
            "start": 0,
            "end": 20,
            "label": "Disease",
            "parts": [[0, 4], [14, 20]],
            "id": "T1",
            "identifiers": ["MESH:D008175"],
            "score": 0.5,
            "meta": {"note": "x"},
        },
        {"start": 9, "end": 20, "label": "Disease", "text": "Skin tumor"},
    ],
    "passages": [{"start": 0, "end": 21, "type": "sentence", "meta": {"n": 1}}],
    "relations": [
        {
            "id": "R1",
            "type": "Is",
            "arguments": [{"role": "Arg1", "id": "T1"}, {"role": "", "id": "D1"}],
            "meta": {"sure": True},
        }
    ],
    "tokens": [
        {"text": "Lung", "start": 0, "end": 4, "id": 0},
        {"text": "and", "start": 5, "end": 8, "id": 1},
    ],
    "meta": {"year": 1999},
}
SIMPLE = Document("IL-2", (), (Mention(((0, 4),), "Gene"),))


def read(write, *lines):
    return list(jsonl.read(write("".join(f"{json.dumps(line)}\n" for line in lines), "in.jsonl")))


def test_written_form_and_back(write):
    [written] = jsonl.write([FULL])
    assert json.loads(written.text) == LINE
    assert list(json.loads(written.text)) == list(LINE)
    assert (written.mentions, written.dropped, written.others) == (["Disease", "Disease"], [], {})
    # the one mention whose text is another is unknown for its type
    assert read(write, LINE) == [replace(FULL, meta={**FULL.meta, "unknown": (("Disease", 9, 20),)})]


def test_least_form():
    [written] = jsonl.write([SIMPLE])
    assert written.text == '{"text": "IL-2", "spans": [{"start": 0, "end": 4, "label": "Gene"}]}\n'


def test_text_is_written_as_it_is_but_for_what_may_end_a_line():
    [written] = jsonl.write([Document("β\U0001f9ec\u2028\x85\0")])
    assert written.text == '{"text": "β\U0001f9ec\\u2028\\u0085\\u0000", "spans": []}\n'


@pytest.mark.parametrize(
    "line",
    [
        {"text": "IL-2", "spans": [{"start": 0, "end": 4, "label": "Gene"}]},
        {"text": "IL-2", "spans": [], "labels": [[0, 4, "Gene"]]},
        {"text": "IL-2", "label": [[0, 4, "Gene"]]},
        {"text": "IL-2", "entities": [[0, 4, "Gene"]]},
        {"text": "IL-2", "entities": [{"start_offset": 0, "end_offset": 4, "label": "Gene"}]},
        {"data": "IL-2", "label": [[0, 4, "Gene"]], "id": None, "relations": []},
        {"text": "IL-2", "spans": [{"start": 0, "end": 4, "label": "Gene", "text": "IL-2", "score": None}]},
    ],
)
def test_forms_of_others(write, line):
    assert read(write, line) == [SIMPLE]


def test_what_is_not_known_is_kept(write):
    line = {"text": "IL-2", "id": 12, "answer": "accept", "_input_hash": -3, "relations": [{"head": 0}]}
    line["spans"] = [{"start": 0, "end": 4, "label": "Gene", "token_start": 0, "meta": {"a": [1, [2]]}}]
    [found] = read(write, line)
    assert found.id == "12"
    assert found.meta == {"answer": "accept", "_input_hash": -3, "relations": ({"head": 0},)}
    assert found.mentions[0].meta == {"token_start": 0, "a": (1, (2,))}


def test_offsets_that_do_not_give_their_text(write):
    spans = [
        {"start": 2, "end": 6, "label": "A", "text": "skin"},
        {"start": 0, "end": 2, "label": "A", "text": "x"},
    ]
    [found] = read(write, {"text": "the skin", "spans": spans})
    assert [(m.spans, m.meta) for m in found.mentions] == [
        (((4, 8),), {"moved": 2}),
        (((0, 2),), {"text": "x"}),
    ]


SPAN = {"start": 0, "end": 1, "label": "A"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "not JSON: Expecting value (line 1, character 1)"),
        ("{} {}", "not JSON: Extra data"),
        ("[" * 100_000, "nested too deeply"),
        ('{"text": "a", "meta": ' + '{"a": ' * 200 + "1" + "}" * 201, "nested more than 100 times"),
        ('{"text": NaN}', "NaN isn't a number in JSON"),
        ('{"text": "a", "id": ' + "9" * 5000 + "}", "not JSON that can be used: Exceeds the limit"),
        ('{"text": "\\ud83e"}', "half of a surrogate pair"),
        ("[1]", "one object"),
        ("{}", 'there is no "text"'),
        ({"text": 1}, '"text" should be a text, and is not'),
        ({"text": None}, '"text" should be a text, and is missing'),
        ({"text": "a", "spans": "b"}, '"spans" should be a list'),
        ({"text": "a", "spans": [SPAN], "label": [SPAN]}, 'both "spans" and "label"'),
        ({"text": "a", "data": "b"}, 'both "text" and "data"'),
        ({"text": "a", "passages": [{"start": 1, "end": 0}]}, "from 1 to 0, in a text of 1"),
        ({"text": "a", "passages": [1]}, '"passages" should be a list of objects'),
        ({"text": "ab", "tokens": [{"start": 1, "end": 2}, {"start": 0, "end": 1}]}, "tokens overlap"),
        ({"text": "a", "id": 10**300}, '"id" is huge'),
    ],
)
def test_bad_lines(write, line, message):
    bad = line if isinstance(line, str) else json.dumps(line)
    path = write(f'{{"text": "a"}}\n\n{bad}\n')
    reading = jsonl.read(path)
    assert next(reading).text == "a"  # one by one
    with pytest.raises(FormatError) as raised:
        next(reading)
    assert str(raised.value).startswith(f"{path}, line 3: ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"text": "a", "spans": {}, "label": [1]}, "[start, end, label]"),
        ({"text": "a", "label": ["positive"]}, "[start, end, label]"),
        ({"text": "a", "spans": [SPAN | {"start": "0"}]}, '"start" should be a whole number'),
        ({"text": "a", "spans": [SPAN | {"start": True}]}, '"start" should be a whole number'),
        ({"text": "a", "spans": [SPAN | {"end": 1.0}]}, '"end" should be a whole number'),
        ({"text": "a", "spans": [SPAN | {"end": 10**20}]}, "no text is so long"),
        ({"text": "a", "spans": [SPAN | {"end": 10**400}]}, '"end" is huge'),
        ({"text": "a", "spans": [SPAN | {"end": 2}]}, "a mention from 0 to 2, in a text of 1 characters"),
        ({"text": "a", "spans": [SPAN | {"end": 0}]}, "a mention from 0 to 0"),
        ({"text": "a", "spans": [SPAN | {"label": None}]}, '"label" should be a text, and is missing'),
        ({"text": "a", "spans": [SPAN | {"score": 2}]}, "the score 2 isn't between 0 and 1"),
        ({"text": "a", "spans": [SPAN | {"score": "high"}]}, 'the "score" of a span is a number'),
        ({"text": "a", "spans": [SPAN | {"parts": []}]}, '"parts" of a span are'),
        ({"text": "a", "spans": [SPAN | {"parts": [[0, 1, 2]]}]}, '"parts" of a span are'),
        ({"text": "a", "spans": [SPAN | {"identifiers": [1]}]}, '"identifiers" of a span are texts'),
        ({"text": "a", "relations": [{"arguments": [{"role": "x"}]}]}, '"id" should be a text'),
        ({"text": "a", "relations": [{"arguments": 3}]}, '"arguments" should be a list'),
        ({"text": "a", "relations": [{"arguments": ["x"]}]}, "number 1 of"),
    ],
)
def test_bad_spans_and_relations_are_set_aside_and_the_rest_is_kept(write, line, message):
    good = {"start": 0, "end": 1, "label": "A"}
    for key in ("spans", "label"):
        if line.get(key):
            line = line | {key: [*line[key], good]}
    [found] = read(write, line if line.get("label") else {"spans": [good]} | line)
    assert [(m.spans, m.type) for m in found.mentions] == [(((0, 1),), "A")]
    [bad] = found.meta["bad"]
    assert message in bad


def test_keys_of_tokens_and_arguments_that_are_not_read_are_counted(write):
    token = {"text": "a", "start": 0, "end": 1, "id": 0, "ws": True, "style": "x"}
    relation = {"type": "R", "arguments": [{"role": "a", "id": "T1", "sure": True}]}
    [found] = read(write, {"text": "a", "tokens": [token], "relations": [relation]})
    counted = {"token key 'style', not read": 1, "argument key 'sure', not read": 1}
    assert found.meta == {"counted": counted}
    [piece] = jsonl.write([found])
    assert "counted" not in piece.text
