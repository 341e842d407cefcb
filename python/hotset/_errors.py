"""What hotset raises that is no usual exception of Python's.

::

    TimeoutError
     └─ LoadTimeoutError    a load did not end in time
    LookupError
     └─ NotCachedError      only_if_cached, and nothing is there
"""

from __future__ import annotations


class LoadTimeoutError(TimeoutError):
    """A load did not end within its timeout."""


class NotCachedError(LookupError):
    """Nothing is there, and nothing was to be loaded."""
