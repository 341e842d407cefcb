"""A real Redis for tests: a child process that listens on a socket file, and is stopped by its number."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

READY = "ready to accept connections"


@contextmanager
def redis_server(folder: Path) -> Iterator[Path]:
    """The path of the socket of a server that keeps nothing; the test is skipped where there is none; in CI, it fails."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        missing = "neither redis-server nor valkey-server is installed: tests/servers.sh does so as root on Debian"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    path = folder / "redis.sock"
    command = [
        program,
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        str(folder),
        "--daemonize",
        "no",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        # Nobody waits for a server that does not say that it is ready.
        limit = threading.Timer(30, child.kill)
        limit.start()
        try:
            assert child.stdout and any(READY in line.lower() for line in child.stdout), "the server does not start"
            limit.cancel()
            yield path
        finally:
            limit.cancel()
            child.terminate()
            child.communicate()


class Connection:
    """A connection that sends commands and reads lines."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def send(self, *words: bytes) -> None:
        self._socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))

    def line(self) -> bytes:
        line = self._lines.readline()
        assert line, "the server has closed the connection"
        return line

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextmanager
def monitored(path: Path) -> Iterator[tuple[Connection, list[bytes]]]:
    """A connection, and what the server says of the commands that it sends, line by line; complete afterwards."""
    said: list[bytes] = []
    with closing(Connection(path)) as monitor, closing(Connection(path)) as client:
        monitor.send(b"MONITOR")
        said.append(monitor.line())
        yield client, said
        client.send(b"ECHO", b"the end")
        while b"the end" not in said[-1]:
            said.append(monitor.line())
