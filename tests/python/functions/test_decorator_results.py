"""What happens to results: what is stored, how long, under which tags, and what is only passed on."""

import asyncio
import contextlib
import functools
import io
import logging
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hotset import MISSING, Cache, cache_result, current_load
from hotset.testing import ManualClock


@pytest.fixture
def cache(clock: ManualClock) -> Cache[Any, Any]:
    """A cache that functions share."""
    return Cache("results", clock=clock)


# should_cache and ttl


def test_should_cache_decides_by_the_result(cache: Cache[Any, Any]) -> None:
    calls: list[int] = []

    @cache.cache_result(should_cache=lambda result, seconds: result is not None)
    def find(x: int) -> int | None:
        calls.append(x)
        return x if x > 0 else None

    assert [find(1), find(1), find(0), find(0)] == [1, 1, None, None]
    assert calls == [1, 0, 0]
    assert find.cache_info().currsize == 1


def test_should_cache_is_told_how_long_the_load_took() -> None:
    told: list[tuple[Any, float]] = []

    @cache_result(should_cache=lambda result, seconds: told.append((result, seconds)))
    def spin() -> str:
        return str(sum(range(200_000)))

    assert spin() == spin()
    assert [result for result, _ in told] == [spin.uncached()] * 2
    assert all(isinstance(seconds, float) and 0 < seconds < 60 for _, seconds in told)


@pytest.mark.parametrize("verdict", [1, "yes", [0]])
def test_should_cache_may_say_anything_true(verdict: object) -> None:
    f = cache_result(should_cache=lambda result, seconds: verdict)(lambda: object())
    assert f() is f()


def test_a_ttl_may_depend_on_the_result(clock: ManualClock) -> None:
    @cache_result(ttl=lambda result: result["ttl"], clock=clock)
    def token(ttl: Any) -> dict[str, Any]:
        return {"ttl": ttl}

    short, long, endless = token("10s"), token(60), token(None)
    clock.advance("10s")
    assert [token.peek("10s"), token.peek(60)] == [MISSING, long]
    assert token("10s") is not short
    clock.advance("1h")
    assert [token.peek(60), token.peek(None)] == [MISSING, endless]
    token.set({"ttl": "5s"}, None)
    clock.advance("5s")
    assert token.peek(None) is MISSING


@pytest.mark.parametrize("option", ["ttl", "should_cache", "tags"])
def test_an_option_that_raises_is_heard_and_nothing_is_stored(option: str) -> None:
    hook: dict[str, Any] = {option: lambda *anything: 1 / 0}
    f = cache_result(**hook)(lambda: 1)
    with pytest.raises(ZeroDivisionError):
        f()
    assert f.cache_info().currsize == 0


# Tags


def tags_of(cache: Cache[Any, Any], function: Any, *args: Any, **kwargs: Any) -> set[str]:
    """The tags of the entry of a call."""
    function(*args, **kwargs)
    return set(cache._tags(function.cache_key(*args, **kwargs)) or ())


def test_tags_are_rendered_from_arguments_defaults_included(cache: Cache[Any, Any]) -> None:
    class User:
        id = 7

    @cache.cache_result(tags=["users", "user:{user.id}", "page:{page:03d}", "first:{rest[0]}", "lang:{options[lang]}"])
    def load(user: User, page: int = 1, *rest: str, **options: str) -> None: ...

    tags = {"users", "user:7", "page:002", "first:a", "lang:en"}
    assert tags_of(cache, load, User(), 2, "a", lang="en") == tags


@pytest.mark.parametrize("call", [((1, 2), {}), ((1,), {"b": 2}), ((), {"b": 2, "a": 1}), ((1,), {})])
def test_tags_are_those_of_the_call_in_every_spelling(cache: Cache[Any, Any], call: Any) -> None:
    f = cache.cache_result(tags=["{a}/{b}"])(lambda a, b=2: None)
    assert tags_of(cache, f, *call[0], **call[1]) == {"1/2"}


def test_tags_of_a_method_know_the_instance(cache: Cache[Any, Any]) -> None:
    class Store:
        name = "main"

        @cache.cache_result(tags=["store:{self.name}", "item:{number}"])
        def get(self, number: int) -> int:
            return number

    store = Store()
    assert tags_of(cache, store.get, 7) == {"store:main", "item:7"}


