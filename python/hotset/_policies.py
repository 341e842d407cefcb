"""The names of the policies."""

from typing import Literal, TypeAlias, get_args

#: Who is evicted when there is no room: by W-TinyLFU (the default), by whichever of several rules suits the present
#: requests, least recently used, least frequently used, first in first out, or anybody.
Policy: TypeAlias = Literal["tinylfu", "adaptive", "lru", "lfu", "fifo", "random"]

POLICIES: tuple[Policy, ...] = get_args(Policy)
