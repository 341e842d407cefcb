"""The outcome of a simulation for other programs: JSON or CSV."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from hotset.cli.simulation import Outcome

STANDARD_OUTPUT = Path("-")

COLUMNS = ("trace", "requests", "keys", "policy", "size", "entries", "hits", "hit_ratio")


def as_json(outcomes: Sequence[Outcome]) -> str:
    """A list of traces, each with a list of its results."""
    traces = [
        {
            "trace": outcome.named.name,
            "format": outcome.named.trace.format,
            "requests": outcome.named.trace.requests,
            "keys": outcome.named.trace.unique,
            "lines_without_lookup": outcome.named.trace.other_lines,
            "lines_not_understood": outcome.named.trace.garbled_lines,
            "results": _results(outcome),
        }
        for outcome in outcomes
    ]
    return f"{json.dumps(traces, indent=2)}\n"


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """A line for each result, below one of headings."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for outcome in outcomes:
        trace = outcome.named.trace
        of_trace = (outcome.named.name, trace.requests, trace.unique)
        writer.writerows([*of_trace, *result.values()] for result in _results(outcome))
    return text.getvalue()


def _results(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "policy": contender,
            "size": size.label,
            "entries": size.entries,
            "hits": outcome.hits[contender, size.entries],
            "hit_ratio": round(outcome.ratio(contender, size.entries), 6),
        }
        for size in outcome.sizes
        for contender in outcome.contenders
    ]


def write(path: Path, outcomes: Sequence[Outcome], form: Callable[[Sequence[Outcome]], str]) -> None:
    """Write the outcomes in a form to a file, or to standard output for `-`."""
    if path == STANDARD_OUTPUT:
        sys.stdout.write(form(outcomes))
    else:
        path.write_text(form(outcomes), encoding="utf-8")
