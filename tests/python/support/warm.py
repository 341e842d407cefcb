"""Runs a script as `child.run` does, in a fork of an interpreter that has imported what scripts import.

Not for what is about the beginning or the end of an interpreter.
"""

import array
import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from typing import IO, Any

from child import DEFAULT_TIMEOUT, DONE, SOAK, environment, judged, shown

SERVER = """
import array, asyncio, faulthandler, functools, gc, json, os, random, signal, socket, sys, threading, time, types, weakref
import hotset
from hotset.testing import ManualClock

gc.collect()
gc.freeze()  # what scripts collect is theirs
asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    message, ancillary, *_ = asked.recvmsg(1 << 20, socket.CMSG_SPACE(2 * array.array("i").itemsize))
    if not message: os._exit(0)
    script, arguments = json.loads(message)
    streams = array.array("i")
    for _, _, passed in ancillary: streams.frombytes(passed)
    process = os.fork()
    if process == 0: break
    for stream in streams: os.close(stream)
    asked.send(json.dumps(process).encode())
    asked.send(json.dumps(os.waitpid(process, 0)[1]).encode())

os.setsid()
for number, stream in enumerate(streams, 1):
    os.dup2(stream, number)
    os.close(stream)
asked.close()
sys.argv = ["-c", *arguments]
code = compile(script, "<string>", "exec")
for name in [name for name in globals() if not name.startswith("__") and name != "code"]: del globals()[name]
exec(globals().pop("code"))
"""


class _Server:
    """An interpreter that forks one child at a time."""

    def __init__(self, *, debug_malloc: bool) -> None:
        self._asks, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-X", "faulthandler", "-c", SERVER, str(answers.fileno())],
            stdin=subprocess.DEVNULL,
            env=environment(debug_malloc=debug_malloc),
            pass_fds=[answers.fileno()],
        )
        answers.close()
        atexit.register(self._asks.close)

    def run(self, script: str, arguments: list[str], streams: list[IO[Any]], timeout: float) -> int | None:
        """The exit code, or None if the child hung and was killed."""
        message = json.dumps([script, arguments]).encode()
        passed = array.array("i", [stream.fileno() for stream in streams])
        self._asks.settimeout(DEFAULT_TIMEOUT)
        self._asks.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
        child = int(json.loads(self._asks.recv(100)))
        self._asks.settimeout(timeout)
        try:
            return os.waitstatus_to_exitcode(json.loads(self._asks.recv(100)))
        except TimeoutError:
            os.killpg(child, signal.SIGABRT)  # faulthandler then shows where it hung
            self._asks.settimeout(DEFAULT_TIMEOUT)
            self._asks.recv(100)
            return None


@functools.cache
def _server(*, debug_malloc: bool) -> _Server:
    return _Server(debug_malloc=debug_malloc)


def run(
    script: str,
    *arguments: object,
    last: str = DONE,
    code: int = 0,
    debug_malloc: bool = False,
    timeout: float = DEFAULT_TIMEOUT,
    silent: bool = True,
) -> str:
    """As `child.run`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        server = _server(debug_malloc=debug_malloc)
        ended = server.run(textwrap.dedent(script), [*map(str, arguments)], [out, err], timeout * max(1, SOAK))
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    output, errors = texts
    assert ended is not None, f"the child hung\n{shown(output, errors)}"
    return judged(output, errors, ended, last=last, code=code, silent=silent)
