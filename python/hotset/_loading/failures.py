"""Loads that fail without anybody being told but hooks: in the background, or hidden by a stale value."""

from __future__ import annotations

from hotset._events.hooks import emit_named

#: The caches and functions whose last load failed so, oldest first.
_failing: dict[str, None] = {}

#: So many are remembered at most. Of one that was forgotten the next failure counts as a first one.
_MOST = 1000


def load_failed(name: str, error: Exception) -> None:
    """A load has raised that is in the background, or hidden by a stale value."""
    is_first = name not in _failing
    if is_first:
        while len(_failing) >= _MOST:
            _failing.pop(next(iter(_failing)), None)
        _failing[name] = None
    emit_named("RefreshFailed", name, error, is_first)


def load_returned(name: str) -> None:
    """A load has returned."""
    if name in _failing:
        _failing.pop(name, None)
        emit_named("LoadRecovered", name)
