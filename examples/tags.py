"""Everything that depends on one user is forgotten at once."""

from hotset import Cache

pages: Cache[object, object] = Cache("pages", ttl="1h")


@pages.cache_result(tags=["user:{user_id}"])
def profile(user_id: int) -> str:
    print("profile of", user_id)
    return f"profile {user_id}"


@pages.cache_result(tags=["user:{user_id}", "feed"])
def feed(user_id: int, page: int = 1) -> str:
    print("feed of", user_id, "page", page)
    return f"feed {user_id}/{page}"


def warm() -> None:
    profile(1), feed(1), feed(1, page=2), feed(2)


warm()
pages.invalidate_tags("user:1")
print("-- user 1 has changed")
warm()

# prints:
# profile of 1
# feed of 1 page 1
# feed of 1 page 2
# feed of 2 page 1
# -- user 1 has changed
# profile of 1
# feed of 1 page 1
# feed of 1 page 2
