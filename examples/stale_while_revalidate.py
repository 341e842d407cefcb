"""After its ttl a page is served once more at once, while one load brings the next: no request waits for it."""

import asyncio

from hotset import MISSING, cache_result
from hotset.testing import ManualClock

clock, renders = ManualClock(), 0


@cache_result(ttl="1m", grace="1h", clock=clock)
async def front_page(language: str) -> str:
    global renders
    renders += 1
    await asyncio.sleep(0.01)
    return f"edition {renders} in {language}"


async def main() -> None:
    print("first:", await front_page("en"))
    clock.advance("2m")
    pages = await asyncio.gather(*[front_page("en") for _ in range(100)])
    print("a hundred requests:", set(pages), "one refresh:", renders == 2)
    while await front_page.peek("en") is MISSING:
        await asyncio.sleep(0.001)  # the refresh is a task of this event loop
    print("later:", await front_page("en"), "served stale:", front_page.cache.stats().stale)
    clock.advance("2h")
    print("after the grace, who asks waits:", await front_page("en"))


asyncio.run(main())

# prints:
# first: edition 1 in en
# a hundred requests: {'edition 1 in en'} one refresh: True
# later: edition 2 in en served stale: 100
# after the grace, who asks waits: edition 3 in en
