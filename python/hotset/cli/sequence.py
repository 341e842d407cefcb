"""A lookup sequence: which keys are asked for, in which order. Here it is read from a trace file."""

import gzip
import re
import stat
import sys
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

EXPECTED = "expected one key a line in UTF-8, or little-endian u64 keys, either of them gzipped or not"
"""What a trace file may contain, as every message about a bad one ends."""

KEY_BYTES = 8
"""The width of a key in the binary format."""

READ_BYTES = 1 << 16
"""How much of a gzip stream is decompressed at a time, at most."""

GZIP_MAGIC = b"\x1f\x8b"
OTHER_FORMATS = {
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "zip": re.compile(rb"PK\x03\x04"),
}
"""Formats that would otherwise be taken for binary keys, by how they begin."""

CONTROL_BYTE = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""A byte that no text contains: the mark of binary keys."""


class SequenceError(ValueError):
    """A lookup sequence cannot be read. The message is one line: what, where, and what was expected."""


class Place(NamedTuple):
    """Where a key is first asked for."""

    file: str
    line: int
    """From 1: the line of a text, the number of the key in a binary trace."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """A lookup sequence and where each of its keys first occurs."""

    title: str
    keys: list[str]
    """One per lookup, in order. Equal keys are the same object."""
    first_seen: dict[str, Place]
    """One per distinct key, in order of first appearance."""


def collect(title: str, occurrences: Iterable[tuple[str, str, int]]) -> Lookups:
    """The sequence of `occurrences`, each a key, the file and the line."""
    one_of: dict[str, str] = {}
    keys: list[str] = []
    first_seen: dict[str, Place] = {}
    for key, file, line in occurrences:
        known = one_of.get(key)
        if known is None:
            known = one_of[key] = key
            first_seen[key] = Place(file, line)
        keys.append(known)
    return Lookups(title, keys, first_seen)


def read_trace(path: Path, limit: int) -> Lookups:
    """The first `limit` lookups of a trace file: one key a line, or little-endian u64, gzipped or not.

    Blank lines are skipped; a binary key becomes its decimal digits.

    Raises:
        SequenceError: the file is missing, is not a file, is empty, is damaged, or is in another format.
    """
    data = _unpack(path, _read(path))
    if not data.strip():
        raise SequenceError(f"{path}: {'the file is empty' if not data else 'it has only blank lines'}; {EXPECTED}")
    numbered = _binary_keys(path, data) if CONTROL_BYTE.search(data) else _text_keys(path, data)
    occurrences = ((key, path.name, number) for number, key in islice(numbered, limit))
    return collect(f"Trace {path.name}", occurrences)


def _read(path: Path) -> bytes:
    file_size(path, EXPECTED)
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def file_size(path: Path, expected: str) -> int:
    """The bytes of a file, 0 for a pipe.

    Raises:
        SequenceError: it is missing, or neither a file nor a pipe; then with what was `expected`.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise SequenceError(f"{path}: it is a directory; {expected}")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise SequenceError(f"{path}: it is not a regular file; {expected}")
    return status.st_size


def unreadable(path: Path, error: OSError) -> SequenceError:
    """What is said of a file that the system does not let us read."""
    return SequenceError(f"{path}: it cannot be read: {error.strerror or error}")


def _unpack(path: Path, data: bytes) -> bytes:
    """The content of the file, decompressed if it is gzip."""
    if data.startswith(GZIP_MAGIC):
        return _gunzip(path, data)
    for name, beginning in OTHER_FORMATS.items():
        if beginning.match(data):
            raise SequenceError(f"{path}: it is packed with {name}, not gzip; {EXPECTED}")
    return data


def _gunzip(path: Path, data: bytes) -> bytes:
    content = bytearray()
    try:
        with gzip.open(BytesIO(data)) as stream:
            while part := stream.read1(READ_BYTES):
                content += part
    except EOFError as error:
        raise SequenceError(f"{path}: its gzip stream is cut off: it ends {_after(content)}") from error
    except (OSError, zlib.error) as error:
        raise SequenceError(f"{path}: its gzip stream is damaged {_after(content)}: {error}") from error
    return bytes(content)


def _after(content: bytearray) -> str:
    return f"after about {len(content):,} decompressed bytes"


def _binary_keys(path: Path, data: bytes) -> Iterable[tuple[int, str]]:
    """The keys of the binary format, numbered from 1."""
    excess = len(data) % KEY_BYTES
    if excess:
        raise SequenceError(
            f"{path}: it is binary, but its {len(data):,} bytes are not a multiple of {KEY_BYTES}: "
            f"{excess} bytes are left over at offset {len(data) - excess:,}; {EXPECTED}"
        )
    numbers = array("Q", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return enumerate(map(str, numbers), start=1)


def _text_keys(path: Path, data: bytes) -> Iterable[tuple[int, str]]:
    """The lines of a text that are not blank, with their numbers from 1."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SequenceError(
            f"{path}: line {line:,} (offset {error.start:,}): byte 0x{data[error.start]:02x} is not UTF-8; {EXPECTED}"
        ) from error
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
