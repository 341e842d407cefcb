"""Who is told of events."""

from __future__ import annotations

from sys import is_finalizing

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hotset._events.kinds import Event

#: Called with each event, one after the other; the log is there with the first one. Replaced whole, never changed.
_hooks: tuple[Callable[[Event], object], ...] | None = None


def add_hook(hook: Callable[[Event], object]) -> None:
    """Have a function called with every event from now on, on whatever thread it happens. What it raises is printed."""
    global _hooks
    _hooks = (*_present(), hook)


def remove_hook(hook: Callable[[Event], object]) -> None:
    """Call it no more; nothing happens if it was not called. A method is the same each time that it is read."""
    global _hooks
    _hooks = tuple(present for present in _present() if present != hook)


def emit(event: Event) -> None:
    """Tell of an event, unless the interpreter ends. A hook that raises is not to be the end of a load."""
    if is_finalizing():
        return
    for hook in _present():
        try:
            hook(event)
        except Exception as error:  # noqa: BLE001  # whatever a hook raises
            import traceback

            traceback.print_exception(error)


def emit_named(kind: str, *values: object) -> None:
    """As :func:`emit`, for the compiled half, which knows events by the names of their kinds."""
    if is_finalizing():
        return
    from hotset._events import kinds

    emit(getattr(kinds, kind)(*values))


def _present() -> tuple[Callable[[Event], object], ...]:
    global _hooks
    if _hooks is None:
        # Imported when there is something to say: `logging` takes longer than all of hotset.
        from hotset._events.log import log

        _hooks = (log,)
    return _hooks
