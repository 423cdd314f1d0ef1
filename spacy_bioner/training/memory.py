"""Giving memory back to the system while PyTorch works on the CPU."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_THRESHOLD = 1 << 20  # bytes


def return_large_blocks() -> bool:
    """Has the C library hand blocks of a megabyte or more back to the system when they are freed.

    glibc raises the size from which it does so whenever such a block is freed, up to 32 MB. Batches of ever
    other shapes, as training on sentences makes them, then leave the heap so fragmented that the process
    grows without end: with the embedded encoder by 16 MB a step, and to more than 10 GB. See mallopt(3).

    Returns:
        Whether it could be done: not where the C library is another.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)) and bool(mallopt(_M_TRIM_THRESHOLD, _THRESHOLD))
