"""What type checkers must accept, and what they must infer. Never executed."""

# pyright: strict

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any, Literal, assert_type

import hotset
import hotset.disk
import hotset.preview
from hotset import (
    MISSING,
    Batcher,
    Cache,
    CachedCoroutineFunction,
    CachedFunction,
    CachedMethod,
    CacheInfo,
    CallKey,
    CircuitBreaker,
    Entry,
    Explanation,
    Missing,
    cache_result,
    cache_result_many,
    cached_property,
    estimate_bytes,
)
from hotset.testing import ChaosTier, ManualClock

# Functions: without and with parentheses, at module level and on a cache


def key_of_user(user_id: int, session: object = None) -> int:
    return user_id


def tags_of_user(user_id: int) -> list[str]:
    return [f"user:{user_id}"]


@cache_result
def bare(user_id: int, page: int = 1, /, *, lang: str = "en") -> str:
    return f"{user_id}/{page}/{lang}"


@cache_result(max_bytes="64MB")
def bounded(user_id: int) -> str:
    return str(user_id)


@cache_result()
def empty(user_id: int) -> str:
    return str(user_id)


@cache_result(
    ttl="30m",
    idle=timedelta(minutes=5),
    maxsize=None,
    tags=["user:{user_id}"],
    key=key_of_user,
    ignore=["session"],
    typed=False,
    should_cache=lambda result, seconds: result is not None and seconds > 1,
    name="users",
    version=2,
    policy="lru",
    jitter=0.1,
    clock=ManualClock(),
)
def with_options(user_id: int, session: object = None) -> str | None:
    return str(user_id)


@cache_result(ttl=lambda result: len(result), tags=tags_of_user)
def with_functions(user_id: int) -> str:
    return str(user_id)


@cache_result
def anything(user_id: int) -> Any:
    return user_id


users: Cache[Any, Any] = Cache("users", ttl="1h")


@users.cache_result
def on_a_cache(user_id: int) -> list[int]:
    return [user_id]


@users.cache_result(tags=["user:{user_id}"], ttl=None, idle=30)
def on_a_cache_with_options(user_id: int, session: Annotated[object, hotset.Ignore] = None) -> list[int]:
    return [user_id]


assert_type(bare(1), str)
assert_type(bare(1, 2, lang="de"), str)
assert_type(empty(user_id=1), str)
assert_type(with_options(1), str | None)
assert_type(with_functions(1), str)
assert_type(on_a_cache(1), list[int])
assert_type(on_a_cache_with_options(1, session=2), list[int])

# Not here: a function that returns Any, which checkers may take for a coroutine function.
assert_type(bare.invalidate(1, lang="de"), bool)
assert_type(bare.expire(1, 2), bool)
assert_type(bare.refresh(1), str)
assert_type(bare.peek(1), str | Missing)
assert_type(bare.set("value", 1, lang="de"), None)
assert_type(bare.uncached(1, lang="de"), str)
assert_type(bare.cache, Cache[Any, Any])
assert_type(bare.cache_key(1), CallKey)
assert_type(bare.cache_info(), CacheInfo)
assert_type(bare.cache_info().maxsize, int | None)
assert_type(bare.cache_clear(), None)
assert_type(bare.__name__, str)

peeked = bare.peek(1)
if not isinstance(peeked, Missing):
    assert_type(peeked, str)
assert_type(MISSING, Missing)

lambda_: CachedFunction[[], int] = cache_result(lambda: 1)
partial = cache_result(functools.partial(bare, 1))
assert_type(partial(2), str)
assert_type(cache_result(len)("abc"), int)
as_callable: Callable[[int], str] = empty
as_function: CachedFunction[[int], str] = empty
decorated_again = cache_result(empty)
assert_type(decorated_again(1), str)


@functools.wraps(empty)
def wrapper(user_id: int) -> str:
    return empty(user_id)


# Coroutine functions


@cache_result
async def fetch(user_id: int) -> str:
    return str(user_id)


@cache_result(ttl="1h")
async def fetch_with_options(user_id: int) -> str:
    return str(user_id)


@users.cache_result
async def fetch_on_a_cache(user_id: int) -> str:
    return str(user_id)


@users.cache_result(tags=["users"])
async def fetch_on_a_cache_with_options(user_id: int) -> str:
    return str(user_id)


fetcher: CachedCoroutineFunction[[int], str] = fetch
as_coroutine_function: Callable[[int], Coroutine[Any, Any, str]] = fetch
as_awaitable: Callable[[int], Awaitable[str]] = fetch_on_a_cache
assert_type(asyncio.run(fetch(1)), str)


async def main() -> None:
    assert_type(await fetch(1), str)
    assert_type(await fetch_with_options(user_id=1), str)
    assert_type(await fetch_on_a_cache(1), str)
    assert_type(await fetch_on_a_cache_with_options(1), str)
    assert_type(await fetch.invalidate(1), bool)
    assert_type(await fetch.expire(1), bool)
    assert_type(await fetch.refresh(1), str)
    assert_type(await fetch.peek(1), str | Missing)
    assert_type(await fetch.set("value", 1), None)
    assert_type(await fetch.uncached(1), str)
    assert_type(fetch.cache_key(1), CallKey)
    assert_type(fetch.cache_info(), CacheInfo)
    assert_type(await asyncio.create_task(fetch(1)), str)
    assert_type(await asyncio.wait_for(fetch(1), 1), str)
    await asyncio.gather(fetch(1), Store().fetch(2))


