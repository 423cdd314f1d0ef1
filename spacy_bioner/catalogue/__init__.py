"""The corpora and encoders that are known by name, and how a name becomes files."""
