"""How caches of several policies and sizes do on traces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hotset import Policy
from hotset._core import Progress
from hotset.cli import workers
from hotset.cli.plot import BOUND
from hotset.cli.progress import progress
from hotset.cli.sizes import Sized
from hotset.cli.traces import Named

Contender: TypeAlias = Policy | Literal["OPT"]
"""A policy, or the cache that knows the requests to come."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How all contenders did on a trace."""

    named: Named
    sizes: Sequence[Sized]
    """Those of the table, ascending."""
    policies: Sequence[Policy]
    hits: Mapping[tuple[Contender, int], int]
    """By contender and entries."""

    @property
    def contenders(self) -> list[Contender]:
        """The policies, and the bound."""
        return [*self.policies, BOUND]

    def ratio(self, contender: Contender, entries: int) -> float:
        """The hit ratio of a cache of so many entries."""
        return self.hits[contender, entries] / self.named.trace.requests

    def mean(self, contender: Contender) -> float:
        """The mean of the hit ratios at the sizes of the table."""
        return mean([self.ratio(contender, size.entries) for size in self.sizes])


def mean(ratios: Sequence[float]) -> float:
    """The mean of some ratios."""
    return sum(ratios) / len(ratios)


def simulate(
    traces: Sequence[Named],
    policies: Sequence[Policy],
    sizes: Sequence[Sequence[Sized]],
    others: Sequence[Sequence[int]],
    jobs: int,
) -> list[Outcome]:
    """The outcome for each trace, at the sizes of its table and at the other numbers of entries that are for it."""
    contenders: list[Contender] = [*policies, BOUND]
    points: list[tuple[Named, Contender, int]] = [
        (named, contender, entries)
        for named, table, more in zip(traces, sizes, others, strict=True)
        for entries in sorted({*(size.entries for size in table), *more})
        for contender in contenders
    ]
    total = sum(named.trace.requests for named, _, _ in points)
    with progress("simulating", total) as advance:
        hits = workers.run([_task(*point) for point in points], jobs, advance)
    found: dict[Named, dict[tuple[Contender, int], int]] = {named: {} for named in traces}
    for (named, contender, entries), count in zip(points, hits, strict=True):
        found[named][contender, entries] = count
    return [Outcome(named, table, policies, found[named]) for named, table in zip(traces, sizes, strict=True)]


def _task(named: Named, contender: Contender, entries: int) -> Callable[[Progress], int]:
    def hits(told: Progress) -> int:
        if contender == BOUND:
            return named.trace.most_hits(entries, told)
        return named.trace.hits(contender, entries, told)

    return hits
