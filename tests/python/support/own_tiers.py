"""Tiers that users could have written, with all that a tier can have and with the least."""

from __future__ import annotations

import threading
from collections.abc import Iterable


class LeastTier:
    """A dict that can do what a tier has to."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def get(self, key: bytes, /) -> bytes | None:
        return self.held.get(key)

    def put(self, key: bytes, value: bytes, /, *, ends_in: float | None) -> None:
        assert ends_in is None or ends_in > 0
        self.held[key] = value

    def remove(self, key: bytes, /) -> None:
        self.held.pop(key, None)


class WholeTier(LeastTier):
    """A dict that can do all that a tier may."""

    def __init__(self) -> None:
        super().__init__()
        self.counters: dict[bytes, int] = {}
        self.lock = threading.Lock()

    def remove(self, key: bytes, /) -> None:
        super().remove(key)
        self.counters.pop(key, None)

    def get_many(self, keys: list[bytes]) -> dict[bytes, bytes]:
        return {key: self.held[key] for key in keys if key in self.held}

    def put_many(self, items: list[tuple[bytes, bytes, float | None]]) -> None:
        for key, value, ends_in in items:
            self.put(key, value, ends_in=ends_in)

    def exchange(self, key: bytes, expected: bytes | None, value: bytes, *, ends_in: float | None) -> bool:
        with self.lock:
            if self.held.get(key) != expected:
                return False
            self.put(key, value, ends_in=ends_in)
            return True

    def increment(self, key: bytes, amount: int, initial: int) -> int:
        with self.lock:
            self.counters[key] = self.counters[key] + amount if key in self.counters else initial
            return self.counters[key]

    def keys(self, prefix: bytes) -> Iterable[bytes]:
        return [key for key in list(self.held) if key.startswith(prefix)]
