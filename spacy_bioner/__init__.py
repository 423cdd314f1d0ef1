"""Biomedical named entity recognition for spaCy."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("spacy-bioner")
except PackageNotFoundError:  # a copy of this folder that nobody installed
    __version__ = "unknown"
