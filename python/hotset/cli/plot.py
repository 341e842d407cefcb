"""The plot: hit ratio over cache size, a line for each policy. It needs the extra `hotset[plot]`."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from hotset import Cache

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""The cache sizes of the plot, as shares of the distinct keys."""

FORMATS = (".png", ".svg", ".pdf")

FIGURE_INCHES = (8.0, 5.0)
DOTS_PER_INCH = 120


@dataclass(frozen=True, slots=True)
class Curve:
    """The hit ratios of a policy."""

    policy: str
    sizes: list[int]
    hit_ratios: list[float]


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
    keys: Sequence[str], distinct: int, policies: Sequence[str], advance: Callable[[int], None]
) -> Iterator[Curve]:
    """Replay the sequence, without the database, for each policy and size; `advance` is told of each that is done."""
    sizes = sizes_for(distinct)
    for policy in policies:
        ratios: list[float] = []
        for size in sizes:
            ratios.append(_hit_ratio(keys, policy, size))
            advance(1)
        yield Curve(policy, sizes, ratios)


def _hit_ratio(keys: Sequence[str], policy: str, maxsize: int) -> float:
    cache = Cache("demo-plot", maxsize=maxsize, policy=policy)

    @cache.cache_result
    def same(key: str) -> str:
        return key

    deque(map(same, keys), maxlen=0)
    stats = cache.stats()
    return stats.hits / max(1, stats.hits + stats.misses)


def draw(path: Path, title: str, drawn: Sequence[Curve], most: float) -> None:
    """Write the plot of the curves; `most` is the hit ratio of a cache without an end."""
    from matplotlib.figure import Figure

    # cast: matplotlib leaves its keyword arguments without types
    figure = cast("Any", Figure(figsize=FIGURE_INCHES, dpi=DOTS_PER_INCH, layout="constrained"))
    axes = figure.subplots()
    for curve in drawn:
        percent = [100 * ratio for ratio in curve.hit_ratios]
        axes.plot(curve.sizes, percent, marker="o", markersize=4, label=curve.policy)
    axes.axhline(100 * most, linestyle="--", linewidth=1, color="grey", label="unbounded")
    axes.set(title=title, xlabel="cache size (entries)", ylabel="hit ratio (%)", xscale="log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path)
