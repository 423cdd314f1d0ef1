"""What a file is that holds no documents, told from how it begins: so that an error can name it."""

import csv
import re

_MAGIC = {  # bytes at a place in the file
    "a ZIP archive (or an Office document, which is one)": (0, b"PK\x03\x04"),
    "an empty ZIP archive": (0, b"PK\x05\x06"),
    "a tar archive": (257, b"ustar"),
    "a 7z archive": (0, b"7z\xbc\xaf\x27\x1c"),
    "a RAR archive": (0, b"Rar!\x1a\x07"),
    "packed with bzip2": (0, b"BZh"),
    "packed with xz": (0, b"\xfd7zXZ\x00"),
    "packed with zstd": (0, b"\x28\xb5\x2f\xfd"),
    "a picture (PNG)": (0, b"\x89PNG\r\n"),
    "a picture (JPEG)": (0, b"\xff\xd8\xff"),
    "a PDF": (0, b"%PDF-"),
    "a Parquet file": (0, b"PAR1"),
    "an Arrow file": (0, b"ARROW1"),
    "an SQLite database": (0, b"SQLite format 3\x00"),
    "an old Office document": (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    "an RTF document": (0, b"{\\rtf"),
    "text in UTF-16": (0, b"\xff\xfe"),
    "text in UTF-16 ": (0, b"\xfe\xff"),
}
_ADVICE = {
    "archive": "unpack it, and name the file in it",
    "packed": "unpack it (gzip alone is read packed)",
    "UTF-16": "convert it to UTF-8",
    "": "export the texts from it as JSON lines or text first",
}
_POINTERS = {
    "version https://git-lfs.github.com/spec/": (
        "a pointer of Git LFS in place of the file: `git lfs pull` fetches it"
    ),
    "/annex/objects/": "a pointer of git-annex in place of the file: `git annex get` fetches it",
}
_PAGE = re.compile(r"(?i)(?:<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.DOTALL)
_EMPTY = re.compile(r"\[\s*\]\s*|\{\s*\}\s*|\{[^{}\[\]]*\"(documents|PubTator3|rows)\"\s*:\s*\[\s*\]\s*\}\s*")
_COLUMN = re.compile(
    r"(?:doc(?:ument)?|sentence|pubmed|pm)[ _]?(?:id|#)?|id|texts?|abstract|title|body|content|labels?|tags?"
    r"|tokens?|words?|start|end|begin|offset|entit(?:y|ies)|mention|type|ner(?:_tags)?|spans?|annotations?|class"
    r"|category|pos|url|date|journal|source|authors|year",
    re.IGNORECASE,
)


def described(head: bytes) -> str:
    """Says what a file that begins so is, if that is none with documents, and what to do; else an empty text.

    Args:
        head: the first bytes of the file, at least 300 where it has so many; without gzip.
    """
    for name, (place, magic) in _MAGIC.items():
        if head[place : place + len(magic)] == magic:
            name = name.strip()
            return f"this is {name}: {next(advice for key, advice in _ADVICE.items() if key in name)} [B142]"
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    if not text:
        return "the file is empty [B143]"
    for begin, what in _POINTERS.items():
        if text.startswith(begin):
            return f"this is {what} [B144]"
    if _PAGE.match(text):
        title = re.search(r"(?is)<title[^>]*>\s*(.{0,80}?)\s*</title>", text)
        named = f" ('{' '.join(title[1].split())}')" if title and title[1] else ""
        return f"this is an HTML page{named}, perhaps an error of the server it was fetched from [B145]"
    if _EMPTY.fullmatch(text):
        return "an empty export: there is no document in it [B146]"
    if columns := table_columns(text):
        names = ", ".join(columns)
        return f"a table with the columns {names}, and tables aren't read: make JSON lines of it first [B147]"
    return ""


def table_columns(text: str) -> list[str]:
    """The names of the columns of a table in CSV or TSV that has a line with them; none if it isn't one."""
    line = re.split(r"[\r\n]", text, maxsplit=1)[0]
    for separator in ("\t", ",", ";"):
        if separator in line and len(line) < 2000:
            fields = [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
            known = [field for field in fields if _COLUMN.fullmatch(field)]
            if len(fields) > 1 and len(known) >= 2 and len(known) * 2 >= len(fields) and all(fields):
                return fields
    return []
