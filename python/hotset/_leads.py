"""Loads that do not run where they were asked for: in a thread of the pool, or as a task of their own."""

from __future__ import annotations

from _contextvars import Context, ContextVar, copy_context
from _weakref import ref  # without `weakref`, which takes longer to import
from sys import getrecursionlimit, is_finalizing

from hotset._core import Attempt, depth, innermost
from hotset._errors import LoadTimeoutError
from hotset._log import refresh_failed
from hotset._typing import TYPE_CHECKING
from hotset._waiting import PATIENCE, call_in, running_loop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from typing import Any

    from hotset._core import Flight, LoadContext
    from hotset._pool import Job


class Enclosing:
    """The load that code is part of whose context was made for it, until it ends."""

    __slots__ = ("depth", "numbers")

    def __init__(self, depth: int, numbers: tuple[int, ...]) -> None:
        #: How many loads it lies within, each of which waits for the next, and itself.
        self.depth = depth
        #: Those of its flights. What waits for it in turn knows by its own wait.
        self.numbers = numbers

    def end(self) -> None:
        """What its code goes on with is part of no load."""
        self.depth, self.numbers = 0, ()


_NOWHERE = Enclosing(0, ())

#: The load that the running code is part of, as far as its context says.
ENCLOSING: ContextVar[Enclosing] = ContextVar("hotset_enclosing_load", default=_NOWHERE)


def refuse_endless() -> None:
    """Refuse to begin a load within as many as calls may be nested, each of which waits for the next.

    Raises:
        RecursionError: each is a task of its own, so that nothing else bounds them.
    """
    if ENCLOSING.get().depth >= getrecursionlimit():
        raise RecursionError("maximum recursion depth exceeded: so many loads of coroutines wait for each other")


#: Loads that nobody waits for: event loops refer to their tasks weakly.
_staying: set[TaskLead] = set()
_FEW = 64
_many = _FEW


#: The load that the running code is part of, if it is a task or in the pool, the number of its flight, and within how
#: many loads its thread was.
_LOADING: ContextVar[tuple[Attempt | None, int, int] | None] = ContextVar("hotset_loading", default=None)


def current_load() -> LoadContext:
    """The load that the running loader makes: what is to be replaced, and what becomes of what it returns.

    Raises:
        RuntimeError: outside of a load, and in one of several keys at once.
    """
    task = _LOADING.get()
    if task is not None and depth() <= task[2]:
        context = None if task[0] is None else task[0].context(task[1])
    else:
        context = innermost()
    if context is None:
        raise RuntimeError("current_load() is for loaders of one key, while they load")
    return context


def late(attempt: Attempt, seconds: float | None) -> LoadTimeoutError:
    """What is raised for a load that takes longer."""
    return LoadTimeoutError(f"a load for {attempt.name} took longer than its timeout of {seconds or 0:g} s")


#: `in_pool`, `run_if_free` and `run_or_queue` of the pool, from its first use on.
_pool: list[Callable[..., Any]] = []


def in_pool() -> bool:
    """Whether this thread is one of the pool, which must not wait for another."""
    return bool(_pool) and _pool[0]()


def _context(attempts: list[Attempt], flights: list[Flight], enclosing: Enclosing, *, within: int) -> Context:
    """A copy of the context, in which these loads run."""
    context = copy_context()
    context.run(ENCLOSING.set, enclosing)
    context.run(_LOADING.set, (attempts[0] if len(attempts) == 1 else None, flights[0].number, within))
    return context


def _enclosing(flights: list[Flight], *, waits: bool) -> Enclosing:
    """What is part of these loads. Who does not wait is not held up by them."""
    return Enclosing(ENCLOSING.get().depth + 1 if waits else 1, tuple([flight.number for flight in flights]))


class PoolLead:
    """Loads by one call in a thread of the pool."""

    __slots__ = ("__weakref__", "_background", "_enclosing", "_job", "_load", "attempts", "error", "loaded", "numbers")

    # Nothing that it refers to refers back to it: an exception that comes before the load has begun frees it at once.

    #: It needs no event loop.
    loop = None

    def __init__(self, attempts: list[Attempt], load: Callable[[PoolLead], None], *, background: bool) -> None:
        self.attempts, self._load, self._background = attempts, load, background
        self._enclosing = _NOWHERE
        #: What the load raised that is no :class:`Exception`: it is the leader's alone.
        self.error: BaseException | None = None
        self._job: Job | None = None
        #: What was loaded, for the leader, in a list of one.
        self.loaded: list[Any] = []
        #: Those of the flights, which may be given up, and their attempts lead others.
        self.numbers: list[int] = []

    def start(self, flights: list[Flight]) -> bool:
        """Begin, or wait for a thread if somebody waits for the load; False, and nothing is begun, if there is none."""
        self.numbers = [flight.number for flight in flights]
        for flight in flights:
            flight.home = ref(self)
        self._enclosing = _enclosing(flights, waits=not self._background)
        self._job = self._submitted(_context(self.attempts, flights, self._enclosing, within=0))
        if self._job is not None:
            return True
        for attempt in self.attempts:
            attempt.untimed()
            attempt.quit()
        return False

    def _submitted(self, context: Context) -> Job | None:
        if not _pool:
            if is_finalizing():
                return None
            # It takes longer to import than most programs need.
            from hotset._pool import in_pool, run_if_free, run_or_queue

            _pool[:] = in_pool, run_if_free, run_or_queue
        return _pool[1 if self._background else 2](self._run, context)  # type: ignore[no-any-return]

    def is_lost(self) -> bool:
        """Whether it never will begin: it was waiting for a thread when the interpreter began to exit."""
        return self._job is not None and self._job.dropped

    def is_late(self, seconds: float) -> bool:
        """Whether a load that took so long has taken too long."""
        timeout = self.attempts[0].loading.timeout if self.attempts else None
        return timeout is not None and seconds >= timeout

    def give_up(self) -> None:
        """It is late: who waits for it is told, and it does not begin if it has not yet."""
        self.cancel()
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            attempt.fail(late(attempt, attempt.loading.timeout), number)

    def gives_way(self) -> bool:
        """Whether it leaves the load to the running thread: one of the pool, for which it has been waiting."""
        if not in_pool() or not self.cancel():
            return False
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            attempt.quit(number)
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
        attempts, load = self.attempts, self._load
        try:
            self._load = _nothing
            load(self)
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            for attempt, number in zip(attempts, self.numbers, strict=True):
                attempt.fail(error, number)
            if self._background:
                refresh_failed(attempts[0].name, error)
        except BaseException as error:  # noqa: BLE001  # it is raised in the leader
            self.error = error
            for attempt, number in zip(attempts, self.numbers, strict=True):
                attempt.quit(number)
        finally:
            self.attempts = []
            self._enclosing.end()


