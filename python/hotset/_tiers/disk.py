"""Stores on this machine, which its processes share: in a directory, where they survive restarts, or in shared memory.

``tier="disk:///var/cache/app?max_bytes=1GB"`` and ``tier=Disk("/var/cache/app", max_bytes="1GB")`` are the same, and so
are ``tier="shm://app"`` and ``tier=Shm("app")``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from hotset._core import check_disk, compact_disk, open_disk, parse_bytes, seconds
from hotset._tiers.kinds import Tier

if TYPE_CHECKING:
    from hotset._core import TierHandle
    from hotset._types import Duration

#: What a write survives.
Durability: TypeAlias = Literal["process", "power"]

_MAX_BYTES: Final = 2**30
_MOST_SHM_BYTES: Final = 256 * 2**20
_PATIENCE: Final = 10.0
_SHM: Final = "/dev/shm"  # what is made there is the user's alone, which is checked


class Disk(Tier):
    """A directory that processes share, and that survives restarts.

    Reads are memory-mapped, writes go through the page cache. What is set, deleted or invalidated in one process is so
    in all others from their next read on.

    Args:
        path: The directory, which is made for the user alone if there is none. It must lie on a local file system.
        max_bytes: The most bytes that entries may take there: ``"1GB"``, ``"512MiB"`` or a number. 1 GiB by default, 1
            MiB at least. What is too much leaves: first what is over, then what is old and seldom read.
        durability: What a write survives: ``"process"`` (the default), the death of any process by whatever signal;
            ``"power"``, a loss of power too, at the price of waiting for the disk with every write.

    Raises:
        TypeError, ValueError: for arguments that make no sense.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int | str = _MAX_BYTES, durability: Durability = "process"
    ) -> None:
        if durability not in ("process", "power"):
            raise ValueError(f"durability={durability!r}: write 'process' or 'power'")
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's mistake is checked here
            raise TypeError(f"path={path!r}: name a directory, as in Disk('/var/cache/app')")
        if max_bytes is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise TypeError("max_bytes=None: a store has a bound: write for example '1GB', or a number of bytes")
        self.path: str = os.path.abspath(os.fspath(path))
        self.max_bytes = parse_bytes("max_bytes", max_bytes)
        self.durability: Durability = durability
        self._handle: TierHandle | None = None

    def __repr__(self) -> str:
        return f"Disk({self.path!r}, max_bytes={self.max_bytes}, durability={self.durability!r})"

    def _open(self) -> TierHandle:
        if self._handle is None:
            self._prepare()
            self._handle = open_disk(
                self.path,
                self.max_bytes,
                keeps_bound=self._keeps_bound,
                durable=self.durability == "power",
                private=self._private,
                pause=self._pause,
            )
        return self._handle

    #: Seconds after which a directory that cannot be used is tried again.
    _pause = 3.0

    #: Whether the directory has to be the user's own.
    _private = False

    #: Whether a store that is there keeps the bound that it has.
    _keeps_bound = False

    def _prepare(self) -> None:
        """Make what has to be there before the directory itself."""


class Shm(Disk):
    """Memory that processes of one user on this machine share, and that is gone when the machine restarts.

    It is a :class:`Disk` on a file system in memory.

    Args:
        name: What processes that share it call it.
        max_bytes: The most bytes that it may take, which are taken as they are needed. By default one that is there
            keeps its bound, and a new one may take the smaller of 256 MiB and half of what is free.
    """

    _private = True

    def __init__(self, name: str, *, max_bytes: int | str | None = None) -> None:
        if not isinstance(name, str) or not _is_name(name):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's mistake is checked here
            raise ValueError(
                f"name={name!r}: write a name of letters, digits, '-', '_' and '.' that begins with none of these"
            )
        self.name = name
        self._folder = os.path.join(_SHM, f"hotset-{os.geteuid()}")
        self._keeps_bound = max_bytes is None
        most = _half_of_what_is_free() if max_bytes is None else max_bytes
        super().__init__(os.path.join(self._folder, name), max_bytes=most)

    def __repr__(self) -> str:
        return f"Shm({self.name!r}, max_bytes={self.max_bytes})"

    def _prepare(self) -> None:
        # It is there, or what opens the store says what is wrong.
        with suppress(OSError):
            os.mkdir(self._folder, 0o700)


