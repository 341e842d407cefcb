"""Events: what happens is told to hooks, of which the log is the first."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hotset import Cache, CircuitBreaker, CircuitOpenError, cache_result
from hotset._events import hooks, kinds, log
from hotset._events.kinds import Event
from hotset.testing import ManualClock
from ways_to_load import eventually

KINDS = [
    kind for _, kind in inspect.getmembers(kinds, inspect.isclass) if issubclass(kind, Event) and kind is not Event
]


@pytest.fixture
def told() -> Iterator[list[Event]]:
    """The events that happen from now on."""
    events: list[Event] = []
    hooks.add_hook(events.append)
    yield events
    hooks.remove_hook(events.append)


def test_a_hook_that_was_removed_is_called_no_more() -> None:
    events: list[Event] = []
    hooks.add_hook(events.append)
    hooks.emit(kinds.LoadGivenUp("users", 1.0))
    hooks.remove_hook(events.append)
    hooks.emit(kinds.LoadGivenUp("users", 2.0))
    hooks.remove_hook(events.append)
    assert events == [kinds.LoadGivenUp("users", 1.0)]


def test_an_event_does_not_change() -> None:
    event = kinds.LoadGivenUp("users", 300.0)
    assert event == kinds.LoadGivenUp("users", 300.0) != kinds.LoadGivenUp("users", 1.0)
    assert repr(event) == "LoadGivenUp(cache='users', age=300.0)"
    match event:
        case kinds.LoadGivenUp(cache, age):
            assert (cache, age) == ("users", 300.0)
    with pytest.raises(AttributeError, match="age: an event does not change"):
        event.age = 1.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="argument"):
        kinds.LoadGivenUp("users")  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_has_a_line_in_the_log(kind: type[Event], caplog: pytest.LogCaptureFixture) -> None:
    some = {
        "error": KeyError("a secret"),
        "why": KeyError("a secret"),
        "maxsize": 7,
        "weight": 7,
        "is_first": True,
        "age": 1.0,
    }
    with caplog.at_level(logging.INFO, "hotset"):
        log.log(kind(*(some.get(name, f"the {name}") for name in kind.__match_args__)))
    (record,) = caplog.records
    assert record.name == "hotset" and record.getMessage()
    # What a codec says of a value is told, as what it raises is.
    assert "secret" not in caplog.text or kind in (kinds.ValueNotEncodable, kinds.ValueNotDecodable)


def test_hooks_are_told_of_every_one_and_the_log_of_the_first(
    told: list[Event], clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    down = KeyError("down")

    @cache_result(ttl=10, grace=1000, soft_timeout=None, clock=clock)
    def f(key: str) -> str:
        if calls > 1:
            raise down
        return key

    calls = 1
    f("key")
    with caplog.at_level(logging.INFO, "hotset"):
        for _ in range(2):
            calls = 2
            clock.advance(100)
            assert f("key") == "key"
        calls = 1
        clock.advance(100)
        f("key")
    assert told == [
        kinds.RefreshFailed(f.__module__ + "." + f.__qualname__, down, True),
        kinds.RefreshFailed(f.__module__ + "." + f.__qualname__, down, False),
        kinds.LoadRecovered(f.__module__ + "." + f.__qualname__),
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_hook_that_raises_is_printed_and_others_are_told(
    told: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(event: Event) -> None:
        raise ZeroDivisionError(f"of {event}")

    hooks.add_hook(fail)
    try:
        cache: Cache[int, int] = Cache("small", maxsize=1)
        cache.update({1: 1, 2: 2})
    finally:
        hooks.remove_hook(fail)
    assert told == [kinds.CacheFull("small", 1, log.UNBOUNDED, "maxweight")]
    assert "ZeroDivisionError: of CacheFull(cache='small'" in capsys.readouterr().err


def test_what_happens_elsewhere_is_told_too(told: list[Event], clock: ManualClock) -> None:
    breaker = CircuitBreaker(failures=1, name="db", clock=clock)

    def fail() -> None:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        breaker.call(fail)
    with pytest.raises(CircuitOpenError):
        breaker.call(fail)
    read_once = cache_result(lambda key: iter(key))
    read_once("abc")
    assert [type(event) for event in told] == [kinds.BreakerOpened, kinds.ReadOnce]


def test_a_refresh_in_the_background_is_told_of(told: list[Any], clock: ManualClock) -> None:
    cache: Cache[str, str] = Cache("background", ttl=10, grace=100, clock=clock)
    cache["key"] = "old"
    clock.advance(11)

    def fail(_key: str) -> str:
        raise OSError("down")

    assert cache.get_or_load("key", fail) == "old"
    eventually(lambda: bool(told))
    assert isinstance(told[0], kinds.RefreshFailed) and told[0].name == "background" and told[0].is_first
