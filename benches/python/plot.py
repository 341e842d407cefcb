"""The results as a picture: small horizontal bars, one panel for each thing that was measured.

Alone, it draws what `run.py --json` kept: `python benches/python/plot.py samples.json picture.png`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import results
from contenders import BY_NAME, HOTSET, LRU_CACHE, PLAIN_COROUTINE, Role
from report import number
from results import Result, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Panel:
    """A table that is drawn, and its title."""

    table: str
    title: str


PANELS = (
    Panel("hit-one", "f(500)"),
    Panel("hit-keyword-one", 'f(1, "abc", c=3)'),
    Panel("hit-async-one", "await f(5)"),
    Panel("hit-method-one", "o.m(500)"),
    Panel("get-many", "cache.get(k)"),
    Panel("set-many", "cache[k] = v"),
    Panel("miss", "a miss: load, fill, evict"),
    Panel("threads-mix-8", "8 threads, 90 % hits"),
    Panel("memory", "memory for one entry"),
)

NOT_DRAWN = {"cachebox LRUCache", "cachetools LRUCache", "cachebox VTTLCache"}
"""Variants of a peer that is drawn; they are in the tables."""

SHORT = {LRU_CACHE: "lru_cache", PLAIN_COROUTINE: "not cached"}
"""Names that need no more than this here; of the others, `Cache` is left out."""

COLUMNS = 3
WIDTH_INCHES = 9.6
DOTS_PER_INCH = 170
BAR_INCHES = 0.185
PANEL_EXTRA_INCHES = 0.62

CUT_AT = 14.0
"""Bars of more than so many times the best are cut, and slashed."""

CUT_LENGTH = 1.1
"""The length of a cut bar, in lengths of the longest that is not."""

ROOM_FOR_NUMBERS = 1.42
"""The width of a panel, in the same."""

OURS_COLOR, PEER_COLOR, BASELINE_COLOR = "#d9480f", "#9fb3c8", "#d9dfe6"
TEXT_COLOR, MUTED_COLOR = "#243b53", "#627d98"
TITLE_POINTS, TEXT_POINTS, SMALL_POINTS = 9.5, 8.0, 7.0


def color(name: str) -> str:
    """Ours stands out; what is no cache steps back."""
    if name.startswith(HOTSET):
        return OURS_COLOR
    role = BY_NAME[name].role if name in BY_NAME else Role.PEER
    return BASELINE_COLOR if role is Role.BASELINE else PEER_COLOR


def weight(name: str) -> str:
    """Ours stands out here too."""
    return "bold" if name.startswith(HOTSET) else "normal"


def short(name: str) -> str:
    """A name that fits beside a bar."""
    return SHORT.get(name, name.replace("Cache", "").replace("hotset, decorated function", "hotset, decorated"))


def longest_bar(table: Table, values: Sequence[float]) -> float:
    """The length at which bars are cut: that of the longest that need not be."""
    if table.more_is_better:
        return max(values)
    return max(value for value in values if value <= CUT_AT * min(values))


def draw_bar(axes: Axes, position: int, name: str, value: float, longest: float) -> None:
    """One bar and its number."""
    shown = value if value <= longest else longest * CUT_LENGTH
    axes.barh(position, shown, height=0.74, color=color(name))
    if value > longest:
        axes.text(shown * 0.9, position, "//", color="white", fontweight="bold", va="center", ha="center")
    axes.text(
        shown + longest * 0.02,
        position,
        number(value),
        va="center",
        fontsize=TEXT_POINTS,
        fontweight=weight(name),
        color=TEXT_COLOR,
    )


def draw_frame(axes: Axes, title: str, subtitle: str) -> None:
    """What is around the bars."""
    axes.set_title(title, loc="left", fontsize=TITLE_POINTS, fontweight="bold", color=TEXT_COLOR, pad=13)
    axes.text(0, 1.0, subtitle, transform=axes.transAxes, fontsize=SMALL_POINTS, color=MUTED_COLOR, va="bottom")
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def names_drawn(table: Table) -> list[str]:
    """The contenders in a panel, the best first."""
    return [name for name in table.ranking() if name not in NOT_DRAWN]


def draw(axes: Axes, table: Table, title: str, places: int) -> None:
    """One panel, the best contender on top, with room for so many."""
    names = names_drawn(table)
    values = [table.summary(name).median for name in names]
    longest = longest_bar(table, values)
    for position, (name, value) in enumerate(zip(names, values, strict=True)):
        draw_bar(axes, position, name, value, longest)
    axes.set_yticks(range(len(names)), map(short, names), fontsize=TEXT_POINTS, color=TEXT_COLOR)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight(weight(name))
    axes.set_xlim(0, longest * ROOM_FOR_NUMBERS)
    axes.set_ylim(places - 0.5, -0.5)
    draw_frame(axes, title, f"{table.unit}, {'more' if table.more_is_better else 'less'} is better")


def panels(tables: Sequence[Result]) -> list[tuple[Table, str]]:
    """The tables that are drawn, with their titles; those that were not measured are left out."""
    found = {table.name: table for table in tables if isinstance(table, Table) and table.samples}
    return [(found[panel.table], panel.title) for panel in PANELS if panel.table in found]


def save(tables: Sequence[Result], path: Path, footer: str = "") -> None:
    """Draws what was measured; draws nothing when none of the panels was."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    drawn = panels(tables)
    if not drawn:
        return
    lines = [drawn[start : start + COLUMNS] for start in range(0, len(drawn), COLUMNS)]
    places = [max(len(names_drawn(table)) for table, _ in line) for line in lines]
    heights = [count * BAR_INCHES + PANEL_EXTRA_INCHES for count in places]
    size = (WIDTH_INCHES, sum(heights))
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06)
    figure, grid = pyplot.subplots(len(lines), COLUMNS, figsize=size, squeeze=False, layout=layout)
    grid[0][0].get_gridspec().set_height_ratios(heights)
    for line, row, count in zip(lines, grid, places, strict=True):
        for axes in row[len(line) :]:
            axes.set_visible(False)
        for axes, (table, title) in zip(row, line, strict=False):
            draw(axes, table, title, count)
    figure.supxlabel(footer, fontsize=SMALL_POINTS, color=MUTED_COLOR, x=0.01, ha="left")
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor="white")
    pyplot.close(figure)


if __name__ == "__main__":
    save(results.load(Path(sys.argv[1])), Path(sys.argv[2]), " ".join(sys.argv[3:]))
