"""Texts with their mentions, whatever file they came from. Nothing here imports spaCy."""
