"""Memory as the bound: as many pages as fit into it, however large each is."""

from hotset import Cache, estimate_bytes

pages: Cache[int, dict[str, str]] = Cache("pages", max_bytes="1MB", policy="lru")


def page(number: int) -> dict[str, str]:
    return {"title": f"Page {number}", "body": "x" * (500 if number % 2 else 20_000)}


for number in range(1_000):
    pages.get_or_load(number, page)

stats = pages.stats()
print(f"{stats.entries} pages take {stats.bytes / 1_000_000:.2f} of {stats.max_bytes / 1_000_000:.0f} MB")
print(f"a large one: {estimate_bytes(page(2)) / 1000:.0f} kB")

pages[0] = {"body": "x" * 2_000_000}  # larger than the bound: not stored
print(0 in pages, pages.stats().refused)

# prints:
# 95 pages take 1.00 of 1 MB
# a large one: 20 kB
# False 1
