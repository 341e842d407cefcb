"""What a process has in memory: it shows what nobody counts, as what the compiled half allocates."""

from collections.abc import Callable
from pathlib import Path

import pytest

PAGES, PAGE_BYTES = Path("/proc/self/statm"), 4096


def growth_of(work: Callable[[], object]) -> int:
    """By how many bytes the process has grown after work that is repeated, at the least: a leak grows each time."""
    if not PAGES.exists():
        pytest.skip("needs /proc to see what the compiled half allocates")

    def resident() -> int:
        return int(PAGES.read_text().split()[1]) * PAGE_BYTES

    growth = []
    for _ in range(5):
        before = resident()
        work()
        growth.append(resident() - before)
    return min(growth)
