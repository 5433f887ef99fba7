"""Keep freed memory in the process: large tensors come and go with every operation."""

import ctypes

M_TRIM_THRESHOLD = -1  # malloc.h of glibc
M_MMAP_MAX = -4


def keep_large_blocks() -> None:
    """Tell glibc to serve large blocks from its heap and never to give freed ones back to the system.

    By default every large tensor is mapped and unmapped anew, which can cost as much time as the arithmetic on it. The
    process keeps its peak memory until it ends. Without glibc this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function; no such library; no library of that name (Windows)
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, -1)
