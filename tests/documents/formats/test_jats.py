"""JATS: full texts of PubMed Central, passage by passage, with exact offsets."""

from pathlib import Path
from typing import Any

import pytest

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.headings import find_headings
from spacy_bioner.errors import FormatError

ARTICLE = """<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) v1.2//EN" "JATS-archivearticle1.dtd">
<article xmlns:mml="http://www.w3.org/1998/Math/MathML"><front><article-meta>
<article-id pub-id-type="pmid">99</article-id><article-id pub-id-type="pmc">123</article-id>
<title-group><article-title>TNF-<italic>α</italic> in
 mice</article-title></title-group>
<abstract><sec><title>Background</title><p>CO<sub>2</sub> rose.</p></sec></abstract>
<trans-abstract><p>Hausmaus</p></trans-abstract><kwd-group><kwd>mice</kwd></kwd-group>
</article-meta></front>
<body><sec><label>1</label><title>Methods</title>
<p>We used aspirin [<xref ref-type="bibr">1</xref>], <fig><label>Figure 1</label><caption><title>Mice.</title>
<p>Ill ones.</p></caption><graphic/></fig>which helps:<list><list-item><p>pain</p></list-item>
<list-item><p>fever</p></list-item></list>and <inline-formula><alternatives><tex-math>x</tex-math>
<mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math></alternatives></inline-formula>.</p>
<sec><title>Animals</title><table-wrap><label>Table 1</label><caption><p>Doses</p></caption>
<table><thead><tr><th>Drug</th><th>mg</th></tr></thead><tbody><tr><td>Aspirin</td><td>5</td></tr></tbody></table>
<table-wrap-foot><fn><p>a Daily</p></fn></table-wrap-foot></table-wrap><p>Rats.</p></sec></sec></body>
<back><ack><title>Thanks</title><p>To all.</p></ack>
<ref-list><ref>Smith 2001</ref></ref-list></back></article>"""


def parts(document: Document) -> list[tuple[str, str]]:
    return [(passage.type, document.text[passage.start : passage.end]) for passage in document.passages]


def test_an_article_in_its_passages(write: Any):
    path = write(ARTICLE, "a.nxml")
    assert formats.detect(path) == "jats"
    [document] = formats.read(path)
    assert document.id == "PMC123"
    assert parts(document) == [
        ("title", "TNF-α in mice"),
        ("heading", "Background"),
        ("abstract", "CO2 rose."),
        ("section_title", "1 Methods"),
        ("paragraph", "We used aspirin [1], which helps:"),
        ("paragraph", "pain"),
        ("paragraph", "fever"),
        ("paragraph", "and x=1."),
        ("caption", "Figure 1 Mice. Ill ones."),
        ("section_title", "Animals"),
        ("caption", "Table 1 Doses"),
        ("table", "Drug\tmg\nAspirin\t5"),
        ("footnote", "a Daily"),
        ("paragraph", "Rats."),
        ("section_title", "Thanks"),
        ("paragraph", "To all."),
    ]
    assert document.text == "\n".join(text for _, text in parts(document))
    assert document.passages[-3].meta == {"section": "1 Methods > Animals"}
    assert document.meta["counted"] == {
        "lists of references, not read": 1,
        "abstracts in other languages, not read": 1,
        "groups of keywords, not read": 1,
    }
    assert [document.text[start:end] for start, end in find_headings(document)] == ["Background", "1 Methods"]


def test_many_articles_and_bad_ones(write: Any, tmp_path: Path):
    body = ARTICLE.partition("\n")[2]
    meta = "<article-meta><article-id pub-id-type='doi'>10/x</article-id></article-meta>"
    empty = f"<article><front>{meta}</front></article>"
    path = write(f"<pmc-articleset>{body}{empty}{body}</pmc-articleset>", "set.xml")
    assert formats.detect(path) == "jats"
    first, second, third = formats.read_each(path)
    assert isinstance(second, FormatError)
    assert (second.document_id, "without text" in str(second)) == ("10/x", True)
    assert first == third
    with pytest.raises(FormatError, match="not well-formed"):
        list(formats.read_each(write(ARTICLE[:-40], "cut.nxml")))
    entity = ARTICLE.replace('.dtd">', '.dtd" [<!ENTITY x "y">]>')
    with pytest.raises(FormatError, match="declares entities"):
        list(formats.read_each(write(entity, "entity.nxml")))


def test_full_text_goes_to_other_formats(write: Any, tmp_path: Path):
    path = write(ARTICLE, "a.nxml")
    for name in ("jsonl", "bioc-xml", "bioc-json"):
        out = tmp_path / f"out{formats.FORMATS[name].suffix}"
        formats.write(formats.read(path), out, name)
        [document], [expected] = formats.read(out), formats.read(path)
        assert [(p.type, p.start, p.end) for p in document.passages][:8] == [
            (p.type, p.start, p.end) for p in expected.passages
        ][:8]
