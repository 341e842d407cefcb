"""Tiers that users write."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

from hotset._functions.spec import is_coroutine_function

_NEEDED: Final = ("get", "put", "remove")
_ALL: Final = (*_NEEDED, "get_many", "put_many", "exchange", "increment", "keys")


@runtime_checkable
class Tier(Protocol):
    """A place outside the process that keeps bytes under keys, as anybody can write one.

    ``Cache("users", tier=MyTier())`` is all that it takes to use it.

    A key has a few bytes to a few hundred. What is stored may be forgotten at any time; what is returned must be what
    was stored, or None. Methods are called from many threads, several at once, and may use whatever they like, caches
    too. What they raise is taken for an outage, and what they wait for nobody interrupts: give your client a timeout.

    These three are all that is needed. What else an object has is used:

    ``exchange(key, expected, value, *, ends_in) -> bool``
        Stores if just these bytes are there (None: nothing is), in one step, and says whether it did. With it, changes
        and loads in several processes never overtake each other unseen, and there are leases.
    ``increment(key, amount, initial) -> int``
        Adds to a counter in one step, and returns the sum; one that is not there becomes ``initial``. The counter is
        read by adding 0.
    ``get_many(keys) -> dict[bytes, bytes]``
        What is there of a list of keys.
    ``put_many(items) -> None``
        Stores each ``(key, value, ends_in)`` of a list, in this order.
    ``keys(prefix) -> Iterable[bytes]``
        The keys that begin so.
    ``expires``
        True, if it forgets by itself what has come to its end.
    """

    def get(self, key: bytes, /) -> bytes | None:
        """What is stored under a key, or None."""

    def put(self, key: bytes, value: bytes, /, *, ends_in: float | None) -> None:
        """Store bytes under a key. After so many seconds nobody needs them; None for as long as there is room."""

    def remove(self, key: bytes, /) -> None:
        """Forget what is stored under a key, if anything is."""


def is_own(tier: object) -> bool:
    """Whether somebody wrote this to be a tier."""
    return not isinstance(tier, type | list | tuple | dict) and any(
        callable(getattr(tier, name, None)) for name in _NEEDED
    )


def check_own(tier: Any) -> None:
    """Raises TypeError for what cannot be called as a tier is."""
    name = type(tier).__qualname__
    if missing := [method for method in _NEEDED if not callable(getattr(tier, method, None))]:
        raise TypeError(f"tier={tier!r}: {name} has no {' and no '.join(f'{method}()' for method in missing)}")
    for method in _ALL:
        if (written := getattr(tier, method, None)) is not None and is_coroutine_function(written):
            raise TypeError(
                f"tier={tier!r}: {name}.{method}() is a coroutine function, and tiers are called from threads"
            )
