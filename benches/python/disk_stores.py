"""The stores on a disk that are compared, and how a user of each writes an operation.

hotset has `codec="raw"` where values are bytes, and its default codec where they are dicts; diskcache stores bytes as
they are, and pickles dicts. py-lmdb, written through the map and without sync, is the floor: it has no ends of life, no
tags, no eviction and no codec, and its keys are bytes beforehand.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import DISKCACHE, HOTSET, LMDB

MAX_BYTES = 512 * 10**6

HOTSET_FRONT = "hotset, memory in front"
FANOUT = "diskcache FanoutCache"

Names = dict[str, Any]
"""The names in statements; `read` gives a value of a key."""


@dataclass(frozen=True)
class Store:
    """A store, and the statements of its users."""

    name: str
    contender: str
    """Whom it belongs to, as `--without` knows them."""
    open: Callable[[Path, str, int], Names]
    """Opens it in a folder, with this codec if it takes one, for so many entries."""
    statements: Mapping[str, str]
    key: Callable[[int], object] = "key:{:08d}".format


def load(_key: object = None) -> object:
    """The loader of hits: it is never called."""
    raise AssertionError("it was to be a hit")


def hotset(folder: Path, codec: str, _size: int, memory: int = 0) -> Names:
    from hotset import Cache

    tier = f"disk://{folder}?max_bytes={MAX_BYTES}B"
    cache: Any = Cache("bench", ttl="30m", maxsize=memory, tier=tier, codec=codec)
    return {"cache": cache, "load": load, "read": cache.get}


def hotset_with_memory(folder: Path, codec: str, size: int) -> Names:
    return hotset(folder, codec, size, memory=size)


def diskcache(folder: Path, _codec: str, _size: int) -> Names:
    from diskcache import Cache

    return diskcache_names(Cache(str(folder), size_limit=MAX_BYTES))


def fanout(folder: Path, _codec: str, _size: int) -> Names:
    from diskcache import FanoutCache

    return diskcache_names(FanoutCache(str(folder), size_limit=MAX_BYTES))


def diskcache_names(cache: Any) -> Names:
    return {"cache": cache, "f": cache.memoize(name="f")(lambda key: memoized(cache, key)), "read": cache.get}


def memoized(cache: Any, key: object) -> object:
    """What a memoized function loads: the value that is stored under the key."""
    return cache.get(key)


def lmdb(folder: Path, _codec: str, _size: int) -> Names:
    import lmdb

    env = lmdb.open(str(folder), map_size=MAX_BYTES, writemap=True, sync=False, metasync=False)
    return {
        "begin": env.begin,
        "dumps": pickle.dumps,
        "loads": pickle.loads,
        "read": lambda key: _read(env, key),
    }


def _read(env: Any, key: bytes) -> Any:
    with env.begin() as txn:
        return txn.get(key)


_HOTSET = {
    "get": "cache[k]",
    "miss": "cache.get(k)",
    "set": "cache[k] = v",
    "delete": "cache.delete(k)",
    "get_many": "cache.get_many(chunk)",
    "set_many": "cache.set_many(items)",
    "add": "cache.add(k, v)",
    "load": "cache.get_or_load(k, load)",
    "get_object": "cache[k]",
    "set_object": "cache[k] = v",
}
_DISKCACHE = _HOTSET | {
    "get_many": "with cache.transact(): [cache.get(k) for k in chunk]",
    "set_many": "with cache.transact(): [cache.set(k, v) for k, v in items.items()]",
    "load": "f(k)",
}
_FANOUT = _DISKCACHE | {
    "delete": "cache.delete(k, retry=True)",
    "add": "cache.add(k, v, retry=True)",
    "get_many": "with cache.transact(retry=True): [cache.get(k) for k in chunk]",
    "set_many": "with cache.transact(retry=True): [cache.set(k, v) for k, v in items.items()]",
}
_LMDB = {
    "get": "with begin() as txn: txn.get(k)",
    "miss": "with begin() as txn: txn.get(k)",
    "set": "with begin(write=True) as txn: txn.put(k, v)",
    "delete": "with begin(write=True) as txn: txn.delete(k)",
    "get_many": "with begin() as txn: txn.cursor().getmulti(chunk)",
    "set_many": "with begin(write=True) as txn: txn.cursor().putmulti(items.items())",
    "add": "with begin(write=True) as txn: txn.put(k, v, overwrite=False)",
    "get_object": "with begin() as txn: loads(txn.get(k))",
    "set_object": "with begin(write=True) as txn: txn.put(k, dumps(v))",
}


def bytes_key(number: int) -> bytes:
    """A key as LMDB has them."""
    return b"key:%08d" % number


STORES = (
    Store(HOTSET, HOTSET, hotset, _HOTSET),
    Store(HOTSET_FRONT, HOTSET, hotset_with_memory, _HOTSET),
    Store(DISKCACHE, DISKCACHE, diskcache, _DISKCACHE),
    Store(FANOUT, DISKCACHE, fanout, _FANOUT),
    Store(LMDB, LMDB, lmdb, _LMDB, bytes_key),
)


def chunks(keys: list[object], size: int) -> list[list[object]]:
    """Keys in bulks of so many."""
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def filled(store: Store, folder: Path, codec: str, numbers: range, value: object) -> Names:
    """The names of a store that holds this value under these keys."""
    folder.mkdir(parents=True)
    names = store.open(folder, codec, len(numbers)) | {"v": value}
    write(store, names, [store.key(number) for number in numbers])
    return names


def write(store: Store, names: Names, keys: list[object]) -> None:
    """Stores the value under keys, in bulk."""
    stored = pickle.dumps(names["v"]) if store.contender == LMDB and not isinstance(names["v"], bytes) else names["v"]
    names["batches"] = [dict.fromkeys(chunk, stored) for chunk in chunks(keys, 100)]
    exec(f"for items in batches:\n    {store.statements['set_many']}", names)  # the statements are those above
