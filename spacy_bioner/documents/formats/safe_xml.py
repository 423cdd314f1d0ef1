"""XML from others, read element by element in constant memory, by a parser that can do no harm.

A file may have a DOCTYPE, which is never fetched; one that declares entities is refused before they are
parsed, because a few lines of them can become gigabytes, or the content of other files. Elements are nested
256 times at most (libxml2's limit).
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from spacy_bioner.errors import FormatError
from spacy_bioner.files import open_input

MOST_BYTES = 64 << 20
"""How much of a file may belong to one document."""
_ENTITY = b"<!ENTITY"
_ENCODING = re.compile(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([^\"']*)")
_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii", b"ascii")  # in which no tag can hide
_PLACE = re.compile(r", line [0-9]+, column [0-9]+$")
_ROOT = re.compile(
    r"(?:(?><\?.*?\?>)|(?><!--.*?-->)|\s++)*+<(?:!DOCTYPE\s++)?([A-Za-z][\w.-]*)", re.DOTALL | re.ASCII
)


def root(head: str) -> str:
    """The name of the first element, or that which a DOCTYPE names, of what begins so; empty if none."""
    found = _ROOT.match(head)
    return found[1] if found else ""


class _Checked:
    """A file whose bytes are looked through before a parser gets them."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._tail: bytes | None = None
        self.pending = 0
        """Bytes read since somebody set this to 0."""

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self._tail is None:
            self._tail = b""
            self._check_encoding(data)
        if b"\0" in data:
            raise FormatError(self._path, None, "NUL bytes in it: XML is read in UTF-8 only")
        if _ENTITY in self._tail + data:
            raise FormatError(
                self._path, None, "declares entities (<!ENTITY), which aren't read; take them out"
            )
        self._tail = (self._tail + data)[-len(_ENTITY) :]
        self.pending += len(data)
        if self.pending > MOST_BYTES:
            raise FormatError(self._path, None, f"more than {MOST_BYTES >> 20} MiB without a whole document")
        return data

    def _check_encoding(self, head: bytes) -> None:
        declared = _ENCODING.match(head.removeprefix(b"\xef\xbb\xbf"))
        if declared and declared[1].strip().lower() not in _ENCODINGS:
            name = declared[1].decode("ascii", "replace")
            raise FormatError(self._path, None, f"is in the encoding {name[:40]}; convert the file to UTF-8")


def elements(path: Path, tags: Collection[str], roots: Collection[str], what: str) -> Iterator[Any]:
    """Reads an XML file element by element.

    Args:
        path: the file.
        tags: the elements that are wanted; the caller has to `forget` each.
        roots: what the outermost element may be.
        what: what the file should be, for errors.

    Yields:
        Each of these elements when it ends, and the outermost one at last.

    Raises:
        FormatError: with the file, and the line where it can be told, if it isn't XML in UTF-8, declares
            entities, has another outermost element, or a document of more than `MOST_BYTES`.
    """
    with open_input(path) as file:
        checked = _Checked(path, file)
        # no_network and load_dtd=False: what a DOCTYPE names is never fetched. What the head declares can't
        # be another encoding than the one in which `_Checked` looks for tags.
        events = etree.iterparse(
            checked,
            events=("start", "end"),
            tag=(*tags, *roots),
            remove_comments=True,
            remove_pis=True,
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
        first = True
        try:
            for event, element in events:
                if first and element.getroottree().getroot().tag not in roots:
                    raise FormatError(path, element.sourceline, f"not {what}")
                first = False
                if event == "end" and (element.getparent() is None or element.tag in tags):
                    yield element
                    checked.pending = 0
        except etree.XMLSyntaxError as error:
            what = _PLACE.sub("", error.msg or "")
            raise FormatError(path, error.lineno, f"not well-formed XML: {what}") from None
        if events.root is None or events.root.tag not in roots:
            raise FormatError(path, None, f"not {what}")


def forget(element: Any) -> None:
    """Frees the memory of an element that was read, and of those before it in the same one."""
    element.clear()
    parent = element.getparent()
    for earlier in list(element.itersiblings(preceding=True)):
        parent.remove(earlier)


def refuse_entities(path: Path, element: Any) -> None:
    """Raises FormatError if there is an entity in an element that nothing declares."""
    for entity in element.iter(etree.Entity):
        raise FormatError(path, entity.sourceline, f"an entity that nothing declares: {entity.text}")
