"""What setup.cfg can't say: the project's files go into the wheel, where `spacy bioner init` finds them."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

LIST = Path("spacy_bioner/training/project_files.txt")


class BuildWithProject(build_py):
    """Copies the project's files beside the package's own."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # they are taken from the source then
        for pattern in LIST.read_text(encoding="utf8").split():
            for path in sorted(Path().glob(pattern)):
                target = Path(self.build_lib, "spacy_bioner", "training", "project", path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithProject})
