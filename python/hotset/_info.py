"""What ``cache_info()`` returns."""

from typing import NamedTuple


class CacheInfo(NamedTuple):
    """Statistics of one decorated function, with the names that :mod:`functools` uses."""

    hits: int
    misses: int
    maxsize: int | None
    currsize: int
