"""Measures hotset and its peers in one run, and writes a page and a picture.

    python benches/python/run.py --quick --only hit

needs what `requirements.txt` lists, and hotset; cargo for what is measured in the core. What cannot be imported is
named in the page and left out. `HOTSET_TRACES=FOLDER` adds hit ratios over recorded requests, `NAME.u64.gz`.
"""

from __future__ import annotations

import argparse
import functools
import random
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import disk
import disk_processes
import imports
import plot
import policy_work
import report
import results
import rows
import stampede
import tags
import threads
from contenders import CONTENDERS
from measure import Rounds
from results import Result

import memory

BENCHES = Path(__file__).resolve().parent.parent
sys.path.append(str(BENCHES))

from hit_ratio import ratios, worth  # noqa: E402  it is a folder beside this one

SEED = 20_240_229
"""Of the order of the contenders within the rounds."""

ROUNDS, QUICK_ROUNDS = 21, 5
THREAD_ROUNDS, QUICK_THREAD_ROUNDS = 9, 3
IMPORT_ROUNDS, QUICK_IMPORT_ROUNDS = 25, 5
MEMORY_ROUNDS, QUICK_MEMORY_ROUNDS = 3, 1


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benches/python/run.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a few minutes, for a look")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only what has NAME in its name")
    parser.add_argument("--without", action="append", default=[], metavar="CONTENDER", help="leave a contender out")
    parser.add_argument("--output", type=Path, help="the page; default: RESULTS.md, and the terminal with --only")
    parser.add_argument("--plot", type=Path, help="the picture; default: results.png, and none with --only")
    parser.add_argument("--json", type=Path, help="all samples, for `plot.py`")
    parser.add_argument("--list", action="store_true", help="print the names, and end")
    return parser.parse_args(argv)


def wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a part of that name is to run."""
    return not only or any(part in name for part in only)


def missing_contenders(without: Sequence[str]) -> dict[str, str]:
    """Who cannot take part, or shall not, and why."""
    reasons = {c.name: "left out with `--without`" for c in CONTENDERS if c.name in without}
    return {c.name: reason for c in CONTENDERS if (reason := reasons.get(c.name) or c.missing())}


def tell(name: str, work: Callable[[], Sequence[Result]]) -> Sequence[Result]:
    """Does a part of the work, and says what and how long."""
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    start = perf_counter()
    tables = work()
    print(f"{perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return tables


def run_row(row: rows.Row, rounds: Rounds, skip: Sequence[str]) -> list[Result]:
    """One row of the operations."""
    return [rows.run(row, rounds, skip)]


def run_disk(row: disk.Row, rounds: Rounds, skip: Sequence[str]) -> list[Result]:
    """One operation of stores on the disk."""
    return [disk.run_row(row, rounds, skip)]


def parts(quick: bool, skip: Sequence[str]) -> dict[str, Callable[[], Sequence[Result]]]:
    """Everything that can be measured, by name, in the order of the page."""
    order = random.Random(SEED)
    every = Rounds(QUICK_ROUNDS if quick else ROUNDS, order)
    import_rounds = Rounds(QUICK_IMPORT_ROUNDS if quick else IMPORT_ROUNDS, order)
    thread_rounds = Rounds(QUICK_THREAD_ROUNDS if quick else THREAD_ROUNDS, order)
    return {
        **{row.name: functools.partial(run_row, row, every, skip) for row in rows.ROWS},
        "ratios": lambda: ratios.run(quick, skip),
        "worth": lambda: worth.run(quick, order, skip),
        "policy-work": lambda: policy_work.run(quick, skip),
        "memory": lambda: [memory.run(quick, QUICK_MEMORY_ROUNDS if quick else MEMORY_ROUNDS, skip)],
        "imports": lambda: [imports.run(import_rounds, skip)],
        "threads": lambda: threads.run(thread_rounds, skip),
        "tags": lambda: tags.run(every, thread_rounds, skip),
        **{f"disk-{row.name}": functools.partial(run_disk, row, every, skip) for row in disk.ROWS},
        "disk-front": lambda: disk.front(every, skip),
        "disk-processes": lambda: disk_processes.run(thread_rounds, skip),
        "stampede": lambda: stampede.run(thread_rounds, skip),
    }


def write(tables: Sequence[Result], options: argparse.Namespace, conditions: report.Conditions) -> None:
    """The page, the picture and the samples, as far as they are asked for."""
    everything = not options.only
    page = report.render(tables, conditions)
    output = options.output or (BENCHES / "RESULTS.md" if everything else None)
    picture = options.plot or (BENCHES / "results.png" if everything else None)
    if output:
        output.write_text(page, encoding="utf-8")
    else:
        print(page)
    if picture:
        plot.save(tables, picture, report.caption())
    if options.json:
        results.save(tables, options.json)


def main(argv: Sequence[str]) -> int:
    """Measures and writes; returns the exit code."""
    options = arguments(argv)
    missing = {} if options.list else missing_contenders(options.without)
    chosen = {name: work for name, work in parts(options.quick, list(missing)).items() if wanted(name, options.only)}
    if options.list:
        print(*chosen, sep="\n")
        return 0
    if not chosen:
        print(f"nothing is named {' or '.join(options.only)}; --list prints the names", file=sys.stderr)
        return 2
    tables = [table for name, work in chosen.items() for table in tell(name, work)]
    command = shlex.join(["python", "benches/python/run.py", *argv])
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    write(tables, options, report.Conditions(command, rounds, options.quick, missing))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
