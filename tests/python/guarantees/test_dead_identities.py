"""A key by identity dies with its object, and a key of a call belongs to its cache: neither ever names anything else."""

from warm import run

SAME_ADDRESS = '''
import gc
import hotset
from hotset import MISSING, Cache

class Thing:
    pass

def check_the_next(attempt):
    """Makes an object die at an address until another is born there, for which the function has to be called."""
    for _ in range(1_000):
        function, address = attempt()
        kept = []
        for _ in range(2_000):
            thing = Thing()
            if id(thing) == address:
                assert function(thing) == "right", "a dead object's value was given for another"
                return
            kept.append(thing)
    raise AssertionError("no address was ever used again: the test tests nothing")

'''


def test_a_value_set_for_the_call_of_a_dead_object_is_not_that_of_the_next_at_its_address() -> None:
    run(
        SAME_ADDRESS
        + """
def attempt():
    function = hotset.cache_result(lambda thing: "right")
    thing = Thing()
    key, address = function.cache_key(thing), id(thing)
    del thing
    function.cache[key] = "wrong"
    return function, address

check_the_next(attempt)
print("done")
"""
    )


def test_a_listener_that_puts_back_what_left_does_not_give_it_to_the_next_object() -> None:
    run(
        SAME_ADDRESS
        + """
def attempt():
    cache = Cache(on_remove=lambda key, value, cause: cache.set(key, value))
    function = cache.cache_result(lambda thing: "right")
    thing = Thing()
    function.set("wrong", thing)
    return function, id(thing)

check_the_next(attempt)
print("done")
"""
    )


def test_a_cache_that_a_collection_found_dead_and_a_finalizer_revived_has_no_entries_of_the_dead() -> None:
    run(
        SAME_ADDRESS
        + """
saved = []

class Reviver:
    def __init__(self, function):
        self.function, self.me = function, self
    def __del__(self):
        saved.append(self.function)

def build():
    cache = Cache()
    function = cache.cache_result(lambda thing: "right")
    thing = Thing()
    thing.me = thing
    function.set("wrong", thing)
    cache["reviver"] = Reviver(function)
    return id(thing)

def attempt():
    address = build()
    gc.collect()
    return saved.pop(), address

check_the_next(attempt)
print("done")
"""
    )


def test_an_object_that_uses_its_methods_while_it_is_collected_leaves_no_entry() -> None:
    run(
        SAME_ADDRESS
        + """
@hotset.cache_result
def function(thing): return id(thing)

class Dying(Thing):
    def __init__(self, in_a_cycle):
        if in_a_cycle: self.me = self
    def __del__(self): function(self)

for in_a_cycle in (False, True) * 50:
    Dying(in_a_cycle)
    gc.collect()
    assert len(function.cache) == 0, list(function.cache)
print("done")
"""
    )


def test_an_object_that_a_finalizer_revived_is_cached_again() -> None:
    run(
        SAME_ADDRESS
        + """
saved, loads = [], []

@hotset.cache_result
def function(thing):
    loads.append(1)
    return len(loads)

class Lazarus(Thing):
    def __init__(self): self.me = self
    def __del__(self): saved.append(self)

lazarus = Lazarus()
assert function(lazarus) == function(lazarus) == 1
del lazarus
gc.collect()
assert function(saved[0]) == function(saved[0]) and len(function.cache) == 1 and len(loads) <= 2
saved[0].me = None
saved.clear()
gc.collect()
assert len(function.cache) == 0
print("done")
"""
    )


def test_the_key_of_a_call_of_a_dead_cache_is_a_key_like_any_other_in_the_next() -> None:
    run(
        SAME_ADDRESS
        + """
for _ in range(200):
    cache = Cache()
    function = cache.cache_result(lambda number: number)
    key = function.cache_key(1)
    del function, cache
    gc.collect()
    for cache in [Cache() for _ in range(5)]:
        cache[key] = "mine"
        assert list(cache) == [key] and cache[key] == "mine" and list(cache)[0] is key
        assert cache.popitem() == (key, "mine") and len(cache) == 0
print("done")
"""
    )


def test_keys_in_tuples_and_containers_die_with_their_objects_too() -> None:
    run(
        SAME_ADDRESS
        + """
function = hotset.cache_result(lambda *things: "loaded")
for shape in (lambda thing: thing, lambda thing: (1, thing), lambda thing: [thing], lambda thing: {"k": (thing, {1})}):
    thing = Thing()
    argument = shape(thing)
    assert function(argument, 1) == function(argument, 2) == "loaded" and len(function.cache) == 2
    del thing, argument
    assert len(function.cache) == 0
identities = hotset.cache_result(lambda thing: 1)
things = [Thing() for _ in range(1000)]
for thing in things: identities(thing)
assert len(identities.cache) == 1000
del thing, things
assert len(identities.cache) == 0 and identities.cache.stats().invalidated == 1000
print("done")
"""
    )
