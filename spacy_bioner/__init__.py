"""Biomedical named entity recognition for spaCy."""

from importlib.metadata import version

__version__ = version("spacy-bioner")
