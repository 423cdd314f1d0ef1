"""i2b2's .con and ShARe/CLEF's .pipe files: positions exact, and the same bytes in the end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.splits import files_by_split
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.formats import con, detect, read, read_each, share_pipe
from spacy_bioner.documents.metadata import BAD
from spacy_bioner.errors import FormatError

Write = Callable[..., Path]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


CON = (
    'c="vasovagal  syncope" 2:1 2:2||t="problem"\r\nc="fall" 2:3 2:3||t="problem"||a="present"\r\n'
    'c="Chest pain" 3:0 4:0||t="problem"'
)


def test_con_goes_round_byte_for_byte(write: Write, tmp_path: Path):
    write("NOTE\n1 Vasovagal\tsyncope Fall .\n  chest\npain\n", "in/a.txt")
    write(CON, "in/a.con")
    write("no concept\n", "in/b.txt")
    assert detect(tmp_path / "in") == "con"
    first, second = read(tmp_path / "in")
    assert [first.text_of(m) for m in first.mentions] == ["Vasovagal\tsyncope", "Fall", "chest\npain"]
    assert (second.id, second.mentions) == ("b", ())
    convert([tmp_path / "in"], tmp_path / "out", to="con")
    expected = files(tmp_path / "in")
    assert files(tmp_path / "out") == {**expected, "b.con": b""}


def test_con_with_texts_in_a_folder_of_their_own(write: Write, tmp_path: Path):
    write("Fall\n", "in/txt/a.txt")
    write('c="fall" 1:0 1:0||t="problem"\n', "in/concept/a.con")
    (document,) = read(tmp_path / "in", "con")
    assert document.text_of(document.mentions[0]) == "Fall"


def test_empty_last_lines_of_con_are_no_concepts(write: Write, tmp_path: Path):
    write("Fall\n", "in/a.txt")
    write('c="fall" 1:0 1:0||t="problem"\n\n', "in/a.con")
    (document,) = read(tmp_path / "in")
    assert BAD not in document.meta
    convert([tmp_path / "in"], tmp_path / "out", to="con")
    assert files(tmp_path / "out") == files(tmp_path / "in")


@pytest.mark.parametrize("below", ["", "concept/"])
def test_folders_of_con_named_as_splits_are_splits(write: Write, tmp_path: Path, below: str):
    for split, count in (("train", 2), ("test", 1)):
        for number in range(count):
            write("Fall\n", f"in/{split}/{'txt/' if below else ''}{number}.txt")
            write('c="fall" 1:0 1:0||t="problem"\n', f"in/{split}/{below}{number}.con")
    assert {name: path.name for name, path in files_by_split([tmp_path / "in"], "con").items()} == {
        "train": "train",
        "test": "test",
    }
    convert([tmp_path / "in"], tmp_path / "out", source="con", to="con")
    assert sorted(p.name for p in (tmp_path / "out" / "train").glob("*.con")) == ["0.con", "1.con"]


def test_con_that_is_wrong_is_told(write: Write, tmp_path: Path):
    write("Fall\n", "in/a.txt")
    lines = ['c="x" 1:1 1:1||t="problem"', 'c="x" 0:0 0:0||t="p"', "x", 'c="x" 2:0 1:0||t="p"']
    write("\n".join(lines) + "\n", "in/a.con")
    write("", "in/b.con")
    document, error = read_each(tmp_path / "in")
    assert len(document.meta[BAD]) == 4
    assert document.meta[BAD][0].endswith("or the text has no such line or word")
    assert isinstance(error, FormatError)
    inside = Document("Falls", mentions=(Mention(((0, 4),), "x"), Mention(((0, 1), (3, 5)), "x")), id="c")
    _, written = con.write([inside])
    assert [dropped.reason for dropped in written.dropped] == [
        "begins or ends inside a word",
        "discontinuous",
    ]


def test_pipe_goes_round_byte_for_byte(write: Write, tmp_path: Path):
    write("Atrium is dilated, fall.", "in/a.txt")
    lines = ["a.txt||Disease_Disorder||C1||0||6||10||17", "a.txt||Disease_Disorder||CUI-less||19||23"]
    write("\n".join(lines) + "\n", "in/a.pipe")
    assert detect(tmp_path / "in") == "share-pipe"
    (document,) = read(tmp_path / "in")
    assert [document.text_of(m) for m in document.mentions] == ["Atrium dilated", "fall"]
    assert [m.identifiers for m in document.mentions] == [("C1",), ()]
    convert([tmp_path / "in"], tmp_path / "out", to="share-pipe")
    assert files(tmp_path / "out") == files(tmp_path / "in")
    write("b||x||C1||0||99\na||x||C1||3||1\na||x||C1||0\n", "in/a.pipe")
    (document,) = read(tmp_path / "in")
    assert len(document.meta[BAD]) == 3


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=4), st.booleans())
def test_any_words_can_be_concepts(tmp_path_factory: pytest.TempPathFactory, places: list, crlf: bool):
    text = "one two\tthree  four\n\nfive six\nseven eight nine ten"
    begins = [text.index(word) for word in text.split()]
    ends = [begin + len(word) for begin, word in zip(begins, text.split(), strict=True)]
    mentions = tuple(
        Mention(((begins[first], ends[min(first + more, 9)]),), "problem") for first, more in places
    )
    folder = tmp_path_factory.mktemp("notes")
    for piece in con.write([Document(text, mentions=mentions, id="a")]):
        content = piece.text.replace("\n", "\r\n") if crlf and "con" in piece.name else piece.text
        (folder / piece.name).write_bytes(content.encode())
    (back,) = read(folder, "con")
    assert back.mentions == mentions
    again = {piece.name: piece.text.encode() for piece in con.write([back])}
    assert again == files(folder)


def test_real_notes_go_round(corpora: Path, tmp_path: Path):
    for name, to, count in (("i2b2-con", "con", 59), ("share-clef-pipe", "share-pipe", 4)):
        tallies = convert([corpora / "clinical" / name], tmp_path / name, to=to)
        assert [tally.mentions_out.total() for tally in tallies.values()] == [count]
        assert files(tmp_path / name) == files(corpora / "clinical" / name)
    tallies = convert([corpora / "clinical" / "brat-medacy"], tmp_path / "brat", to="brat")
    assert sum(t.mentions_out.total() for t in tallies.values()) == 433
    assert len(list(share_pipe.write(read(corpora / "clinical" / "brat-medacy")))) == 6
