"""Archives that are made to fill memory or disk."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from spacy_bioner.encoders.archives import unpack
from spacy_bioner.errors import FormatError

MIB = 1 << 20


def packed(members: list[tuple[str, bytes]], behind: bytes = b"", **pax: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.pax_headers = pax
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(content.getvalue() + behind, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: packed([("a.txt", b"a")], comment="x" * (40 * MIB)), "a header of"),
        (lambda: packed([("__MACOSX/a.txt", bytes(40 * MIB)), ("a.txt", b"a")]), "times as large"),
        (lambda: packed([("a.txt", b"a")], behind=bytes(40 * MIB)), "times as large"),
        (lambda: packed([("__MACOSX/" + str(i), b"") for i in range(10_001)]), "more than 10000 files"),
    ],
    ids=["a header", "junk", "what stands behind", "many members of junk"],
)
def test_all_that_an_archive_makes_us_read_counts(data, reason: str, tmp_path: Path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data())
    with pytest.raises(FormatError, match=reason):
        unpack(path, tmp_path / "out")


def test_sound_archives_are_unpacked(tmp_path: Path):
    path = tmp_path / "a.tar.gz"
    members = [("model/a.bin", bytes(range(256)) * 9000), ("._a", b"junk"), ("model/b.txt", b""), ("c", b"c")]
    path.write_bytes(packed(members, behind=bytes(4096)))
    plain = tmp_path / "a.tar"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    for archive in (path, plain):
        found = unpack(archive, tmp_path / f"from {archive.name}")
        kept = [member for member in members if member[0] != "._a"]
        assert [file.read_bytes() for file in found] == [data for _, data in kept]


def test_a_header_that_gives_an_impossible_length_is_refused(tmp_path: Path):
    path = tmp_path / "a.tar"
    content = gzip.decompress(packed([("a.txt", b"a")], comment="x" * 50))
    assert content.count(b"62 comment=") == 1  # the length of the record, then its name
    path.write_bytes(content.replace(b"62 comment=" + b"x" * 40, b"9" * 40 + b" comment=xx"))
    with pytest.raises(FormatError, match="not a sound archive"):
        unpack(path, tmp_path / "out")
