"""What ``cache_info()`` returns."""

from __future__ import annotations

from collections import namedtuple

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple

    class CacheInfo(NamedTuple):
        """Statistics of one decorated function, with the names that :mod:`functools` uses."""

        hits: int
        misses: int
        maxsize: int | None
        currsize: int
else:
    # Without `typing`, which takes long to import.
    CacheInfo = namedtuple("CacheInfo", ("hits", "misses", "maxsize", "currsize"))
    CacheInfo.__doc__ = "Statistics of one decorated function, with the names that :mod:`functools` uses."
    CacheInfo.__annotations__ = {"hits": int, "misses": int, "maxsize": int | None, "currsize": int}
