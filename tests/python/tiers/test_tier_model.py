"""Two workers in front of one tier, and a plain dict: after every step all three agree, by a clock that is moved by hand."""

from dataclasses import dataclass
from typing import Any

import pytest
from hotset import MISSING, Cache
from hotset._tiers import namespaces
from hotset._tiers.kinds import Heap
from hotset.testing import ManualClock
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

KEYS = st.sampled_from(["a", "b", 1, ("t", 2), None])
VALUES = st.one_of(st.none(), st.integers(-3, 10**12), st.lists(st.integers(0, 9), max_size=2))
TAGS = st.sets(st.sampled_from(["x", "y"]))
TTL, GRACE = 10, 5


@dataclass
class Known:
    """An entry of the model."""

    value: Any
    fresh_until: float
    tags: set[str]

    def expire(self, now: float) -> None:
        self.fresh_until = min(self.fresh_until, now)


class TwoWorkers(RuleBasedStateMachine):
    make_tier: Any = Heap

    @initialize(maxsize=st.sampled_from([None, 0, 2]))
    def begin(self, maxsize: int | None) -> None:
        tier, self.clock, self.now = self.make_tier(), ManualClock(), 0.0
        self.workers = [
            Cache("model", tier=tier, ttl=TTL, grace=GRACE, clock=self.clock, maxsize=maxsize) for _ in range(2)
        ]
        self.model: dict[Any, Known] = {}

    def worker(self, which: bool) -> Cache[Any, Any]:
        return self.workers[which]

    def fresh(self, key: Any) -> Any:
        known = self.model.get(key)
        return MISSING if known is None or known.fresh_until <= self.now else known.value

    def keep(self, key: Any, value: Any, tags: Any = (), ttl: float = TTL) -> None:
        self.model[key] = Known(value, self.now + ttl, set(tags))

    @rule(seconds=st.integers(1, 12))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.now += seconds

    @rule(which=st.booleans(), key=KEYS, value=VALUES, tags=TAGS, ttl=st.integers(1, 20))
    def put(self, which: bool, key: Any, value: Any, tags: set[str], ttl: int) -> None:
        self.worker(which).set(key, value, tags=sorted(tags), ttl=ttl)
        self.keep(key, value, tags, ttl)

    @rule(which=st.booleans(), keys=st.lists(KEYS, unique=True), value=VALUES, tags=TAGS)
    def set_many(self, which: bool, keys: list[Any], value: Any, tags: set[str]) -> None:
        self.worker(which).set_many(dict.fromkeys(keys, value), tags=sorted(tags))
        for key in keys:
            self.keep(key, value, tags)

    @rule(which=st.booleans(), key=KEYS, value=VALUES)
    def add(self, which: bool, key: Any, value: Any) -> None:
        absent = self.fresh(key) is MISSING
        assert self.worker(which).add(key, value) is absent
        if absent:
            self.keep(key, value)

    @rule(which=st.booleans(), key=KEYS, value=VALUES, tags=TAGS)
    def replace(self, which: bool, key: Any, value: Any, tags: set[str]) -> None:
        present = self.fresh(key) is not MISSING
        assert self.worker(which).replace(key, value, tags=sorted(tags)) is present
        if present:
            self.keep(key, value, tags)

    @rule(which=st.booleans(), key=KEYS, value=VALUES)
    def setdefault(self, which: bool, key: Any, value: Any) -> None:
        present = self.fresh(key)
        assert self.worker(which).setdefault(key, value) == (value if present is MISSING else present)
        if present is MISSING:
            self.keep(key, value)

    @rule(which=st.booleans(), key=KEYS, delta=st.integers(-500, 500))
    def incr(self, which: bool, key: Any, delta: int) -> None:
        present = self.fresh(key)
        if present is MISSING:
            assert self.worker(which).incr(key, delta) == delta
            self.keep(key, delta)
        elif isinstance(present, int):
            assert self.worker(which).incr(key, delta) == present + delta
            self.model[key].value = present + delta
        else:
            with pytest.raises(TypeError):
                self.worker(which).incr(key, delta)

    @rule(which=st.booleans(), key=KEYS)
    def pop(self, which: bool, key: Any) -> None:
        assert self.worker(which).pop(key, MISSING) == self.fresh(key)
        self.model.pop(key, None)

    @rule(which=st.booleans(), key=KEYS)
    def delete(self, which: bool, key: Any) -> None:
        assert self.worker(which).delete(key) is (self.fresh(key) is not MISSING)
        self.model.pop(key, None)

    @rule(which=st.booleans(), key=KEYS)
    def expire(self, which: bool, key: Any) -> None:
        assert self.worker(which).expire(key) is (self.fresh(key) is not MISSING)
        if key in self.model:
            self.model[key].expire(self.now)

    @rule(which=st.booleans(), key=KEYS, ttl=st.integers(1, 20))
    def touch(self, which: bool, key: Any, ttl: int) -> None:
        present = self.fresh(key) is not MISSING
        assert self.worker(which).touch(key, ttl=ttl) is present
        if present:
            self.model[key].fresh_until = self.now + ttl

    @rule(which=st.booleans(), tag=st.sampled_from(["x", "y"]))
    def invalidate_tags(self, which: bool, tag: str) -> None:
        self.worker(which).invalidate_tags(tag)
        self.model = {key: known for key, known in self.model.items() if tag not in known.tags}

    @rule(which=st.booleans(), tag=st.sampled_from(["x", "y"]))
    def expire_tags(self, which: bool, tag: str) -> None:
        self.worker(which).expire_tags(tag)
        for known in self.model.values():
            if tag in known.tags:
                known.expire(self.now)

    @rule(which=st.booleans())
    def clear(self, which: bool) -> None:
        self.worker(which).clear()
        self.model.clear()

    @rule(which=st.booleans(), key=KEYS, value=VALUES, tags=TAGS)
    def load(self, which: bool, key: Any, value: Any, tags: set[str]) -> None:
        """With ``max_stale=0`` nothing stale will do, so that no load is made in the background."""
        present = self.fresh(key)
        found = self.worker(which).get_or_load(key, lambda _: value, tags=sorted(tags), max_stale=0)
        assert found == (value if present is MISSING else present)
        if present is MISSING:
            self.keep(key, value, tags)

    @rule(which=st.booleans(), key=KEYS, value=VALUES)
    def refresh(self, which: bool, key: Any, value: Any) -> None:
        assert self.worker(which).get_or_load(key, lambda _: value, refresh=True) == value
        self.keep(key, value)

    @rule(which=st.booleans(), keys=st.lists(KEYS, unique=True), value=VALUES)
    def load_many(self, which: bool, keys: list[Any], value: Any) -> None:
        expected = {key: value if self.fresh(key) is MISSING else self.fresh(key) for key in keys}
        assert self.worker(which).load_many(keys, lambda asked: dict.fromkeys(asked, value), max_stale=0) == expected
        for key in keys:
            if self.fresh(key) is MISSING:
                self.keep(key, value)

    @rule(which=st.booleans(), keys=st.lists(KEYS, unique=True))
    def get_many(self, which: bool, keys: list[Any]) -> None:
        expected = {key: self.fresh(key) for key in keys if self.fresh(key) is not MISSING}
        assert self.worker(which).get_many(keys) == expected

    @rule(which=st.booleans(), key=KEYS)
    def read(self, which: bool, key: Any) -> None:
        assert self.worker(which).get(key, MISSING) == self.fresh(key)

    @invariant()
    def all_agree(self) -> None:
        for worker in getattr(self, "workers", ()):
            for key in ("a", "b", 1, ("t", 2), None):
                assert worker.peek(key, MISSING) == self.fresh(key), key
            assert all(value == self.fresh(key) for key, value in worker.items())
            if worker.maxsize == 0:
                continue
            stale = {key: known.value for key, known in self.model.items() if known.fresh_until <= self.now}
            for key, value in stale.items():
                entry = worker.get_entry(key, max_stale=GRACE)
                assert (entry is not None) == (self.model[key].fresh_until + GRACE > self.now), key
                assert entry is None or (entry.stale, entry.value) == (True, value)


TestTwoWorkers = TwoWorkers.TestCase
TestTwoWorkers.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(autouse=True)
def several_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "several", True)
