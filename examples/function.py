"""Cache a function: one line above it."""

from hotset import cache_result

calls = 0


@cache_result(ttl="30m", maxsize=1_000)
def square(number: int) -> int:
    """Stands for a slow query."""
    global calls
    calls += 1
    return number * number


print(square(7), square(7), square(number=7), "calls:", calls)
print("peek:", square.peek(7))
square.invalidate(7)  # exactly that call
print(square(7), "calls:", calls)

square.set(50, 7)
print("set:", square(7), "refresh:", square.refresh(7), "calls:", calls)
print(square.uncached(8), "calls:", calls)
print(square.cache_info())

# prints:
# 49 49 49 calls: 1
# peek: 49
# 49 calls: 2
# set: 50 refresh: 49 calls: 3
# 64 calls: 4
# CacheInfo(hits=3, misses=2, maxsize=1000, currsize=1)
