"""The lookup sequence that every machine already has: the identifiers of the Python standard library's sources."""

import keyword
import platform
import re
import sysconfig
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from hotset.cli.sequence import Lookups, SequenceError, collect

KEYWORDS = frozenset(keyword.kwlist)

NOT_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "__pycache__"})
"""Folders below the standard library that belong to others."""

TOKEN = re.compile(
    r'''
      \#[^\n]*                                                    # a comment
    | [rRbBuUfFtT]{0,2} (?:                                       # a string, whatever stands in it
          """ [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* """
        | \'\'\' [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* \'\'\'
        | " [^"\\\n]* (?: \\. [^"\\\n]* )* "
        | ' [^'\\\n]* (?: \\. [^'\\\n]* )* '
      )
    | \d\w*                                                       # a number
    | ([^\W\d]\w*)                                                # a name: an identifier or a keyword
    ''',
    re.VERBOSE | re.DOTALL,
)
"""What Python source is made of, as far as its identifiers need it; only a name is a group."""


def read_identifiers(limit: int, library: Path | None = None) -> Lookups:
    """The first `limit` identifiers of the standard library, file after file, in the order in which they stand.

    `library` is the folder of sources, by default that of the running interpreter.

    Raises:
        SequenceError: there are no sources, as in some packaged interpreters.
    """
    root = library or Path(sysconfig.get_path("stdlib"))
    title = f"Identifiers of the Python {platform.python_version()} standard library, in the order of its source"
    lookups = collect(title, islice(_occurrences(root), limit))
    if not lookups.keys:
        raise SequenceError(f"{root}: it has no Python sources to look up; give a sequence with --trace FILE")
    return lookups


def _sources(root: Path) -> list[Path]:
    """The library's own source files, in an order that is the same everywhere."""
    found = (path.relative_to(root) for path in root.rglob("*.py"))
    own = [path for path in found if NOT_THE_LIBRARY.isdisjoint(path.parts)]
    return [root / path for path in sorted(own, key=lambda path: path.parts)]


def _occurrences(root: Path) -> Iterator[tuple[str, str, int]]:
    """Each identifier of each source, with its file and line; a file that cannot be read has none."""
    for path in _sources(root):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        file = path.relative_to(root).as_posix()
        for line, name in _identifiers(text):
            yield name, file, line


def _identifiers(text: str) -> Iterator[tuple[int, str]]:
    """Each identifier of a Python source, with its line."""
    line, counted_to = 1, 0
    for token in TOKEN.finditer(text):
        name: str | None = token[1]
        if name is None or name in KEYWORDS:
            continue
        line += text.count("\n", counted_to, token.start())
        counted_to = token.start()
        yield line, name
