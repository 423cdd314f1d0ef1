"""Small inputs that went wrong for somebody, each with the right result, where their folder is at hand.

The kinds are tested with inputs of their own beside each format; these are the files that were reported.
"""

from pathlib import Path

import pytest

from spacy_bioner.corpora.sources import open_source
from spacy_bioner.documents import formats
from spacy_bioner.documents.edges import trimmed
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import FormatError


@pytest.fixture(scope="module")
def cases(corpora: Path) -> Path:
    folder = corpora.parent / "cases" / "formats"
    if not folder.is_dir():
        pytest.skip("no folder of cases beside that of the corpora")
    return folder


def places(document):
    return [(m.start, document.text_of(m)) for m in document.mentions]


ASA = [(12 * i, "ASA") for i in range(60)]
READ = {  # file: what its documents hold
    "ls_u16_text.jsonl": [[(0, "p53"), (6, "p53"), (13, "p53"), (20, "p53"), (27, "p53")]],
    "bc/bytes_repeat2.xml": [[(40, "p53"), (60, "p53"), (67, "p53"), (73, "p53"), (79, "p53")]],
    "br/crlf_wrong_nearest": [ASA],
    "bc/rel_text.xml": [[(0, "Cisplatin"), (46, "kidney injury"), (73, "kidney injury")]],
    "pm/two_sets.xml": [[], []],
    "bc/cat2.xml": [[(0, "Cisplatin")], [(0, "Cisplatin")]],
    "pubannotation.json": [[(0, "Cisplatin")]],
    "unknown_spankey.jsonl": [[(0, "Cisplatin")], [(0, "Aspirin")]],
    "br/frag_newline": [[(25, "renal\nfailure"), (43, "edema")]],
    "br/frag_unordered": [[(25, "renal\nfailure")]],
    "misc/overlapfrag": [[(5, "erbA")]],
    "misc/nospaceN": [[(11, "cisplatin")]],
    "ws_eval.jsonl": [[(0, "Cisplatin"), (16, "mice")]],
    "ws_ok.jsonl": [[(0, "Cisplatin"), (16, "mice")]],
    "prodigy.jsonl": [[(0, "Cisplatin"), (16, "kidneys")]],
    "prodigy_null.jsonl": [[], [(0, "Aspirin")]],
    "doccano_entities.jsonl": [[(0, "Cisplatin"), (16, "kidneys")]],
    "bc/ann_noid.xml": [[(0, "Cisplatin")]],
    "labelstudio.json": [[(0, "Cisplatin")], [(0, "Aspirin")]],
    "pt/tab_in_mention.pubtator": [[(0, "Renal\tfailure")]],
    "mixdir2/test.txt": [[(0, "Cisplatin"), (36, "kidney injury")]],
    "pm/single_root.xml": [[]],
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(cases, name):
    found = list(formats.read(cases / name))
    assert [places(document) for document in found] == READ[name]
    if name.startswith("misc/"):
        assert [len(document.meta["bad"]) for document in found] == [1]
    if name == "prodigy.jsonl":
        assert list(found[0].meta["counted"].values()) == [2]


def test_one_text_in_two_units_has_the_same_mentions(cases):
    [one], [other] = (list(formats.read(cases / f"bc/off_{unit}.xml")) for unit in ("chars", "utf16"))
    assert places(one) == places(other)
    assert len(places(one)) == 5


REFUSED = {
    "doccano_utf16_label.jsonl": "4 of 4 ends of mentions are in words .* UTF-16 units: .*--offsets",
    "bc/rel_notext.xml": "--offsets",
    "co/multitag.tsv": "is several tags",
    "sp/lfs.pubtator": "a pointer of Git LFS",
    "sp/html404b.xml": "an HTML page",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(cases, name):
    with pytest.raises(FormatError, match=REFUSED[name]):
        list(formats.read(cases / name))


@pytest.mark.parametrize(
    ("name", "offsets", "expected"),
    [
        ("doccano_utf16_label.jsonl", "utf-16", ["aspirin", "Cisplatin"]),
        ("bc/rel_notext.xml", "passage", ["Cisplatin", "kidney injury", "kidney injury"]),
    ],
)
def test_what_is_read_if_somebody_says_what_it_counts(cases, name, offsets, expected):
    [found] = formats.read(cases / name, offsets=offsets)
    assert [text for _, text in places(found)] == expected


def test_nul_costs_one_document(cases):
    found = list(formats.read_each(cases / "an/nul_mid.pubtator"))
    assert [isinstance(item, FormatError) for item in found] == [False, True, False]


def test_relations_of_doccano_are_written_to_brat(cases, tmp_path):
    account = formats.write(formats.read(cases / "doccano_entities.jsonl"), tmp_path / "out", "brat")
    assert (account.relations_out, account.relations) == (1, [])


def test_brat_has_no_line_end_in_a_mention(cases, tmp_path):
    formats.write(formats.read(cases / "wrap/w.jsonl"), tmp_path / "out", "brat")
    text = (tmp_path / "out/w.txt").read_text(encoding="utf8")
    lines = (tmp_path / "out/w.ann").read_text(encoding="utf8").splitlines()
    assert [line.split("\t")[1] for line in lines[:2]] == ["Disease 0 5;6 13", "Disease 18 24;27 33"]
    for line in lines:
        parts = [tuple(map(int, part.split())) for part in line.split("\t")[1][8:].split(";")]
        assert line.split("\t")[2] == " ".join(text[a:b] for a, b in parts).replace("\t", " ")


def test_what_docs_say_of_themselves(cases):
    [found] = open_source(cases / "sp/ws.spacy", ColumnOptions()).documents()
    assert [(m.id, m.identifiers) for m in found.mentions] == [("x", ("MESH:D1",))]
    [found] = open_source(cases / "sp/missing.spacy", ColumnOptions()).documents()
    assert found.meta["counted"] == {"tokens whose annotation is missing": 2}
    [piece] = formats.FORMATS["columns"].write([found])
    assert "O" not in piece.text


def test_invisible_characters_are_no_part_of_a_word(cases):
    for document in formats.read(cases / "bom_txt.jsonl"):
        for word in document.text.split():
            start = document.text.index(word)
            place = trimmed(document.text, (start, start + len(word)), invisible=True)
            assert place is not None
            assert document.text[place[0]].isprintable()
            assert document.text[place[1] - 1].isprintable()


def test_folder_of_pubtator_is_no_folder_of_texts(cases):
    assert not formats.is_text_folder(cases / "mixdir2")
