"""Loads that do not run where they were asked for: in a thread of the pool, or as a task of their own."""

from __future__ import annotations

from _weakref import ref  # without `weakref`, which takes longer to import
from sys import is_finalizing

from hotset._core import Attempt, depth
from hotset._errors import LoadTimeoutError
from hotset._loading.current import context_of, enclosing_of
from hotset._loading.failures import load_failed, load_returned
from hotset._loading.waiters import PATIENCE, call_in, running_loop
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from _contextvars import Context
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from hotset._core import Flight
    from hotset._loading.pool import Job
    from hotset._loading.sources import Source

    #: Where a load is made: by its caller, by a thread of the pool, or by a task of its own.
    Place = Literal["here", "pool", "task"]


def late(attempt: Attempt, seconds: float | None) -> LoadTimeoutError:
    """What is raised for a load that takes longer."""
    return LoadTimeoutError(f"a load for {attempt.name} took longer than its timeout of {seconds or 0:g} s")


#: `in_pool`, `run_if_free` and `run_or_queue` of the pool, from its first use on.
_pool: list[Callable[..., Any]] = []


def in_pool() -> bool:
    """Whether this thread is one of the pool, which must not wait for another."""
    return bool(_pool) and _pool[0]()


class _Lead:
    """Loads by one call of a source, for each of which there is a flight."""

    __slots__ = (
        "__weakref__",
        "_background",
        "_enclosing",
        "_source",
        "attempts",
        "error",
        "loaded",
        "numbers",
        "timeout",
        "watched",
    )

    # Nothing that it refers to refers back to it: an exception that comes before the load has begun frees it at once.

    def __init__(
        self, source: Source, attempts: Sequence[Attempt], flights: Sequence[Flight], *, background: bool
    ) -> None:
        self.attempts: Sequence[Attempt] = attempts
        self._source, self._background = source, background
        #: Seconds after which it is given up, or None.
        self.timeout = attempts[0].policy.timeout
        #: Those of the flights, which may be given up, and their attempts lead others.
        self.numbers = [flight.number for flight in flights]
        self._enclosing = enclosing_of(self.numbers, waits=not background)
        #: What the load raised that is no :class:`Exception`: it is the leader's alone.
        self.error: BaseException | None = None
        #: What was loaded, for the leader, in a list of one.
        self.loaded: list[Any] = []
        #: Whether the leader is still there to raise it.
        self.watched = not background
        # From now on those who wait know of it, which is to be complete.
        for flight in flights:
            flight.home = ref(self)

    def value_of(self, attempt: Attempt) -> Any:
        """What was loaded for one of them."""
        return self._source.value_of(attempt, self.loaded[0])

    def _fail(self, error: BaseException) -> None:
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            attempt.fail(error, number)

    def _quit(self) -> None:
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            attempt.quit(number)


class PoolLead(_Lead):
    """Loads by one call in a thread of the pool."""

    __slots__ = ("_job",)

    #: It needs no event loop.
    loop = None

    def __init__(
        self, source: Source, attempts: Sequence[Attempt], flights: Sequence[Flight], *, background: bool
    ) -> None:
        self._job: Job | None = None
        super().__init__(source, attempts, flights, background=background)

    def start(self) -> bool:
        """Begin, or wait for a thread if somebody waits for the load; False, and nothing is begun, if there is none."""
        self._job = self._submitted(context_of(self.attempts, self.numbers, self._enclosing, within=0))
        return self._job is not None

    def _submitted(self, context: Context) -> Job | None:
        if not _pool:
            if is_finalizing():
                return None
            # It takes longer to import than most programs need.
            from hotset._loading.pool import in_pool, run_if_free, run_or_queue

            _pool[:] = in_pool, run_if_free, run_or_queue
        return _pool[1 if self._background else 2](self._run, context)  # type: ignore[no-any-return]

    def is_lost(self) -> bool:
        """Whether it never will begin: it was waiting for a thread when the interpreter began to exit."""
        return self._job is not None and self._job.dropped

    def give_up(self) -> None:
        """It is late: who waits for it is told, and it does not begin if it has not yet."""
        self.cancel()
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            attempt.fail(late(attempt, attempt.policy.timeout), number)

    def gives_way(self) -> bool:
        """Whether it leaves the load to the running thread: one of the pool, for which it has been waiting."""
        if not in_pool() or not self.cancel():
            return False
        self._quit()
        return True

    def cancel(self) -> bool:
        """Keep it from beginning; whether it had not."""
        return self._job is not None and self._job.cancel()

    def stay(self) -> None:
        """Go on although nobody waits, which it does in any case: what it raises is told to the log."""
        self._background = True

    def leave(self) -> None:
        """It goes on in any case."""

    def forget(self) -> None:
        """It is lost, and nothing refers to it."""

    def _run(self) -> None:
        first = self.attempts[0]
        try:
            began = first.now()
            loaded = self._source.load(self.attempts, self.numbers)
            if self.timeout is not None and first.now() - began >= self.timeout:
                raise late(first, self.timeout)
            self.loaded = [loaded]
            self._source.land(self.attempts, loaded, self.numbers)
            load_returned(first.name)
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            self._fail(error)
            if self._background:
                load_failed(first.name, error)
        except BaseException as error:  # noqa: BLE001  # it is raised in the leader
            self.error = error
            self._quit()
        finally:
            self.attempts = ()
            self._enclosing.end()


