"""Test what happens when time passes, without waiting: the clock moves when it is told to."""

from hotset import Cache, cache_result
from hotset.testing import ManualClock

clock = ManualClock()
loads = 0


@cache_result(ttl="30m", clock=clock)
def rate(currency: str) -> int:
    global loads
    loads += 1
    return 100 + loads


assert rate("EUR") == 101
clock.advance("29m")
assert rate("EUR") == 101, "still fresh"
clock.advance("1m")
assert rate("EUR") == 102, "loaded again"
print("loads:", loads, "after", f"{clock.elapsed:.0f} s")

sessions: Cache[str, str] = Cache("sessions", idle="10m", clock=clock)
sessions["ada"] = "token"
for minutes in (8, 8, 11):
    clock.advance(f"{minutes}m")
    print(f"read after {minutes} minutes:", sessions.get("ada"))

# prints:
# loads: 2 after 1800 s
# read after 8 minutes: token
# read after 8 minutes: token
# read after 11 minutes: None
