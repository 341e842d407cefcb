"""What is one key, what is not, and how to say otherwise."""

from typing import Annotated

from hotset import Ignore, cache_result


@cache_result
def add(a: float, b: float = 2) -> float:
    print("  adding", a, b)
    return a + b


print(add(1), add(1, 2), add(b=2, a=1), add(1.0))  # one key, and another: the type counts, unless typed=False


@cache_result(ignore=["verbose"])
def load(table: str, session: Annotated[object, Ignore], verbose: bool = False) -> str:
    return f"{table}, read by {session}"


print(load("users", "session 1"), "|", load("users", "session 2", True))


@cache_result(key=str.casefold)
def greet(name: str) -> str:
    return f"Hello, {name}!"


print(greet("Ada"), greet("ADA"))
print(add.cache_key(1) == add.cache_key(a=1, b=2), add.cache_key(1) == add.cache_key(1.0))

# prints:
#   adding 1 2
#   adding 1.0 2
# 3 3 3 3.0
# users, read by session 1 | users, read by session 1
# Hello, Ada! Hello, Ada!
# True False
