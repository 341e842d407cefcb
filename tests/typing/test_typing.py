"""`passes.py` passes mypy and pyright at their strictest, and `fails.py` fails exactly where it says and as it says."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXPECTED = re.compile(r"  # E: (?P<mypy>[a-z, -]+) / (?P<pyright>[A-Za-z, -]+)$")
MYPY_ERROR = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*?)  \[(?P<code>[a-z-]+)\]$")

#: What a checker says of a file: by line, the kinds of errors.
Errors = dict[int, set[str]]


def run_mypy(file: Path, cache: Path) -> Errors:
    """The errors of `mypy --strict`."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", f"--cache-dir={cache}", file.name]
    output = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert output.returncode in (0, 1), output.stdout + output.stderr
    found: Errors = defaultdict(set)
    for match in filter(None, map(MYPY_ERROR.match, output.stdout.splitlines())):
        assert match["file"] == file.name, match[0]
        found[int(match["line"])].add(match["code"])
    return dict(found)


def run_pyright(file: Path, folder: Path) -> Errors:
    """The errors of pyright, which a comment in the file makes strict."""
    assert "\n# pyright: strict\n" in file.read_text(encoding="utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(file)]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert output.returncode in (0, 1), output.stdout + output.stderr
    report = json.loads(output.stdout)
    assert report["summary"]["filesAnalyzed"] == 1
    found: Errors = defaultdict(set)
    for diagnostic in report["generalDiagnostics"]:
        found[diagnostic["range"]["start"]["line"] + 1].add(diagnostic["rule"])
    return dict(found)


CHECKERS: dict[str, Callable[[Path, Path], Errors]] = {"mypy": run_mypy, "pyright": run_pyright}


def expected_errors(file: Path, checker: str) -> Errors:
    """What the comments of a file say."""
    expected: Errors = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = EXPECTED.search(line)
        if match and match[checker] != "-":
            expected[number] = set(match[checker].split(", "))
    return expected


def with_sources(file: Path, errors: Errors) -> dict[str, set[str]]:
    """Errors by the line's number and text, to be read."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {f"{number}: {lines[number - 1].strip()}": kinds for number, kinds in sorted(errors.items())}


@pytest.fixture(params=list(CHECKERS))
def checker(request: pytest.FixtureRequest) -> str:
    """Each checker that is installed."""
    pytest.importorskip(request.param)
    return str(request.param)


@pytest.mark.parametrize("name", ["passes.py", "fails.py"])
def test_errors_are_where_the_comments_say(checker: str, name: str, tmp_path: Path) -> None:
    file = HERE / name
    found, expected = CHECKERS[checker](file, tmp_path), expected_errors(file, checker)
    assert with_sources(file, found) == with_sources(file, expected)


def test_each_statement_that_must_fail_says_how() -> None:
    text = (HERE / "fails.py").read_text(encoding="utf-8")
    _, _, statements = text.partition("\nstore = Store()\n")
    lines = [line for line in statements.splitlines() if line]
    assert len(lines) > 50
    assert [line for line in lines if not EXPECTED.search(line)] == []
    assert "# E" not in (HERE / "passes.py").read_text(encoding="utf-8")
