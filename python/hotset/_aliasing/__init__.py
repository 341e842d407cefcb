"""What callers of a cache get: the object that is in it, a copy of it, a frozen one, or one that is watched.

A cache in memory hands the same object to everybody, and who changes it changes what the others get. Each mode but
``share`` has a class with two functions of values: ``store`` returns what to keep of a value, ``serve`` what a caller
gets of what is kept.

``leaves``, ``attributes`` and ``paths`` know what values are made of; ``copies``, ``freezing`` (with ``frozen``, the
frozen containers) and ``checking`` (with ``snapshots``) are the modes. They are imported when one is asked for.
"""

from __future__ import annotations

from hotset._aliasing.errors import MutatedValueError
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from hotset._aliasing.checking import Checking
    from hotset._aliasing.copies import Copying
    from hotset._aliasing.freezing import Freezing

    #: What callers get: the same object (the default), a copy each, a frozen one, or the same one, watched for changes.
    Aliasing: TypeAlias = Literal["share", "copy", "freeze", "check"]

__all__ = ["Aliasing", "MutatedValueError", "of"]


def of(mode: str) -> Copying | Freezing | Checking | None:
    """Return what stores and serves in a mode; None for ``share``, where there is nothing to do.

    Raises ValueError for a name that is none of the four.
    """
    match mode:
        case "share":
            return None
        case "copy":
            from hotset._aliasing.copies import Copying

            return Copying()
        case "freeze":
            from hotset._aliasing.freezing import Freezing

            return Freezing()
        case "check":
            from hotset._aliasing.checking import Checking

            return Checking()
        case _:
            raise ValueError(f"aliasing={mode!r}: write 'share', 'copy', 'freeze' or 'check'")
