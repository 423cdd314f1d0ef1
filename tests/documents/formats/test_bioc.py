"""BioC in XML and JSON: one document in both, and what each refuses."""

import json
import re
import socket
from pathlib import Path

import pytest

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage, Relation
from spacy_bioner.documents.formats import base, bioc_json, bioc_xml
from spacy_bioner.errors import ConversionError, FormatError

XML = """\
<?xml version='1.0' encoding='UTF-8'?><!DOCTYPE collection SYSTEM 'BioC.dtd'>
<collection><source>PubTator</source><date/><key>k</key><infon key="c">1</infon>
<document><id>12</id><infon key="journal">J</infon>
<passage><infon key="type">title</infon><offset>0</offset><text>Ovarian &amp; breast cancer.</text>
<annotation id='0'><infon key="type">Disease</infon><infon key="CompositeRole">IndividualMention</infon>
<infon key="MESH">D010051|D2</infon><location offset='0' length='7'/><location offset='17' length='6'/>
<text>Ovarian cancer</text></annotation></passage>
<passage><infon key="type">abstract</infon><offset>25</offset><text>Due to <!-- no --><![CDATA[IL-2]]>.</text>
<annotation id='1'><infon key="type">Gene</infon><infon key="identifier">3558</infon>
<location offset='32' length='4'/><text>IL-2</text></annotation></passage>
<relation id='R0'><infon key="relation">CID</infon><infon key="Gene">3558</infon>
<infon key="Disease">D2</infon><infon key="novel">No</infon></relation>
<relation id='R1'><infon key="type">Binds</infon><node refid='0' role='a'/>
<node refid='1' role='b'/></relation>
</document></collection>
"""
DOCUMENT = Document(
    "Ovarian & breast cancer.\nDue to IL-2.",
    (Passage(0, 24, "title"), Passage(25, 37, "abstract")),
    (
        Mention(
            ((0, 7), (17, 23)),
            "Disease",
            "0",
            ("D010051", "D2"),
            None,
            {"infons": {"CompositeRole": "IndividualMention", "MESH": "D010051|D2"}},
        ),
        Mention(((32, 36),), "Gene", "1", ("3558",)),
    ),
    (
        Relation(
            "CID",
            (("Gene", "3558"), ("Disease", "D2")),
            "R0",
            {"infons": {"relation": "CID", "Gene": "3558", "Disease": "D2", "novel": "No"}},
        ),
        Relation("Binds", (("a", "0"), ("b", "1")), "R1"),
    ),
    meta={
        "infons": {"journal": "J"},
        "collection": {"source": "PubTator", "key": "k", "infons": {"c": "1"}},
    },
    id="12",
)


def text_of(module, *documents):
    return "".join(piece.text for piece in module.write(documents))


def passage(text, offset=0, **fields):
    return {"offset": offset, "text": text, **fields}


def annotation(start, length, text, id="0", **infons):
    locations = [{"offset": start, "length": length}]
    return {"id": id, "infons": infons, "text": text, "locations": locations}


def read_json(write, *passages, **fields):
    document = {"id": "1", "passages": list(passages), **fields}
    return list(bioc_json.read(write(json.dumps({"documents": [document]}), "in.json")))


@pytest.mark.parametrize("change", [lambda text: text, lambda text: f"\ufeff{text}".replace("\n", "\r\n")])
def test_read_xml(write, change):
    assert list(bioc_xml.read(write(change(XML)))) == [DOCUMENT]


@pytest.mark.parametrize("module", [bioc_xml, bioc_json])
def test_what_is_written_is_read_again(write, module):
    second = Document("One.", meta={"collection": DOCUMENT.meta["collection"]}, id="13")
    text = text_of(module, DOCUMENT, second)
    assert list(module.read(write(text))) == [DOCUMENT, second]
    assert text_of(module, DOCUMENT, second) == text


def test_written_xml():
    text = text_of(bioc_xml, DOCUMENT)
    assert text.startswith(
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n<collection>\n'
        "  <source>PubTator</source>\n  <date></date>\n  <key>k</key>\n"
    )
    assert text.endswith("</document>\n</collection>\n")
    assert '<location offset="17" length="6"/>' in text
    assert text.count("<node ") == 2  # the other relation has its arguments in its infons


