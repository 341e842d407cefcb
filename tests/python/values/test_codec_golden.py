"""What earlier versions have stored is read: tests/golden holds payloads of each version of the format.

``python tests/python/values/test_codec_golden.py`` writes those that are missing. None is ever replaced.
"""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import pathlib
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from codec_values import (
    ALL,
    Access,
    Address,
    Color,
    Frozen,
    Level,
    Model,
    Name,
    Point,
    Slotted,
    Struct,
    Unslotted,
    User,
)
from hotset.preview import ValueCodec

FOLDER = Path(__file__).parents[2] / "golden"
CODEC = ValueCodec(types=ALL)


def shared() -> Any:
    part = {"k": [1]}
    return {"one": part, "other": part, "pair": (part, part)}


VALUES: dict[str, Any] = {
    "scalars": [None, True, False, 0, 63, 64, -1, 1_000, 100_000, 2**40, 2**70, -(2**70), 1.5, -0.0, 1j, "", "é", "x" * 100, "\ud800", b"b"],
    "containers": [[1], (2,), {"a": 1, 2: "b"}, {3}, frozenset({4}), bytearray(b"5"), range(6), slice(7), list(range(100))],
    "names": [{"id": number, "name": "n"} for number in range(40)],
    "times": [
        dt.datetime(2024, 10, 27, 2, 30, 15, 999_999, zoneinfo.ZoneInfo("Europe/Berlin"), fold=1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.date(2024, 2, 29), dt.time(1, 2, 3, 4), dt.timedelta(-1, 2, 3), dt.timezone(dt.timedelta(hours=1), "x"), dt.datetime(1, 1, 1),
    ],
    "library": [
        decimal.Decimal("1.20"), fractions.Fraction(1, 3), uuid.UUID(int=7), pathlib.PurePosixPath("/a"), pathlib.PureWindowsPath("c:/a"),
        collections.OrderedDict(b=1, a=2), collections.Counter("aab"), collections.deque([1], 2), collections.defaultdict(list, a=[1]),
    ],
    "classes": [
        Color.GREEN, Level.LOW, Name.ADA, Access.READ | Access.WRITE, Point(1, 2), Address("s"), Frozen(1), User("u", Address("s", Color.GREEN)),
        Slotted(1, 2), Unslotted(3), Struct(4), Model(value=1, more=2),
    ],
    "shared": shared(),
}  # fmt: skip


def file_of(name: str) -> Path:
    return FOLDER / f"value-1-{name}.bin"


@pytest.mark.parametrize("name", VALUES)
def test_a_stored_value_is_read(name: str) -> None:
    made = CODEC.decode(file_of(name).read_bytes())
    assert made == VALUES[name] and repr(made) == repr(VALUES[name])


def test_what_was_shared_is_shared() -> None:
    made = CODEC.decode(file_of("shared").read_bytes())
    assert made["one"] is made["other"] is made["pair"][0]


def test_stored_arrays_are_read() -> None:
    np = pytest.importorskip("numpy")
    made = CODEC.decode(file_of("arrays").read_bytes())
    assert made[0].tolist() == [[0, 1, 2], [3, 4, 5]] and made[0].dtype == "<i4" and made[0].flags.f_contiguous
    assert made[1].tolist() == [(1.5, b"ab")] and made[2] == np.datetime64("2024-01-01", "D")


def arrays() -> Any:
    import numpy as np

    record = np.array([(1.5, b"ab")], dtype=[("x", "<f8"), ("y", "S2")])
    return [np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)), record, np.datetime64("2024-01-01", "D")]


if __name__ == "__main__":
    for name, value in {**VALUES, "arrays": arrays()}.items():
        if not file_of(name).exists():
            file_of(name).write_bytes(CODEC.encode(value))
