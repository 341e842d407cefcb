"""What one caller asks for: with_options, the same keywords of the cache's verbs, get_entry and explain."""

import asyncio
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hotset import Cache, Entry, LoadTimeoutError, NotCachedError, cache_result, cache_result_many
from hotset._core import Due
from hotset.testing import ManualClock

#: Seconds that nothing here takes unless it hangs.
PATIENCE = 10


class Counter:
    """A loader that returns how often it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.fails = False

    def __call__(self, *_: object) -> int:
        if self.fails:
            raise ConnectionError
        self.calls += 1
        return self.calls


class Face:
    """One way to a value on a caller's terms."""

    def __init__(self, kind: str, clock: ManualClock, **options: Any) -> None:
        self.kind, self.count = kind, Counter()
        self.cache: Cache[Any, Any] = Cache(clock=clock, **options)
        count = self.count

        @self.cache.cache_result(key=lambda _: "f")
        def plain(_: int) -> int:
            return count()

        @self.cache.cache_result(key=lambda _: "a")
        async def awaited(_: int) -> int:
            return count()

        class Owner:
            @self.cache.cache_result
            def method(self) -> int:
                return count()

        self.plain, self.awaited, self.owner = plain, awaited, Owner()
        self.many = cache_result_many(cache=self.cache)(lambda keys: {key: count() for key in keys})

    def __call__(self, **terms: Any) -> Any:
        match self.kind:
            case "function":
                return self.plain.with_options(**terms)(1)
            case "method":
                return self.owner.method.with_options(**terms)()
            case "coroutine function":
                return asyncio.run(self._run(lambda: self.awaited.with_options(**terms)(1)))
            case "get_or_load":
                return self.cache.get_or_load("k", self.count, **terms)
            case "aio":
                return asyncio.run(self._run(lambda: self.cache.aio.get_or_load("k", self._load, **terms)))
            case "load_many":
                return self.cache.load_many(["k"], lambda keys: {key: self.count() for key in keys}, **terms)["k"]
            case _:
                return self.many.with_options(**terms)(["k"])["k"]

    async def _run(self, call: Callable[[], Any]) -> Any:
        return await call()

    async def _load(self, _: object) -> int:
        return self.count()


