"""What is known of a key, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hotset._core import Attempt


class _Absent:
    """What is known of an entry that is not there."""

    freshness = "absent"
    age = fresh_for = gone_in = refresh_in = invalidated_by = None
    failures, retry_in = 0, 0.0
    tags: tuple[str, ...] = ()


class Explanation:
    """What is known of a key: ``str()`` of it is for people."""

    def __init__(self, name: str, attempt: Attempt) -> None:
        #: Of which cache or function.
        self.name = name
        info = attempt.inspect() or _Absent
        #: ``"fresh"``, ``"stale"``, ``"error"`` (kept, and raised again), or ``"expired"`` or ``"invalidated"`` and not
        #: taken out yet; ``"absent"``.
        self.standing: str = info.freshness
        #: Seconds since it was stored.
        self.age: float | None = info.age
        #: Seconds until its ttl ends, below 0 if it has; None for no end.
        self.fresh_for: float | None = info.fresh_for
        #: Seconds until it is gone, None for no end.
        self.gone_in: float | None = info.gone_in
        #: Seconds until a hit starts a refresh, None if none does.
        self.refresh_in: float | None = info.refresh_in
        #: Loads that failed, one after the other, and seconds until the next one may begin.
        self.failures: int = info.failures
        self.retry_in: float = info.retry_in
        if self.standing == "error" and self.fresh_for is not None:
            self.retry_in = self.fresh_for
        #: Its tags, and the one that has made it stale or unreadable.
        self.tags: list[str] = list(info.tags)
        self.killed_by: str | None = info.invalidated_by
        #: Seconds since a load began that is in progress, None if there is none.
        self.loading_for: float | None = attempt.load_in_progress()

    def __str__(self) -> str:
        lines = [f"{self.name}: {self._standing()}"]
        if self.tags:
            lines.append(f"tags: {', '.join(self.tags)}")
        if self.refresh_in is not None and self.standing == "fresh":
            due = "at the next hit" if self.refresh_in <= 0 else f"at a hit in {_shown(self.refresh_in)} or later"
            lines.append(f"refresh: {due}")
        if self.failures:
            wait = f"the next may begin in {_shown(self.retry_in)}" if self.retry_in > 0 else "the next may begin"
            lines.append(f"loads that failed in a row: {self.failures}; {wait}")
        if self.loading_for is not None:
            lines.append(f"a load is in progress since {_shown(self.loading_for)}")
        return "\n".join(lines)

    def _standing(self) -> str:
        if self.age is None:
            return "nothing is there"
        what = {
            "fresh": "fresh",
            "stale": "stale",
            "error": "an error that is raised again",
            "expired": "expired, and not taken out yet",
            "invalidated": "invalidated, and not taken out yet",
        }[self.standing]
        parts = [what, f"stored {_shown(self.age)} ago"]
        if self.killed_by is not None:
            parts.append(f"because of the tag {self.killed_by!r}")
        if self.standing in ("fresh", "error"):
            parts.append("without an end" if self.fresh_for is None else f"for another {_shown(self.fresh_for)}")
        if self.standing == "stale" and self.fresh_for is not None and self.gone_in is not None:
            parts.append(f"since {_shown(-self.fresh_for)}, gone in {_shown(self.gone_in)}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<Explanation {self.name}: {self.standing}>"


def _shown(length: float) -> str:
    """A length of time for people."""
    if round(length * 1000) < 1000:  # a second
        return f"{max(length, 0) * 1000:.0f} ms"
    if length < 120:
        return f"{length:.1f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
