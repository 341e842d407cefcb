"""What the tests of caches share: a clock that moves when it is told to, and invariants checked after every test."""

import gc
from collections.abc import Callable, Iterator
from typing import Any

import hotset
import pytest
from hotset import Cache
from hotset._tiers import namespaces
from hotset._tiers.kinds import Heap, Tier
from hotset.testing import ManualClock
from ways_through import through  # noqa: F401  # fixtures of the tests that use these ways
from ways_to_load import cached, loop, source  # noqa: F401

#: Makes two caches of one name in front of one tier, as two worker processes have them.
Two = Callable[..., tuple[Cache[Any, Any], Cache[Any, Any]]]


def pytest_collection_finish() -> None:
    """Have collections look at what tests make, and not each time at all that they import."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture(params=[Heap], ids=lambda kind: kind.__name__)
def tier(request: pytest.FixtureRequest) -> Tier:
    """A new tier, of each kind that there is."""
    return request.param()  # type: ignore[no-any-return]  # of the kinds above


@pytest.fixture
def two(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> Two:
    monkeypatch.setattr(namespaces, "several", True)

    def make(**options: Any) -> tuple[Cache[Any, Any], Cache[Any, Any]]:
        return Cache("shared", tier=tier, **options), Cache("shared", tier=tier, **options)

    return make
