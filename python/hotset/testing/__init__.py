"""Tools for testing code that caches: time that moves when told to, counted loads, loaders and tiers that fail.

:class:`TierContract` has the tests of a tier that somebody writes.

The pytest plugin that comes with hotset has them as fixtures: see :mod:`hotset.testing.plugin`.
"""

from hotset._core import ManualClock
from hotset._typing import lend_hints
from hotset.testing._caches import (
    advance,
    assert_loads,
    caching_off,
    clear_all,
    wait_for_loads,
    wait_for_loads_async,
)
from hotset.testing._chaos import Chaos
from hotset.testing._chaos_tier import ChaosTier
from hotset.testing._tier_contract import TierContract

__all__ = [
    "Chaos",
    "ChaosTier",
    "ManualClock",
    "TierContract",
    "advance",
    "assert_loads",
    "caching_off",
    "clear_all",
    "wait_for_loads",
    "wait_for_loads_async",
]

lend_hints([value for name, value in globals().items() if name in __all__])
