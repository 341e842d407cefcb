"""Every example runs, prints what it says at its end, and is as short as an example has to be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))

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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "HOTSET_DISABLE"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", str(path)],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        cwd=tmp_path,
        env=environment,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.rstrip() for line in done.stdout.splitlines()] == expected(source)
    assert len(source.splitlines()) < MOST_LINES
