"""PubMed's XML, by hand after NLM's document type definition."""

import gzip
import random
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from html import escape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.corpora.conversion import Tally
from spacy_bioner.corpora.sources import open_source, write_format
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Passage
from spacy_bioner.documents.formats import safe_xml
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import ConversionError, FormatError

HEAD = """\
<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2019//EN" \
"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_190101.dtd">
"""
STRUCTURED = """\
<PubmedArticle>
  <MedlineCitation Status="MEDLINE" IndexingMethod="Automated" Owner="NLM">
    <PMID Version="1">30000001</PMID>
    <DateCompleted><Year>2019</Year><Month>01</Month><Day>02</Day></DateCompleted>
    <Article PubModel="Print-Electronic">
      <Journal><ISSN IssnType="Electronic">1234-5678</ISSN><Title>A journal &amp; more</Title></Journal>
      <ArticleTitle>Effect of Ca<sup>2+</sup> on <i>TP53</i> in
        H<sub>2</sub>O &lt;b&gt;.</ArticleTitle>
      <Abstract>
        <AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">We studied <b>IL-2</b>.</AbstractText>
        <AbstractText Label="METHODS AND
 RESULTS:" NlmCategory="METHODS">Where <mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML">
          <mml:semantics><mml:mrow><mml:mi>x</mml:mi> <mml:mo>=</mml:mo>
          <mml:mfrac><mml:mn>1</mml:mn><mml:mn>2</mml:mn></mml:mfrac></mml:mrow>
          <mml:annotation encoding="application/x-tex">x=\\frac 1 2</mml:annotation></mml:semantics>
        </mml:math>, p&#8201;&lt; 0.05.</AbstractText>
        <AbstractText>No label<!-- here -->.</AbstractText>
        <AbstractText Label="FUNDING"/>
        <CopyrightInformation>(c) somebody</CopyrightInformation>
      </Abstract>
      <AuthorList><Author><LastName>Doe</LastName></Author></AuthorList>
      <VernacularTitle>Wirkung</VernacularTitle>
    </Article>
    <CommentsCorrectionsList><CommentsCorrections RefType="Cites"><PMID Version="1">1</PMID>
    </CommentsCorrections></CommentsCorrectionsList>
    <OtherAbstract Type="Publisher" Language="ger"><AbstractText>Wir.</AbstractText></OtherAbstract>
  </MedlineCitation>
  <PubmedData><ArticleIdList><ArticleId IdType="pubmed">30000001</ArticleId></ArticleIdList></PubmedData>
</PubmedArticle>
"""
PLAIN = """\
<PubmedArticle><MedlineCitation><PMID Version="2">2</PMID><Article><ArticleTitle>Aspirin.</ArticleTitle>
<Abstract><AbstractText>It helps.</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>
"""
TITLE = """\
<PubmedArticle><MedlineCitation><PMID Version="1">3</PMID><Article>
<ArticleTitle>[Not Available].</ArticleTitle></Article></MedlineCitation></PubmedArticle>
"""
UNTITLED = PLAIN.replace("Aspirin.", " ").replace(">2<", ">4<").replace('"2"', '"1"')
BOOK = """\
<PubmedBookArticle><BookDocument><PMID Version="1">5</PMID><ArticleIdList/>
<Book><BookTitle book="gene">GeneReviews</BookTitle></Book><ArticleTitle>A <i>BRCA1</i> chapter</ArticleTitle>
<Abstract><AbstractText Label="CLINICAL">Cancer.</AbstractText></Abstract></BookDocument><PubmedBookData/>
</PubmedBookArticle>
"""
DELETED = "<DeleteCitation><PMID Version='1'>6</PMID><PMID Version='1'>7</PMID></DeleteCitation>"
TEXT = (
    "Effect of Ca2+ on TP53 in H2O <b>.\nBACKGROUND: We studied IL-2. METHODS AND RESULTS: Where x=1/2, "
    "p\u2009< 0.05. No label. FUNDING:"
)