def test_collection_of_another_is_told_of():
    pieces = list(bioc_json.write([DOCUMENT, Document("One.")]))
    assert [dict(piece.others) for piece in pieces] == [{}, {"what a second collection says": 1}, {}]


def test_sentences(write):
    sentence = {"offset": 0, "text": "Ab c.", "annotations": [annotation(3, 1, "c")]}
    other = {"offset": 7, "text": "Def.", "infons": {"n": "2"}, "annotations": [annotation(7, 3, "Def")]}
    [found] = read_json(write, {"offset": 0, "sentences": [sentence, other]})
    assert found == Document(
        "Ab c.  Def.",
        (Passage(0, 5, SENTENCE), Passage(7, 11, SENTENCE, {"infons": {"n": "2"}})),
        (Mention(((3, 4),), "", "0"), Mention(((7, 10),), "", "0")),
        id="1",
    )
    assert list(bioc_json.read(write(text_of(bioc_json, found)))) == [found]
    assert '"sentences": [{"offset": 0' in text_of(bioc_json, found)


def test_sentences_over_the_text_of_their_passage(write):
    sentences = [
        {"offset": 10, "text": "Ab."},
        {"offset": 14, "text": "Cd.", "annotations": [annotation(14, 2, "Cd")]},
    ]
    [found] = read_json(write, passage("Ab. Cd.", 10, sentences=sentences))
    assert found.text == "Ab. Cd."
    assert [(p.start, p.end) for p in found.passages] == [(0, 3), (4, 7)]
    assert found.mentions[0].spans == ((4, 6),)


def test_passage_that_states_a_wrong_offset(write):
    """As in BC5CDR: the annotations count from where the passage is."""
    first = passage("Title.")
    second = passage("A PD and PD.", 12, annotations=[annotation(9, 2, "PD"), annotation(16, 2, "PD")])
    [found] = read_json(write, first, second)
    assert found.text == "Title.\nA PD and PD."
    assert [(m.spans, m.meta) for m in found.mentions] == [
        (((9, 11),), {"moved": 5}),
        (((16, 18),), {"moved": 5}),
    ]
    assert [p.meta for p in found.passages] == [{}, {"moved": -5}]
    [again] = bioc_json.read(write(text_of(bioc_json, found)))
    assert [(m.spans, m.meta) for m in again.mentions] == [(((9, 11),), {}), (((16, 18),), {})]


def test_offsets_begin_at_zero_and_passages_may_touch(write):
    passages = [
        passage("ab", 100, annotations=[annotation(100, 2, "ab")]),
        passage("cd", 102),
        passage("ef", 105),
    ]
    [found] = read_json(write, *passages, annotations=[annotation(102, 2, "cd", "D")])
    assert found.text == "abcd\nef"
    assert [m.spans for m in found.mentions] == [((0, 2),), ((2, 4),)]
    assert not any(p.meta for p in found.passages)


def test_annotations_without_text_are_counted(write):
    parts = [annotation(0, 0, ""), annotation(0, 1, "a") | {"locations": []}]
    parts += [{"id": "9", "locations": [{"offset": 0, "length": 2}, {"offset": 1, "length": 2}]}]
    [found] = read_json(write, passage("abc", annotations=parts))
    assert not found.mentions
    assert len(found.meta["bad"]) == 3
    assert found.meta["bad"][2] == "annotation 9: parts of a mention that overlap, from 0 to 2, 1 to 3"


def test_locations_may_be_in_any_order(write):
    both = annotation(4, 1, "a c") | {"locations": [{"offset": 4, "length": 1}, {"offset": 0, "length": 1}]}
    [found] = read_json(write, passage("a b c", annotations=[both]))
    assert found.mentions == (Mention(((0, 1), (4, 5)), "", "0"),)


