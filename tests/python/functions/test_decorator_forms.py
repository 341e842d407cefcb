"""`@cache_result`: what it can decorate, where, and what it refuses."""

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import hotset
import pytest
from hotset import Cache, CachedCoroutineFunction, CachedFunction, cache_result
from hotset.testing import ManualClock

Decorate = Callable[..., Any]


@pytest.fixture(params=["module", "cache"])
def decorate(request: pytest.FixtureRequest) -> Decorate:
    """The decorator at module level, and the one of a cache."""
    return cache_result if request.param == "module" else Cache("forms").cache_result


@pytest.fixture
def calls() -> list[Any]:
    """What the decorated functions were called with."""
    return []


# What is decorated


def test_a_function_without_parentheses_is_called_once_for_an_argument(decorate: Decorate, calls: list[Any]) -> None:
    @decorate
    def double(x: int) -> int:
        calls.append(x)
        return 2 * x

    assert isinstance(double, CachedFunction)
    assert [double(1), double(1), double(2)] == [2, 2, 4]
    assert calls == [1, 2]


def test_a_function_with_empty_parentheses_is_called_once(decorate: Decorate, calls: list[Any]) -> None:
    @decorate()
    def double(x: int) -> int:
        calls.append(x)
        return 2 * x

    assert isinstance(double, CachedFunction)
    assert [double(1), double(1)] == [2, 2]
    assert calls == [1]


def test_a_function_with_options_is_called_once(decorate: Decorate, calls: list[Any]) -> None:
    @decorate(ttl="30m", typed=False)
    def double(x: float) -> float:
        calls.append(x)
        return 2 * x

    assert [double(1), double(1.0)] == [2, 2]
    assert calls == [1]


def test_a_coroutine_function_is_seen_and_not_asked_for(decorate: Decorate, calls: list[Any]) -> None:
    @decorate
    async def double(x: int) -> int:
        calls.append(x)
        return 2 * x

    async def main() -> list[int]:
        return [await double(1), await double(1), await double(2)]

    assert isinstance(double, CachedCoroutineFunction)
    assert asyncio.run(main()) == [2, 2, 4]
    assert calls == [1, 2]


def test_a_lambda_is_cached(decorate: Decorate, calls: list[Any]) -> None:
    double = decorate(lambda x: calls.append(x) or 2 * x)
    assert [double(3), double(3)] == [6, 6]
    assert calls == [3]


def test_a_partial_is_cached_by_what_it_leaves_open(decorate: Decorate, calls: list[Any]) -> None:
    def power(base: int, exponent: int, offset: int = 0) -> int:
        calls.append((base, exponent, offset))
        return int(base**exponent) + offset

    of_two = decorate(functools.partial(power, 2, offset=1))
    assert [of_two(3), of_two(exponent=3), of_two(3, offset=1)] == [9, 9, 9]
    assert of_two(3, offset=2) == 10
    assert calls == [(2, 3, 1), (2, 3, 2)]


def test_a_partial_of_a_coroutine_function_is_awaited(decorate: Decorate, calls: list[Any]) -> None:
    async def add(a: int, b: int) -> int:
        calls.append((a, b))
        return a + b

    add_one = decorate(functools.partial(add, 1))

    async def main() -> list[int]:
        return [await add_one(2), await add_one(b=2)]

    assert isinstance(add_one, CachedCoroutineFunction)
    assert asyncio.run(main()) == [3, 3]
    assert calls == [(1, 2)]


def test_an_object_that_can_be_called_is_cached(decorate: Decorate, calls: list[Any]) -> None:
    class Doubler:
        def __call__(self, x: int, *, plus: int = 0) -> int:
            calls.append((x, plus))
            return 2 * x + plus

    double = decorate(Doubler())
    assert [double(1), double(x=1), double(1, plus=0), double(1, plus=1)] == [2, 2, 2, 3]
    assert calls == [(1, 0), (1, 1)]


def test_an_object_whose_call_is_a_coroutine_function_is_awaited(decorate: Decorate, calls: list[Any]) -> None:
    class Doubler:
        async def __call__(self, x: int) -> int:
            calls.append(x)
            return 2 * x

    double = decorate(Doubler())

    async def main() -> list[int]:
        return [await double(1), await double(x=1)]

    assert isinstance(double, CachedCoroutineFunction)
    assert asyncio.run(main()) == [2, 2]
    assert calls == [1]


def test_a_bound_method_is_cached_without_its_instance_in_the_call(decorate: Decorate, calls: list[Any]) -> None:
    class Store:
        def load(self, key: str) -> str:
            calls.append(key)
            return key.upper()

    load = decorate(Store().load)
    assert [load("a"), load(key="a")] == ["A", "A"]
    assert calls == ["a"]


def test_a_class_is_cached_as_the_callable_that_it_is(decorate: Decorate) -> None:
    class Point:
        def __init__(self, x: int, y: int = 0) -> None:
            self.place = (x, y)

    point = decorate(Point)
    assert point(1) is point(x=1, y=0)
    assert point(1).place == (1, 0)


