"""What the result of the demo means, in sentences."""

from hotset.cli.replay import Contestant
from hotset.cli.report import MEDIAN, Result, entries, mebibytes, microseconds, seconds

DEFAULT_POLICY = "adaptive"
"""The policy that a cache has unless told."""


def conclude(result: Result) -> list[str]:
    """A few paragraphs, the most important first."""
    best = result.best
    if not best.hit_ratio:
        return [f"No lookup was a hit: no key came again while it was among {entries(result.maxsize)}."]
    return [f"{_gain(result, best)} {_half(result, best)}".rstrip(), _limit(result, best), _code(result, best)]


def _gain(result: Result, best: Contestant) -> str:
    memory = result.memory_of(best)
    where = f" from {mebibytes(memory.added)} MiB of memory" if memory else ""
    before, after = result.uncached.latencies.total, best.latencies.total
    return (
        f"With {best.name}, hotset answered {best.hit_ratio:.2%} of the lookups{where}: all of them together took "
        f"{seconds(after)} s instead of {seconds(before)} s."
    )


def _half(result: Result, best: Contestant) -> str:
    """How long a hit takes, where the median is one."""
    if (best.hit_ratio or 0.0) * 100 <= MEDIAN:
        return ""
    usual, query = best.latencies.percentile(MEDIAN), result.uncached.latencies.percentile(MEDIAN)
    return f"Half of the calls took at most {microseconds(usual)} µs, where a query takes {microseconds(query)} µs."


def _limit(result: Result, best: Contestant) -> str:
    most = 1 - result.distinct / result.requests
    several = len(result.memory) > 1
    ranking = f" Here {best.name} is ahead; other sequences favour other policies." if several else ""
    return f"No cache can answer more than {most:.2%}, since the first lookup of a key is always a miss.{ranking}"


def _code(result: Result, best: Contestant) -> str:
    options = [f"maxsize={result.maxsize:_}"]
    if best.name != DEFAULT_POLICY:
        options.append(f'policy="{best.name}"')
    if result.ttl is not None:
        options.append(f'ttl="{result.ttl}"')
    return f"The same for a function of yours:\n\n  @hotset.cache_result({', '.join(options)})"
