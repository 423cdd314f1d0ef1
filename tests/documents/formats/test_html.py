"""HTML: the text is kept, everything is escaped, nothing runs; and what a real browser makes of it."""

import gzip
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import Browser
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.documents.formats import html
from spacy_bioner.errors import ConversionError, FormatError

TEXT = 'Severe renal and cardiac failure after IL-2 <script>alert(1)</script> & "β-blocker"\r\nin 20\tµg {x}.'


def mention(words: str, name: str, **more: object) -> Mention:
    start = TEXT.index(words)
    return Mention(((start, start + len(words)),), name, **more)


DOCUMENT = Document(
    TEXT,
    mentions=(
        Mention(((7, 12), (25, 32)), "Disease", score=0.61),
        mention("Severe renal and cardiac failure", "Disease", score=0.934),
        mention("cardiac failure", "Disease", score=0.97),
        mention("IL-2", "Gene", identifiers=('"><img src=x onerror=alert(1)>',)),
        mention("<script>alert", "<b onclick='x'>"),
        mention('& "β-blocker"\r\nin', "Chemical"),  # crosses none, has a line end in it
        mention("20\tµg", "Species"),
        mention("µg {x}", "{Odd}"),  # crosses the one before it
    ),
    id='1"><script>',
)


class Texts(HTMLParser):
    """What a page's documents say, without labels; the labels; and all elements and attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._depth, self._label = 0, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "div" and ("class", "entities") in attrs:
            self.texts.append("")
            self._depth = 1
        elif tag == "br":
            self.texts[-1] += "\n"
        elif tag == "small":
            self.labels.append("")
            self._label = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._depth = 0
        elif tag == "small":
            self._label = False

    def handle_data(self, data: str) -> None:
        if self._label:
            self.labels[-1] += data
        elif self._depth:
            self.texts[-1] += data


def parse(page: str) -> Texts:
    parser = Texts()
    parser.feed(page)
    return parser


def page_of(*documents: Document) -> str:
    return "".join(written.text for written in html.write(documents))


def shown(text: str) -> str:
    return text.replace("\r\n", " \n").replace("\r", "\n")


def test_text_is_kept_and_everything_escaped():
    parsed = parse(page_of(DOCUMENT))
    assert parsed.texts == [shown(TEXT)]
    assert parsed.tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "a", "details"),
        *("summary", "ul", "li", "mark", "article", "div", "small", "br"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }
    assert parsed.attributes <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "style", "title", "href", "id"),
        *("open", "scope"),
    }
    assert parsed.labels == [
        "Disease 0.61 (part 1 of 2)",
        "Disease 0.61 (part 2 of 2)",
        "Disease 0.97",
        "Disease 0.93",
        "Gene",
        "<b onclick='x'>",
        "Chemical",
        "Species",
        "{Odd}",
    ]


def test_policy_forbids_everything_but_styles():
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page_of(DOCUMENT))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(words | st.text("<>&\"'{}%\r\n ab", max_size=30))
    mentions = []
    for _ in range(draw(st.integers(0, 5)) if len(text) > 1 else 0):
        edges = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=4)))
        spans = tuple(zip(edges[::2], edges[1::2], strict=False))
        mentions.append(Mention(spans, draw(words), score=draw(st.none() | st.floats(0, 1))))
    return Document(text, mentions=tuple(mentions), id=draw(words))


@settings(max_examples=150)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_any_document_is_shown_as_it_is(members: list[Document]):
    written = list(html.write(members))
    parsed = parse("".join(piece.text for piece in written))
    assert parsed.texts == [shown(d.text) for d in members]
    assert "script" not in parsed.tags
    assert sum(piece.docs for piece in written) == len(members)
    found = [name for piece in written for name in piece.mentions]
    assert found == [m.type for d in members for m in d.mentions]
    assert len(parsed.labels) == sum(len(m.spans) for d in members for m in d.mentions)


def test_lines_of_overlapping_mentions_are_apart():
    assert html._lanes([(0, 10), (2, 5), (3, 4), (12, 14)]) == [2, 1, 0, 0]
    assert html._lanes([(0, 4), (2, 6)]) == [1, 0]


def test_colours_are_of_types_and_can_be_read():
    assert html.colour("Chemical") == html.colour("chemical") != html.colour("Disease")
    known = {html.colour(name) for name in html.KNOWN}
    assert not known & {html.colour(f"type {i}") for i in range(100)}
    for fill, line in html.COLOURS:
        assert contrast("#111111", fill) > 7
        assert contrast("#ffffff", line) > 3
    assert contrast("#444444", "#ffffff") > 7


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as the Web Content Accessibility Guidelines define it."""

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_many_documents_are_in_groups():
    page = page_of(
        *(Document("aspirin", mentions=(Mention(((0, 7),), "Chemical"),), id=f"d{i}") for i in range(250))
    )
    summaries = re.findall(r"<details( open)?><summary>(.*?)</summary>", page)
    assert summaries == [
        (" open", "Documents 1 to 100: d0 to d99; 100 mentions"),
        ("", "Documents 101 to 200: d100 to d199; 100 mentions"),
        ("", "Documents 201 to 250: d200 to d249; 50 mentions"),
    ]
    assert '<th scope="row">Chemical</th><td>250</td>' in page
    assert "250 documents" in page