@pytest.mark.parametrize(
    ("function", "argument", "result"),
    [(math.factorial, 5, 120), (len, "abc", 3), (str.upper, "abc", "ABC"), (max, (1, 7), 7), (int, "12", 12)],
    ids=["factorial", "len", "str.upper", "max", "int"],
)
def test_a_function_of_the_interpreter_is_cached(
    decorate: Decorate, function: Callable[[Any], Any], argument: Any, result: Any
) -> None:
    cached = decorate(function)
    assert cached(argument) == result
    assert cached(argument) == result
    assert (cached.cache_info().hits, cached.cache_info().misses) == (1, 1)


def test_a_decorated_function_can_be_decorated_again(decorate: Decorate, calls: list[Any]) -> None:
    def double(x: int) -> int:
        calls.append(x)
        return 2 * x

    inner = cache_result(double)
    outer = decorate(inner)
    assert [outer(1), outer(x=1), inner(1)] == [2, 2, 2]
    assert calls == [1]
    assert outer.uncached is inner


def test_a_wrapper_that_takes_anything_is_called_as_what_it_wraps(decorate: Decorate, calls: list[Any]) -> None:
    def load(x: int, y: int = 0) -> int:
        return x + y

    @decorate
    @functools.wraps(load)
    def logged(*args: Any, **kwargs: Any) -> int:
        calls.append((args, kwargs))
        return load(*args, **kwargs)

    assert [logged(1), logged(1, 0), logged(x=1), logged(y=0, x=1)] == [1, 1, 1, 1]
    assert calls == [((1,), {})]


@pytest.mark.parametrize("inside", [True, False], ids=["under", "over"])
def test_a_staticmethod_is_cached_on_either_side_of_the_decorator(
    decorate: Decorate, calls: list[Any], inside: bool
) -> None:
    def double(x: int) -> int:
        calls.append(x)
        return 2 * x

    made = staticmethod(decorate(double)) if inside else decorate(staticmethod(double))
    holder: Any = type("Holder", (), {"double": made})
    assert [holder.double(1), holder().double(1), holder().double(x=1)] == [2, 2, 2]
    assert calls == [1]
    assert holder.double.invalidate(1) is True


@pytest.mark.parametrize("inside", [True, False], ids=["under", "over"])
def test_a_classmethod_is_cached_for_each_class(decorate: Decorate, calls: list[Any], inside: bool) -> None:
    def name(cls: type, x: int) -> str:
        calls.append((cls.__name__, x))
        return f"{cls.__name__}{x}"

    made = classmethod(decorate(name)) if inside else decorate(classmethod(name))
    base: Any = type("Base", (), {"name": made})
    child: Any = type("Child", (base,), {})
    assert [base.name(1), base().name(x=1), child.name(1), child().name(1)] == ["Base1", "Base1", "Child1", "Child1"]
    assert calls == [("Base", 1), ("Child", 1)]


# Whose cache it is


def test_each_function_has_a_cache_of_its_own_at_module_level() -> None:
    @cache_result(maxsize=3)
    def one(x: int) -> int:
        return x

    @cache_result
    def two(x: int) -> int:
        return -x

    assert one.cache is not two.cache
    assert [one(1), two(1)] == [1, -1]
    assert (one.cache_info().maxsize, two.cache_info().maxsize) == (3, 10_000)


def test_functions_on_a_cache_share_it_and_its_ttl(clock: ManualClock) -> None:
    cache: Cache[Any, Any] = Cache("shared", ttl="10s", clock=clock)
    one = cache.cache_result(lambda x: x)
    two = cache.cache_result(ttl="30s")(lambda x: -x)
    assert one.cache is two.cache is cache
    assert [one(1), two(1), one.cache_info().currsize, two.cache_info().currsize] == [1, -1, 1, 1]
    clock.advance("10s")
    assert (one.peek(1), two.peek(1)) == (hotset.MISSING, -1)


# What is refused


def test_a_generator_function_is_refused_with_what_to_write_instead(decorate: Decorate) -> None:
    def lines() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"lines is a generator function.*return list\(\.\.\.\)"):
        decorate(lines)
    with pytest.raises(TypeError, match="generator function"):
        decorate(functools.partial(lines))


def test_an_async_generator_function_is_refused_with_what_to_write_instead(decorate: Decorate) -> None:
    async def lines() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"lines is an async generator function.*\[item async for item in \.\.\.\]"):
        decorate(lines)


@pytest.mark.parametrize("target", [3, "30m", {"ttl": 3}])
def test_what_is_no_function_is_refused(decorate: Decorate, target: object) -> None:
    with pytest.raises(TypeError, match=r"decorates functions, not .*its options are keywords"):
        decorate(target)


def test_a_property_is_refused_and_pointed_to_cached_property(decorate: Decorate) -> None:
    with pytest.raises(TypeError, match=r"cached_property.*@property above it"):
        decorate(property(lambda self: 1))
