"""The layout of the package: floors that only use those above, short modules, names that differ."""

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "spacy_bioner"
FLOORS = (
    ("errors", "array_types", "markdown", "terminal"),
    ("files", "downloads"),
    ("text",),
    ("documents",),
    ("encoders",),
    ("corpora",),
    ("models",),
    ("knowledge",),
    ("components",),
    ("evaluation",),
    ("annotation",),
    ("service",),
    ("training",),
    ("huggingface",),
    ("pretraining",),
    ("cli",),
)
"""Folders and modules of the package, from the top; each imports only from its own floor and those above."""
PLACE = {name: number for number, names in enumerate(FLOORS) for name in names}
MOST_LINES, LONGEST_FUNCTION = 400, 60
SAME_NAME = {"__init__", "__main__"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor(path: Path) -> str:
    """The folder or module of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The folders and modules of the package that a file imports from, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("spacy_bioner.")}
    return found


def test_every_folder_has_its_floor():
    assert {floor(path) for path in MODULES} - {"__init__"} <= set(PLACE)


def test_no_module_imports_from_a_floor_below_its_own():
    climbing = [
        (str(path.relative_to(PACKAGE)), name)
        for path in MODULES
        if path != PACKAGE / "__init__.py"  # which names everything for people
        for name in imports(path)
        if PLACE[name] > PLACE[floor(path)]
    ]
    assert climbing == []


def test_modules_and_functions_are_short():
    """Of a function the lines behind its docstring count."""
    long = []
    for path in MODULES:
        text, name = path.read_text(encoding="utf8"), str(path.relative_to(PACKAGE))
        if len(text.splitlines()) > MOST_LINES:
            long.append(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None and len(node.body) > 1
                first = node.body[1 if documented else 0]
                if (node.end_lineno or 0) - first.lineno >= LONGEST_FUNCTION:
                    long.append(f"{name}: {node.name}")
    assert long == []


def test_only_one_module_prints():
    """`terminal` has what is printed for people: in it, ids and names of others can't steer a terminal."""
    direct = [str(path.relative_to(PACKAGE)) for path in MODULES if "from wasabi" in path.read_text("utf8")]
    assert direct == ["terminal.py"]


def test_no_two_modules_have_one_name():
    """But for the command line's, which are called as its verbs."""
    names = Counter(path.stem for path in MODULES if floor(path) != "cli")
    assert [name for name, count in names.items() if count > 1 and name not in SAME_NAME] == []
