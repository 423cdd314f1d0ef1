"""What annotation tools and libraries export: Label Studio, doccano, Prodigy, PubAnnotation, and others."""

import json

import pytest

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.errors import ConversionError, FormatError

TEXT = "Cisplatin harms kidneys."
CHEMICAL, ORGAN = Mention(((0, 9),), "Chemical", "7"), Mention(((16, 23),), "Organ", "8")
HARMS = Relation("harms", (("from", "7"), ("to", "8")), "1")


def read(write, content, name="in.json"):
    content = content if isinstance(content, str) else json.dumps(content)
    return list(formats.read(write(content, name)))


def lines(*objects):
    return "".join(f"{json.dumps(found)}\n" for found in objects)


def seen(document):
    return [(document.text_of(mention), mention.type) for mention in document.mentions]


BOTH = [("Cisplatin", "Chemical"), ("kidneys", "Organ")]

SCORED = Document(
    TEXT,
    mentions=(CHEMICAL, ORGAN),
    relations=(Relation("harms", (("subj", "7"), ("obj", "8")), "R1", {"score": 0.9123}),),
    id="1",
)


@pytest.mark.parametrize("name", ["brat", "pubannotation", "bioc-xml", "bioc-json", "jsonl"])
def test_scores_of_relations_come_back(tmp_path, name):
    target = tmp_path / name
    written = formats.write([SCORED], target, name)
    (relation,) = next(iter(formats.read(target, name))).relations
    assert (relation.type, relation.score, relation.meta) == ("harms", 0.9123, {"score": 0.9123})
    assert not written.others["notes on relations"]
    formats.write([SCORED], tmp_path / "tasks", "label-studio")  # which reads no predictions
    (task,) = json.loads((tmp_path / "tasks").read_text())
    assert task["predictions"][0]["result"][-1]["score"] == 0.9123


def test_what_is_no_score_stays_an_attribute(write):
    own = {"id": "A1", "subj": "7", "pred": "score", "obj": 0.5}
    others = [own | {"obj": "high"}, own | {"subj": "9"}, own | {"obj": 2}, own | {"by": "me"}, "x"]
    found = {
        "text": TEXT,
        "denotations": [{"id": "7", "span": {"begin": 0, "end": 9}, "obj": "Chemical"}],
        "attributes": [*others, own, own],
    }
    (document,) = read(write, found)
    assert document.mentions[0].score == 0.5
    assert len(document.meta["attributes"]) == len(others) + 1


# Label Studio


def task(*results, text=TEXT, **more):
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": list(results)}], **more}


def region(start, end, label, id="r", **more):
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {"id": id, "type": "labels", "from_name": "label", "to_name": "text", "value": value, **more}


def test_label_studio(write):
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["harms"]}
    found = read(write, [task(region(0, 9, "Chemical", "a"), region(16, 23, "Organ", "b"), relation)])
    assert [(d.id, seen(d)) for d in found] == [("1", BOTH)]
    assert found[0].relations == (Relation("harms", (("from", "a"), ("to", "b"))),)


def test_of_label_studios_annotations_one_is_gold_and_nothing_else_is(write):
    cancelled = {"result": [region(0, 9, "No")], "was_cancelled": True}
    other = {"result": [region(0, 9, "Other")]}
    truth = {"result": [region(0, 9, "Chemical")], "ground_truth": True}
    both = task() | {
        "annotations": [cancelled, other, truth],
        "predictions": [{"result": [region(0, 9, "No")]}],
    }
    empty, imported = task() | {"annotations": []}, {"data": {"text": "New."}}
    first, second = read(write, [both, empty, imported])
    assert seen(first) == [("Cisplatin", "Chemical")]
    assert first.meta["counted"] == {
        "predictions, which are no gold and not read": 1,
        "further annotations of the same task, not read": 1,
    }
    assert (second.text, second.meta["counted"]) == ("New.", {"tasks without an annotation, left out": 1})


def test_label_studios_short_form(write):
    value = {"start": 0, "end": 9, "text": "Cisplatin", "labels": ["Chemical", "Drug"]}
    [found] = read(write, [{"id": 4, "text": TEXT, "label": [value], "annotator": 1, "annotation_id": 2}])
    assert (found.id, seen(found)) == ("4", [("Cisplatin", "Chemical"), ("Cisplatin", "Drug")])


