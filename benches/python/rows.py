"""What is measured per operation: the statements, who takes part, and the goals.

Every statement is what a user would write. Most rows come in two: the statement on one key, and inside
`for k in keys:` over keys in random order while the cache is full; both include their loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import measure
from cases import (
    HOT_KEYS,
    SIZE,
    Case,
    Hit,
    Verb,
    coroutine_of_one,
    method_of_one,
    miss,
    new_key,
    one_argument,
    over_keys,
    three_arguments,
    user_key,
)
from contenders import (
    CACHEBOX_TTL,
    CACHEBOX_VTTL,
    CACHEBOX_VTTL_WITHOUT,
    CACHETOOLS_LOCKED,
    DICT,
    DICT_GET,
    HOTSET,
    LRU_CACHE,
    PLAIN_COROUTINE,
    Contender,
    Role,
    able,
)
from goals import Goal, judge
from results import Table


@dataclass(frozen=True)
class Row:
    """A statement that all contenders with an ability are timed on."""

    name: str
    group: str
    title: str
    statement: str
    ability: str
    reference: str
    build: Callable[[Contender, asyncio.Runner], Case]
    goals: tuple[Goal, ...] = ()
    without: tuple[str, ...] = ()

    def contenders(self) -> tuple[Contender, ...]:
        """Those who take part, if they can be imported."""
        return tuple(contender for contender in able(self.ability) if contender.name not in self.without)


def both(
    name: str,
    group: str,
    shape: Hit | Verb,
    statements: tuple[str, str],
    reference: str,
    goals: tuple[Goal, ...],
    without: tuple[str, ...] = (),
) -> tuple[Row, Row]:
    """The row on one key and the row over many."""
    row = Row(f"{name}-one", group, "one key", statements[0], shape.ability, reference, shape.one, goals, without)
    many = replace(
        row,
        name=f"{name}-many",
        title=f"{HOT_KEYS:,} keys in random order, in a cache of {SIZE:,}",
        statement=over_keys(statements[1]),
        build=shape.many,
    )
    return row, many


def hits(
    name: str, group: str, hit: Hit, goals: tuple[Goal, ...], reference: str = LRU_CACHE, without: tuple[str, ...] = ()
) -> tuple[Row, Row]:
    """The two rows of a decorated hit."""
    return both(name, group, hit, (hit.on_one, hit.on_k), reference, goals, without)


def peers(ability: str) -> tuple[str, ...]:
    """The names of the other caches that can do that."""
    return tuple(contender.name for contender in able(ability) if contender.role is Role.PEER)


_LOCKED = (CACHETOOLS_LOCKED,)
_READS = (Goal(1.0, (CACHEBOX_TTL,)), Goal(1.4, (DICT_GET,)))
_WRITES = (
    Goal(
        0.8,
        (CACHEBOX_TTL, CACHEBOX_VTTL, CACHEBOX_VTTL_WITHOUT),
        "the best of cachebox TTL and VTTL, the latter also without a ttl per entry",
    ),
)
_AWAITED = (Goal(1.7, (PLAIN_COROUTINE,)), Goal(0.3, peers("coroutine"), "the best peer"))

ROWS: tuple[Row, ...] = (
    *hits(
        "hit",
        "Decorated hit, one positional argument",
        Hit("function", one_argument, "f(500)", "f(k)"),
        (Goal(0.65, (LRU_CACHE,)),),
        without=_LOCKED,
    ),
    *hits(
        "hit-keyword",
        "Decorated hit, two positional arguments and a keyword",
        Hit("function", three_arguments, 'f(1, "abc", c=3)', 'f(k, "abc", c=3)'),
        (Goal(0.35, (LRU_CACHE,)),),
        without=_LOCKED,
    ),
    *hits(
        "hit-str",
        "Decorated hit, a `str` that is equal and not identical",
        Hit("function", one_argument, "f(k)", "f(k)", user_key),
        (Goal(0.8, (LRU_CACHE,)),),
        without=_LOCKED,
    ),
    *hits(
        "hit-async",
        "Decorated `async def`, a hit awaited inside one coroutine",
        Hit("coroutine", coroutine_of_one, "await f(5)", "await f(k)"),
        _AWAITED,
        PLAIN_COROUTINE,
    ),
    *hits(
        "hit-method",
        "Decorated method, a hit",
        Hit("method", method_of_one, "o.m(500)", "o.m(k)"),
        (Goal(0.8, (LRU_CACHE,)),),
    ),
    *both("item", "`cache[k]`", Verb("item"), ("cache[k]", "cache[k]"), CACHEBOX_TTL, _READS),
    *both("get", "`cache.get(k)`", Verb("get"), ("cache.get(k)", "cache.get(k)"), CACHEBOX_TTL, _READS),
    *both(
        "set",
        "`cache[k] = v` over an existing key",
        Verb("write"),
        ("cache[k] = v", "cache[k] = v"),
        CACHEBOX_TTL,
        _WRITES,
        without=(DICT_GET,),
    ),
    Row(
        "set-new",
        "`cache[k] = v` for a new key into a full cache",
        f"new keys, in a full cache of {SIZE:,}",
        over_keys("cache[k] = v"),
        "write",
        CACHEBOX_TTL,
        new_key,
        (Goal(1.0, (CACHEBOX_TTL,)),),
        without=(DICT_GET, DICT),
    ),
    Row(
        "miss",
        "Decorated miss: load, fill and evict",
        f"new arguments, in a full cache of {SIZE:,}",
        over_keys("f(k)"),
        "function",
        LRU_CACHE,
        miss,
        (Goal(1.5, (LRU_CACHE,)),),
        without=_LOCKED,
    ),
)


def remark(row: Row, contender: Contender, case: Case) -> str:
    """What sets a contender apart in a row: its own way to write the statement, or hits that were none."""
    own = getattr(contender, row.ability)
    differs = isinstance(own, str) and own not in row.statement
    return "; ".join(part for part in (f"`{own}`" if differs else "", contender.note, case.complaint()) if part)


def build_cases(row: Row, skip: Collection[str], runner: asyncio.Runner) -> tuple[dict[str, Case], dict[str, str]]:
    """The cases of those who take part, and why the others do not."""
    cases: dict[str, Case] = {}
    failures: dict[str, str] = {}
    for contender in row.contenders():
        if contender.name in skip:
            continue
        try:
            cases[contender.name] = row.build(contender, runner)
        except Exception as error:  # noqa: BLE001  one contender that fails is reported, and the others go on
            failures[contender.name] = f"{type(error).__name__}: {error}"
    return cases, failures


def run(row: Row, rounds: measure.Rounds, skip: Collection[str]) -> Table:
    """Measures one row with everybody who takes part, except those to skip."""
    with asyncio.Runner() as runner:
        cases, failures = build_cases(row, skip, runner)
        times = measure.interleave({name: case.sampler for name, case in cases.items()}, rounds)
        samples = {name: [time / cases[name].operations for time in times[name]] for name in cases}
        remarks = {c.name: remark(row, c, cases[c.name]) for c in row.contenders() if c.name in cases}
        for case in cases.values():
            case.close()
    return Table(
        name=row.name,
        group=row.group,
        title=row.title,
        statement=row.statement,
        unit="ns",
        reference=row.reference,
        samples=samples,
        verdicts=[verdict for goal in row.goals if (verdict := judge(goal, HOTSET, samples))],
        remarks=remarks,
        failures=failures,
    )
