"""The threads in which functions that are not coroutines load in the background, or under a timeout.

All caches share one small pool. A thread comes when it is needed and goes when it has been idle for long, the exit of
the interpreter waits for it no longer than :data:`EXIT_SECONDS`, and a forked child begins with none.
"""

from __future__ import annotations

import atexit
import os
import threading
from _thread import allocate_lock
from collections import deque
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Literal, TypeVar

from hotset import _log

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

_T = TypeVar("_T")

#: How many threads there are at most: more than processors, since most loads wait for something else.
MAX_THREADS: int = min(32, (getattr(os, "process_cpu_count", os.cpu_count)() or 1) + 4)

#: How many seconds a worker stays without a job.
IDLE_SECONDS = 10.0

#: How many seconds the interpreter waits at its exit for the jobs that run, all of them together.
EXIT_SECONDS = 2.0


def run_if_free(function: Callable[[], object], context: Context) -> Job | None:
    """Run a function in the pool at once; None, and nothing is done, if no thread is to be had or the exit has begun.

    The function sees to its own results and exceptions. The context is entered, so it has to be a copy of its own.
    """
    job = Job(function, context)
    return job if _shared.start(job) else None


def run_or_queue(function: Callable[[], object], context: Context) -> Job | None:
    """As :func:`run_if_free`, but if all workers are busy the function waits for one, first come, first served."""
    pool, job = _shared, Job(function, context)
    if not pool.start(job):
        pool.queue.append(job)
        pool.start(None)  # a worker or a place may have become free just before
        if pool.closing:
            pool.drop_queue()
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
            _log.background_failed(error)


class _Pool:
    """Places for threads, workers that are idle, and jobs that wait.

    There is no lock. A collection, a ``__del__`` or a signal handler may submit a job between any two steps of the same
    thread, so what is shared is in containers of which every single operation is atomic, with the GIL and without. Who
    changes one looks at the others afterwards: of a job that is queued and a worker that becomes idle, or gives up its
    place, one always sees the other.
    """

    def __init__(self, *, closing: bool = False) -> None:
        self.closing = closing
        #: The jobs that wait. Whoever holds a place looks here after each job, and after giving up the place.
        self.queue: deque[Job] = deque()
        #: Whoever takes a worker from here wakes it. The last one in is the first one out, so that the others can go.
        self.idle: deque[_Worker] = deque()
        #: The numbers of the threads that may be started.
        self.places: SimpleQueue[int] = SimpleQueue()
        for number in range(1, MAX_THREADS + 1):
            self.places.put(number)

    def start(self, job: Job | None) -> bool:
        """Have a worker, idle or new, run a job or look at the queue; False if there is none to be had."""
        if self.closing:
            return False
        if (worker := _unless_empty(self.idle.pop)) is not None:
            worker.give(job)
            return True
        if (place := _unless_empty(self.places.get_nowait)) is None:
            return False
        worker = _Worker(self, place, job)
        try:
            threading.Thread(target=worker.run, name=f"hotset-load-{place}", daemon=True).start()
        except RuntimeError:
            self.places.put(place)
            if self.places.qsize() == MAX_THREADS:
                self.drop_queue()  # there is not one thread, so these jobs counted on others that did not start
            return False
        return True

    def drop_queue(self) -> None:
        while (job := _unless_empty(self.queue.popleft)) is not None:
            job.end("dropped")

    def close(self) -> None:
        """Accept no jobs, drop those that wait, and wait for those that run, but not for long."""
        self.closing = True
        self.drop_queue()
        while (worker := _unless_empty(self.idle.pop)) is not None:
            worker.give(None)
        deadline = monotonic() + EXIT_SECONDS
        try:
            for _ in range(MAX_THREADS):
                self.places.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            pass  # what still runs is cut off


class _Worker:
    """A thread that holds a place and runs one job after the other."""

    def __init__(self, pool: _Pool, place: int, job: Job | None) -> None:
        self.pool, self.place, self.job = pool, place, job
        #: Held unless the worker has been given something.
        self.wake = allocate_lock()
        self.wake.acquire()

    def give(self, job: Job | None) -> None:
        self.job = job
        self.wake.release()

    def run(self) -> None:
        pool = _here.pool = self.pool
        while True:
            while (job := self._next()) is not None:
                try:  # noqa: SIM105  # contextlib takes as long to import as all of this
                    job.run()
                except BaseException:  # noqa: BLE001  # SystemExit and the like end the job, not the thread
                    pass
                del job  # an idle worker holds nothing
            pool.places.put(self.place)
            if not pool.queue or pool.closing or (place := _unless_empty(pool.places.get_nowait)) is None:
                return
            self.place = place

    def _next(self) -> Job | None:
        """The next job, waited for; None if this worker is to go."""
        while True:
            job, self.job = self.job, None
            if job is not None or self.pool.closing:
                return job
            if (job := _unless_empty(self.pool.queue.popleft)) is not None:
                return job
            if not self._rest():
                return None

    def _rest(self) -> bool:
        """Be idle until there may be something to do; False if there has been nothing for long."""
        pool = self.pool
        pool.idle.append(self)
        hurries = bool(pool.queue) or pool.closing
        if self.wake.acquire(timeout=0 if hurries else IDLE_SECONDS):
            return True
        try:
            pool.idle.remove(self)
        except ValueError:
            return self.wake.acquire()  # it was taken at the last moment, and is about to be given something
        return hurries


def _unless_empty(take: Callable[[], _T]) -> _T | None:
    try:
        return take()
    except (IndexError, Empty):
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
