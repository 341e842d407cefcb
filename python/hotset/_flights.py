"""Waiting for loads, in threads and in tasks, and loads of coroutines as tasks of their own.

The compiled half knows who leads which load; here is what it costs to wait for one: a lock in a thread, a future in a
task. Nothing here runs for a hit, nor for a load that nobody else asks for in a thread.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock
from contextvars import ContextVar, copy_context
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from weakref import ref

from hotset._core import Attempt

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from hotset._core import Flight

#: The numbers of the flights whose loads the running code is part of, as far as its context says.
ENCLOSING: ContextVar[tuple[int, ...]] = ContextVar("hotset_enclosing_flights", default=())

#: How many seconds a follower waits before it looks whether the event loop of a load still runs.
PATIENCE = 0.05

#: How many seconds a thread waits before it looks for signals, one of which may have come just before it began to wait.
DEAFNESS = 0.5


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread, if asyncio knows of one."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def raised_again(error: BaseException, traceback: Any) -> BaseException:
    """What a follower raises for what the load raised: a copy where one can be made, with the traceback of the load.

    An exception that several threads raise at once would show each the frames of the others.
    """
    import copy

    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next

    try:
        twin = copy.copy(error)
    except Exception:  # noqa: BLE001  # an exception whose constructor wants something else
        return error.with_traceback(traceback)
    if type(twin) is not type(error) or any(
        mine is not its for mine, its in zip_longest(twin.args, error.args, fillvalue=twin)
    ):
        return error.with_traceback(traceback)
    twin.__cause__, twin.__context__ = error.__cause__, error.__context__
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(traceback)


# Threads


class _Thread:
    """A thread that waits."""

    __slots__ = ("__weakref__", "landed")

    def __init__(self) -> None:
        self.landed = allocate_lock()
        self.landed.acquire()

    def wake(self) -> None:
        self.landed.release()


def wait_in_thread(flight: Flight) -> None:
    """Block this thread until a load has ended. Signals are handled meanwhile."""
    thread = _Thread()
    token = flight.join(thread)
    if token is None:
        return
    lead = _lead_of(flight)
    try:
        while not thread.landed.acquire(timeout=PATIENCE if flight.is_task else DEAFNESS):
            lead = lead or _lead_of(flight)
            if _is_stranded(flight, lead):
                flight.strand()
    finally:
        _leave(flight, token, lead)


def _follow_in_thread(attempt: Attempt, flight: Flight) -> tuple[Any, ...]:
    """What a load of somebody else's came to; ``("alone",)`` if waiting for it would never end."""
    if not attempt.wait_for(flight, blocks=True):
        return ("alone",)
    try:
        wait_in_thread(flight)
    finally:
        attempt.waited()
    return flight.outcome() or ("again",)


def load_here(attempt: Attempt, loader: Callable[[], Any]) -> Any:
    """The value of a key: loaded on this thread, or waited for."""
    while True:
        step: Any = attempt.begin(as_task=False, looks=True)
        if step[0] == "lead":
            try:
                value = attempt.run(loader)
            except BaseException as error:
                attempt.fail(error)
                raise
            attempt.land(value)
            return value
        if step[0] == "join":
            step = _follow_in_thread(attempt, step[1])
        match step:
            case ("found" | "value", value):
                return value
            case ("error", error, traceback):
                # What is raised refers to this frame, and must not come back through the flight.
                again, step = raised_again(error, traceback), None
                raise again
            case ("alone",):
                return loader()
            case _:
                pass  # its leader has left it, and it begins anew


def load_many_here(
    attempts: dict[Any, Attempt], load_missing: Callable[[list[Any]], Mapping[Any, Any]]
) -> dict[Any, Any]:
    """The values of keys: loaded on this thread in one call, or waited for. Keys that nobody finds are left out."""
    found: dict[Any, Any] = {}
    while attempts:
        steps = _begin_all(attempts, as_task=False)
        leads = {key: attempts[key] for key, step in steps.items() if step[0] == "lead"}
        if leads:
            _lead_many_here(leads, load_missing, found)
        again: dict[Any, Attempt] = {}
        alone: list[Any] = []
        try:
            for key in steps.keys() - leads.keys():
                step: Any = steps.pop(key)
                if step[0] == "join":
                    step = _follow_in_thread(attempts[key], step[1])
                _take(key, step, found, again, alone, attempts)
        except BaseException:
            # As in `load_here`.
            step = None
            steps.clear()
            raise
        if alone:
            _take_alone(alone, load_missing(alone), found)
        attempts = again
    return found


