"""How much resident memory a full cache adds, measured in a fresh process of its own.

A process that has already worked has freed memory at hand and would hide what the cache takes.
Run as a module, this is that process: `python -m hotset.cli.memory DATABASE POLICY MAXSIZE [TTL]` prints the bytes
and the entries.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, cast

from hotset import CachedFunction, Policy, cache_result
from hotset.cli import database

RESIDENT_FILE = Path("/proc/self/statm")
"""Where Linux tells a process its size, in pages; the second number is what is resident."""

ENOUGH_ENTRIES = 20_000
"""Entries that fill so many pages that a few more do not matter; smaller caches are filled several times over."""

MOST_CACHES = 100
"""How many caches are filled at most to get there."""


class Memory(NamedTuple):
    """What a full cache takes, with its keys and values."""

    added: int
    """Resident memory, in bytes."""
    entries: int


def measure(path: Path, policy: Policy, maxsize: int, ttl: str | None) -> Memory | None:
    """What a cache of that kind takes, filled from the database at `path`; None where it cannot be told."""
    if not RESIDENT_FILE.exists() or not sys.executable:
        return None
    command = [sys.executable, "-P", "-m", "hotset.cli.memory", str(path), policy, str(maxsize)]
    done = subprocess.run([*command, ttl] if ttl else command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    added, entries = map(int, done.stdout.split())
    return Memory(added, entries)


def fill_and_measure(path: Path, policy: Policy, maxsize: int, ttl: str | None) -> Memory:
    """Fill caches in this process, and see by how much it grows for each."""
    with database.opened(path) as look_up:
        for key in database.some_keys(path, maxsize):
            look_up(key)  # grows what SQLite keeps in memory before the first reading
        before = _resident_bytes()
        functions = [_full(path, look_up, policy, maxsize, ttl)]
        entries = len(functions[0].cache)
        while len(functions) < MOST_CACHES and len(functions) * entries < ENOUGH_ENTRIES:
            functions.append(_full(path, look_up, policy, maxsize, ttl))
        added = max(0, _resident_bytes() - before)
        return Memory(added // len(functions), entries)


def _full(
    path: Path, look_up: database.LookUp, policy: Policy, maxsize: int, ttl: str | None
) -> CachedFunction[..., object]:
    """A function with a cache of its own that is full, as long as the function lives."""
    cached = cache_result(maxsize=maxsize, policy=policy, ttl=ttl)(look_up)
    for key in database.some_keys(path, maxsize):
        cached(key)
    return cached


def _resident_bytes() -> int:
    pages = int(RESIDENT_FILE.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    _, given_path, given_policy, given_maxsize, *given_ttl = sys.argv
    its_policy = cast("Policy", given_policy)  # the parent passes on what it checked
    taken = fill_and_measure(Path(given_path), its_policy, int(given_maxsize), given_ttl[0] if given_ttl else None)
    sys.stdout.write(f"{taken.added} {taken.entries}")