def test_what_is_not_shown_is_counted(tmp_path: Path):
    document = Document("aspirin", relations=(Relation("CID", (("a", "b"),)),), meta={"x": 1})
    account = formats.write([document], tmp_path / "a.html.gz", "html")
    assert [drop.reason for drop in account.relations] == ["HTML shows mentions"]
    assert account.others == {"notes on documents": 1}
    assert gzip.decompress((tmp_path / "a.html.gz").read_bytes()).startswith(b"<!DOCTYPE html>")


def test_html_is_not_read(tmp_path: Path, write: Callable[..., Path]):
    formats.write([DOCUMENT], tmp_path / "a.html", "html")
    with pytest.raises(FormatError, match="HTML is written and not read"):
        list(formats.read(tmp_path / "a.html", "html"))
    assert formats.detect(tmp_path / "a.html") == "html"


def test_half_a_surrogate_pair_is_refused(tmp_path: Path):
    with pytest.raises(ConversionError, match="surrogate"):
        formats.write([Document("a\ud800")], tmp_path / "a.html", "html")
    assert not (tmp_path / "a.html").exists()


def test_convert_writes_it(run_cli: Callable[..., str], tmp_path: Path, refuse_cli: Callable[..., str]):
    formats.write([DOCUMENT], tmp_path / "in.jsonl", "jsonl")
    run_cli("bioner", "convert", tmp_path / "in.jsonl", tmp_path / "out.html")
    assert parse((tmp_path / "out.html").read_text(encoding="utf8")).texts == [shown(TEXT)]
    message = refuse_cli("bioner", "convert", tmp_path / "out.html", tmp_path / "x.jsonl", "--from", "html")
    assert "HTML is written and not read" in message


# -- in a browser --------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Path:
    filling = [Document("aspirin " * 50, mentions=(Mention(((0, 7),), "Chemical"),)) for _ in range(110)]
    formats.write([DOCUMENT, *filling], tmp_path / "page.html", "html")
    return tmp_path / "page.html"


def test_browser_shows_the_text_and_runs_nothing(browser: Browser, page: Path):
    browser.open(page)
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []
    assert browser.ask("document.scripts.length + document.images.length") == 0
    text = browser.ask(
        "(() => { const e = document.querySelector('.entities').cloneNode(true);"
        "e.querySelectorAll('small').forEach(l => l.remove());"
        "e.querySelectorAll('br').forEach(b => b.replaceWith('\\n')); return e.textContent; })()"
    )
    assert text == shown(TEXT)
    assert browser.ask("document.querySelector('h3').textContent") == DOCUMENT.id


def test_browser_would_run_no_script(browser: Browser, page: Path):
    """The policy holds even if something were not escaped."""
    text = page.read_text(encoding="utf8")
    evil = "<script>document.title = 'ran'</script><img src='http://127.0.0.1:9/x.png'>"
    page.write_text(text.replace("<main>", f"<main>{evil}", 1), encoding="utf8")
    browser.open(page)
    assert browser.ask("document.title") == "Mentions"
    assert len(browser.complaints()) >= 2  # it says that it blocked them


def test_lines_are_one_below_the_other(browser: Browser, page: Path):
    browser.open(page)
    bottoms = browser.ask(
        "[...document.querySelector('.entities').querySelectorAll('mark')].slice(0, 6)"
        ".map(m => [m.firstChild.textContent, m.getBoundingClientRect().bottom])"
    )
    outer, renal = bottoms[0][1], bottoms[2][1]
    assert outer > renal + 3


@pytest.mark.parametrize("width", [320, 1000])
def test_page_is_as_wide_as_the_window(browser: Browser, page: Path, width: int):
    browser.open(page, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_only_the_first_group_is_laid_out_until_it_is_printed(browser: Browser, page: Path):
    browser.open(page)
    height = "document.querySelectorAll('details')[1].getBoundingClientRect().height"
    closed = browser.ask(height)
    browser.send("Emulation.setEmulatedMedia", media="print")
    printed = browser.ask(height)
    browser.send("Emulation.setEmulatedMedia", media="")
    assert closed < 60
    assert printed > 1000


@pytest.mark.parametrize(
    ("score", "shown"),
    [(1.0, ">0.99"), (0.9951, ">0.99"), (0.995, "0.99"), (0.5, "0.50"), (0.005, "0.01"), (0.0, "<0.01")],
)
def test_no_probability_is_shown_as_certainty(score: float, shown: str):
    assert html.mark_of(Mention(((0, 1),), "A", score=score)).label == f"A {shown}"
