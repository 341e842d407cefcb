"""The outcome of a simulation as it is printed: a table of hit ratios for each trace, and their mean."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hotset import Policy
from hotset.cli.plot import BOUND
from hotset.cli.simulation import Contender, Outcome, mean
from hotset.cli.sizes import Sized

BEST = "bold green"
BOUND_STYLE = "italic"
NOTE = "dim"
TITLE = "bold"
WARNING = "yellow"

TABLES = (".csv", ".tsv")
"""What files of columns are called."""

PLACES = 4
"""The decimal places of a ratio that are printed, two of them as percent."""

EXPLANATION = (
    f"The part of the requests that found their key, in a cache that was empty at first. {BOUND} is the cache that "
    "knows which requests come, and the most that any policy can reach."
)


def render(outcomes: Sequence[Outcome]) -> Group:
    """All tables, each below what was read."""
    parts: list[RenderableType] = []
    for outcome in outcomes:
        parts += [_title(outcome), *_notes(outcome), _table(outcome)]
    if len(outcomes) > 1:
        parts += [Text(f"The mean over {len(outcomes)} traces", style=TITLE), _means(outcomes)]
    return Group(*parts, Text(EXPLANATION, style=NOTE))


def _title(outcome: Outcome) -> Text:
    trace = outcome.named.trace
    asked = f"{_count(trace.requests, 'request')} for {_count(trace.unique, 'key')}"
    return Text.assemble((outcome.named.name, TITLE), f": {asked}, at most {outcome.named.most:.2%} hits")


def _notes(outcome: Outcome) -> Iterable[Text]:
    trace = outcome.named.trace
    others = f", {_count(trace.other_lines, 'line')} without a lookup" if trace.other_lines else ""
    yield Text(f"read as {trace.format}{others}", style=NOTE)
    if trace.format == "keys" and PurePath(outcome.named.name).suffix in TABLES:
        yield Text("every line was taken for a key: name the column that has the keys with --key-column", style=WARNING)
    if trace.garbled_lines:
        first = f"the first is line {trace.first_garbled_line:,}"
        yield Text(f"{_count(trace.garbled_lines, 'line')} not understood, {first}", style=WARNING)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _table(outcome: Outcome) -> Table:
    """The hit ratios on a trace."""

    def ratios(contender: Contender) -> list[float]:
        points = [outcome.ratio(contender, size.entries) for size in outcome.sizes]
        return [*points, mean(points)] if len(points) > 1 else points

    headings = [_heading(size) for size in outcome.sizes]
    return _of_ratios([*headings, "\nmean"] if len(headings) > 1 else headings, outcome.policies, ratios)


def _heading(size: Sized) -> str:
    return f"{size.label}\n{size.entries:,}" if size.label.endswith("%") else f"\n{size.label}"


def _means(outcomes: Sequence[Outcome]) -> Table:
    """The means over those traces that have a size, and over the means of all traces."""
    labels = list(dict.fromkeys(size.label for outcome in outcomes for size in outcome.sizes))
    points = [
        [(outcome, size.entries) for outcome in outcomes for size in outcome.sizes if size.label == label]
        for label in labels
    ]

    def ratios(contender: Contender) -> list[float]:
        by_size = [mean([outcome.ratio(contender, entries) for outcome, entries in same]) for same in points]
        return [*by_size, mean([outcome.mean(contender) for outcome in outcomes])]

    headings = [f"{label}\nof {len(same)}" for label, same in zip(labels, points, strict=True)]
    return _of_ratios([*headings, f"mean\nof {len(outcomes)}"], outcomes[0].policies, ratios)


def _of_ratios(
    headings: Sequence[str], policies: Sequence[Policy], ratios: Callable[[Contender], list[float]]
) -> Table:
    """A table with a row for each policy, the best by its last column first, and the bound below them."""
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("\npolicy", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    rows = {policy: [round(ratio, PLACES) for ratio in ratios(policy)] for policy in policies}
    best = [max(column) for column in zip(*rows.values(), strict=True)]
    for policy in sorted(rows, key=lambda policy: rows[policy][-1], reverse=True):
        cells = zip(rows[policy], best, strict=True)
        table.add_row(policy, *(_cell(ratio, len(rows) > 1 and ratio == top) for ratio, top in cells))
    table.add_section()
    table.add_row(BOUND, *(_cell(ratio, stands_out=False) for ratio in ratios(BOUND)), style=BOUND_STYLE)
    return table


def _cell(ratio: float, stands_out: bool) -> Text:
    return Text(f"{ratio:.2%}", style=BEST if stands_out else "")
