"""A cache against the plainest model of one: a dict with deadlines. Unbounded it does the same, bounded never more."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hotset
import hypothesis.strategies as st
import pytest
from cache_model import KEYS, Model, keys, lives, options, some_keys, values
from hotset import MISSING, Cache
from hotset.testing import ManualClock
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

SOAK = 100
EXAMPLES, STEPS = 100, 50
settings.register_profile("quick", max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None)
settings.register_profile("soak", max_examples=EXAMPLES * SOAK, stateful_step_count=STEPS, deadline=None)
PROFILE = settings(
    settings.get_profile("soak" if os.environ.get("HOTSET_SOAK") == "1" else "quick"),
    suppress_health_check=list(HealthCheck),
)


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (KeyError, TypeError) as error:
        return type(error)


class Unbounded(RuleBasedStateMachine):
    """Every verb does what it does to the model."""

    @initialize(
        policy=st.sampled_from(hotset.POLICIES), ttl=st.sampled_from([None, 4.5]), idle=st.sampled_from([None, 2.5])
    )
    def begin(self, policy: hotset.Policy, ttl: float | None, idle: float | None) -> None:
        self.clock = ManualClock()
        self.cache: Cache[Any, Any] = Cache(maxsize=None, ttl=ttl, idle=idle, policy=policy, clock=self.clock)
        self.model = Model(ttl, idle)

    @rule(seconds=st.sampled_from([1, 1, 1, 2, 5, 60, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.model.advance(seconds)

    @rule(key=keys, value=values, ttl=lives, idle=lives, verb=st.sampled_from(["set", "add", "replace", "load"]))
    def store(self, key: Any, value: Any, ttl: Any, idle: Any, verb: str) -> None:
        here, life = key in self.model.entries, options(ttl, idle)
        if verb == "load":
            expected = self.model.read(key) if here else value
            assert self.cache.get_or_load(key, lambda _: value, **life) == expected
        else:
            assert (
                getattr(self.cache, verb)(key, value, **life) is {"set": None, "add": not here, "replace": here}[verb]
            )
        if verb == "set" or here is (verb == "replace"):
            self.model.set(key, value, ttl, idle)

    @rule(key=keys, value=values)
    def store_as_a_mapping(self, key: Any, value: Any) -> None:
        self.cache[key] = value
        self.model.set(key, value)

    @rule(key=keys, value=values)
    def set_default(self, key: Any, value: Any) -> None:
        if key not in self.model.entries:
            self.model.set(key, value)
        assert self.cache.setdefault(key, value) == self.model.read(key)

    @rule(items=st.lists(st.tuples(keys, values), max_size=5), ttl=lives)
    def store_many(self, items: list[tuple[Any, Any]], ttl: Any) -> None:
        self.cache.set_many(items, **options(ttl, MISSING))
        for key, value in items:
            self.model.set(key, value, ttl)

    @rule(key=keys)
    def read(self, key: Any) -> None:
        assert self.cache.get(key, MISSING) == self.model.read(key, MISSING)
        assert outcome(lambda: self.cache[key]) == self.model.read(key, KeyError)

    @rule(wanted=some_keys)
    def read_many(self, wanted: list[Any]) -> None:
        expected = {key: self.model.read(key) for key in wanted if key in self.model.entries}
        assert self.cache.get_many(wanted) == expected

    @rule(wanted=some_keys, loaded=st.dictionaries(keys, values, max_size=5))
    def load_many(self, wanted: list[Any], loaded: dict[Any, Any]) -> None:
        expected = {key: self.model.read(key, loaded.get(key, MISSING)) for key in wanted}
        expected = {key: value for key, value in expected.items() if value is not MISSING}
        assert self.cache.load_many(wanted, lambda _: loaded) == expected
        for key in expected.keys() - self.model.entries.keys():
            self.model.set(key, loaded[key])

    @rule(key=keys, verb=st.sampled_from(["pop", "delete", "expire", "__delitem__"]))
    def take_out(self, key: Any, verb: str) -> None:
        entry = self.model.entries.pop(key, None)
        absent = {"pop": KeyError, "__delitem__": KeyError}.get(verb, False)
        present = {"pop": entry and entry.value, "__delitem__": None}.get(verb, True)
        assert outcome(lambda: getattr(self.cache, verb)(key)) == (absent if entry is None else present)

    @rule(wanted=some_keys, verb=st.sampled_from(["delete_many", "expire_many"]))
    def take_out_many(self, wanted: list[Any], verb: str) -> None:
        before = len(self.model.entries)
        for key in wanted:
            self.model.entries.pop(key, None)
        assert getattr(self.cache, verb)(wanted) == before - len(self.model.entries)

    @rule()
    def take_out_any(self) -> None:
        if not self.model.entries:
            assert outcome(self.cache.popitem) is KeyError
        else:
            key, value = self.cache.popitem()
            assert self.model.entries.pop(key).value == value

    @rule(wanted=some_keys, ttl=lives, idle=lives)
    def touch(self, wanted: list[Any], ttl: Any, idle: Any) -> None:
        here = [key for key in wanted if key in self.model.entries]
        for key in here:
            self.model.touch(key, ttl, idle)
        assert self.cache.touch_many(wanted, **options(ttl, idle)) == len(here)

    @rule(key=keys, delta=st.integers(-3, 3), ttl=lives)
    def count(self, key: Any, delta: int, ttl: Any) -> None:
        entry = self.model.entries.get(key)
        if entry is None:
            self.model.set(key, delta + 7, ttl)
        elif isinstance(entry.value, int) and not isinstance(entry.value, bool):
            self.model.entries[key] = replace(entry, value=entry.value + delta)
        expected = self.model.entries[key].value if type(self.model.entries[key].value) is int else TypeError
        assert outcome(lambda: self.cache.incr(key, delta, initial=7, **options(ttl, MISSING))) == expected

    @rule(how=st.sampled_from(["clear", "sweep", "sweep", "disable"]))
    def tidy(self, how: str) -> None:
        if how == "sweep":
            self.cache.sweep()
            return
        self.model.entries.clear()
        if how == "clear":
            self.cache.clear()
        else:
            self.cache.enabled = False
            self.cache.enabled = True

    @rule()
    def both_are_as_long(self) -> None:
        pairs = self.model.pairs()
        assert len(self.cache) == len(pairs) == self.cache.stats().entries and self.cache == pairs

    @invariant()
    def both_hold_the_same(self) -> None:
        pairs = self.model.pairs()
        assert all((key in self.cache) is (key in pairs) for key in KEYS)
        assert {key: self.cache.peek(key) for key in pairs} == pairs
        walked = [pair for pair in self.cache.items()]  # noqa: C416  # list() would ask for the length, which sweeps
        assert len(walked) == len(pairs) and dict(walked) == pairs


class Bounded(RuleBasedStateMachine):
    """There is never too much, what is there is what the model holds, and what was just set is there."""

    policy: hotset.Policy

    @initialize(size=st.sampled_from([1, 2, 3, 8]), ttl=st.sampled_from([None, 4.5]))
    def begin(self, size: int, ttl: float | None) -> None:
        self.clock, self.model, self.size = ManualClock(), Model(ttl, None), size
        self.cache: Cache[Any, Any] = Cache(maxsize=size, ttl=ttl, policy=self.policy, clock=self.clock)

    @rule(seconds=st.sampled_from([1, 5]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.model.advance(seconds)

    @rule(key=keys, value=values, ttl=lives)
    def store(self, key: Any, value: Any, ttl: Any) -> None:
        self.cache.set(key, value, **options(ttl, MISSING))
        self.model.set(key, value, ttl)
        assert self.cache.peek(key, MISSING) == value

    @rule(key=keys, present=st.booleans(), verb=st.sampled_from(["get", "get", "delete", "touch"]))
    def use(self, key: Any, present: bool, verb: str) -> None:
        if present:
            key = next((held for held in KEYS[KEYS.index(key) :] if held in self.cache), key)
        here, done = key in self.cache, getattr(self.cache, verb)(key)
        if verb == "get":
            assert done == (self.model.read(key) if here else None)
        elif verb == "delete":
            assert done is here
            self.model.entries.pop(key, None)
        elif here:
            self.model.touch(key)

    @rule()
    def take_out_any(self) -> None:
        if len(self.cache):
            key, value = self.cache.popitem()
            assert self.model.entries.pop(key).value == value

    @rule(size=st.sampled_from([0, 1, 4]))
    def resize(self, size: int) -> None:
        self.size = max(size, 1)
        self.cache.resize(maxsize=size)
        assert len(self.cache) <= size
        self.cache.resize(maxsize=self.size)

    @invariant()
    def the_bound_holds_and_nothing_is_made_up(self) -> None:
        pairs = self.model.pairs()
        walked = [pair for pair in self.cache.items()]  # noqa: C416  # as above
        assert len(dict(walked)) == len(walked) <= self.cache.stats().entries <= self.size
        assert all(key in pairs and pairs[key] == value and key in self.cache for key, value in walked)
        assert len(walked) == sum(key in self.cache for key in pairs)


def test_an_unbounded_cache_does_what_the_model_does() -> None:
    run_state_machine_as_test(Unbounded, settings=PROFILE)  # type: ignore[no-untyped-call]  # hypothesis has no types for it


@pytest.mark.parametrize("policy", hotset.POLICIES)
def test_a_bounded_cache_holds_what_the_model_holds_or_less(policy: hotset.Policy) -> None:
    machine = type(f"Bounded{policy}", (Bounded,), {"policy": policy})
    run_state_machine_as_test(machine, settings=PROFILE)  # type: ignore[no-untyped-call]  # as above
