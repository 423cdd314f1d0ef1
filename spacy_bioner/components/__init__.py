"""What stands in a pipeline."""
