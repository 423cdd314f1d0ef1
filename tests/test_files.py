import gzip
import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import Timeout
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.errors import BionerError, FormatError, OutputError
from spacy_bioner.files import Outputs, checked_lines, checksum, numbered_lines, open_input, sha256


def lines(path):
    return [line for _, line in numbered_lines(path)]


def contents(folder):
    """Everything in a folder: what each file holds, and None for each folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_text()
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\r\nb\r\n", ["a", "", "b"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
        (b" a \t\n", [" a \t"]),
        (b"a\rb\n", ["a\rb"]),
        (b"a\r\r\nb\r", ["a\r", "b"]),
    ],
    ids=["nothing", "empty line", "LF", "no last LF", "CRLF", "BOM", "white space", "CR alone", "more CR"],
)
def test_lines(write, content, expected):
    assert lines(write(content)) == expected


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_lf_ends_a_line(write, char):
    assert lines(write(f"a{char}b\nc{char}\n")) == [f"a{char}b", f"c{char}"]


def test_lines_are_numbered_from_one(write):
    assert list(numbered_lines(write("a\n\nb"))) == [(1, "a"), (2, ""), (3, "b")]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")), max_size=6))
def test_no_line_is_changed(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes("".join(f"{line}\n" for line in ["first", *content]).encode())
        assert lines(path) == ["first", *content]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a\nab\xe9\n", 2, "not UTF-8 (byte 3 of the line)"),
        ("a".encode("utf-16"), 1, "not UTF-8 (byte 1 of the line)"),
        (b"a\nb\nc\0\n", 3, "a NUL byte"),
    ],
)
def test_what_is_no_text(write, content, line, message):
    path = write(content)
    with pytest.raises(FormatError) as raised:
        lines(path)
    assert (raised.value.path, raised.value.line) == (path, line)
    assert str(raised.value).startswith(f"{path}, line {line}: {message}")


def test_input_that_is_not_there(tmp_path, write):
    for path, message in [
        (tmp_path / "missing", "there is no such file"),
        (write("") / "below a file", "there is no such file"),
        (tmp_path, "this is a folder, not a file"),
    ]:
        with pytest.raises(FormatError) as raised:
            lines(path)
        assert (raised.value.path, raised.value.line) == (path, None)
        assert str(raised.value).startswith(f"{path}: {message} [B")


def test_input_that_must_not_be_read(write, monkeypatch):
    path = write("a")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FormatError, match="no permission to read it"), open_input(path):
        pass


def test_lines_are_read_as_they_are_asked_for(write):
    reading = numbered_lines(write(b"a\n\xff\n"))
    assert next(reading) == (1, "a")
    with pytest.raises(FormatError):
        next(reading)


def test_outputs_appear_together_at_the_end(tmp_path):
    first, second = tmp_path / "new" / "a.txt", tmp_path / "b"
    with Outputs() as outputs:
        outputs.temporary(first).write_text("1")
        folder = outputs.temporary(second)
        folder.mkdir()
        (folder / "c").write_text("2")
        assert not first.exists()
        assert not second.exists()
    assert contents(tmp_path) == {"new": None, "new/a.txt": "1", "b": None, "b/c": "2"}


def test_outputs_take_the_place_of_old_ones(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")
    with Outputs() as outputs:
        outputs.temporary(tmp_path / "file").write_text("new")
        folder = outputs.temporary(tmp_path / "folder", folder=True)
        folder.mkdir()
        (folder / "new").write_text("new")
    assert contents(tmp_path) == {"file": "new", "folder": None, "folder/new": "new"}


@pytest.mark.parametrize("folder", [False, True])
def test_neither_takes_the_place_of_the_other(tmp_path, folder):
    there = tmp_path / "x"
    there.write_text("old") if folder else there.mkdir()
    with pytest.raises(OutputError, match="and the output would be"), Outputs() as outputs:
        outputs.temporary(there, folder=folder)
    assert there.is_dir() is not folder


def test_an_output_needs_a_folder_and_a_name(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match="can't be made a folder"), Outputs() as outputs:
        outputs.temporary(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="needs a name"), Outputs() as outputs:
        outputs.temporary(tmp_path / "..", folder=True)


names = st.sampled_from(["a", "b", "c/d"])


@given(st.dictionaries(names, st.booleans()), st.dictionaries(names, st.booleans()), st.integers(0, 3))
def test_a_failure_changes_nothing(before, wanted, done):
    """Some outputs, files or folders, are there; of those wanted, some are written; then it fails."""

    def make(path, is_folder):
        if is_folder:
            path.mkdir(parents=True)
        (path / "inside" if is_folder else path).write_text(path.name)

    def fail_halfway(outputs, folder):
        for i, (name, is_folder) in enumerate(wanted.items()):
            target = outputs.temporary(folder / name, folder=is_folder)
            if i < done:
                make(target, is_folder)
        raise BionerError("halfway")

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "c").mkdir()
        for name, is_folder in before.items():
            make(folder / name, is_folder)
        old = contents(folder)
        outputs = Outputs()
        with pytest.raises(BionerError, match=r"halfway|and the output would be"), outputs:
            fail_halfway(outputs, folder)
        assert contents(folder) == old


KILLED = """
import sys, time
from pathlib import Path
from spacy_bioner.files import Outputs

