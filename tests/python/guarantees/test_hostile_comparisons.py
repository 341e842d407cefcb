"""What comes of a lookup whose `__hash__` or `__eq__` interferes: the value that was asked for, or the error, unchanged."""

import pytest
from warm import run

KINDS = ["mapping", "one", "two", "method", "async"]

CHANGES = """
import sys
from hotset import MISSING
from hostile import *

world = World(sys.argv[1], "eq")
face = world.face

def during_comparison(action):
    world.cache.clear()
    world.fill("a")
    trap.arm("eq", action)

during_comparison(lambda stored: face.forget(stored))
assert face.peek(Key("a")) is MISSING and len(world.cache) == 0 and trap.sprung == 1

during_comparison(lambda stored: face.forget(stored))
loaded = face.load(Key("a"))
assert loaded.name == "a" and face.peek(Key("a")) is loaded and len(world.cache) == 1

newer = Value("a")
during_comparison(lambda stored: face.set(stored, newer))
assert face.load(Key("a")) is newer and len(world.cache) == 1

during_comparison(lambda stored: world.cache.clear())
assert face.forget(Key("a")) is False and len(world.cache) == 0

during_comparison(lambda stored: world.cache.clear())
mine = Value("a")
face.set(Key("a"), mine)
assert face.peek(Key("a")) is mine and len(world.cache) == 1

def replace_by_another(stored):
    face.forget(stored)
    face.set(Key("b"), Value("b"))

during_comparison(replace_by_another)
assert face.peek(Key("a")) is MISSING and face.peek(Key("b")).name == "b" and len(world.cache) == 1

during_comparison(replace_by_another)
face.set(Key("a"), mine)
assert face.peek(Key("a")) is mine and face.peek(Key("b")).name == "b" and len(world.cache) == 2

during_comparison(lambda stored: world.cache.resize(maxsize=0))
assert face.load(Key("a")).name == "a" and len(world.cache) == 0
print("done")
"""

ERRORS = """
import sys
from hostile import *

class Mine(TypeError): pass

kind, error = sys.argv[1], {"ValueError": ValueError, "TypeError": TypeError, "own TypeError": Mine,
                            "KeyError": KeyError, "AttributeError": AttributeError, "StopIteration": StopIteration,
                            "KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit}[sys.argv[3]]
source = sys.argv[2]
raised = error("mine")

def fail(_):
    raise raised

world = World(kind, source)
face = world.face
for operation in (face.load, face.peek, face.forget, face.refresh, lambda key: face.set(key, Value("a"))):
    world.cache.clear()
    world.fill("a")
    trap.arm(source, fail)
    try:
        operation(Key("a"))
    except BaseException as caught:
        assert caught is raised, f"{caught!r} was raised instead of {raised!r}"
        assert caught.__cause__ is None
    else:
        raise AssertionError("the error was lost")
    finally:
        trap.action = None
        trap.sprung = 0
    assert face.peek(Key("a")).name == "a" and len(world.cache) == 1
print("done")
"""


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_may_change_while_it_is_compared(kind: str) -> None:
    run(CHANGES, kind)


@pytest.mark.parametrize("error", ["ValueError", "KeyError", "AttributeError", "KeyboardInterrupt", "SystemExit"])
@pytest.mark.parametrize("source", ["hash", "eq"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_key_raises_comes_out_unchanged(kind: str, source: str, error: str) -> None:
    run(ERRORS, kind, source, error)


@pytest.mark.parametrize("error", ["TypeError", "own TypeError"])
@pytest.mark.parametrize("source", ["hash", "eq"])
@pytest.mark.parametrize("kind", ["mapping", "one", "async"])
def test_a_type_error_of_a_key_comes_out_unchanged(kind: str, source: str, error: str) -> None:
    run(ERRORS, kind, source, error)


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_keys_may_have_one_hash(kind: str) -> None:
    run(
        """
        import sys
        from hotset import MISSING
        from hostile import *

        world = World(sys.argv[1], "none")
        world.cache.resize(maxsize=200)
        names = [str(number) for number in range(100)]
        world.fill(*names)
        values = {name: world.face.peek(Key(name)) for name in names}
        lost = [name for name, value in values.items() if value is MISSING or value.name != name]
        assert len(world.cache) == 100 and not lost, f"{len(lost)} keys are not found: {lost}"
        before = world.cache.stats().loads
        assert all(world.face.load(Key(name)) is values[name] for name in names)
        assert world.cache.stats().loads == before
        print("done")
        """,
        kind,
    )


def test_a_key_that_is_always_replaced_ends_a_read_as_a_miss_and_a_write_when_it_stops() -> None:
    run(
        """
        from hotset import Cache, MISSING

        class Restless:
            compared, limit = 0, 0
            def __hash__(self): return 1
            def __eq__(self, other):
                if Restless.compared < Restless.limit:
                    Restless.compared += 1
                    limit, Restless.limit = Restless.limit, 0
                    cache.clear()
                    cache[Restless()] = "another"
                    Restless.limit = limit
                return False

        cache = Cache()
        for limit, ends in ((10, False), (30_000, True)):
            cache.clear()
            cache[Restless()] = "first"
            Restless.compared, Restless.limit = 0, limit
            assert cache.get(Restless(), MISSING) is MISSING
            assert not ends or Restless.compared < limit, "a read went on as long as it was disturbed"
            Restless.compared, Restless.limit = 0, min(limit, 1_000)
            mine = Restless()
            cache[mine] = "mine"
            assert Restless.compared == min(limit, 1_000)
            Restless.limit = 0
            assert cache[mine] == "mine" and len(cache) == 2
        print("done")
        """
    )


@pytest.mark.parametrize("container", ["dict", "set", "list"])
def test_an_argument_that_changes_while_it_is_keyed_raises_an_ordinary_error_or_none(container: str) -> None:
    run(
        """
        import sys
        import hotset

        class Restless:
            armed = False
            def __eq__(self, other): return self is other
            def __hash__(self):
                if Restless.armed: change()
                return 1

        kind = sys.argv[1]
        argument = {"dict": dict, "set": set, "list": list}[kind]([(Restless(), 1), (Restless(), 2)])
        if kind != "dict":
            argument = type(argument)([Restless(), Restless()])
        change = {"dict": lambda: argument.setdefault(len(argument)), "set": lambda: argument.add(len(argument)),
                  "list": lambda: len(argument) < 50 and argument.append(1)}[kind]
        function = hotset.cache_result(lambda argument: len(argument))
        Restless.armed = True
        try:
            function(argument)
        except Exception as error:
            assert isinstance(error, RuntimeError), repr(error)
        Restless.armed = False
        assert function([1]) == 1
        print("done")
        """,
        container,
    )


def test_a_lookup_that_misses_raises_the_key_as_a_dict_does() -> None:
    run(
        """
        from hotset import Cache

        def error_of(mapping, key, method):
            try:
                getattr(mapping, method)(key)
            except KeyError as error:
                return error.args

        for key in ("k", 1, None, (), (1, 2), KeyError("x")):
            for method in ("__getitem__", "__delitem__", "pop"):
                assert error_of(Cache(), key, method) == (key,) == error_of({}, key, method), (key, method)
        print("done")
        """
    )
