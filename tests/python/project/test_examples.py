"""Every example runs, prints what it says at its end, and is as short as an example has to be."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.py"))

MARK = "# prints:\n"
"""The line of an example below which its output stands, as a comment."""

MOST_LINES = 40
PATIENCE_SECONDS = 60


def expected(source: str) -> list[str]:
    """The lines that the comment at the end of an example promises."""
    _, mark, comment = source.partition(MARK)
    assert mark, "it has no `# prints:` at its end"
    lines = comment.splitlines()
    assert all(line.startswith("#") for line in lines), "code follows the comment"
    return [line.removeprefix("#").removeprefix(" ") for line in lines]


def test_there_are_examples() -> None:
    assert EXAMPLES


def run(path: Path, folder: Path) -> tuple[int, str, str]:
    """How an example ends, and what it prints. What it has started and left behind ends with it."""
    child = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-W", "error", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "HOTSET_DISABLE"},
        start_new_session=True,
    )
    try:
        out, err = child.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        pytest.fail(f"after {PATIENCE_SECONDS} seconds there was no end to what it prints:\n{out}{err}")
    return child.returncode, out, err


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    code, out, err = run(path, tmp_path)
    assert (code, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == expected(source)
    assert len(source.splitlines()) < MOST_LINES
