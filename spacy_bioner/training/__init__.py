"""Training a pipeline, and what is made of a trained one."""
