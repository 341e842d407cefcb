"""The parts of `hotset demo`: the measured run, its database and the curves of its plot."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import demo_sequence
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from demo_sequence import KEYS, lru_hits
from hotset.cli import database, plot, replay
from hotset.cli.sequence import read_trace

ALL = sys.maxsize


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace file of `KEYS`."""
    return demo_sequence.written(tmp_path)


def test_percentiles_are_exact() -> None:
    latencies = replay.Latencies()
    latencies.add(list(range(1, 101)))
    latencies.add([5_000] * 100)
    assert [latencies.percentile(percent) for percent in (0, 1, 50, 50.5, 99)] == [1, 2, 100, 5_000, 5_000]
    assert latencies.total == 5_050 + 500_000


def test_every_contestant_begins_as_often_as_the_others() -> None:
    began: list[str] = []
    contestants = [_Recorder(name, began) for name in (replay.UNCACHED, "one", "two")]
    chunks = [str(number) for number in range(6) for _ in range(replay.CHUNK)]
    done: list[int] = []
    replay.replay(chunks, contestants, done.append)  # type: ignore[arg-type]  # a recorder stands in
    assert done == [replay.CHUNK] * 6
    assert sorted(began[::3]) == ["no cache", "no cache", "one", "one", "two", "two"]


class _Recorder:
    """A contestant that writes down when it was its turn."""

    def __init__(self, name: str, began: list[str]) -> None:
        self.name = name
        self.began = began

    def replay(self, keys: Sequence[str]) -> list[Any]:
        self.began.append(self.name)
        return [(key, 1, "", 1) for key in keys]


def test_a_wrong_answer_ends_the_run() -> None:
    def right(name: str) -> database.Row:
        return (name, 1, "file", 1)

    def wrong(name: str) -> database.Row:
        return (name, 2, "file", 1)

    contestants = [
        replay.Contestant(replay.UNCACHED, right, None, replay.Latencies()),
        replay.Contestant("lru", wrong, None, replay.Latencies()),
    ]
    with pytest.raises(replay.WrongAnswerError, match=r"the lru cache answered \('k', 2, .* the database has \('k', 1"):
        replay.replay(["k"], contestants, lambda _: None)


def test_rows_hold_what_the_sequence_has(trace: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.sqlite"
    database.fill(path, read_trace(trace, ALL))
    with database.opened(path) as look_up:
        assert look_up(KEYS[0]) == (KEYS[0], KEYS.count(KEYS[0]), "keys.txt", 1)
    assert sorted(database.some_keys(path, ALL)) == sorted(set(KEYS))


def test_the_curve_is_that_of_the_model() -> None:
    (curve,) = plot.curves(KEYS, len(set(KEYS)), ["lru"], lambda _: None)
    assert curve.sizes == plot.sizes_for(len(set(KEYS)))
    assert curve.hit_ratios == [lru_hits(KEYS, size) / len(KEYS) for size in curve.sizes]
