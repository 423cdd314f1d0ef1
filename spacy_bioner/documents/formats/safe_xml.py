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
_DECLARATION = b"<?xml "
_NUL = "\ufdd0"
"""What stands for a NUL while XML is parsed: one of the code points that are no characters."""
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
    """A file whose bytes are looked through before a parser gets them, one XML document after the other."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._begun = False
        self.at_next = False
        """Whether another document begins where the file was read to."""
        self._behind = b""  # what was read of the next document
        self._tail = b""
        self._left = True
        self.pending = 0
        """Bytes read since somebody set this to 0."""

    def has_more(self) -> bool:
        """Whether another document begins behind the one that was read."""
        self._begun, self.at_next, self._tail, self.pending = False, False, b"", 0
        while self._left and not self._behind.strip():
            self._behind = self._file.read(1 << 15)
            self._left = bool(self._behind)
        return bool(self._behind)

    def read(self, size: int = -1) -> bytes:
        data, self._behind = self._behind, b""
        if not data:
            data = self._file.read(size)
            self._left = bool(data)
        first = 0 if self._begun else 1
        if not self._begun and data:
            data = self._beginning(data)
        # a declaration in the middle begins another document; it may be cut by the end of what was read
        cut = data.find(_DECLARATION, first)
        if cut < 0 and any(data.endswith(_DECLARATION[:n]) for n in range(1, len(_DECLARATION))):
            data += self._file.read(len(_DECLARATION))
            cut = data.find(_DECLARATION, first)
        if cut >= 0:
            self._behind, self.at_next = data[cut:], True
            data = data[:cut]
        if _ENTITY in self._tail + data:
            raise FormatError(
                self._path, None, "declares entities (<!ENTITY), which aren't read; take them out [B095]"
            )
        self._tail = (self._tail + data)[-len(_ENTITY) :]
        self.pending += len(data)
        if self.pending > MOST_BYTES:
            raise FormatError(
                self._path, None, f"more than {MOST_BYTES >> 20} MiB without a whole document [B096]"
            )
        return data.replace(b"\0", _NUL.encode())

    def _beginning(self, head: bytes) -> bytes:
        """Checks how a document begins; the rest of the last one's end is left out."""
        self._begun = True
        head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]:
            raise FormatError(self._path, None, "NUL bytes in it: XML is read in UTF-8 only [B097]")
        declared = _ENCODING.match(head)
        if declared and declared[1].strip().lower() not in _ENCODINGS:
            name = declared[1].decode("ascii", "replace")
            raise FormatError(
                self._path, None, f"is in the encoding {name[:40]}; convert the file to UTF-8 [B098]"
            )
        return head


class _OneDocument:
    """What a parser reads of a file: up to the beginning of another document."""

    def __init__(self, checked: _Checked) -> None:
        self._checked = checked
        self._read = False

    def read(self, size: int = -1) -> bytes:
        if self._read and self._checked.at_next:
            return b""
        self._read = True
        return self._checked.read(size)


def elements(path: Path, tags: Collection[str], roots: Collection[str], what: str) -> Iterator[Any]:
    """Reads an XML file element by element, and another document that follows in it.

    Args:
        path: the file.
        tags: the elements that are wanted; the caller has to `forget` each.
        roots: what the outermost element may be.
        what: what the file should be, for errors.

    Yields:
        Each of these elements when it ends, and the outermost one at last.

    Raises:
        FormatError: with the file, and the line where it can be told, if it isn't XML in UTF-8, declares
            entities, has another outermost element, something behind that which isn't another document,
            or a document of more than `MOST_BYTES`.
    """
    with open_input(path, checked_later=True) as file:
        checked = _Checked(path, file)
        while True:
            yield from _elements(path, checked, tags, roots, what)
            if not checked.has_more():
                return


def _elements(
    path: Path, checked: _Checked, tags: Collection[str], roots: Collection[str], what: str
) -> Iterator[Any]:
    # no_network and load_dtd=False: what a DOCTYPE names is never fetched. What the head declares can't
    # be another encoding than the one in which `_Checked` looks for tags.
    events = etree.iterparse(
        _OneDocument(checked),
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
                raise FormatError(path, element.sourceline, f"not {what} [B099]")
            first = False
            if event == "end" and (element.getparent() is None or element.tag in tags):
                yield element
                checked.pending = 0
    except etree.XMLSyntaxError as error:
        what = _PLACE.sub("", error.msg or "")
        raise FormatError(path, error.lineno, f"not well-formed XML: {what} [B100]") from None
    if events.root is None or events.root.tag not in roots:
        raise FormatError(path, None, f"not {what} [B101]")


def forget(element: Any) -> None:
    """Frees the memory of an element that was read, and of those before it in the same one."""
    element.clear()
    parent = element.getparent()
    for earlier in list(element.itersiblings(preceding=True)):
        parent.remove(earlier)


def refuse_unfit(path: Path, element: Any) -> None:
    """Raises FormatError if there is an entity in an element that nothing declares, or a NUL."""
    for entity in element.iter(etree.Entity):
        raise FormatError(path, entity.sourceline, f"an entity that nothing declares: {entity.text} [B102]")
    if any(_NUL in text for text in element.itertext()):
        raise FormatError(path, element.sourceline, "a NUL byte in its text [B103]")