def _begin_all(attempts: dict[Any, Attempt], *, as_task: bool) -> dict[Any, tuple[Any, ...]]:
    try:
        return {key: attempt.begin(as_task=as_task, looks=True) for key, attempt in attempts.items()}
    except BaseException:
        # A key whose comparison raises must not leave the others' loads begun and never ended.
        for attempt in attempts.values():
            attempt.quit()
        raise


def _lead_many_here(
    leads: dict[Any, Attempt], load_missing: Callable[[list[Any]], Mapping[Any, Any]], found: dict[Any, Any]
) -> None:
    first, *others = leads.values()
    _count_once(others)
    try:
        loaded = first.run(lambda: load_missing(list(leads)), others)
        _land_many(leads, loaded, found)
    except BaseException as error:
        for attempt in leads.values():
            attempt.fail(error)
        raise


def _land_many(leads: dict[Any, Attempt], loaded: Mapping[Any, Any], found: dict[Any, Any]) -> None:
    for key, attempt in leads.items():
        if key in loaded:
            found[key] = loaded[key]
            attempt.land(found[key])
        else:
            attempt.leave_out()


def _count_once(others: list[Attempt]) -> None:
    """Loads of several keys in one call are one load."""
    for attempt in others:
        attempt.untimed()


def _take(
    key: Any,
    step: tuple[Any, ...],
    found: dict[Any, Any],
    again: dict[Any, Attempt],
    alone: list[Any],
    attempts: dict[Any, Attempt],
) -> None:
    """Sort a key by what waiting for it came to."""
    match step:
        case ("found" | "value", value):
            found[key] = value
        case ("error", error, traceback):
            raise raised_again(error, traceback)
        case ("alone",):
            alone.append(key)
        case _:
            again[key] = attempts[key]


def _take_alone(alone: list[Any], loaded: Mapping[Any, Any], found: dict[Any, Any]) -> None:
    found.update((key, loaded[key]) for key in alone if key in loaded)


# Tasks


async def obtain(attempt: Attempt, looks: bool = True, loader: Callable[[], Awaitable[Any]] | None = None) -> Any:
    """The value of a key: loaded by a task of its own on this event loop, or waited for."""

    async def load() -> None:
        attempt.land(await attempt.run(loader))

    while True:
        step: Any = attempt.begin(as_task=True, looks=looks)
        lead = _Lead([attempt], [step[1]], load) if step[0] == "lead" else None
        if step[0] in ("lead", "join"):
            try:
                step = await _follow_in_task(attempt, step[1])
            except BaseException:
                if lead is not None:
                    lead.watched = False
                raise
        match step:
            case ("found" | "value", value):
                return value
            case ("error", error, traceback):
                # As in `load_here`.
                again, step, lead = raised_again(error, traceback), None, None
                raise again
            case ("alone",):
                return await attempt.run(loader)
            case _:
                if lead is not None and lead.error is not None:
                    again, step, lead = lead.error, None, None
                    raise again


async def obtain_many(
    attempts: dict[Any, Attempt], load_missing: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]
) -> dict[Any, Any]:
    """As :func:`load_many_here`, loaded by one task of its own."""
    found: dict[Any, Any] = {}
    while attempts:
        steps = _begin_all(attempts, as_task=True)
        leads = {key: attempts[key] for key, step in steps.items() if step[0] == "lead"}
        lead: _Lead | None = None
        if leads:

            async def load(leads: dict[Any, Attempt] = leads) -> None:
                _land_many(leads, await load_missing(list(leads)), found)

            _count_once(list(leads.values())[1:])
            lead = _Lead(list(leads.values()), [steps[key][1] for key in leads], load)
        again: dict[Any, Attempt] = {}
        alone: list[Any] = []
        try:
            for key in list(steps):
                step: Any = steps.pop(key)
                if step[0] in ("lead", "join"):
                    step = await _follow_in_task(attempts[key], step[1])
                if key in leads and step[0] == "again":
                    # Left out by the load, or the load was not to be: then that is the leader's.
                    if lead is not None and lead.error is not None:
                        raise lead.error
                    continue
                _take(key, step, found, again, alone, attempts)
        except BaseException:
            # As in `load_here`.
            if lead is not None:
                lead.watched = False
            step, lead = None, None
            steps.clear()
            raise
        if alone:
            _take_alone(alone, await load_missing(alone), found)
        attempts = again
    return found


