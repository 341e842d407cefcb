"""Keys outside the process: what is one key in memory is one there, in every process; what cannot be is refused with its name."""

import dataclasses
import datetime as dt
import enum
import importlib
import os
import pathlib
import subprocess
import sys
import types
import uuid
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import Two
from hotset import Cache
from hotset._tiers.kinds import Heap, Tier


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Text(enum.StrEnum):
    A = "a"


class MyText(str):
    __slots__ = ()


class MyNumber(int):
    pass


NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
IDENTITY = uuid.UUID(int=7)

# Keys of the mapping


@pytest.mark.parametrize(
    "keys",
    [
        [1, True, Number.ONE, MyNumber(1)],
        [0, False],
        ["a", Text.A, MyText("a")],
        [(1, "a"), (True, Text.A), (Number.ONE, MyText("a"))],
        [NOON, NOON.astimezone(ZoneInfo("Asia/Tokyo")), NOON.astimezone(dt.timezone(dt.timedelta(hours=-3)))],
        [IDENTITY, uuid.UUID(str(IDENTITY))],
        [10**30, int("1" + "0" * 30)],
        [dt.date(2026, 1, 1), dt.date.fromisoformat("2026-01-01")],
        ["\ud800", "\ud800"],
    ],
    ids=repr,
)
def test_what_is_equal_in_memory_is_one_key(two: Two, keys: list[Any]) -> None:
    here, there = two(maxsize=0)
    for key in keys:
        here[key] = "set"
        assert [there.get(other) for other in keys] == ["set"] * len(keys)
        assert there.get_many(keys) == {keys[0]: "set"}
        assert there.delete(keys[-1])
        assert [here.get(other) for other in keys] == [None] * len(keys)


def test_what_differs_in_memory_is_another_key(two: Two) -> None:
    here, there = two(maxsize=0)
    keys = [
        *(0, 1, -1, 2**63, -(2**63), 2**64, 10**30, -(10**30)),
        *("", "1", "a", "aa", "i", "\ud800", "\udfff", "é", "e\u0301", b"", b"1", b"a", None),
        *(
            (),
            (1,),
            ((1,),),
            (1, 1),
            ("1",),
            ("a", "a"),
            ("aa",),
            ("aa", ""),
            ("", "aa"),
            (b"a",),
            (None,),
            (None, None),
        ),
        *(IDENTITY, str(IDENTITY), IDENTITY.bytes, IDENTITY.int),
        *(Color.RED, Color.BLUE, "RED", ("Color", "RED")),
        *(NOON, NOON.replace(tzinfo=None), NOON + dt.timedelta(microseconds=1), dt.date(2026, 7, 1), "2026-07-01"),
    ]
    for key in keys:
        here[key] = repr(key)
    assert [there.get(key) for key in keys] == [repr(key) for key in keys]
    assert len({*keys}) == len(keys)


class Plain:
    pass


class Equal:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class OtherText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    "key", [1.5, 1j, Plain(), Equal(), len, (1, 1.5), frozenset({1}), int, ("a", Plain()), OtherText("a")]
)
def test_other_keys_are_refused_and_say_what_to_use(tier: Tier, key: Any) -> None:
    cache = Cache[Any, Any]("keys", tier=tier)
    verbs: list[Callable[[], Any]] = [
        lambda: cache.set(key, 1),
        lambda: cache.get(key),
        lambda: cache.add(key, 1),
        lambda: cache.delete(key),
        lambda: cache.get_or_load(key, lambda _: 1),
        lambda: cache.set_many({key: 1}),
        lambda: cache.get_many([key]),
        lambda: key in cache,
    ]
    for verb in verbs:
        with pytest.raises(TypeError, match=r"cannot be a key of a cache with a tier.* use a str, bytes, an int"):
            verb()
    assert (len(cache), cache._loads_in_progress) == (0, 0)


# Keys of calls


def spelled(function: Any) -> str:
    return repr(function)


def check_calls(two: Two, calls: list[Callable[[Any], Any]], *, same: bool, **options: Any) -> None:
    """Each call on the one side, and which of all are there on the other."""
    here, there = two(maxsize=0)

    def f(a: Any, b: Any = 0, *args: Any, c: Any = None, **kwargs: Any) -> int:
        return 1

    mine, yours = (cache.cache_result(name="f", **options)(f) for cache in (here, there))
    for call in calls:
        mine.cache_clear()
        call(mine)
        hits = there.stats().hits
        for other in calls:
            call_is_there(yours, other)
        expected = len(calls) if same else 1
        assert there.stats().hits - hits == expected, call


def call_is_there(function: Any, call: Callable[[Any], Any]) -> None:
    from hotset import NotCachedError

    try:
        call(function.with_options(only_if_cached=True))
    except NotCachedError:
        pass


