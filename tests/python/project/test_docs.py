"""Every Python block of the pages is a program that prints what stands at its end, and so is a shell block that says so.

And every file of the repository that a page names is there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^( *)```(python|sh)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w.]+(?:/[\w.]+)*(?:\.rs|\.py|/))`")
STARTS = [
    "", "docs", "docs/design", "src", "src/memory", "src/tier", "python", "python/src", "python/src/footprint",
    "python/hotset", "python/hotset/_loading", "tests/python",
]  # fmt: skip
"""Folders of the repository that pages name files from."""

MARK = "# prints:\n"
PATIENCE_SECONDS = 60


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
            indent, its_language, source = match.groups()
            if its_language == language:
                found.append((f"{page.stem}-{number}", re.sub(f"^{indent}", "", source, flags=re.MULTILINE)))
    return found


PYTHON = blocks("python")
SHELL = [(name, source) for name, source in blocks("sh") if MARK in source]


def test_there_are_blocks() -> None:
    assert len(PYTHON) > 20 and SHELL


def prints(command: list[str], source: str, folder: Path, **environment: str) -> None:
    """The command, with the code of the block behind it, prints what stands at its end."""
    code, _, comment = source.partition(MARK)
    inherited = {name: value for name, value in os.environ.items() if name != "HOTSET_DISABLE"}
    done = subprocess.run(
        [*command, code],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        cwd=folder,
        env={**inherited, **environment},
        timeout=PATIENCE_SECONDS,
    )
    expected = [line.removeprefix("#").strip() for line in comment.splitlines()]
    assert (done.returncode, [line.strip() for line in done.stdout.splitlines()]) == (0, expected), done.stderr


@pytest.mark.parametrize("source", [source for _, source in PYTHON], ids=[name for name, _ in PYTHON])
def test_it_prints_what_it_says(source: str, tmp_path: Path) -> None:
    prints([sys.executable, "-X", "utf8", "-c"], source, tmp_path)


@pytest.mark.parametrize("source", [source for _, source in SHELL], ids=[name for name, _ in SHELL])
def test_a_command_prints_what_it_says(source: str, tmp_path: Path) -> None:
    pytest.importorskip("click")
    pytest.importorskip("rich")
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no shell")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    prints([shell, "-ec"], source, tmp_path, PATH=programs, COLUMNS="80", PYTHONUTF8="1")


def test_files_that_pages_name_are_there() -> None:
    pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    named = [(page.name, name) for page in pages for name in NAMED.findall(page.read_text(encoding="utf-8"))]
    missing = [(page, name) for page, name in named if not any((ROOT / start / name).exists() for start in STARTS)]
    assert len(named) > 100 and not missing, missing


def test_links_of_pages_lead_to_files() -> None:
    missing = []
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md"), ROOT / "benches/RESULTS.md"]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.partition("#")[0]
            if path and "://" not in path and not (page.parent / path).exists():
                missing.append((page.name, target))
    assert not missing
