"""The knowledge bases that come with the package."""