class _Lead:
    """Loads as one task of its own, in a copy of the leader's context."""

    def __init__(
        self, attempts: list[Attempt], flights: list[Flight], load: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self.attempts, self.flights = attempts, flights
        #: What the load raised that is no :class:`Exception`: it is the leader's alone.
        self.error: BaseException | None = None
        #: Whether the leader is still there to raise it.
        self.watched = True
        loop = running_loop()
        assert loop is not None
        self.loop = loop
        context = copy_context()
        context.run(ENCLOSING.set, (*ENCLOSING.get(), *(flight.number for flight in flights)))
        running = self._run(load)
        try:
            #: Kept, because an event loop refers to its tasks weakly.
            self.task = loop.create_task(running, context=context)
        except BaseException:
            running.close()
            self._end(Attempt.quit)
            raise
        for flight in flights:
            flight.home = ref(self)

    async def _run(self, load: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await load()
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            raised = error
            self._end(lambda attempt: attempt.fail(raised))
            del raised
        except BaseException as error:
            self.error = error
            self._end(Attempt.quit)
            if not self.watched or type(error).__name__ == "CancelledError":
                raise
        finally:
            # The traceback of what was raised refers to this frame, and must not come back through a flight.
            self.attempts.clear()
            self.flights.clear()

    def _end(self, end: Callable[[Attempt], object]) -> None:
        for attempt in self.attempts:
            end(attempt)

    def leave(self) -> None:
        """Cancel the task if nobody waits for any of its loads."""
        if not any(flight.waiting for flight in self.flights):
            if running_loop() is self.loop:
                self.task.cancel()
            else:
                _call_in(self.loop, self.task.cancel)


async def _follow_in_task(attempt: Attempt, flight: Flight) -> tuple[Any, ...]:
    """What a load came to; ``("alone",)`` if waiting for it would never end."""
    if not attempt.wait_for(flight, blocks=False):
        return ("alone",)
    try:
        await _wait_in_task(flight)
    finally:
        attempt.waited()
    return flight.outcome() or ("again",)


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
            _call_in(self.loop, self._land)

    def _land(self) -> None:
        if not self.landed.done():
            self.landed.set_result(None)


async def _wait_in_task(flight: Flight) -> None:
    """Let other tasks run until a load has ended."""
    import asyncio

    task = _Task(asyncio.get_running_loop())
    token = flight.join(task)
    if token is None:
        return
    lead = _lead_of(flight)
    try:
        while not task.landed.done():
            if not flight.is_task or (lead is not None and lead.loop is task.loop):
                await task.landed
                continue
            await asyncio.wait((task.landed,), timeout=PATIENCE)
            lead = lead or _lead_of(flight)
            if _is_stranded(flight, lead):
                flight.strand()
    finally:
        _leave(flight, token, lead)


# Both


def _lead_of(flight: Flight) -> _Lead | None:
    """The task that loads, as long as it lives."""
    reference = flight.home
    return None if reference is None else reference()


def _leave(flight: Flight, token: int, lead: _Lead | None) -> None:
    """Wait no longer; the load of a coroutine is cancelled when the last one has gone."""
    if flight.leave(token) and lead is not None:
        lead.leave()


def _is_stranded(flight: Flight, lead: _Lead | None) -> bool:
    """Whether a load's event loop does not run any more."""
    return lead is not None and not flight.landed and not lead.loop.is_running()


def _call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> None:
    """Have something done by an event loop of another thread, if that is still open."""
    try:  # noqa: SIM105  # contextlib takes as long to import as all of this
        loop.call_soon_threadsafe(action)
    except RuntimeError:
        pass  # it is closed, and whoever waited there is gone
