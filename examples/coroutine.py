"""Cache a coroutine function: the same decorator sees that it is one."""

import asyncio

from hotset import Cache, cache_result


@cache_result(ttl="5m")
async def fetch(path: str) -> str:
    print("  fetching", path)
    await asyncio.sleep(0)
    return f"<{path}>"


async def load_page(path: str) -> str:
    return await fetch(path)


async def main() -> None:
    print(await fetch("/a"), await fetch("/a"))
    print("forgotten:", await fetch.invalidate("/a"))
    print(await fetch("/a"))

    pages: Cache[str, str] = Cache("pages")
    print(await pages.aio.get_or_load("/b", load_page), await pages.aio.get_or_load("/b", load_page))


asyncio.run(main())

# prints:
#   fetching /a
# </a> </a>
# forgotten: True
#   fetching /a
# </a>
#   fetching /b
# </b> </b>
