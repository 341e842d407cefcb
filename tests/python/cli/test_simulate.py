"""`hotset simulate`: its figures are those of the plainest models, and what it cannot do it says in one line."""

import csv
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

import demo_sequence
import hotset
from click.testing import CliRunner, Result
from demo_sequence import KEYS, lru_hits
from hotset._core import Progress, Trace
from hotset.cli import plot, ratios, simulation, workers
from hotset.cli.commands import group
from hotset.cli.sizes import parse, sized

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def run(*arguments: object, columns: int = 120) -> Result:
    environment = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(group, ["simulate", *map(str, arguments)])


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace file of `KEYS`."""
    return demo_sequence.written(tmp_path)


def rows(output: str) -> dict[str, list[str]]:
    """The cells of a printed table by the name of the row."""
    found = re.findall(r"^ *(\w+)((?: +\d+\.\d\d%)+) *$", output, re.MULTILINE)
    return {name: cells.split() for name, cells in found}


def most_hits(keys: Sequence[str], maxsize: int) -> int:
    """The hits of a cache that evicts what is asked for again last."""
    held: set[str] = set()
    hits = 0
    for number, key in enumerate(keys):
        coming = list(keys[number + 1 :])
        if key in held:
            hits += 1
        elif len(held) == maxsize:
            held.remove(max(held, key=lambda other: coming.index(other) if other in coming else len(keys)))
        held.add(key)
    return hits


# What comes out


def test_the_table_has_the_hit_ratios_of_the_models(trace: Path) -> None:
    limit = 600
    result = run(trace, "--limit", limit, "--size", 25, "--size", 7, "--policy", "lru")
    assert result.exit_code == 0, result.output
    keys = KEYS[:limit]
    table = rows(result.output)
    for name, model in [("lru", lru_hits), ("OPT", most_hits)]:
        expected = [model(keys, size) / limit for size in (7, 25)]
        assert table[name] == [f"{ratio:.2%}" for ratio in (*expected, sum(expected) / 2)]
    assert (
        f"keys.txt: 600 requests for {len(set(keys))} keys, at most {1 - len(set(keys)) / limit:.2%} hits"
        in result.output
    )


def test_all_policies_are_compared_unless_told_and_none_is_above_the_bound(trace: Path) -> None:
    table = rows(run(trace).output)
    assert set(table) == {*hotset.POLICIES, "OPT"}
    percents = {name: [float(cell.rstrip("%")) for cell in cells] for name, cells in table.items()}
    assert list(table)[-1] == "OPT"
    means = [ratios[-1] for name, ratios in percents.items() if name != "OPT"]
    assert means == sorted(means, reverse=True)
    assert all(mine <= most for name in table for mine, most in zip(percents[name], percents["OPT"], strict=True))


def test_the_same_trace_has_the_same_figures(trace: Path) -> None:
    assert run(trace, "--jobs", 1).output == run(trace, "--jobs", 3).output


def test_several_traces_have_a_table_each_and_their_mean(trace: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("a\nb\na\n" * 100)
    output = run(trace, other, "--policy", "lru", "--size", "50%", "--size", 60).output
    first, second, mean = (rows(part) for part in re.split("other.txt: |The mean over 2 traces", output))
    assert second["lru"] == ["33.00%", "99.33%", "66.17%"]
    for name in ("lru", "OPT"):
        numbers = [[float(cell.rstrip("%")) for cell in table[name]] for table in (first, second, mean)]
        assert numbers[2] == pytest.approx([(one + two) / 2 for one, two in zip(*numbers[:2], strict=True)], abs=0.011)


def test_traces_of_one_name_are_told_apart(trace: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    other = demo_sequence.written(tmp_path / "old")
    output = run(trace, other, "--policy", "lru").output
    assert f"{trace}: " in output and f"{other}: " in output


def test_json_and_csv_say_the_same_as_the_table(trace: Path, tmp_path: Path) -> None:
    paths = tmp_path / "out.json", tmp_path / "out.csv"
    options = (trace, "--size", "10%", "--policy", "lru", "--policy", "fifo")
    output = run(*options, "--json", paths[0], "--csv", paths[1]).output
    (of_trace,) = json.loads(paths[0].read_text())
    assert (of_trace["trace"], of_trace["format"], of_trace["requests"]) == ("keys.txt", "keys", len(KEYS))
    entries = round(len(set(KEYS)) / 10)
    assert {(result["size"], result["entries"]) for result in of_trace["results"]} == {("10%", entries)}
    hits = {result["policy"]: result["hits"] for result in of_trace["results"]}
    assert hits["lru"] == lru_hits(KEYS, entries)
    assert rows(output) == {name: [f"{count / len(KEYS):.2%}"] for name, count in hits.items()}
    with paths[1].open() as file:
        assert {line["policy"]: int(line["hits"]) for line in csv.DictReader(file)} == hits
    assert run(*options, "--json", "-").output == paths[0].read_text()
    assert run(*options, "--csv", "-").output == paths[1].read_text()


def test_a_narrow_terminal_shows_every_number(trace: Path) -> None:
    assert rows(run(trace, columns=20).output) == rows(run(trace).output)


def test_the_best_of_a_column_stands_out() -> None:
    table = ratios._of_ratios(
        ["1", "2"], ["lru", "fifo"], {"lru": [0.5, 0.1], "fifo": [0.2, 0.3], "OPT": [1, 1]}.__getitem__
    )
    styles = [[cell.style for cell in column._cells] for column in table.columns[1:]]
    assert styles == [["", ratios.BEST, ""], [ratios.BEST, "", ""]]


def test_the_plot_is_a_picture(trace: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "hits.png"
    result = run(trace, trace, trace, "--policy", "lru", "--plot", path)
    assert result.exit_code == 0, result.output
    assert f"Plot: {path}" in result.output.replace("\n", "")
    assert path.read_bytes().startswith(PNG_SIGNATURE)


def test_every_policy_has_a_color_of_its_own() -> None:
    assert set(plot.COLORS) == set(hotset.POLICIES)
    assert len({plot.BOUND_COLOR, *plot.COLORS.values()}) == len(hotset.POLICIES) + 1


def test_who_stops_reading_sees_no_traceback(trace: Path) -> None:
    command = [sys.executable, "-m", "hotset", "simulate", str(trace), "--policy", "lru"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stderr
        child.stdout.close()
        assert child.stderr.read() == ""


# Sizes


@pytest.mark.parametrize(
    ("text", "distinct", "entries", "label"),
    [
        ("1000", 5, 1000, "1,000"),
        ("1_000", 5, 1000, "1,000"),
        ("2,500", 5, 2500, "2,500"),
        ("10%", 1000, 100, "10%"),
        ("0.1%", 86_466, 86, "0.1%"),
        ("25%", 7_454, 1_864, "25%"),
        ("1%", 10, 1, "1%"),
        ("100%", 7, 7, "100%"),
    ],
)
def test_a_size_is_a_number_or_a_share(text: str, distinct: int, entries: int, label: str) -> None:
    size = parse(text)
    assert (size.of(distinct), size.label) == (entries, label)


@pytest.mark.parametrize("text", ["0", "0%", "-1", "101%", "1.5", "many", "", "%", "1/0", "nan", "1e30"])
def test_what_is_no_size_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(repr(text))):
        parse(text)


@pytest.mark.parametrize(
    ("distinct", "expected"),
    [
        (200_000, {"0.1%": 200, "1%": 2_000, "10%": 20_000, "25%": 50_000}),
        (1_000, {"10%": 100, "25%": 250}),
        (400, {"1%": 4, "10%": 40, "25%": 100, "50%": 200}),
        (4, {"1%": 1, "50%": 2}),
        (1, {"1%": 1}),
    ],
)
def test_the_usual_sizes_have_enough_entries_where_the_trace_has(distinct: int, expected: dict[str, int]) -> None:
    assert {size.label: size.entries for size in sized((), distinct)} == expected


# What is refused


def refusal(result: Result, *parts: str) -> None:
    """The command said in one line what is wrong, and ended with 2."""
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    for part in parts:
        assert part in result.output


def test_files_that_are_none(tmp_path: Path) -> None:
    refusal(run(tmp_path / "none"), f"Error: {tmp_path / 'none'}: it cannot be read: No such file or directory")
    refusal(run(tmp_path), f"Error: {tmp_path}: it is a directory; expected a file of one of the formats keys, csv")
    refusal(run("-", "-"), "standard input can be read once only")


def test_the_first_of_several_files_that_is_wrong_is_named(trace: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    refusal(run(trace, empty, trace), f"Error: {empty}: it is empty")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--delimiter", "ab"), "--delimiter ab: write one ASCII character"),
        (("--delimiter", "é"), "--delimiter é: write one ASCII character"),
        (("--format", "u64", "--key-column", "url"), "--key-column is for the format csv, and --format is u64"),
        (("--key-column", "9" * 30), "--key-column 999999999...: there are not so many columns"),
        (("--json", "-", "--csv", "-"), "only one of them"),
        (("--json", "/none/x.json"), "there is no folder /none"),
        (("--csv", "/"), "/: it is a directory"),
    ],
)
def test_options_that_do_not_fit(trace: Path, options: tuple[str, ...], complaint: str) -> None:
    refusal(run(trace, *options), complaint)


@pytest.mark.parametrize(
    "options",
    [("--policy", "best"), ("--size", "0"), ("--jobs", "0"), ("--limit", "0"), ("--limit", "9" * 30)],
)
def test_values_that_are_none_are_named(trace: Path, options: tuple[str, str]) -> None:
    result = run(trace, *options)
    assert result.exit_code == 2
    assert f"Error: Invalid value for '{options[0]}': " in result.output and options[1] in result.output


@pytest.mark.parametrize("name", ["hits.bmp", "none/hits.png"])
def test_a_plot_that_cannot_be_written_is_told_before_the_run(trace: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    refusal(run(trace, "--plot", tmp_path / name), str(tmp_path / name))


def test_a_file_that_cannot_be_written_is_told(trace: Path) -> None:
    result = run(trace, "--policy", "lru", "--json", "/proc/hits.json")
    assert result.exit_code == 2
    assert "Error: /proc/hits.json: it cannot be written: " in result.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device is one of Linux")
def test_a_table_for_which_there_is_no_space_is_told(trace: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "hotset", "simulate", str(trace), "--policy", "lru"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: -: it cannot be written: No space left on device\n")


# Work on several cores


def test_an_interrupted_simulation_ends_with_a_sentence(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "simulate", interrupted)
    result = run(trace)
    assert (result.exit_code, result.output) == (130, "Error: interrupted before the end; there is no result\n")


def test_who_is_interrupted_stops_the_others(trace: Path) -> None:
    requests = Trace.read(trace, Progress(), format=None, key_column=None, delimiter=None, limit=None)
    stopped = threading.Event()

    def for_ever(told: Progress) -> None:
        try:
            while True:
                requests.hits("lru", 10, told)
        except InterruptedError:
            stopped.set()
            raise

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.run([for_ever, for_ever], 2, interrupt)
    assert stopped.is_set()


def test_results_are_in_the_order_of_the_tasks_and_progress_adds_up(trace: Path) -> None:
    requests = Trace.read(trace, Progress(), format=None, key_column=None, delimiter=None, limit=None)
    steps: list[int] = []

    def task(size: int) -> Callable[[Progress], int]:
        return lambda told: requests.hits("lru", size, told)

    sizes = list(range(1, 20))
    assert workers.run([task(size) for size in sizes], 3, steps.append) == [lru_hits(KEYS, size) for size in sizes]
    assert sum(steps) == len(sizes) * len(KEYS)


def test_a_policy_that_there_is_not_is_told(trace: Path) -> None:
    requests = Trace.read(trace, Progress(), format=None, key_column=None, delimiter=None, limit=None)
    with pytest.raises(ValueError, match='unknown policy "best": write one of adaptive'):
        requests.hits("best", 10, Progress())
