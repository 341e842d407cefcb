"""The result of the demo as it is printed: what was done, the table, what it means, and how it was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hotset import Policy
from hotset.cli.memory import Memory
from hotset.cli.replay import UNCACHED, Contestant

NONE = "-"
"""What a cell shows that has no meaning in its row."""

UNKNOWN = "n/a"
"""What a cell shows that could not be measured here."""

HEADINGS = ("hit\nratio", "total\ns", "times\nfaster", "median\nµs", "p99\nµs", "memory\nMiB", "bytes/\nentry")

MEDIAN, TAIL = 50, 99
"""The percentiles of the table."""

WIDE = 70
"""The columns of a terminal from which on the table has room between its columns."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run."""

    title: str
    requests: int
    distinct: int
    maxsize: int
    ttl: str | None
    contestants: Sequence[Contestant]
    memory: dict[Policy, Memory | None]
    clock_ns: int
    """What the clock adds to each latency."""

    @property
    def uncached(self) -> Contestant:
        """The contestant that always asks the database."""
        return next(contestant for contestant in self.contestants if contestant.name == UNCACHED)

    @property
    def best(self) -> Contestant:
        """The contestant with the most hits; of several, the first."""
        return max(self.contestants, key=lambda contestant: contestant.hit_ratio or 0.0)

    def memory_of(self, contestant: Contestant) -> Memory | None:
        """What the contestant's cache takes, where it has one and that could be measured."""
        return next((taken for policy, taken in self.memory.items() if policy == contestant.name), None)


def render(result: Result, conclusion: Sequence[str], width: int) -> RenderableType:
    """The result for a terminal of so many columns; the conclusion is printed below the table, a paragraph each."""
    paragraphs = [Text(f"{paragraph}\n") for paragraph in conclusion]
    notes = Text(_notes(result), style="dim")
    return Group(_facts(result), _table(result, roomy=width >= WIDE), *paragraphs, notes)


def _facts(result: Result) -> Table:
    """What was done, a line for each fact."""
    share = min(1.0, result.maxsize / result.distinct)
    facts = {
        "sequence": result.title,
        "lookups": f"{result.requests:,} of {result.distinct:,} distinct keys",
        "answers": "from a SQLite database, one query a lookup, unless a cache has the row",
        "cache": f"at most {entries(result.maxsize)}, {share:.1%} of the keys",
    }
    if result.ttl is not None:
        facts["ttl"] = result.ttl
    grid = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        grid.add_row(Text(name, style="bold"), Text(fact))
    return grid


def _table(result: Result, roomy: bool) -> Table:
    sides = 1 if roomy else 0
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, sides))
    table.add_column("\npolicy", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    most = result.best.hit_ratio
    for contestant in result.contestants:
        leads = contestant.hit_ratio is not None and contestant.hit_ratio == most
        table.add_row(*_row(result, contestant), style="green" if leads else None)
    return table


def _row(result: Result, contestant: Contestant) -> list[str]:
    latencies = contestant.latencies
    ratio = contestant.hit_ratio
    return [
        contestant.name,
        NONE if ratio is None else f"{ratio:.2%}",
        seconds(latencies.total),
        f"{result.uncached.latencies.total / latencies.total:.1f}x",
        microseconds(latencies.percentile(MEDIAN)),
        microseconds(latencies.percentile(TAIL)),
        *_memory_cells(contestant, result.memory_of(contestant)),
    ]


def _memory_cells(contestant: Contestant, memory: Memory | None) -> tuple[str, str]:
    if contestant.cache is None:
        return NONE, NONE
    if memory is None:
        return UNKNOWN, UNKNOWN
    return mebibytes(memory.added), f"{memory.added / max(1, memory.entries):,.0f}"


def _notes(result: Result) -> str:
    return (
        "How it was measured: all rows made the same lookups in one process, taking turns, and every answer was "
        f"compared. Each time is that of a single call, hit or miss, {result.clock_ns} ns of it for reading the clock. "
        "p99 is that of a miss where more than 1% miss. Memory is what a full cache adds to a fresh process, its keys "
        "and rows included."
    )


def entries(number: int) -> str:
    """A number of entries, as it is printed."""
    return "1 entry" if number == 1 else f"{number:,} entries"


def seconds(nanoseconds: int) -> str:
    """A sum of latencies in seconds, as it is printed."""
    return f"{nanoseconds / 1e9:,.2f}"


def microseconds(nanoseconds: int) -> str:
    """A latency in microseconds, as it is printed."""
    return f"{nanoseconds / 1_000:,.2f}"


def mebibytes(size: int) -> str:
    """An amount of memory in MiB, as it is printed."""
    return f"{size / (1 << 20):,.2f}"
