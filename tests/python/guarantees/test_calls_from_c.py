"""What C code does with functions and awaitables, which interpreted code does not."""

from warm import run

PRELUDE = """
import functools, gc, itertools, operator, sys, threading, types, weakref
import hotset
from hotset import cache_result

none = cache_result(lambda: "none")
one = cache_result(lambda number: number * 2)
two = cache_result(lambda number, text="t": (number, text))
many = cache_result(lambda *args, **kwargs: (args, kwargs))

@cache_result
async def coroutine(value): return value

def end_of(awaitable):
    try: awaitable.send(None)
    except StopIteration as stop: return stop
"""


def test_functions_are_called_in_every_way_that_c_knows() -> None:
    run(
        PRELUDE
        + """
for _ in range(3):
    assert next(iter(none, object())) == "none" and weakref.finalize(one.uncached, none)() == "none"
    assert list(map(one, range(3))) == [0, 2, 4] and list(map(two, [1], "x")) == [(1, "x")]
    assert sorted([3, 1, 2], key=one) == [1, 2, 3] and max([1, 2], key=one) == 2
    assert functools.partial(two, text="p")(1) == (1, "p") == functools.partial(two, 1)(text="p")
    assert functools.reduce(two, [1, 2]) == (1, 2) and list(itertools.starmap(two, [(1, "s")])) == [(1, "s")]
    assert operator.call(none) == "none" and two(*[1], **{"text": "k"}) == (1, "k") == two(**{"number": 1, "text": "k"})
    assert many() == ((), {}) and many(*range(20), **{f"k{n}": n for n in range(20)})[0] == tuple(range(20))
    assert type(one).__call__(one, 4) == 8 and none.__call__() == "none" and one.__get__(5)() == 10
    assert none.peek() == "none" and none.invalidate() is True and none.set("other") is None and none() == "other"
    none.cache_clear()
    for call in (lambda: one(), lambda: one(1, 2), lambda: one(other=1), lambda: two(1, number=1), lambda: none(1), lambda: one.set()):
        try: call()
        except TypeError: pass
        else: raise AssertionError
    names = ["".join(["num", "ber"]), "number"]
    assert one(**{names[0]: 7}) == one(**{names[1]: 7}) == 14
print("done")
""",
        debug_malloc=True,
    )


def test_what_ends_an_awaitable_is_what_ends_a_coroutine() -> None:
    run(
        PRELUDE
        + """
class Own(Exception): pass

async def plain(value): return value

for value in (1, None, "text", (1, 2), (), StopIteration(5), Own("x"), [1], StopIteration, KeyError):
    end_of(coroutine(value))
    ready, expected = end_of(coroutine(value)), end_of(plain(value))
    assert ready.value is value and expected.value is value
    assert isinstance(ready, StopIteration) and ready.args == expected.args, (ready.args, expected.args)
    assert str(ready) == str(expected) and repr(ready) == repr(expected), (repr(ready), repr(expected))
    assert ready.__context__ is None and ready.__cause__ is None and gc.is_tracked(ready) == gc.is_tracked(expected)
print("done")
"""
    )


def test_the_end_of_one_awaitable_knows_nothing_of_another() -> None:
    run(
        PRELUDE
        + """
first, second = object(), object()
end_of(coroutine(first)), end_of(coroutine(second))
for _ in range(5):
    stop = end_of(coroutine(first))
    other = end_of(coroutine(second))
    assert stop is not other and stop.value is first and other.value is second
    stop.args, stop.note, stop.__cause__, stop.__context__ = ("secret",), "secret", KeyError("secret"), KeyError("secret")
    stop.add_note("secret")
    stop = stop.with_traceback(None)
    del stop, other
    stop = end_of(coroutine(first))
    assert stop.args in ((first,), ()) and stop.value is first and not hasattr(stop, "__notes__") and not hasattr(stop, "note")
    assert stop.__cause__ is stop.__context__ is None and stop.__suppress_context__ is False
    del stop

class Resurrected:
    def __del__(self): saved.append(end_of(coroutine(first)).value)

saved = []
for _ in range(5):
    stop = end_of(coroutine(second))
    stop.thing = Resurrected()
    stop.value = Resurrected()
    del stop
assert saved == [first] * 10
print("done")
""",
        debug_malloc=True,
    )


def test_tasks_of_asyncio_take_either_awaitable() -> None:
    run(
        PRELUDE
        + """
import asyncio

async def main():
    loop = asyncio.get_running_loop()
    for value in (1, None, (1, 2), StopIteration, KeyError("k")):
        for _ in range(2):
            assert await coroutine(value) is value
            assert await asyncio.create_task(coroutine(value)) is value
            assert (await asyncio.gather(coroutine(value), coroutine(value)))[1] is value
            assert await asyncio.wait_for(coroutine(value), 5) is value
        await coroutine.invalidate(value)
        assert await asyncio.shield(asyncio.ensure_future(coroutine(value))) is value
    task = asyncio.create_task(coroutine(1))
    task.cancel()
    try: await task
    except asyncio.CancelledError: pass
    else: raise AssertionError("a cancelled task went on")
    generator = (await coroutine(number) for number in range(3))
    assert [value async for value in generator] == [0, 1, 2]

asyncio.run(main())
print("done")
"""
    )
