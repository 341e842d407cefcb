"""What the compiler does not check is short, so that a reader can."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
MOST_LINES = 10


def blocks(file: Path) -> Iterator[tuple[int, int]]:
    """Where unsafe blocks of several lines begin, and how many lines each has, as rustfmt lays them out."""
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.rstrip().endswith("unsafe {"):
            end = next(
                n for n in range(number + 1, len(lines)) if lines[n].strip() and indent(lines[n]) <= indent(line)
            )
            yield number + 1, end - number - 1


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def test_no_unsafe_block_is_longer_than_a_few_lines() -> None:
    files = [file for folder in ("src", "python/src") for file in sorted((ROOT / folder).rglob("*.rs"))]
    found = [(file.relative_to(ROOT), *block) for file in files for block in blocks(file)]
    assert len(found) > 20
    assert [f"{file}:{line}" for file, line, length in found if length > MOST_LINES] == []