def test_label_studio_counts_utf_16_units_as_browsers_do(write):
    text = "🧬🧬 Cisplatin harms."
    result = {"type": "labels", "value": {"start": 5, "end": 14, "text": "Cisplatin", "labels": ["Chemical"]}}
    [found] = read(write, [task(result, text=text)])
    assert seen(found) == [("Cisplatin", "Chemical")]


def test_label_studio_bad_results_are_set_aside(write):
    bad = [
        region(0, 9, "A") | {"value": {"start": 0, "labels": ["A"]}},
        region(0, 99, "B"),
        {"type": "choices"},
    ]
    [found] = read(write, [task(*bad, region(0, 9, "Chemical"))])
    assert seen(found) == [("Cisplatin", "Chemical")]
    assert len(found.meta["bad"]) == 2
    assert found.meta["counted"] == {"results of the kind 'choices', not read": 1}


@pytest.mark.parametrize("score", [None, 0.5])
def test_label_studio_is_written(tmp_path, score):
    mention = Mention(((0, 9),), "Chemical", "7", ("MESH:D1", "D2"), score)
    document = Document(TEXT, (), (mention, ORGAN, Mention(((0, 1), (3, 4)), "X")), (HARMS,), id="12")
    account = formats.write([document], tmp_path / "out.json", "label-studio")
    assert [d.reason for d in account.dropped] == ["discontinuous"]
    [written] = json.loads((tmp_path / "out.json").read_text())
    assert (written["id"], written["data"]["text"]) == (12, TEXT)
    assert ("predictions" in written) == (score is not None)
    results = written["predictions" if score else "annotations"][0]["result"]
    assert results[0]["value"] == {"start": 0, "end": 9, "text": "Cisplatin", "labels": ["Chemical"]}
    assert results[0].get("score") == score
    if score is None:
        [back] = formats.read(tmp_path / "out.json")
        assert (back.id, seen(back), back.mentions[0].identifiers) == ("12", BOTH, ("MESH:D1", "D2"))
        assert [r.arguments for r in back.relations] == [HARMS.arguments]


# doccano


def test_doccano_in_both_forms(write):
    plain = {"id": 1, "text": TEXT, "label": [[0, 9, "Chemical"], [16, 23, "Organ"]], "Comments": []}
    entities = [
        {"id": 7, "label": "Chemical", "start_offset": 0, "end_offset": 9},
        {"id": 8, "label": "Organ", "start_offset": 16, "end_offset": 23},
    ]
    relations = [{"id": 1, "from_id": 7, "to_id": 8, "type": "harms"}]
    second = {"id": 2, "text": TEXT, "entities": entities, "relations": relations}
    first, second = read(write, lines(plain, second))
    assert (seen(first), seen(second)) == (BOTH, BOTH)
    assert second.relations == (HARMS,)
    assert second.mentions == (CHEMICAL, ORGAN)


def test_relations_of_doccano_reach_brat(write, tmp_path):
    entities = [
        {"id": 7, "label": "Chemical", "start_offset": 0, "end_offset": 9},
        {"id": 8, "label": "Organ", "start_offset": 16, "end_offset": 23},
    ]
    found = {"id": 2, "text": TEXT, "entities": entities}
    found["relations"] = [{"id": 1, "from_id": 7, "to_id": 8, "type": "harms"}]
    account = formats.write(read(write, lines(found)), tmp_path / "out", "brat")
    assert (account.relations, account.relations_out) == ([], 1)
    assert "R1\tharms from:T1 to:T2\n" in (tmp_path / "out/2.ann").read_text()