def test_mention_that_no_passage_holds_and_passages_that_overlap(write):
    document = Document(
        "ab\ncd", (Passage(0, 2, "t"), Passage(3, 5, "a")), (Mention(((1, 4),), "X"),), id="1"
    )
    assert list(bioc_json.read(write(text_of(bioc_json, document)))) == [document]
    document = Document("ab\ncd", (Passage(0, 4, "t"), Passage(2, 5, "a", {"n": 1})), id="1")
    for module in (bioc_json, bioc_xml):
        assert list(module.read(write(text_of(module, document)))) == [document]


def test_infons_of_any_kind(write):
    given = {"a": None, "b": 1, "c": [1, {"d": True}]}
    [found] = read_json(write, passage("abc", annotations=[annotation(0, 1, "a", **given)]))
    assert found.mentions[0].meta == {"infons": {"a": None, "b": 1, "c": (1, {"d": True})}}
    assert list(bioc_json.read(write(text_of(bioc_json, found)))) == [found]
    [as_text] = bioc_xml.read(write(text_of(bioc_xml, found)))
    assert as_text.mentions[0].meta == {"infons": {"a": "null", "b": "1", "c": '[1, {"d": true}]'}}


@pytest.mark.parametrize(
    "content",
    [
        {"documents": [{"id": 1, "passages": [passage("a")]}]},
        [{"documents": [{"id": 1, "passages": [passage("a")]}]}],
        {"id": "1", "passages": [passage("a")]},
        [{"id": "1", "passages": [passage("a")]}],
        {"PubTator3": [{"_id": "1|None", "id": "1", "passages": [passage("a")]}]},
        '{"id": "1", "passages": [{"offset": 0, "text": "a"}]}\n\n{"id": 2, "passages": []}',
    ],
    ids=["collection", "collections", "document", "documents", "PubTator 3", "lines"],
)
def test_forms_of_json(write, content):
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    first, *others = bioc_json.read(write(text))
    unread = {"unread": ("document key '_id'",)} if "_id" in text else {}
    assert first == Document("a", meta=unread, id="1")
    assert others in ([], [Document("", id="2")])


def assert_refused(reader, path, message):
    """The error names the file, and says what is wrong."""
    with pytest.raises(FormatError) as raised:
        list(reader.read(path))
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


BEGIN = "<collection><document><id>1</id><passage><offset>0</offset><text>abc</text>"
END = "</passage></document></collection>"
DOCTYPE = "<!DOCTYPE collection SYSTEM 'x.dtd'>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not well-formed XML"),
        ("<collection>", "not well-formed XML"),
        ("<a/>", "not a BioC collection"),
        ("<a><document/></a>", "not a BioC collection"),
        (f"{BEGIN}</passage>", "line 1: not well-formed XML"),
        (f"{BEGIN}&lol;{END}", "not well-formed XML"),
        (f"{DOCTYPE}{BEGIN}&lol;{END}", "an entity that nothing declares: &lol;"),
        (f"{DOCTYPE}{BEGIN.replace('abc', '&lol;')}{END}", "an entity that nothing declares: &lol;"),
        (BEGIN.replace("abc", "a<b>b</b>c") + END, "<text> should hold text alone"),
        (BEGIN.replace(">0<", ">x<") + END, "<offset> needs whole numbers, and has 'x'"),
        (BEGIN.replace(">0<", f">{'9' * 5000}<") + END, "<offset> needs whole numbers"),
        (
            BEGIN.replace("<offset>0</offset>", "") + END,
            "a document that isn't BioC: an element or attribute is missing",
        ),
        ("<a>" * 300 + "</a>" * 300, "not well-formed XML: Excessive depth"),
        ("<?xml version='1.0' encoding='UTF-7'?><collection/>", "is in the encoding UTF-7; convert"),
        ("<?xml version='1.0'?><collection/>".encode("utf-16"), "NUL bytes in it"),
        (b"<collection>\xff</collection>", "not well-formed XML"),
        (f"{BEGIN}\0{END}", "a NUL byte in its text"),
        (f"{BEGIN}{END}<x/>", "not well-formed XML"),
        (f"{BEGIN}{END} text", "not well-formed XML"),
    ],
)
def test_bad_xml(write, content, message):
    assert_refused(bioc_xml, write(content), message)


LAUGHS = '<!DOCTYPE collection [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE collection [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
PARAMETER = '<!DOCTYPE collection [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>'


