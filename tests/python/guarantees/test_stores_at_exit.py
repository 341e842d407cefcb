"""A program that ends with a store open leaves it closed, and says nothing, whatever still refers to it or uses it."""

import textwrap
from pathlib import Path

import pytest
from child import DONE, SOAK, run

#: What the header of a store has, and where, once its last user has closed it.
CLOSED = b"Closed!!"[::-1]
PLACE_OF_CLOSED = slice(48, 56)

PROGRAM = """
import sys, threading, time
from hotset import Cache

cache = Cache("users", ttl="1h", tier=f"disk://{sys.argv[1]}?max_bytes=4MiB")

@cache.cache_result(name="user", tags=["users"])
def user(number):
    return {"id": number}

user(1)
"""

ENDINGS = {
    "the end of its text": "",
    "sys.exit": "print('done', flush=True); sys.exit(0)",
    "sys.exit in a load": """
        @cache.cache_result(name="leave")
        def leave(number):
            print("done", flush=True)
            sys.exit(0)
        leave(1)
        """,
    "a reference that nobody gives back": """
        import ctypes
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(cache))
        """,
    "a thread in a load": """
        began = threading.Event()
        @cache.cache_result(name="slow")
        def slow(number):
            began.set()
            time.sleep(1000)
        threading.Thread(target=slow, args=(1,), daemon=True).start()
        began.wait()
        """,
    "threads that read and write": """
        begun = threading.Barrier(4)
        def work():
            begun.wait()
            number = 0
            while True:
                number += 1
                user(number % 100), cache.set(number % 50, number), user.invalidate(number % 10)
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()
        begun.wait()
        [user(number) for number in range(200)]
        """,
    "a function that is called at exit": "import atexit; atexit.register(lambda: user(2))",
    "an object that uses it when it goes": """
        class Last:
            use = staticmethod(user)
            def __del__(self):
                self.use(3)
        sys.last_words = Last()
        """,
    "a task that was not awaited": """
        import asyncio
        @cache.cache_result(name="fetch")
        async def fetch(number):
            return number
        async def main():
            await fetch(1)
            asyncio.get_running_loop().create_task(fetch(2))
        asyncio.run(main())
        """,
    "a child that ended first": """
        import os
        if not (child := os.fork()):
            user(2)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
    "a child that was started since": """
        import subprocess
        subprocess.run(["true"], check=True)
        user(2)
        """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_store_is_closed_when_the_program_ends(ending: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    script = PROGRAM + textwrap.dedent(ENDINGS[ending])
    if "done" not in script:
        script += "\nprint('done', flush=True)\n"
    for _ in range(3 * SOAK):
        run(script, store, last=DONE)
        assert (store / "header").read_bytes()[PLACE_OF_CLOSED] == CLOSED


def test_a_process_that_ends_at_once_leaves_it_open(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(PROGRAM + "import os\nprint('done', flush=True)\nos._exit(0)", store)
    assert (store / "header").read_bytes()[PLACE_OF_CLOSED] != CLOSED


MAIN = """
import multiprocessing, sys
from hotset import Cache

cache = Cache("users", ttl="1h", tier=f"disk://{sys.argv[2]}?max_bytes=4MiB")

@cache.cache_result(name="user")
def user(number):
    return {"id": number}

def work(number):
    cache.set("last", number)
    return user(number)

if __name__ == "__main__":
    user(0)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(work, range(20)) == [{"id": number} for number in range(20)]
    assert cache["last"] in range(20) and cache.stats().tier.faults == 0
"""


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_processes_that_multiprocessing_starts_share_a_cache(start: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(MAIN)
    store = tmp_path / "store"
    run(
        """
        import subprocess, sys
        done = subprocess.run([sys.executable, *sys.argv[1:]], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
        print("done")
        """,
        tmp_path / "main.py",
        start,
        store,
    )
    assert (store / "header").read_bytes()[PLACE_OF_CLOSED] == CLOSED
