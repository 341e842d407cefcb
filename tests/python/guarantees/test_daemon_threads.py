"""Daemon threads that are in the middle of something when the interpreter ends take nobody along."""

from child import run
from test_interpreter_exit import LAST_WORDS


def test_threads_that_use_caches_without_running_python_beneath_them_may_outlive_the_program() -> None:
    run(
        LAST_WORDS
        + """
import threading, time
cache = Cache("without a listener")

def hammer():
    for number in iter(int, 1):
        cache[number], _ = 1, cache.get("k"); plain(1); pair(1); cache.get_or_load("k", lambda key: key); owner.method(1)

for _ in range(4): threading.Thread(target=hammer, daemon=True).start()
time.sleep(0.05)
print("done", flush=True)
"""
    )


def test_daemon_threads_that_load_when_the_program_ends() -> None:
    for _ in range(3):
        run(
            LAST_WORDS
            + """
import threading, time
sys.setswitchinterval(1e-5)
sleepy = hotset.cache_result(lambda number: time.sleep(0))

def hammer():
    number = 0
    while True:
        number += 1
        sleepy(number)

for _ in range(6): threading.Thread(target=hammer, daemon=True).start()
time.sleep(0.05)
print("done", flush=True)
"""
        )