#: Loads that nobody waits for: event loops refer to their tasks weakly.
_staying: set[TaskLead] = set()
_FEW = 64
_many = _FEW


def _forget_closed() -> None:
    """Let those go whose event loops will never end them, each time that twice as many are there."""
    global _many
    if len(_staying) >= _many:
        _staying.difference_update([lead for lead in list(_staying) if lead.loop.is_closed()])
        _many = max(2 * len(_staying), _FEW)


class TaskLead(_Lead):
    """Loads by one call in a task of their own, in a copy of the leader's context."""

    __slots__ = ("_cancelled", "_timer", "flights", "loop", "task")

    def __init__(
        self, source: Source, attempts: Sequence[Attempt], flights: Sequence[Flight], *, background: bool
    ) -> None:
        loop = running_loop()
        assert loop is not None
        self.flights: Sequence[Flight] = flights
        self.loop = loop
        self._cancelled = False
        self._timer: asyncio.TimerHandle | None = None
        #: Kept, because an event loop refers to its tasks weakly. It may begin before it is known here, and end.
        self.task: asyncio.Task[None] | None = None
        super().__init__(source, attempts, flights, background=background)
        first, timeout = attempts[0], self.timeout
        until = None if timeout is None else first.now() + timeout
        running = self._run()
        try:
            context = context_of(attempts, self.numbers, self._enclosing, within=depth())
            self.task = loop.create_task(running, context=context)
        except BaseException:
            running.close()
            self._quit()
            raise
        self.task.add_done_callback(self._ended)
        if until is not None:
            self._watch(first, until)
        if background:
            self.stay()

    def _watch(self, attempt: Attempt, until: float) -> None:
        """Give the load up at a time, which may be that of a clock that is moved by hand."""
        left = until - attempt.now()
        if self.task is None or self.task.done():
            return
        if left <= 0:
            self._fail(late(attempt, attempt.policy.timeout))
            self._cancel()
            return
        pause = PATIENCE if attempt.is_timed_by_hand else left
        self._timer = self.loop.call_later(pause, self._watch, attempt, until)

    async def _run(self) -> None:
        try:
            loaded = await self._source.load_in_task(self.attempts, self.numbers)
            self.loaded = [loaded]
            # Whatever its load made of that, what a task that was told to end returns is not stored.
            task = self.task
            if not self._cancelled and (task is None or not task.cancelling()):
                self._source.land(self.attempts, loaded, self.numbers)
                load_returned(self.attempts[0].name)
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            self._fail(error)
            if self._background:
                load_failed(self.attempts[0].name, error)
        except BaseException as error:
            # That it was cancelled here is nothing to a leader who has just been told to load again.
            if not self._cancelled:
                self.error = error
            self._quit()
            if not self.watched or type(error).__name__ == "CancelledError":
                raise
        finally:
            # The traceback of what was raised refers to this frame, and must not come back through a flight.
            self._forget()

    def _ended(self, _task: asyncio.Task[None]) -> None:
        """The task is over: it may have been cancelled before it began, or interrupted while it ended."""
        self._forget()

    def _forget(self) -> None:
        self._quit()  # of which most have ended
        if self.task is not None:
            self.task.remove_done_callback(self._ended)  # which would keep it for another turn of the loop
        self.attempts, self.flights = (), ()
        self._enclosing.end()
        _staying.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def is_lost(self) -> bool:
        """Whether its event loop does not run any more."""
        return not self.loop.is_running()

    def gives_way(self) -> bool:
        """It does not."""
        return False

    def give_up(self) -> None:
        """It has a timer for that."""

    def forget(self) -> None:
        """It is lost."""
        _staying.discard(self)

    def stay(self) -> None:
        """Go on although nobody waits."""
        self._background = True
        if self.attempts:
            _forget_closed()
            _staying.add(self)

    def leave(self) -> None:
        """Cancel the task if nobody waits for any of its loads."""
        if self not in _staying and not any(flight.waiting for flight in self.flights):
            if running_loop() is self.loop:
                self._cancel()
            else:
                call_in(self.loop, self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self.task is not None:
            self.task.cancel()


def count_once(attempts: Sequence[Attempt]) -> None:
    """Loads of several keys in one call are one load."""
    for attempt in attempts[1:]:
        attempt.untimed()


def start(
    place: Place, source: Source, attempts: Sequence[Attempt], flights: Sequence[Flight], *, background: bool
) -> PoolLead | TaskLead | None:
    """Begin loads that are led; None, and they are left to others, if there is no thread of the pool for them."""
    if len(attempts) > 1:
        count_once(attempts)
    if place == "task":
        return TaskLead(source, attempts, flights, background=background)
    lead = PoolLead(source, attempts, flights, background=background)
    if lead.start():
        return lead
    for attempt in attempts:
        attempt.untimed()
        attempt.quit()
    return None
