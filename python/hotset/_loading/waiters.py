"""Waiting for loads that somebody else makes: a lock in a thread, a future in a task.

Nothing here runs for a hit, nor for a load that nobody else asks for in a thread.
"""

from __future__ import annotations

from _thread import allocate_lock
from sys import is_finalizing, modules

from hotset._core import NotShareable
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from hotset._core import Attempt, Failed, Flight, Found, Retry
    from hotset._loading.runners import PoolLead, TaskLead

    #: What a load came to, for who waited for it.
    Outcome = Found | Failed | Retry | NotShareable

#: How many seconds pass until it is looked whether the event loop of a load still runs, or what a clock says that is
#: moved by hand.
PATIENCE = 0.05

#: How many seconds a thread waits before it looks for signals, one of which may have come just before it began to wait,
#: and anybody before they look whether a load has become too old.
DEAFNESS = 0.5

#: How many seconds pass at least until it is looked again whether a load is too old by now.
SHORTEST = 0.01


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if asyncio knows of one."""
    # While the interpreter ends no loop will take another step, and modules lose their names.
    events = None if is_finalizing() else modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def _longest_pause(flight: Flight) -> float:
    """The seconds until it is looked whether a load will still end."""
    return PATIENCE if flight.is_task else DEAFNESS


class Wait:
    """A wait for a load, for so many seconds at most: a step that a driver takes."""

    __slots__ = ("_until", "attempt", "flight", "leads", "outcome", "stays")

    def __init__(self, attempt: Attempt, flight: Flight, seconds: float | None, leads: bool, stays: bool) -> None:
        self.attempt, self.flight = attempt, flight
        #: Whether the load is the caller's own, made by somebody else.
        self.leads = leads
        #: Whether the load goes on when the time is over although nobody waits for it.
        self.stays = stays
        #: What it came to; None if the time was over first.
        self.outcome: Outcome | None = None
        self._until = None if seconds is None else attempt.now() + seconds

    def left(self) -> float | None:
        """The seconds until the time may be over: 0 if it is, None if it never is."""
        if self._until is None:
            return None
        left = max(self._until - self.attempt.now(), 0.0)
        # Somebody may move the clock by hand.
        return min(left, PATIENCE) if self.attempt.is_timed_by_hand else left

    def pause(self) -> float:
        """As :meth:`left`, for who looks after the load too."""
        pause, left = _longest_pause(self.flight), self.left()
        return pause if left is None else min(pause, left)


# Threads


class _Thread:
    """A thread that waits."""

    __slots__ = ("__weakref__", "landed")

    def __init__(self) -> None:
        self.landed = allocate_lock()
        self.landed.acquire()

    def wake(self) -> None:
        try:  # noqa: SIM105  # contextlib takes as long to import as all of this
            self.landed.release()
        except RuntimeError:
            pass  # it was woken before


def wait_in_thread(flight: Flight, wait: Wait | None = None) -> bool:
    """Block this thread until a load has ended, or the time is over: False then. Signals are handled meanwhile."""
    leads = wait is not None and wait.leads
    thread = _Thread()
    token = flight.subscribe(thread)
    if token is None:
        return True
    lead = _lead_of(flight)
    try:
        if not leads:
            _take_over(lead)
        while pause := _longest_pause(flight) if wait is None else wait.pause():
            if thread.landed.acquire(timeout=pause) or flight.landed:
                return True
            lead = lead or _lead_of(flight)
            _look_after(flight, lead, leads=leads)
        return flight.landed
    finally:
        _leave(flight, token, lead)


def follow_in_thread(wait: Wait) -> Outcome | None:
    """What a load came to; None if it takes longer."""
    if not wait.attempt.wait_for(wait.flight, blocks=True):
        return NotShareable()
    try:
        if not wait_in_thread(wait.flight, wait):
            return None
    finally:
        wait.attempt.waited()
    return wait.flight.outcome()


# Tasks


class _Task:
    """A task that waits."""

    __slots__ = ("__weakref__", "landed", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.landed: asyncio.Future[None] = loop.create_future()

    def wake(self) -> None:
        if running_loop() is self.loop:
            self.land()
        else:
            call_in(self.loop, self.land)

    def land(self) -> None:
        if not self.landed.done():
            self.landed.set_result(None)


class _Watch:
    """Looks after a load for all tasks of an event loop that follow it: there is one timer, and not one for each."""

    __slots__ = ("_by_hand", "_flight", "_followers", "_key", "_loop", "_timer")

    def __init__(self, key: tuple[int, int], wait: Wait, loop: asyncio.AbstractEventLoop) -> None:
        self._key, self._flight, self._loop = key, wait.flight, loop
        #: Whether somebody may move the clock that tells how old the load is.
        self._by_hand = wait.attempt.is_timed_by_hand
        self._followers: set[_Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: _Task, lead: TaskLead | PoolLead | None) -> None:
        self._followers.add(task)
        _watches[self._key] = self
        if self._timer is None:
            self._plan(lead)

    def leave(self, task: _Task) -> None:
        self._followers.discard(task)
        if self._followers:
            return
        if _watches.get(self._key) is self:
            del _watches[self._key]
        if self._timer is not None:
            self._timer.cancel()

    def _plan(self, lead: TaskLead | PoolLead | None) -> None:
        """Look when there may be something to see: never, for a load of the same event loop that does not grow old."""
        pauses = [] if lead is not None and lead.loop is self._loop else [_longest_pause(self._flight)]
        if (until_old := self._flight.until_old) is not None:
            pauses.append(PATIENCE if self._by_hand else max(until_old, SHORTEST))
        self._timer = self._loop.call_later(min(pauses), self._look) if pauses else None

    def _look(self) -> None:
        self._timer = None
        lead = _lead_of(self._flight)
        if self._flight.landed:
            # Whoever could not be woken.
            for task in self._followers:
                task.land()
        elif not _look_after(self._flight, lead):
            self._plan(lead)


#: Those that look, by event loop and number of a flight: each changed by its own loop only.
_watches: dict[tuple[int, int], _Watch] = {}


async def _wait_in_task(flight: Flight, wait: Wait) -> bool:
    """Let other tasks run until a load has ended, or the time is over: False then."""
    import asyncio

    loop = asyncio.get_running_loop()
    task = _Task(loop)
    token = flight.subscribe(task)
    if token is None:
        return True
    lead = _lead_of(flight)
    watch: _Watch | None = None
    try:
        # The load of a task is made by its own event loop.
        if not wait.leads:
            _take_over(lead)
            key = id(loop), flight.number
            watch = _watches.get(key) or _Watch(key, wait, loop)
            watch.enter(task, lead)
        while not task.landed.done() and not flight.landed:
            left = wait.left()
            if left is None:
                await task.landed
            elif left > 0:
                await asyncio.wait((task.landed,), timeout=left)
            else:
                if wait.stays and lead is not None:
                    lead.stay()
                return flight.landed
        return True
    finally:
        _leave(flight, token, lead)
        if watch is not None:
            watch.leave(task)


async def follow_in_task(wait: Wait) -> Outcome | None:
    """As :func:`follow_in_thread`. If it takes longer, the load may stay in progress although nobody waits for it."""
    if not wait.attempt.wait_for(wait.flight, blocks=False):
        return NotShareable()
    try:
        if not await _wait_in_task(wait.flight, wait):
            return None
    finally:
        wait.attempt.waited()
    return wait.flight.outcome()


class Presence:
    """Somebody who waits for several loads, one after the other: present at all of them from the beginning."""

    __slots__ = ("__weakref__", "_held")

    def __init__(self, flights: Iterable[Flight]) -> None:
        # Who loads is kept too, so that there is somebody to be told.
        self._held = [
            (flight, token, _lead_of(flight)) for flight in flights if (token := flight.subscribe(self)) is not None
        ]

    def wake(self) -> None:
        """It waits for each in its turn."""

    def end(self) -> None:
        """Wait for none of them any more."""
        for flight, token, lead in self._held:
            _leave(flight, token, lead or _lead_of(flight))
        self._held.clear()


# Both


def _lead_of(flight: Flight) -> TaskLead | PoolLead | None:
    """Who loads, as long as they live, if it is a task or in the pool."""
    reference = flight.home
    return None if reference is None else reference()


def _leave(flight: Flight, token: int, lead: TaskLead | PoolLead | None) -> None:
    """Wait no longer; the load of a coroutine is cancelled when the last one has gone."""
    if flight.unsubscribe(token) and lead is not None:
        lead.leave()


def take_over(flight: Flight) -> bool:
    """Give a load up that waits for a thread of the pool, where the running thread is one; whether that was so."""
    return _take_over(_lead_of(flight))


def _take_over(lead: TaskLead | PoolLead | None) -> bool:
    return lead is not None and lead.gives_way()


def look_after(flight: Flight, timeout: float | None) -> bool:
    """Give a load up that will not end, or has not in time; whether that was so."""
    lead = _lead_of(flight)
    if timeout is not None and flight.age >= timeout:
        if lead is not None:
            lead.give_up()
        flight.strand()
        return True
    return _look_after(flight, lead)


def _look_after(flight: Flight, lead: TaskLead | PoolLead | None, *, leads: bool = False) -> bool:
    """Give a load up that will not end: it has lost its event loop or its thread, or it is too old for others than its
    own caller."""
    if lead is not None and not flight.landed and lead.is_lost():
        lead.forget()
        flight.strand()
        return True
    return not leads and (_take_over(lead) or flight.give_up_if_old())


def call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Have something done by an event loop of another thread, if that is still open."""
    try:  # noqa: SIM105  # contextlib takes as long to import as all of this
        loop.call_soon_threadsafe(action)
    except RuntimeError:
        pass  # it is closed, and whoever waited there is gone
