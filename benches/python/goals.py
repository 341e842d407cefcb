"""What a row is meant to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import measure


@dataclass(frozen=True)
class Goal:
    """A bound: a multiple of the best of some contenders in the same run, or a number with a unit."""

    at_most: float
    against: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""

    def __str__(self) -> str:
        if not self.against:
            return f"≤ {self.at_most:g} {self.unit}"
        return f"≤ {self.at_most:g} × {self.label or ' or '.join(self.against)}"


@dataclass(frozen=True)
class Verdict:
    """A goal, who is to reach it, and what was measured for it."""

    contender: str
    goal: Goal
    measured: float

    @property
    def met(self) -> bool:
        """Whether what was measured is within the goal."""
        return self.measured <= self.goal.at_most

    def __str__(self) -> str:
        word = "PASS" if self.met else "MISS"
        amount = f"{self.measured:.2f} ×" if self.goal.against else f"{self.measured:.3g} {self.goal.unit}"
        return f"{word} ({amount})"


def judge(goal: Goal, ours: str, samples: Mapping[str, Sequence[float]]) -> Verdict | None:
    """The verdict on a goal, or `None` when we, or all that it compares with, did not take part."""
    if ours not in samples:
        return None
    if not goal.against:
        return Verdict(ours, goal, measure.summarize(samples[ours]).median)
    references = [samples[name] for name in goal.against if name in samples]
    return Verdict(ours, goal, measure.ratio(samples[ours], references)) if references else None
