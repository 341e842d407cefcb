"""Where Python has no memory to give, `MemoryError` is raised: the process goes on, and so does the cache."""

import pytest
from warm import run

pytest.importorskip("_testcapi")

#: Without those of which half is Python code: interpreters themselves crash where a frame of it has no memory.
ACTIONS = {
    "two parameters": "f(1, 2)",
    "a key": "f.cache_key(1, 2)",
    "invalidate": "f.invalidate(3, 4)",
    "a list": "f([1], {2: 3})",
    "set with tags": 'cache.set("k", 1, tags=["a", "b"])',
    "a method": "owner.method(3)",
    "own comparison": "cache.set(Equal(1), 1), cache.get(Equal(2))",
    "invalidate_tags": 'cache.invalidate_tags("t:5")',
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("how", ["once", "from then on"])
def test_a_refused_allocation_ends_nothing_but_the_call(action: str, how: str) -> None:
    run(
        f"""
        import _testcapi, hotset
        cache = hotset.Cache("cache")

        @hotset.cache_result
        def f(a, b): return 1

        class Owner:
            @hotset.cache_result
            def method(self, number): return number

        class Equal:
            def __init__(self, number): self.number = number
            def __hash__(self): return 1
            def __eq__(self, other): return self.number == other.number

        owner = Owner()
        def act(): {ACTIONS[action]}

        act()
        for number in range(25):
            f.cache_clear(), cache.clear(), Owner.method.cache_clear()
            _testcapi.set_nomemory(number, {"number + 1" if how == "once" else "0"})
            try:
                try: act()
                finally: _testcapi.remove_mem_hooks()
            except Exception: pass
            assert f(1, 2) == 1 and cache.set("k", 3) is None and cache["k"] == 3
            assert not cache._loads_in_progress and not f.cache._loads_in_progress
        print("done")
        """,
        silent=False,
    )
