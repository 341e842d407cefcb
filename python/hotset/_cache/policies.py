"""The names of the policies."""

from typing import Literal, TypeAlias, get_args

#: Who is evicted when there is no room: by whichever of several rules suits the present requests (the default), by
#: W-TinyLFU, S3-FIFO, SIEVE, LIRS, ARC, segmented LRU, least recently used, most recently used, least frequently used
#: with ageing, first in first out, or anybody.
Policy: TypeAlias = Literal[
    "adaptive",
    "tinylfu",
    "s3fifo",
    "sieve",
    "lirs",
    "arc",
    "slru",
    "lru",
    "mru",
    "lfu",
    "fifo",
    "random",
]

#: What is to be as much as possible: the hits, or the time that loads would have taken.
Optimize: TypeAlias = Literal["hits", "time"]

POLICIES: tuple[Policy, ...] = get_args(Policy)
