"""Programs run as users run them: in an environment of their own, apart from this one's variables."""

import json
import os
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

FIND = """
import json, sys, spacy
nlp = spacy.load(sys.argv[1])
docs = nlp.pipe(json.load(sys.stdin))
print(json.dumps([[[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents] for doc in docs]))
"""


def run(*command: object, cwd: Path, **arguments: object) -> str:
    """Runs a program apart from this environment's variables for Python; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, **arguments
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_python(folder: Path) -> Path:
    """The Python of a new environment, with nothing but pip in it."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def found_by(
    python: Path, pipeline: str, texts: Sequence[str], cwd: Path
) -> list[list[tuple[int, int, str]]]:
    """The entities that a pipeline finds which is installed for a Python: first character, end, type."""
    found = run(python, "-c", FIND, pipeline, cwd=cwd, input=json.dumps(texts))
    return [[(start, end, label) for start, end, label in doc] for doc in json.loads(found)]
