"""Names for arrays in type hints: numpy's and cupy's have no type in common."""

from typing import Any

Array = Any
"""An array of numpy or of cupy."""

Ints = Any
"""An array of integers, of numpy."""