# Not here: what `gather` of different results gives, which mypy takes for Any.


# Methods


class Store:
    @cache_result
    def get(self, key: str, default: int = 0) -> int:
        return default

    @cache_result(ttl="1h")
    def get_with_options(self, key: str) -> int:
        return len(key)

    @users.cache_result
    def get_on_a_cache(self, key: str) -> int:
        return len(key)

    @cache_result
    async def fetch(self, number: int) -> list[int]:
        return [number]

    @staticmethod
    @cache_result
    def static(x: int) -> str:
        return str(x)

    @classmethod
    @cache_result
    def make(cls, x: int) -> str:
        return str(x)

    @cached_property
    def size(self) -> int:
        return 1

    @cached_property(ttl="1h", maxsize=10)
    def size_with_options(self) -> int:
        return 1

    @cached_property
    async def later(self) -> int:
        return 1


class Child(Store):
    @cache_result
    def own(self) -> int:
        return super().get("a")


store = Store()
assert_type(store.get("a", default=1), int)
assert_type(Child().get("a"), int)
assert_type(Child().own(), int)
assert_type(store.get_with_options("a"), int)
assert_type(store.get_on_a_cache(key="a"), int)
assert_type(Store.get(store, "a"), int)
assert_type(store.get.invalidate("a"), bool)
assert_type(store.get.peek("a", 1), int | Missing)
assert_type(store.get.refresh("a"), int)
assert_type(store.get.set(1, "a"), None)
assert_type(store.get.expire("a"), bool)
assert_type(store.get.uncached("a"), int)
assert_type(store.get.cache_key("a"), CallKey)
assert_type(store.get.cache_info(), CacheInfo)
assert_type(Store.static(1), str)
# Not here: `store.static(1)` and `Store.make(1)`. Type checkers apply `CachedFunction.__get__` beneath a staticmethod or classmethod too.
method: CachedMethod[[str], int] = store.get_with_options
unbound: CachedFunction[[Store, str], int] = Store.get_with_options
callback: Callable[[str], int] = store.get

assert_type(store.size, int)
store.size = 2
del store.size
assert_type(store.size_with_options, int)
assert_type(Store.size, cached_property[Store, int])


async def methods() -> None:
    assert_type(await store.fetch(1), list[int])
    assert_type(await store.fetch.invalidate(1), bool)
    assert_type(await store.fetch.peek(1), list[int] | Missing)
    assert_type(await store.fetch.refresh(number=1), list[int])
    assert_type(await store.later, int)


# A cache


async def faces(numbers: Cache[str, int], ids: AsyncIterator[str]) -> None:
    assert_type(numbers.get("a"), int | None)
    assert_type(numbers.get("a", 0), int)
    assert_type(numbers.get("a", "b"), int | str)
    assert_type(numbers.get_or_load("a", len), int)
    assert_type(numbers.get_many(["a"]), dict[str, int])
    assert_type(next(numbers.scan("a")), str)
    assert_type([name async for name in numbers.aio.scan()], list[str])
    assert_type(numbers["a"], int)
    assert_type(numbers.pop("a"), int)
    assert_type(await numbers.aio.get("a"), int | None)
    numbers.set("a", 1, ttl="1h", idle=None, tags=["b"])
    async for name in ids:
        numbers[name] = 1


# Many keys at once


@cache_result_many
def bare_many(ids: list[int]) -> dict[int, str]:
    return {}


@cache_result_many(ttl="1h", tags=["user:{key}"])
def many(ids: list[int]) -> dict[int, str]:
    return {}


@cache_result_many(cache=Cache("shared"))
async def many_async(ids: list[str]) -> dict[str, bytes]:
    return {}


async def use_many() -> None:
    assert_type(bare_many([1]), dict[int, str])
    assert_type(many(range(3)), dict[int, str])
    assert_type(await many_async({"a"}), dict[str, bytes])
    many.set("ann", 1)
    assert_type(many.invalidate(1, 2), int)
    batcher = Batcher(many_async)
    assert_type(await batcher("a"), bytes)


async def use_tags(cache: Cache[str, int]) -> None:
    cache.invalidate_tags("user:1", "team:2")
    cache.expire_tags("user:1")
    await cache.aio.invalidate_tags("user:1")


@cache_result(
    ttl="1m",
    grace="1h",
    refresh_ahead=0.8,
    early_refresh=True,
    soft_timeout=0,
    timeout="1s",
    cache_errors=(KeyError, OSError),
    error_ttl=2,
    negative_ttl="5s",
    is_negative=lambda found: not found,
    load_age=None,
    aliasing="freeze",
)
def fresh(key: str) -> int:
    context = hotset.current_load()
    context.set_ttl("5s")
    context.add_tags("a", "b")
    return len(key)


