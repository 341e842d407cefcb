"""Places outside the process, as objects that can be given to a cache."""

from __future__ import annotations

from hotset._core import TierHandle, open_heap, open_own
from hotset._tiers import own


class Tier:
    """A place outside the process: see :class:`hotset.preview.Disk`."""

    def _open(self) -> TierHandle:
        raise NotImplementedError


class Heap(Tier):
    """A tier in this process, for tests."""

    def __init__(self) -> None:
        self._handle = open_heap()

    def __repr__(self) -> str:
        return "Heap()"

    def _open(self) -> TierHandle:
        return self._handle


class Own(Tier):
    """A tier that a user has written."""

    def __init__(self, tier: own.Tier) -> None:
        own.check_own(tier)
        self._tier = tier

    def __repr__(self) -> str:
        # Without what it says of itself, which may be a password.
        return type(self._tier).__qualname__

    def _open(self) -> TierHandle:
        return open_own(self._tier)