@pytest.mark.parametrize("doctype", [LAUGHS, FILE, PARAMETER], ids=["bomb", "file", "parameter"])
@pytest.mark.parametrize("before", ["", " " * 32_760, "<!--" + "<collection>" * 20_000 + "-->"])
def test_entities_are_refused(write, doctype, before):
    path = write(f"<?xml version='1.0'?>{before}{doctype}{BEGIN}{END}")
    with pytest.raises(FormatError, match="declares entities"):
        list(bioc_xml.read(path))


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/x.dtd", "no-such.dtd", "BioC.dtd"])
def test_what_a_doctype_names_is_not_fetched(write, monkeypatch, name):
    write("<!ELEMENT nonsense", "BioC.dtd")  # beside the file
    monkeypatch.setattr(socket, "socket", None)
    [found] = bioc_xml.read(write(f'<!DOCTYPE collection SYSTEM "{name}">{BEGIN}{END}'))
    assert found.text == "abc"


def test_elements_that_are_not_known_are_told_of(write):
    [found] = bioc_xml.read(write(f"{BEGIN}<figure/>{END}"))
    assert found.meta == {"unread": ("element <figure> in <passage>",)}


def test_xml_is_read_document_by_document(write):
    document = BEGIN.removeprefix("<collection>") + "</passage></document>"
    path = write("<collection>" + document * 3000 + "<oops></collection>")
    reading = bioc_xml.read(path)
    assert next(reading).text == "abc"
    with pytest.raises(FormatError, match="not well-formed"):
        list(reading)


@pytest.mark.parametrize(
    ("document", "fragment"),
    [
        (Document("a\x01b", id="7"), "Document '7' can't be written as XML"),
        (Document("ab", id="\x00"), "can't be written as XML"),
        (Document("ab", (), (Mention(((0, 1),), "\x0b"),)), "can't be written as XML"),
        (Document("ab", meta={"collection": {"source": "\x01"}}, id="7"), "The collection of document '7'"),
    ],
)
def test_characters_that_xml_has_not(document, fragment):
    with pytest.raises(ConversionError) as raised:
        text_of(bioc_xml, document)
    assert fragment in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", 'an object with "documents" or "passages" should be here'),
        ("{}", 'an object with "documents"'),
        ('{"documents": {}}', '"documents" should be a list'),
        ('{"documents": [1]}', '"documents" should be a list of objects'),
        ('{"documents": [{"passages": [{}]}]}', '"offset" should be a whole number, and is missing'),
        ('{"documents": [{"id": "7", "passages": [{"offset": 1.5}]}]}', '"offset" should be a whole number'),
        ('{"passages": [{"offset": 0, "text": 1}]}', '"text" should be a text'),
        (
            '{"passages": [{"offset": 0, "text": ""}, {"offset": 0, "text": null}]}',
            'passage 2: "text" should',
        ),
        ('{"documents": [{"id": "7", "passages": null}]}', 'document 7: "passages" should be a list'),
        ('{"passages": [{"offset": -1, "text": "a"}]}', 'passage 1: "offset" is -1'),
        (
            '{"passages": [{"offset": 0, "text": "a", "sentences": [{"offset": 0, "text": "b"}]}]}',
            "the sentence at offset 0 isn't in its passage",
        ),
        ('{"passages": []}\n{"passages": [}', "line 2: not JSON"),
    ],
)
def test_bad_json(write, content, message):
    assert_refused(bioc_json, write(content), message)


def test_a_passage_may_have_its_text_in_sentences_alone(write):
    sentences = [{"offset": 0, "text": "Ab."}, {"offset": 4, "text": "Cd."}]
    [found] = read_json(write, passage(None, sentences=sentences))
    assert found.text == "Ab. Cd."