def test_tags_may_be_a_function_of_arguments_and_result(cache: Cache[Any, Any]) -> None:
    by_arguments = cache.cache_result(tags=lambda x, y=0: [f"{x}+{y}"])(lambda x, y=0: x + y)
    by_result = cache.cache_result(tags=lambda x, *, result: (f"{x}={name}" for name in result))(lambda x: ["a", "b"])
    assert tags_of(cache, by_arguments, 1, y=2) == {"1+2"}
    assert tags_of(cache, by_result, 1) == {"1=a", "1=b"}


def test_tags_are_rendered_by_set_and_refresh_too(cache: Cache[Any, Any]) -> None:
    f = cache.cache_result(tags=lambda x, *, result: [f"x:{x}", f"result:{result}"])(lambda x: "loaded")
    f.set("given", 1)
    assert set(cache._tags(f.cache_key(1))) == {"x:1", "result:given"}
    f.refresh(1)
    assert set(cache._tags(f.cache_key(1))) == {"x:1", "result:loaded"}


@pytest.mark.parametrize(
    ("tags", "error", "text"),
    [
        ("user:{user_id}", TypeError, r"write a list, as in tags=\['user:\{user_id\}'\]"),
        (["user:{id}"], ValueError, "names 'id', but .*load has only user_id, page"),
        (["user:{}"], ValueError, "names '', but"),
        (["user:{0}"], ValueError, "names '0', but"),
        (["user:{user_id"], ValueError, r"the tag template 'user:\{user_id' is damaged"),
        (["user", 3], TypeError, "tags=3: write names or templates"),
        (3, TypeError, "tags|iterable"),
    ],
    ids=str,
)
def test_tags_that_make_no_sense_are_refused_at_decoration(tags: Any, error: type[Exception], text: str) -> None:
    def load(user_id: int, page: int = 1) -> None: ...

    with pytest.raises(error, match=text):
        cache_result(tags=tags)(load)


@pytest.mark.parametrize("answer", ["user:7", 3, [3], None], ids=repr)
def test_a_tag_function_that_gives_no_list_of_names_raises(answer: Any) -> None:
    f = cache_result(tags=lambda: answer)(lambda: 1)
    with pytest.raises((TypeError, ValueError), match=r"tags|iterable"):
        f()


# Results that can be read only once


def _give(value: object) -> object:
    return value


async def _nothing() -> None: ...


async def _numbers() -> AsyncIterator[int]:
    yield 1


def _generator() -> Iterator[int]:
    yield 1


READ_ONCE: dict[str, Callable[[], Any]] = {
    "iterator": lambda: iter([1]),
    "generator": _generator,
    "map": lambda: map(str, [1]),
    "open file": lambda: Path(__file__).open(encoding="utf-8"),  # noqa: SIM115  # the point of it
    "binary file": lambda: Path(__file__).open("rb", buffering=0),  # noqa: SIM115
    "temporary file": lambda: tempfile.TemporaryFile(),  # noqa: SIM115
    "named temporary file": lambda: tempfile.NamedTemporaryFile(),  # noqa: SIM115
    "buffer": lambda: io.BytesIO(b"1"),
    "coroutine": lambda: _nothing(),
    "async generator": lambda: _numbers(),
}


@pytest.mark.parametrize("make", [lambda make=make: make() for make in READ_ONCE.values()], ids=list(READ_ONCE))
def test_what_can_be_read_once_is_returned_not_stored_and_warned_of_once(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Any] = []
    f = cache_result(name="the.function")(lambda: made.append(make()) or made[-1])
    with caplog.at_level(logging.WARNING, "hotset"), contextlib.ExitStack() as stack:
        results = [f(), f(), f()]
        for result in made:
            stack.callback(getattr(result, "close", int))
    assert results == made
    assert len({id(result) for result in made}) == 3
    assert f.cache_info().currsize == 0
    [record] = [record for record in caplog.records if record.name == "hotset"]
    text = record.getMessage()
    assert "the.function() returned a " in text
    assert type(made[0]).__qualname__ in text
    assert "not cached" in text


def test_each_function_warns_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    for function in [cache_result(lambda: iter("a")), cache_result(lambda: iter("b"))]:
        function()
        function()
    assert len(caplog.records) == 2


def test_what_can_be_read_often_is_stored_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    listing = type("Listing", (), {"__iter__": lambda self: iter("a")})()
    for value in ([1], range(3), {1: 2}.items(), "text", Path(), _generator, listing):
        f = cache_result(functools.partial(_give, value))
        assert f() is f() is value
        assert f.cache_info().hits == 1
    assert caplog.records == []


