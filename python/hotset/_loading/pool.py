"""The threads in which functions that are not coroutines load in the background, or under a timeout.

All caches share one small pool. A thread comes when it is needed and goes when it has been idle for long, the exit of
the interpreter waits for it no longer than :data:`EXIT_SECONDS`, and a forked child begins with none.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Literal, TypeVar

from hotset._core import Places
from hotset._events.hooks import emit_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from hotset._core import Place

_T = TypeVar("_T")

#: How many threads there are at most: more than processors, since most loads wait for something else.
MAX_THREADS: int = min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)

#: How many seconds a worker stays without a job.
IDLE_SECONDS = 10.0

#: How many seconds the interpreter waits at its exit for the jobs that run, all of them together.
EXIT_SECONDS = 2.0

#: How many seconds pass there between two looks whether they have ended.
_GLANCE_SECONDS = 0.002


def run_if_free(function: Callable[[], object], context: Context) -> Job | None:
    """Run a function in the pool at once; None, and nothing is done, if no thread is to be had or the exit has begun.

    The function sees to its own results and exceptions. The context is entered, so it has to be a copy of its own.
    """
    job = Job(function, context)
    return job if _shared.start(job) else None


def run_or_queue(function: Callable[[], object], context: Context) -> Job | None:
    """As :func:`run_if_free`, but if all workers are busy the function waits for one, first come, first served."""
    job = Job(function, context)
    _shared.enqueue(job)
    return None if job.dropped else job


def in_pool() -> bool:
    """Whether the running thread is a worker, where waiting for another job might be waiting for this thread."""
    return getattr(_here, "pool", None) is _shared


class Job:
    """A function that runs once, unless it is cancelled or dropped before that."""

    __slots__ = ("__weakref__", "_call", "_fate")

    def __init__(self, function: Callable[[], object], context: Context) -> None:
        self._call: Callable[[], object] | None = partial(context.run, function)
        #: Under its only key, what became of it. `setdefault` asks and decides in one step.
        self._fate: dict[None, Literal["started", "cancelled", "dropped"]] = {}

    @property
    def dropped(self) -> bool:
        """Whether the pool has given it up: the exit began, or the threads that it waited for could not be started."""
        return self._fate.get(None) == "dropped"

    def cancel(self) -> bool:
        """Keep it from running: True if it had not started and now never will."""
        if not self.end("cancelled"):
            return False
        try:  # noqa: SIM105  # contextlib takes as long to import as all of this
            _shared.queue.remove(self)
        except ValueError:
            pass  # it did not wait
        return True

    def end(self, fate: Literal["cancelled", "dropped"]) -> bool:
        """Keep it from running, be it in the queue or about to run: False if it had started."""
        if self._fate.setdefault(None, fate) == "started":
            return False
        self._call = None
        return True

    def run(self) -> None:
        """Run it, unless it has been ended. What is no :class:`Exception` goes through."""
        if self._fate.setdefault(None, "started") != "started":
            return
        call, self._call = self._call, None
        assert call is not None
        try:
            call()
        except Exception as error:  # noqa: BLE001  # the thread goes on, whatever it is
            emit_named("BackgroundFailed", error)


class _Pool:
    """Places for threads, workers that rest, and jobs that wait.

    There is no lock. A collection, a ``__del__`` or a signal handler may submit a job between any two steps of the same
    thread, or end it there with an exception. So what is shared is in containers of which every single operation is
    atomic, with the GIL and without, and places and rests are given back by whoever has them being gone. Who changes
    one looks at the others afterwards: of a job that is queued and a worker that begins to rest, or gives up its place,
    one always sees the other.
    """

    def __init__(self, *, closing: bool = False) -> None:
        self.closing = closing
        #: The jobs that wait. Whoever holds a place looks here after each job, and after giving up the place.
        self.queue: deque[Job] = deque()
        #: The threads that there may be.
        self.places = Places(MAX_THREADS)
        #: Those that have nothing to do.
        self.resting = Places(MAX_THREADS)
        #: Wakes one of them for each thing that is put here.
        self.bell: SimpleQueue[None] = SimpleQueue()

    def start(self, job: Job) -> bool:
        """Have a worker that rests, or a new one, run a job; False if there is none to be had."""
        if self.closing:
            return False
        try:
            if len(self.resting) > len(self.queue):
                self.queue.append(job)
                self.ring()
                return True
            if not self.places.free:
                return False
            self.queue.append(job)
            return self.begin() or not job.cancel()
        except BaseException:
            job.cancel()  # an exception came between: who was told of it takes nothing for done
            raise

    def enqueue(self, job: Job) -> None:
        """Have a job run as soon as a worker can."""
        try:
            self.queue.append(job)
            if len(self.resting) < len(self.queue):
                self.begin()
            self.ring()
        except BaseException:
            job.cancel()  # as above
            raise
        if self.closing:
            self.drop_queue()

    def ring(self) -> None:
        """Wake a worker that rests, if there is one."""
        if len(self.resting):
            self.bell.put(None)

    def begin(self) -> bool:
        """Have a new worker look at the queue; False if there can be none."""
        if self.closing or (place := self.places.take()) is None:
            return False
        number, given = place.number, [place]
        del place
        try:
            threading.Thread(target=self.work, args=(given,), name=f"hotset-load-{number}", daemon=True).start()
        except BaseException as error:
            given.clear()  # if it has not been taken by a thread that did start
            if not isinstance(error, RuntimeError):
                raise
            if not len(self.places):
                self.drop_queue()  # there is not one thread, so these jobs counted on others that did not start
            return False
        return True

    def work(self, given: list[Place]) -> None:
        """What a worker does, from its place on until there has been nothing to do for long."""
        _here.pool = self
        place = _unless_empty(given.pop)
        while place is not None:
            job: Job | None = None
            while True:
                try:
                    if (job := self.next()) is None:
                        break
                    job.run()
                except BaseException:  # noqa: BLE001  # SystemExit and the like end the job, not the thread
                    pass
                job = None  # an idle worker holds nothing
            place = None
            if self.queue and not self.closing:
                place = self.places.take()

    def next(self) -> Job | None:
        """The next job, waited for; None if the worker is to go."""
        while not self.closing:
            if (job := _unless_empty(self.queue.popleft)) is not None:
                return job
            rest = self.resting.take()
            try:
                if not self.queue and not self.closing:
                    self.bell.get(timeout=IDLE_SECONDS)
            except Empty:
                return None
            finally:
                del rest
        return None

    def drop_queue(self) -> None:
        while (job := _unless_empty(self.queue.popleft)) is not None:
            job.end("dropped")

    def close(self) -> None:
        """Accept no jobs, drop those that wait, and wait for those that run, but not for long."""
        self.closing = True
        self.drop_queue()
        for _ in range(MAX_THREADS):
            self.bell.put(None)
        deadline = monotonic() + EXIT_SECONDS
        while len(self.places) and monotonic() < deadline:
            sleep(_GLANCE_SECONDS)


def _unless_empty(take: Callable[[], _T]) -> _T | None:
    try:
        return take()
    except IndexError:
        return None


def _begin_anew() -> None:
    """Give a forked child a pool of its own. A worker that has forked ends there with its job."""
    global _shared
    before, _shared = _shared, _Pool(closing=_shared.closing)
    before.closing = True


_here = threading.local()
_shared = _Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

try:
    # Where it can be before the interpreter joins other threads, since those may submit jobs.
    getattr(threading, "_register_atexit", atexit.register)(lambda: _shared.close())
except RuntimeError:
    _shared.closing = True  # the exit has begun
