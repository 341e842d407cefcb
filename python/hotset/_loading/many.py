"""Keys that are asked for together: what is missing is loaded in one call, and to others every key is its own load."""

from __future__ import annotations

from hotset._core import prefetch
from hotset._errors import NotCachedError
from hotset._loading.drivers import block, drive
from hotset._loading.policy import USUAL
from hotset._loading.protocol import Asker, Want, obtain, refresh_later
from hotset._loading.sources import ABSENT, ManyValues, answered
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any

    from hotset._core import Attempt, Hit
    from hotset._loading.call_options import CallOptions

__all__ = ["Search", "answered"]


class Search:
    """The keys that a caller wants, and what is there of them."""

    def __init__(
        self,
        where: str,
        keys: Iterable[Any],
        attempt_of: Callable[[Any, float | None], Attempt],
        given: Mapping[str, Any],
        *,
        enabled: bool,
    ) -> None:
        self._wanted = list(dict.fromkeys(keys))
        #: What its caller accepts, None if nothing was said of that.
        self._terms = _terms(where, given)
        self._found: dict[Any, Any] = {}
        #: What is to be loaded without the cache.
        self.uncached: list[Any] = []
        self._missing: dict[Attempt, Any] = {}
        self._outdated: dict[Attempt, Any] = {}
        if not enabled or (self._terms is not None and self._terms.bypass):
            self.uncached = self._wanted
            return
        oldest = None if self._terms is None else self._terms.oldest
        attempts = {key: attempt_of(key, oldest) for key in self._wanted}
        prefetch(list(attempts.values()))
        for key, attempt in attempts.items():
            self._sort(key, attempt)

    def _sort(self, key: Any, attempt: Attempt) -> None:
        """Look a key up, and sort it by what is there."""
        try:
            hit = self._look(attempt)
        except NotCachedError:
            return
        if hit is None:
            self._missing[attempt] = key
            return
        self._found[key] = hit.value
        if hit.refreshes:
            self._outdated[attempt] = key

    def _look(self, attempt: Attempt) -> Hit | None:
        if self._terms is None:
            return attempt.read(True)
        if self._terms.refresh:
            attempt.overtake()
            return None
        return self._terms.accepts(attempt, loads=True)

    def load(self, load_missing: Callable[[list[Any]], Mapping[Any, Any]]) -> dict[Any, Any]:
        """What was found, and what is loaded of the rest."""
        self._refresh_later(load_missing, awaits=False)
        asker, wants = self._wants()
        block(obtain(asker, wants, ManyValues(self._missing, load_missing), awaits=False))
        return self._result(wants)

    async def load_in_task(self, load_missing: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]) -> dict[Any, Any]:
        """As :meth:`load`, by one task of its own."""
        self._refresh_later(load_missing, awaits=True)
        asker, wants = self._wants()
        await drive(obtain(asker, wants, ManyValues(self._missing, load_missing), awaits=True))
        return self._result(wants)

    def _refresh_later(self, load_missing: Callable[[list[Any]], Any], *, awaits: bool) -> None:
        """Have what is to be refreshed loaded anew by somebody else."""
        if self._outdated:
            source = ManyValues(self._outdated, load_missing)
            refresh_later(list(self._outdated), source, looks=False, awaits=awaits)

    def _wants(self) -> tuple[Asker, list[Want]]:
        policy = next((attempt.policy for attempt in self._missing), USUAL)
        asker = Asker(policy, self._terms is None or self._terms.looks, self._terms)
        return asker, [Want(asker, attempt, key) for attempt, key in self._missing.items()]

    def _result(self, wants: Iterable[Want]) -> dict[Any, Any]:
        """What there is, in the order of the keys."""
        self._found.update((want.key, want.value) for want in wants if want.value is not ABSENT)
        return {key: self._found[key] for key in self._wanted if key in self._found}

    def result_of(self, loaded: Any) -> dict[Any, Any]:
        """What was loaded without the cache."""
        found = answered(loaded)
        return {key: found[key] for key in self._wanted if key in found}


def _terms(where: str, given: Mapping[str, Any]) -> CallOptions | None:
    if not given:
        return None
    from hotset._loading.call_options import CallOptions

    return CallOptions(where, given)
