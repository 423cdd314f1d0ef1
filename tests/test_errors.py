"""Every message of an error has a code of its own, which docs/errors.md lists."""

from collections.abc import Callable

import error_codes

from spacy_bioner.errors import FormatError, trace


def test_every_error_has_a_code_of_its_own():
    found = error_codes.messages()
    assert len(found) > 500
    assert [code for code, texts in found.items() if len(texts) > 1] == []
    next_code = f"B{int(max(found)[1:]) + 1}"
    assert error_codes.without_code() == [], (
        f"end its text with [{next_code}], then: python tests/error_codes.py"
    )


def test_the_page_lists_them_all():
    page = error_codes.PAGE.read_text(encoding="utf8")
    assert error_codes.written(error_codes.messages(), page) == page, "run: python tests/error_codes.py"


def test_the_code_stands_behind_the_message(refuse_cli: Callable[..., str]):
    assert refuse_cli("bioner", "convert", "nowhere.tsv", "out.spacy").endswith("[B241]")


def test_a_log_has_where_an_error_came_from_and_none_of_its_words():
    try:
        try:
            raise KeyError("a patient's name")
        except KeyError as error:
            raise FormatError("notes.txt", 3, "a patient's name") from error
    except FormatError as error:
        kind, place, source, cause, of_cause = trace(error)
    assert (kind, source, cause) == ("FormatError", "from", "KeyError")
    assert place.partition(":")[0] == of_cause.partition(":")[0] == __file__
    assert "patient" not in "".join((kind, place, source, cause, of_cause))
