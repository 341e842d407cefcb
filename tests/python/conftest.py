"""What the tests of caches share: a clock that moves when it is told to, and invariants checked after every test."""

from collections.abc import Iterator

import hotset
import pytest
from hotset.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(autouse=True)
def every_cache_is_valid_afterwards() -> Iterator[None]:
    """Checks every structural invariant, in builds of the core that can."""
    yield
    validate = getattr(hotset._core, "validate", None)
    if validate is not None:
        for cache in hotset.caches():
            validate(cache)
