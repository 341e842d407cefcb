"""The hit ratios of all players at all points: a point is a sequence and a number of entries.

Sequences are the families, and what is recorded in the folder that the environment variable `HOTSET_TRACES` names:
`NAME.u64.gz`, little-endian numbers of 64 bits, one a request. All processors work; nothing here is timed.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from goals import Goal, Verdict
from results import Grid

from hit_ratio import families
from hit_ratio.players import BY_NAME, CACHES, CLAIRVOYANT, DEFAULT, LRU, PLAYERS, REAL, Requests

REQUESTS, QUICK_REQUESTS = 200_000, 40_000
"""Of a family."""

QUICK_TRACE_REQUESTS = 40_000
SIZES = (100, 500, 2_000)
"""Entries for the families."""

SHARES = (0.001, 0.01, 0.1, 0.25)
"""Entries for a recorded sequence, as parts of its keys."""

FEWEST_ENTRIES = 100
"""A share that is fewer is no point."""

BELOW_LRU, FAR_BELOW_LRU = 0.5, 3.0
"""Percentage points; who is so far below LRU is counted."""

GOAL = Goal(FAR_BELOW_LRU, unit="percentage points below LRU anywhere")

HOW = (
    "`get(k)`, and on a miss `set(k)`, in a cache that is empty at first. A mean is over the sizes of each sequence,"
    " then over the sequences; the other columns count points, each a sequence at a size, and compare with LRU in"
    f" percentage points. {CLAIRVOYANT} knows what comes. Policies are simulated, with the same lots in every run;"
    f" {REAL} is the mean of {CACHES} caches. moka-py holds some entries more than its bound before it cleans up."
)


@dataclass(frozen=True)
class Sequence:
    """Requests in a file."""

    name: str
    path: Path
    sizes: tuple[int, ...]
    limit: int | None = None


Point = tuple[str, int]
"""A sequence, and entries."""

Ratios = dict[str, dict[int, dict[str, float]]]
"""Percentages of hits: by sequence, by entries, by player."""


@functools.lru_cache(maxsize=1)
def _requests(path: Path, limit: int | None) -> Requests:
    return Requests(path, limit)


def _play(task: tuple[Sequence, int, str]) -> float:
    """The percentage of hits; runs in a process of its own."""
    sequence, entries, player = task
    requests = _requests(sequence.path, sequence.limit)
    return BY_NAME[player].play(requests, entries) / requests.trace.requests * 100


def play(sequences: Collection[Sequence], players: Collection[str]) -> Ratios:
    """The ratios of these players at all points of these sequences."""
    tasks = [(sequence, size, player) for sequence in sequences for size in sequence.sizes for player in players]
    ratios: Ratios = {}
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for (sequence, size, player), ratio in zip(tasks, pool.map(_play, tasks), strict=True):
            ratios.setdefault(sequence.name, {}).setdefault(size, {})[player] = ratio
    return ratios


def made(folder: Path, quick: bool) -> Iterator[Sequence]:
    """The families, written to files."""
    for number, name in enumerate(families.FAMILIES):
        path = folder / f"{number}.u64"
        path.write_bytes(families.requests(name, QUICK_REQUESTS if quick else REQUESTS))
        yield Sequence(name, path, SIZES)


def recorded(quick: bool) -> Iterator[Sequence]:
    """What there is in the folder that the environment names."""
    folder = os.environ.get("HOTSET_TRACES")
    limit = QUICK_TRACE_REQUESTS if quick else None
    for path in sorted(Path(folder).glob("*.u64.gz")) if folder else ():
        keys = _requests(path, limit).trace.unique
        sizes = tuple(size for share in SHARES if (size := int(keys * share)) >= FEWEST_ENTRIES)
        yield Sequence(path.name.removesuffix(".u64.gz"), path, sizes, limit)


def mean(numbers: Collection[float]) -> float:
    return sum(numbers) / len(numbers)


@dataclass(frozen=True)
class Standing:
    """How a player does at all points."""

    player: str
    by_sequence: dict[str, float]
    """The mean over the points of each sequence."""
    against_lru: dict[Point, float]
    """The differences at the points."""

    @property
    def mean(self) -> float:
        """Over the sequences, each as much as the others."""
        return mean(self.by_sequence.values())

    def points_below_lru(self, by: float) -> int:
        """How many points there are where it is as much as that below LRU."""
        return sum(difference <= -by for difference in self.against_lru.values())

    @property
    def worst(self) -> Point:
        """Where it is furthest below LRU."""
        return min(self.against_lru, key=self.against_lru.__getitem__)


def standing(player: str, ratios: Ratios) -> Standing:
    """How a player does."""
    by_sequence = {name: mean([point[player] for point in points.values()]) for name, points in ratios.items()}
    against = {
        (name, size): point[player] - point[LRU] for name, points in ratios.items() for size, point in points.items()
    }
    return Standing(player, by_sequence, against)


def same(ratios: Ratios, players: Collection[str]) -> dict[str, list[str]]:
    """The first player of each that have the same hits at every point, and the others of them."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for player in players:
        key = tuple(point[player] for points in ratios.values() for point in points.values())
        groups.setdefault(key, []).append(player)
    return {first: others for first, *others in groups.values()}


