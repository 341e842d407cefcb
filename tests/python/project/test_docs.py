"""Every Python block of the pages is a program that prints what stands at its end, and so is a shell block that says so."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^( *)```(python|sh)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
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
