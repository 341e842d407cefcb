"""While a service is down its last answer is served, and it is asked ever more rarely."""

import logging

from hotset import cache_result
from hotset.testing import ManualClock

logging.getLogger("hotset").setLevel("ERROR")  # it warns once that the service fails
clock, is_down, asked = ManualClock(), False, 0


@cache_result(ttl="1m", grace="1d", soft_timeout=None, error_ttl="5s", clock=clock)
def weather(town: str) -> str:
    global asked
    asked += 1
    if is_down:
        raise ConnectionError("no answer")
    return f"sunny in {town}"


weather("Bonn")
is_down = True
for seconds in (60, 4, 4, 4, 8, 16, 8):
    clock.advance(seconds)
    entry = weather.get_entry("Bonn")
    print(f"{entry.value}, {entry.age:.0f} s old: {entry.why}, asked {asked} times")
is_down = False
clock.advance("1m")
print(weather("Bonn"), "again, asked", asked, "times, served stale", weather.cache.stats().stale, "times")

# prints:
# sunny in Bonn, 60 s old: load failed, asked 2 times
# sunny in Bonn, 64 s old: load failed, asked 2 times
# sunny in Bonn, 68 s old: load failed, asked 3 times
# sunny in Bonn, 72 s old: load failed, asked 3 times
# sunny in Bonn, 80 s old: load failed, asked 4 times
# sunny in Bonn, 96 s old: load failed, asked 4 times
# sunny in Bonn, 104 s old: load failed, asked 5 times
# sunny in Bonn again, asked 6 times, served stale 7 times
