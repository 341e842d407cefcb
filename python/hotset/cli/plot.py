"""The plot: hit ratio over cache size, a line for each policy. It needs the extra `hotset[plot]`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from hotset import Cache, Policy

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
MUTED = "#627d98"


@dataclass(frozen=True, slots=True)
class Curve:
    """The hit ratios of a policy."""

    policy: Policy
    sizes: list[int]
    hit_ratios: list[float]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a plot says beside its curves."""

    title: str
    requests: int
    distinct: int
    maxsize: int
    """The cache size of the table, which is marked."""


def obstacle(path: Path) -> str | None:
    """Why a plot could not be written to `path`, in a line, or None."""
    if path.suffix.lower() not in FORMATS:
        return f"{path}: its name must end in one of {', '.join(FORMATS)}"
    if path.is_dir():
        return f"{path}: it is a directory"
    if not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}"
    return None


def installed() -> bool:
    """Whether what draws the plot is there."""
    return find_spec("matplotlib") is not None


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


def draw(path: Path, labels: Labels, drawn: Sequence[Curve]) -> None:
    """Write the plot of the curves, the highest one first in the legend."""
    from matplotlib.figure import Figure

    # cast: matplotlib leaves its keyword arguments without types
    figure = cast("Any", Figure(figsize=FIGURE_INCHES, dpi=DOTS_PER_INCH, layout="constrained"))
    axes = figure.subplots()
    for curve in sorted(drawn, key=lambda curve: sum(curve.hit_ratios), reverse=True):
        percent = [100 * ratio for ratio in curve.hit_ratios]
        axes.plot(curve.sizes, percent, marker="o", markersize=4, color=COLORS[curve.policy], label=curve.policy)
    _mark(axes, labels)
    _frame(axes, labels)
    figure.savefig(path)


def _mark(axes: Any, labels: Labels) -> None:
    """The limits: what a cache without an end answers, and the size that the table is about."""
    most = 100 * (1 - labels.distinct / labels.requests)
    axes.axhline(most, linestyle="--", linewidth=1, color=MUTED, label=f"no bound: {most:.1f}%")
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
    axes.legend(loc="best", frameon=False)


def _entries(size: float, _position: int) -> str:
    """A number of entries at the axis."""
    return f"{size:,.0f}"
