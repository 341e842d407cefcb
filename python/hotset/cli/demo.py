"""`hotset demo`: a real lookup sequence, answered with and without the cache, and what came of it."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

import hotset
from hotset import Cache
from hotset.cli import EXIT_UNUSABLE, database, memory, missing_package, plot, replay, report
from hotset.cli.identifiers import read_identifiers
from hotset.cli.progress import progress
from hotset.cli.sequence import Lookups, SequenceError, read_trace

DEFAULT_REQUESTS = 2_000_000
"""How many lookups are replayed unless told: more than there are identifiers, half a minute on a slow machine."""

DEFAULT_SHARE = 0.05
"""The default cache size, as a share of the distinct keys."""


class DemoError(click.ClickException):
    """The demo cannot be run as it was asked for: one line, without a traceback."""

    exit_code = EXIT_UNUSABLE


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    trace: Path | None
    requests: int
    maxsize: int | None
    policies: tuple[str, ...]
    ttl: str | None
    plot_file: Path | None


EXAMPLES = """\b
Examples:
  hotset demo
  hotset demo --requests 200000 --policy lru --policy tinylfu
  hotset demo --trace keys.txt.gz --maxsize 10000 --plot hits.png
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Replay this sequence: one key a line in UTF-8 (blank lines are skipped), or little-endian u64 keys. "
    "Gzipped or not; which it is is seen from its content.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    default=DEFAULT_REQUESTS,
    show_default=True,
    metavar="N",
    help="Replay at most the first N lookups.",
)
@click.option(
    "--maxsize",
    type=click.IntRange(min=1),
    metavar="N",
    show_default=f"{DEFAULT_SHARE:.0%} of the distinct keys",
    help="Entries that the cache holds.",
)
@click.option(
    "--policy",
    "policies",
    type=click.Choice(hotset.POLICIES),
    multiple=True,
    show_default="all",
    help="Who is evicted from a full cache; may be repeated.",
)
@click.option(
    "--ttl", metavar="DURATION", help="How long an entry is fresh, such as 500ms, 90s or 10m.  [default: no end]"
)
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Also draw hit ratio over cache size for each policy (.png, .svg or .pdf; needs hotset[plot]).",
)
def demo(
    trace: Path | None,
    requests: int,
    maxsize: int | None,
    policies: tuple[str, ...],
    ttl: str | None,
    plot_file: Path | None,
) -> None:
    """Replay real lookups against a database, with and without the cache.

    By default the lookups are the identifiers of the Python standard library's source files, in the order in which
    they stand there. They are answered from a SQLite database that the demo fills in a temporary folder and removes.
    The function that asks it is called without a cache and decorated by one cache per policy, in turns over the same
    lookups in one process.

    The table shows, for each policy, the hit ratio, the median and 99th percentile latency of a call, how much faster
    all calls together were than without a cache, and the memory that a full cache takes.

    Exits with 2 if a file or an option cannot be used, and says why in one line.
    """
    options = Options(
        trace, requests, maxsize, tuple(dict.fromkeys(policies)) or tuple(hotset.POLICIES), ttl, plot_file
    )
    try:
        _run(options)
    except (SequenceError, replay.WrongAnswerError) as error:
        raise DemoError(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise DemoError(f"the demo's files could not be written or read: {error}") from error


def _run(options: Options) -> None:
    _check_plot(options.plot_file)
    _caches(options, maxsize=1)  # a bad option is told before the work begins
    with progress("reading"):
        lookups = _lookups(options)
    with TemporaryDirectory(prefix="hotset-demo-") as folder:
        result = _measure(options, lookups, Path(folder) / "keys.sqlite")
    Console().print(report.render(result))
    if options.plot_file:
        _plot(options, lookups, options.plot_file)


def _lookups(options: Options) -> Lookups:
    if options.trace is None:
        return read_identifiers(options.requests)
    return read_trace(options.trace, options.requests)


def _check_plot(path: Path | None) -> None:
    if path is None:
        return
    if not plot.installed():
        raise DemoError(missing_package("matplotlib"))
    if problem := plot.obstacle(path):
        raise DemoError(problem)


def _caches(options: Options, maxsize: int) -> dict[str, Cache]:
    """An empty cache for each policy."""
    try:
        return {
            policy: Cache(f"demo-{policy}", maxsize=maxsize, policy=policy, ttl=options.ttl)
            for policy in options.policies
        }
    except (ValueError, TypeError) as error:
        raise DemoError(f"--ttl {options.ttl}: {error}") from error


def _measure(options: Options, lookups: Lookups, path: Path) -> report.Result:
    distinct = len(lookups.first_seen)
    maxsize = options.maxsize or max(1, round(distinct * DEFAULT_SHARE))
    with progress("filling the database"):
        database.fill(path, lookups)
    with database.opened(path) as look_up:
        contestants = replay.enter(look_up, _caches(options, maxsize))
        with progress("lookups", len(lookups.keys)) as advance:
            replay.replay(lookups.keys, contestants, advance)
    with progress("memory", len(options.policies)) as advance:
        taken = {policy: _memory(options, policy, maxsize, path, advance) for policy in options.policies}
    return report.Result(
        title=lookups.title,
        requests=len(lookups.keys),
        distinct=distinct,
        maxsize=maxsize,
        contestants=contestants,
        ttl=options.ttl,
        memory=taken,
        clock_ns=replay.clock_cost(),
    )


def _memory(
    options: Options, policy: str, maxsize: int, path: Path, advance: Callable[[int], None]
) -> memory.Memory | None:
    taken = memory.measure(path, policy, maxsize, options.ttl)
    advance(1)
    return taken


def _plot(options: Options, lookups: Lookups, path: Path) -> None:
    distinct = len(lookups.first_seen)
    with progress("plot", len(options.policies) * len(plot.sizes_for(distinct))) as advance:
        drawn = list(plot.curves(lookups.keys, distinct, options.policies, advance))
    plot.draw(path, lookups.title, drawn, most=1 - distinct / len(lookups.keys))
    click.echo(f"Plot: {path}")
