"""An application over SQLite behind a cache that its worker processes share, which checks the history of every key.

Beside the database lies a file with one number for each key: its last version whose change was acknowledged, which is to say that it
was committed and that the cache was told. A read that begins after that must not see an earlier version.
"""

import asyncio
import json
import mmap
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hotset import Cache

KEYS = 240
CLIENTS = 8
"""Each is the only one to change its keys, and makes one request at a time, so that versions are acknowledged in order."""

MAX_BYTES = 4 * 2**20
LEAST_TEXT, MOST_TEXT = 10, 20_000
WRITES = 0.08
SLOW_LOADS = 0.2
SLOW_SECONDS = 0.003
DATABASE_PATIENCE_SECONDS = 20
WAYS = ("key", "tag", "set", "delete", "clear")
WEIGHTS = (30, 30, 20, 19, 1)


class Files(NamedTuple):
    """Where everything is."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "shop.db"

    @property
    def acknowledged(self) -> Path:
        return self.folder / "acknowledged"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def create(self) -> None:
        with sqlite3.connect(self.database) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE items (key INTEGER PRIMARY KEY, version INTEGER NOT NULL)")
            database.execute("CREATE TABLE history (key INTEGER, version INTEGER, PRIMARY KEY (key, version))")
            database.executemany("INSERT INTO items VALUES (?, 0)", ((key,) for key in range(KEYS)))
            database.executemany("INSERT INTO history VALUES (?, 0)", ((key,) for key in range(KEYS)))
        database.close()
        self.acknowledged.write_bytes(bytes(8 * KEYS))

    def committed(self) -> set[tuple[int, int]]:
        """Every version of every key that there has ever been."""
        database = sqlite3.connect(self.database)
        try:
            return set(database.execute("SELECT key, version FROM history"))
        finally:
            database.close()


def item_of(key: int, version: int) -> dict[str, Any]:
    """What the database has for a key. Half of one version and half of another would be seen."""
    size = random.Random(key * 1_000_003 + version).randrange(LEAST_TEXT, MOST_TEXT)
    return {"key": key, "version": version, "text": (f"{key}:{version} " * size)[:size]}


class Shop:
    """The application, as one worker has it. What is opened here may be used in processes that are forked later."""

    def __init__(self, files: Files) -> None:
        self.files = files
        with files.acknowledged.open("r+b") as file:
            self.acknowledged = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
        self.connections = threading.local()
        self.cache: Cache[Any, Any] = Cache(
            "shop", ttl="5m", maxsize=KEYS // 2, tier=f"disk://{files.store}?max_bytes={MAX_BYTES}", codec="json"
        )
        tags = ["item:{key}"]
        self.item = self.cache.cache_result(name="item", tags=tags)(self.load)
        self.led_item = self.cache.cache_result(name="led", tags=tags, lease="1s")(self.load_for_all)
        self.awaited_item = self.cache.cache_result(name="awaited", tags=tags)(self.load_later)

    @contextmanager
    def database(self) -> Any:
        """The connection of this thread of this process, in a transaction."""
        if getattr(self.connections, "process", None) != os.getpid():
            self.connections.process = os.getpid()
            self.connections.database = sqlite3.connect(
                self.files.database, timeout=DATABASE_PATIENCE_SECONDS, isolation_level=None
            )
            self.connections.database.execute("PRAGMA synchronous = OFF")
        yield self.connections.database

    def version(self, key: int) -> int:
        with self.database() as database:
            return int(database.execute("SELECT version FROM items WHERE key = ?", (key,)).fetchone()[0])

    def commit(self, key: int) -> int:
        """Change the database; the new version."""
        with self.database() as database:
            database.execute("BEGIN IMMEDIATE")
            version = int(
                database.execute(
                    "UPDATE items SET version = version + 1 WHERE key = ? RETURNING version", (key,)
                ).fetchone()[0]
            )
            database.execute("INSERT INTO history VALUES (?, ?)", (key, version))
            database.execute("COMMIT")
        return version

    def load(self, key: int) -> dict[str, Any]:
        version = self.version(key)
        if random.random() < SLOW_LOADS:
            time.sleep(random.random() * SLOW_SECONDS)
        return item_of(key, version)

    def load_for_all(self, key: int) -> dict[str, Any]:
        return self.load(key)

    async def load_later(self, key: int) -> dict[str, Any]:
        version = self.version(key)
        if random.random() < SLOW_LOADS:
            await asyncio.sleep(random.random() * SLOW_SECONDS)
        return item_of(key, version)

    def change(self, key: int, way: str) -> None:
        """Commit, tell the cache, and acknowledge."""
        version = self.commit(key)
        functions: list[Any] = [self.item, self.led_item, self.awaited_item]
        if way == "tag":
            self.cache.invalidate_tags(f"item:{key}")
        elif way == "clear":
            self.cache.clear()
        elif way == "delete":
            self.cache.delete_many([function.cache_key(key) for function in functions])
        else:
            for function in functions:
                function.invalidate(key) if way == "key" else function.set(item_of(key, version), key)
        self.acknowledged[key] = version

    def plan(self, client: int, seed: int, count: int) -> list[tuple[int, str | None]]:
        """What is done for one request: keys, and how they are changed, None if they are read."""
        chance = random.Random(seed)
        return [
            (chance.randrange(client, KEYS, CLIENTS), chance.choices(WAYS, WEIGHTS)[0])
            if chance.random() < WRITES
            # The lower keys are the hotter ones.
            else (int(KEYS * chance.random() ** 2), None)
            for _ in range(count)
        ]

    def serve(self, client: int, seed: int, count: int) -> "Answer":
        """Do what one request asks for."""
        answer = Answer()
        for key, way in self.plan(client, seed, count):
            if way is not None:
                self.change(key, way)
                answer.changes += 1
                continue
            read = self.led_item if key % 3 == 0 else self.item
            before = self.acknowledged[key]
            answer.check(key, before, read(key))
        return answer

    async def serve_later(self, client: int, seed: int, count: int) -> "Answer":
        answer = Answer()
        for key, way in self.plan(client, seed, count):
            if way is not None:
                self.change(key, way)
                answer.changes += 1
                await asyncio.sleep(0)
                continue
            before = self.acknowledged[key]
            answer.check(key, before, await self.awaited_item(key))
        return answer


class Answer:
    """What was seen for one request."""

    def __init__(self) -> None:
        self.changes = 0
        self.seen: list[tuple[int, int]] = []
        self.wrong: list[str] = []

    def check(self, key: int, before: int, item: dict[str, Any]) -> None:
        version = item["version"]
        self.seen.append((key, version))
        if version < before:
            self.wrong.append(f"stale: key {key} was read as {version}, after {before} had been acknowledged")
        if item != item_of(key, version):
            self.wrong.append(f"corrupt: key {key} was read as {item!r:.200}")

    def json(self, shop: Shop) -> bytes:
        stats = shop.cache.stats()
        tier = stats.tier
        assert tier is not None
        return json.dumps(
            {
                "process": os.getpid(),
                "changes": self.changes,
                "seen": self.seen,
                "wrong": self.wrong,
                "hits": stats.hits,
                "tier_hits": tier.hits,
                "faults": tier.faults,
                "unreadable": tier.unreadable,
            }
        ).encode()


Serve = Callable[[int, int, int], Answer]
