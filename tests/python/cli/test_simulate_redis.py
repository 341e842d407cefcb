"""`hotset simulate` on what a real Redis says for MONITOR."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from hotset._core import Progress, Trace
from redis_server import monitored, redis_server

SENT: list[tuple[bytes, ...]] = [
    (b"SET", b"user:7", b"GET"),
    (b"GET", b"user:7"),
    (b"get", b'a "quoted" \\ key\n'),
    (b"MGET", b"user:7", b"\x00\xff", b'a "quoted" \\ key\n'),
    (b"HSET", b"hash", b"field", b"1"),
    (b"HGET", b"hash", b"field"),
    (b"HGETALL", b"hash"),
    (b"EVAL", b"return redis.call('GET', KEYS[1])", b"1", b"user:7"),
    (b"EXISTS", b"user:7", b"hash"),
    (b"SELECT", b"3"),
    (b"GET", b"user:7"),
    (b"DEL", b"user:7"),
]
ASKED = ["user", "quoted", "user", "bytes", "quoted", "hash", "hash", "user", "user", "hash", "user in 3"]


def lru_hits(keys: list[str], maxsize: int) -> int:
    held: list[str] = []
    hits = 0
    for key in keys:
        hits += key in held
        held = [*(other for other in held if other != key), key][-maxsize:]
    return hits


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """A file of what a server says while all of `SENT` is sent to it."""
    with TemporaryDirectory(prefix="hotset-") as short, redis_server(Path(short)) as path:  # a socket's path is short
        with monitored(path) as (client, lines):
            for words in SENT:
                client.send(*words)
        file = tmp_path / "monitor.txt"
        file.write_bytes(b"".join(lines))
    return file


def test_the_lookups_are_those_that_were_sent(said: Path) -> None:
    trace = Trace.read(said, Progress(), format=None, key_column=None, delimiter=None, limit=None)
    assert trace.format == "redis-monitor"
    assert (trace.requests, trace.unique, trace.garbled_lines) == (len(ASKED), len(set(ASKED)), 0)
    for size in range(1, 6):
        assert trace.hits("lru", size, Progress()) == lru_hits(ASKED, size)
