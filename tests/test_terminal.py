"""Printing texts of others."""

import warnings

import pytest

from spacy_bioner.terminal import harmless, harmless_warnings, msg, warn

EVIL = "7\x1b]0;owned\x07\x9b31m\u202egnp.exe\rx"


def test_nothing_that_is_printed_steers_the_terminal(capsys: pytest.CaptureFixture[str]):
    msg.warn(f"document {EVIL}")
    msg.text("a", EVIL)
    msg.divider(EVIL)
    msg.table([(EVIL, "1")], header=(EVIL, "n"), divider=True)
    msg.table({EVIL: EVIL})
    printed = capsys.readouterr().out
    assert not {"\x07", "\x9b", "\u202e", "\r"} & set(printed)
    assert "\x1b]" not in printed
    assert printed.count(r"\x1b]0;owned\x07\x9b31m\u202egnp.exe\rx") == 7


def test_plain_texts_stay():
    assert harmless("Größe: 5 µm\n\tok") == "Größe: 5 µm\n\tok"
    assert harmless(7) == "7"


def test_warnings_steer_no_terminal(capsys: pytest.CaptureFixture[str]):
    with pytest.warns(UserWarning, match="document") as found:
        warn(f"document {EVIL}")
    assert str(found[0].message) == f"document {harmless(EVIL)}"
    assert found[0].filename == __file__
    before = warnings.formatwarning
    with harmless_warnings(), warnings.catch_warnings():
        warnings.simplefilter("always")
        assert "\x1b" not in warnings.formatwarning(UserWarning(EVIL), UserWarning, "a.py", 1)  # of spaCy
    assert warnings.formatwarning is before
