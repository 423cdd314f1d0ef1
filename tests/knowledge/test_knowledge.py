"""Knowledge bases: built, opened, searched."""

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner.errors import FormatError, KnowledgeError
from spacy_bioner.knowledge.building import Choice, build, make_base, write_base
from spacy_bioner.knowledge.concepts import Concept, Name, standard_id
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.search import Index, count_grams
from spacy_bioner.knowledge.sources import format_of, read_source
from spacy_bioner.knowledge.storage import open_arrays, write_arrays

OBO = """format-version: 1.2
data-version: 7

[Term]
id: X:1
name: disease

[Term]
id: X:2
name: breast cancer
synonym: "mammary \\"tumour\\"" EXACT []
synonym: "chest tumour" RELATED []
xref: MESH:D001943
is_a: X:1 ! disease

[Term]
id: X:3
name: old breast cancer
is_obsolete: true
replaced_by: X:2

[Term]
id: X:4
name: gone
is_obsolete: true

[Term]
id: X:5

[Term]
id: X:6
name: one
is_a: X:7

[Term]
id: X:7
name: other
is_a: X:6
is_a: X:99

[Typedef]
id: part_of
name: part of
"""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tumours of the Breast", "breast tumor"),
        ("Anaemia, Haemolytic", "hemolytic anemias"),
        ("TNF-α", "alpha TNF"),
        ("diabetes mellitus type II", "Type 2 Diabetes Mellitus"),
        ("Crohn's disease", "Crohn disease"),
        ("liver metastases", "metastasis to the liver"),
    ],
)
def test_names_that_differ_in_form_alone_are_one(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) != ""


def test_identifiers_have_one_spelling() -> None:
    for id in ("MIM:1", "omim:1", "OMIM:1"):
        assert standard_id(id) == "OMIM:1"
    assert standard_id("DO:DOID:1") == "DOID:1"
    assert standard_id("D1", "MESH") == "MESH:D1"


@settings(max_examples=40)
@given(
    st.lists(st.text("ab c1", max_size=12).map(key_of), max_size=30),
    st.text("ab c1z", max_size=12).map(key_of),
    st.integers(1, 5),
)
def test_search_is_exact(names: list[str], query: str, k: int) -> None:
    """Against cosines of dense vectors; what is found for a query doesn't depend on others."""
    names = sorted(set(names))
    index = Index(count_grams(names))
    [found] = index.search([query], k)
    assert index.search(["b", query, "1 a"], k)[1] == found
    rows = [*names, query]
    dense = numpy.zeros((len(rows), 38**3))
    for row, name in enumerate(rows):
        grams = count_grams([name])
        dense[row, grams.grams] = 1 + numpy.log(grams.counts.astype(float))
    dense *= numpy.log((1 + len(names)) / (1 + (dense[:-1] > 0).sum(axis=0))) + 1
    dense /= numpy.maximum(numpy.linalg.norm(dense, axis=1, keepdims=True), 1e-12)
    cosines = dense[:-1] @ dense[-1]
    expected = sorted(cosines[cosines > 1e-6], reverse=True)[:k]
    numpy.testing.assert_allclose([cosine for _, cosine in found], expected, atol=3e-6)
    for name, cosine in found:
        assert abs(cosines[name] - cosine) < 3e-6
    assert found == sorted(found, key=lambda pair: (-pair[1], pair[0]))


def test_queries_without_an_answer_have_none() -> None:
    base = make_base([Concept("X:1", (Name("asthma", "name"),))])
    found = base.candidates(["", "   ", "!?", "日本", "qqq", "asthma " * 1000], 5)
    assert [len(candidates) for candidates in found] == [0, 0, 0, 0, 0, 1]
    empty = make_base([])
    assert empty.candidates(["asthma", ""], 5) == [[], []]
    assert empty.find("X:1") == ()


def test_ties_are_broken_by_rule() -> None:
    """The concept whose label it is comes first, then the lower identifier."""
    concepts = [
        Concept("X:3", (Name("colds", "name"),)),
        Concept("X:1", (Name("influenza", "name"), Name("Cold"))),
        Concept("X:2", (Name("chill", "name"), Name("cold"))),
    ]
    for order in (concepts, concepts[::-1]):
        base = make_base(sorted(order, key=lambda c: c.id))
        assert [base.ids[c.concept] for c in base.candidates(["the cold"], 5)[0]] == ["X:3", "X:1", "X:2"]


