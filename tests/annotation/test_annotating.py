"""Documents through a pipeline: known answers, long texts, failures, what the input had."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from memorised import KNOWN
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.annotation.inputs import Item, SetAside, find_inputs, read_items
from spacy_bioner.annotation.long_texts import pieces
from spacy_bioner.annotation.output import dressed
from spacy_bioner.annotation.prediction import annotated
from spacy_bioner.annotation.settings import Settings, prepare
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import HEADING, Document, Mention, Passage, Relation
from spacy_bioner.errors import FormatError, PipelineError


@pytest.fixture
def knowing(knowing_pipeline: Path) -> Language:
    return spacy.load(knowing_pipeline)


@pytest.fixture(scope="module")
def ruler() -> Language:
    """A pipeline without `bioner`: an entity ruler with ids."""
    nlp = spacy.blank("en")
    patterns = [
        {"label": "Chemical", "pattern": "aspirin", "id": "MESH:D001241"},
        {"label": "Disease", "pattern": "pain"},
    ]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    return nlp


def run(nlp: Language, documents: Iterable[Document], **settings: Any) -> tuple[list[Any], Counter[str]]:
    chosen = Settings(**{"to": "jsonl", "batch_size": 2, **settings})
    prepare(nlp, chosen)
    counts: Counter[str] = Counter()
    items = [Item(document, "in.jsonl", number) for number, document in enumerate(documents, start=1)]
    return list(annotated(nlp, items, chosen, counts)), +counts


def places(document: Document) -> list[tuple[int, int, str]]:
    return [(m.start, m.end, m.type) for m in document.mentions]


# known answers


def test_mentions_are_found_with_offsets_scores_and_overlaps(knowing: Language):
    documents = [Document(text, id=str(i)) for i, (text, _) in enumerate(KNOWN)]
    found, counts = run(knowing, documents)
    assert [places(document) for document in found] == [sorted(mentions) for _, mentions in KNOWN]
    assert [document.id for document in found] == ["0", "1", "2", "3"]
    assert [document.text for document in found] == [text for text, _ in KNOWN]
    scores = [mention.score for document in found for mention in document.mentions]
    assert all(score is not None and 0.5 < score <= 1 and round(score, 4) == score for score in scores)
    assert not counts


def test_a_heading_that_passages_tell_of_is_no_mention(knowing: Language):
    text, mentions = KNOWN[0]
    passages = (Passage(0, 24, HEADING), Passage(25, len(text), "abstract"))
    [found], _ = run(knowing, [Document(text, passages)])
    assert places(found) == sorted(place for place in mentions if place[0] > 24)


def test_passages_and_meta_stay(knowing: Language):
    text, mentions = KNOWN[0]
    passages = (Passage(0, 24, "title"), Passage(25, len(text), "abstract", {"infons": {"a": "b"}}))
    document = Document(text, passages, meta={"line": 7}, id="x")
    [found], _ = run(knowing, [document])
    assert (found.passages, found.meta, found.id) == (passages, {"line": 7}, "x")
    assert places(found) == sorted(mentions)


def test_types_and_thresholds(knowing: Language):
    document = Document(KNOWN[0][0])
    [found], _ = run(knowing, [document], types=("Gene", "Species"))
    assert places(found) == [(0, 5, "Gene"), (48, 52, "Species")]
    [found], _ = run(knowing, [document], threshold={"Gene": 1.0, "*": 0.5})
    assert places(found) == sorted(KNOWN[0][1])[1:]
    knowing.get_pipe("bioner").threshold = {"*": 1.0}
    [found], _ = run(knowing, [document], threshold={"*": 0.2})
    assert places(found) == sorted(KNOWN[0][1])  # what is asked for counts, and not the config


def test_unknown_types_and_thresholds_are_refused(knowing: Language, ruler: Language):
    with pytest.raises(PipelineError, match="no entity type Gen; it knows Chemical, Disease, Gene, Species"):
        prepare(knowing, Settings("jsonl", types=("Gen",)))
    with pytest.raises(PipelineError, match="no entity type Gen"):
        prepare(knowing, Settings("jsonl", threshold={"Gen": 0.5}))
    with pytest.raises(PipelineError, match="leave out --threshold"):
        prepare(ruler, Settings("jsonl", threshold={"*": 0.5}))
    with pytest.raises(PipelineError, match="finds no entities"):
        prepare(spacy.blank("en"), Settings("jsonl"))


def test_types_that_a_narrowed_pipeline_does_not_write_are_unknown(knowing: Language):
    knowing.get_pipe("bioner").types = ["Gene", "Species"]
    [found], _ = run(knowing, [Document(KNOWN[0][0])], types=("Gene",))
    assert places(found) == [(0, 5, "Gene")]
    with pytest.raises(PipelineError, match="no entity type Disease; it knows Gene, Species"):
        prepare(knowing, Settings("jsonl", types=("Disease",)))


def test_pipeline_without_bioner_gives_its_entities(ruler: Language):
    [found], _ = run(ruler, [Document("no pain with aspirin")])
    assert found.mentions == (
        Mention(((3, 7),), "Disease"),
        Mention(((13, 20),), "Chemical", identifiers=("MESH:D001241",)),
    )
    [found], _ = run(ruler, [Document("no pain with aspirin")], types=("Disease",))
    assert places(found) == [(3, 7, "Disease")]


def test_entities_of_other_components_are_there_too(knowing: Language):
    knowing.add_pipe("entity_ruler", last=True).add_patterns([{"label": "Word", "pattern": "risk"}])
    [found], _ = run(knowing, [Document(KNOWN[0][0])])
    assert places(found) == sorted([*KNOWN[0][1], (20, 24, "Word")])
    assert [m.score for m in found.mentions if m.type == "Word"] == [None]


def test_formats_of_tokens_get_the_best_of_overlapping_mentions_and_tokens(knowing: Language):
    [found], counts = run(knowing, [Document(KNOWN[0][0])], to="columns")
    assert counts["overlapping"] == 1
    assert len(found.mentions) == 4
    words = [found.text[start:end] for start, end in found.tokens]
    assert words == ["BRCA1", "breast", "cancer", "risk", "Aspirin", "treats", "pain", "in", "mice", "."]


def test_own_tokens_are_the_pipelines(ruler: Language):
    text = "pain-aspirin pain"
    [found], _ = run(ruler, [Document(text, tokens=((0, 12), (13, 17)))])
    assert places(found) == [(13, 17, "Disease")]
    assert found.tokens == ((0, 12), (13, 17))


def test_white_space_at_the_ends_of_a_mention_is_left_out():
    nlp = spacy.blank("en")

    @Language.component("white_finder", assigns=["doc.ents"])
    def find(doc: Doc) -> Doc:
        doc.ents = [Span(doc, 0, 1, "Y"), Span(doc, 1, 3, "X")]
        return doc

    nlp.add_pipe("white_finder")
    assert [token.text for token in nlp.make_doc("\n\n\ta \n b")] == ["\n\n\t", "a", "\n ", "b"]
    [found], _ = run(nlp, [Document("\n\n\ta \n b")])
    assert [found.text_of(mention) for mention in found.mentions] == ["a"]


# what the input had


OWN = (Mention(((0, 5),), "Gene", "T1"), Mention(((2, 12),), "Old", "T2"))
RELATIONS = (Relation("Binds", (("Arg1", "T1"), ("Arg2", "T2")), "R1"),)


@pytest.mark.parametrize(
    ("existing", "expected", "counted"),
    [
        ("replace", sorted(KNOWN[0][1]), {"own": 2, "relations": 1}),
        ("add", sorted([*KNOWN[0][1], (2, 12, "Old")]), {"own": 2, "not added": 1}),
        ("fill", sorted([(0, 5, "Gene"), (2, 12, "Old"), *KNOWN[0][1][2:]]), {"own": 2, "not added": 2}),
    ],
)
def test_mentions_of_the_input(
    knowing: Language, existing: str, expected: list[Any], counted: dict[str, int]
):
    document = Document(KNOWN[0][0], (), OWN, RELATIONS, meta={"order": {".ann": ("T1",)}, "a": "b"})
    [found], counts = run(knowing, [document], existing=existing)
    assert places(found) == expected
    assert counts == counted
    if existing == "replace":
        assert found.relations == ()
        assert found.meta == {"a": "b"}
        assert all(mention.score is not None for mention in found.mentions)
    else:
        assert found.relations == RELATIONS
        assert all(own in found.mentions for own in OWN)


# long texts


def test_long_text_is_set_aside(knowing: Language):
    documents = [Document("x" * 101, id="long"), Document(KNOWN[2][0])]
    (aside, found), _ = run(knowing, documents, max_length=100)
    assert aside == SetAside("in.jsonl", 1, "long", "101 characters, and 100 are allowed")
    assert places(found) == KNOWN[2][1]


def test_long_text_is_cut_and_joined(knowing: Language):
    text = "\n\n".join(text for text, _ in KNOWN * 5)
    expected, offset = [], 0
    for part, mentions in KNOWN * 5:
        expected += [(start + offset, end + offset, name) for start, end, name in mentions]
        offset += len(part) + 2
    [found], counts = run(knowing, [Document(text, id="x")], max_length=100, split_long=True)
    assert counts == {"cut": 1}
    assert (found.text, found.id) == (text, "x")
    assert [m for m in places(found) if m in expected] == sorted(expected)
    assert all(text[start:end] in KNOWN[0][0] + KNOWN[1][0] + KNOWN[2][0] for start, end, _ in places(found))
    [columns], _ = run(knowing, [Document(text)], max_length=100, split_long=True, to="columns")
    assert [text[start:end] for start, end in columns.tokens] == [
        token.text for token in knowing.make_doc(text) if not token.is_space
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aaaa. bbbb\ncc dd\n\neeeeee ffff", ["aaaa. bbbb\ncc dd\n\n", "eeeeee ffff"]),
        ("aaaa. bbbb cc. dddd\neeeeee ffff", ["aaaa. bbbb cc. dddd\n", "eeeeee ffff"]),
        ("aaaa. bbbbb cc. dddd eeeeee ffff", ["aaaa. bbbbb cc. ", "dddd eeeeee ffff"]),
        ("aaaa bbbbb cc dddd eeeeee ffff", ["aaaa bbbbb cc dddd ", "eeeeee ffff"]),
        ("a" * 45, ["a" * 20, "a" * 20, "a" * 5]),
    ],
    ids=["paragraph", "line", "sentence", "word", "nowhere"],
)
def test_where_a_text_is_cut(text: str, expected: list[str]):
    assert [piece.text for piece in pieces(Document(text), 20)] == expected


def test_passage_begins_a_piece():
    document = Document("a" * 10 + "b" * 5 + " " + "c" * 14, (Passage(0, 10, "t"), Passage(15, 30, "p")))
    assert [piece.text for piece in pieces(document, 20)] == ["a" * 10 + "b" * 5, " " + "c" * 14]


@given(st.text(alphabet="ab .\n\r\u00a0é", max_size=80), st.integers(4, 30), st.data())
def test_pieces_are_the_text_and_its_tokens(text: str, most: int, data: st.DataObject):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    tokens = tuple((a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    found = list(pieces(Document(text), most))
    assert "".join(piece.text for piece in found) == text
    assert all(0 < len(piece.text) <= most for piece in found) or not text
    found = list(pieces(Document(text, tokens=tokens), most))
    assert "".join(piece.text for piece in found) == text
    joined, offset = [], 0
    for piece in found:
        joined += [(a + offset, b + offset) for a, b in piece.tokens]
        assert all(0 <= a < b <= len(piece.text) for a, b in piece.tokens)
        offset += len(piece.text)
    assert tuple(joined) == tokens


# failures


@Language.component("stumbling", assigns=["doc.ents"])
def stumble(doc: Doc) -> Doc:
    if "poison" in doc.text:
        raise ValueError("bad words")
    if "memory" in doc.text:
        raise MemoryError("too much")
    return doc


def stumbling(knowing: Language) -> Language:
    knowing.add_pipe("stumbling", first=True)
    return knowing


def test_document_that_the_pipeline_fails_on_is_set_aside(knowing: Language):
    texts = [KNOWN[0][0], KNOWN[1][0], "poison", KNOWN[2][0], KNOWN[0][0], "more poison", KNOWN[3][0]]
    expected, _ = run(knowing, [Document(text) for text in texts if "poison" not in text])
    found, _ = run(stumbling(knowing), [Document(text, id=f"d{i}") for i, text in enumerate(texts)])
    aside = [result for result in found if isinstance(result, SetAside)]
    assert [(entry.number, entry.id) for entry in aside] == [(3, "d2"), (6, "d5")]
    assert "fails on it (ValueError: bad words)" in aside[0].reason
    assert [places(d) for d in found if isinstance(d, Document)] == [places(d) for d in expected]


def test_pipeline_that_fails_on_everything_stops(knowing: Language):
    documents = [Document(KNOWN[0][0]), *[Document("poison")] * 5]
    with pytest.raises(PipelineError, match=r"(?s)each of 2 documents.*bad words"):
        run(stumbling(knowing), documents)


def test_too_little_memory_stops(knowing: Language):
    with pytest.raises(PipelineError, match=r"Too little memory(?s:.)*--batch-size"):
        run(stumbling(knowing), [Document("memory"), Document("fine")])


# input


def test_folders_stand_for_their_files(write: Callable[..., Path], tmp_path: Path):
    write('{"text": "a"}\n', "mixed/b.jsonl")
    write("1|t|Title\n1|a|Abstract\n", "mixed/a.txt")
    write("x", "mixed/.hidden")
    write("a text", "texts/1.txt")
    write("", "empty/inner/file")
    assert [(path.name, name) for path, name in find_inputs([tmp_path / "mixed", tmp_path / "texts"])] == [
        ("a.txt", "pubtator"),
        ("b.jsonl", "jsonl"),
        ("texts", "text"),
    ]
    with pytest.raises(FormatError, match="inner: a folder in a folder"):
        find_inputs([tmp_path / "empty"])
    with pytest.raises(FormatError, match="no such file or folder"):
        find_inputs([tmp_path / "nowhere"])


PUBMED = "<PubmedArticleSet>{}</PubmedArticleSet>".format(
    "".join(
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID>"
        f"<Article><ArticleTitle>{title}</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n"
        for number, title in enumerate(("One", "Two", "Three"), start=1)
    )
)
BAD = {
    "jsonl": ('{"id": "1", "text": "a"}\n{"text": 1}\n{"id": "3", "text": "c"}\n', "", "line 2"),
    "pubtator": ("1|t|a\n1|a|\n\n2|t|b\n9|a|\n\n3|t|c\n3|a|\n", "2", "not a line of document 2"),
    "bioc-json": (
        json.dumps(
            {
                "documents": [
                    {"id": "1", "passages": []},
                    {"id": "2", "passages": [{"offset": "x"}]},
                    {"id": "3", "passages": []},
                ]
            }
        ),
        "2",
        "offset",
    ),
    "bioc-xml": (
        "<collection>"
        + "".join(
            f"<document><id>{i}</id><passage><offset>{at}</offset><text>a</text></passage></document>"
            for i, at in (("1", 0), ("2", "x"), ("3", 0))
        )
        + "</collection>",
        "2",
        "whole numbers",
    ),
    "pubmed": (re.sub("<Article>(?=.*Two).*Article>(?=</M)", "", PUBMED), "2", "without <Article>"),
}


@pytest.mark.parametrize(("format", "bad"), BAD.items(), ids=BAD)
def test_document_that_cannot_be_read_is_set_aside(
    write: Callable[..., Path], format: str, bad: tuple[str, str, str]
):
    content, id, fragment = bad
    path = write(content, "in.txt")
    first, aside, last = read_items([(path, format)])
    assert (first.document.id, last.document.id) == ("1", "3")
    assert (aside.file, aside.number, aside.id, aside.rest) == ("in.txt", 2, id, False)
    assert fragment in aside.reason
    assert "in.txt" not in aside.reason  # which `file` says


@pytest.mark.parametrize("format", ["pubmed", "bioc-xml"])
def test_last_document_before_xml_breaks_off_is_read(write: Callable[..., Path], format: str):
    content = PUBMED if format == "pubmed" else BAD["bioc-xml"][0].replace(">x<", ">0<")
    path = write(content[: content.index("3<")], "in.xml")
    *found, aside = read_items([(path, format)])
    assert [item.document.id for item in found] == ["1", "2"]
    assert (aside.number, aside.rest) == (3, True)
    assert aside.reason.count("line") == 2  # where it ends, and which element began where
    documents = formats.read(path, format)
    assert [next(documents).id, next(documents).id] == ["1", "2"]
    with pytest.raises(FormatError, match="not well-formed XML"):
        next(documents)


def test_file_of_a_folder_that_cannot_be_read_is_set_aside(write: Callable[..., Path], tmp_path: Path):
    write("a", "in/1.txt")
    write(b"\xff", "in/2.txt")
    write("c", "in/3.txt")
    for name in "13":
        write("", f"in/{name}.ann")
    for format in ("text", "brat"):
        first, aside, last = read_items([(tmp_path / "in", format)])
        assert (first.document.id, last.document.id) == ("1", "3")
        assert (aside.number, aside.id) == (2, "2")


def test_mention_beyond_its_text_is_set_aside_and_its_document_read(write: Callable[..., Path]):
    path = write("1|t|a\n1|a|\n\n2|t|b\n2|a|\n2\t0\t99\tb\tX\n\n3|t|c\n3|a|\n", "in.txt")
    items = list(read_items([(path, "pubtator")]))
    assert [item.document.id for item in items] == ["1", "2", "3"]
    assert items[1].document.mentions == ()
    assert "99" in str(items[1].document.meta)


def test_line_that_is_not_text_is_set_aside_alone(write: Callable[..., Path]):
    path = write(b'{"text": "a"}\n\xff\n{"text": "b"}\n', "in.jsonl")
    first, aside, last = read_items([(path, "jsonl")])
    assert (first.document.text, last.document.text) == ("a", "b")
    assert (aside.number, aside.rest) == (2, False)
    assert "UTF-8" in str(aside)


def test_rest_that_cannot_be_read_is_told(write: Callable[..., Path]):
    path = write(PUBMED[: PUBMED.index("Three")], "in.xml")
    *found, aside = read_items([(path, "pubmed")])
    assert len(found) == 2
    assert aside.rest
    assert "nothing from there on could be read" in str(aside)


# output


def test_bioc_gets_ids_and_json_lines_texts():
    mentions = (Mention(((0, 1),), "A", "T1"), Mention(((1, 2),), "B", score=0.25))
    [lines] = dressed([Document("ab", mentions=mentions)], "jsonl")
    assert [mention.meta["text"] for mention in lines.mentions] == ["a", "b"]
    [bioc] = dressed([Document("ab", mentions=mentions)], "bioc-xml")
    assert [mention.id for mention in bioc.mentions] == ["T1", "T2"]
    assert [mention.score for mention in bioc.mentions] == [None, 0.25]
