"""Who takes the steps of a caller's way to values: a thread, or a coroutine. Nothing else here is written twice."""

from __future__ import annotations

from hotset._loading.protocol import Asker, Want, obtain, refresh_later
from hotset._loading.sources import OneValue
from hotset._loading.waiters import Wait, follow_in_task, follow_in_thread
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from hotset._core import Attempt, Hit
    from hotset._loading.call_options import CallOptions
    from hotset._loading.protocol import Run, Steps
    from hotset._percall.entry import Told


def block(steps: Steps) -> None:
    """Take steps on this thread."""
    step: Wait | Run | None
    try:
        for step in steps:
            if isinstance(step, Wait):
                step.outcome = follow_in_thread(step)
                continue
            try:
                loaded = step.source.load(step.attempts, None)
            except BaseException as error:
                if not step.fail(error):
                    raise
            else:
                step.land(loaded)
    except BaseException:
        # What is raised refers to this frame, and must not come back through a flight.
        step = None
        steps.close()
        raise


async def drive(steps: Steps, want: Want | None = None) -> Any:
    """As :func:`block`, awaiting; the value of one that is wanted."""
    step: Wait | Run | None
    try:
        for step in steps:
            if isinstance(step, Wait):
                step.outcome = await follow_in_task(step)
                continue
            try:
                loaded = await step.source.load_in_task(step.attempts, None)
            except BaseException as error:
                if not step.fail(error):
                    raise
            else:
                step.land(loaded)
    except BaseException:
        # As in `block`.
        step = None
        steps.close()
        raise
    return None if want is None else want.value


def load_here(
    attempt: Attempt,
    loader: Callable[[], Any] | None = None,
    looks: bool = True,
    terms: CallOptions | None = None,
    told: Told | None = None,
) -> Any:
    """The value of a key: loaded on this thread or in the pool, waited for, or stale."""
    if terms is None and attempt.policy.is_patient and (not looks or attempt.not_fresh() is None):
        return attempt.load(loader, looks)
    asker = Asker(attempt.policy, looks, terms, told)
    want = Want(asker, attempt)
    block(obtain(asker, [want], OneValue(loader), awaits=False))
    return want.value


def load_in_task(
    attempt: Attempt,
    loader: Callable[[], Any] | None = None,
    looks: bool = True,
    terms: CallOptions | None = None,
    told: Told | None = None,
) -> Coroutine[Any, Any, Any]:
    """As :func:`load_here`, loaded by a task of its own on this event loop. To be awaited at once: an error that is
    kept is raised by the call."""
    asker = Asker(attempt.policy, looks, terms, told)
    want = Want(asker, attempt)
    return drive(obtain(asker, [want], OneValue(loader), awaits=True), want)


def refresh_one_later(attempt: Attempt, loader: Callable[[], Any] | None, awaits: bool) -> None:
    """Have a value loaded anew, in the pool or by a task, unless somebody is at it or there is nobody to do it."""
    refresh_later([attempt], OneValue(loader), looks=False, awaits=awaits)


def load_on_terms(
    attempt: Attempt, loader: Callable[[], Any] | None, terms: CallOptions, told: Told | None = None
) -> Any:
    """As :func:`load_here`, for a caller with terms; an entry for one who wants to be ``told``."""
    hit = _accepted(attempt, loader, terms, told, awaits=False)
    value = load_here(attempt, loader, terms.looks, terms, told) if hit is None else hit.value
    return value if told is None else told.entry(attempt, value, loaded=hit is None)


async def load_on_terms_in_task(
    attempt: Attempt, loader: Callable[[], Any] | None, terms: CallOptions, told: Told | None = None
) -> Any:
    """As :func:`load_on_terms`, awaiting."""
    hit = _accepted(attempt, loader, terms, told, awaits=True)
    value = await load_in_task(attempt, loader, terms.looks, terms, told) if hit is None else hit.value
    return value if told is None else told.entry(attempt, value, loaded=hit is None)


def _accepted(
    attempt: Attempt, loader: Callable[[], Any] | None, terms: CallOptions, told: Told | None, *, awaits: bool
) -> Hit | None:
    """What is there and will do; it is refreshed then if that is due."""
    if terms.refresh:
        attempt.overtake()
        return None
    hit = terms.accepts(attempt, told, loads=True)
    if hit is not None and hit.refreshes:
        refresh_one_later(attempt, loader, awaits)
    return hit
