"""Work on several cores, by the compiled half, which lets the threads run side by side."""

import os
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from hotset._core import Progress

T = TypeVar("T")

WATCH_SECONDS = 0.05
"""How often the progress is looked at."""

STOP_SECONDS = 0.2
"""How long is waited for one who was told to stop: it may wait for input and never hear of it."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(tasks: Sequence[Callable[[Progress], T]], jobs: int, advance: Callable[[int], None]) -> list[T]:
    """What the tasks return, in their order; `jobs` of them run at a time, and `advance` is told of their progress.

    If one raises, or the caller is interrupted, the others are stopped, and the error is raised here.
    """
    crew = _Crew(tasks)
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(min(jobs, len(tasks)))]
    try:
        for thread in threads:
            thread.start()
        crew.watch(threads, advance)
    except BaseException:
        crew.progress.stop()
        for thread in threads:
            thread.join(STOP_SECONDS)
        raise
    return [crew.results[number] for number in range(len(tasks))]


class _Crew(Generic[T]):
    """Tasks, and what came of them."""

    def __init__(self, tasks: Sequence[Callable[[Progress], T]]) -> None:
        self.progress = Progress()
        self.results: dict[int, T] = {}
        self._error: BaseException | None = None
        self._tasks: SimpleQueue[tuple[int, Callable[[Progress], T]]] = SimpleQueue()
        for numbered in enumerate(tasks):
            self._tasks.put(numbered)

    def work(self) -> None:
        """Do one task after the other, until there is none."""
        try:
            while True:
                number, task = self._tasks.get_nowait()
                self.results[number] = task(self.progress)
        except Empty:
            return
        except BaseException as error:  # noqa: BLE001  # it is raised in the thread that waits
            self._error = self._error or error
            self.progress.stop()

    def watch(self, threads: Sequence[threading.Thread], advance: Callable[[int], None]) -> None:
        """Wait for the end of all tasks, or for the first error."""
        told, alive = 0, list(threads)
        while alive and self._error is None:
            alive[0].join(WATCH_SECONDS)
            alive = [thread for thread in alive if thread.is_alive()]
            done = self.progress.done
            advance(done - told)
            told = done
        if self._error is not None:
            raise self._error
