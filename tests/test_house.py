"""The layout of the package: floors that only use those above, short modules, own names, docstrings."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "spacy_bioner"
FLOORS = (
    ("errors", "array_types", "markdown", "terminal", "workplaces"),
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
MOST_LINES, LONGEST_FUNCTION, MANY_ARGUMENTS = 400, 60, 4
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


def public_functions(
    path: Path,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public classes, functions and methods of public classes, with their names; no overloads."""

    def within(nodes: Iterable[ast.stmt], before: str) -> Iterator[tuple[str, Any]]:
        for node in nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or any("overload" in ast.unparse(d) for d in node.decorator_list):
                continue
            yield before + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from within(node.body, f"{before}{node.name}.")

    for name, node in within(ast.parse(path.read_text(encoding="utf8")).body, ""):
        yield f"{path.relative_to(PACKAGE)}: {name}", node


def test_what_is_public_has_a_docstring_and_many_arguments_are_named_in_it():
    """Or it says whose arguments they are: "The arguments are those of `Decoder.find`."."""
    lacking = []
    for name, node in (found for path in MODULES for found in public_functions(path)):
        text = ast.get_docstring(node)
        if text is None:
            lacking.append(name)
        elif not isinstance(node, ast.ClassDef) and not name.startswith("cli/"):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments = [argument.arg for argument in given if argument.arg not in ("self", "cls")]
            unnamed = [argument for argument in arguments if argument not in text]
            if len(arguments) >= MANY_ARGUMENTS and unnamed and "arguments" not in text:
                lacking.append(f"{name} ({', '.join(unnamed)})")
    assert lacking == []
