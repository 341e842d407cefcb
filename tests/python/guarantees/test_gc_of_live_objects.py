"""What the collector is shown of a cache, and what it leaves alone."""

from collecting import PRELUDE
from warm import run


def test_the_collector_is_shown_keys_values_and_callables() -> None:
    run(
        PRELUDE
        + """
listener, weigher, key, value = (lambda *_: None), (lambda *_: 1), Equal(), Thing()
cache = Cache(on_remove=listener, weigher=weigher, maxweight=5)
cache[key] = value
shown = gc.get_referents(cache)
for expected in (listener, weigher, key, value):
    assert sum(one is expected for one in shown) == 1, expected
function = cache.cache_result(lambda *args: value)
function(key), function([key])
assert any(one is cache for one in gc.get_referents(function))
assert any(one is function.uncached for one in gc.get_referents(function))
# What a function has in a cache that others use too is shown by the function, so that it can die with its results.
assert sum(one is value for one in gc.get_referents(cache)) == 1
assert sum(one is value for one in gc.get_referents(function)) == 2
thing = Thing()
method = function.__get__(thing)
assert any(one is thing for one in gc.get_referents(method)) and any(one is function for one in gc.get_referents(method))
assert all(map(gc.is_tracked, (cache, function, method, iter(cache), function.cache_key(key))))
print("done")
"""
    )


def test_a_collection_in_the_middle_of_a_walk_leaves_the_cache_alone() -> None:
    run(
        PRELUDE
        + """
cache, value = Cache(), Thing()
cache["me"] = cache
for number in range(10): cache[number] = value
reference, walks = weakref.ref(value), [iter(cache), iter(cache.items()), iter(cache.values())]
for walk in walks: next(walk)
del cache, value
gc.collect()
assert reference() is not None, "a value was freed that an iterator still shows"
assert [sum(1 for _ in walk) for walk in walks] == [10, 10, 10]
del walks, walk
gc.collect()
assert reference() is None
print("done")
"""
    )


def test_a_value_that_refers_to_its_instance_keeps_it_alive_as_long_as_it_is_cached() -> None:
    run(
        PRELUDE
        + """
class Owner(Thing):
    @cache_result
    def fluent(self): return self
    @cache_result
    def plain(self): return 1

owner = Owner()
reference = weakref.ref(owner)
assert owner.fluent() is owner and owner.plain() == 1
del owner
gc.collect()
assert reference() is not None and len(Owner.fluent.cache) == 1
Owner.fluent.cache.clear()
gc.collect()
assert reference() is None and len(Owner.fluent.cache) == len(Owner.plain.cache) == 0
print("done")
"""
    )


def test_instances_in_cycles_take_their_entries_along() -> None:
    run(
        PRELUDE
        + """
class Owner(Thing):
    @cache_result
    def method(self, number): return number

gc.disable()
for _ in range(50):
    owner = Owner()
    owner.me = owner
    for number in range(20): owner.method(number)
del owner
assert len(Owner.method.cache) == 1000
gc.collect()
assert len(Owner.method.cache) == 0 and Owner.method.cache.stats().invalidated == 1000
print("done")
"""
    )


def test_finalizers_of_a_cycle_may_use_the_cache_they_die_with() -> None:
    run(
        PRELUDE
        + """
used = []

class Last(Thing):
    def __del__(self):
        cache = self.cache
        cache["new"] = 1
        used.append((cache["new"], cache["value"] is self, len(cache), self.function(5), list(cache.values()) != []))

for _ in range(100):
    value = Last()
    value.cache = Cache()
    value.cache["value"] = value
    value.function = value.cache.cache_result(lambda number: number)
    value.function.value = value
    del value
    gc.collect()
assert used == [(1, True, 2, 5, True)] * 100
print("done")
""",
        debug_malloc=True,
    )


def test_caches_are_collected_in_threads_too() -> None:
    run(
        PRELUDE
        + """
import threading
sys.setswitchinterval(1e-6)
gc.set_threshold(1)

def work():
    for number in range(300):
        cache, value = Cache(), Thing()
        value.cache = cache
        cache[number], cache["iterator"] = value, 1
        value.function = cache.cache_result(lambda key: value)
        value.function(Equal()), value.function([value]), value.function(value)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
gc.collect()
assert hotset.caches() == [] and not [one for one in gc.get_objects() if type(one) is Thing]
print("done")
"""
    )
