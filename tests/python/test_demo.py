"""`hotset demo`: its numbers are those of the sequence, and what it cannot do it says in one line."""

import os
import re
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner, Result

import hotset
from hotset.cli import database, plot, replay
from hotset.cli.commands import group
from hotset.cli.sequence import read_trace

ALL = sys.maxsize
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

KEYS = [str((7 * step * step + step // 3) % 60) for step in range(3_000)]
"""A sequence with some locality, long enough for three chunks."""


def run(*arguments: object) -> Result:
    environment = {"COLUMNS": "120", "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(group, ["demo", *map(str, arguments)])


def lru_hits(keys: Sequence[str], maxsize: int) -> int:
    """The hits of a least-recently-used cache, by the plainest model of one."""
    held: OrderedDict[str, None] = OrderedDict()
    hits = 0
    for key in keys:
        if key in held:
            hits += 1
            held.move_to_end(key)
            continue
        if len(held) == maxsize:
            held.popitem(last=False)
        held[key] = None
    return hits


# What comes out


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace file of `KEYS`."""
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(KEYS), encoding="ascii")
    return path


def rows(output: str) -> dict[str, list[str]]:
    """The cells of the printed table by the name of the row."""
    plain = output.replace("|", " ")
    found = re.findall(r"^ *(no cache|\w+) +(\S+%|-) +(\S+) +(\S+) +(\S+) +(\S+) +(\S+) *$", plain, re.MULTILINE)
    return {name: cells for name, *cells in found}


def test_the_table_has_the_hit_ratio_of_the_model(trace: Path) -> None:
    result = run("--trace", trace, "--maxsize", 25, "--policy", "lru")
    assert result.exit_code == 0, result.output
    table = rows(result.output)
    assert list(table) == ["no cache", "lru"]
    assert table["no cache"][0] == "-"
    assert table["lru"][0] == f"{lru_hits(KEYS, 25) / len(KEYS):.2%}"


def test_the_facts_are_those_of_the_sequence(trace: Path) -> None:
    result = run("--trace", trace, "--requests", 2_500, "--policy", "fifo", "--ttl", "1h")
    asked = KEYS[:2_500]
    size = round(0.05 * len(set(asked)))
    assert "Trace keys.txt" in result.output
    assert f"requests 2,500   distinct keys {len(set(asked))}   cache size {size} (" in result.output
    assert "ttl 1h" in result.output


def test_all_policies_are_compared_unless_told(trace: Path) -> None:
    assert list(rows(run("--trace", trace).output)) == ["no cache", *hotset.POLICIES]


def test_a_sequence_in_a_large_enough_cache_misses_each_key_once(trace: Path) -> None:
    table = rows(run("--trace", trace, "--maxsize", 1_000).output)
    expected = f"{1 - len(set(KEYS)) / len(KEYS):.2%}"
    assert {table[policy][0] for policy in hotset.POLICIES} == {expected}


def test_the_default_sequence_needs_nothing() -> None:
    result = run("--requests", 2_000, "--policy", "lru")
    assert result.exit_code == 0, result.output
    assert "Identifiers of the Python" in result.output
    assert "requests 2,000 " in result.output


def test_nothing_is_left_behind(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert run("--trace", trace, "--policy", "lru").exit_code == 0
    assert list(folder.iterdir()) == []


def test_output_that_cannot_show_a_character_is_printed_all_the_same(trace: Path) -> None:
    command = [sys.executable, "-m", "hotset", "demo", "--trace", str(trace), "--policy", "lru"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert list(rows(done.stdout)) == ["no cache", "lru"]
    assert done.stderr == ""


def test_help_tells_the_rest() -> None:
    text = run("--help").output
    for part in ("--trace FILE", "--requests N", "--maxsize N", "--policy", "--ttl", "--plot FILE.png", "Exits with 2"):
        assert part in text
    assert "  hotset demo --requests 200000 --policy lru --policy tinylfu\n" in text


# What is refused


def test_a_bad_ttl() -> None:
    refusal(run("--ttl", "soon"), "Error: --ttl soon: ")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("hits.bmp", "must end in one of .png, .svg, .pdf"),
        ("none/hits.png", "there is no folder "),
        ("hits.gif", ".png"),
    ],
)
def test_a_plot_that_cannot_be_written_is_told_before_the_run(tmp_path: Path, name: str, complaint: str) -> None:
    pytest.importorskip("matplotlib")
    refusal(run("--plot", tmp_path / name), complaint)


def refusal(result: Result, *parts: str) -> None:
    """The command said in one line what is wrong, and ended with 2."""
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    for part in parts:
        assert part in result.output


@pytest.mark.parametrize(("package", "extra"), [("click", "cli"), ("rich", "cli"), ("matplotlib", "plot")])
def test_a_missing_extra_is_told_in_one_line(package: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['hotset', 'demo', '--plot', 'x.png'];"
        "from hotset.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Error: {package} is not installed; install it with: pip install 'hotset[{extra}]'\n"


def test_the_library_does_not_import_the_command() -> None:
    code = "import sys, hotset; print([name for name in sys.modules if name.partition('.')[0] in ('click', 'rich')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# The parts


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


def test_the_plot_is_a_picture(trace: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "hits.png"
    result = run("--trace", trace, "--policy", "lru", "--plot", path)
    assert result.exit_code == 0, result.output
    assert f"Plot: {path}" in result.output.replace("\n", "")
    content = path.read_bytes()
    assert content.startswith(PNG_SIGNATURE)
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == tuple(round(inches * plot.DOTS_PER_INCH) for inches in plot.FIGURE_INCHES)


def test_the_curve_is_that_of_the_model() -> None:
    (curve,) = plot.curves(KEYS, len(set(KEYS)), ["lru"], lambda _: None)
    assert curve.sizes == plot.sizes_for(len(set(KEYS)))
    assert curve.hit_ratios == [lru_hits(KEYS, size) / len(KEYS) for size in curve.sizes]