def test_bad_annotations_are_set_aside_and_the_rest_is_kept(write):
    good, bad = annotation(0, 1, "a", "4"), annotation(2, 7, "x", "5")
    [found] = read_json(write, passage("abc", annotations=[good, bad]))
    assert [m.id for m in found.mentions] == ["4"]
    assert found.meta["bad"] == ("annotation 5: a mention from 2 to 9, in a text of 3 characters",)
    [found] = read_json(write, passage("abc", annotations=[good, bad | {"locations": 1}, 7]))
    assert [m.id for m in found.mentions] == ["4"]
    assert found.meta["bad"][0] == 'annotation 5: "locations" should be a list, and is not [B153]'
    assert len(found.meta["bad"]) == 2
    good = "<annotation id='4'><location offset='0' length='1'/></annotation>"
    for bad in (
        "<annotation id='7'><location offset='0'/></annotation>",
        "<annotation id='7'><location offset='x' length='1'/></annotation>",
        "<annotation id='7'><location offset='2' length='2'/></annotation>",
        f"<annotation id='7'><location offset='{'9' * 5000}' length='2'/></annotation>",
        "<relation id='7'><node role='x'/></relation>",
    ):
        [found] = bioc_xml.read(write(BEGIN + good + bad + END))
        assert [m.id for m in found.mentions] == ["4"]
        [reason] = found.meta["bad"]
        assert "7" in reason


def test_annotation_without_an_id(write):
    [found] = bioc_xml.read(write(f"{BEGIN}<annotation><location offset='2' length='1'/></annotation>{END}"))
    assert [(m.spans, m.id) for m in found.mentions] == [(((2, 3),), "")]


@pytest.mark.parametrize("between", ["", "\n", "\n\n  "])
@pytest.mark.parametrize("padding", [0, 32_700, 32_740, 32_768, 40_000])
def test_one_collection_behind_another(write, between, padding):
    first = f"<?xml version='1.0'?>{BEGIN}{' ' * padding}{END}"
    second = f"<?xml version='1.0'?>{DOCTYPE}{BEGIN.replace('<id>1', '<id>2')}{END}\n"
    assert [d.id for d in bioc_xml.read(write(first + between + second))] == ["1", "2"]


def test_nul_costs_one_document_of_xml(write):
    parts = [
        f"<document><id>{i}</id><passage><offset>0</offset><text>a{c}</text></passage></document>"
        for i, c in enumerate("b\0c")
    ]
    first, error, last = bioc_xml.each(write(f"<collection>{''.join(parts)}</collection>"))
    assert (first.id, last.id, error.document_id) == ("0", "2", "1")
    assert "NUL" in str(error)


def test_relations_of_pubtator_3(write):
    parts = [annotation(0, 1, "a", "1", identifier="MESH:D1"), annotation(2, 1, "c", "2", identifier="672")]
    for role1, role2 in (
        ("Chemical|MESH:D1", "Gene|672"),
        ({"type": "Chemical", "identifier": "MESH:D1"}, {"type": "Gene", "identifier": "672"}),
    ):
        infons = {"type": "Association", "role1": role1, "role2": role2}
        whole = passage("abc", annotations=parts) | {
            "relations": [{"id": "R1", "infons": infons, "nodes": []}]
        }
        [found] = read_json(write, whole)
        assert found.relations[0].arguments == (("Chemical", "MESH:D1"), ("Gene", "672"))


def test_no_documents():
    assert text_of(bioc_xml).endswith(
        "<collection>\n  <source></source>\n  <date></date>\n  <key></key>\n</collection>\n"
    )
    assert json.loads(text_of(bioc_json))["documents"] == []
    assert base.Account().docs == 0


PLACES = {
    "<collection><x/><source>s</source>": "element <x> of the collection",
    f"{BEGIN.replace('<id>1', '<text>t</text><id>1')}": "element <text> in <document>",
    f"{BEGIN}<id>2</id>": "element <id> in <passage>",
    f"{BEGIN}<text>other</text>": "a second <text> in <passage>",
    f"{BEGIN}<infon key='a'>1</infon><infon key='a'>2</infon>": "a second <infon> in <passage>",
    f"{BEGIN}some text": "text between the elements in <passage>",
    BEGIN.replace("<passage>", "<passage id='4'>"): "attribute id in <passage>",
    f"{BEGIN}<annotation id='1'><location offset='0' length='1'><x/></location></annotation>": (
        "element <x> in <location>"
    ),
    f"{BEGIN}<relation id='1'><annotation id='2'/></relation>": "element <annotation> in <relation>",
}