def shown(name: str) -> str:
    """The default in bold."""
    return f"**{name}**" if name == DEFAULT else name


def where(one: Standing) -> str:
    """How far it is below LRU at worst, and where; nothing where it never is."""
    difference = one.against_lru[one.worst]
    name, size = one.worst
    return f"{difference:+.1f}: {name}, {size:,}" if difference < 0 else ""


def overview(name: str, title: str, text: str, ratios: Ratios, groups: dict[str, list[str]]) -> Grid:
    """A line for each player, the best first."""
    standings = sorted((standing(player, ratios) for player in groups), key=lambda one: one.mean, reverse=True)
    points = sum(map(len, ratios.values()))
    header = ("cache", "mean %", f"≥ {BELOW_LRU} below LRU", f"≥ {FAR_BELOW_LRU:g} below LRU", "at worst", "the same")
    rows = [
        (
            shown(one.player),
            f"{one.mean:.2f}",
            f"{one.points_below_lru(BELOW_LRU)} of {points}",
            f"{one.points_below_lru(FAR_BELOW_LRU)} of {points}",
            where(one),
            ", ".join(groups[one.player]),
        )
        for one in standings
    ]
    judged = [one for one in standings if one.player in (DEFAULT, REAL)]
    verdicts = [Verdict(one.player, GOAL, max(0.0, -one.against_lru[one.worst])) for one in judged]
    return Grid(name, "Hit ratio", title, text, header, rows, verdicts)


def by_sequence(name: str, title: str, ratios: Ratios, groups: dict[str, list[str]]) -> Grid:
    """A line for each sequence, and a column for each player, the best first."""
    standings = sorted((standing(player, ratios) for player in groups), key=lambda one: one.mean, reverse=True)
    header = ("sequence", *(shown(one.player) for one in standings))
    rows = [(name, *(f"{one.by_sequence[name]:.1f}" for one in standings)) for name in ratios]
    return Grid(f"{name}-each", "Hit ratio", f"{title}, one by one", "Means over the sizes, in %.", header, rows)


def grids(name: str, title: str, text: str, sequences: Collection[Sequence], players: Collection[str]) -> list[Grid]:
    """The two tables of some sequences."""
    if not sequences:
        return []
    ratios = play(sequences, players)
    groups = same(ratios, players)
    return [overview(name, title, text, ratios, groups), by_sequence(name, title, ratios, groups)]


def run(quick: bool, skip: Collection[str]) -> list[Grid]:
    """The families, and what is recorded, as far as there is anything."""
    players = [player.name for player in PLAYERS if player.name not in skip and not player.missing()]
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    count = QUICK_REQUESTS if quick else REQUESTS
    made_up = f"{len(families.FAMILIES)} families of {count:,} requests, at {sizes} entries."
    part = f"of each the first {QUICK_TRACE_REQUESTS:,} requests" if quick else "all requests"
    real = f"Traces, {part}, at 0.1, 1, 10 and 25 % of their keys where that is at least {FEWEST_ENTRIES} entries."
    with TemporaryDirectory() as folder:
        return [
            *grids("ratios-made", "Made-up sequences", f"{made_up} {HOW}", list(made(Path(folder), quick)), players),
            *grids("ratios-recorded", "Recorded sequences", f"{real} {HOW}", list(recorded(quick)), players),
        ]
