"""What `max_bytes` costs and how well it holds: a write with and without it, and what the process grows by.

usage: python benches/python/max_bytes.py
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

from hotset import Cache, estimate_bytes

BOUND = "50MB"
EVICTIONS = 3_000
"""So many entries have left when the process is looked at."""
WRITES, FEW_WRITES, ROUNDS = 20_000, 200, 7

chance = random.Random(5)
letters = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=1 << 20))


def text(length: int) -> str:
    start = chance.randrange(len(letters) - length)
    return letters[start : start + length]


def row() -> dict[str, object]:
    """What an API returns, about 1 KB of JSON."""
    roles = [text(8) for _ in range(4)]
    address = {"street": text(30), "city": text(15), "zip": text(8)}
    made = {"id": chance.randrange(1 << 40), "name": text(30), "roles": roles, "address": address, "bio": text(700)}
    return json.loads(json.dumps({**made, "price": chance.random(), "active": True}))  # type: ignore[no-any-return]


VALUES: dict[str, Callable[[], object]] = {
    "an int": lambda: chance.randrange(1 << 40),
    "a text of 50": lambda: text(50),
    "a dict of 1 KB": row,
    "a list of 100 floats": lambda: [chance.random() for _ in range(100)],
    "a list of 40 dicts": lambda: [row() for _ in range(40)],
    "up to 20 KB of bytes": lambda: chance.randbytes(chance.randrange(20_000)),
}
LARGE: dict[str, Callable[[], object]] = {
    "a list of 1,000 dicts": lambda: [row() for _ in range(1_000)],
    "a list of 1,000,000 floats": lambda: [chance.random() for _ in range(1_000_000)],
    "a set of 100,000 texts": lambda: {text(20) for _ in range(100_000)},
}


def nanoseconds(cache: Cache[str, object], value: object, writes: int) -> float:
    """The best time of a write."""
    names = {"cache": cache, "value": value}
    return min(timeit.repeat("cache.set('k', value)", globals=names, number=writes, repeat=ROUNDS)) / writes * 1e9


def resident_bytes() -> int:
    """The resident set of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(kind: str) -> None:
    """Fills a cache in this process until much has left it, and prints what it takes."""
    cache: Cache[str, object] = Cache(max_bytes=BOUND)
    gc.collect()
    before = resident_bytes()
    number = 0
    while cache.stats().evicted < EVICTIONS:
        cache[f"key:{number}"] = VALUES[kind]()
        number += 1
    held, grown = cache.stats().weight, resident_bytes() - before
    ratio = f"{grown / 1e6:.1f} MB resident, {grown / held:.2f} ×"
    print(f"{kind}: {len(cache):,} entries, {held / 1e6:.1f} MB by estimate, {ratio}")


def main() -> None:
    print("a write: without a bound in bytes, with one")
    for name, make in {**VALUES, **LARGE}.items():
        value, writes = make(), FEW_WRITES if name in LARGE else WRITES
        caches: tuple[Cache[str, object], ...] = (Cache(), Cache(max_bytes="1TB"))
        without, with_it = (nanoseconds(cache, value, writes) for cache in caches)
        print(f"{name} ({estimate_bytes(value):,} bytes): {without:,.0f} ns, {with_it:,.0f} ns")
    print(f"a full cache of max_bytes={BOUND!r}")
    for kind in VALUES:
        subprocess.run([sys.executable, __file__, kind], check=True)


if __name__ == "__main__":
    fill(sys.argv[1]) if len(sys.argv) > 1 else main()