@pytest.mark.parametrize(("begin", "what"), PLACES.items())
def test_what_stands_elsewhere_in_xml_is_told_of(write, begin, what):
    if "<document>" not in begin:
        begin += BEGIN.removeprefix("<collection>")
    [found] = bioc_xml.read(write(f"{begin}{END}"))
    assert found.meta["unread"] == (what,)


def test_what_stands_behind_the_last_document_is_told_of(write):
    document = BEGIN.removeprefix("<collection>") + "</passage></document>"
    first, last = bioc_xml.read(
        write(f"<collection>{document}<x/>{document.replace('>1<', '>2<')}<y/></collection>")
    )
    assert (first.meta, last.meta["unread"]) == (
        {},
        ("element <x> of the collection", "element <y> of the collection"),
    )
    with pytest.raises(FormatError, match="a <document> in a <z>, and not in the <collection>"):
        list(bioc_xml.read(write(f"<collection><z>{document}</z></collection>")))


def test_keys_that_bioc_has_not_are_told_of(write):
    first = passage("ab", offset=0, note=1, annotations=[annotation(0, 1, "a") | {"score": 1}] * 2)
    relation = {"id": "R", "nodes": [{"refid": "1", "role": "", "weight": 2}], "kind": 1}
    document = {"id": "1", "passages": [first], "relations": [relation], "journal": "x"}
    content = {"documents": [document, {"id": "2", "passages": [passage("a")]}], "version": 1}
    one, two = bioc_json.read(write(json.dumps(content), "in.json"))
    assert set(one.meta["unread"]) == {
        "collection key 'version'",
        "document key 'journal'",
        "passage key 'note'",
        "annotation key 'score' (2 times)",
        "relation key 'kind'",
        "node key 'weight'",
    }
    assert not two.meta


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_numbers_that_are_none(write, number):
    assert_refused(
        bioc_json, write(f'{{"passages": [], "infons": {{"a": {number}}}}}'), "not JSON that can be"
    )


def test_encoding_that_is_declared_late(write):
    """Bytes that are tags in that encoding alone are none here."""
    declared = f"<?xml version='1.0'{' ' * 40_000}encoding='UTF-7'?>"
    text = BEGIN.replace("abc", "+ADwAIQ-ENTITYé")
    [found] = bioc_xml.read(write(f"{declared}{text}{END}"))
    assert found.text == "+ADwAIQ-ENTITYé"
    assert_refused(bioc_xml, write(f"{declared}{text}{END}".encode("latin-1")), "not well-formed XML")


def test_many_passages_take_no_longer(write):
    parts = [passage("x" * 50, 51 * i) for i in range(20_000)]
    [found] = read_json(write, *parts)
    assert len(found.text) == 51 * 20_000 - 1


@pytest.mark.parametrize(
    ("infon", "score", "infons"),
    [
        ("0.25", 0.25, {}),
        ("1.0", 1.0, {}),
        ("0.250", None, {"score": "0.250"}),  # not as it is written here: it would come back changed
        ("17.5", None, {"score": "17.5"}),
        ("high", None, {"score": "high"}),
        ("nan", None, {"score": "nan"}),
    ],
)
@pytest.mark.parametrize("format", ["bioc-xml", "bioc-json"])
def test_score_is_an_infon(
    tmp_path: Path, format: str, infon: str, score: float | None, infons: dict[str, str]
):
    own = {"infons": {"score": infon, "other": "x"}}
    given = Document("aspirin", mentions=(Mention(((0, 7),), "Chemical", "T1", meta=own),), id="1")
    formats.write([given], tmp_path / "one", format)
    [read] = formats.read(tmp_path / "one")
    assert read.mentions[0].score == score
    assert read.mentions[0].meta == {"infons": {"other": "x", **infons}}
    formats.write([read], tmp_path / "two", format)
    again = [document.mentions for document in formats.read(tmp_path / "two")]
    assert again == [read.mentions]
    [found] = re.findall(r'"?score"?[>:] ?"?([^"<]*)', (tmp_path / "two").read_text(encoding="utf8"))
    assert found == infon
