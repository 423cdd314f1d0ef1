"""Pipelines from token classifiers of transformers, and back."""
