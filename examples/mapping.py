"""A cache as a mapping, with the verbs that a dict does not have."""

from hotset import MISSING, Cache

cache: Cache[str, int | None] = Cache("stock", maxsize=3, policy="lru")

cache["apples"] = 3
cache["pears"] = None  # a value like any other
print(cache["apples"], cache.get("pears", MISSING), cache.get("plums", MISSING))
print("pears" in cache, len(cache), dict(cache))

print("add:", cache.add("apples", 9), cache["apples"])
print("incr:", cache.incr("apples", 2), cache.incr("visits"))


def count(fruit: str) -> int:
    print("  counting", fruit)
    return len(fruit)


print(cache.get_or_load("plums", count), cache.get_or_load("plums", count))
print("one too many, so the pears left:", list(cache))

print(cache.load_many(["plums", "figs"], lambda missing: dict.fromkeys(missing, 0)))
print("pop:", cache.pop("plums"), "evicted:", cache.stats().evicted)

# prints:
# 3 None hotset.MISSING
# True 2 {'apples': 3, 'pears': None}
# add: False 3
# incr: 5 1
#   counting plums
# 5 5
# one too many, so the pears left: ['apples', 'visits', 'plums']
# {'plums': 5, 'figs': 0}
# pop: 5 evicted: 2
