"""``aliasing="check"``: who changes a cached value is found out. For development."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hotset._aliasing.errors import MutatedValueError
from hotset._aliasing.leaves import is_leaf
from hotset._aliasing.paths import written
from hotset._aliasing.snapshots import Snapshot

if TYPE_CHECKING:
    from hotset._aliasing.snapshots import Difference

#: So many callers that were served are remembered of each value, the last ones.
SERVED = 10


class Checking:
    """Keeps the object itself, with a snapshot, and gives it to every caller who comes before it was changed.

    A value is compared with its snapshot each time it is served; see :class:`~hotset._aliasing.snapshots.Snapshot` for
    what is seen. A value that was changed is refused until it has left the cache.

    Raises:
        MutatedValueError: for a value that was changed after it was stored. It names where the first difference is, and
            the callers who were served.
    """

    __slots__ = ()

    mode = "check"
    #: Whether what is kept is not what callers get.
    serves = True

    def store(self, value: object) -> object:
        """Return what to keep: the value and its snapshot, or a leaf as it is."""
        return value if is_leaf(value) else Watched(value)

    def serve(self, stored: object) -> object:
        """Return the value, and remember who gets it."""
        return stored.serve() if isinstance(stored, Watched) else stored


class Watched:
    """A value with a snapshot of it, and those who got it."""

    __slots__ = ("_served", "_snapshot", "_stored", "_value")

    def __init__(self, value: object) -> None:
        self._value, self._snapshot = value, Snapshot(value)
        self._stored = caller()
        #: Most recent first, each once. Replaced as a whole, since threads may serve at the same time.
        self._served: tuple[str, ...] = ()

    def serve(self) -> object:
        difference = self._snapshot.difference(self._value)
        if difference is not None:
            raise self._error(difference)
        present = caller()
        if self._served[:1] != (present,):
            self._served = (present, *(other for other in self._served if other != present))[:SERVED]
        return self._value

    def _error(self, difference: Difference) -> MutatedValueError:
        served = self._served
        path = written(difference.path)
        lines = [f"a value in a cache was changed after it was stored: {path}: {difference.how}"]
        if served:
            lines.append("It was last served, and found unchanged, to")
            lines.append(f"  {served[0]}")
        if served[1:]:
            lines.append("and before that, most recent first, to")
            lines.extend(f"  {other}" for other in served[1:])
        lines.append(f"It was stored by {self._stored}. Each of them may hold it still.")
        lines.append('Change a copy, as copy.deepcopy(value) returns, or write aliasing="copy" or "freeze"')
        return MutatedValueError("\n".join(lines), path=path, served=served)


def caller() -> str:
    """Return the line outside of hotset that is being executed, and its function: ``app/views.py:31 in show``."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "hotset":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
