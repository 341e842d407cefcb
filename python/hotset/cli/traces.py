"""Recorded requests to simulate caches on, as the user names them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hotset._core import TRACE_FORMATS, Progress, Trace
from hotset.cli import workers
from hotset.cli.progress import progress
from hotset.cli.sequence import SequenceError, file_size, unreadable

STANDARD_INPUT = Path("-")

EXPECTED = f"expected a file of one of the formats {', '.join(TRACE_FORMATS)}, gzipped or not, or - for standard input"
"""What a trace may be, as messages about another thing end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How traces are read."""

    format: str | None
    key_column: str | int | None
    delimiter: str | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Named:
    """A trace and what it is called."""

    name: str
    trace: Trace

    @property
    def most(self) -> float:
        """The hit ratio of a cache without an end."""
        return 1 - self.trace.unique / self.trace.requests


def read_all(paths: Sequence[Path], reading: Reading, jobs: int) -> list[Named]:
    """The traces in the files, several of which are read at a time.

    Raises:
        SequenceError: one of them cannot be read.
    """
    if paths.count(STANDARD_INPUT) > 1:
        raise SequenceError("-: standard input can be read once only")
    sizes = [0 if path == STANDARD_INPUT else file_size(path, EXPECTED) for path in paths]
    with progress("reading", sum(sizes) if all(sizes) else None) as advance:
        traces = workers.run([_reader(path, reading) for path in paths], jobs, advance)
    return [Named(name, trace) for name, trace in zip(_names(paths), traces, strict=True)]


def _reader(path: Path, reading: Reading) -> Callable[[Progress], Trace]:
    def read(told: Progress) -> Trace:
        is_standard_input = path == STANDARD_INPUT
        try:
            return Trace.read(
                None if is_standard_input else path,
                told,
                format=reading.format,
                key_column=reading.key_column,
                delimiter=reading.delimiter,
                limit=reading.limit,
            )
        except InterruptedError:
            raise
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:
            raise SequenceError(f"{'standard input' if is_standard_input else path}: {error}") from error

    return read


def _names(paths: Sequence[Path]) -> list[str]:
    """What the traces are called: by their files, or by their paths where two files have one name."""
    names = ["standard input" if path == STANDARD_INPUT else path.name.removesuffix(".gz") for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]
