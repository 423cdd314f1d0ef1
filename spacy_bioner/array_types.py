"""What arrays are called in signatures; numpy's and cupy's have no type in common."""

from typing import Any

Array = Any
"""An array of numpy or of cupy."""

Ints = Any
"""An array of integers, of numpy."""
