"""A hundred threads miss the same key at once, and one of them loads."""

import threading
import time

from hotset import cache_result


@cache_result(ttl="10m")
def front_page(language: str) -> str:
    print("rendering", language)
    time.sleep(0.05)
    return f"<html lang={language}>"


threads = [threading.Thread(target=front_page, args=("en",)) for _ in range(100)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(front_page("en"), front_page.cache.stats().loads, "load")

# prints:
# rendering en
# <html lang=en> 1 load