def test_position_keyword_and_default_are_one(two: Two) -> None:
    check_calls(
        two,
        [lambda f: f(1), lambda f: f(a=1), lambda f: f(1, 0), lambda f: f(b=0, a=1), lambda f: f(1, 0, c=None)],
        same=True,
    )
    check_calls(two, [lambda f: f(1, x=1, y=2), lambda f: f(y=2, x=1, a=1)], same=True)
    check_calls(two, [lambda f: f({"a": 1, "b": 2}), lambda f: f({"b": 2, "a": 1})], same=True)
    check_calls(
        two, [lambda f: f(1), lambda f: f(1.0), lambda f: f(True), lambda f: f(Number.ONE)], same=True, typed=False
    )
    check_calls(two, [lambda f: f(1, c=5), lambda f: f(1, c=6)], same=True, ignore=["c"])


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Other:
    x: int
    y: int = 0


ARGUMENTS = [
    *(1, 1.0, True, "1", b"1", None, 0, -1, 2**70, 0.0, 1j, Decimal(1), Decimal("1.0"), Fraction(1)),
    *(Color.RED, Number.ONE, Text.A, "a", MyText("a"), Point(1), Point(1, 1), Other(1)),
    *([1], (1,), [1.0], [[1]], {1: 2}, {1, 2}, frozenset({1, 2}), {1: 2.0}, bytearray(b"1"), range(1)),
    *(pathlib.PurePosixPath("a"), pathlib.PurePosixPath("b"), IDENTITY, str(IDENTITY), int, float),
    *(NOON, NOON.replace(tzinfo=None), dt.date(2026, 7, 1), dt.timedelta(1), dt.time(1)),
]


def test_values_of_different_types_are_different_keys(two: Two) -> None:
    here, there = two(maxsize=0)

    def f(a: Any) -> None:
        return None

    mine, yours = (cache.cache_result(name="f")(f) for cache in (here, there))
    for place, argument in enumerate(ARGUMENTS):
        mine.set(place, argument)
    assert [yours.peek(argument) for argument in ARGUMENTS] == [*range(len(ARGUMENTS))]
    numpy = pytest.importorskip("numpy")
    arrays = [numpy.arange(3), numpy.arange(3.0), numpy.arange(3).reshape(3, 1), numpy.int64(1), numpy.float64(1)]
    for place, array in enumerate(arrays):
        mine.set(place, array)
    assert [yours.peek(array.copy()) for array in arrays] == [*range(len(arrays))]


@pytest.mark.parametrize(
    "argument", [Plain(), [Plain()], {"a": Plain()}, object(), lambda: 1, Equal(), iter([]), (1, len)]
)
def test_what_is_only_an_address_is_refused_by_name(tier: Tier, argument: Any) -> None:
    cache = Cache[Any, Any]("calls", tier=tier)

    def f(first: int, second: Any = None, **others: Any) -> int:
        return 1

    loading = cache.cache_result(name="f")(f)

    async def g(first: int, second: Any) -> int:
        return 1

    for call in (
        lambda: loading(1, argument),
        lambda: loading(1, second=argument),
        lambda: loading.set(5, 1, argument),
        lambda: loading.invalidate(1, argument),
        lambda: loading.refresh(1, argument),
        lambda: run(cache.cache_result(name="g")(g)(1, argument)),
    ):
        with pytest.raises(
            TypeError, match=r'its argument "second" cannot be part of a key .*ignore=\["second"\].*key='
        ):
            call()
    with pytest.raises(TypeError, match="kwargs"):
        loading(1, 2, third=argument)
    with pytest.raises(TypeError, match="key="):
        cache.cache_result(name="h", key=lambda value: value)(lambda value: 1)(argument)
    assert loading(1, 2) == 1
    assert cache._loads_in_progress == 0


def run(coroutine: Any) -> Any:
    import asyncio

    async def main() -> Any:
        return await coroutine

    return asyncio.run(main())


def test_a_method_says_that_its_object_is_only_an_address(tier: Tier) -> None:
    cache = Cache[Any, Any]("methods", tier=tier)

    class Account:
        @cache.cache_result(name="balance")
        def balance(self, currency: str) -> int:
            return 1

    with pytest.raises(TypeError, match='its argument "self" cannot be part of a key'):
        Account().balance("EUR")


# In other processes

