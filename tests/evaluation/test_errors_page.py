"""The page of errors: every error once, in its context, with counts; and what a browser makes of it."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
import spacy
from browser import Browser
from spacy.language import Language

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.evaluation.errors_page import CONTEXT, GROUP
from spacy_bioner.evaluation.evaluation_page import evaluation_sections
from spacy_bioner.evaluation.gold import read_gold
from spacy_bioner.evaluation.matching import ERRORS
from spacy_bioner.evaluation.page import write_report
from spacy_bioner.evaluation.pipeline_evaluation import Evaluation, evaluate_gold
from spacy_bioner.evaluation.report import report

FILLING = "word " * 60
TEXT = f"{FILLING}chronic pain <b>and</b> aspirin, EGFR, asthma {FILLING}and fever."


def gold(words: str, name: str) -> Mention:
    start = TEXT.index(words)
    return Mention(((start, start + len(words)),), name)


DOCUMENT = Document(
    TEXT,
    mentions=(
        gold("chronic pain", "Disease"),
        gold("aspirin", "Chemical"),
        gold("EGFR", "Chemical"),
        gold("fever", "Disease"),
    ),
    id="<d1>",
)


def write_errors(reports: list[dict], results: list[Evaluation], path: Path) -> None:
    """Writes the report of an evaluation, with its errors."""
    write_report(path, "Errors", list(evaluation_sections(reports, results, html=True)), reports)


@pytest.fixture
def finder(nlp: Language) -> Language:
    patterns = [("Disease", "pain"), ("Chemical", "aspirin"), ("Disease", "EGFR"), ("Disease", "asthma")]
    nlp.add_pipe("entity_ruler").add_patterns([{"label": n, "pattern": words} for n, words in patterns])
    return nlp


@pytest.fixture
def page(finder: Language, tmp_path: Path) -> Path:
    formats.write([DOCUMENT], tmp_path / "gold.jsonl", "jsonl")
    file = read_gold(tmp_path / "gold.jsonl", finder.vocab)
    result = evaluate_gold(finder, file.golds)
    write_errors([report(finder, file, result)], [result], tmp_path / "errors.html")
    return tmp_path / "errors.html"


def test_each_error_is_there_with_its_context(page: Path):
    text = page.read_text(encoding="utf8")
    headings = re.findall(r'<h3 id="d0-([\w-]+)">[^<]*: ([\d,]+)</h3>', text)
    assert headings == [
        ("missed", "1"),
        ("spurious", "1"),
        ("wrong-boundary", "1"),
        ("wrong-type", "1"),
        ("wrong-type-and-boundary", "0"),
    ]
    assert {f"#d0-{kind}" for kind, _ in headings} == set(re.findall(r'href="(#d[^"]*)"', text))
    errors = re.findall(r'<div class="error">(.*?</div>)\s*</div>', text, re.DOTALL)
    labels = [re.findall("<small>([^<]*)<", error) for error in errors]
    assert labels == [
        ["gold Disease"],
        ["predicted Disease"],
        ["predicted Disease", "gold Disease"],
        ["predicted Disease", "gold Chemical"],
    ]
    assert all("&lt;d1&gt;, character " in error for error in errors)
    assert "<b>" not in text
    shown = [unescape(re.sub(r"<p.*?</p>|<small>.*?</small>|<[^>]+>", "", e)).strip() for e in errors]
    assert all(cut.strip("… ") in TEXT for cut in shown)
    assert all(len(cut) < 2 * CONTEXT + 20 for cut in shown)
    assert shown[0].endswith("and fever.")  # the end of the text: nothing is cut there
    assert shown[0].startswith("… ")


def test_counts_and_scores_are_the_reports(finder: Language, page: Path):
    text = page.read_text(encoding="utf8")
    file = read_gold(page.with_name("gold.jsonl"), finder.vocab)
    made = report(finder, file, evaluate_gold(finder, file.golds))
    row = re.search(r'<th scope="row">all</th>(.*?)</tr>', text)
    cells = re.findall("<td>(.*?)</td>", row[1])
    assert cells[2] == f"{100 * made['total']['f1']:.2f}"
    assert cells[3:6] == [str(made["total"][key]) for key in ("correct", "predicted", "gold")]
    assert cells[6] == f"{100 * made['relaxed']['total']['f1']:.2f}"
    assert sum(sum(made["errors"][kind].values()) for kind in ERRORS) == 4


def test_many_errors_are_in_groups_and_the_most_frequent_are_listed(nlp: Language, tmp_path: Path):
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Chemical", "pattern": "lead"}])
    texts = [
        Document("gold", mentions=(Mention(((0, 4),), "Chemical"),), id=str(i)) for i in range(GROUP + 5)
    ]
    formats.write(texts, tmp_path / "gold.jsonl", "jsonl")
    file = read_gold(tmp_path / "gold.jsonl", nlp.vocab)
    result = evaluate_gold(nlp, file.golds)
    write_errors([report(nlp, file, result)], [result], tmp_path / "errors.html")
    text = (tmp_path / "errors.html").read_text(encoding="utf8")
    summaries = re.findall("<summary>(.*?)</summary>", text)
    assert summaries == [
        "Most frequent",
        f"Chemical: 1 to {GROUP} of {GROUP + 5}",
        f"Chemical: {GROUP + 1} to {GROUP + 5} of {GROUP + 5}",
    ]
    assert f'<th scope="row">gold</th><td>Chemical</td><td>{GROUP + 5}</td>' in text


def test_the_verb_writes_it_with_the_scores(run_cli: Callable[..., str], finder: Language, tmp_path: Path):
    finder.to_disk(tmp_path / "model")
    data = []
    for name in ("a", "b"):
        data.append(tmp_path / f"{name}.jsonl")
        formats.write([DOCUMENT], data[-1], "jsonl")
    page, scores = tmp_path / "errors.html", tmp_path / "s.json"
    run_cli("bioner", "evaluate", tmp_path / "model", *data, "--report", page, "--output", scores)
    text = page.read_text(encoding="utf8")
    titles = re.findall(r'<li><a href="#s\d+">(.*?)</a></li>', text)
    assert {"All corpora", "Scores: a.jsonl", "All errors: b.jsonl", "Provenance", "Made by"} <= set(titles)
    assert text.count('<div class="error">') == 8
    errors = json.loads(scores.read_text())[0]["errors"]
    assert errors["missed"] == {"Chemical": 0, "Disease": 1}
    assert errors["wrong type"] == {"Chemical": 1, "Disease": 0}


def test_no_errors_at_all(tmp_path: Path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "Chemical", "pattern": "gold"}])
    formats.write(
        [Document("gold", mentions=(Mention(((0, 4),), "Chemical"),))], tmp_path / "a.jsonl", "jsonl"
    )
    file = read_gold(tmp_path / "a.jsonl", nlp.vocab)
    result = evaluate_gold(nlp, file.golds)
    write_errors([report(nlp, file, result)], [result], tmp_path / "errors.html")
    assert '<div class="error">' not in (tmp_path / "errors.html").read_text(encoding="utf8")


def test_in_a_browser(browser: Browser, page: Path):
    browser.open(page)
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []
    first = "document.querySelector('details:has(.error)')"
    # the first group of a kind is open
    assert browser.ask(f"{first}.querySelector('.error').checkVisibility()") is True
    browser.ask(f"{first}.querySelector('summary').click()")
    assert browser.ask(f"{first}.querySelector('.error').checkVisibility()") is False
    styles = browser.ask(
        "[...document.querySelectorAll('.error mark')].map(m => getComputedStyle(m).borderBottomStyle)"
    )
    assert set(styles) == {"solid", "dashed"}
    for width in (320, 1000):
        browser.open(page, width)
        assert browser.ask("document.documentElement.scrollWidth") <= width
