"""Tools for testing code that caches: time that moves when it is told to, loads that are counted, loaders that fail.

The pytest plugin that comes with hotset has them as fixtures: see :mod:`hotset.testing.plugin`.
"""

from hotset._core import ManualClock
from hotset.testing._caches import (
    advance,
    assert_loads,
    caching_off,
    clear_all,
    wait_for_loads,
    wait_for_loads_async,
)
from hotset.testing._chaos import Chaos

__all__ = [
    "Chaos",
    "ManualClock",
    "advance",
    "assert_loads",
    "caching_off",
    "clear_all",
    "wait_for_loads",
    "wait_for_loads_async",
]
