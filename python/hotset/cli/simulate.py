"""`hotset simulate`: how caches of every policy and size would do on recorded requests."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import hotset
from hotset import Policy
from hotset._core import TRACE_FORMATS
from hotset.cli import EXIT_UNUSABLE, export, plot, ratios, simulation, workers, writing
from hotset.cli.sequence import SequenceError
from hotset.cli.sizes import USUAL, Size, parse, sized
from hotset.cli.traces import Reading, read_all

EXIT_INTERRUPTED = 130
"""The exit code of a command that the user interrupts, as shells have it."""

WIDEST = 10_000
"""The columns of a terminal that is wide enough for any table."""

MOST_DIGITS = 9
"""Of the number of a column."""

DELIMITERS = {"tab": "\t", "\\t": "\t", "space": " "}
"""Delimiters that are hard to type."""


class SimulateError(click.ClickException):
    """The simulation cannot be run as it was asked for: one line, without a traceback."""

    exit_code = EXIT_UNUSABLE


class Stopped(click.ClickException):
    """The user has interrupted the simulation."""

    exit_code = EXIT_INTERRUPTED


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    paths: Sequence[Path]
    reading: Reading
    policies: Sequence[Policy]
    sizes: Sequence[Size]
    jobs: int
    plot_file: Path | None
    json_file: Path | None
    csv_file: Path | None

    @property
    def has_table(self) -> bool:
        """Whether standard output is for the table."""
        return export.STANDARD_OUTPUT not in (self.json_file, self.csv_file)


def _sizes(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> tuple[Size, ...]:
    try:
        return tuple(map(parse, texts))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


EXAMPLES = """\b
Examples:
  hotset simulate access.log.gz
  hotset simulate requests.csv --key-column user_id --size 1000 --size 5%
  timeout 60 redis-cli monitor | hotset simulate -
  hotset simulate traces/*.gz --policy lru --policy adaptive --plot hits.png
"""


@click.command(epilog=EXAMPLES)
@click.argument("traces", nargs=-1, required=True, metavar="TRACE...", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "policies",
    type=click.Choice(hotset.POLICIES),
    multiple=True,
    show_default="all",
    help="Who is evicted from a full cache; may be repeated.",
)
@click.option(
    "--size",
    "sizes",
    callback=_sizes,
    multiple=True,
    metavar="N|N%",
    help="Entries of the cache, or their share of a trace's distinct keys; may be repeated.  "
    f"[default: {', '.join(USUAL)}, as far as that is 100 entries]",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(TRACE_FORMATS),
    help="How the traces are written.  [default: seen from their content]",
)
@click.option(
    "--key-column",
    metavar="NAME|N",
    help="The column of a CSV file that has the keys: its name in the first line, or its number from 1 if the first "
    "line is a request like the others.  [default: key]",
)
@click.option(
    "--delimiter",
    metavar="CHARACTER",
    help="What stands between the columns of a CSV file; also tab or space.  [default: seen from the first line]",
)
@click.option(
    "--limit",
    type=click.IntRange(1, sys.maxsize),
    metavar="N",
    help="Read only the first N requests of each trace.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="the number of cores",
    help="Caches that are simulated at the same time.",
)
@click.option(
    "--plot",
    "plot_file",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Also draw hit ratio over cache size (.png, .svg or .pdf; needs hotset[plot]).",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write JSON; - instead of the table.",
)
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), metavar="FILE", help="Also write CSV; - instead of the table."
)
def simulate(
    traces: tuple[Path, ...],
    policies: tuple[Policy, ...],
    sizes: tuple[Size, ...],
    format_name: str | None,
    key_column: str | None,
    delimiter: str | None,
    limit: int | None,
    jobs: int | None,
    plot_file: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
) -> None:
    """See how large a cache has to be, and which policy suits your requests.

    Replays recorded requests through caches of every policy and of several sizes, and prints which part of them each
    would have answered, beside the most that any could (OPT). A request for a key that is not there stores it; nothing
    expires, and all entries count the same.

    \b
    A TRACE is a file, gzipped or not, or - for standard input, in one of these formats:
      keys           one key a line
      csv            columns, one of them the key (--key-column, --delimiter)
      u64            keys as little-endian numbers of 64 bits
      access-log     common or combined log of nginx, Apache and others: targets of GET and HEAD
      redis-monitor  output of redis-cli monitor: keys of commands that read, such as GET and HGETALL

    Exits with 2 if a file or an option cannot be used, and says why in one line.
    """
    options = Options(
        paths=traces,
        reading=Reading(format_name, _column(key_column), _delimiter(delimiter), limit),
        policies=tuple(dict.fromkeys(policies)) or hotset.POLICIES,
        sizes=sizes,
        jobs=jobs or workers.cores(),
        plot_file=plot_file,
        json_file=json_file,
        csv_file=csv_file,
    )
    try:
        _run(options)
    except SequenceError as error:
        raise SimulateError(str(error)) from error
    except KeyboardInterrupt as error:
        raise Stopped("interrupted before the end; there is no result") from error


def _run(options: Options) -> None:
    _check(options)
    traces = read_all(options.paths, options.reading, options.jobs)
    sizes = [sized(options.sizes, named.trace.unique) for named in traces]
    others = [plot.sizes_for(named.trace.unique) if options.plot_file else [] for named in traces]
    outcomes = simulation.simulate(traces, options.policies, sizes, others, options.jobs)
    if options.has_table:
        with writing.writing(export.STANDARD_OUTPUT):
            _print(outcomes)
    for path, form in ((options.json_file, export.as_json), (options.csv_file, export.as_csv)):
        if path:
            with writing.writing(path):
                export.write(path, outcomes, form)
    if options.plot_file:
        with writing.writing(options.plot_file):
            plot.draw(options.plot_file, [_panel(outcome) for outcome in outcomes])
        click.echo(f"Plot: {options.plot_file}", err=not options.has_table)


def _column(text: str | None) -> str | int | None:
    if text is None or not text.isdecimal():
        return text
    if len(text) > MOST_DIGITS:
        raise SimulateError(f"--key-column {text[:MOST_DIGITS]}...: there are not so many columns")
    return int(text)


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    character = DELIMITERS.get(text, text)
    if len(character) != 1 or not character.isascii():
        raise SimulateError(f"--delimiter {text}: write one ASCII character, or tab or space")
    return character


def _check(options: Options) -> None:
    """Refuse what cannot be done, before the work begins."""
    reading = options.reading
    table_only = {"--key-column": reading.key_column, "--delimiter": reading.delimiter}
    for name, value in table_only.items():
        if value is not None and reading.format not in (None, "csv"):
            raise SimulateError(f"{name} is for the format csv, and --format is {reading.format}")
    files = [options.json_file, options.csv_file]
    if files == [export.STANDARD_OUTPUT] * 2:
        raise SimulateError("--json - and --csv -: only one of them can be standard output")
    problems = [writing.obstacle(path) for path in files if path and path != export.STANDARD_OUTPUT]
    if options.plot_file:
        problems.append(plot.obstacle(options.plot_file))
    for problem in filter(None, problems):
        raise SimulateError(problem)


def _print(outcomes: Sequence[simulation.Outcome]) -> None:
    """The tables, in lines as long as they need if the terminal's are shorter."""
    rendered = ratios.render(outcomes)
    wide = Console(width=WIDEST)
    needed = max(wide.measure(part).minimum for part in rendered.renderables if isinstance(part, Table))
    Console(width=max(Console().width, needed)).print(rendered)


def _panel(outcome: simulation.Outcome) -> plot.Panel:
    named = outcome.named
    sizes = sorted({entries for _, entries in outcome.hits})
    curves = [
        plot.Curve(contender, sizes, [outcome.ratio(contender, entries) for entries in sizes])
        for contender in outcome.contenders
    ]
    return plot.Panel(plot.Labels(named.name, named.trace.requests, named.trace.unique), curves)
