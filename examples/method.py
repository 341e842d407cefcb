"""Cache a method and a property: each instance has results of its own, and is not kept alive by them."""

from hotset import cache_result, cached_property


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name

    @cache_result(ttl="10m")
    def price(self, net: int) -> str:
        print("  computing", net, "at", self.name)
        return f"{net * 1.25:.2f}"

    @cached_property
    def motto(self) -> str:
        print("  inventing one for", self.name)
        return f"All at {self.name}"


north, south = Shop("North"), Shop("South")
print(north.price(100), north.price(100), south.price(100))
print(north.motto, north.motto)

north.price.invalidate(100)
print(south.price(100), "results:", Shop.price.cache_info().currsize)
del south  # its results leave with it
print("results:", Shop.price.cache_info().currsize)

# prints:
#   computing 100 at North
#   computing 100 at South
# 125.00 125.00 125.00
#   inventing one for North
# All at North All at North
# 125.00 results: 1
# results: 0
