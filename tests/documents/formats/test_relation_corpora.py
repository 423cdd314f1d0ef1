"""The forms in which corpora of relations are handed out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.corpora.splits import files_by_split
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import detect, read, read_each
from spacy_bioner.documents.metadata import BAD, COUNTED
from spacy_bioner.errors import FormatError

Write = Callable[..., Path]


def described(document: Document) -> list[tuple[str, ...]]:
    """The relations of a document in words."""
    by_id = {m.id: document.text_of(m) for m in document.mentions}
    return [(r.type, *(by_id[filler] for _, filler in r.arguments)) for r in document.relations]


def test_masked_sentences_stay_masked(write: Write):
    path = write(
        "index\tsentence\tlabel\n7\tThe @GENE$ gene causes @DISEASE$.\t1\n8\t@DISEASE$, @GENE$.\t0\n"
    )
    assert detect(path) == "masked-tsv"
    first, second = read(path)
    assert (first.id, described(first)) == ("7", [("RELATED", "@GENE$", "@DISEASE$")])
    assert described(second) == []
    assert [m.type for m in second.mentions] == ["DISEASE", "GENE"]
    path = write("One @GENE$ and @DISEASE$.\t1\n\nNo pair here, @GENE$.\t1\na\tb\tc\td\n")
    assert detect(path) == "masked-tsv"
    good, *bad = read_each(path)
    assert described(good) == [("RELATED", "@GENE$", "@DISEASE$")]
    assert [str(error).partition(", ")[2][:30] for error in bad] == [
        "line 3: 1 masked entities (@GE",
        "line 4: not a line of (index,)",
    ]


def test_marks_are_taken_out_of_the_text(write: Write):
    rows = [
        '{"text": "New [[ TCDD ]] blocks << AhR >>.", "label": "INHIBITOR", "metadata": []}',
        '{"text": "<< A >> and << B >>.", "label": "INHIBITOR"}',
        '{"text": "<< A >> and B.", "label": "INHIBITOR"}',
        '{"text": 3, "label": "INHIBITOR"}',
    ]
    path = write("\n".join(rows), "x.txt")
    assert detect(path) == "marked-jsonl"
    good, *bad = read_each(path)
    assert good.text == "New TCDD blocks AhR."
    assert described(good) == [("INHIBITOR", "AhR", "TCDD")]
    assert len(bad) == 3
    assert all(isinstance(error, FormatError) for error in bad)


DDI = """<?xml version="1.0" encoding="UTF-8"?>
<document id="d1"><sentence id="s0" text="Aspirin and warfarin or coumarin bleed.">
<entity id="e0" charOffset="0-6" type="drug" text="Aspirin"/>
<entity id="e1" charOffset="12-19" type="drug" text="warfarin"/>
<entity id="e2" charOffset="0-6;24-31" type="group" text="Aspirin coumarin"/>
<entity id="e3" charOffset="x" type="group" text="?"/>
<pair id="p0" e1="e0" e2="e1" ddi="true" type="effect"/>
<pair id="p1" e1="e0" e2="e2" ddi="false"/>
</sentence><sentence id="s1" text="No lithium."><entity id="e4" charOffset="3-9" type="drug" text="lithium"/>
</sentence></document>"""


def test_ddi_has_inclusive_ends_and_a_line_a_sentence(write: Write, tmp_path: Path):
    path = write(DDI, "folder/below/a.xml")
    assert detect(path) == "ddi-xml"
    (document,) = read(path)
    assert document.text == "Aspirin and warfarin or coumarin bleed.\nNo lithium."
    assert described(document) == [("effect", "Aspirin", "warfarin")]
    texts = [document.text_of(m) for m in document.mentions]
    assert texts == ["Aspirin", "warfarin", "Aspirin coumarin", "lithium"]
    assert document.meta[COUNTED] == {"pairs of entities that are not related": 1}
    assert document.meta[BAD] == ("entity e3: its charOffset is 'x', and should be '3-8'",)
    assert list(read(tmp_path / "folder", "ddi-xml")) == [document]
    with pytest.raises(FormatError, match="declares entities"):
        list(read(write('<!DOCTYPE document [<!ENTITY a "b">]>' + DDI[38:], "b.xml"), "ddi-xml"))


def test_folders_of_ddi_named_as_splits_are_splits(write: Write, tmp_path: Path):
    write(DDI, "in/Train/DrugBank/a.xml")
    write(DDI.replace('id="d1"', 'id="d2"'), "in/Test/MedLine/b.xml")
    assert list(files_by_split([tmp_path / "in"], "ddi-xml")) == ["train", "test"]


def test_ade_mentions_are_where_their_texts_are_as_far_apart_as_told(write: Write):
    lines = [
        "10|Pain, then pain of lithium|pain|111|115|lithium|119|126",
        "10|Pain, then pain of lithium|Pain|100|104|lithium|119|126",
        "10|Pain, then pain of lithium|ache|100|104|lithium|119|126",
        "no line",
    ]
    path = write("\n".join(lines), "DRUG-AE.rel")
    assert detect(path) == "ade"
    document, bad = read_each(path)
    assert described(document) == [
        ("ADVERSE_EFFECT", "lithium", "pain"),
        ("ADVERSE_EFFECT", "lithium", "Pain"),
    ]
    assert [m.start for m in document.mentions] == [0, 11, 19]
    assert len(document.meta[BAD]) == 1
    assert isinstance(bad, FormatError)
    path = write("10 NEG Nothing here.\n", "ADE-NEG.txt")
    assert detect(path) == "ade"
    assert [(d.text, d.id) for d in read(path)] == [("Nothing here.", "10")]


def test_chemprot_is_three_files(write: Write):
    path = write("7\tAspirin\tIt blocks COX1.\n", "x_abstracts.tsv")
    write("7\tT1\tCHEMICAL\t0\t7\tAspirin\n7\tT2\tGENE-Y\t18\t22\tCOX1\n", "x_entities.tsv")
    write("7\tCPR:4\tY \tINHIBITOR\tArg1:T1\tArg2:T2\n", "x_relations.tsv")
    (document,) = read(path, "chemprot")
    assert described(document) == [("INHIBITOR", "Aspirin", "COX1")]
    assert document.relations[0].meta == {"group": "CPR:4", "evaluated": "Y"}
    with pytest.raises(FormatError, match="abstracts"):
        list(read(write("7\tT1\n", "x.tsv"), "chemprot"))
