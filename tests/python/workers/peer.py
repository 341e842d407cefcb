"""Another process with a cache, which does what it is told, a line at a time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 0.5
"""How long a call of the tier may wait."""

SCRIPT = """
import hotset, logging, os, sys, time
from hotset import Cache

said = []
class Kept(logging.Handler):
    def emit(self, record): said.append(record.getMessage())
logging.getLogger("hotset").addHandler(Kept())
cache = Cache("odd", ttl="1h", tier=sys.argv[1], patience=float(sys.argv[2]), codec="json")
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


class Peer:
    """The process. Its cache is called ``cache``, what was logged ``said``."""

    def __init__(self, tier: str, python: str = sys.executable, before: Sequence[str] = ()) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HOTSET"))}
        self.child = subprocess.Popen(
            [*before, python, "-c", SCRIPT, tier, str(PATIENCE_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept,
            start_new_session=True,
        )

    def begin(self, expression: str) -> None:
        """Have it begin with something, and do not wait for it."""
        assert self.child.stdin
        self.child.stdin.write(expression + "\n")
        self.child.stdin.flush()

    def hear(self) -> Any:
        """What came of what it was told."""
        assert self.child.stdout
        line = self.child.stdout.readline()
        assert line, "it has ended"
        return eval(line)

    def do(self, expression: str) -> Any:
        self.begin(expression)
        return self.hear()

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.child.pid, number)

    def end(self) -> None:
        """Let it end as a program does."""
        assert self.child.stdin
        self.child.stdin.close()
        self.child.wait(20)

    def kill(self) -> None:
        if self.child.poll() is None:
            self.signal(signal.SIGKILL)
            self.child.wait(20)
        for stream in (self.child.stdin, self.child.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@contextmanager
def peers(folder: Path, count: int, **how: Any) -> Iterator[list[Peer]]:
    """Processes that share the store in a folder."""
    started = [Peer(url(folder), **how) for _ in range(count)]
    try:
        yield started
    finally:
        for peer in started:
            peer.kill()


def url(folder: Path) -> str:
    return f"disk://{folder}?max_bytes=32MB"
