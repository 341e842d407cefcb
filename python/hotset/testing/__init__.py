"""Tools for testing code that caches: a clock that moves when it is told to."""

from hotset._core import ManualClock

__all__ = ["ManualClock"]
