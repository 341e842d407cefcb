"""The default codec beside pickle, msgspec and orjson: time and bytes, on four kinds of values.

usage: python benches/python/codec.py [ROUNDS]

Contenders take turns. Told are the median time of the processor, and the median ratio to pickle in the same round with
the middle half of the ratios: where that is wide, the machine was busy, and the run says little. Who cannot hold a
value as it is has no row: orjson and msgspec have no arrays, and make dicts of dataclasses unless they are told the
class, as msgspec is here.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time
from typing import Any

import hotset
import hotset.preview

REFERENCE = "pickle 5"
GIVEN_AWAY = "hotset, given away"
ROUNDS = 25
SECONDS_OF_SAMPLE = 0.02
GOALS = {("API-like dict", "encode"): 0.5, ("API-like dict", "decode"): 0.7}


@dataclass
class Record:
    number: int
    name: str
    price: float
    active: bool
    tags: list[str]


API = {
    "id": 12345,
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "active": True,
    "score": 98.6,
    "tags": ["admin", "staff", "beta"],
    "address": {
        "street": "12 St James's Square",
        "city": "London",
        "zip": "SW1Y 4JH",
        "geo": {"lat": 51.5, "lng": -0.1},
    },
    "orders": [
        {"id": 1000 + n, "sku": f"SKU-{n:05d}", "count": n, "price": 19.99 + n, "status": "shipped", "note": None}
        for n in range(6)
    ],
    "settings": {"theme": "dark", "language": "en-GB", "mail": False, "limits": {"daily": 100, "monthly": 2500}},
    "created": "2024-01-01T00:00:00Z",
    "about": "Mathematician and writer, known for work on the Analytical Engine.",
}

Contender = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]


def values() -> dict[str, Any]:
    """The values, as they come out of what loads them: no part of an API's answer is shared or interned."""
    found: dict[str, Any] = {
        "API-like dict": json.loads(json.dumps(API)),
        "1,000 records": [Record(n, f"record {n}", n * 1.5, n % 2 == 0, ["a", f"t{n}"]) for n in range(1_000)],
        "a text of 1 MB": "The quick brown fox jumps over the lazy dog. " * 23_000,
        "bytes of 1 MB": bytes(range(256)) * 4_096,
    }
    try:
        import numpy as np
    except ImportError:
        return found
    return {**found, "an array of 1 MB": np.arange(131_072.0)}


def contenders(kind: str) -> dict[str, Contender]:
    """Who can hold a value of this kind."""
    codec = hotset.preview.ValueCodec(types=[Record])
    found: dict[str, Contender] = {
        "hotset": (codec.encode, codec.decode),
        REFERENCE: (lambda value: pickle.dumps(value, 5), pickle.loads),
    }
    if "array" in kind:
        return {**found, GIVEN_AWAY: (codec.encode, lambda data: codec.decode(data))}
    try:
        import msgspec

        decoder = msgspec.msgpack.Decoder(list[Record] if "records" in kind else Any)
        found["msgspec"] = (msgspec.msgpack.Encoder().encode, decoder.decode)
    except ImportError:
        pass
    if "records" not in kind and "bytes" not in kind:
        try:
            import orjson

            found["orjson"] = (orjson.dumps, orjson.loads)
        except ImportError:
            pass
    return found


def seconds(call: Callable[[Any], Any], argument: Any, count: int) -> float:
    """How much time of the processor one of so many calls takes. Who else wants the processor makes no difference."""
    start = thread_time()
    for _ in range(count):
        call(argument)
    return (thread_time() - start) / count


def count_of(call: Callable[[Any], Any], argument: Any) -> int:
    """How many calls fill a sample: found by doubling, so that all samples are about as long."""
    count = 1
    while seconds(call, argument, count) * count < SECONDS_OF_SAMPLE:
        count *= 2
    return count


Samples = dict[str, list[float]]


def samples_of(calls: dict[str, tuple[Callable[[Any], Any], Any]], rounds: int) -> Samples:
    """Seconds of each call in each round; they take turns, and so does who begins."""
    counts = {name: count_of(call, of) for name, (call, of) in calls.items()}
    samples: Samples = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            call, of = calls[name]
            samples[name].append(seconds(call, of, counts[name]))
    return samples


def ratios(samples: Samples, name: str) -> list[float]:
    """The quartiles of the ratio to pickle in the same round."""
    pairs = zip(samples[name], samples[REFERENCE], strict=True)
    return statistics.quantiles([mine / reference for mine, reference in pairs], n=4)


def shown(samples: Samples, name: str) -> str:
    """Microseconds and ratio, with the middle half of the ratios."""
    low, middle, high = ratios(samples, name)
    return f"{statistics.median(samples[name]) * 1e6:>11.2f}{middle:>7.2f} ({low:.2f}–{high:.2f})"


def measure(kind: str, value: Any, rounds: int) -> bool:
    """Measure one value, and tell; whether the goals are met."""
    these = contenders(kind)
    payloads: dict[str, Any] = {name: encode(value) for name, (encode, _) in these.items()}
    if GIVEN_AWAY in payloads:
        payloads[GIVEN_AWAY] = bytearray(payloads["hotset"])
    encoded = samples_of({name: (encode, value) for name, (encode, _) in these.items()}, rounds)
    decoded = samples_of({name: (decode, payloads[name]) for name, (_, decode) in these.items()}, rounds)
    print(f"\n{kind}\n{'':20}{'bytes':>10}{'encode µs':>11}{'ratio':>19}{'decode µs':>11}{'ratio':>19}")
    for name in these:
        print(f"{name:20}{len(payloads[name]):>10,}{shown(encoded, name)}{shown(decoded, name)}")
    met = True
    for way, samples in (("encode", encoded), ("decode", decoded)):
        goal = GOALS.get((kind, way))
        if goal is not None:
            ratio = ratios(samples, "hotset")[1]
            met &= ratio <= goal
            print(f"{way}: {ratio:.2f} × {REFERENCE}, goal {goal}: {'met' if ratio <= goal else 'MISSED'}")
    return met


def main() -> None:
    """Measure all values; fail if a goal is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    met = [measure(kind, value, rounds) for kind, value in values().items()]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
