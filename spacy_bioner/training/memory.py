"""Giving memory back to the system while PyTorch works on the CPU."""

import ctypes
import sys
from functools import cache
from typing import Any


def return_free_memory() -> bool:
    """Has the C library hand memory that is free back to the system.

    Batches of changing shapes, as training on sentences makes them, leave glibc's heap fragmented, so that
    the process grows by some megabytes an update. Called every few updates this costs a hundredth of the
    time; having each large block mapped anew (mallopt's M_MMAP_THRESHOLD) cost a third. See malloc_trim(3).

    Returns:
        Whether it could be done: not where the C library is another.
    """
    trim = _malloc_trim()
    return trim is not None and bool(trim(0))


@cache
def _malloc_trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
