"""Every operation gives back every reference that it takes and every byte that it asks for."""

import pytest
from child import SOAK
from warm import run

TIMES = 12_000 * SOAK

COUNTS = """
import sys
from counting import check_balanced
from operations import KINDS

done = 0
for name, (operation, involved) in KINDS[sys.argv[1]]().items():
    times = int(sys.argv[2])
    check_balanced(name, operation, involved, times)
    done += times
print(done, "operations")
print("done")
"""

MEMORY = COUNTS.replace(
    "check_balanced(name, operation, involved, times)", "check_memory(name, operation, times)"
).replace("import check_balanced", "import check_memory")


@pytest.mark.parametrize("kind", ["mapping", "functions", "coroutines"])
def test_counts_of_references_are_balanced(kind: str) -> None:
    run(COUNTS, kind, TIMES, timeout=120)


@pytest.mark.parametrize("kind", ["mapping", "functions", "coroutines"])
def test_memory_does_not_grow(kind: str) -> None:
    run(MEMORY, kind, TIMES // 2, timeout=120)


def test_a_million_hits_change_nothing() -> None:
    run(
        """
        import sys
        from counting import check_balanced
        from faces import finish
        from hotset import Cache, cache_result

        function = cache_result(lambda number: result)
        coroutine_of = cache_result(lambda number: result)
        result, argument, cache = object(), 10**9, Cache()
        function(argument)
        cache[argument] = result

        @cache_result
        async def coroutine(number): return result

        finish(coroutine(argument))
        hundred = range(100)

        def hits():
            for _ in hundred: function(argument), cache[argument], cache.get(argument), coroutine(argument).close()

        involved = [function, coroutine, result, argument, cache]
        check_balanced("hits", hits, involved, 2_500 * int(sys.argv[1]))
        print("done")
        """,
        SOAK,
        timeout=120,
    )
