"""The pytest plugin, which is there when hotset and pytest are installed: fixtures whose names begin with ``hotset_``.

``hotset_time``
    :func:`hotset.testing.advance`: lets time pass for all entries.
``hotset_clean``
    Every cache is empty before and after the test. With ``hotset_clean = true`` in the configuration of pytest every
    test has it.
``hotset_off``
    Nothing is cached in the test.
``hotset_loads``
    :func:`hotset.testing.assert_loads`, as in ``with hotset_loads(1): ...``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hotset.testing import advance, assert_loads, caching_off, clear_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from hotset._types import Duration


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what can be configured."""
    parser.addini("hotset_clean", "empty every hotset cache before and after each test", type="bool", default=False)


@pytest.fixture
def hotset_time() -> Callable[[Duration], None]:
    """Lets time pass for the entries of all caches: ``hotset_time("1h")``."""
    return advance


@pytest.fixture
def hotset_clean() -> Iterator[None]:
    """Every cache is empty before and after the test."""
    clear_all()
    yield
    clear_all()


@pytest.fixture(autouse=True)
def _hotset_clean_if_configured(request: pytest.FixtureRequest) -> None:  # pyright: ignore[reportUnusedFunction]  # pytest finds it
    if request.config.getini("hotset_clean"):
        request.getfixturevalue("hotset_clean")


@pytest.fixture
def hotset_off() -> Iterator[None]:
    """Nothing is cached in the test."""
    with caching_off():
        yield


@pytest.fixture
def hotset_loads() -> Callable[..., AbstractContextManager[Any]]:
    """Checks how many loads a block makes: ``with hotset_loads(1): ...``."""
    return assert_loads
