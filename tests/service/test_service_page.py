"""The page of the service in a real browser: what it shows, and that nothing in a text can act on it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Browser, find_browser
from memorised import KNOWN
from serving import Running

PROGRAM = find_browser()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here")
TEXT, MENTIONS = KNOWN[0]
FACE = "\N{GRINNING FACE}"
EVIL = "<script>window.hit=1</script><img src=x onerror='window.hit=1'>\"'&lt;b&gt;<svg onload=window.hit=1>"

SLIDE = "var it = document.querySelector('#threshold'); it.value = {}; it.dispatchEvent(new Event('input'))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as found:
        yield found


def annotate(browser: Browser, service: Running, text: str) -> None:
    """Opens the page, types a text and presses Control and Enter."""
    browser.open(f"{service.url}/")
    browser.wait_for("document.querySelector('#about').textContent !== ''")
    browser.ask(
        f"document.querySelector('#text').value = {json.dumps(text)}; document.querySelector('#text').focus()"
    )
    for kind in ("rawKeyDown", "keyUp"):
        key: dict[str, Any] = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
        browser.send("Input.dispatchKeyEvent", type=kind, **key)
    browser.wait_for(
        "!document.querySelector('#go').disabled && !!document.querySelector('#status').textContent"
    )


def status(browser: Browser) -> str:
    return str(browser.ask("document.querySelector('#status').textContent"))


def marked(browser: Browser) -> list[str]:
    """The mentions in the text, each with its type, by the order of the text."""
    return browser.ask(
        "[...document.querySelectorAll('mark')].map(mark => mark.textContent.replace(/ ?\\d+%/g, ''))"
    )


def test_it_shows_mentions_with_types_and_probabilities(browser: Browser, service: Running):
    annotate(browser, service, f"{FACE} {TEXT}")
    assert len(marked(browser)) == len(MENTIONS)
    start, end, label = next(
        m for m in MENTIONS if not any(o[:2] != m[:2] and m[0] <= o[0] < m[1] for o in MENTIONS)
    )
    assert TEXT[start:end] + label in marked(browser)
    shown = browser.ask("document.querySelector('.words').cloneNode(true).textContent")
    assert shown.startswith(FACE)
    assert f"{len(MENTIONS)} mentions in 1 document" in browser.ask(
        "document.querySelector('#status').textContent"
    )
    assert len(
        browser.ask("[...document.querySelectorAll('#mentions tr')].map(row => row.innerText)")
    ) == len({(TEXT[start:end], label) for start, end, label in MENTIONS})
    assert all(url.startswith((f"{service.url}/", "data:,")) for url in browser.requests())
    assert browser.complaints() == []


def test_slider_and_types_choose_what_is_shown(browser: Browser, service: Running):
    mixed = " ".join(reversed(" ".join(text for text, _ in KNOWN).split()))  # of which it isn't sure
    annotate(browser, service, mixed)
    every = marked(browser)
    scores = [round(span["score"] * 100) for span in service.send("/annotate/text", mixed).json["spans"]]
    least = sorted(scores)[len(scores) // 2]
    browser.ask(SLIDE.format(least))
    assert 0 < len(marked(browser)) == sum(score >= least for score in scores) < len(every)
    assert browser.ask("document.querySelector('#least').textContent") == f"{least}%"
    browser.ask(SLIDE.format(0))
    assert marked(browser) == every
    browser.ask("document.querySelector('#types input').click()")
    assert 0 < len(marked(browser)) < len(every)


def test_nothing_in_a_text_acts(browser: Browser, service: Running):
    for text in (
        EVIL,
        json.dumps({"id": EVIL, "text": EVIL + TEXT}),
        f"1|t|{EVIL}\n1|a|{TEXT.splitlines()[0]}\n",
    ):
        annotate(browser, service, text)
        assert browser.ask(
            "window.hit === undefined && !document.querySelector('main script, main img, main svg')"
        )
        assert EVIL.split("'&lt;")[0] in browser.ask("document.querySelector('.words').textContent")
        assert browser.complaints() == []


def test_a_second_request_waits_for_the_answer_to_the_first(browser: Browser, service: Running):
    browser.open(f"{service.url}/")
    browser.wait_for("document.querySelector('#about').textContent !== ''")
    browser.ask(
        f"document.querySelector('#text').value = {json.dumps(TEXT)}; document.querySelector('#text').focus()"
    )
    browser.ask(
        "window.asked = 0; window.sent = fetch; window.fetch = (...all) => { asked++; return sent(...all); }"
    )
    press = "new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true})"
    browser.ask("".join(f"document.querySelector('#text').dispatchEvent({press});" for _ in range(2)))
    browser.wait_for("!document.querySelector('#go').disabled && asked > 0")
    assert browser.ask("asked") == 1


def test_errors_are_told(browser: Browser, service: Running):
    annotate(browser, service, '{"text": 1}')
    assert "Document 1: " in status(browser)
    assert browser.ask("document.querySelector('#results').hidden")
    annotate(browser, service, "29446767, 123")
    assert "aren't fetched" in status(browser)


def test_everything_has_a_name_for_screen_readers(browser: Browser, service: Running):
    annotate(browser, service, TEXT)
    browser.send("Accessibility.enable")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    kinds = {"button", "textbox", "slider", "checkbox", "combobox", "form", "region", "navigation"}
    found = [
        (node["role"]["value"], node["name"]["value"]) for node in nodes if node["role"]["value"] in kinds
    ]
    assert all(name for _, name in found)
    assert {"button", "textbox", "slider", "checkbox"} <= {kind for kind, _ in found}