CHILD = """
import dataclasses, datetime as dt, enum, pathlib, sys, uuid
from decimal import Decimal
import hotset
from hotset import Cache
from hotset._tiers.kinds import Heap

class Log:
    id = 9
    def encode(self, value): return b""
    def decode(self, data): return None

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Point:
    x: object

tier = Heap()
cache = Cache("keys", tier=tier, codec=Log())
@cache.cache_result(name="f")
def f(*args, **kwargs): ...

arguments = [1, 2**80, -1, 1.5, True, None, "text", b"bytes", "\\u00e9", {"b", "a", "c"}, frozenset({1, "x", 2.5}),
    {"b": 1, "a": [2]}, (1, (2, [3])), Color.RED, Point("x"), Decimal("1.50"), pathlib.PurePosixPath("a/b"), 1 + 2j,
    uuid.UUID(int=5), dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), dt.date(2026, 1, 1), range(3), int]
for argument in arguments:
    f(argument); f(1, named=argument)
for key in [1, "text", b"bytes", None, ("a", 1), uuid.UUID(int=5), dt.date(2026, 1, 1), Color.RED, 2**80]:
    cache[key] = 1
print("\\n".join(sorted(key.hex() for key in tier._open().keys())))
"""


def keys_of(interpreter: str, seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [interpreter, "-c", CHILD], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_keys_are_the_same_in_every_process() -> None:
    first, second = keys_of(sys.executable, "1"), keys_of(sys.executable, "2")
    assert first == second
    assert len(first) == 2 * 23 + 9


# Names of functions and caches


def test_functions_without_a_name_of_their_own_are_refused(tier: Tier) -> None:
    cache = Cache[Any, Any]("names", tier=tier)

    def local() -> None: ...

    in_main = types.FunctionType(spelled.__code__, {"__name__": "__main__"})
    in_main.__module__, in_main.__qualname__ = "__main__", "spelled"
    for function in (lambda: 1, local, in_main):
        with pytest.raises(ValueError, match=r"has no name that other processes know it by: .*name="):
            cache.cache_result(function)
        cache.cache_result(name=f"name {id(function)}")(function)
    cache.cache_result(spelled)


def test_two_functions_of_one_name_are_refused_while_both_live(tier: Tier) -> None:
    cache = Cache[Any, Any]("names", tier=tier)
    first = cache.cache_result(name="f")(lambda: 1)
    with pytest.raises(ValueError, match="function 'f' on cache 'names' already"):
        cache.cache_result(name="f")(lambda: 2)
    versioned = cache.cache_result(name="f", version=2)(lambda: 2)
    assert (first(), versioned()) == (1, 2)
    del first
    assert cache.cache_result(name="f")(lambda: 3)() == 1
    assert Cache[Any, Any]("others", tier=tier).cache_result(name="f")(lambda: 4)() == 4


MODULE = """
import test_tier_keys
@test_tier_keys.SHARED.cache_result
def f(number): return 1
"""

SHARED: Cache[Any, Any]


def test_a_module_that_is_loaded_again_replaces_its_functions(
    tier: Tier, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    global SHARED
    SHARED = Cache("reloaded", tier=tier)
    monkeypatch.setitem(sys.modules, "test_tier_keys", sys.modules[__name__])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "once_more.py").write_text(MODULE)
    module = importlib.import_module("once_more")
    monkeypatch.setitem(sys.modules, "once_more", module)
    before = module.f
    assert before(1) == 1
    importlib.reload(module)
    assert module.f is not before
    module.f.set("set", 1)
    assert (before(1), module.f(1)) == ("set", "set")
    module.f.cache_clear()
    assert before(1) == 1
    with pytest.raises(ValueError, match="already"):
        SHARED.cache_result(name="once_more.f")(lambda number: 2)


def test_two_caches_of_one_name_are_refused_while_both_are_in_use(tier: Tier) -> None:
    first = Cache[Any, Any]("name", tier=tier)
    with pytest.raises(ValueError, match=r"cache 'name' in front of this tier already: .*close\(\)"):
        Cache("name", tier=tier)
    Cache("other", tier=tier)
    Cache("name", tier=Heap())
    Cache("name")
    first["k"] = 1
    first.close()
    second = Cache[Any, Any]("name", tier=tier)
    assert second["k"] == 1
    circle = [second]
    circle.append(circle)  # type: ignore[arg-type]  # a circle
    del second, circle
    assert Cache[Any, Any]("name", tier=tier)["k"] == 1


def test_functions_caches_and_the_mapping_never_share_a_key(tier: Tier) -> None:
    cache, other = (Cache[Any, Any](name, tier=tier, maxsize=0) for name in ("a", "ab"))
    functions = [
        cache.cache_result(name="b")(lambda key: 1),
        cache.cache_result(name="b", version="c")(lambda key: 2),
        cache.cache_result(name="b@'d'")(lambda key: 3),
        other.cache_result(name="b")(lambda key: 4),
        other.cache_result(name="")(lambda key: 5),
    ]
    assert [function("k") for function in functions] == [1, 2, 3, 4, 5]
    cache["k"], other["k"] = 6, 7
    assert [function("k") for function in functions] == [1, 2, 3, 4, 5]
    assert (cache["k"], other["k"]) == (6, 7)
    cache.clear()
    assert (other["k"], functions[3].peek("k")) == (7, 4)
