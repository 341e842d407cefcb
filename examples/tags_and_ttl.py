"""A ttl that depends on the result, and tags that are kept with it."""

from hotset import cache_result
from hotset.testing import ManualClock

clock = ManualClock()


def life(order: dict[str, str]) -> str:
    """What is done does not change any more."""
    return "1h" if order["state"] == "done" else "5s"


@cache_result(ttl=life, tags=["order:{number}", "orders"], clock=clock)
def order(number: int) -> dict[str, str]:
    print("  loading", number)
    return {"state": "done" if number < 100 else "open"}


print(order(7), order(200))
clock.advance("10s")
print(order(7), order(200))

clock.advance("1h")
print(order.peek(7))

try:  # a tag that no call could fill in is refused at once
    cache_result(tags=["order:{nubmer}"])(order.uncached)
except ValueError as error:
    print(error)

# prints:
#   loading 7
#   loading 200
# {'state': 'done'} {'state': 'open'}
#   loading 200
# {'state': 'done'} {'state': 'open'}
# hotset.MISSING
# the tag template 'order:{nubmer}' names 'nubmer', but order has only number
