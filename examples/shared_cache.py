"""One cache for several functions: one bound and one set of statistics, and no mix-up of keys."""

from hotset import Cache

users: Cache[object, object] = Cache("users", maxsize=1_000, ttl="1h")


@users.cache_result
def name_of(user_id: int) -> str:
    return f"user {user_id}"


@users.cache_result(ttl="10s")
def is_online(user_id: int) -> bool:
    return user_id % 2 == 1


print(name_of(7), is_online(7))
print(name_of(7), is_online(7))

print(users)
stats = users.stats()
print(f"hits {stats.hits}, misses {stats.misses}, hit ratio {stats.hit_ratio:.0%}")

name_of.cache_clear()  # of this function only
print("left:", [str(key) for key in users])

# prints:
# user 7 True
# user 7 True
# <Cache 'users': 2 entries, maxsize=1000, ttl=3600s, policy=adaptive>
# hits 2, misses 2, hit ratio 50%
# left: ['<CallKey __main__.is_online(7)>']
