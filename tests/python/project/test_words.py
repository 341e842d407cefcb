"""The page of words says what the code says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "words.md").read_text()

#: Folders whose classes are all on the page.
ROOMS = (
    "src/expiry",
    "src/memory",
    "src/flight",
    "python/src/cache",
    "python/src/flight",
    "python/src/function",
    "python/src/key",
    "python/src/state",
    "python/hotset/_events",
    "python/hotset/_loading",
    "python/hotset/_percall",
    "python/hotset/_functions",
)

#: Classes that say enough by themselves where they are.
PRIVATE = {"State", "Hasher", "IntoIter", "Item", "Raw"}

DEFINED = {
    ".rs": r"^\s*(?:pub(?:\([a-z]+\))? )?(?:struct|enum|trait|type) (\w+)",
    ".py": r"^class ([A-Za-z]\w*)",
}


def defined(folder: str) -> Iterator[str]:
    """The classes of the sources in a folder."""
    for file in (ROOT / folder).rglob("*"):
        if file.suffix in DEFINED and "tests" not in file.parts and not file.name.endswith("tests.rs"):
            yield from re.findall(DEFINED[file.suffix], file.read_text(), re.MULTILINE)


def rows(part: str) -> list[list[str]]:
    """What is in backticks in the cells of the tables of a part of the page."""
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [names for line in lines if (names := re.findall(r"`(\w+)`", line))]


NOW, BEFORE = PAGE.split("## Used no more")
NAMES = {name for row in rows(NOW) for name in row}


@pytest.mark.parametrize("folder", ROOMS)
def test_every_class_of_a_room_is_on_the_page(folder: str) -> None:
    found = set(defined(folder))
    assert found, f"{folder} has no classes: is it another folder now?"
    assert found - NAMES - PRIVATE == set()


def test_every_name_on_the_page_is_in_the_code() -> None:
    known = {name for folder in ("src", "python/src", "python/hotset") for name in defined(folder)}
    drivers = (ROOT / "python" / "hotset" / "_loading" / "drivers.py").read_text()
    # The classes of steps are made by a macro.
    steps = re.findall(r"^    (\w+) \{", (ROOT / "python" / "src" / "flight" / "step.rs").read_text(), re.MULTILINE)
    assert NAMES - known - set(steps) - set(re.findall(r"def (\w+)\(", drivers)) == set()


def test_words_that_were_given_up_are_gone() -> None:
    found = {name for folder in ROOMS for name in defined(folder)}
    assert found & {before for before, _ in rows(BEFORE)} == set()
