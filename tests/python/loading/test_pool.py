"""The pool that loads in the background: never more threads than allowed, no job lost, nothing held, no exit held up."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest
from hotset._loading import pool as _pool
from hotset._loading.pool import EXIT_SECONDS, Job, in_pool, run_if_free, run_or_queue

PATIENCE = 10
"""Seconds after which a test that waits has failed."""

SLACK = 1.5
"""Seconds that the end of a process may take besides."""

WORD: ContextVar[object] = ContextVar("word", default=None)

Submit = Callable[[Callable[[], object], Any], "Job | None"]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.0005)


def accepted(submit: Submit, function: Callable[[], object]) -> Job:
    job = submit(function, copy_context())
    assert job is not None
    return job


class Held:
    """A job that says when it has begun, and ends when it is told to."""

    def __init__(self, submit: Submit = run_if_free) -> None:
        self.begun, self.released, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.job = accepted(submit, self)

    def __call__(self) -> None:
        self.begun.set()
        self.released.wait(PATIENCE)
        self.ended.set()

    def has_begun(self) -> Held:
        assert self.begun.wait(PATIENCE)
        return self

    def end(self) -> None:
        self.released.set()
        assert self.ended.wait(PATIENCE)


#: The workers of other pools, which go when they have been idle for long.
OTHERS: set[threading.Thread] = set()


def workers() -> list[threading.Thread]:
    named = (thread for thread in threading.enumerate() if thread.name.startswith("hotset-load-"))
    return [thread for thread in named if thread not in OTHERS]


@contextmanager
def a_pool_of(threads: int, patch: pytest.MonkeyPatch) -> Iterator[_pool._Pool]:
    """A pool of its own, which is valid afterwards: nobody idle or waiting, every place given back, no thread left."""
    OTHERS.clear()
    OTHERS.update(workers())
    patch.setattr(_pool, "MAX_THREADS", threads)
    patch.setattr(_pool, "EXIT_SECONDS", PATIENCE)
    pool = _pool._Pool()
    patch.setattr(_pool, "_shared", pool)
    yield pool
    begun = time.monotonic()
    pool.close()
    assert time.monotonic() - begun < PATIENCE, "a place has not been given back"
    for thread in set(workers()):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert not pool.queue and not len(pool.resting) and not len(pool.places)


@pytest.fixture
def pool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[_pool._Pool]:
    """A pool of two threads, or as many as the test asks for."""
    with a_pool_of(getattr(request, "param", 2), monkeypatch) as pool:
        yield pool


def of(threads: int) -> Any:
    return pytest.mark.parametrize("pool", [threads], indirect=True, ids=[f"{threads} threads"])


either = pytest.mark.parametrize("submit", [run_if_free, run_or_queue])


# Running


@either
def test_a_job_runs_on_a_worker_and_in_its_context(submit: Submit, pool: _pool._Pool) -> None:
    seen: list[object] = []
    WORD.set("outside")
    context = copy_context()
    context.run(WORD.set, "inside")

    def look() -> None:
        seen.extend((WORD.get(), in_pool(), threading.current_thread().name, threading.current_thread().daemon))
        WORD.set("changed")

    submit(look, context)
    until(lambda: len(seen) == 4 and len(pool.resting))
    assert seen == ["inside", True, "hotset-load-1", True]
    assert (WORD.get(), context[WORD], in_pool()) == ("outside", "changed", False)


@either
def test_a_worker_that_is_idle_takes_the_next_job(submit: Submit, pool: _pool._Pool) -> None:
    seen: list[threading.Thread] = []
    for number in range(5):
        accepted(submit, lambda: seen.append(threading.current_thread()))
        until(lambda number=number: len(seen) == number + 1 and len(pool.resting))
    assert set(seen) == {seen[0]} and len(pool.resting) == 1 and pool.places.free == 1


def test_there_are_as_many_threads_as_processors_and_four_but_32_at_most() -> None:
    processors = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    assert min(32, processors + 4) == _pool.MAX_THREADS


@of(3)
def test_run_if_free_never_waits(pool: _pool._Pool) -> None:
    ran: list[int] = []
    held = [Held().has_begun() for _ in range(3)]
    assert run_if_free(lambda: ran.append(1), copy_context()) is None
    held[1].end()
    until(lambda: len(pool.resting))
    assert not pool.queue and ran == []
    accepted(run_if_free, lambda: ran.append(2))
    for each in held:
        each.end()
    until(lambda: len(pool.resting) == 3)
    assert ran == [2]


@of(1)
def test_run_or_queue_waits_in_the_order_of_the_calls(pool: _pool._Pool) -> None:
    ran: list[int] = []
    held = Held().has_begun()
    for number in range(100):
        accepted(run_or_queue, lambda number=number: ran.append(number))
    assert len(pool.queue) == 100 and ran == []
    held.end()
    until(lambda: len(pool.resting))
    assert ran == list(range(100))


@of(4)
def test_what_waits_is_shared_by_all_workers(pool: _pool._Pool) -> None:
    held = [Held().has_begun() for _ in range(4)]
    meet = threading.Barrier(4, timeout=PATIENCE)
    met: list[int] = []
    for _ in range(4):
        accepted(run_or_queue, lambda: met.append(meet.wait()))
    for each in held:
        each.end()
    until(lambda: len(pool.resting) == 4)
    assert sorted(met) == [0, 1, 2, 3]


# Cancelling


@of(1)
def test_a_job_that_waits_can_be_cancelled(pool: _pool._Pool) -> None:
    ran: list[int] = []
    held = Held().has_begun()
    jobs = [accepted(run_or_queue, lambda number=number: ran.append(number)) for number in range(3)]
    assert jobs[1].cancel() and jobs[1].cancel() and not jobs[1].dropped
    assert list(pool.queue) == [jobs[0], jobs[2]]
    held.end()
    until(lambda: len(pool.resting))
    assert ran == [0, 2]
    assert jobs[1].cancel() and not jobs[0].cancel() and not jobs[2].cancel()


def test_a_job_that_has_started_cannot_be_cancelled(pool: _pool._Pool) -> None:
    held = Held().has_begun()
    assert not held.job.cancel()
    held.end()
    until(lambda: len(pool.resting))
    assert not held.job.cancel()


@of(1)
def test_the_queue_does_not_grow_by_jobs_that_are_cancelled(pool: _pool._Pool) -> None:
    held = Held().has_begun()
    for _ in range(10_000):
        assert accepted(run_or_queue, lambda: None).cancel()
    assert len(pool.queue) == 0
    held.end()


@either
@of(4)
def test_either_a_worker_or_who_cancels_gets_the_job(
    submit: Submit, pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []
    with switching_often():
        for number in range(2_000):
            job = submit(lambda number=number: ran.append(number), copy_context())
            if job is None:
                continue
            verdicts: list[bool] = []
            other = threading.Thread(target=lambda job=job, verdicts=verdicts: verdicts.append(job.cancel()))
            if number % 10 == 0:
                other.start()
            cancelled = job.cancel()
            if number % 10 == 0:
                other.join(PATIENCE)
                assert verdicts == [cancelled]
            if not cancelled:
                until(lambda number=number: number in ran[-10:])
            assert not (cancelled and number in ran[-10:])
    assert len(set(ran)) == len(ran)


# Failing


@of(1)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_is_no_exception_ends_the_job_and_not_the_worker(
    error: BaseException, pool: _pool._Pool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    seen: list[threading.Thread] = []
    accepted(run_or_queue, lambda: seen.append(threading.current_thread()))
    accepted(run_or_queue, fail)
    accepted(run_or_queue, lambda: seen.append(threading.current_thread()))
    until(lambda: len(seen) == 2)
    assert seen[0] is seen[1] and caplog.records == [] and capfd.readouterr() == ("", "")


@of(1)
def test_an_exception_from_elsewhere_takes_no_worker_from_a_job_that_waits(pool: _pool._Pool) -> None:
    """As those that debuggers and test runners send to other threads."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in.argtypes = [ctypes.c_ulong, ctypes.py_object]
    seen: list[int] = []
    for number in range(200):
        accepted(run_or_queue, lambda: seen.append(threading.get_ident()))
        if number % 2:
            until(lambda: len(pool.resting) == 1)
        else:
            until(lambda number=number: len(seen) > number)
        # It comes when the worker wakes, or while it goes to rest.
        assert raise_in(seen[-1], SystemExit) == 1
    until(lambda: len(seen) == 200)
    assert len(set(seen)) == 1


