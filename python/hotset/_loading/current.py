"""Which load the running code is part of."""

from __future__ import annotations

from _contextvars import Context, ContextVar, copy_context
from sys import getrecursionlimit

from hotset._core import Attempt, depth, innermost
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotset._core import LoadContext


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


NOWHERE = Enclosing(0, ())

#: The load that the running code is part of, as far as its context says.
ENCLOSING: ContextVar[Enclosing] = ContextVar("hotset_enclosing_load", default=NOWHERE)


def refuse_endless() -> None:
    """Refuse to begin a load within as many as calls may be nested, each of which waits for the next.

    Raises:
        RecursionError: each is a task of its own, so that nothing else bounds them.
    """
    if ENCLOSING.get().depth >= getrecursionlimit():
        raise RecursionError("maximum recursion depth exceeded: so many loads of coroutines wait for each other")


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


def context_of(attempts: Sequence[Attempt], numbers: Sequence[int], enclosing: Enclosing, *, within: int) -> Context:
    """A copy of the context, in which these loads run."""
    context = copy_context()
    context.run(ENCLOSING.set, enclosing)
    context.run(_LOADING.set, (attempts[0] if len(attempts) == 1 else None, numbers[0], within))
    return context


def enclosing_of(numbers: Sequence[int], *, waits: bool) -> Enclosing:
    """What is part of these loads. Who does not wait is not held up by them."""
    return Enclosing(ENCLOSING.get().depth + 1 if waits else 1, tuple(numbers))
