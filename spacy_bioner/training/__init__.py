"""Training a pipeline, finishing it and packaging it."""
