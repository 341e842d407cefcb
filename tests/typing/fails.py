"""What type checkers must refuse: every line with a comment, and no other. Never executed.

``# E: a / b`` says what mypy (a) and pyright (b) call the error; a dash says that the one checker accepts the line.
"""

# pyright: strict

from typing import Any, assert_type

from hotset import Cache, CachedFunction, CachedMethod, cache_result, cached_property
from hotset.preview import Disk, Shm


@cache_result
def load(user_id: int, page: int = 1, /, *, lang: str = "en") -> str:
    return f"{user_id}/{page}/{lang}"


@cache_result
async def fetch(user_id: int) -> str:
    return str(user_id)


users: Cache[Any, Any] = Cache("users")


@users.cache_result(tags=["users"])
def on_a_cache(user_id: int) -> str:
    return str(user_id)


class Store:
    @cache_result
    def get(self, key: str) -> int:
        return len(key)

    @cache_result
    async def fetch(self, key: str) -> int:
        return len(key)

    @cached_property
    def size(self) -> int:
        return 1


store = Store()

load("7")  # E: arg-type / reportArgumentType
load()  # E: call-arg / reportCallIssue
load(1, 2, 3)  # E: arg-type, call-arg / reportCallIssue
load(1, page=2)  # E: call-arg / reportCallIssue
load(1, language="de")  # E: call-arg / reportCallIssue
on_a_cache("7")  # E: arg-type / reportArgumentType
fetch("7")  # E: arg-type, unused-coroutine / reportArgumentType, reportUnusedCoroutine
wrong_result: int = load(1)  # E: assignment / reportAssignmentType
load.invalidate("7")  # E: arg-type / reportArgumentType
load.invalidate()  # E: call-arg / reportCallIssue
load.refresh("7")  # E: arg-type / reportArgumentType
load.peek(1, 2, 3)  # E: arg-type, call-arg / reportCallIssue
load.expire(1, language="de")  # E: call-arg / reportCallIssue
load.cache_key(None)  # E: arg-type / reportArgumentType
load.uncached("7")  # E: arg-type / reportArgumentType
load.set()  # E: call-arg / reportCallIssue
load.set("value")  # E: call-arg / reportCallIssue
load.set("value", "7")  # E: arg-type / reportArgumentType
load.forget(1)  # E: attr-defined / reportAttributeAccessIssue, reportUnknownMemberType
peeked: str = load.peek(1)  # E: assignment / reportAssignmentType
fetch.invalidate("7")  # E: arg-type, unused-coroutine / reportArgumentType, reportUnusedCoroutine
fetch.refresh()  # E: call-arg, unused-coroutine / reportCallIssue
not_awaited: str = fetch(1)  # E: assignment / reportAssignmentType
refreshed: str = fetch.refresh(1)  # E: assignment / reportAssignmentType
store.get(1)  # E: arg-type / reportArgumentType
store.get(store, "a")  # E: arg-type, call-arg / reportCallIssue
Store.get("a")  # E: arg-type, call-arg / reportCallIssue
store.get.invalidate(1)  # E: arg-type / reportArgumentType
store.get.set(1, 2)  # E: arg-type / reportArgumentType
store.get.peek()  # E: call-arg / reportCallIssue
store.fetch(1)  # E: arg-type, unused-coroutine / reportArgumentType, reportUnusedCoroutine
store.fetch.invalidate(1)  # E: arg-type, unused-coroutine / reportArgumentType, reportUnusedCoroutine
awaited_not: int = store.fetch("a")  # E: assignment / reportAssignmentType
size: str = store.size  # E: assignment / reportAssignmentType
store.size = "big"  # E: assignment / reportAttributeAccessIssue
other_parameters: CachedFunction[[str], str] = on_a_cache  # E: assignment / reportAssignmentType
other_result: CachedFunction[[int], int] = on_a_cache  # E: assignment / reportAssignmentType
other_method: CachedMethod[[int], int] = store.get  # E: assignment / reportAssignmentType
load.__wrapped__ = 3  # E: assignment / reportAttributeAccessIssue
assert_type(load(1), int)  # E: assert-type / reportAssertTypeFailure
cache_result(ttl=[1])(len)  # E: call-overload / reportArgumentType
cache_result(ttl="1h", gracee="1h")(len)  # E: call-overload / reportCallIssue
cache_result(max_bytes=1.5)(len)  # E: call-overload / reportArgumentType
cache_result(maxsize="big")(len)  # E: call-overload / reportArgumentType
cache_result(typed="yes")(len)  # E: call-overload / reportArgumentType
cache_result(ignore=3)(len)  # E: call-overload / reportArgumentType
cache_result(tags=3)(len)  # E: call-overload / reportArgumentType
cache_result(key="user")(len)  # E: call-overload / reportArgumentType
cache_result(should_cache=True)(len)  # E: call-overload / reportArgumentType
cache_result(policy="clock")(len)  # E: call-overload / reportArgumentType
cache_result(clock=3)(len)  # E: call-overload / reportArgumentType
cache_result(idle=[1])(len)  # E: call-overload / reportArgumentType
cache_result(name=3)(len)  # E: call-overload / reportArgumentType
cache_result(should_cache=lambda result: True)(len)  # E: arg-type, misc / reportArgumentType
cache_result("30m")  # E: call-overload / reportArgumentType, reportCallIssue
cache_result(3)  # E: call-overload / reportArgumentType, reportCallIssue
users.cache_result(maxsize=3)(len)  # E: call-overload / reportCallIssue
users.cache_result("30m")  # E: call-overload / reportArgumentType, reportCallIssue
users.cache_result(ttl=[1])(len)  # E: call-overload / reportArgumentType
load.with_options(max_agee=1)  # E: call-arg / reportCallIssue
load.with_options(max_age="1s")("seven")  # E: arg-type / reportArgumentType
cache_result(aliasing="copi")(len)  # E: call-overload / reportArgumentType
cache_result(cache_errors=3)(len)  # E: call-overload / reportArgumentType
Cache("a", tier=object())  # E: arg-type / reportArgumentType
Cache("a", tier=Disk)  # E: arg-type / reportArgumentType
Cache("a", tier="shm://a", codec="yaml")  # E: arg-type / reportArgumentType
Cache("a", tier="shm://a", codec=object())  # E: arg-type / reportArgumentType
Cache("a", tier="shm://a", compression="gzip")  # E: arg-type / reportArgumentType
Cache("a", tier="shm://a", on_error="ignore")  # E: arg-type / reportArgumentType
Cache("a", tier="shm://a", encript=True)  # E: call-arg / reportCallIssue
Disk("/a", max_byte=1)  # E: call-arg / reportCallIssue
Disk("/a", durability="disk")  # E: arg-type / reportArgumentType
Shm("a", durability="power")  # E: call-arg / reportCallIssue