LABELS = ("BACKGROUND", "METHODS AND RESULTS", "FUNDING")


def file_of(*citations, head=HEAD, name="PubmedArticleSet"):
    return f"{head}<{name}>\n{''.join(citations)}</{name}>\n"


def read(write, *citations, **options):
    return list(formats.read(write(file_of(*citations, **options), "in.xml")))


def test_structured_abstract_with_markup(write):
    [found] = read(write, STRUCTURED)
    end = TEXT.index("\n")
    assert found == Document(
        TEXT,
        (
            Passage(0, end, "title"),
            Passage(end + 1, len(TEXT), "abstract"),
            *(
                Passage(at, at + len(label), "heading")
                for label in LABELS
                for at in [TEXT.index(f"{label}:")]
            ),
        ),
        meta={
            "counted": {
                "other abstracts (in other languages, of other kinds), not read": 1,
                "titles in the language of the document, not read": 1,
                "copyright notices, not read": 1,
            }
        },
        id="30000001",
    )


def test_sets_one_behind_the_other_and_a_citation_alone(write):
    both = file_of(PLAIN) + file_of(TITLE)
    assert [d.id for d in formats.read(write(both))] == ["2", "3"]
    assert [d.id for d in formats.read(write(PLAIN))] == ["2"]
    with pytest.raises(FormatError, match="not well-formed XML"):
        list(formats.read(write(PLAIN + TITLE)))


def test_what_may_be_missing_and_what_is_deleted(write):
    found = read(write, PLAIN, TITLE, UNTITLED, BOOK, DELETED)
    assert [(d.id, d.text, [(p.start, p.end, p.type) for p in d.passages]) for d in found] == [
        ("2", "Aspirin.\nIt helps.", [(0, 8, "title"), (9, 18, "abstract")]),
        ("3", "[Not Available].", [(0, 16, "title")]),
        ("4", "\nIt helps.", [(0, 0, "title"), (1, 10, "abstract")]),
        (
            "5",
            "A BRCA1 chapter\nCLINICAL: Cancer.",
            [(0, 15, "title"), (16, 33, "abstract"), (16, 24, "heading")],
        ),
    ]
    assert [dict(d.meta) for d in found] == [
        {"version": "2"},
        {"counted": {"documents without an abstract": 1}},
        {"counted": {"documents without a title": 1}},
        {
            "counted": {
                "books and chapters": 1,
                "citations that the file deletes, which are no documents": 2,
            }
        },
    ]


@pytest.mark.parametrize("head", [HEAD, "", "\ufeff<?xml version='1.0'?>", HEAD.replace("\n", "\r\n")])
@pytest.mark.parametrize("packed", [False, True])
def test_heads_and_gzip(write, head, packed):
    data = file_of(PLAIN, head=head).encode()
    path = write(gzip.compress(data) if packed else data, "pubmed26n0001.xml.gz")
    assert formats.detect(path) == "pubmed"
    assert [d.id for d in formats.read(path)] == ["2"]


def test_books_of_other_sets(write):
    document = re.search("<BookDocument>.*</BookDocument>", BOOK, re.DOTALL)[0]
    chapter = re.sub("<ArticleTitle>.*</ArticleTitle>", "", document)
    [book] = read(
        write, chapter, "<DeleteDocument><PMID>9</PMID></DeleteDocument>", name="BookDocumentSet", head=""
    )
    assert book.text == "GeneReviews\nCLINICAL: Cancer."
    assert book.meta["counted"]["citations that the file deletes, which are no documents"] == 1
    [book] = read(write, BOOK, name="PubmedBookArticleSet", head="")
    assert book.text == "A BRCA1 chapter\nCLINICAL: Cancer."


def test_counts_are_reported(write, tmp_path):
    path = write(file_of(STRUCTURED, TITLE, TITLE, DELETED))
    tally = Tally()
    write_format(open_source(path, ColumnOptions()), tmp_path / "out", (), tally, formats.FORMATS["pubtator"])
    assert tally.counted["documents without an abstract"] == 2
    assert tally.counted["citations that the file deletes, which are no documents"] == 2
    assert (tally.docs, tally.others) == (3, {})
    assert [d.text for d in formats.read(tmp_path / "out")] == [TEXT] + ["[Not Available].\n"] * 2


