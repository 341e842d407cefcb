"""What a run leaves behind: a `Table` for each thing that was measured in samples, a `Grid` for what was counted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import measure
from goals import Goal, Verdict


@dataclass(frozen=True)
class Table:
    """The samples of all contenders for one thing that was measured, one sample for each round."""

    name: str
    group: str
    title: str
    statement: str
    unit: str
    reference: str
    samples: dict[str, list[float]]
    verdicts: list[Verdict] = field(default_factory=list)
    remarks: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    more_is_better: bool = False

    def summary(self, contender: str) -> measure.Summary:
        """Median and quartiles of one contender."""
        return measure.summarize(self.samples[contender])

    def ratio(self, contender: str) -> float | None:
        """The multiple of the reference, or `None` when the reference did not take part."""
        if self.reference not in self.samples:
            return None
        return measure.ratio(self.samples[contender], [self.samples[self.reference]])

    def verdicts_on(self, contender: str) -> list[Verdict]:
        """What became of the goals of one contender."""
        return [verdict for verdict in self.verdicts if verdict.contender == contender]

    def ranking(self) -> list[str]:
        """The contenders, the best first."""
        return sorted(self.samples, key=lambda name: self.summary(name).median, reverse=self.more_is_better)


@dataclass(frozen=True)
class Grid:
    """Figures that are no samples, as they are shown, and the text above them."""

    name: str
    group: str
    title: str
    text: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    verdicts: list[Verdict] = field(default_factory=list)


Result = Table | Grid


def save(tables: Sequence[Result], path: Path) -> None:
    """Writes all samples and figures as JSON."""
    path.write_text(json.dumps([dataclasses.asdict(table) for table in tables], indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> list[Table]:
    """Reads the tables of samples that `save` wrote."""
    return [_table(record) for record in json.loads(path.read_text(encoding="utf-8")) if "samples" in record]


def _table(record: dict[str, Any]) -> Table:
    verdicts = [
        Verdict(**{**verdict, "goal": Goal(**{**verdict["goal"], "against": tuple(verdict["goal"]["against"])})})
        for verdict in record["verdicts"]
    ]
    return Table(**{**record, "verdicts": verdicts})
