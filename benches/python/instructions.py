"""How many instructions a hit or a miss takes, by callgrind: what no clock on a shared machine can show.

    python benches/python/instructions.py [--only TEXT] [PYTHON ...]

Each PYTHON is an interpreter with a hotset of its own, so that two builds can be compared; by default the running one.
A number is the least of a few runs: what falls due while a program runs depends on the clock.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

#: Statements that are repeated, and what they need.
HITS = {
    "one argument": ("f = hotset.cache_result(ttl='1h')(lambda x: x); f(5)", "f(5)"),
    "two and a keyword": ("f = hotset.cache_result(ttl='1h')(lambda a, b, c=3: a); f(1, 'a', c=3)", "f(1, 'a', c=3)"),
    "cache.get": ("c = hotset.Cache(ttl='1h'); c['k'] = 1; f = c.get", "f('k')"),
    "with grace and refresh-ahead": (
        "f = hotset.cache_result(ttl='1h', grace='1h', refresh_ahead=0.8)(lambda x: x); f(5)",
        "f(5)",
    ),
}
#: Calls that load: on the fast path, through the protocol on this thread, and as a task.
MISSES = {
    "a miss": ("f = hotset.cache_result(maxsize=1000)(lambda x: x)", "f(next(new))"),
    "a miss where errors are kept": (
        "f = hotset.cache_result(maxsize=1000, cache_errors=KeyError)(lambda x: x)",
        "f(next(new))",
    ),
    "get_or_load, a hit": ("c = hotset.Cache()", "c.get_or_load(5, identity)"),
    "get_or_load, a miss": ("c = hotset.Cache(maxsize=1000)", "c.get_or_load(next(new), identity)"),
    "load_many of ten, all missing": (
        "c = hotset.Cache(maxsize=1000); tens = itertools.count(0, 10)",
        "first = next(tens); c.load_many(range(first, first + 10), dict.fromkeys)",
    ),
    "a miss that is awaited": (
        "import asyncio; loop = asyncio.new_event_loop()\n@hotset.cache_result(maxsize=1000)\nasync def f(x): return x",
        "loop.run_until_complete(f(next(new)))",
    ),
}
DISK = """
import tempfile
folder = tempfile.TemporaryDirectory()
tier = f"disk://{folder.name}/store?max_bytes=512MB"
c = hotset.Cache("c", ttl="1h", tier=tier, codec="raw", maxsize=0)
front = hotset.Cache("front", ttl="1h", tier=tier)
keys = [f"key:{number}" for number in range(1000)]
value = b"x" * 100
for key in keys: c[key] = front[key] = value
chunk, items = keys[:100], dict.fromkeys(keys[:100], value)
new = map("new:{}".format, itertools.count())
"""

#: The same for a cache with a store on the disk: without memory, except where it says so.
ON_DISK = {
    "a function in front of a store": ("f = front.cache_result(name='f')(lambda x: x); f(5)", "f(5)"),
    "cache[k] in front of a store": ("k = keys[5]", "front[k]"),
    "get of a store": ("k = keys[5]", "c[k]"),
    "get of a store, a miss": ("k = 'none'", "c.get(k)"),
    "set of a store": ("k = keys[5]", "c[k] = value"),
    "set of a store, a new key": ("", "c[next(new)] = value"),
    "get of 100 of a store": ("", "c.get_many(chunk)"),
    "set of 100 of a store": ("", "c.set_many(items)"),
}
FEW, MANY = 2_000, 12_000
TRIES = 3
PROGRAM = """
import gc, itertools, hotset
gc.disable()
new, identity = itertools.count(), lambda x: x
{setup}
def run(n):
    for _ in range(n):
        {statement}
run({count})
"""


def instructions(python: str, setup: str, statement: str, count: int) -> int:
    """Instructions that an interpreter executes in all, at least."""
    program = PROGRAM.format(setup=setup, statement=statement, count=count)
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", python, "-c", program]
    # Where things lie in Python's dicts is to be the same each time.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}

    def once() -> int:
        output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stderr
        found = re.search(r"Collected\s*:\s*(\d+)", output)
        assert found is not None, output
        return int(found[1])

    return min(once() for _ in range(TRIES))


def main() -> None:
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not there: install it, as with apt-get install valgrind")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    parser.add_argument("--only", default="", metavar="TEXT", help="only what has TEXT in its name")
    options = parser.parse_args()
    pythons = options.pythons
    statements = HITS | MISSES | {name: (f"{DISK}\n{setup}", statement) for name, (setup, statement) in ON_DISK.items()}
    for name, (setup, statement) in statements.items():
        if options.only not in name:
            continue
        counts = [
            (instructions(python, setup, statement, MANY) - instructions(python, setup, statement, FEW)) / (MANY - FEW)
            for python in pythons
        ]
        ratio = f", {counts[-1] / counts[0]:.3f} ×" if len(counts) > 1 else ""
        shown = ", ".join(f"{count:.0f}" for count in counts)
        print(f"{name}: {shown} instructions a turn of the loop{ratio}", flush=True)


if __name__ == "__main__":
    main()
