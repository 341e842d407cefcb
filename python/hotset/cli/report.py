"""The result of the demo: its facts, its table, and how it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hotset.cli.memory import Memory
from hotset.cli.replay import UNCACHED, Contestant

NONE = "-"
"""What a cell shows that has no meaning in its row."""

UNKNOWN = "n/a"
"""What a cell shows that could not be measured here."""

HEADINGS = ("hit ratio", "median µs", "p99 µs", "speed-up", "memory MiB", "bytes per entry")

MEDIAN, TAIL = 50, 99
"""The percentiles of the table."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run."""

    title: str
    requests: int
    distinct: int
    maxsize: int
    ttl: str | None
    contestants: Sequence[Contestant]
    memory: dict[str, Memory | None]
    """By policy."""
    clock_ns: int
    """What the clock adds to each latency."""


def render(result: Result) -> RenderableType:
    """The result as it is printed."""
    return Group(
        Text(result.title, style="bold"), Text(_facts(result)), _table(result), Text(_notes(result), style="dim")
    )


def _facts(result: Result) -> str:
    share = result.maxsize / result.distinct
    facts = [
        f"requests {result.requests:,}",
        f"distinct keys {result.distinct:,}",
        f"cache size {result.maxsize:,} ({share:.1%} of the keys)",
    ]
    if result.ttl is not None:
        facts.append(f"ttl {result.ttl}")
    return "   ".join(facts)


def _table(result: Result) -> Table:
    table = Table("policy", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.columns[0].no_wrap = True
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    without = next(contestant for contestant in result.contestants if contestant.name == UNCACHED)
    best = max((contestant.hit_ratio or 0.0 for contestant in result.contestants), default=0.0)
    for contestant in result.contestants:
        leads = contestant.hit_ratio is not None and contestant.hit_ratio == best
        table.add_row(*_row(result, contestant, without), style="green" if leads else None)
    return table


def _row(result: Result, contestant: Contestant, without: Contestant) -> list[str]:
    latencies = contestant.latencies
    ratio = contestant.hit_ratio
    return [
        contestant.name,
        NONE if ratio is None else f"{ratio:.2%}",
        microseconds(latencies.percentile(MEDIAN)),
        microseconds(latencies.percentile(TAIL)),
        f"{without.latencies.total / latencies.total:.1f}x",
        *_memory_cells(result, contestant),
    ]


def _memory_cells(result: Result, contestant: Contestant) -> tuple[str, str]:
    if contestant.cache is None:
        return NONE, NONE
    memory = result.memory.get(contestant.name)
    if memory is None:
        return UNKNOWN, UNKNOWN
    return mebibytes(memory.added), f"{memory.added / max(1, memory.entries):,.0f}"


def _notes(result: Result) -> str:
    return (
        "Each lookup was made by all rows in one process, in chunks whose order alternates, and all answers agreed. "
        f"Latencies are of single calls, hits and misses alike, with about {result.clock_ns} ns of the clock in each; "
        "where more than 1% of the lookups miss, p99 is that of a miss. "
        "Speed-up: total time without a cache over total time with it. "
        "Memory: resident memory that a full cache adds to a fresh process, its keys and rows included."
    )


def microseconds(nanoseconds: int) -> str:
    """A latency in microseconds, as it is printed."""
    return f"{nanoseconds / 1_000:,.2f}"


def mebibytes(size: int) -> str:
    """An amount of memory in MiB, as it is printed."""
    return f"{size / (1 << 20):,.2f}"