def test_what_is_not_known_is_told_of(write):
    second = PLAIN.replace("<Abstract>", "<Abstract><p/></Abstract><Abstract>")
    first, last = read(write, "<x/>", second, PLAIN, "<y/>")
    assert first.meta["unread"] == (
        "a second <Abstract>",
        "element <p> in <Abstract>",
        "element <x> beside the citations",
    )
    assert last.meta["unread"] == ("element <y> beside the citations",)


ENTITIES = HEAD.replace('.dtd">', '.dtd" [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>')
OUTSIDE = HEAD.replace('.dtd">', '.dtd" [<!ENTITY a SYSTEM "file:///etc/hostname">]>')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file_of(), "there is no citation in it"),
        (file_of(DELETED), "there is no citation in it, and it deletes 2"),
        (file_of(PLAIN.replace("Aspirin", "&b;"), head=ENTITIES), "declares entities"),
        (file_of(PLAIN.replace("Aspirin", "&a;"), head=OUTSIDE), "declares entities"),
        (file_of(PLAIN.replace("Aspirin", "&alpha;")), "an entity that nothing declares: &alpha;"),
        (file_of(PLAIN).replace("</Article>", ""), "line 5: not well-formed XML"),
        (file_of(PLAIN)[:-30], "not well-formed XML"),
        (file_of(PLAIN.replace(">2<", "> <")), "line 4: a citation without a PMID"),
        (file_of(PLAIN.replace(">2<", ">2|3<")), "a citation without a PMID"),
        (file_of("<PubmedArticle/>"), "a <PubmedArticle> without <MedlineCitation>"),
        (file_of("<PubmedArticle><MedlineCitation/></PubmedArticle>"), "without <Article>"),
        (file_of("<PubmedBookArticle/>"), "a <PubmedBookArticle> without <BookDocument>"),
        (file_of(f"<x>{PLAIN}</x>"), "a <PubmedArticle> in a <x>"),
        (file_of(PLAIN.replace("Aspirin", "<i>" * 300 + "</i>" * 300)), "Excessive depth"),
        (file_of(PLAIN, name="PubmedArticles", head=""), "not a file of PubMed"),
        (file_of(PLAIN).replace("utf-8", "latin-1"), "is in the encoding latin-1"),
        (file_of(PLAIN.replace("Aspirin", "Aspirin\0")), "a NUL byte in its text"),
    ],
)
def test_what_is_refused(write, content, message):
    path = write(content)
    with pytest.raises(FormatError) as raised:
        list(formats.read(path, "pubmed"))
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_bomb_in_gzip_is_refused(write):
    data = file_of(PLAIN.replace("Aspirin", "a" * 9_000_000) * 4)
    with pytest.raises(FormatError, match="more than 100 times as large"):
        list(formats.read(write(gzip.compress(data.encode())), "pubmed"))


def test_citation_without_end_is_refused(write, monkeypatch):
    monkeypatch.setattr(safe_xml, "MOST_BYTES", 1 << 20)
    many = file_of("<x>a</x>" * 200_000)
    with pytest.raises(FormatError, match="more than 1 MiB without a whole document"):
        list(formats.read(write(many), "pubmed"))
    assert len(read(write, *[PLAIN] * 6_000)) == 6_000  # more than that, in documents


def test_nothing_is_fetched(write, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    assert len(read(write, PLAIN)) == 1


def test_writing_is_refused(tmp_path):
    with pytest.raises(ConversionError, match="only read here"):
        formats.write([Document("a", id="1")], tmp_path / "out.xml", "pubmed")
    assert not list(tmp_path.iterdir())


words = st.text(
    st.sampled_from("ab <>&\"'é\U0001f9ec\u2009\u0301\n\t") | st.characters(codec="utf-8"), max_size=12
).map(lambda text: re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text))
markup = st.recursive(
    words.map(lambda text: (escape(text), text)),
    lambda inner: st.tuples(st.sampled_from(["i", "b", "u", "sub", "sup"]), st.lists(inner, max_size=3)).map(
        lambda found: (
            f"<{found[0]}>{''.join(a for a, _ in found[1])}</{found[0]}>",
            "".join(b for _, b in found[1]),
        )
    ),
    max_leaves=5,
)


