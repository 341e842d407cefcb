"""Lives end when their time has come, no verb returns what is over, and its memory is given back."""

import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hotset import MISSING, Cache
from hotset.testing import ManualClock

Verb = Callable[[Cache[str, Any]], object]
MILLISECOND = 0.001
Value = type("Value", (), {"__doc__": "Something that can be weakly referenced."})


@pytest.fixture(params=["adaptive", "lirs", "random"])  # one of each kind
def cache(request: pytest.FixtureRequest, clock: ManualClock) -> Cache[Any, Any]:
    return Cache("time", maxsize=1000, policy=request.param, clock=clock)


def lives_exactly(cache: Cache[Any, Any], key: object, seconds: float, clock: ManualClock) -> bool:
    """Whether an entry is there until that time has passed, and no longer."""
    clock.advance(seconds - MILLISECOND)
    before = key in cache
    clock.advance(2 * MILLISECOND)
    return before and key not in cache


# Ends of life


FORMATS = [("90s", 90), ("1h30m", 5400), ("1h 30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("2d", 172_800), (90, 90)]
FORMATS += [(0.25, 0.25), (timedelta(minutes=2, milliseconds=500), 120.5), (timedelta(days=400), 34_560_000)]


@pytest.mark.parametrize(("ttl", "seconds"), FORMATS, ids=str)
def test_every_way_to_write_a_duration(ttl: Any, seconds: float, clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=ttl, clock=clock)
    cache["of the cache"] = 1
    assert cache.ttl == pytest.approx(seconds, abs=MILLISECOND) and lives_exactly(cache, "of the cache", seconds, clock)
    cache.set("its own", 1, ttl=ttl, idle=None)
    assert lives_exactly(cache, "its own", seconds, clock)
    cache.set("idle", 1, ttl=None, idle=ttl)
    assert lives_exactly(cache, "idle", seconds, clock)


@pytest.mark.parametrize("argument", ["ttl", "idle"])
@pytest.mark.parametrize(
    ("duration", "error", "message"),
    [
        (0, ValueError, '=0: write "90s", "30m", "1h30m", a number of seconds above 0, a timedelta, or None for'),
        (-1, ValueError, '=-1: write "90s"'),
        (float("nan"), ValueError, '=nan: write "90s"'),
        (float("inf"), ValueError, '=inf: write "90s"'),
        (10**400, ValueError, "=1000"),
        (timedelta.max, ValueError, '=999999999 days, 23:59:59.999999: write "90s"'),
        (True, TypeError, '=True: write "90s"'),
        ([], TypeError, '=[]: write "90s"'),
        ("5 parsecs", ValueError, ': "5 parsecs" is not a duration (units are w d h m s ms us): write for example'),
        ("90", ValueError, ': "90" is not a duration (a unit is missing)'),
        ("30m1h", ValueError, ': "30m1h" is not a duration (units go from long to short, each once)'),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_duration_is_refused_by_name(
    argument: str, duration: Any, error: type[Exception], message: str
) -> None:
    cache: Cache[str, int] = Cache()
    for verb in (Cache, lambda **options: cache.set("k", 1, **options), lambda **options: cache.touch("k", **options)):
        with pytest.raises(error) as raised:
            verb(**{argument: duration})
        assert str(raised.value).startswith(argument + message)
    assert cache == {}


def test_a_life_ends_at_the_moment_its_time_has_come_however_the_clock_got_there(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, clock=clock)
    cache["k"] = 1
    for _ in range(10):
        assert "k" in cache
        clock.advance(1)
    assert "k" not in cache and clock.elapsed == 10 and cache.ttl == 10


def test_the_ttl_of_an_entry_counts_more_than_that_of_the_cache(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, clock=clock)
    cache.set_many({"shorter": 1}, ttl=5)
    cache.add("longer", 1, ttl=20)
    cache.update(usual=1, replaced=1, again=1)
    cache.set("endless", 1, ttl=None)
    cache.replace("replaced", 1, ttl=30)
    clock.advance(6)
    cache["again"] = 2
    seen = []
    for _ in range(4):
        seen.append("".join(sorted(key[0] for key in cache)))
        clock.advance(5.1)
    assert seen == ["aelru", "aelr", "elr", "er"] and len(cache) == 2


def test_reads_put_off_the_end_of_what_is_idle_and_looks_do_not(cache: Cache[Any, Any], clock: ManualClock) -> None:
    reads: list[Callable[[str], object]] = [cache.get, cache.__getitem__, lambda k: cache.get_many([k])]
    reads += [
        lambda k: cache.get_or_load(k, len),
        lambda k: cache.load_many([k], dict),
        lambda k: cache.touch(k, idle=10),
    ]
    looks: list[Callable[[str], object]] = [cache.peek, cache.__contains__, lambda _: list(cache.items())]
    for use in reads + looks:
        cache.set("k", 1, idle=10)
        clock.advance(6)
        use("k")
        clock.advance(6)
        assert ("k" in cache) is (use in reads)


def test_an_entry_ends_with_its_ttl_however_often_it_is_read(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache.set("k", 1, ttl=30, idle=10)
    for _ in range(5):
        clock.advance(5.9)
        assert cache.get("k") == 1
    clock.advance(0.6)
    assert cache.get("k") is None


def test_touch_gives_a_new_life(clock: ManualClock) -> None:
    cache: Cache[str, int] = Cache(ttl=10, clock=clock)
    cache.update(usual=1, longer=1, shorter=1, endless=1, untouched=1)
    clock.advance(8)
    assert cache.touch("usual") and cache.touch("longer", ttl=20) and cache.touch("shorter", ttl=1)
    assert cache.touch("endless", ttl=None) and not cache.touch("absent")
    seen = []
    for _ in range(4):
        clock.advance(6)
        seen.append("".join(sorted(key[0] for key in cache)))
    assert seen == ["elu", "el", "el", "e"]


def test_jitter_shortens_lives_by_a_random_part(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache = Cache(ttl=100, jitter=0.5, policy=cache.policy, clock=clock)
    cache.set_many((number, number) for number in range(1000))
    left = []
    for step in (49.9, 12.6, 12.5, 12.5, 12.6):
        clock.advance(step)
        left.append(len(cache))
    assert left[0] == 1000 and left[-1] == 0
    assert 650 < left[1] < 850 and 400 < left[2] < 600 and 150 < left[3] < 350


def test_a_very_long_and_a_very_short_life(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache.set("century", 1, ttl=timedelta(days=36_525))
    cache.set("millennia", 1, ttl="15000w")
    cache.set("instant", 1, ttl=timedelta(microseconds=1))
    assert len(cache) == 3 and cache["instant"] == 1
    clock.advance("20us")
    assert "instant" not in cache
    clock.advance(timedelta(days=36_524))
    assert set(cache) == {"century", "millennia"}
    clock.advance("1d")
    assert set(cache) == {"millennia"}


def test_the_clock_of_the_system_ends_lives_too() -> None:
    cache: Cache[str, int] = Cache(ttl=timedelta(microseconds=1))
    cache["k"] = 1
    assert any("k" not in cache for _ in range(10**7)) and cache.get("k") is None and len(cache) == 0


# What is over is not there


def raises_key_error(call: Callable[..., object], *arguments: object) -> bool:
    with pytest.raises(KeyError):
        call(*arguments)
    return True


ABSENT: dict[str, tuple[Verb, object]] = {
    "get": (lambda c: (c.get("k"), c.get("k", 3), c.peek("k"), "k" in c), (None, 3, None, False)),
    "pop": (lambda c: (c.pop("k", 3), c.delete("k")), (3, False)),
    "touch": (lambda c: (c.touch("k"), c.expire("k"), c.replace("k", 2)), (False, False, False)),
    "add": (lambda c: (c.add("k", 2), c["k"]), (True, 2)),
    "setdefault": (lambda c: c.setdefault("k", 2), 2),
    "incr": (lambda c: c.incr("k"), 1),
    "load": (lambda c: (c.get_or_load("k", len), c.load_many("j", lambda keys: {"j": 2})), (1, {"j": 2})),
    "many": (lambda c: (c.get_many("jk"), c.delete_many("jk"), c.touch_many("jk"), c.expire_many("jk")), ({}, 0, 0, 0)),
    "len": (lambda c: (len(c), bool(c), c == {}, c.sweep()), (0, False, True, 0)),
    "keys": (lambda c: (list(c), list(c.keys()), "k" in c.keys()), ([], [], False)),  # noqa: SIM118  # the view
    "views": (lambda c: (list(c.items()), list(c.values()), 1 in c.values()), ([], [], False)),
    "popitem": (lambda c: raises_key_error(c.popitem), True),
    "items": (lambda c: (raises_key_error(c.__getitem__, "k"), raises_key_error(c.__delitem__, "k")), (True, True)),
    "repr": (lambda c: "0 entries" in repr(c), True),
}


@pytest.mark.parametrize("verb", ABSENT)
def test_no_verb_shows_what_is_over(cache: Cache[Any, Any], clock: ManualClock, verb: str) -> None:
    cache.set("k", 1, ttl=10)
    cache.set("j", 1, idle=10)
    cache.get("j")
    clock.advance(10)
    call, expected = ABSENT[verb]
    assert call(cache) == expected
    assert cache.stats().expired in (1, 2) or len(cache) == 0


def test_a_walk_shows_no_entry_whose_time_came_meanwhile(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache.set_many(((number, number) for number in range(10)), ttl=10)
    walk = iter(cache)
    assert next(walk) in range(10)
    clock.advance(10)
    assert [key for key in walk] == []  # noqa: C416  # list() would ask for the length, which sweeps


def test_sweep_takes_out_what_is_over_and_says_how_many(cache: Cache[Any, Any], clock: ManualClock) -> None:
    cache.set_many(((number, Value()) for number in range(300)), ttl=10)
    cache.set_many(((-number, Value()) for number in range(1, 6)), ttl=11)
    values = [weakref.ref(value) for value in cache.values()]
    assert cache.sweep() == 0
    clock.advance(10)
    assert cache.sweep() == 300 and sum(value() is not None for value in values) == 5 and cache.sweep() == 0
    assert cache.stats().expired == 300 and cache.stats().entries == 5


USES: dict[str, Verb] = {
    "hits": lambda c: c.get("other"),
    "misses": lambda c: c.get("absent"),
    "writes": lambda c: c.set("other", 1),
    "new keys": lambda c: c.set(str(c.stats().requests + c.stats().entries), None),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("life", ["ttl", "idle"])
def test_memory_is_given_back_by_use_of_other_keys(
    cache: Cache[Any, Any], clock: ManualClock, life: str, use: str
) -> None:
    cache["other"] = 1
    for number in range(500):
        cache.set(number, Value(), **{life: 5 + number / 100})
    values = [weakref.ref(cache.peek(number)) for number in range(500)]
    clock.advance(60)
    for _ in range(100):
        USES[use](cache)
    assert sum(value() is not None for value in values) == 0 and cache.stats().expired == 500


def test_a_class_of_values_has_a_ttl_by_its_name(clock: ManualClock) -> None:
    cache: Cache[str, Any] = Cache(ttls={"profile": "1h", "price": 60}, clock=clock)
    cache.set("a", 1, ttl="profile")
    cache.set("b", 2, ttl="price")
    cache.set("c", 3, ttl="5s")
    prices = cache.cache_result(ttl="price")(lambda key: key)
    by_result = cache.cache_result(ttl=lambda result: "price" if result else "profile")(bool)
    prices("x"), by_result(0)
    clock.advance(61)
    assert sorted(key for key in cache if isinstance(key, str)) == ["a"]
    assert prices.peek("x") is MISSING and by_result.peek(0) is False
    assert cache.copy()._ttls == {"profile": "1h", "price": 60}


def test_a_class_of_values_that_is_none_is_told_which_there_are() -> None:
    cache: Cache[str, int] = Cache(ttls={"profile": "1h"})
    with pytest.raises(ValueError, match="or one of the ttls of the cache: profile"):
        cache.set("k", 1, ttl="profil")
    for ttls, message in (({"5m": 1}, "is a duration"), ({"x": -1}, r'ttls\["x"\]=-1'), ({3: 1}, "a text as its name")):
        with pytest.raises((TypeError, ValueError), match=message):
            Cache(ttls=ttls)  # type: ignore[arg-type]