KINDS = ("function", "method", "coroutine function", "get_or_load", "aio", "load_many", "function of many")
SINGLE = KINDS[:5]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_older_than_max_age_is_loaded_anew(kind: str, clock: ManualClock) -> None:
    face = Face(kind, clock, ttl=100)
    assert [face(), face(max_age=10)] == [1, 1]
    clock.advance(11)
    assert [face(max_age=12), face(max_age=10), face(max_age=10), face(), face(max_age=0)] == [1, 2, 2, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_loads_and_stores_and_bypass_does_neither_look_nor_store(kind: str, clock: ManualClock) -> None:
    face = Face(kind, clock, ttl=100)
    assert [face(), face(refresh=True), face(), face(bypass=True), face()] == [1, 2, 2, 3, 2]


@pytest.mark.parametrize("kind", SINGLE)
def test_only_if_cached_loads_nothing(kind: str, clock: ManualClock) -> None:
    face = Face(kind, clock, ttl=10, grace=100)
    with pytest.raises(NotCachedError, match="only_if_cached"):
        face(only_if_cached=True)
    assert [face(), face(only_if_cached=True)] == [1, 1]
    clock.advance(10)
    with pytest.raises(NotCachedError):
        face(only_if_cached=True)
    assert face(only_if_cached=True, max_stale=5) == 1 and face.count.calls == 1
    face.cache.enabled = False
    with pytest.raises(NotCachedError, match="disabled"):
        face(only_if_cached=True)


@pytest.mark.parametrize("kind", ["load_many", "function of many"])
def test_only_if_cached_leaves_keys_out_of_many(kind: str, clock: ManualClock) -> None:
    with pytest.raises(KeyError):
        Face(kind, clock)(only_if_cached=True)


@pytest.mark.parametrize("kind", KINDS)
def test_max_stale_takes_what_is_not_too_stale_and_nothing_else(kind: str, clock: ManualClock) -> None:
    face = Face(kind, clock, ttl=10, grace=100, soft_timeout=None)
    face()
    clock.advance(14)
    face.count.fails = True
    assert face(max_stale=5) == 1
    clock.advance(6)
    with pytest.raises(ConnectionError):
        face(max_stale=5)
    assert face(max_stale=20) == face() == 1


def test_a_timeout_of_a_caller_is_its_own() -> None:
    begun, released = threading.Event(), threading.Event()

    @cache_result
    def load(key: str) -> str:
        begun.set()
        assert released.wait(PATIENCE)
        return key

    with ThreadPoolExecutor() as pool:
        hasty = pool.submit(load.with_options(timeout=0.02), "k")
        assert begun.wait(PATIENCE)
        patient = pool.submit(load, "k")
        with pytest.raises(LoadTimeoutError, match=r"0\.02 s"):
            hasty.result(PATIENCE)
        assert not patient.done()
        released.set()
        assert patient.result(PATIENCE) == "k" and load.peek("k") == "k"


def test_a_caller_is_kept_and_called_again(clock: ManualClock) -> None:
    face = Face("function", clock)
    young = face.plain.with_options(max_age="10s")
    assert [young(1), young(1)] == [1, 1] and "max_age='10s'" in repr(young)
    clock.advance(11)
    assert young(1) == 2


@pytest.mark.parametrize(
    ("error", "message", "terms"),
    [
        (TypeError, "no option 'maxage': did you mean 'max_age'", {"maxage": 1}),
        (ValueError, "max_age=-1: write", {"max_age": -1}),
        (TypeError, "only_if_cached='no': write True or False", {"only_if_cached": "no"}),
        (ValueError, "give one of them", {"only_if_cached": True, "refresh": True}),
    ],
)
def test_terms_that_make_no_sense_are_told_at_once(error: type[Exception], message: str, terms: dict[str, Any]) -> None:
    f = cache_result(lambda key: key)
    for say in (f.with_options, lambda **terms: Cache().get("k", **terms)):
        with pytest.raises(error, match=message):
            say(**terms)
    with pytest.raises(TypeError, match="keywords only"):
        f.with_options(1)  # type: ignore[call-arg]


def test_get_says_what_will_do_and_never_loads(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, grace=100, refresh_ahead=0.5, clock=clock)
    cache.set("k", 1)
    clock.advance(7)
    assert cache.get("k", max_age=5) is None and cache.get("k", 3, max_age=5) == 3 and cache.get("k", max_age=8) == 1
    clock.advance(7)
    assert cache.get("k") is None and cache.get("k", max_stale=5) == 1 and cache.get("k", max_stale=3) is None
    assert cache.get("k", refresh=True) is None and cache.get("k", bypass=True) is None
    assert cache.stats().loads == 0


def test_who_only_gets_takes_no_refresh_from_others(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, refresh_ahead=0.5, clock=clock)
    cache.set("k", 1)
    clock.advance(6)
    assert cache.get("k", max_age=8) == 1 and cache.get_entry("k") is not None
    assert isinstance(cache._look_up("k"), Due)


def test_an_entry_says_how_its_value_came_about(clock: ManualClock) -> None:
    face = Face("function", clock, ttl=10, grace=100, soft_timeout=None)
    assert face.plain.get_entry(1)[:5] == (1, 0.0, False, "load", None)
    clock.advance(4)
    value, age, stale, source, why, fresh_for = face.plain.get_entry(1)
    assert (value, stale, source, why) == (1, False, "memory", None)
    assert (age, fresh_for) == (pytest.approx(4, abs=0.01), pytest.approx(6, abs=0.01))
    clock.advance(16)
    face.count.fails = True
    entry = face.plain.get_entry(1)
    assert (entry.value, entry.stale, entry.why, entry.source) == (1, True, "load failed", "memory")
    assert (entry.age, entry.fresh_for) == (pytest.approx(20, abs=0.01), pytest.approx(-10, abs=0.01))
    assert face.plain.with_options(max_stale=60).get_entry(1).why == "allowed"
    assert face.plain.with_options(bypass=True).get_entry.__self__ is not None


def test_an_entry_of_what_is_refreshed_or_late_says_so(clock: ManualClock) -> None:
    face = Face("function", clock, ttl=10, grace=100)
    face()
    clock.advance(11)
    assert face.plain.get_entry(1).why == "refreshing"


def test_an_entry_of_a_cache_is_none_without_a_loader_and_a_value(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(clock=clock)
    assert cache.get_entry("k") is None
    loaded = cache.get_entry("k", lambda _: 1)
    assert isinstance(loaded, Entry) and loaded[:4] == (1, 0.0, False, "load")
    assert cache.get_entry("k", bypass=True) is None
    assert asyncio.run(awaited_entry(cache)) == (1, "memory")
    cache.enabled = False
    assert cache.get_entry("k") is None


async def awaited_entry(cache: Cache[str, int]) -> tuple[int, str]:
    async def load(_: str) -> int:
        return 2

    entry = await cache.aio.get_entry("k", load)
    assert entry is not None and await cache.aio.get_entry("x") is None
    return entry.value, entry.source


def test_explain_tells_a_person_what_is_there(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache("prices", ttl=100, grace=50, refresh_ahead=0.5, clock=clock)
    assert str(cache.explain("k")) == "prices['k']: nothing is there"
    cache.set("k", 1, tags=["a", "b"])
    clock.advance(10)
    assert str(cache.explain("k")) == (
        "prices['k']: fresh, stored 10.0 s ago, for another 90.0 s\ntags: a, b\nrefresh: at a hit in 40.0 s or later"
    )
    cache.expire_tags("b")
    clock.advance(5)
    assert str(cache.explain("k")).startswith(
        "prices['k']: stale, stored 15.0 s ago, because of the tag 'b', since 5.0 s, gone in 45.0 s"
    )
    cache.invalidate_tags("a")
    explanation = cache.explain("k")
    assert explanation.standing == "invalidated" and explanation.killed_by == "a"


def test_explain_tells_of_failures_and_of_a_load_in_progress(clock: ManualClock) -> None:
    face = Face("function", clock, ttl=10, grace=100, soft_timeout=None, error_ttl=2)
    face()
    clock.advance(11)
    face.count.fails = True
    face()
    explanation = face.plain.explain(1)
    assert (explanation.failures, explanation.standing) == (1, "stale")
    assert "loads that failed in a row: 1; the next may begin in 2.0 s" in str(explanation)
    seen: list[str] = []

    @cache_result(clock=clock)
    def load(key: str) -> str:
        clock.advance(3)
        seen.append(str(load.explain(key)))
        return key

    load("k")
    assert seen[0].endswith("nothing is there\na load is in progress since 3.0 s")
    with pytest.raises(TypeError, match="fit no call"):
        load.explain()  # type: ignore[call-arg]


def test_what_may_be_stale_is_loaded_anew_in_the_background(clock: ManualClock) -> None:
    landed = threading.Event()
    calls: list[int] = []

    @cache_result(ttl=10, grace=100, soft_timeout=None, clock=clock)
    def load(_: int) -> int:
        calls.append(1)
        if len(calls) == 2:
            landed.set()
        return len(calls)

    load(1)
    clock.advance(15)
    assert load.with_options(max_stale=10, only_if_cached=True)(1) == 1 and not landed.is_set()
    assert load.with_options(max_stale=10)(1) == 1 and landed.wait(PATIENCE)


def test_that_there_is_nothing_has_no_more_grace_than_ttl(clock: ManualClock) -> None:
    found: list[int | None] = [None, 7]
    load = cache_result(ttl=60, grace="1h", negative_ttl=5, clock=clock)(lambda key: found.pop(0))
    assert load("k") is None
    clock.advance(11)
    assert load("k") == 7


def test_a_failure_that_a_stale_value_hides_is_logged_once_until_it_is_over(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "hotset")
    face = Face("function", clock, ttl=10, grace=1000, soft_timeout=None, error_ttl=1)
    face()
    face.count.fails = True
    for _ in range(3):
        clock.advance(20)
        assert face() == 1
    face.count.fails = False
    clock.advance(20)
    assert face() == 2
    # The first one may be of a cache of the same name that failed before.
    failed, recovered = (record.getMessage() for record in caplog.records[-2:])
    assert "failed with ConnectionError at" in failed and "is loaded again" in recovered


def test_entries_that_were_pickled_before_can_be_read() -> None:
    entry = Entry(1, 2.0, False, "load", None, None)
    before = pickle.dumps(entry, 0).replace(b"hotset\n", b"hotset._terms\n")
    assert pickle.loads(before) == pickle.loads(pickle.dumps(entry)) == entry and b"_terms" in before
