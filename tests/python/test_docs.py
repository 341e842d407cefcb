"""Every Python block of the pages is a program that prints what stands at its end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
MARK = "# prints:\n"
PATIENCE_SECONDS = 60


def blocks() -> list[tuple[str, str]]:
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
            indent, source = match.groups()
            found.append((f"{page.stem}-{number}", re.sub(f"^{indent}", "", source, flags=re.MULTILINE)))
    return found


def test_there_are_blocks() -> None:
    assert len(blocks()) > 20


@pytest.mark.parametrize("source", [source for _, source in blocks()], ids=[name for name, _ in blocks()])
def test_it_prints_what_it_says(source: str, tmp_path: Path) -> None:
    code, _, comment = source.partition(MARK)
    environment = {name: value for name, value in os.environ.items() if name != "HOTSET_DISABLE"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        cwd=tmp_path,
        env=environment,
        timeout=PATIENCE_SECONDS,
    )
    expected = [line.removeprefix("#").strip() for line in comment.splitlines()]
    assert (done.returncode, [line.strip() for line in done.stdout.splitlines()]) == (0, expected), done.stderr