def spaced(text):
    return re.sub("[ \t\n]+", " ", text).strip(" ")


@given(st.lists(st.tuples(markup, st.lists(st.tuples(words, markup), max_size=3)), min_size=1, max_size=3))
def test_any_text_comes_out_of_its_markup(citations):
    parts, expected = [], []
    for number, ((title, plain), sections) in enumerate(citations, start=1):
        texts = "".join(
            f"<AbstractText Label='{escape(label)}'>{text}</AbstractText>" for label, (text, _) in sections
        )
        part = PLAIN.replace("Aspirin.", title).replace(">2<", f">{number}<")
        parts.append(part.replace("<AbstractText>It helps.</AbstractText>", texts))
        labelled = ((spaced(label).strip(" :"), spaced(text)) for label, (_, text) in sections)
        found = (f"{label}: {text}".rstrip() if label else text for label, text in labelled)
        abstract = " ".join(filter(None, found))
        expected.append((str(number), spaced(plain), abstract))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.xml"
        path.write_text(file_of(*parts), encoding="utf-8")
        found = list(formats.read(path))
    assert [(d.id, *(d.text[p.start : p.end] for p in d.passages if p.type != "heading")) for d in found] == [
        (id, title, *([abstract] if abstract else ())) for id, title, abstract in expected
    ]


READ = """
import re, sys
from pathlib import Path
from spacy_bioner.documents import formats
from spacy_bioner.documents.formats import pubmed

def highest():  # not ru_maxrss, which begins with that of the process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

if "leak" in sys.argv:
    pubmed.forget = lambda element: None
before = highest()
count = sum(1 for _ in formats.read(Path(sys.argv[1])))
print(count, highest() - before)
"""
asks_linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory")


def write_citations(path, number):
    """Writes a file of different citations, and gives its size in bytes, unpacked."""
    chance = random.Random(1)
    vocabulary = [
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 11))) for _ in range(9000)
    ]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        size = file.write(f"{HEAD}<PubmedArticleSet>\n")
        for pmid in range(1, number + 1):
            text = " ".join(chance.choices(vocabulary, k=200))
            size += file.write(STRUCTURED.replace("30000001", str(pmid)).replace("We studied", text))
        return size + file.write(f"{DELETED}</PubmedArticleSet>\n")


def count_and_growth(path, *arguments):
    """How many documents a file has, and by how many kB reading it made a process of its own grow."""
    command = [sys.executable, "-c", READ, path, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(map(int, result.stdout.split()))


@asks_linux
def test_citations_that_were_read_are_forgotten(tmp_path):
    """The same file grows past the limit of the next test where they aren't."""
    write_citations(tmp_path / "in.xml.gz", 3_000)
    count, grown = count_and_growth(tmp_path / "in.xml.gz")
    _, leaked = count_and_growth(tmp_path / "in.xml.gz", "leak")
    assert count == 3_000
    assert grown < 12_000
    assert leaked > 30_000


@pytest.mark.slow
@asks_linux
def test_a_file_of_30_000_citations_is_read_in_little_memory(tmp_path):
    """As large as one of the baseline; the limit is far below its 60 MB."""
    assert write_citations(tmp_path / "in.xml.gz", 30_000) > 60_000_000
    count, grown = count_and_growth(tmp_path / "in.xml.gz")
    assert count == 30_000
    assert grown < 30_000


def test_counters_add_up(write):
    found = read(write, *[TITLE] * 3, PLAIN)
    total = sum((Counter(d.meta.get("counted", {})) for d in found), Counter())
    assert total == {"documents without an abstract": 3}