def test_an_ontology_is_built_with_all_that_is_wrong_told(write: Callable[..., Path], tmp_path: Path) -> None:
    source, output = write(OBO, "x.obo"), tmp_path / "x.kb"
    problems = build([source], output, Choice(type="Disease"))
    assert problems.counts == {
        "obsolete terms that became another identifier of their replacement": 1,
        "obsolete terms left out": 1,
        "a term without a name": 1,
        "a parent that isn't there": 1,
        "a circle in the hierarchy": 1,
    }
    assert problems.examples["obsolete terms left out"] == ["x.obo, line 22: X:4"]
    assert problems.examples["a circle in the hierarchy"] == [
        "x.obo, line 35: X:7 is below X:6, which is below it"
    ]
    assert problems.examples["a parent that isn't there"] == ["x.obo, line 35: X:99, above X:7"]
    base = KnowledgeBase.open(output)
    [cancer] = base.find("X:3")
    concept = base.concept(cancer)
    assert (concept.id, concept.label, concept.type) == ("X:2", "breast cancer", "Disease")
    assert {(name.text, name.kind) for name in concept.names} == {
        ("breast cancer", "name"),
        ('mammary "tumour"', "exact"),
        ("chest tumour", "related"),
    }
    assert base.find("mesh:D001943") == (cancer,)
    assert [base.ids[p] for p in base.parents(cancer)] == ["X:1"]
    assert base.meta["sources"][0]["version"] == "7"
    build([source], tmp_path / "branch.kb", Choice(branches=("X:1",)))
    assert KnowledgeBase.open(tmp_path / "branch.kb").ids.all() == ["X:1", "X:2"]
    build([source], tmp_path / "again.kb", Choice(type="Disease"), "x")
    assert (tmp_path / "again.kb").read_bytes() == output.read_bytes()


def test_sources_are_joined_by_identifiers(write: Callable[..., Path], tmp_path: Path) -> None:
    mapping = write(
        "# license: CC0\nsubject_id\tsubject_label\tpredicate_id\tobject_id\n"
        "M:1\tbreast carcinoma\tskos:exactMatch\tmesh:D001943\nM:2\tx\tskos:narrowMatch\tmesh:D1\n",
        "m.sssom.tsv",
    )
    problems = build([write(OBO, "x.obo"), mapping], tmp_path / "x.kb", Choice(same=("MESH",)))
    assert problems.counts["mappings that aren't exact left out"] == 1
    base = KnowledgeBase.open(tmp_path / "x.kb")
    assert base.find("M:1") == base.find("X:2")
    assert base.candidates(["carcinoma of the breast"], 1)[0][0].concept == base.find("X:2")[0]
    assert {name.source for name in base.concept(base.find("X:2")[0]).names} == {"X", "m"}


HGNC = "HGNC:5\tA1BG\talpha-1-B\tApproved\tA1B, ABG\t1\t\nHGNC:6\tx~withdrawn\ty\tSymbol Withdrawn\t\t\t\n"
TAXA = "9606\t|\thuman\t|\t\t|\tcommon name\t|\n9606\t|\tHomo sapiens\t|\t\t|\tscientific name\t|\n"
GRAPH = """{"graphs": [{"nodes": [{"id": "http://purl.obolibrary.org/obo/X_1", "lbl": "a", "type": "CLASS",
"meta": {"synonyms": [{"pred": "hasExactSynonym", "val": "b"}]}}]}]}"""
CTD = """# Fields:
# DiseaseName\tDiseaseID\tAltDiseaseIDs\tSynonyms
#
Cold\tMESH:D1\tDO:DOID:9\tColds|Chill
"""
MESH_XML = """<DescriptorRecordSet><DescriptorRecord><DescriptorUI>D1</DescriptorUI>
<DescriptorName><String>Cold</String></DescriptorName>
<ConceptList><Concept><TermList><Term><String>Chill</String></Term></TermList></Concept></ConceptList>
</DescriptorRecord></DescriptorRecordSet>"""


