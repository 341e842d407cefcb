"""Worker processes of real servers share a cache: nothing stale, nothing corrupt, nobody hangs, whoever is killed."""

import http.client
import importlib.util
import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from servers import Server, gunicorn, serving, uvicorn
from shop import CLIENTS, MAX_BYTES, Files

SOAK = os.environ.get("HOTSET_SOAK", "0") not in ("", "0")
SECONDS = 1_800 if SOAK else 5
WORKERS = 8
OPERATIONS = 60
"""Reads and changes in one request."""

START_SECONDS = 60
REQUEST_SECONDS = 20
"""What takes longer hangs."""

BETWEEN_KILLS_SECONDS = 0.5
BESIDE_BYTES = 2**20
"""What lies beside the store: its header, the log, versions, and the table of readers."""

LEAST_READS = 5_000


class History:
    """What clients have seen, and the processes that have answered."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.processes: set[int] = set()
        self.killed: set[int] = set()
        self.seen: set[tuple[int, int]] = set()
        self.wrong: list[str] = []
        self.reads = self.changes = self.lost = self.largest = 0
        self.last: dict[int, dict[str, int]] = {}

    def add(self, answer: dict[str, Any]) -> None:
        with self.lock:
            self.processes.update({answer["process"]} - self.killed)
            self.seen.update((key, version) for key, version in answer["seen"])
            self.reads += len(answer["seen"])
            self.changes += answer["changes"]
            self.wrong += answer["wrong"]
            self.last[answer["process"]] = answer

    def sum(self, name: str) -> int:
        return sum(answer[name] for answer in self.last.values())

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of the processes that have answered, but for the last."""
        with self.lock:
            if len(self.processes) > 1:
                process = chance.choice(sorted(self.processes))
                self.processes.remove(process)
                self.killed.add(process)
                os.kill(process, signal.SIGKILL)


def ask(server: Server, path: str, seconds: float = REQUEST_SECONDS) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, (response.status, body[:300])
        answer: dict[str, Any] = json.loads(body)
        return answer
    finally:
        connection.close()


def wait_for(server: Server) -> None:
    """Wait for the first answer."""
    end = time.monotonic() + START_SECONDS
    while server.child.poll() is None and time.monotonic() < end:
        try:
            ask(server, "/0/0/1", seconds=2)
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server does not answer: {server.log.read_text()}")


def be_client(server: Server, client: int, end: float, history: History) -> None:
    """Make one request after the other. One whose worker is killed has no answer, and may have changed something or not."""
    seeds = random.Random(client)
    try:
        while time.monotonic() < end and not history.wrong:
            try:
                history.add(ask(server, f"/{client}/{seeds.randrange(2**32)}/{OPERATIONS}"))
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                with history.lock:
                    history.lost += 1
    except BaseException as error:
        history.wrong.append(f"client {client}: {error!r}")


def kill_workers(store: Path, end: float, history: History) -> None:
    """Kill workers at random points; the server starts others. The store is measured at each."""
    chance = random.Random(7)
    while time.monotonic() < end:
        time.sleep(chance.random() * 2 * BETWEEN_KILLS_SECONDS)
        history.largest = max(history.largest, bytes_of(store))
        history.kill_one(chance)


def bytes_of(folder: Path) -> int:
    """What its files may take, and so at most take."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass
    return total


def needed(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        missing = f"{module} is not installed: it is in requirements-dev.txt"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


@pytest.mark.parametrize("command", [gunicorn, uvicorn], ids=["gunicorn", "uvicorn"])
def test_workers_share_a_cache_and_are_killed(command: Any, tmp_path: Path) -> None:
    needed(command.__name__)
    files = Files(tmp_path)
    files.create()
    history = History()
    with serving(command, tmp_path, WORKERS) as server:
        wait_for(server)
        end = time.monotonic() + SECONDS
        clients = [threading.Thread(target=be_client, args=(server, n, end, history)) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        kill_workers(files.store, end, history)
        for client in clients:
            client.join()
    print(
        f"{history.reads} reads, {history.changes} changes, {len(history.killed)} kills, {history.lost} requests lost,"
        f" {len(history.last)} processes, {history.sum('hits')} hits, {history.sum('tier_hits')} of the tier,"
        f" {history.sum('faults')} faults, {history.largest} bytes at most"
    )
    assert history.wrong == [], (history.wrong[:5], server.log.read_text()[-2000:])
    assert history.seen <= files.committed(), sorted(history.seen - files.committed())[:5]
    assert history.sum("unreadable") == 0
    # A fill finds no room while readers that were put aside keep old pages: it is skipped.
    assert history.sum("faults") <= history.reads // 1_000, server.log.read_text()[-2000:]
    assert history.largest <= MAX_BYTES + BESIDE_BYTES
    assert history.reads > LEAST_READS and len(history.killed) > 2 and len(history.last) >= WORKERS
    assert history.sum("tier_hits") > 0 and history.sum("hits") > 0
