"""Every hook of every object does every unpleasant thing, through every face of a cache, and the state is right afterwards."""

import pytest
from warm import run

SOURCES = ["hash", "eq", "del key", "del value", "weakref", "weigher", "sizeof", "on_remove", "loader"]
OF_FUNCTIONS = ["key", "should_cache", "ttl", "tags"]
ACTIONS = [
    "raises",
    "uses every verb on another key",
    "uses every verb on the same key",
    "collects",
    "hands over to another thread",
    "clears",
    "deletes the entry",
    "replaces the entry",
]

SCRIPT = """
import gc, sys
from hotset import MISSING
from hostile import *

source, action, of_functions = sys.argv[1], sys.argv[2], sys.argv[3] == "1"
catch_unraisable()

OPERATIONS = {
    "hits": lambda face: face.load(Key("a")),
    "loads": lambda face: face.load(Key("new")),
    "overwrites": lambda face: face.set(Key("a"), Value("a")),
    "inserts": lambda face: face.set(Key("new"), Value("new")),
    "peeks": lambda face: face.peek(Key("a")),
    "forgets": lambda face: face.forget(Key("a")),
    "refreshes": lambda face: face.refresh(Key("a")),
    "clears": lambda face: face.cache.clear(),
    "expires": lambda face: (clock.advance("2h"), face.load(Key("a"))) and None,
    "sweeps": lambda face: (clock.advance("2h"), face.cache.sweep()) and None,
    "measures": lambda face: (clock.advance("2h"), len(face.cache)) and None,
    "evicts": lambda face: [face.set(Key(str(number)), Value(str(number))) for number in range(25)] and None,
}

def attempt(kind, operation):
    global clock
    world = World(kind, source)
    clock = world.clock
    world.fill("z", "a", "b")
    trap.arm(source, actions(world)[action])
    raised = None
    try:
        OPERATIONS[operation](world.face)
    except Boom as error:
        raised = error
    sprung = trap.sprung
    trap.action = None
    boomed = unraisable[:]
    unraisable.clear()
    if action == "raises" and sprung and source not in SWALLOWED:
        if source in PROPAGATES:
            assert isinstance(raised, Boom), f"{kind}, {operation}: the error was lost"
            assert raised.__cause__ is None, "the error was changed"
            assert boomed == [], boomed
        else:
            assert raised is None and boomed == [Boom], (kind, operation, raised, boomed)
    else:
        assert raised is None and boomed == [], (kind, operation, raised, boomed)
    raised = None
    world.check()
    world.check_works()
    world.check()
    world.cache.clear()
    del world
    return sprung

sprung = {}
for kind in ("one", "two", "method", "async") if of_functions else ("mapping", "one", "two", "method", "async"):
    for operation in OPERATIONS:
        sprung[kind, operation] = attempt(kind, operation)
        assert living() == 0, (kind, operation, living())
    assert any(times for (of, _), times in sprung.items() if of == kind), f"nothing sprang the trap of {kind}"
print("done")
"""


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_hook_may_do_what_it_likes(source: str, action: str) -> None:
    run(SCRIPT, source, action, 0)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("source", OF_FUNCTIONS)
def test_an_option_may_do_what_it_likes(source: str, action: str) -> None:
    run(SCRIPT, source, action, 1)


@pytest.mark.parametrize("source", [*SOURCES, *OF_FUNCTIONS])
def test_a_hook_that_uses_everything_corrupts_no_memory(source: str) -> None:
    run(SCRIPT, source, "uses every verb on the same key", int(source in OF_FUNCTIONS), debug_malloc=True)


def test_a_function_that_is_only_borrowed_may_be_freed_while_it_loads() -> None:
    run(
        """
        import functools, gc
        from hotset import cache_result

        partial = functools.partial(print)
        for options in ({}, {"tags": ["t"]}, {"timeout": 60}, {"cache_errors": KeyError}):

            @cache_result(**options)
            def f(number):
                partial.__setstate__((print, (), {}, {}))
                gc.collect()
                return number

            partial.__setstate__((f, (), {}, {}))
            del f
            assert partial(5) == 5
        print("done")
        """
    )
