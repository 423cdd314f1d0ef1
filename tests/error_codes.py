"""The codes of errors, and docs/errors.md, which lists them: `python tests/error_codes.py` writes that page.

A new message gets the number behind the highest. The message on the page is taken from the source; what to do
about it is written there by hand, and kept.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy_bioner import errors

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
CODE = re.compile(r"\s*\[(B\d{3})\]")
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and name.endswith("Error")}
KINDS |= {"UnfitError"}
"""The classes whose messages have codes; UnfitError's become FormatError's."""
_HEADER = "| code | message | what to do |\n|---|---|---|\n"


def _texts(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Every text in a module, whole where it stands in parts, with "..." for what is filled in."""
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
            yield node, "".join(map(str, parts))


def messages(package: Path = ROOT / "spacy_bioner") -> dict[str, list[str]]:
    """The texts in which each code stands, in order of the codes."""
    found = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for _, text in _texts(ast.parse(path.read_text(encoding="utf8"))):
            for code in CODE.findall(text):
                found[code].append(" ".join(CODE.sub("", text).split()))
    return dict(sorted(found.items()))


def without_code(package: Path = ROOT / "spacy_bioner") -> list[str]:
    """The places at which an error is made with a text of its own that has no code, as file:line."""
    places = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in KINDS:
                texts = [text for argument in node.args for _, text in _texts(argument)]
                told = [text for text in texts if len(re.sub(r"\.\.\.|\W", " ", text).split()) > 1]
                if told and not any(map(CODE.search, texts)):
                    places.append(f"{path.relative_to(package)}:{node.lineno}")
    return places


def rows(page: str) -> dict[str, tuple[str, str]]:
    """The message and what to do of each code, as the page has them."""
    cells = (re.split(r"(?<!\\)\|", line) for line in page.splitlines() if re.match(r"\| B\d{3} \|", line))
    return {row[1].strip(): (row[2].strip(), row[3].strip()) for row in cells}


def written(found: dict[str, Sequence[str]], page: str) -> str:
    """The page with a row for each code; what to do is taken from the page as it was."""
    start, _, _ = page.partition(_HEADER)
    before = rows(page)
    lines = []
    for code, texts in found.items():
        message = texts[0].replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {code} | {message} | {before.get(code, ('', ''))[1]} |\n")
    return start + _HEADER + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(written(messages(), PAGE.read_text(encoding="utf8")), encoding="utf8")