def _is_name(name: str) -> bool:
    return name[:1].isalnum() and all(letter.isalnum() or letter in "-_." for letter in name)


def _half_of_what_is_free() -> int:
    """Bytes for a new store in memory, which is to leave room for others."""
    try:
        free = os.statvfs(_SHM)
    except OSError:
        return _MOST_SHM_BYTES
    half = free.f_bavail * free.f_frsize // 2
    return max(min(_MOST_SHM_BYTES, half), 2**20)


class Report(NamedTuple):
    """What :func:`check` found."""

    #: Entries in the store, readable or not.
    entries: int
    #: Pages that they take, with those that lead to them.
    pages: int
    #: Pages that wait for their next use.
    free_pages: int
    #: Pages that nobody will use until the store is compacted.
    lost_pages: int


def check(path: str | os.PathLike[str], *, patience: Duration = _PATIENCE) -> Report:
    """Look at every page of a store, while nobody writes to it. Nothing is changed. Caches that use it may go on.

    Args:
        path: The directory.
        patience: How long to wait for those that write.

    Raises:
        TierError: it is damaged, or cannot be looked at; the message says what is wrong. A damaged store is set aside
            by the next cache that opens it, if nobody else has it open.
    """
    return Report(*check_disk(os.path.abspath(os.fspath(path)), seconds("patience", patience) or 0.0))


def compact(path: str | os.PathLike[str], *, patience: Duration = _PATIENCE) -> bool:
    """Write the entries of a store anew without gaps, so that its file is as small as they are, and not below 16 MiB;
    whether that was done. It is not while another process has it open.

    Raises:
        TierError: it cannot be read or written; the message says why.
    """
    return compact_disk(os.path.abspath(os.fspath(path)), seconds("patience", patience) or 0.0)


def of_url(url: str) -> Disk:
    """The store that a URL names.

    Raises:
        ValueError: it names none.
    """
    from urllib.parse import parse_qsl, unquote, urlsplit

    parts = urlsplit(url)
    given = parse_qsl(parts.query, keep_blank_values=True)
    if parts.fragment or len({name for name, _ in given}) < len(given):
        wrong = (
            f"#{parts.fragment} is no part of a path: write %23 for #"
            if parts.fragment
            else "an option stands there twice"
        )
        raise ValueError(f"tier={url!r}: {wrong}")
    options: dict[str, Any] = {name: int(value) if value.isdecimal() else value for name, value in given}
    known = ("max_bytes", "durability") if parts.scheme == "disk" else ("max_bytes",)
    for name in options:
        if name not in known:
            raise ValueError(f"tier={url!r}: {parts.scheme}:// has no option {name!r}, only {', '.join(known)}")
    if parts.scheme == "shm":
        return Shm(unquote(parts.netloc + parts.path), **options)
    path = unquote(parts.netloc + parts.path)
    if not path.strip("/"):
        raise ValueError(f"tier={url!r}: name a directory, as in 'disk:///var/cache/app'")
    if parts.netloc:
        raise ValueError(
            f"tier={url!r}: {parts.netloc!r} stands where a machine would: write disk:///{path} with three slashes"
        )
    if not path.startswith("/"):
        raise ValueError(f"tier={url!r}: write the whole path, as in disk:///var/cache/{path}, or Disk({path!r})")
    return Disk(path, **options)


# Where users find them, and where pickles seek them.
for _public in (Disk, Shm, Report):
    _public.__module__ = "hotset.disk"
