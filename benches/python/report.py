"""The results as a Markdown page: the goals first, then a table for each thing that was measured."""

from __future__ import annotations

import itertools
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
from contenders import CONTENDERS, HOTSET
from goals import Verdict
from results import Grid, Result, Table

_HOW_TO_READ = """\
Every number is the median over the rounds of one run, in which all contenders of a table took turns in random order;
the spread is the middle half of the samples. Ratios are taken within a round, and their median is shown. Times are
those of the whole statement, with the loop around it. Rows of hits are rows of hits: a remark says where one was not.
Hit ratios are counted and not timed.\
"""

_TEXT_COLUMNS = {
    "contender",
    "goal",
    "verdict",
    "remarks",
    "what",
    "measured",
    "cache",
    "at worst",
    "the same",
    "sequence",
    "requests",
}
_DECIMALS_BELOW = 100
_SIGNIFICANT_BELOW = 10


@dataclass(frozen=True)
class Conditions:
    """What has to be known about a run to repeat it."""

    command: str
    rounds: int
    quick: bool
    missing: Mapping[str, str]


def number(value: float) -> str:
    """A number with no more digits than it deserves."""
    if abs(value) < _SIGNIFICANT_BELOW:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < _DECIMALS_BELOW else f"{value:,.0f}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns of text are aligned to the left."""
    rule = ["---" if title in _TEXT_COLUMNS else "---:" for title in header]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def interpreter() -> str:
    """The Python that ran, and whether it has its global lock."""
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    return f"{platform.python_implementation()} {platform.python_version()}, {'with' if locked else 'without'} the GIL"


def caption() -> str:
    """What stands under the picture."""
    return (
        "Medians of one interleaved run, bars of hits include the loop; a slashed bar is cut. "
        f"{processor()}, {interpreter()}. All numbers: benches/RESULTS.md"
    )


def versions() -> str:
    """The versions of all that is installed."""
    found = {c.distribution: c.version() for c in CONTENDERS if c.distribution}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()) if version != "not installed")


def preamble(conditions: Conditions) -> str:
    """The head of the page: the command, the machine, the versions."""
    quick = (
        " (`--quick`: fewer rounds and a smaller memory test; for a look, not for quoting)" if conditions.quick else ""
    )
    lines = [
        "# Benchmarks",
        "",
        _HOW_TO_READ,
        "",
        f"- command: `{conditions.command}`",
        f"- rounds: {conditions.rounds}{quick}",
        f"- machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"- Python: {interpreter()}",
        f"- versions: {versions()}",
    ]
    if conditions.missing:
        lines += ["", "Not measured:", ""]
        lines += [f"- {name}: {reason}" for name, reason in conditions.missing.items()]
    return "\n".join(lines)


def goal_subject(table: Result, verdict: Verdict) -> str:
    """What a goal is about."""
    who = "" if verdict.contender == HOTSET else f" ({verdict.contender})"
    return f"{table.group}: {table.title}{who}"


def goals(tables: Sequence[Result]) -> str:
    """All goals and what became of them."""
    rows = [
        (goal_subject(table, verdict), str(verdict.goal), str(verdict))
        for table in tables
        for verdict in table.verdicts
    ]
    if not rows:
        return "## Goals\n\nNone could be judged in this run."
    met = sum(verdict.met for table in tables for verdict in table.verdicts)
    return f"## Goals\n\n{met} of {len(rows)} met.\n\n" + markdown_table(("what", "goal", "measured"), rows)


def emphasized(name: str) -> str:
    """Our own name in bold."""
    return f"**{name}**" if name.startswith(HOTSET) else name


def spread(summary: measure.Summary) -> str:
    """The middle half of the samples."""
    return f"{number(summary.low)} – {number(summary.high)}"


def contender_row(table: Table, name: str) -> list[str]:
    """One line of a table."""
    summary, ratio, verdicts = (table.summary(name), table.ratio(name), table.verdicts_on(name))
    return [
        emphasized(name),
        number(summary.median),
        spread(summary),
        "–" if ratio is None else f"{ratio:.2f}",
        "<br>".join(str(verdict.goal) for verdict in verdicts),
        "<br>".join(str(verdict) for verdict in verdicts),
        table.remarks.get(name, ""),
    ]


def without_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """The same, less the columns that say nothing."""
    kept = [column for column in range(len(header)) if any(row[column] for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def failures(tables: Iterable[Table]) -> list[str]:
    """Who took part and broke, and how."""
    broken = {name: reason for table in tables for name, reason in table.failures.items()}
    return [f"\nFailed: {name}: {reason}" for name, reason in broken.items()]


def one_table(table: Table) -> str:
    """One measured thing, the best contender first."""
    header = ("contender", f"median {table.unit}", "spread", f"× {table.reference}", "goal", "verdict", "remarks")
    rows = [contender_row(table, name) for name in table.ranking()]
    shown = markdown_table(*without_empty_columns(header, rows)) if rows else "Nobody took part."
    return "\n".join(
        [f"### {table.title[0].upper()}{table.title[1:]}: `{table.statement}`", "", shown, *failures([table])]
    )


def side_by_side(tables: Sequence[Table]) -> str:
    """Tables of the same contenders as the columns of one."""
    first = tables[0]

    def cell(table: Table, name: str) -> str:
        if name not in table.samples:
            return "–"
        summary = table.summary(name)
        return f"{number(summary.median)} ({spread(summary)})"

    rows = [[emphasized(name), *(cell(table, name) for table in tables)] for name in first.ranking()]
    header = ["contender", *(table.title for table in tables)]
    return "\n".join(
        [
            f"`{first.statement}`, {first.unit}: median (spread); more is better",
            "",
            markdown_table(header, rows),
            *failures(tables),
        ]
    )


def one_grid(grid: Grid) -> str:
    """Figures and the text above them."""
    return f"### {grid.title}\n\n{grid.text}\n\n{markdown_table(*without_empty_columns(grid.header, grid.rows))}"


def section(results: Sequence[Result]) -> Iterator[str]:
    """What is in a group."""
    tables = [result for result in results if isinstance(result, Table)]
    if tables and tables[0].more_is_better:
        yield side_by_side(tables)
    else:
        yield from (one_grid(result) if isinstance(result, Grid) else one_table(result) for result in results)


def sections(results: Sequence[Result]) -> Iterator[str]:
    """A section for each group of results."""
    for group, members in itertools.groupby(results, key=lambda result: result.group):
        yield f"## {group}"
        yield from section(list(members))


def render(tables: Sequence[Result], conditions: Conditions) -> str:
    """The whole page."""
    return "\n\n".join([preamble(conditions), goals(tables), *sections(tables)]) + "\n"
