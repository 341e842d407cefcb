"""Waiting for loads, in threads and in tasks: a lock in a thread, a future in a task.

Nothing here runs for a hit, nor for a load that nobody else asks for in a thread.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hotset._core import Attempt, Flight
    from hotset._leads import PoolLead, TaskLead

#: How many seconds pass until it is looked whether the event loop of a load still runs, or what a clock says that is
#: moved by hand.
PATIENCE = 0.05

#: How many seconds a thread waits before it looks for signals, one of which may have come just before it began to wait,
#: and anybody before they look whether a load has become too old.
DEAFNESS = 0.5


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if asyncio knows of one."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


class Wait:
    """How long somebody waits."""

    __slots__ = ("_attempt", "_until")

    def __init__(self, attempt: Attempt | None = None, seconds: float | None = None) -> None:
        self._attempt = attempt
        self._until = None if attempt is None or seconds is None else attempt.now() + seconds

    def step(self, flight: Flight) -> float | None:
        """The seconds until there is something to look for; None if the time is over."""
        pause = PATIENCE if flight.is_task else DEAFNESS
        if self._attempt is None or self._until is None:
            return pause
        left = self._until - self._attempt.now()
        if left <= 0:
            return None
        return min(pause, PATIENCE) if self._attempt.is_timed_by_hand else min(pause, left)

    @property
    def is_endless(self) -> bool:
        """Whether it goes on until the load ends."""
        return self._until is None


# Threads


class _Thread:
    """A thread that waits."""

    __slots__ = ("__weakref__", "landed")

    def __init__(self) -> None:
        self.landed = allocate_lock()
        self.landed.acquire()

    def wake(self) -> None:
        self.landed.release()


def wait_in_thread(flight: Flight, wait: Wait | None = None) -> bool:
    """Block this thread until a load has ended, or the time is over: False then. Signals are handled meanwhile."""
    wait = wait or Wait()
    thread = _Thread()
    token = flight.join(thread)
    if token is None:
        return True
    lead = _lead_of(flight)
    try:
        while (pause := wait.step(flight)) is not None:
            if thread.landed.acquire(timeout=pause):
                return True
            lead = lead or _lead_of(flight)
            _look_after(flight, lead)
        return flight.landed
    finally:
        _leave(flight, token, lead)


def follow_in_thread(attempt: Attempt, flight: Flight, patience: float | None = None) -> tuple[Any, ...]:
    """What a load came to; ``("late",)`` if it takes longer, ``("alone",)`` if waiting for it would never end."""
    if not attempt.wait_for(flight, blocks=True):
        return ("alone",)
    try:
        if not wait_in_thread(flight, Wait(attempt, patience)):
            return ("late",)
    finally:
        attempt.waited()
    return flight.outcome() or ("again",)


# Tasks


class _Task:
    """A task that waits."""

    __slots__ = ("__weakref__", "landed", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.landed: asyncio.Future[None] = loop.create_future()

    def wake(self) -> None:
        if running_loop() is self.loop:
            self._land()
        else:
            call_in(self.loop, self._land)

    def _land(self) -> None:
        if not self.landed.done():
            self.landed.set_result(None)


async def _wait_in_task(flight: Flight, wait: Wait, *, leads: bool, stays: bool) -> bool:
    """Let other tasks run until a load has ended, or the time is over: False then."""
    import asyncio

    task = _Task(asyncio.get_running_loop())
    token = flight.join(task)
    if token is None:
        return True
    lead = _lead_of(flight)
    try:
        while not task.landed.done():
            if leads and lead is not None and lead.loop is task.loop and wait.is_endless:
                await task.landed
                continue
            pause = wait.step(flight)
            if pause is None:
                if stays and lead is not None:
                    lead.stay()
                return flight.landed
            await asyncio.wait((task.landed,), timeout=pause)
            lead = lead or _lead_of(flight)
            _look_after(flight, lead)
        return True
    finally:
        _leave(flight, token, lead)


async def follow_in_task(
    attempt: Attempt, flight: Flight, patience: float | None = None, *, leads: bool, stays: bool = False
) -> tuple[Any, ...]:
    """As :func:`follow_in_thread`. If it takes longer, the load ``stays`` in progress although nobody waits for it."""
    if not attempt.wait_for(flight, blocks=False):
        return ("alone",)
    try:
        if not await _wait_in_task(flight, Wait(attempt, patience), leads=leads, stays=stays):
            return ("late",)
    finally:
        attempt.waited()
    return flight.outcome() or ("again",)


# Both


def _lead_of(flight: Flight) -> TaskLead | PoolLead | None:
    """Who loads, as long as they live, if it is a task or in the pool."""
    reference = flight.home
    return None if reference is None else reference()


def _leave(flight: Flight, token: int, lead: TaskLead | PoolLead | None) -> None:
    """Wait no longer; the load of a coroutine is cancelled when the last one has gone."""
    if flight.leave(token) and lead is not None:
        lead.leave()


def take_over(flight: Flight) -> bool:
    """Give a load up that waits for a thread of the pool, where the running thread is one; whether that was so."""
    lead = _lead_of(flight)
    gives_way = lead is not None and lead.gives_way()
    if gives_way:
        flight.strand()
    return gives_way


def look_after(flight: Flight, timeout: float | None) -> bool:
    """Give a load up that will not end, or has not in time; whether that was so."""
    if timeout is not None and flight.age >= timeout:
        flight.strand()
        return True
    return _look_after(flight, _lead_of(flight))


def _look_after(flight: Flight, lead: TaskLead | PoolLead | None) -> bool:
    """Give a load up that will not end: it has lost its event loop or its thread, or it is too old."""
    if lead is not None and not flight.landed and lead.is_lost():
        flight.strand()
        return True
    return flight.give_up_if_old()


def call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Have something done by an event loop of another thread, if that is still open."""
    try:  # noqa: SIM105  # contextlib takes as long to import as all of this
        loop.call_soon_threadsafe(action)
    except RuntimeError:
        pass  # it is closed, and whoever waited there is gone