# Exceptions, recursion, threads


def test_an_exception_propagates_and_the_next_caller_tries_again() -> None:
    calls: list[int] = []

    @cache_result
    def load(x: int) -> int:
        calls.append(x)
        if len(calls) < 3:
            raise KeyError(x)
        return x

    for _ in range(2):
        with pytest.raises(KeyError) as raised:
            load(1)
        assert raised.traceback[-1].name == "load"
    assert [load(1), load(1), len(calls)] == [1, 1, 3]


def test_a_recursive_function_uses_its_own_results() -> None:
    calls: list[int] = []

    @cache_result
    def fibonacci(n: int) -> int:
        calls.append(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(80) == 23416728348467685
    assert sorted(calls) == list(range(81))


def test_a_recursion_without_end_is_a_recursion_error() -> None:
    @cache_result
    def deeper(n: int) -> int:
        return int(deeper(n + 1))

    before = sys.getrecursionlimit()
    with pytest.raises(RecursionError):
        deeper(0)
    assert sys.getrecursionlimit() == before
    assert deeper.cache_info().currsize == 0


def test_a_function_may_use_its_own_verbs_while_it_runs() -> None:
    @cache_result
    def f(x: int) -> int:
        f.set(-1, x)
        assert f(x) == f.peek(x) == -1
        f.invalidate(x)
        f.cache_clear()
        f.set(-2, x + 1)
        return x

    assert [f(1), f(1), f.peek(2)] == [1, 1, -2]


def test_an_argument_may_use_the_cache_while_it_is_hashed_and_compared() -> None:
    class Busy:
        def __hash__(self) -> int:
            return hash(f(0)) * 0

        def __eq__(self, other: object) -> bool:
            f.invalidate(0)
            f.cache_info()
            return isinstance(other, Busy)

    f = cache_result(lambda x: object())
    assert f(Busy()) is f(Busy())
    assert f.cache_info().currsize >= 1


def test_many_threads_get_the_results_of_their_own_arguments() -> None:
    @cache_result(maxsize=50)
    def double(x: int) -> list[int]:
        return [2 * x]

    wrong: list[int] = []

    def work(seed: int) -> None:
        for step in range(5_000):
            x = seed * step * 7919 % 100
            if double(x) != [2 * x]:
                wrong.append(x)
            if step % 100 == 0:
                double.invalidate(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert double.cache_info().hits > 1_000
    assert double.cache_info().currsize <= 50


# A ttl that is over when it is known


@pytest.mark.parametrize(
    "left", [0, -30, -0.5, timedelta(0), timedelta(seconds=-1), timedelta(days=-1, hours=23)], ids=repr
)
@pytest.mark.parametrize("options", [{}, {"timeout": 60}, {"cache_errors": KeyError}], ids=str)
def test_a_result_that_is_over_already_is_given_and_not_stored(left: Any, options: dict[str, Any]) -> None:
    calls: list[int] = []

    @cache_result(ttl=lambda _: left, **options)
    def token(number: int) -> int:
        calls.append(number)
        return number

    assert token(1) == token(1) == 1 and calls == [1, 1] and len(token.cache) == 0

    @cache_result(**options)
    def said(number: int) -> int:
        current_load().set_ttl(left)
        return number

    assert said(1) == said(1) == 1 and len(said.cache) == 0


def test_so_it_is_for_coroutines_keys_and_who_joins() -> None:
    @cache_result(ttl=lambda _: -1)
    async def token(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def main() -> list[int]:
        return await asyncio.gather(token(1), token(1))

    assert asyncio.run(main()) == [1, 1] and len(token.cache) == 0
    cache: Cache[str, int] = Cache()

    def load(_key: str) -> int:
        current_load().set_ttl(0)
        return 5

    assert cache.get_or_load("k", load) == 5 and len(cache) == 0


def test_to_set_what_is_over_already_forgets_what_was_there() -> None:
    left = [10, 0]
    f = cache_result(ttl=lambda _: left.pop(0))(lambda number: number)
    assert f(1) == 1 == f.peek(1)
    f.set(2, 1)
    assert f.peek(1) is MISSING


def test_a_ttl_that_was_written_down_is_above_0() -> None:
    for ttl in (0, -1, timedelta(0)):
        with pytest.raises(ValueError, match="above 0"):
            cache_result(ttl=ttl)(len)