@of(1)
def test_an_exception_goes_to_the_logger_without_a_value(
    pool: _pool._Pool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(argument: str) -> None:
        raise ConnectionError("the database is down")

    done = threading.Event()
    accepted(run_or_queue, partial(fail, "secret"))
    accepted(run_or_queue, done.set)
    assert done.wait(PATIENCE)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("hotset", logging.ERROR)
    text = logging.Formatter().format(record)
    assert "ConnectionError at " in text and "secret" not in text and "database" not in text
    assert "Traceback" not in capfd.readouterr().err


@of(1)
def test_a_logger_that_raises_does_not_end_the_worker(pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise OSError("disk full")

    monkeypatch.setattr(logging.getLogger("hotset"), "handlers", [Broken()])
    done = threading.Event()
    accepted(run_or_queue, lambda: 1 / 0)
    accepted(run_or_queue, done.set)
    assert done.wait(PATIENCE)
    until(lambda: len(pool.resting))
    assert len(workers()) == 1


# Threads that cannot be started, and threads that go


def no_more_threads(_thread: object) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_thread_nothing_is_accepted(pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        for submit in (run_if_free, run_or_queue):
            assert submit(lambda: None, copy_context()) is None
        assert not pool.queue and pool.places.free == 2
    done = threading.Event()
    accepted(run_if_free, done.set)
    assert done.wait(PATIENCE)


def test_with_one_worker_jobs_wait_for_it(pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held().has_begun()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        assert run_if_free(lambda: None, copy_context()) is None
        done = threading.Event()
        accepted(run_or_queue, done.set)
        assert len(pool.queue) == 1
        held.end()
        assert done.wait(PATIENCE)


@of(1)
def test_a_job_that_waits_for_a_thread_that_does_not_start_is_dropped(
    pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []

    def start(thread: object) -> None:
        jobs.append(accepted(run_or_queue, lambda: None))
        no_more_threads(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert run_if_free(lambda: None, copy_context()) is None
    assert jobs[0].dropped and jobs[0].cancel() and not pool.queue


def test_a_worker_goes_when_it_has_been_idle_for_long(pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pool, "IDLE_SECONDS", 0.01)
    threads: list[threading.Thread] = []
    for number in range(3):
        accepted(run_if_free, lambda: threads.append(threading.current_thread()))
        until(lambda number=number: len(threads) == number + 1)
        threads[-1].join(PATIENCE)
        assert not threads[-1].is_alive() and not len(pool.resting) and pool.places.free == 2
    assert len(set(threads)) == 3


@pytest.mark.parametrize("idle_seconds", [0.0, 1e-6, 1e-4])
@of(2)
def test_no_job_is_lost_to_a_worker_that_goes(
    idle_seconds: float, pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pool, "IDLE_SECONDS", idle_seconds)
    tally = Tally()
    with switching_often():
        in_threads(4, lambda _: [tally.submit(run_or_queue) for _ in range(500)])
        until(lambda: tally.ran == 2_000)
    assert tally.most <= 2


# Many at once


@contextmanager
def switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(count: int, work: Callable[[int], object]) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    assert errors == []


class Tally:
    """Jobs that count themselves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ran = self.running = self.most = self.refused = 0

    def submit(self, submit: Submit) -> Job | None:
        ran: list[int] = []

        def job() -> None:
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
                ran.append(1)
                assert len(ran) == 1
            with self.lock:
                self.running -= 1
                self.ran += 1

        taken = submit(job, copy_context())
        if taken is None:
            with self.lock:
                self.refused += 1
        return taken


@of(4)
def test_a_thousand_jobs_from_sixteen_threads(pool: _pool._Pool) -> None:
    tally, jobs, meet = Tally(), 16 * 63, threading.Barrier(16, timeout=PATIENCE)
    cancelled: list[bool] = []

    def work(salt: int) -> None:
        meet.wait()
        for number in range(63):
            job = tally.submit(run_if_free if (number + salt) % 3 == 0 else run_or_queue)
            assert job is not None or (number + salt) % 3 == 0
            if job is not None and number % 5 == 0 and job.cancel():
                cancelled.append(True)

    with switching_often():
        in_threads(16, work)
        until(lambda: tally.ran + tally.refused + len(cancelled) == jobs)
    assert tally.most <= 4 and len(workers()) <= 4
    until(lambda: len(pool.resting) + pool.places.free == 4)
    assert not pool.queue


@of(2)
def test_a_burst_before_the_first_thread_runs_is_not_refused(
    pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, start, tally = threading.Event(), threading.Thread.start, Tally()

    def start_late(thread: threading.Thread) -> None:
        if thread.name.startswith("hotset-load-"):
            assert go.wait(PATIENCE)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_late)
    starters = [threading.Thread(target=tally.submit, args=(run_or_queue,), daemon=True) for _ in range(2)]
    for starter in starters:
        starter.start()
    until(lambda: not pool.places.free)
    for _ in range(10):
        tally.submit(run_or_queue)
    assert tally.refused == 0 and len(pool.queue) == 12
    go.set()
    until(lambda: tally.ran == 12)


# Between any two steps


class Steps:
    """Does something before one of the steps that threads of a kind take, as a signal handler or a destructor might."""

    def __init__(self, step: int, whose: Callable[[], bool], action: Callable[[], object]) -> None:
        self.step, self.whose, self.action, self.taken = step, whose, action, 0
        #: The operation that they are in.
        self.within = ""

    def take(self) -> None:
        if self.whose():
            self.taken += 1
            if self.taken == self.step:
                self.action()

    def of(self, pool: _pool._Pool, patch: pytest.MonkeyPatch) -> None:
        """Whatever is done to the pool or to a thread is a step."""
        for name in ("queue", "resting", "places", "bell"):
            setattr(pool, name, Stepwise(getattr(pool, name), self))
        start = threading.Thread.start

        def start_stepwise(thread: threading.Thread) -> None:
            self.take()
            start(thread)
            self.take()

        patch.setattr(threading.Thread, "start", start_stepwise)


class Stepwise:
    """A container or a lock, between whose operations something may happen."""

    def __init__(self, target: Any, steps: Steps) -> None:
        self.target, self.steps = target, steps

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            self.steps.take()
            try:
                if self.steps.whose():
                    self.steps.within = name
                return getattr(self.target, name)(*args, **kwargs)
            finally:
                if self.steps.whose():
                    self.steps.within = ""
                self.steps.take()

        return operation

    def __len__(self) -> int:
        self.steps.take()
        try:
            return len(self.target)
        finally:
            self.steps.take()

    @property
    def free(self) -> int:
        self.steps.take()
        try:
            return self.target.free  # type: ignore[no-any-return]
        finally:
            self.steps.take()


def on_a_worker() -> bool:
    return threading.current_thread().name.startswith("hotset-load-")


def on_no_worker() -> bool:
    return not on_a_worker()


@either
@pytest.mark.parametrize("state", ["a worker is idle", "there is a place", "all are busy"])
def test_a_job_submitted_in_the_middle_of_submitting_one(
    submit: Submit, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(step: int) -> bool:
        """Whether there was such a step."""
        with monkeypatch.context() as patch, a_pool_of(1, patch) as pool:
            ran: list[str] = []
            nested: list[Job] = []

            def interrupt() -> None:
                nested.append(accepted(run_or_queue, lambda: ran.append("nested")))

            steps = Steps(step, lambda: False, interrupt)
            steps.of(pool, patch)
            held = Held().has_begun() if state != "there is a place" else None
            if held is not None and state == "a worker is idle":
                held.end()
                until(lambda: len(pool.resting))
            steps.whose = on_no_worker
            job = submit(lambda: ran.append("outer"), copy_context())
            steps.whose = lambda: False
            assert job is not None or submit is run_if_free
            if held is not None:
                held.end()
            until(lambda: len(ran) == len(nested) + (job is not None) and (len(pool.resting) or pool.places.free == 1))
            assert sorted(ran) == ["nested"] * len(nested) + ["outer"] * (job is not None)
        return len(nested) == 1

    assert at_every_step(work) > 4


@pytest.mark.parametrize("idle_seconds", [0.0, PATIENCE])
@either
def test_a_job_submitted_in_the_middle_of_what_a_worker_does(
    submit: Submit, idle_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it about to run a job, to be idle or to go."""

    def work(step: int) -> bool:
        with monkeypatch.context() as patch, a_pool_of(1, patch) as pool:
            patch.setattr(_pool, "IDLE_SECONDS", idle_seconds)
            ran: list[str] = []
            nested: list[Job | None] = []

            def interrupt() -> None:
                nested.append(submit(lambda: ran.append("nested"), copy_context()))
                assert nested[0] is not None or submit is run_if_free or pool.closing

            def expected() -> list[str]:
                return ["nested"] * (nested not in ([], [None])) + ["outer"] * 2

            def is_over() -> bool:
                """Whether no step will follow: the worker is gone, or waits for the bell."""
                return steps.within == "get" if idle_seconds else not workers()

            steps = Steps(step, on_a_worker, interrupt)
            steps.of(pool, patch)
            for _ in range(2):
                accepted(run_or_queue, lambda: ran.append("outer"))
            until(lambda: is_over() and sorted(ran) == expected())
        assert sorted(ran) == expected()
        return len(nested) == 1

    assert at_every_step(work) > 10


def test_an_exit_that_begins_in_the_middle_of_what_a_worker_does_is_not_held_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(step: int) -> bool:
        with monkeypatch.context() as patch, a_pool_of(1, patch) as pool:
            closer, once = threading.Thread(target=pool.close, daemon=True), threading.Lock()

            def interrupt() -> None:
                if once.acquire(blocking=False):
                    closer.start()
                    until(lambda: pool.closing)

            steps = Steps(step, on_a_worker, interrupt)
            steps.of(pool, patch)
            ran: list[int] = []
            job = run_or_queue(lambda: ran.append(1), copy_context())
            until(lambda: closer.ident is not None or len(pool.resting))
            interrupted = not once.acquire(blocking=False)
            if interrupted:
                until(lambda: closer.ident is not None)
                closer.join(PATIENCE / 2)
                assert not closer.is_alive() and (ran == [1] or job is None or job.dropped)
        return interrupted

    assert at_every_step(work) > 5


def at_every_step(work: Callable[[int], bool]) -> int:
    """Work with an interruption before the first step, the second and so on, in a thread, since it may hang."""
    steps: list[int] = []

    def run(_number: int) -> None:
        step = 1
        while work(step):
            step += 1
        steps.append(step)

    in_threads(1, run)
    return steps[0]


# What is held


class Thing:
    """Something that a job holds, takes from its context, or returns."""


@of(1)
@pytest.mark.parametrize("ends", ["returns", "exits", "fails"])
def test_an_idle_worker_and_a_job_that_has_run_hold_nothing(
    ends: str, pool: _pool._Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("hotset"), "disabled", True)
    held, in_context, returned = Thing(), Thing(), [Thing()]
    references: list[Callable[[], object]] = [weakref.ref(thing) for thing in (held, in_context, returned[0])]

    def run(held: Thing = held) -> Thing:
        match ends:
            case "returns":
                return returned.pop()
            case "exits":
                raise SystemExit(returned.pop())
            case _:
                raise ValueError(returned.pop())

    context = copy_context()
    context.run(WORD.set, in_context)
    gc.disable()
    try:
        job = run_if_free(run, context)
        references.append(weakref.ref(run))
        del held, in_context, context, run
        until(lambda: len(pool.resting))
        until(lambda: [reference() for reference in references] == [None] * 4)
        assert job is not None
        references.append(weakref.ref(job))
        del job
        assert references[-1]() is None
    finally:
        gc.enable()


@of(1)
@pytest.mark.parametrize("end", ["cancelled", "dropped"])
def test_a_job_that_never_runs_holds_nothing(end: str, pool: _pool._Pool) -> None:
    held = Held().has_begun()
    thing = Thing()
    reference = weakref.ref(thing)
    job = accepted(run_or_queue, lambda thing=thing: None)
    del thing
    assert reference() is not None
    if end == "cancelled":
        job.cancel()
    else:
        pool.drop_queue()
    assert reference() is None and job.dropped == (end == "dropped")
    held.end()


# Processes that fork or end

CHILD = """
import atexit, gc, os, signal, sys, threading, time, warnings
from contextvars import copy_context

PATIENCE = 10

def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        threading.Event().wait(0.0005)

def submit_if_free(function): return _pool.run_if_free(function, copy_context())
def submit_or_queue(function): return _pool.run_or_queue(function, copy_context())
"""

IMPORT = """
from hotset._loading import pool as _pool
"""


def in_a_child(script: str, *, imports: str = IMPORT, last: str = "done") -> float:
    """Run a script, which has to print `last` and to be silent otherwise. How many seconds it took after `ending()`."""
    ending = "def ending(): print('ending', time.monotonic(), flush=True)\n"
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD + imports + ending + script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    after = time.monotonic()
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    lines = ran.stdout.splitlines()
    assert lines and lines[-1] == last, ran
    return after - next((float(line.split()[1]) for line in lines if line.startswith("ending")), after)


def test_signal_handlers_and_destructors_submit_at_any_time() -> None:
    in_a_child(
        """
ran, taken = [], []

def submit_another():
    if submit_or_queue(lambda: ran.append(1)): taken.append(1)

class Circle:
    def __init__(self): self.itself = self
    def __del__(self): submit_another()

signal.signal(signal.SIGALRM, lambda *_: submit_another())
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
gc.set_threshold(5)
for number in range(3000):
    Circle()
    if (submit_if_free if number % 2 else submit_or_queue)(lambda: Circle() and ran.append(1)): taken.append(1)
signal.setitimer(signal.ITIMER_REAL, 0)
until(lambda: gc.collect() == 0 and len(ran) == len(taken) >= 4500)
print("done")
"""
    )


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")

FORKED = """
def forked(action):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid

def succeeded(pid):
    until(lambda: ended.append(os.waitpid(pid, os.WNOHANG)) or ended[-1][0])
    return ended[-1][1] == 0

ended = []

def fill_a_pool():
    # All its threads are at work at once.
    until(lambda: len(_pool._shared.resting) + _pool._shared.places.free == _pool.MAX_THREADS)
    meet, met = threading.Barrier(_pool.MAX_THREADS, timeout=PATIENCE), []
    for _ in range(_pool.MAX_THREADS):
        assert submit_if_free(lambda: met.append(meet.wait()))
    until(lambda: len(met) == _pool.MAX_THREADS)
"""


@forks
@pytest.mark.parametrize("busy", ["idle", "busy"])
def test_a_forked_child_has_an_empty_pool_and_its_parent_notices_nothing(busy: str) -> None:
    in_a_child(
        FORKED
        + f"""
fill_a_pool()
until(lambda: len(_pool._shared.resting) == _pool.MAX_THREADS)
release, ran, queued = threading.Event(), [], []
if {busy == "busy"}:
    for _ in range(_pool.MAX_THREADS): submit_if_free(lambda: release.wait(PATIENCE))
    queued = [submit_or_queue(lambda: ran.append(os.getpid())) for _ in range(10)]

def check_child():
    assert not _pool._shared.queue and not len(_pool._shared.resting) and _pool._shared.places.free == _pool.MAX_THREADS
    assert all(job.cancel() for job in queued) and not _pool.in_pool()
    fill_a_pool()
    assert ran == []

for _ in range(3): assert succeeded(forked(check_child))
release.set()
until(lambda: ran == [os.getpid()] * len(queued))
fill_a_pool()
print("done")
"""
    )


@forks
def test_forks_while_other_threads_submit() -> None:
    in_a_child(
        FORKED
        + """
sys.setswitchinterval(1e-5)
stop, ran, taken = threading.Event(), [], []

def hammer():
    while not stop.is_set():
        if len(taken) - len(ran) < 50 and submit_or_queue(lambda: ran.append(1)): taken.append(1)

threads = [threading.Thread(target=hammer) for _ in range(4)]
for thread in threads: thread.start()
try:
    for _ in range(20): assert succeeded(forked(fill_a_pool))
finally:
    stop.set()
for thread in threads: thread.join()
until(lambda: len(ran) == len(taken))
fill_a_pool()
print("done")
"""
    )


@forks
def test_a_job_that_forks_ends_with_its_process_and_takes_no_other() -> None:
    in_a_child(
        FORKED
        + """
_pool.MAX_THREADS = 1
_pool._shared = _pool._Pool()
read, write = os.pipe()
release, pids = threading.Event(), []

def fork():
    release.wait(PATIENCE)
    pids.append(os.fork())
    if pids[-1] == 0: os.write(write, b"%d" % _pool.in_pool())

submit_if_free(fork)
submit_or_queue(lambda: os.write(write, b"n"))
release.set()
until(lambda: pids)
assert succeeded(pids[0])
until(lambda: len(_pool._shared.resting))
os.close(write)
assert sorted(os.read(read, 100)) == [*b"0n"], "the child ran it too"
print("done")
"""
    )


HANG = """
begun = threading.Event()
def hang():
    begun.set()
    threading.Event().wait(60)
"""


def test_a_job_that_hangs_does_not_hold_up_the_exit() -> None:
    seconds = in_a_child(HANG + "submit_if_free(hang); begun.wait(); ending(); print('done')")
    assert EXIT_SECONDS * 0.9 < seconds < EXIT_SECONDS + SLACK


def test_many_jobs_that_hang_hold_it_up_no_longer() -> None:
    seconds = in_a_child(
        HANG + "for _ in range(100): submit_or_queue(hang)\nbegun.wait(); ending(); print('done')",
    )
    assert EXIT_SECONDS * 0.9 < seconds < EXIT_SECONDS + SLACK


def test_idle_workers_leave_at_the_exit_at_once() -> None:
    seconds = in_a_child(
        """
meet = threading.Barrier(_pool.MAX_THREADS)
for _ in range(_pool.MAX_THREADS): submit_if_free(meet.wait)
until(lambda: len(_pool._shared.resting) == _pool.MAX_THREADS)
atexit.register(lambda: print(*(len(_pool._shared.resting), len(_pool._shared.places))))
ending()
""",
        last="0 0",
    )
    assert seconds < EXIT_SECONDS * 0.9


FINISH = """
begun = threading.Event()
def finish():
    begun.set()
    until(lambda: _pool._shared.closing)
    threading.Event().wait(0.05)
    print("finished", flush=True)
submit_if_free(finish)
begun.wait()
"""


def test_a_job_that_ends_soon_is_waited_for() -> None:
    in_a_child(FINISH, last="finished")


def test_so_it_is_without_the_hook_of_threading() -> None:
    in_a_child(FINISH, imports="del threading._register_atexit" + IMPORT, last="finished")


def test_what_waits_at_the_exit_is_dropped_and_nothing_is_accepted_after_that() -> None:
    in_a_child(
        """
_pool.MAX_THREADS = 1
_pool._shared = _pool._Pool()
"""
        + FINISH
        + """
queued = submit_or_queue(lambda: print("never"))

def late():
    print(queued.dropped, queued.cancel(), len(_pool._shared.queue), submit_if_free(print), submit_or_queue(print))

atexit.register(late)
""",
        last="True True 0 None None",
    )


def test_nothing_is_accepted_from_a_thread_that_outlives_the_main_one() -> None:
    in_a_child(
        """
def outlive():
    until(lambda: _pool._shared.closing)
    print(submit_if_free(print), submit_or_queue(print), flush=True)

threading.Thread(target=outlive).start()
""",
        last="None None",
    )


def test_nothing_is_accepted_if_the_pool_is_first_needed_at_the_exit() -> None:
    in_a_child(
        """
def late():
    global _pool
    from hotset._loading import pool as _pool
    print(submit_if_free(print), submit_or_queue(print))

atexit.register(late)
""",
        imports="",
        last="None None",
    )
