"""What is asked for often is refreshed before its ttl ends, in the background: nobody waits for it again."""

from hotset import cache_result
from hotset.testing import ManualClock, wait_for_loads

clock, rates = ManualClock(), [1.10, 1.11, 1.12]


@cache_result(ttl="10m", refresh_ahead=0.8, clock=clock)
def rate(currency: str) -> float:
    """Stands for a slow service."""
    return rates.pop(0)


print("minute 0:", rate("EUR"))
clock.advance("7m")
print("minute 7:", rate("EUR"))
clock.advance("2m")
print("minute 9:", rate("EUR"), "and a refresh begins")
wait_for_loads(rate)  # a thread of a pool makes it
print("shortly after:", rate("EUR"))
clock.advance("9m")
print("minute 18:", rate("EUR"), "and another begins")
wait_for_loads(rate)
print("shortly after:", rate("EUR"), "callers who waited:", rate.cache.stats().misses)

# prints:
# minute 0: 1.1
# minute 7: 1.1
# minute 9: 1.1 and a refresh begins
# shortly after: 1.11
# minute 18: 1.11 and another begins
# shortly after: 1.12 callers who waited: 1