def test_doccano_is_written_in_both_forms(tmp_path):
    document = Document(TEXT, (), (CHEMICAL, ORGAN, Mention(((0, 1), (3, 4)), "X")), (HARMS,), id="12")
    account = formats.write([document], tmp_path / "a.jsonl", "doccano")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {
        "id": 12,
        "text": TEXT,
        "label": [[0, 9, "Chemical"], [16, 23, "Organ"]],
    }
    assert (len(account.dropped), len(account.relations)) == (1, 1)
    account = formats.write([document], tmp_path / "b.jsonl", "doccano-relations")
    assert (len(account.dropped), len(account.relations)) == (1, 0)
    [back] = formats.read(tmp_path / "b.jsonl")
    assert (seen(back), back.relations[0].type) == (BOTH, "harms")
    ids = {mention.id for mention in back.mentions}
    assert {filler for _, filler in back.relations[0].arguments} == ids


# Prodigy


def test_answers_of_prodigy(write):
    spans = [{"start": 0, "end": 9, "label": "Chemical"}]
    accepted = {"text": TEXT, "spans": spans, "answer": "accept"}
    found = read(write, lines(accepted | {"answer": "reject"}, accepted, accepted | {"answer": "ignore"}))
    assert [seen(d) for d in found] == [[("Cisplatin", "Chemical")]]
    assert found[0].meta["counted"] == {"examples that were rejected or ignored, left out": 2}
    with pytest.raises(FormatError, match="nothing to read in it but examples that were rejected or ignored"):
        read(write, lines(accepted | {"answer": "reject"}))


@pytest.mark.parametrize("tokens", [None, []])
def test_no_tokens_are_no_tokens(write, tokens):
    spans = [{"start": 0, "end": 9, "label": "Chemical"}]
    [found] = read(write, lines({"text": TEXT, "spans": spans, "tokens": tokens, "meta": None}))
    assert (found.tokens, seen(found)) == (None, [("Cisplatin", "Chemical")])


def test_relations_of_prodigy(write):
    head, child = ({"start": a, "end": b, "label": c} for a, b, c in ((0, 9, "Chemical"), (16, 23, "Organ")))
    relation = {"head": 0, "child": 2, "head_span": head, "child_span": child, "label": "harms"}
    [found] = read(write, lines({"text": TEXT, "spans": [head, child], "relations": [relation]}))
    assert found.relations == (Relation("harms", (("head", "T1"), ("child", "T2"))),)
    assert [m.id for m in found.mentions] == ["T1", "T2"]


# spans under other names


@pytest.mark.parametrize("key", ["annotations", "ents", "mentions", "labels", "entities"])
def test_mentions_under_other_keys_are_read(write, key):
    spans = [{"start": 0, "end": 9, "label": "Chemical"}, [16, 23, "Organ"]]
    assert seen(read(write, lines({"text": TEXT, key: spans}))[0]) == BOTH


@pytest.mark.parametrize("spans", [[{"start": 0, "end": 9, "x": 1}], [[0, 9, "X"]], [{"begin": 0, "end": 9}]])
def test_what_looks_like_mentions_is_not_taken_for_a_note(write, spans):
    with pytest.raises(FormatError, match='"foo" looks like mentions and isn\'t read: call it "spans"'):
        read(write, lines({"text": TEXT, "foo": spans}))


def test_rows_of_spacy_2(write):
    row = [TEXT, {"entities": [[0, 9, "Chemical"], [16, 23, "Organ"]]}]
    assert [seen(d) for d in read(write, lines(row, row))] == [BOTH, BOTH]
    assert [seen(d) for d in read(write, [row])] == [BOTH]


def test_docs_of_spacy_3_as_json(write):
    ents = [{"start": 0, "end": 9, "label": "Chemical", "kb_id": "MESH:D1"}]
    organ = {"start": 16, "end": 23, "label": "Organ", "kb_id": ""}
    tokens = [{"id": 0, "start": 0, "end": 9}, {"id": 1, "start": 10, "end": 15}]
    whole = {"text": TEXT, "ents": ents, "sents": [{"start": 0, "end": 24}], "tokens": tokens}
    [found] = read(write, lines(whole | {"spans": {"bioner": [*ents, organ]}}))
    assert (seen(found), found.mentions[0].identifiers) == (BOTH, ("MESH:D1",))
    assert found.tokens == ((0, 9), (10, 15))


def test_a_list_of_objects_is_read_as_lines_are(write):
    spans = [{"start": 0, "end": 9, "label": "Chemical"}, [16, 23, "Organ"]]
    assert [seen(d) for d in read(write, [{"text": TEXT, "spans": spans}] * 2)] == [BOTH, BOTH]
    one = json.dumps({"text": TEXT, "spans": spans}, indent=2)
    assert [seen(d) for d in read(write, one)] == [BOTH]