async def use_terms(cache: Cache[str, int]) -> None:
    assert_type(fresh.with_options(max_age="10s", max_stale=5)("k"), int)
    assert_type(fresh.get_entry("k"), Entry[int])
    assert_type(fresh.get_entry("k").age, float)
    assert_type(fresh.explain("k"), Explanation)
    assert_type(await fetch.with_options(only_if_cached=True)(1), str)
    assert_type((await fetch.get_entry(1)).value, str)
    assert_type(cache.get("k", max_age=3), int | None)
    assert_type(cache.get_or_load("k", len, timeout=1, refresh=True), int)
    assert_type(cache.get_entry("k"), Entry[int] | None)
    assert_type(cache.load_many(["k"], lambda keys: dict.fromkeys(keys, 1), bypass=True), dict[str, int])
    assert_type(str(cache.explain("k")), str)
    assert_type(many.with_options(max_age=1)([1]), dict[int, str])
    sized: Cache[str, int] = Cache(max_bytes="1GB", maxsize=5)
    sized.resize(max_bytes=1_000)
    assert_type((sized.max_bytes, sized.stats().bytes, estimate_bytes(sized)), tuple[int | None, int | None, int])
    Cache[str, int](ttl="1h", grace="1m", ttls={"short": 5}, timeout=3, aliasing="copy", load_age="1h")


# Tiers that users write


class OwnTier:
    def get(self, key: bytes, /) -> bytes | None:
        return None

    def put(self, key: bytes, value: bytes, /, *, ends_in: float | None) -> None: ...

    def remove(self, key: bytes, /) -> None: ...


own: hotset.preview.Tier = OwnTier()
chaos: hotset.preview.Tier = ChaosTier(own)
assert_type(chaos.get(b"key"), bytes | None)
behind: Cache[str, int] = Cache("behind", tier=OwnTier(), memory_ttl="2s")


# Circuit breakers


def opens(breaker: CircuitBreaker, was: str, now: str) -> None:
    assert_type(breaker.name, str | None)


breaker = CircuitBreaker(
    "payments",
    failures=None,
    rate=0.2,
    window="1m",
    slow=timedelta(seconds=2),
    open_for=5,
    most_open=None,
    failure=(OSError, asyncio.CancelledError),
    on_change=opens,
    clock=ManualClock(),
)
judged = CircuitBreaker(failure=lambda error: "503" in str(error))


@breaker
def pay(amount: int, currency: str = "EUR") -> str:
    return f"{amount} {currency}"


@breaker
async def refund(amount: int) -> str:
    return str(amount)


async def use_breakers() -> None:
    assert_type(pay(7, currency="USD"), str)
    assert_type(await refund(7), str)
    assert_type(breaker.call(pay, 7, currency="USD"), str)
    assert_type(await breaker.call(refund, 7), str)
    assert_type(breaker.state, Literal["closed", "open", "half-open"])
    assert_type(breaker.stats(), hotset.BreakerStats)
    assert_type(breaker.stats().for_so_long, float)
    with breaker as permit:
        permit.failed("status 503")
    async with breaker as permit:
        permit.succeeded()
    with breaker.allow() as permit:
        permit.failed()
    try:
        breaker.trip("maintenance")
        breaker.reset()
    except hotset.CircuitOpenError as error:
        assert_type((error.name, error.retry_in), tuple[str | None, float])


# Tiers of this machine, and how values are kept there


class Upside:
    def encode(self, value: str, /) -> bytes:
        return value[::-1].encode()

    def decode(self, data: bytes, /) -> str:
        return data.decode()[::-1]


@hotset.preview.register_type(fields=["cents"])
class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


assert_type(Money(5).cents, int)
assert_type(hotset.preview.register_type(Money), type[Money])
own_codec: hotset.preview.Codec = Upside()
default_codec: hotset.preview.Codec = hotset.preview.ValueCodec(types=[Money])
by_url: Cache[str, Money] = Cache("by-url", tier="disk:///var/cache/app?max_bytes=1GB", types=[Money], strict=True)
by_path: Cache[str, str] = Cache(
    "by-path",
    tier=hotset.preview.Disk("/var/cache/app", max_bytes="1GB", durability="power"),
    codec=own_codec,
    lease="10s",
)
sealed: Cache[str, int] = Cache(
    "sealed",
    tier=hotset.preview.Shm("app", max_bytes=2**26),
    codec="pickle",
    secret=[b"x" * 16, "y" * 16],
    encrypt=True,
    compression=("zstd", 9),
    compress_from=512,
    outage_ttl=1,
    max_life="7d",
    patience=0.1,
    on_error="raise",
)
assert_type(hotset.disk.check("/var/cache/app").entries, int)
assert_type(hotset.disk.compact("/var/cache/app", patience="5s"), bool)
error: OSError = hotset.preview.TierError("away")
not_encoded: hotset.preview.CodecError = hotset.preview.NotEncodableError("value is not encoded", path="value")
stale_class: hotset.preview.NotDecodableError = hotset.preview.StaleClassError("other fields")
