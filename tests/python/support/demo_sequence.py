"""The sequence that the tests of `hotset demo` replay, and the plainest model of a cache for it."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

KEYS = [str((7 * step * step + step // 3) % 60) for step in range(3_000)]
"""A sequence with some locality, long enough for three chunks."""


def lru_hits(keys: Sequence[str], maxsize: int) -> int:
    """The hits of a least-recently-used cache, by the plainest model of one."""
    held: OrderedDict[str, None] = OrderedDict()
    hits = 0
    for key in keys:
        if key in held:
            hits += 1
            held.move_to_end(key)
            continue
        if len(held) == maxsize:
            held.popitem(last=False)
        held[key] = None
    return hits


def written(folder: Path) -> Path:
    """A trace file of `KEYS`."""
    path = folder / "keys.txt"
    path.write_text("\n".join(KEYS), encoding="ascii")
    return path
