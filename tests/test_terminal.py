"""Printing texts of others."""

import pytest

from spacy_bioner.terminal import harmless, msg

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
