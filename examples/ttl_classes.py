"""Classes of values have a ttl each, by name, in one place."""

from hotset import Cache
from hotset.testing import ManualClock

clock = ManualClock()
cache: Cache[str, object] = Cache("app", ttls={"profile": "1h", "price": "60s"}, clock=clock)


@cache.cache_result(ttl="profile")
def profile(user_id: int) -> dict[str, int]:
    return {"id": user_id}


@cache.cache_result(ttl="price")
def price(symbol: str) -> float:
    return 12.5


profile(7), price("HOT")
cache.set("motd", "hello", ttl="profile")
clock.advance("2m")
print("profile:", profile.explain(7).standing, "price:", price.explain("HOT").standing)
try:
    cache.set("motd", "hello", ttl="profil")
except ValueError as error:
    print(str(error).rpartition(", or ")[2])
# prints:
# profile: fresh price: expired
# one of the ttls of the cache: profile, price