folder = Path(sys.argv[1])
with Outputs() as outputs:
    outputs.temporary(folder / "old.txt").write_text("half of the n")
    outputs.temporary(folder / "new.txt").write_text("half of the n")
    half = outputs.temporary(folder / "model", folder=True)
    half.mkdir()
    (half / "weights").write_text("half of the n")
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_the_old_output(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("old")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "inside\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    left = contents(tmp_path)
    visible = {name: content for name, content in left.items() if not name.startswith(".")}
    assert visible == {"old.txt": "old", "model": None, "model/weights": "old"}
    assert all(name.split("/")[0].endswith(".partial") for name in left.keys() - visible.keys())

    with Outputs() as outputs:  # the next run, over what was left behind
        outputs.temporary(tmp_path / "old.txt").write_text("new")
        outputs.temporary(tmp_path / "new.txt").write_text("new")
        whole = outputs.temporary(tmp_path / "model", folder=True)
        whole.mkdir()
        (whole / "vocab").write_text("new")
    assert contents(tmp_path) == {"old.txt": "new", "new.txt": "new", "model": None, "model/vocab": "new"}


def test_two_runs_beside_each_other_do_not_meet(tmp_path):
    with Outputs() as one, Outputs() as other:
        first, second = one.temporary(tmp_path / "out.txt"), other.temporary(tmp_path / "out.txt")
        assert first != second
        first.write_text("one")
        second.write_text("other")
    assert contents(tmp_path) == {"out.txt": "one"}  # the outer block ends last


IN_A_CONTAINER = """
import os, sys
from pathlib import Path
os.getpid = lambda: 7  # every time
from spacy_bioner.files import Outputs

def move_and_die(self, other, rename=Path.rename):
    rename(self, other)
    os._exit(1)

when, name = sys.argv[2:]
with Outputs() as outputs:
    new = outputs.temporary(Path(sys.argv[1]), folder=True)
    new.mkdir(exist_ok=True)
    (new / name).write_text("new")
    if when == "killed":
        os._exit(1)
    if when == "killed between the two renames":
        Path.rename = move_and_die
"""


def run_in_a_container(path: Path, when: str, name: str) -> None:
    """Runs a process that writes a folder with a file; it may be killed at some time."""
    subprocess.run([sys.executable, "-c", IN_A_CONTAINER, str(path), when, name], check=False)


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_stays(tmp_path):
    run_in_a_container(tmp_path / "out.txt", "killed", "half")
    (left,) = tmp_path.iterdir()
    with Outputs() as one, Outputs() as other:
        for outputs, content in ((one, "one"), (other, "other")):
            outputs.temporary(tmp_path / "out.txt").write_text(content)
            assert not left.exists()
        assert len(list(tmp_path.glob(".out.txt.*.partial"))) == 2
    assert contents(tmp_path) == {"out.txt": "one"}


def test_what_a_process_left_never_gets_into_an_output_of_another_with_its_number(tmp_path):
    """In a container each run has the same number."""
    run_in_a_container(tmp_path / "model", "killed", "half")
    run_in_a_container(tmp_path / "model", "whole", "weights")
    assert contents(tmp_path) == {"model": None, "model/weights": "new"}


def test_a_folder_comes_back_if_its_process_was_killed_while_it_was_replaced(tmp_path):
    """Between the two renames nothing stands under the output's name."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("old")
    run_in_a_container(tmp_path / "model", "killed between the two renames", "weights")
    assert not (tmp_path / "model").exists()

    def fail() -> None:
        with Outputs() as outputs:
            outputs.temporary(tmp_path / "model", folder=True)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert contents(tmp_path) == {"model": None, "model/weights": "old"}


def test_lines_that_end_with_cr_alone_are_refused(write):
    for content in ("a\rb\r", "a\rb"):
        with pytest.raises(FormatError, match="its lines end with CR alone"):
            lines(write(content))


def test_output_in_a_folder_that_is_replaced_is_refused(tmp_path):
    for first in (True, False):
        paths = [(tmp_path / ("out" if folder else "out/list.txt"), folder) for folder in (first, not first)]
        with Outputs() as outputs:
            outputs.temporary(paths[0][0], folder=paths[0][1]).touch()
            with pytest.raises(OutputError, match="which is replaced as a whole"):
                outputs.temporary(paths[1][0], folder=paths[1][1])
        assert paths[0][0].exists()
        paths[0][0].unlink()
    assert not list(tmp_path.rglob("*.partial"))


def test_checksum_of_a_folder_is_that_of_what_sha256sum_prints(write, tmp_path):
    for name in ("data/b.txt", "data/a.txt", "data/sub/c.txt", "data/.hidden", "data/.cache/d.txt"):
        path = write(name, name)
        assert checksum(path) == sha256(path)
    names = ("a.txt", "b.txt", "sub/c.txt")
    lines = "".join(f"{hashlib.sha256(f'data/{name}'.encode()).hexdigest()}  {name}\n" for name in names)
    assert checksum(tmp_path / "data") == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
def test_what_is_replaced_keeps_its_mode_and_a_link_its_place(tmp_path: Path):
    secret, folder, link = tmp_path / "real" / "secret.txt", tmp_path / "folder", tmp_path / "link.txt"
    secret.parent.mkdir()
    for path, mode in ((secret, 0o600), (folder / "a.txt", 0o644)):
        path.parent.mkdir(exist_ok=True)
        path.write_text("before")
        path.chmod(mode)
    folder.chmod(0o700)
    link.symlink_to(secret)
    with Outputs() as outputs:
        outputs.temporary(link).write_text("after")
        made = outputs.temporary(folder, folder=True)
        made.mkdir()
    assert link.is_symlink()
    assert secret.read_text() == "after"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link.txt", "real"]


def test_lines_behind_the_end_of_a_packed_file_are_not_left_out_in_silence(tmp_path: Path):
    path = tmp_path / "terms.tsv.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n") + b"three\n")
    with pytest.raises(FormatError, match="behind its end"):
        list(checked_lines(path))


def test_what_others_left_behind_and_file_systems_without_locks_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    left = tmp_path / ".out.txt.0123abcd.partial"
    left.mkdir()
    for error in (PermissionError(13, "not ours"), OSError(37, "no locks"), NotImplementedError()):

        def refuse(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("spacy_bioner.workplaces.FileLock.acquire", refuse)
        with Outputs() as outputs:
            outputs.temporary(tmp_path / "out.txt").write_text("new")
        assert {path.name for path in tmp_path.iterdir()} == {"out.txt", left.name}

    def always(*_: object, **__: object) -> None:
        raise Timeout("lock")

    monkeypatch.setattr("spacy_bioner.workplaces.FileLock.acquire", always)
    with Outputs() as outputs:
        outputs.temporary(tmp_path / "out.txt").write_text("newer")
    assert (tmp_path / "out.txt").read_text() == "newer"
    assert {path.name for path in tmp_path.iterdir()} == {"out.txt", left.name}


def test_one_output_that_cannot_take_its_place_leaves_the_others_and_nothing_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    outputs = Outputs()
    outputs.temporary(tmp_path / "model", folder=True).mkdir()
    outputs.temporary(tmp_path / "card.md").write_text("new")
    with pytest.raises(OSError, match="No space"):
        outputs.__exit__(None)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "old").read_text() == "old"


def test_a_folder_that_cannot_come_back_at_once_does_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("old")
    rename = Path.rename

    def fails(self: Path, target: Path) -> Path:
        if self.name in ("new", "old"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    outputs = Outputs()
    outputs.temporary(tmp_path / "model", folder=True).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fails)
        with pytest.raises(OSError, match="Input/output"):
            outputs.__exit__(None)
    assert not (tmp_path / "model").exists()
    Outputs().temporary(tmp_path / "model", folder=True)
    assert (tmp_path / "model" / "old").read_text() == "old"
