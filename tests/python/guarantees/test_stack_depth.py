"""However deep things are nested, the worst is an exception: the stack of the process is never used up."""

import sys

import pytest
from warm import run

CHAINS = {
    "pending calls": "coroutine(link)",
    "ready awaitables": "hotset._core.ready(link)",
    "keys of calls": "function.cache_key(link)",
    "methods": "function.__get__(link)",
    "caches": "held_by(hotset.Cache(), link)",
    "results": "held_by_function(link)",
    "containers as keys": "function.cache_key([link])",
    "iterators over caches": "iter(held_by(hotset.Cache(), link))",
    "functions that decide": "hotset.cache_result(should_cache=link if callable(link) else None)(lambda: 1)",
    "functions that give keys": "hotset.cache_result(key=link if callable(link) else None)(lambda: 1)",
    "defaults": "with_default(link)",
    "exceptions": "raised_in(link)",
    "ready awaitables of a cache": "found(link)",
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_long_chain_is_freed(chain: str) -> None:
    """Not by the collector, and not by going down the stack a link at a time: there are 13 bytes of it for each."""
    run(
        f"""
        import gc, threading
        import hotset
        function = hotset.cache_result(lambda argument: 1)

        @hotset.cache_result
        async def coroutine(argument): return 1

        async def coroutine_of(called, argument): return await called(argument)

        def held_by(cache, link):
            cache["link"] = link
            return cache

        def held_by_function(link):
            @hotset.cache_result
            def holder(): return link
            holder()
            return holder

        def with_default(link):
            @hotset.cache_result
            def holder(argument=link): return 1
            return holder

        def raised_in(link):
            awaitable = coroutine(1)
            try: awaitable.send(None)
            except StopIteration as error: raised = error
            raised.__context__ = link if isinstance(link, BaseException) else None
            return raised

        def found(link):
            coroutine.set(link, 0)
            return coroutine(0)

        import asyncio
        asyncio.run(coroutine_of(coroutine, 1))
        link = "the end"
        for _ in range(20_000):
            link = {CHAINS[chain]}
        gc.collect()
        last = [link]
        del link
        threading.stack_size(256 << 10)
        thread = threading.Thread(target=last.clear)
        thread.start()
        thread.join()
        assert last == []
        print("done")
        """,
        silent=False,
    )


@pytest.mark.parametrize("kind", ["one", "two", "method", "listener", "__eq__", "weigher"])
def test_endless_recursion_is_an_error(kind: str) -> None:
    run(
        """
        import sys
        import hotset
        from hotset import Cache, cache_result

        sys.setrecursionlimit(10**6)
        sys.unraisablehook = lambda info: unraisable.append(info.exc_type)
        unraisable, kind = [], sys.argv[1]

        @cache_result
        def one(number): return one(number + 1)

        @cache_result
        def two(number, *, text): return two(number + 1, text=str(number))

        class Owner:
            @cache_result
            def method(self, number): return self.method(number + 1)

        class Equal:
            def __hash__(self): return 1
            def __eq__(self, other): return cache.get(Equal()) is None

        cache = Cache(on_remove=lambda key, value, cause: cache.set(key, value + 1))
        weighed = Cache(maxweight=10, weigher=lambda key, value: weighed.set(key, value))
        actions = {"one": lambda: one(0), "two": lambda: two(0, text=""), "method": lambda: Owner().method(0),
                   "listener": lambda: (cache.set("k", 0), cache.set("k", 1)), "weigher": lambda: weighed.set("k", 1),
                   "__eq__": lambda: (cache.set(Equal(), 1), cache.get(Equal()))}
        try:
            actions[kind]()
        except RecursionError:
            pass
        assert set(unraisable) <= {RecursionError}, unraisable[:3]
        assert cache_result(lambda number: number)(5) == 5
        print("done")
        """,
        kind,
        silent=False,
    )


#: Ways to a recursion, and how deep it gets on 8 MiB where the interpreter counts what it takes, and not levels of it.
RECURSIONS = {
    "function": ("@cache_result(maxsize=None)\ndef f(n): return n and f(n - 1) + 1", 2_500),
    "keyword": ("@cache_result(maxsize=None)\ndef f(n, *, a=1): return n and f(n - 1, a=2) + 1", 2_500),
    "tags": ('@cache_result(maxsize=None, tags=["t:{n}"])\ndef f(n): return n and f(n - 1) + 1', 2_500),
    "key": ("@cache_result(maxsize=None, key=lambda n: n)\ndef f(n): return n and f(n - 1) + 1", 2_500),
    "method": (
        "class Owner:\n    @cache_result(maxsize=None)\n    def f(self, n): return n and self.f(n - 1) + 1\nf = Owner().f",
        2_500,
    ),
    "property": (
        "class Node:\n    def __init__(self, below): self.below = below\n    @hotset.cached_property(maxsize=None)\n"
        "    def depth(self): return 0 if self.below is None else self.below.depth + 1\n"
        # Freed from the last to the first, each alone.
        "def f(n):\n    nodes = [Node(None)]\n    for _ in range(n): nodes.append(Node(nodes[-1]))\n    return nodes[-1].depth",
        2_500,
    ),
    "grace": ("@cache_result(maxsize=None, ttl=99, grace=99)\ndef f(n): return n and f(n - 1) + 1", 1_200),
    "timeout": ("@cache_result(maxsize=None, timeout=60)\ndef f(n): return n and f(n - 1) + 1", 1_200),
    "cache_errors": ("@cache_result(maxsize=None, cache_errors=KeyError)\ndef f(n): return n and f(n - 1) + 1", 1_200),
    "get_or_load": ("def f(n): return n and cache.get_or_load(n, lambda n: f(n - 1) + 1)", 1_200),
    "load_many": ("def f(n): return n and cache.load_many([n], lambda keys: {n: f(n - 1) + 1})[n]", 1_200),
    "typed=False": ("@cache_result(maxsize=None, typed=False)\ndef f(n): return n and f(n - 1) + 1", 2_500),
}
#: Before 3.13 the interpreter has its own mind about levels of C: as many, at least, as it gives others.
LEVELS = 500 if sys.version_info < (3, 13) else None


@pytest.mark.parametrize("limit", [1_000, 10**6])
@pytest.mark.parametrize("kibibytes", [256, 512, 8_192])
@pytest.mark.parametrize("kind", RECURSIONS)
def test_recursion_ends_in_an_error_however_small_the_stack(kind: str, kibibytes: int, limit: int) -> None:
    code, depth = RECURSIONS[kind]
    if kibibytes < 8_192:
        depth = 30 * kibibytes // 256
    elif limit == 1_000:
        depth = 100
    elif LEVELS is not None:
        depth = LEVELS
    run(
        f"""
        import sys, threading
        import hotset
        from hotset import Cache, cache_result

        cache = Cache(maxsize=None)
        exec({code!r})

        def recur():
            assert f({depth}) == {depth}
            try: f(200_000)
            except RecursionError: pass
            else: raise AssertionError("it ended")
            assert f(7) == 7
            print("done")

        sys.setrecursionlimit({limit})
        threading.stack_size({kibibytes} << 10)
        thread = threading.Thread(target=recur)
        thread.start()
        thread.join()
        """,
        silent=False,
    )


@pytest.mark.parametrize("make", ["[argument]", "(argument,)", "{1: argument}", "frozenset([argument])"])
def test_an_argument_may_be_nested_deeply(make: str) -> None:
    run(
        f"""
        import hotset
        function = hotset.cache_result(lambda argument: 1)
        loose = hotset.cache_result(typed=False)(lambda argument: 1)
        for depth in (10, 100, 150, 5_000):
            argument = "end"
            for _ in range(depth):
                argument = {make}
            for called in (function, loose):
                try: assert called(argument) == called(argument) == 1
                except (TypeError, RecursionError) as error: assert depth > 150, error
        circle = []
        circle.append(circle)
        for called in (function, loose):
            try: called(circle)
            except (TypeError, RecursionError): pass
            else: raise AssertionError("a circle has no content")
        print("done")
        """
    )