def _nothing(_lead: PoolLead) -> None: ...


def _forget_closed() -> None:
    """Let those go whose event loops will never end them, each time that twice as many are there."""
    global _many
    if len(_staying) >= _many:
        _staying.difference_update([lead for lead in list(_staying) if lead.loop.is_closed()])
        _many = max(2 * len(_staying), _FEW)


class TaskLead:
    """A load that is a task of its own, in a copy of the leader's context."""

    def __init__(
        self,
        attempts: list[Attempt],
        flights: list[Flight],
        load: Callable[[TaskLead], Coroutine[Any, Any, None]],
        *,
        background: bool = False,
    ) -> None:
        loop = running_loop()
        assert loop is not None
        self.attempts, self.flights = attempts, flights
        #: Those of the flights, which may be given up, and their attempts lead others.
        self.numbers = [flight.number for flight in flights]
        #: What the load raised that is no :class:`Exception`: it is the leader's alone.
        self.error: BaseException | None = None
        #: What was loaded, for the leader, in a list of one.
        self.loaded: list[Any] = []
        #: Whether the leader is still there to raise it.
        self.watched = not background
        self._background = background
        self._cancelled = False
        self.loop = loop
        self._timer: asyncio.TimerHandle | None = None
        for flight in flights:
            flight.home = ref(self)
        first, timeout = attempts[0], attempts[0].loading.timeout
        until = None if timeout is None else first.now() + timeout
        self._enclosing = _enclosing(flights, waits=not background)
        running = self._run(load)
        try:
            context = _context(attempts, flights, self._enclosing, within=depth())
            #: Kept, because an event loop refers to its tasks weakly. It may have begun by then, and ended.
            self.task = loop.create_task(running, context=context)
        except BaseException:
            running.close()
            self._end(Attempt.quit)
            raise
        self.task.add_done_callback(self._ended)
        if until is not None:
            self._watch(first, until)
        if background:
            self.stay()

    def _watch(self, attempt: Attempt, until: float) -> None:
        """Give the load up at a time, which may be that of a clock that is moved by hand."""
        left = until - attempt.now()
        if self.task.done():
            return
        if left <= 0:
            error = late(attempt, attempt.loading.timeout)
            self._end(lambda attempt, number: attempt.fail(error, number))
            self._cancel()
            return
        pause = PATIENCE if attempt.is_timed_by_hand else left
        self._timer = self.loop.call_later(pause, self._watch, attempt, until)

    async def _run(self, load: Callable[[TaskLead], Coroutine[Any, Any, None]]) -> None:
        try:
            await load(self)
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            raised = error
            self._end(lambda attempt, number: attempt.fail(raised, number))
            del raised
            if self._background:
                refresh_failed(self.attempts[0].name, error)
        except BaseException as error:
            # That it was cancelled here is nothing to a leader who has just been told to load again.
            if not self._cancelled:
                self.error = error
            self._end(Attempt.quit)
            if not self.watched or type(error).__name__ == "CancelledError":
                raise
        finally:
            # The traceback of what was raised refers to this frame, and must not come back through a flight.
            self._forget()

    def _ended(self, _task: asyncio.Task[None]) -> None:
        """The task is over: it may have been cancelled before it began, or interrupted while it ended."""
        self._forget()

    def _forget(self) -> None:
        self._end(Attempt.quit)  # of which most have ended
        if hasattr(self, "task"):
            self.task.remove_done_callback(self._ended)  # which would keep it for another turn of the loop
        self.attempts, self.flights = [], []
        self._enclosing.end()
        _staying.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def was_cancelled(self) -> bool:
        """Whether the task was told to end, whatever its load made of that: what it returns then is not stored."""
        task = getattr(self, "task", None)
        return self._cancelled or (task is not None and task.cancelling() > 0)

    def land(self, attempt: Attempt, value: Any, number: int) -> Any:
        """End a load that returned; what its leader gets."""
        if self.was_cancelled:
            attempt.quit(number)
            return value
        return attempt.land(value, number)

    def _end(self, end: Callable[[Attempt, int], object]) -> None:
        for attempt, number in zip(self.attempts, self.numbers, strict=False):
            end(attempt, number)

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
        self.task.cancel()