# PubAnnotation


def denotation(id, begin, end, type):
    return {"id": id, "span": {"begin": begin, "end": end}, "obj": type}


def test_pubannotation(write):
    whole = {
        "target": "http://x",
        "sourcedb": "PubMed",
        "sourceid": "12",
        "text": TEXT,
        "denotations": [denotation("T1", 0, 9, "Chemical"), denotation("T2", 16, 23, "Organ"), {"id": "T3"}],
        "relations": [{"id": "R1", "pred": "harms", "subj": "T1", "obj": "T2"}],
        "attributes": [{"id": "A1", "subj": "T1", "pred": "x", "obj": "y"}],
    }
    for content in (whole, [whole], lines(whole)):
        [found] = read(write, content)
        assert (found.id, seen(found)) == ("12", BOTH)
        assert found.relations == (Relation("harms", (("subj", "T1"), ("obj", "T2")), "R1"),)
        assert found.meta["attributes"][0]["obj"] == "y"
        assert found.meta["bad"][0].startswith("denotation T3: ")
    track = {"text": TEXT, "tracks": [{"project": "p", "denotations": whole["denotations"][:2]}]}
    assert seen(read(write, track)[0]) == BOTH
    parts = {"id": "T1", "span": [{"begin": 0, "end": 9}, {"begin": 16, "end": 23}], "obj": "X"}
    [found] = read(write, {"text": TEXT, "denotations": [parts]})
    assert found.mentions[0].spans == ((0, 9), (16, 23))


def test_pubannotation_is_written(tmp_path):
    document = Document(TEXT, (), (CHEMICAL, ORGAN, Mention(((0, 1), (3, 4)), "X")), (HARMS,), id="12")
    account = formats.write([document], tmp_path / "out.json", "pubannotation")
    assert not account.dropped
    assert not account.relations
    [back] = formats.read(tmp_path / "out.json")
    assert (back.id, back.text) == ("12", TEXT)
    assert [(m.spans, m.type) for m in back.mentions] == [(m.spans, m.type) for m in document.mentions]
    assert [r.type for r in back.relations] == ["harms"]


# rows of tokens

WORDS = ["IL", "-", "2", "and", "renal", "failure"]
ENTITIES = [("IL-2", "Gene"), ("renal failure", "Disease")]
NAMES = ["O", "B-Gene", "I-Gene", "B-Disease", "I-Disease"]


def test_rows_of_datasets(write):
    named = {
        "id": "0",
        "tokens": WORDS,
        "ner_tags": ["B-Gene", "I-Gene", "I-Gene", "O", "B-Disease", "I-Disease"],
    }
    numbered = {"id": 1, "tokens": WORDS, "ner_tags": [1, 2, 2, 0, 3, 4]}
    with pytest.raises(FormatError, match="are numbers, and nothing says what they mean: write the names"):
        read(write, lines(numbered))
    assert [(d.id, seen(d)) for d in read(write, lines(named, named))] == [("0", ENTITIES)] * 2
    feature = {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}
    served = {"features": [{"name": "ner_tags", "type": feature}], "rows": [{"row_idx": 0, "row": numbered}]}
    assert [(d.id, seen(d)) for d in read(write, served)] == [("1", ENTITIES)]
    write(json.dumps({"features": {"tokens": {"dtype": "string"}, "ner_tags": feature}}), "dataset_info.json")
    assert [seen(d) for d in read(write, lines(numbered))] == [ENTITIES]
    write("\n".join(reversed(NAMES)), "labels.txt")
    numbered["ner_tags"] = [4 - tag for tag in numbered["ner_tags"]]
    assert [seen(d) for d in read(write, lines(numbered))] == [ENTITIES]


def test_bad_rows_are_set_aside(write):
    good = {"tokens": ["a", "b"], "ner_tags": ["O", "B-X"]}
    bad = [good | {"ner_tags": ["O"]}, good | {"ner_tags": ["O", "Q-X"]}, good | {"tokens": ["", "b"]}, 7]
    found = list(formats.read_each(write(lines(good, *bad, good), "in.jsonl"), "token-rows"))
    assert [isinstance(item, FormatError) for item in found] == [False, True, True, True, True, False]


