"""The components of a pipeline."""
