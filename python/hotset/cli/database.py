"""The slow place behind the cache: a SQLite table with one row per key, which the demo fills and removes."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

from hotset.cli.sequence import Lookups

Row: TypeAlias = tuple[str, int, str, int]
"""Key, how often it occurs, and the file and the line where it first does."""

LookUp: TypeAlias = Callable[[str], Row]

CREATE = "CREATE TABLE keys (name TEXT PRIMARY KEY, occurrences INTEGER, file TEXT, line INTEGER) WITHOUT ROWID"
INSERT = "INSERT INTO keys VALUES (?, ?, ?, ?)"
SELECT = "SELECT name, occurrences, file, line FROM keys WHERE name = ?"


def fill(path: Path, lookups: Lookups) -> None:
    """Create the database at `path` with a row for each key of the sequence."""
    occurrences = Counter(lookups.keys)
    rows = ((key, occurrences[key], place.file, place.line) for key, place in lookups.first_seen.items())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(CREATE)
        connection.executemany(INSERT, rows)


@contextmanager
def opened(path: Path) -> Generator[LookUp]:
    """The function that looks a key up in the database at `path`."""
    with closing(sqlite3.connect(path)) as connection:

        def look_up(name: str) -> Row:
            row: Row = connection.execute(SELECT, (name,)).fetchone()
            return row

        yield look_up


def some_keys(path: Path, count: int) -> Iterator[str]:
    """The first `count` keys of the database, one at a time, held by nobody else."""
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("SELECT name FROM keys LIMIT ?", (count,)):
            yield name
