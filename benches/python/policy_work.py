"""What the decisions of a policy cost a request, and how long one can take: `benches/policy_work.rs`, in rows."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import measure
from contenders import HOTSET
from goals import Goal, Verdict
from report import number
from results import Grid

COMMAND = ("cargo", "bench", "-q", "-p", "hotset", "--bench", "policy_work", "--")
ROOT = Path(__file__).resolve().parents[2]
ROUNDS, QUICK_ROUNDS = 9, 3

ADAPTIVE, FLOOR = "adaptive", "fifo"
WORK = "adaptive less fifo"
"""The difference within a round: what the decisions cost beyond those of a policy that decides nothing."""

GOAL = Goal(60, unit="ns")
GROUP = "What a policy's decisions cost, in the core"

TITLES = {
    "hit": "hits only",
    "miss": "new keys only",
    "miss-and-read": "each key twice",
}
PAUSE = "pause-"

Lines = dict[tuple[str, int], dict[str, list[float]]]
"""Samples of the policies, by what was measured and the number of entries."""


def measured(rounds: int) -> Lines:
    """What the benchmark of the core prints."""
    output = subprocess.run([*COMMAND, str(rounds)], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines: Lines = defaultdict(lambda: defaultdict(list))
    for line in output.splitlines():
        what, policy, entries, nanoseconds = line.split()
        lines[what, int(entries)][policy].append(float(nanoseconds))
    return lines


def with_spread(samples: Sequence[float]) -> str:
    """The median and the middle half."""
    summary = measure.summarize(samples)
    return f"{number(summary.median)} ({number(summary.low)} – {number(summary.high)})"


def costs(lines: Lines) -> Grid:
    """What a request takes under each policy, and what the decisions are of it."""
    found = {key: policies for key, policies in lines.items() if key[0] in TITLES}
    policies = list(dict.fromkeys(policy for samples in found.values() for policy in samples))
    rows: list[tuple[str, ...]] = []
    verdicts: list[Verdict] = []
    for (what, entries), samples in found.items():
        work = [mine - floor for mine, floor in zip(samples[ADAPTIVE], samples[FLOOR], strict=True)]
        verdicts.append(Verdict(f"{TITLES[what]}, {entries:,} entries", GOAL, measure.summarize(work).median))
        medians = (number(measure.summarize(samples[policy]).median) for policy in policies)
        rows.append((TITLES[what], f"{entries:,}", *medians, with_spread(work)))
    text = (
        "Nanoseconds of a request to a full cache of nothing but keys, in medians. A sample is the mean of a million"
        f" requests or more. {FLOOR} decides nothing: the difference within a round is what decisions cost, with the"
        " accesses to memory that they bring."
    )
    return Grid("policy-work", GROUP, "A request", text, ("requests", "entries", *policies, WORK), rows, verdicts)


def pauses(lines: Lines) -> Grid:
    """How long one miss in a full cache takes."""
    found = {key: policies for key, policies in lines.items() if key[0].startswith(PAUSE)}
    names = list(dict.fromkeys(what.removeprefix(PAUSE) for what, _ in found))
    keys = dict.fromkeys((policy, entries) for (_, entries), policies in found.items() for policy in policies)
    rows = [
        (policy, f"{entries:,}", *(f"{found[PAUSE + name, entries][policy][0]:,.0f}" for name in names))
        for policy, entries in keys
    ]
    text = (
        "Nanoseconds of a single request for a new key in a full cache, of a million that are timed one by one, each"
        " the least of all rounds: what every round does at that request. Clock and table of the keys are in it."
    )
    return Grid("policy-pauses", GROUP, "The worst single call", text, ("cache", "entries", *names), rows)


def run(quick: bool, skip: Collection[str]) -> list[Grid]:
    """All cases and sizes; nothing where there is no cargo."""
    if HOTSET in skip or shutil.which(COMMAND[0]) is None:
        return []
    lines = measured(QUICK_ROUNDS if quick else ROUNDS)
    return [costs(lines), pauses(lines)]
