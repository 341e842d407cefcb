"""Memory per entry beyond the key and the value objects, each contender in a fresh process.

The process makes keys and values, notes its resident set, fills a cache with them and looks again. What it grew by,
divided by the number of entries that the cache then holds, is what an entry costs, all told: tables, links, deadlines,
and what the allocator rounds up.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import BY_NAME, CACHEBOX_TTL, CACHEBOX_VTTL, DICT, HOTSET, LRU_CACHE, Contender
from goals import Goal, judge
from results import Table

ENTRIES = 1_000_000
ENTRIES_QUICKLY = 250_000
"""A quarter, so that hash tables that double are as full as with all entries."""

GOAL = Goal(72, unit="bytes")


@dataclass(frozen=True)
class Subject:
    """A contender as it is filled: through its mapping, or through a decorated function."""

    label: str
    contender: str
    decorated: bool = False


SUBJECTS = (
    Subject(HOTSET, HOTSET),
    Subject("hotset, decorated function", HOTSET, decorated=True),
    Subject(LRU_CACHE, LRU_CACHE, decorated=True),
    Subject(CACHEBOX_TTL, CACHEBOX_TTL),
    Subject(CACHEBOX_VTTL, CACHEBOX_VTTL),
    Subject("cachetools TTLCache", "cachetools TTLCache"),
    Subject("moka-py", "moka-py"),
    Subject("theine", "theine"),
    Subject("lru-dict, no ttl", "lru-dict, no ttl"),
    Subject(DICT, DICT),
)


def resident_bytes() -> int:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fill_mapping(contender: Contender, keys: list[int], values: list[object]) -> tuple[Any, int]:
    """A cache with all of them, and how many it holds."""
    assert contender.mapping is not None
    cache = contender.mapping(len(keys))
    names = {"cache": cache, "keys": keys, "values": values, "ttl": contender.ttl}
    source = f"for k, v in zip(keys, values): {contender.write}"
    exec(compile(source, "<fill>", "exec"), names)  # the statements are those of contenders.py
    return names, contender.length(cache)


def fill_function(contender: Contender, keys: list[int], values: list[object]) -> tuple[Any, int]:
    """A decorated function that was called with all of them, and how many results it holds."""
    assert contender.function is not None
    decorated: Callable[[int], object] = contender.function(values.__getitem__, len(keys))
    for key in keys:
        decorated(key)
    return decorated, len(keys)


def bytes_per_entry(subject: Subject, entries: int) -> float:
    """What an entry costs in this process, which has to be a fresh one."""
    contender = BY_NAME[subject.contender]
    contender.missing()
    keys = list(range(entries))
    values: list[object] = [object() for _ in keys]
    fill = fill_function if subject.decorated else fill_mapping
    fill(contender, keys[:1], values[:1])
    gc.collect()
    before = resident_bytes()
    cache, held = fill(contender, keys, values)
    gc.collect()
    grown = resident_bytes() - before
    del cache
    return grown / held


def in_fresh_process(subject: Subject, entries: int) -> float:
    """`bytes_per_entry`, measured by a child."""
    command = [sys.executable, __file__, subject.label, str(entries)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise RuntimeError(child.stderr.strip().rpartition("\n")[2] or f"exit code {child.returncode}")
    return float(child.stdout)


def run(quick: bool, rounds: int, skip: Collection[str]) -> Table:
    """Measures everybody who is not to be skipped."""
    entries = ENTRIES_QUICKLY if quick else ENTRIES
    samples: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    for subject in SUBJECTS:
        if subject.contender in skip:
            continue
        try:
            samples[subject.label] = [in_fresh_process(subject, entries) for _ in range(rounds)]
        except RuntimeError as error:
            failures[subject.label] = str(error)
    return Table(
        name="memory",
        group="Memory per entry, beyond the key and the value objects",
        title=f"{entries:,} `int` keys, with a ttl where the cache has one",
        statement="cache[k] = v",
        unit="bytes",
        reference=CACHEBOX_TTL,
        samples=samples,
        verdicts=[
            verdict
            for subject in SUBJECTS
            if subject.contender == HOTSET and (verdict := judge(GOAL, subject.label, samples))
        ],
        failures=failures,
    )


def main() -> None:
    """The child: prints the bytes of one entry."""
    label, entries = sys.argv[1:]
    (subject,) = (subject for subject in SUBJECTS if subject.label == label)
    print(bytes_per_entry(subject, int(entries)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
