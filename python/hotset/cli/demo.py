"""`hotset demo`: a real lookup sequence, answered with and without the cache, and what came of it."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

import hotset
from hotset import Cache, Policy
from hotset.cli import EXIT_UNUSABLE, database, memory, plot, replay, report, writing
from hotset.cli.conclusion import conclude
from hotset.cli.identifiers import read_identifiers
from hotset.cli.progress import progress
from hotset.cli.sequence import Lookups, SequenceError, read_trace

DEFAULT_REQUESTS = 1_000_000
"""How many lookups are replayed unless told: two thirds of the identifiers, half a minute on a slow machine."""

DEFAULT_SHARE = 0.05
"""The default cache size, as a share of the distinct keys."""


DEFAULT_POLICIES: tuple[Policy, ...] = ("adaptive", "tinylfu", "s3fifo", "lru", "lfu", "fifo", "random")
"""The policies that are compared unless told."""

LEAST_WIDTH = 58
"""The columns that the table needs; a narrower terminal breaks its lines."""


class DemoError(click.ClickException):
    """The demo cannot be run as it was asked for: one line, without a traceback."""

    exit_code = EXIT_UNUSABLE


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    trace: Path | None
    requests: int
    maxsize: int | None
    policies: tuple[Policy, ...]
    ttl: str | None
    plot_file: Path | None


EXAMPLES = """\b
Examples:
  hotset demo
  hotset demo --requests 200000 --policy lru --policy adaptive
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
    show_default=", ".join(DEFAULT_POLICIES),
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
    policies: tuple[Policy, ...],
    ttl: str | None,
    plot_file: Path | None,
) -> None:
    """See what a cache does for a slow function, on real lookups.

    A function that asks a SQLite database for a row is called once for each lookup of a real sequence: first as it is,
    then decorated with hotset, once for each eviction policy, in turns over the same lookups. The table shows how many
    lookups each cache answered, how long the calls took and how much memory the cache needs.

    The sequence is the identifiers in the source files of the Python standard library, in the order in which they
    stand there, or your own with --trace. The database lies in a temporary folder, which is removed. Nothing is
    downloaded.

    \b
    The policies say which entry leaves a full cache:
      adaptive  by the rule of several that suits the present lookups (the default)
      tinylfu   a newcomer or the oldest, whichever was asked for less (W-TinyLFU)
      s3fifo    the oldest that was not read twice while it was new (S3-FIFO)
      sieve     the oldest that was not read since it was last looked at (SIEVE)
      lirs      the one whose last two uses were furthest apart (LIRS)
      arc       of what was used once or more often, by what came back too late (ARC)
      slru      the one not used for longest of those that were used once
      lru       the one not used for longest
      mru       the one used last
      lfu       the one used least often lately
      fifo      the one stored first
      random    any

    Exits with 2 if a file or an option cannot be used, and says why in one line.
    """
    chosen = tuple(dict.fromkeys(policies)) or DEFAULT_POLICIES
    try:
        _run(Options(trace, requests, maxsize, chosen, ttl, plot_file))
    except (SequenceError, replay.WrongAnswerError) as error:
        raise DemoError(str(error)) from error


def _run(options: Options) -> None:
    _check_plot(options.plot_file)
    _check_caches(options)
    with progress("reading the sequence"):
        lookups = _lookups(options)
    result = _measured_in_a_folder(options, lookups)
    width = max(Console().width, LEAST_WIDTH)
    Console(width=width).print(report.render(result, conclude(result), width))
    if options.plot_file:
        _plot(options.plot_file, options, lookups, result)


def _lookups(options: Options) -> Lookups:
    if options.trace is None:
        return read_identifiers(options.requests)
    return read_trace(options.trace, options.requests)


def _check_plot(path: Path | None) -> None:
    if path and (problem := plot.obstacle(path)):
        raise DemoError(problem)


def _check_caches(options: Options) -> None:
    """Refuse what caches cannot be made of, before the work begins."""
    try:
        caches = _caches(options, maxsize=1)
    except (ValueError, TypeError) as error:
        raise DemoError(f"--ttl {options.ttl}: {error}") from error
    if not all(cache.enabled for cache in caches.values()):
        raise DemoError("HOTSET_DISABLE is set, so no cache would hold anything; unset it to see what caches do")


def _caches(options: Options, maxsize: int) -> dict[Policy, Cache[object, object]]:
    """An empty cache for each policy."""
    return {
        policy: Cache(f"demo-{policy}", maxsize=maxsize, policy=policy, ttl=options.ttl) for policy in options.policies
    }


def _measured_in_a_folder(options: Options, lookups: Lookups) -> report.Result:
    """The result, measured with a database in a folder that is gone afterwards."""
    try:
        with TemporaryDirectory(prefix="hotset-demo-") as folder:
            return _measure(options, lookups, Path(folder) / "keys.sqlite")
    except (sqlite3.Error, OSError) as error:
        raise DemoError(f"the demo's database could not be written or read: {error}") from error


def _measure(options: Options, lookups: Lookups, path: Path) -> report.Result:
    distinct = len(lookups.first_seen)
    maxsize = options.maxsize or max(1, round(distinct * DEFAULT_SHARE))
    with progress("filling the database"):
        database.fill(path, lookups)
    with database.opened(path) as look_up:
        replay.warm_up(look_up, islice(lookups.first_seen, 2))
        contestants = replay.enter(look_up, _caches(options, maxsize))
        with progress("looking up", len(lookups.keys)) as advance:
            replay.replay(lookups.keys, contestants, advance)
    with progress("measuring memory", len(options.policies)) as advance:
        taken: dict[Policy, memory.Memory | None] = {
            policy: _memory(options, policy, maxsize, path, advance) for policy in options.policies
        }
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
    options: Options, policy: Policy, maxsize: int, path: Path, advance: Callable[[int], None]
) -> memory.Memory | None:
    taken = memory.measure(path, policy, maxsize, options.ttl)
    advance(1)
    return taken


def _plot(path: Path, options: Options, lookups: Lookups, result: report.Result) -> None:
    with progress("drawing", len(options.policies) * len(plot.sizes_for(result.distinct))) as advance:
        drawn = list(plot.curves(lookups.keys, result.distinct, options.policies, advance))
    labels = plot.Labels(result.title, result.requests, result.distinct, result.maxsize)
    with writing.writing(path):
        plot.draw(path, [plot.Panel(labels, drawn)])
    click.echo(f"Plot: {path}")
