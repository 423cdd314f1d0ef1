import copy
import json
import lzma
import pickle
import re
import time
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_bioner.text.occurrences import abbreviations_of
from spacy_bioner.text.short_forms import find_definitions

TEXT = (
    "Patients with multiple sclerosis (MS) were treated. The MS lesions took up TNF (tumor necrosis factor). "
    "It binds a receptor (receptor)."
)


@pytest.fixture
def doc(nlp: Language) -> Doc:
    nlp.add_pipe("abbreviations")
    return nlp(TEXT)


def pairs(text: str) -> list[tuple[str, str]]:
    return [(text[slice(*found.short)], text[slice(*found.long)]) for found in find_definitions(text)]


def test_each_place_of_a_short_form_has_its_long_form(doc: Doc) -> None:
    found = [(item["text"], item["start"], item["long_form"]) for item in doc._.abbreviations]
    assert found == [
        ("MS", TEXT.index("MS)"), "multiple sclerosis"),
        ("MS", TEXT.index("MS lesions"), "multiple sclerosis"),
        ("TNF", TEXT.index("TNF"), "tumor necrosis factor"),
    ]
    for item in doc._.abbreviations:
        assert doc.text[item["long_start"] : item["long_end"]] == item["long_form"]
        assert doc.char_span(item["start"], item["end"])._.long_form.text == item["long_form"]
    assert doc[0:1]._.long_form is None


def test_what_was_found_goes_where_the_doc_goes(doc: Doc) -> None:
    expected = doc._.abbreviations
    [read] = (
        DocBin(store_user_data=True)
        .from_bytes(DocBin(docs=[doc], store_user_data=True).to_bytes())
        .get_docs(doc.vocab)
    )
    assert [dict(item) for item in read._.abbreviations] == expected
    assert json.loads(json.dumps(doc.to_json(underscore=["abbreviations"])))["_"]["abbreviations"] == expected
    assert pickle.loads(pickle.dumps(doc))._.abbreviations == expected
    assert copy.copy(doc)._.abbreviations == expected


def test_a_pipeline_with_it_goes_to_disk(nlp: Language, tmp_path: Path) -> None:
    nlp.add_pipe("abbreviations")
    nlp.to_disk(tmp_path / "model")
    assert spacy.load(tmp_path / "model")(TEXT)._.abbreviations == nlp(TEXT)._.abbreviations != []


def test_definitions_cross_no_sentence(nlp: Language) -> None:
    text = "We saw acute kidney injury (AKI) there"
    doc = nlp.make_doc(text)
    assert abbreviations_of(text)
    for token in doc:
        token.is_sent_start = token.text in ("We", "injury")
    nlp.add_pipe("abbreviations")
    assert nlp.get_pipe("abbreviations")(doc)._.abbreviations == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "with insulin-dependent diabetes mellitus (IDDM) and",
            ("IDDM", "insulin-dependent diabetes mellitus"),
        ),
        ("an enzyme-linked immunosorbent assay (ELISA) was", ("ELISA", "enzyme-linked immunosorbent assay")),
        ("red blood cells (RBCs) were", ("RBCs", "red blood cells")),
        ("the barrier (blood-brain barrier, BBB) is", ("BBB", "blood-brain barrier")),
        ("[congestive heart failure [CHF]]", ("CHF", "congestive heart failure")),
        ("of 1,2-diacylglycerol (DAG) in", ("DAG", "1,2-diacylglycerol")),
        ("gamma-interferon (IFN-gamma)", ("IFN-gamma", "gamma-interferon")),
        ("a body mass index (BMI; kg/m2) of", ("BMI", "body mass index")),
        ("tidal volume (V(T)) fell", ("V(T)", "tidal volume")),
        ("a creatine kinase concentration ([CK])", ("[CK]", "creatine kinase concentration")),
        ("his six-repetition maximum (6-RM)", ("6-RM", "six-repetition maximum")),
        ("with nitrous oxide (N2O)", ("N2O", "nitrous oxide")),
        ("and hydrogen peroxide (H(2)O(2)) to", ("H(2)O(2)", "hydrogen peroxide")),
        ("by 17 beta-oestradiol (E2) in", ("E2", "17 beta-oestradiol")),
        ("of arginine vasopressin (AVP)", ("AVP", "arginine vasopressin")),
        ("adenosine 3',5'-cyclic monophosphate (cAMP)", ("cAMP", "adenosine 3',5'-cyclic monophosphate")),
        ("the L-type Ca2+ current (ICa(L)) is", ("ICa(L)", "L-type Ca2+ current")),
        ("a chloride current (ICl) was", ("ICl", "chloride current")),
        (
            "intracellular free Ca2+ concentration ([Ca2+]i)",
            ("[Ca2+]i", "intracellular free Ca2+ concentration"),
        ),
        ("in estrogen receptor negative (ER-) tumors", ("ER-", "estrogen receptor negative")),
        (
            "EMLA cream (eutectic mixture of local anesthetics)",
            ("EMLA", "eutectic mixture of local anesthetics"),
        ),
    ],
)
def test_usual_definitions(text: str, expected: tuple[str, str]) -> None:
    assert pairs(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "the insulin receptor (receptor) binds",
        "a finding that was obvious (FTWO), lithium was low (K+)",
        "a rat estrogen complex entity protein to our rats (receptor)",
        "men and women (n = 52) of (i) one and (ii) two",
        "in children (see Table 2), with p (P < 0.05)",
        "((((", "))", "()", "[]", "( )", "", "(A)", "MS (MS)", "MS (the MS)",
    ],
)  # fmt: skip
def test_what_is_no_definition(text: str) -> None:
    assert pairs(text) == []


