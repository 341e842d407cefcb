"""The benchmark of hit ratios: its sequences, what it makes of the figures, and that what it simulates is the cache."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from pathlib import Path

import hotset
import pytest
from hotset import Cache, Policy
from hotset._core import Progress, Trace

BENCHES = Path(__file__).resolve().parents[3] / "benches"
sys.path += [str(BENCHES), str(BENCHES / "python")]

import policy_work  # noqa: E402  the benchmarks are no package that is installed
import report  # noqa: E402  likewise
import results  # noqa: E402  likewise
from hit_ratio import families, ratios  # noqa: E402  likewise

REQUESTS, SIZE = 20_000, 200
LOTS = {"adaptive", "tinylfu", "s3fifo", "random"}
"""Policies that draw lots, or mix hashes with a seed that each cache draws anew."""
BY_LOT = 0.03


def sequence(family: str, requests: int = REQUESTS) -> array[int]:
    return families.requests(family, requests)


def simulated(policy: Policy, keys: array[int], folder: Path) -> int:
    path = folder / "keys.u64"
    path.write_bytes(keys)
    trace = Trace.read(path, Progress(), format="u64", key_column=None, delimiter=None, limit=None)
    return trace.hits(policy, SIZE, Progress())


def real(policy: Policy, keys: array[int]) -> int:
    cache: Cache[int, int] = Cache(maxsize=SIZE, policy=policy)
    for key in keys:
        if cache.get(key) is None:
            cache.set(key, 1)
    return cache.stats().hits


@pytest.mark.parametrize("policy", hotset.POLICIES)
def test_a_cache_has_the_hits_of_its_simulation(policy: Policy, tmp_path: Path) -> None:
    for family in ("mixture", "loops, mixed", "hot keys, one scan"):
        keys = sequence(family)
        difference = abs(simulated(policy, keys, tmp_path) - real(policy, keys))
        assert difference <= (BY_LOT * REQUESTS if policy in LOTS else 0), family


@pytest.mark.parametrize("family", families.FAMILIES)
def test_a_family_is_the_same_each_time_and_a_longer_one_begins_as_a_shorter(family: str) -> None:
    assert sequence(family, 1_500) == sequence(family, 3_000)[:1_500]


def test_families_do_what_their_names_say() -> None:
    assert sequence("loop of 600")[:1_200] == array("Q", [*range(600)] * 2)
    assert sequence("back and forth")[2_498:2_502] == array("Q", [2_498, 2_499, 2_499, 2_498])
    asked = Counter(sequence("twice"))
    assert {asked[key] for key in range(150, REQUESTS // 2)} == {2}
    once = sum(count == 1 for count in Counter(sequence("one-hit wonders")).values())
    assert once > REQUESTS / 2
    assert not set(sequence("upheavals", 80_000)[:40_000]) & set(sequence("upheavals", 80_000)[40_000:])
    assert max(sequence("only recent")) <= REQUESTS / 4


RATIOS: ratios.Ratios = {
    "a": {100: {"lru": 10.0, "fifo": 9.5, "adaptive": 6.0}, 200: {"lru": 20.0, "fifo": 20.0, "adaptive": 30.0}},
    "b": {100: {"lru": 40.0, "fifo": 39.6, "adaptive": 44.0}},
}


def test_a_mean_is_over_the_sizes_and_then_over_the_sequences() -> None:
    assert ratios.standing("lru", RATIOS).mean == (15 + 40) / 2
    assert ratios.standing("adaptive", RATIOS).by_sequence == {"a": 18.0, "b": 44.0}


def test_points_below_lru_are_counted() -> None:
    standings = {player: ratios.standing(player, RATIOS) for player in ("lru", "fifo", "adaptive")}
    below = {name: (one.points_below_lru(0.5), one.points_below_lru(3)) for name, one in standings.items()}
    assert below == {"lru": (0, 0), "fifo": (1, 0), "adaptive": (1, 1)}


def test_the_goal_is_judged_by_the_worst_point() -> None:
    grid = ratios.overview("made", "Made", "", RATIOS, {"lru": ["lru-dict"], "fifo": [], "adaptive": []})
    assert [row[0] for row in grid.rows] == ["**adaptive**", "lru", "fifo"]
    assert grid.rows[1][-1] == "lru-dict"
    assert [(verdict.measured, verdict.met) for verdict in grid.verdicts] == [(4.0, False)]


def test_who_has_the_same_hits_everywhere_is_shown_once() -> None:
    twins = {
        name: {size: {**point, "twin": point["lru"]} for size, point in points.items()}
        for name, points in RATIOS.items()
    }
    assert ratios.same(twins, ["lru", "fifo", "twin"]) == {"lru": ["twin"], "fifo": []}


def test_figures_are_shown_below_their_text_and_left_out_of_the_samples(tmp_path: Path) -> None:
    grid = ratios.by_sequence("made", "Made", RATIOS, {"lru": [], "adaptive": []})
    assert list(report.sections([grid])) == [
        "## Hit ratio",
        "### Made, one by one\n\nMeans over the sizes, in %.\n\n"
        "| sequence | **adaptive** | lru |\n| --- | ---: | ---: |\n| a | 18.0 | 15.0 |\n| b | 44.0 | 40.0 |",
    ]
    results.save([grid], tmp_path / "samples.json")
    assert results.load(tmp_path / "samples.json") == []


def test_what_decisions_cost_is_the_difference_within_a_round() -> None:
    lines = {("miss", 1_000): {"fifo": [10.0, 30.0, 20.0], "adaptive": [25.0, 40.0, 95.0]}}
    costs = policy_work.costs(lines)
    assert costs.rows == [("new keys only", "1,000", "20.0", "40.0", "15.0 (12.5 – 45.0)")]
    assert [(verdict.measured, verdict.met) for verdict in costs.verdicts] == [(15.0, True)]