@pytest.mark.parametrize(
    ("name", "content", "format", "id", "names"),
    [
        ("t.csv", 'id,name,synonyms\nX:1,"a, b",c|d\n', "table", "X:1", ["a, b", "c", "d"]),
        ("m.tsv", "D000001\tCold\tColds|Chill\n", "mesh", "MESH:D000001", ["Cold", "Colds", "Chill"]),
        ("h.tsv", HGNC, "hgnc", "HGNC:5", ["A1BG", "alpha-1-B", "A1B", "ABG"]),
        ("names.dmp", TAXA, "taxonomy", "NCBITaxon:9606", ["Homo sapiens", "human"]),
        ("g.json", GRAPH, "obo-json", "X:1", ["a", "b"]),
        ("c.tsv", CTD, "ctd", "MESH:D1", ["Cold", "Colds", "Chill"]),
        ("d.xml", MESH_XML, "mesh-xml", "MESH:D1", ["Cold", "Chill"]),
    ],
)
def test_each_source_is_known_and_read(
    write: Callable[..., Path], name: str, content: str, format: str, id: str, names: list[str]
) -> None:
    path = write(content, name)
    assert format_of(path) == format
    [concept] = read_source(path, Problems()).concepts
    assert (concept.id, [name.text for name in concept.names]) == (id, names)


def test_broken_lines_are_counted_with_their_place(write: Callable[..., Path]) -> None:
    problems = Problems()
    path = write("id\tname\nX:1\ta\tmore\nX:2\t\nX:3\tc\nX:3\td\n", "t.tsv")
    source = read_source(path, problems)
    assert [concept.id for concept in source.concepts] == ["X:3", "X:3"]
    assert problems.examples == {
        "a line with other columns than the header": ["t.tsv, line 2: X:1"],
        "a line without a name or identifier": ["t.tsv, line 3"],
    }


def test_odd_identifiers_are_told_with_their_line(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write("id\tname\talternatives\nX:1\ta\tMESH:D1|Q:9\nX:1\tb\t\nplain\tc\t\n", "t.tsv")
    problems = build([path], tmp_path / "t.kb", Choice())
    assert problems.examples == {
        "an identifier that stands twice": ["t.tsv, line 3: X:1"],
        "an identifier without a prefix": ["t.tsv, line 4: plain"],
        "another identifier whose prefix isn't known (kept)": ["t.tsv, line 2: Q:9, of X:1"],
    }
    assert KnowledgeBase.open(tmp_path / "t.kb").find("Q:9") != ()


def test_what_is_no_source_or_no_base_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="can't tell its format"):
        read_source(write("some text\n", "x.txt"), Problems())
    with pytest.raises(FormatError, match="no column id"):
        read_source(write("a\tb\n1\t2\n", "x.tsv"), Problems(), "table")
    for content in (b"", b"text", b"\xff" * 20, (5).to_bytes(8, "little") + b"{}{}}"):
        with pytest.raises(KnowledgeError):
            KnowledgeBase.open(write(content, "x.kb"))
    write_base([Concept("X:1", (Name("a", "name"),))], tmp_path / "cut.kb")
    (tmp_path / "cut.kb").write_bytes((tmp_path / "cut.kb").read_bytes()[:-3])
    with pytest.raises(KnowledgeError, match="build it again"):
        KnowledgeBase.open(tmp_path / "cut.kb")


def test_an_older_file_is_to_be_built_again(tmp_path: Path) -> None:
    write_base([Concept("X:1", (Name("a", "name"),))], tmp_path / "x.kb")
    arrays, meta = open_arrays(tmp_path / "x.kb")
    write_arrays(tmp_path / "old.kb", arrays, meta | {"format": meta["format"] - 1})
    with pytest.raises(KnowledgeError, match=r"old\.kb: a knowledge base of version 1.*build it again"):
        KnowledgeBase.open(tmp_path / "old.kb")


def test_the_verbs(
    run_cli: Callable[..., str], refuse_cli: Callable[..., str], write: Callable[..., Path]
) -> None:
    source = write(OBO, "x.obo")
    output = source.with_name("x.kb")
    assert "4 concepts" in " ".join(run_cli("bioner", "kb", "build", source, output).split())
    assert "4" in run_cli("bioner", "kb", "info", output)
    assert "X:2" in run_cli("bioner", "kb", "search", output, "breast cancers")
    assert "There is no knowledge base 'nothing'" in refuse_cli("bioner", "kb", "info", "nothing")
