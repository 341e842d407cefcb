"""Servers with worker processes, as children that listen on a socket of ours and are stopped by their number."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
STOP_SECONDS = 20


def gunicorn(listener: int, workers: int) -> list[str]:
    """Workers of threads, forked from a process that has the application, and with it the cache, already open."""
    return [
        *("-m", "gunicorn", "--preload", "--worker-class", "gthread", "--threads", "3", "--workers", str(workers)),
        *("--bind", f"fd://{listener}", "--timeout", "60", "--graceful-timeout", "5", "--log-level", "warning"),
        "--no-control-socket",
        "apps:wsgi",
    ]


def uvicorn(listener: int, workers: int) -> list[str]:
    """Workers of one event loop each, which open the cache on their own."""
    return [
        *("-m", "uvicorn", "--fd", str(listener), "--workers", str(workers), "--no-access-log"),
        *("--lifespan", "off", "--log-level", "warning", "apps:asgi"),
    ]


class Server(NamedTuple):
    """A server that runs."""

    port: int
    log: Path
    child: "subprocess.Popen[bytes]"


@contextmanager
def serving(command: object, folder: Path, workers: int) -> Iterator[Server]:
    """A server as a child process, whose group is ended with it."""
    with socket.socket() as listener, (folder / "log").open("wb") as log:
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HOTSET"))}
        environment = {**kept, "PYTHONPATH": str(FOLDER), "HOTSET_WORKERS_FOLDER": str(folder)}
        assert callable(command)
        child = subprocess.Popen(
            [sys.executable, *command(listener.fileno(), workers)],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            yield Server(listener.getsockname()[1], folder / "log", child)
        finally:
            stop(child)


def stop(child: "subprocess.Popen[bytes]") -> None:
    """Ask it to stop, and end what is left of its session."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait(STOP_SECONDS)
