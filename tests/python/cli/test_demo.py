"""`hotset demo`: its numbers are those of the sequence, and what it cannot do it says in one line."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import demo_sequence
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

import hotset
from click.testing import CliRunner, Result
from demo_sequence import KEYS, lru_hits
from hotset.cli import conclusion, database, demo, memory, plot, sequence
from hotset.cli.commands import group

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def run(*arguments: object) -> Result:
    environment = {"COLUMNS": "120", "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(group, ["demo", *map(str, arguments)])


# What comes out


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace file of `KEYS`."""
    return demo_sequence.written(tmp_path)


def rows(output: str) -> dict[str, list[str]]:
    """The cells of the printed table by the name of the row."""
    plain = output.replace("|", " ")
    found = re.findall(
        r"^ *(no cache|\w+) +(\S+%|-) +(\S+) +(\S+x) +(\S+) +(\S+) +(\S+) +(\S+) *$", plain, re.MULTILINE
    )
    return {name: cells for name, *cells in found}


def test_the_table_has_the_hit_ratio_of_the_model(trace: Path) -> None:
    result = run("--trace", trace, "--maxsize", 25, "--policy", "lru")
    assert result.exit_code == 0, result.output
    table = rows(result.output)
    assert list(table) == ["no cache", "lru"]
    assert table["no cache"][0] == "-"
    assert table["lru"][0] == f"{lru_hits(KEYS, 25) / len(KEYS):.2%}"


@pytest.mark.skipif(not memory.RESIDENT_FILE.exists(), reason="needs /proc to see what a process takes")
def test_memory_is_that_of_a_full_cache(tmp_path: Path) -> None:
    names = [f"name {number}" for number in range(30_000)]
    database.fill(tmp_path / "keys", sequence.collect("numbers", ((name, "file", 1) for name in names)))
    taken = memory.measure(tmp_path / "keys", "lru", 25_000, None)
    assert taken is not None and taken.entries == 25_000
    # A key, a tuple of a key, a number and a text, and what the entry takes itself.
    assert 150 * 25_000 < taken.added < 600 * 25_000


def test_the_facts_are_those_of_the_sequence(trace: Path) -> None:
    result = run("--trace", trace, "--requests", 2_500, "--policy", "fifo", "--ttl", "1h")
    asked = KEYS[:2_500]
    size = round(0.05 * len(set(asked)))
    assert "Trace keys.txt" in result.output
    assert f"2,500 of {len(set(asked))} distinct keys" in result.output
    assert f"at most {size} entries, {size / len(set(asked)):.1%} of the keys" in result.output
    assert re.search(r"^ttl +1h *$", result.output, re.MULTILINE)


def test_the_conclusion_is_that_of_the_table(trace: Path) -> None:
    output = run("--trace", trace, "--maxsize", 25).output
    policies = {name: cells for name, cells in rows(output).items() if name != "no cache"}
    best = max(policies, key=lambda name: float(policies[name][0].rstrip("%")))
    assert f"With {best}, hotset answered {policies[best][0]} of the lookups from {policies[best][5]} MiB" in output
    assert f"took {policies[best][1]} s instead of {rows(output)['no cache'][1]} s" in " ".join(output.split())
    assert f"No cache can answer more than {1 - len(set(KEYS)) / len(KEYS):.2%}" in output


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "@hotset.cache_result(maxsize=1_000)"),
        (("--policy", "lru", "--ttl", "1h"), '@hotset.cache_result(maxsize=1_000, policy="lru", ttl="1h")'),
    ],
)
def test_the_code_is_what_was_measured(trace: Path, options: tuple[str, ...], code: str) -> None:
    assert f"  {code}\n" in run("--trace", trace, "--maxsize", 1_000, *options).output
    assert hotset.Cache().policy == conclusion.DEFAULT_POLICY


def test_a_sequence_without_a_hit_says_so(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(map(str, range(100))), encoding="ascii")
    result = run("--trace", path)
    assert result.exit_code == 0, result.output
    assert "No lookup was a hit: no key came again while it was among 5 entries." in result.output


def test_a_narrow_terminal_shows_every_number(trace: Path) -> None:
    command = [sys.executable, "-m", "hotset", "demo", "--trace", str(trace), "--policy", "lru"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "40"})
    assert list(rows(done.stdout)) == ["no cache", "lru"]
    assert max(map(len, done.stdout.splitlines())) <= demo.LEAST_WIDTH


def test_the_usual_policies_are_compared_unless_told(trace: Path) -> None:
    assert list(rows(run("--trace", trace).output)) == ["no cache", *demo.DEFAULT_POLICIES]


def test_a_sequence_in_a_large_enough_cache_misses_each_key_once(trace: Path) -> None:
    table = rows(run("--trace", trace, "--maxsize", 1_000).output)
    expected = f"{1 - len(set(KEYS)) / len(KEYS):.2%}"
    assert {table[policy][0] for policy in demo.DEFAULT_POLICIES} == {expected}


def test_the_default_sequence_needs_nothing() -> None:
    result = run("--requests", 2_000, "--policy", "lru")
    assert result.exit_code == 0, result.output
    assert "Identifiers of the Python" in result.output
    assert "2,000 of " in result.output


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
    assert "  hotset demo --requests 200000 --policy lru --policy adaptive\n" in text


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


# What is refused


def test_a_bad_ttl() -> None:
    refusal(run("--ttl", "soon"), "Error: --ttl soon: ")


def test_caches_that_are_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTSET_DISABLE", "1")
    refusal(run(), "Error: HOTSET_DISABLE is set")


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
