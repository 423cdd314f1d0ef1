"""Documents through a pipeline."""