def test_tokens_whose_annotation_is_missing_are_never_outside(write, tmp_path):
    [found] = read(write, lines({"tokens": ["a", "b", "c"], "ner_tags": ["O", None, "B-X"]}))
    assert found.meta["unknown"] == (("", 2, 3),)
    account = formats.write([found], tmp_path / "out.tsv", "columns")
    assert (tmp_path / "out.tsv").read_text() == ""
    assert account.others == {"texts in which the annotation of tokens is missing, left out": 1}
    assert "is missing" in account.dropped[0].reason


# spaCy 2


def test_json_of_spacy_2(write):
    tokens = [
        {"id": i, "orth": word, "ner": tag}
        for i, (word, tag) in enumerate(
            [
                ("Cisplatin", "U-Chemical"),
                ("harms", "O"),
                ("the", "B-Organ"),
                ("kidneys", "L-Organ"),
                (".", "-"),
            ]
        )
    ]
    paragraph = {"raw": "Cisplatin harms  the kidneys.", "sentences": [{"tokens": tokens, "brackets": []}]}
    [found] = read(write, [{"id": 3, "paragraphs": [paragraph]}])
    assert (found.id, seen(found)) == ("3", [("Cisplatin", "Chemical"), ("the kidneys", "Organ")])
    assert found.meta["unknown"] == (("", 28, 29),)
    [found] = read(write, [{"id": 3, "paragraphs": [paragraph | {"raw": None}]}])
    assert found.text == "Cisplatin harms the kidneys."
    given = {"raw": TEXT, "entities": [[0, 9, "Chemical"], [16, 23, "Organ"]]}
    first, second = read(write, [{"id": 3, "paragraphs": [given, given]}])
    assert [first.id, second.id, seen(second)] == ["3.1", "3.2", BOTH]
    with pytest.raises(FormatError, match='the token "Cisplatin" isn\'t where it should be'):
        read(write, [{"id": 3, "paragraphs": [paragraph | {"raw": "Aspirin"}]}])


# CoNLL-U


def conllu(*rows):
    return "".join("\t".join((id, word, *"_" * 7, misc)) + "\n" for id, word, misc in rows) + "\n"


def test_conllu(write):
    first = conllu(
        ("1", "IL", "NER=B-Gene|SpaceAfter=No"),
        ("2", "-2", "NER=I-Gene"),
        ("3-4", "don't", "_"),
        ("3", "do", "_"),
        ("4", "n't", "_"),
        ("4.1", "hidden", "_"),
        ("5", "harm", "SpaceAfter=No"),
        ("6", ".", "_"),
    )
    second = conllu(("1", "Lung", "B-Disease"), ("2", "cancer", "I-Disease"))
    path = write(f"# newdoc id = d1\n# sent_id = 1\n{first}# sent_id = 2\n{second}", "in.conllu")
    found = list(formats.read(path))
    assert [(d.id, d.text, seen(d)) for d in found] == [
        ("d1", "IL-2 don't harm.", [("IL-2", "Gene")]),
        ("d1", "Lung cancer", [("Lung cancer", "Disease")]),
    ]


def test_conllu_bad_sentences_are_set_aside_and_files_without_tags_refused(write):
    good = conllu(("1", "Lung", "NER=B-Disease"))
    found = list(formats.read_each(write(f"{good}1\tLung\n\n{good}", "in.conllu")))
    assert [isinstance(item, FormatError) for item in found] == [False, True, False]
    with pytest.raises(FormatError, match=r"no token has a tag in the last column \(NER=B-TYPE"):
        list(formats.read(write(conllu(("1", "Lung", "_")), "in.conllu")))


def test_formats_that_are_only_read_say_so(tmp_path):
    for name in ("conllu", "spacy-json", "token-rows", "pubmed"):
        with pytest.raises(ConversionError, match="only read here: write bioc-xml, pubtator or jsonl"):
            formats.write([Document("a")], tmp_path / "x", name)
