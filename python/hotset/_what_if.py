"""What ``Cache.what_if()`` returns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What the hit ratio would be with another size, from samples of the requests; ``str()`` of it is a table.

    Until samples of some thousand requests have been taken (:attr:`sampled`), it says little.
    """

    size: int
    """The present size: ``max_bytes``, ``maxweight`` or ``maxsize``, the first of them that the cache has."""
    hit_ratio: float
    """The hit ratio while samples were taken, from 0 to 1."""
    requests: int
    """Reads while samples were taken."""
    sampled: int
    """How many of them were simulated."""
    hit_ratios: dict[int, float]
    """Estimated hit ratios by size, from a quarter to eight times the present one."""

    def __str__(self) -> str:
        width = len(f"{max(self.hit_ratios):,}")
        rows = [f"{'size':>{width}}  hit ratio"]
        for size, ratio in self.hit_ratios.items():
            rows.append(f"{size:>{width},}  {ratio:>8.1%}{'  now' if size == self.size else ''}")
        rows.append(f"from {self.sampled:,} of {self.requests:,} requests")
        return "\n".join(rows)
