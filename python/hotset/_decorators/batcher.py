"""Single awaits that are gathered into one call."""

from __future__ import annotations

from hotset._loading.reraise import raised_again
from hotset._typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

K = TypeVar("K")
V = TypeVar("V")


class Batcher(Generic[K, V]):
    """Gathers the keys that are awaited one by one within one turn of an event loop, and loads them in one call.

    What JavaScript people know as DataLoader. It keeps nothing: put it beneath ``cache_result``.

    Args:
        load: An ``async`` function of a list of different keys that returns a mapping of those that it found.
        max_size: The most keys in one call; None (the default) for all.

    Awaiting a key that ``load`` leaves out raises :class:`KeyError`. What ``load`` raises is raised for each of its
    keys.
    """

    def __init__(self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, max_size: int | None = None) -> None:
        if not callable(load):
            raise TypeError(f"Batcher({load!r}): the loader is an async function of a list of keys")
        if max_size is not None and (not isinstance(max_size, int) or max_size < 1):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's mistake is checked here
            raise ValueError(f"max_size={max_size!r}: write a whole number from 1 on, or None for no bound")
        self._load, self._max_size = load, max_size
        #: By event loop: who awaits which key in the present turn.
        self._waiting: dict[asyncio.AbstractEventLoop, dict[K, list[asyncio.Future[V]]]] = {}

    async def __call__(self, key: K, /) -> V:
        """The value of one key."""
        import asyncio

        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(loop)
        if waiting is None:
            waiting = self._waiting[loop] = {}
            # The keys of this turn are complete when the next begins.
            loop.call_soon(self._send, loop)
        future: asyncio.Future[V] = loop.create_future()
        waiting.setdefault(key, []).append(future)
        return await future

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = {
            key: wanted
            for key, futures in self._waiting.pop(loop).items()
            if (wanted := [future for future in futures if not future.done()])
        }
        keys = list(waiting)
        size = self._max_size or max(len(keys), 1)
        for first in range(0, len(keys), size):
            batch = {key: waiting[key] for key in keys[first : first + size]}
            task = loop.create_task(self._answer(batch))
            for future in (future for futures in batch.values() for future in futures):
                future.add_done_callback(_cancel_if_alone(task, batch))

    async def _answer(self, batch: dict[K, list[asyncio.Future[V]]]) -> None:
        try:
            found = await self._load(list(batch))
            answers: dict[K, Any] = {key: found[key] for key in batch if key in found}
        except Exception as error:  # noqa: BLE001  # it is raised in everybody who waits
            traceback = error.__traceback__
            for future in (future for futures in batch.values() for future in futures if not future.done()):
                future.set_exception(raised_again(error, traceback))
            return
        except BaseException:
            for future in (future for futures in batch.values() for future in futures):
                future.cancel()
            raise
        for key, futures in batch.items():
            for future in (future for future in futures if not future.done()):
                if key in answers:
                    future.set_result(answers[key])
                else:
                    future.set_exception(KeyError(key))


def _cancel_if_alone(task: asyncio.Task[None], batch: dict[Any, list[asyncio.Future[Any]]]) -> Callable[[object], None]:
    """Return what cancels a load when nobody waits for it any more, each time that somebody leaves."""

    def look(_future: object) -> None:
        if all(future.cancelled() for futures in batch.values() for future in futures):
            task.cancel()

    return look
