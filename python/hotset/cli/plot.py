"""The plot: hit ratio over cache size, a line for each policy. It needs the extra `hotset[plot]`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any, Final, Literal, cast

from hotset import Cache, Policy
from hotset.cli import missing_package, writing

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""The cache sizes of the plot, as shares of the distinct keys."""

FORMATS = (".png", ".svg", ".pdf")

FIGURE_INCHES = (8.0, 5.0)
DOTS_PER_INCH = 120

COLORS: dict[Policy, str] = {
    "adaptive": "#d9480f",
    "tinylfu": "#e8890c",
    "s3fifo": "#c2255c",
    "sieve": "#0b7285",
    "lirs": "#12b886",
    "arc": "#5c940d",
    "slru": "#74c0fc",
    "lru": "#1971c2",
    "mru": "#adb5bd",
    "lfu": "#2f9e44",
    "fifo": "#7048e8",
    "random": "#868e96",
}
BOUND_COLOR = "#212529"
MUTED = "#627d98"


BOUND: Final = "OPT"
"""The name of the curve that no policy can be above."""

PANELS_IN_A_ROW = 2
"""Sequences that stand side by side."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The hit ratios of a policy, or the most that there can be."""

    name: Policy | Literal["OPT"]
    sizes: Sequence[int]
    hit_ratios: Sequence[float]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a plot says beside its curves."""

    title: str
    requests: int
    distinct: int
    maxsize: int | None = None
    """The cache size of the table, if that has only one: it is marked."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What is drawn for a sequence."""

    labels: Labels
    curves: Sequence[Curve]


def obstacle(path: Path) -> str | None:
    """Why a plot could not be written to `path`, in a line, or None."""
    if find_spec("matplotlib") is None:
        return missing_package("matplotlib")
    if path.suffix.lower() not in FORMATS:
        return f"{path}: its name must end in one of {', '.join(FORMATS)}"
    return writing.obstacle(path)


def sizes_for(distinct: int) -> list[int]:
    """The cache sizes to try for a sequence with that many distinct keys, ascending."""
    return sorted({max(1, round(distinct * share)) for share in SHARES})


def curves(
    keys: Sequence[str], distinct: int, policies: Sequence[Policy], advance: Callable[[int], None]
) -> Iterator[Curve]:
    """Replay the sequence, without the database, for each policy and size; `advance` is told of each that is done."""
    sizes = sizes_for(distinct)
    for policy in policies:
        ratios: list[float] = []
        for size in sizes:
            ratios.append(_hit_ratio(keys, policy, size))
            advance(1)
        yield Curve(policy, sizes, ratios)


def _hit_ratio(keys: Sequence[str], policy: Policy, maxsize: int) -> float:
    cache: Cache[object, object] = Cache("demo-plot", maxsize=maxsize, policy=policy)

    @cache.cache_result
    def same(key: str) -> str:
        return key

    deque(map(same, keys), maxlen=0)
    return cache.stats().hit_ratio


def draw(path: Path, panels: Sequence[Panel]) -> None:
    """Write the plot of the curves, the highest one first in the legend."""
    from matplotlib.figure import Figure

    columns = min(len(panels), PANELS_IN_A_ROW)
    rows = ceil(len(panels) / columns)
    width, height = FIGURE_INCHES
    # cast: matplotlib leaves its keyword arguments without types
    figure = cast("Any", Figure(figsize=(width * columns, height * rows), dpi=DOTS_PER_INCH, layout="constrained"))
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, panel in zip(places, panels, strict=False):
        _draw_curves(axes, panel.curves)
        _mark(axes, panel.labels)
        _frame(axes, panel.labels)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    figure.savefig(path)


def _draw_curves(axes: Any, curves: Sequence[Curve]) -> None:
    for curve in sorted(curves, key=lambda curve: (curve.name == BOUND, sum(curve.hit_ratios)), reverse=True):
        percent = [100 * ratio for ratio in curve.hit_ratios]
        color, line = (BOUND_COLOR, "--") if curve.name == BOUND else (COLORS[curve.name], "-")
        axes.plot(curve.sizes, percent, marker="o", markersize=4, color=color, linestyle=line, label=curve.name)


def _mark(axes: Any, labels: Labels) -> None:
    """The limits: what a cache without an end answers, and the size that the table is about."""
    most = 100 * (1 - labels.distinct / labels.requests)
    axes.axhline(
        most,
        linestyle=":" if labels.maxsize is None else "--",
        linewidth=1,
        color=MUTED,
        label=f"no bound: {most:.1f}%",
    )
    if labels.maxsize is not None:
        axes.axvline(labels.maxsize, linestyle=":", linewidth=1, color=MUTED, label=f"the table: {labels.maxsize:,}")


def _frame(axes: Any, labels: Labels) -> None:
    """What is around the curves."""
    axes.set_title(labels.title, loc="left", fontsize=11, fontweight="bold", pad=22)
    what = f"{labels.requests:,} lookups of {labels.distinct:,} distinct keys"
    axes.text(0, 1.02, what, transform=axes.transAxes, fontsize=9, color=MUTED)
    axes.set(xlabel="cache size, entries", ylabel="hit ratio, %", xscale="log", ylim=(0, 100))
    axes.xaxis.set_major_formatter(_entries)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _entries(size: float, _position: int) -> str:
    """A number of entries at the axis."""
    return f"{size:,.0f}"
