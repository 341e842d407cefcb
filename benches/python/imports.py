"""How long an import takes, and what it brings along.

Each sample is a whole process that imports one module and ends; the process that imports nothing, in the same round,
is taken off.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from time import perf_counter

from contenders import CONTENDERS, HOTSET, Contender, Role
from goals import Goal, Verdict, judge
from measure import Rounds
from results import Table

GOAL = Goal(10, unit="ms")
NOTHING_ELSE = Goal(0, unit="asyncio or third-party modules")

MILLISECONDS = 1e3

_PYTHON = (sys.executable, "-P", "-c")
"""A fresh interpreter that does not look for modules in the folder it is started from."""

_BARE = "pass"
_LIST_MODULES = """
import sys
before = set(sys.modules)
import {module}
print(*{{name.partition(".")[0] for name in set(sys.modules) - before}})
"""


def subjects(skip: Collection[str]) -> dict[str, Contender]:
    """One contender for each module that can be imported, by the module's name."""
    peers = [
        contender for contender in CONTENDERS if contender.role is not Role.BASELINE and contender.name not in skip
    ]
    return {contender.module: contender for contender in reversed(peers)}


def python(code: str) -> str:
    """What a fresh interpreter prints for that code."""
    return subprocess.run([*_PYTHON, code], capture_output=True, text=True, check=True).stdout


def seconds(code: str) -> float:
    """How long a fresh interpreter lives with that code."""
    start = perf_counter()
    subprocess.run([*_PYTHON, code], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


def brought_along(module: str) -> tuple[bool, list[str]]:
    """Whether asyncio is among what an import brings, and the third-party modules that are."""
    names = set(python(_LIST_MODULES.format(module=module)).split())
    foreign = sorted(names - set(sys.stdlib_module_names) - {module, "__mp_main__"})
    return "asyncio" in names, [name for name in foreign if not name.startswith(("_", module))]


def remark(module: str) -> str:
    """In words, what an import brings along of asyncio and third parties."""
    with_asyncio, foreign = brought_along(module)
    names = (["asyncio"] if with_asyncio else []) + foreign
    return f"brings {', '.join(names)}" if names else ""


def take_samples(modules: Collection[str], rounds: Rounds) -> dict[str, list[float]]:
    """Milliseconds for each import, interleaved, less those of the bare interpreter in the same round."""
    statements = {module: f"import {module}" for module in modules} | {"": _BARE}
    for statement in statements.values():
        seconds(statement)
    samples: dict[str, list[float]] = {module: [] for module in modules}
    for _ in rounds:
        order = rounds.order.sample(list(statements), len(statements))
        took = {module: seconds(statements[module]) * MILLISECONDS for module in order}
        for module in modules:
            samples[module].append(took[module] - took[""])
    return samples


def run(rounds: Rounds, skip: Collection[str]) -> Table:
    """Measures the import of everybody who is not to be skipped."""
    modules = subjects(skip)
    samples = take_samples(modules, rounds)
    verdicts = [verdict for verdict in [judge(GOAL, HOTSET, samples)] if verdict]
    if HOTSET in modules:
        with_asyncio, foreign = brought_along(HOTSET)
        verdicts.append(Verdict(HOTSET, NOTHING_ELSE, with_asyncio + len(foreign)))
    return Table(
        name="imports",
        group="Import time",
        title="a fresh process, less the bare interpreter",
        statement="import …",
        unit="ms",
        reference="cachetools",
        samples=samples,
        verdicts=verdicts,
        remarks={module: remark(module) for module in modules},
    )
