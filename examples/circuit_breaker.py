"""A service that is down is left alone, asked again now and then, and used as soon as it answers."""

import logging

from hotset import CircuitBreaker, CircuitOpenError
from hotset.testing import ManualClock

logging.getLogger("hotset").setLevel("ERROR")  # it warns once that the service fails
clock, is_down, asked = ManualClock(), True, 0
breaker = CircuitBreaker("weather", failures=2, open_for="1s", jitter=0, failure=ConnectionError, clock=clock)


@breaker
def weather(town: str) -> str:
    global asked
    asked += 1
    if is_down:
        raise ConnectionError("no answer")
    return f"sunny in {town}"


for second in range(6):
    is_down = second < 4
    try:
        print(weather("Bonn"), end=", ")
    except CircuitOpenError as error:
        print(f"refused for {error.retry_in:.0f} s more", end=", ")
    except ConnectionError as error:
        print(error, end=", ")
    print(breaker.state, "asked", asked, "times")
    clock.advance("1s")

# prints:
# no answer, closed asked 1 times
# no answer, open asked 2 times
# no answer, open asked 3 times
# refused for 1 s more, open asked 3 times
# sunny in Bonn, closed asked 4 times
# sunny in Bonn, closed asked 5 times
