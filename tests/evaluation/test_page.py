"""Reports as HTML, Markdown and JSON; plots that a browser shows, on a light and on a dark page."""

import json
from pathlib import Path

import pytest
from browser import Browser

from spacy_bioner.errors import OutputError, PipelineError
from spacy_bioner.evaluation import plots
from spacy_bioner.evaluation.evaluation_page import thresholds_as_rows
from spacy_bioner.evaluation.page import Html, Plot, Section, Table, check_ending, write_report

CURVE = [{"recall": r / 10, "precision": 1 - r / 20} for r in range(10)]
BINS = [{"probability": p, "right": p} for p in (0.3, 0.6, 0.9)]
PLOTS = {
    "intervals": plots.intervals([("x <b>", 1.0, -0.5, 2.5), ("y", -1.0, -2.0, -0.1)], "F1"),
    "precision and recall": plots.precision_recall({"Gene": CURVE, "Disease": CURVE[:5]}),
    "reliability": plots.reliability(BINS),
    "bars": plots.bars([("one", 0.5), ("two", 1.0)], "recall"),
    "lines": plots.lines({"a": [("10", 50.0, 49.0, 51.0), ("100", 70.0, 70.0, 70.0)]}, "percent", "F1"),
    "heat map": plots.heat_map(["a", "b"], ["Gene", "Disease"], [[50.0, None], [95.5, 3.0]]),
}
SECTIONS = [
    Section("One & two", ["A <text>.", Table(["", "F1"], [["a|b", "1.00"]]), Html(["<hr>\n"])]),
    Section("Plots", [Plot(svg, name) for name, svg in PLOTS.items()]),
]


def test_as_html_markdown_and_json(tmp_path: Path):
    for ending in ("html", "md", "json"):
        write_report(tmp_path / f"r.{ending}", "A <title>", SECTIONS, {"f1": 1}, "spacy bioner x")
    html, markdown = ((tmp_path / f"r.{ending}").read_text(encoding="utf8") for ending in ("html", "md"))
    assert "<h1>A &lt;title&gt;</h1>" in html
    assert "A &lt;text&gt;." in html
    assert html.count("<svg") == len(PLOTS)
    assert "spacy bioner x" in html
    assert "| a/b | 1.00 |" in markdown
    assert "<svg" not in markdown
    assert json.loads((tmp_path / "r.json").read_text()) == {"f1": 1}
    with pytest.raises(OutputError, match=r"a report ends with \.html"):
        check_ending(tmp_path / "r.pdf")


def test_a_page_without_matplotlib_is_refused_before_the_work(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(PipelineError, match="Plots need matplotlib"):
        check_ending(tmp_path / "r.html")
    check_ending(tmp_path / "r.md")


def test_plots_are_the_same_again_and_load_nothing():
    again = plots.heat_map(["a", "b"], ["Gene", "Disease"], [[50.0, None], [95.5, 3.0]])
    assert again == PLOTS["heat map"]
    for svg in PLOTS.values():
        assert "<image" not in svg
        assert "currentColor" in svg


def test_a_browser_shows_it(browser: Browser, tmp_path: Path):
    write_report(tmp_path / "r.html", "Report", SECTIONS, {})
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.send("Emulation.setEmulatedMedia", features=features)
        browser.open(tmp_path / "r.html")
        assert not [event for event in browser.events if event["method"] == "Log.entryAdded"]
        script = "getComputedStyle(document.querySelector('svg text')).fill"
        ink = browser.send("Runtime.evaluate", expression=script)["result"]["value"]
        assert ink == {"light": "rgb(17, 17, 17)", "dark": "rgb(238, 238, 238)"}[scheme]
        wide = "document.documentElement.scrollWidth <= innerWidth"
        assert browser.send("Runtime.evaluate", expression=wide)["result"]["value"] is True
    browser.send("Emulation.setEmulatedMedia", features=[])


def test_thresholds_as_people_read_them():
    point = {"threshold": 0.25, "precision": 0.955, "recall": 0.5, "kept": 1200}
    header, rows = thresholds_as_rows({"thresholds": {"Gene": {"0.95": point, "0.99": None}}})
    assert header == ("", "wanted precision", "threshold", "precision", "recall", "predictions left")
    assert rows == [("Gene", "95", "0.2500", "95.50", "50.00", "1,200"), ("Gene", "99", "none", "", "", "")]