@given(st.text(alphabet="ab AB(12)[];,-s\n.", max_size=80))
def test_any_text_gives_places_in_it(text: str) -> None:
    for item in abbreviations_of(text):
        assert text[item["start"] : item["end"]] == item["text"] != ""
        assert text[item["long_start"] : item["long_end"]] == item["long_form"] != ""
        assert "\n" not in item["long_form"]


def read_ab3p(path: Path) -> dict[str, tuple[str, set[tuple[str, str]]]]:
    """Ab3P's corpus: by PMID the text, and pairs of short and long form."""
    with lzma.open(path, "rt", encoding="cp1252", errors="replace", newline="") as file:
        content = file.read()
    documents = {}
    for block in re.split(r"\n[ ]*\n", content.replace("\r\n", "\n").replace("\r", " ")):
        lines = [line for line in block.split("\n") if line.strip() and not line.strip().startswith("//")]
        if lines and lines[0].strip().isdigit():
            body = "\n".join(line for line in lines[1:] if not line.startswith("  "))
            rows = [line.split("|")[:2] for line in lines[1:] if line.startswith("  ") and "|" in line]
            documents.setdefault(lines[0].strip(), (body, {(plain(s), plain(long)) for s, long in rows}))
    return documents


def plain(text: str) -> str:
    return " ".join(text.split()).lower()


def test_ab3p_corpus(corpora: Path, nlp: Language) -> None:
    documents = read_ab3p(corpora / "abbreviations" / "ab3p" / "MED1250_labeled.xz")
    assert len(documents) == 1250
    right = found = gold = 0
    for _, (text, expected) in sorted(documents.items()):
        ours = {(plain(short), plain(long)) for short, long in pairs(text)}
        right, found, gold = right + len(ours & expected), found + len(ours), gold + len(expected)
    assert gold > 1190
    assert right / found > 0.97
    assert right / gold > 0.86
    texts = [text for text, _ in documents.values()]
    start = time.perf_counter()
    for text in texts:
        nlp.make_doc(text)
    tokenized = time.perf_counter()
    for text in texts:
        abbreviations_of(text)
    assert time.perf_counter() - tokenized < tokenized - start


def test_time_grows_with_the_length():
    many = "".join(f"atom {i:x} bond (AB{i:x}) " for i in range(4_000))
    brackets = ("(" * 60_000 + ")" * 60_000, "a " + "(a b, " * 20_000 + ")" * 20_000)
    for text in (many, *brackets, "( " * 50_000 + " )" * 50_000):
        start = time.process_time()
        abbreviations_of(text)
        assert time.process_time() - start < 3
