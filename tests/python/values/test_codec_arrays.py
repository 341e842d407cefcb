"""Arrays of NumPy and tables of Arrow and pandas come back as they were, or are refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hotset import Cache, estimate_bytes
from hotset.disk import Disk
from hotset.preview import CodecError, NotDecodableError, NotEncodableError, ValueCodec

CODEC = ValueCodec()


def back(value: Any) -> Any:
    return CODEC.decode(CODEC.encode(value))


RECORD = np.dtype([("x", "<f8"), ("y", "S3"), ("z", "<i4", (2, 2))])
PADDED = np.dtype([("a", "i1"), ("b", "<f8")], align=True)

ARRAYS: list[Any] = [
    np.arange(6, dtype="int32"), np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(3.5), np.empty((0, 4)),
    np.array([], dtype="<U3"), np.array(["a", "bcd"]), np.array([b"x"]), np.array([True, False]), np.array([1 + 2j], dtype="complex64"),
    np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"), np.array([1], dtype="timedelta64[ns]"), np.arange(3, dtype=">u2"),
    np.zeros(2, RECORD), np.zeros((2, 2), PADDED), np.arange(24).reshape(2, 3, 4)[:, ::2], np.arange(5)[::-1], np.float16([1, np.nan]),
    np.zeros(3, "V5"), np.array([-0.0, np.inf]), np.arange(1_000.0), np.zeros((), RECORD), np.zeros((3, 0), RECORD),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}-{array.shape}")
@pytest.mark.parametrize("writeable", [True, False])
def test_an_array_comes_back(array: Any, writeable: bool) -> None:
    array = array.copy(order="K")
    array.flags.writeable = writeable
    for made in (back(array), back({"k": [array]})["k"][0], CODEC.decode(bytearray(CODEC.encode(array)))):  # type: ignore[var-annotated]
        assert type(made) is np.ndarray and (made.dtype, made.shape) == (array.dtype, array.shape)
        assert made.dtype.isalignedstruct == array.dtype.isalignedstruct
        # What lies between fields is no part of the value.
        assert made.tobytes() == array.tobytes() or (array.dtype == PADDED and (made == array).all())
        assert made.flags.writeable == writeable
        if array.flags.f_contiguous:
            assert made.flags.f_contiguous


SCALARS = [
    np.int8(3), np.uint64(2**64 - 1), np.float32(1.5), np.float64(np.nan), np.bool_(True), np.complex64(1j), np.str_("ä"), np.bytes_(b"x"),
    np.datetime64("2024-01-01T00:00", "s"), np.timedelta64(1, "D"), np.zeros((), RECORD)[()], np.longdouble(1) / 3, np.str_(""),
]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: f"{type(scalar).__name__}-{scalar!r:.20}")
def test_a_scalar_comes_back(scalar: Any) -> None:
    made = back(scalar)
    assert type(made) is type(scalar) and made.dtype == scalar.dtype and made.tobytes() == scalar.tobytes()


def test_an_array_that_cannot_be_written_to_is_a_view_of_the_bytes() -> None:
    array = np.arange(1_000.0)
    array.flags.writeable = False
    payload = CODEC.encode(array)
    made = CODEC.decode(payload)
    assert np.shares_memory(made, np.frombuffer(payload, "u1"))
    assert made.flags.aligned


def test_an_array_that_can_be_written_to_is_a_view_of_bytes_that_are_given_away() -> None:
    payload = bytearray(CODEC.encode({"array": np.arange(1_000.0)}))
    made = CODEC.decode(payload)["array"]
    assert np.shares_memory(made, np.frombuffer(payload, "u1"))
    made[0] = 5
    one, other = (CODEC.decode(CODEC.encode(np.arange(1_000.0))) for _ in range(2))
    one[0] = 7
    assert other[0] == 0


def test_a_small_array_does_not_keep_all_the_bytes() -> None:
    array = np.arange(4)
    array.flags.writeable = False
    payload = CODEC.encode([array, b"x" * 1_000])
    assert not np.shares_memory(CODEC.decode(payload)[0], np.frombuffer(payload, "u1"))


def test_an_array_that_is_there_twice_is_there_twice() -> None:
    array = np.arange(3)
    made = back([array, array])
    assert made[0] is made[1]


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()]), np.zeros(1, [("a", "O")]), np.ma.array([1]), np.arange(2).view(np.recarray), np.rec.array([(1,)], dtype=[("a", int)]),
        np.array(["x"], np.dtypes.StringDType()), np.zeros(1, np.dtype("i4", metadata={"k": 1})),
    ],
    ids=lambda array: f"{type(array).__name__}-{array.dtype}",
)  # fmt: skip
def test_what_would_not_come_back_is_refused(array: Any) -> None:
    with pytest.raises(NotEncodableError, match=r"value\[0\] is not encoded"):
        CODEC.encode([array])


def test_changed_bytes_of_arrays_are_no_arrays_beyond_their_bytes() -> None:
    lots = random.Random(3)
    payloads = [CODEC.encode(array) for array in ARRAYS]
    for _ in range(5_000):
        payload = bytearray(lots.choice(payloads))
        payload[lots.randrange(1, len(payload))] = lots.randrange(256)
        try:
            made = CODEC.decode(bytes(payload))
        except CodecError:
            continue
        if isinstance(made, np.ndarray):
            assert made.nbytes <= len(payload) and repr(made)


# Tables


def test_tables_of_arrow_come_back() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, None], "b": ["x", "y"], "c": [[1], []]}).replace_schema_metadata({"k": "v"})
    made = back(table)
    assert made.equals(table, check_metadata=True)
    batch = table.to_batches()[0]
    assert type(back(batch)) is type(batch) and back(batch).equals(batch, check_metadata=True)
    assert back(table.slice(0, 0)).equals(table.slice(0, 0))


def frames() -> list[Any]:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    return [
        pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", None]}),
        pd.DataFrame({"t": pd.to_datetime(["2024-01-01"]).tz_localize("UTC"), "k": pd.Categorical(["a"])}),
        pd.DataFrame({"x": [1]}, index=pd.Index(["r"], name="rows")),
        pd.DataFrame({"x": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", "q"])),
        pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": []}),
        pd.Series([1, 2], name="s"),
        pd.Series(["x"], index=[5]),
        pd.Series([1.5]),
        pd.RangeIndex(3),
        pd.Index(["a", "b"], name="n"),
        pd.date_range("2024-01-01", periods=3),
    ]


@pytest.mark.parametrize("number", range(12))
def test_tables_of_pandas_come_back(number: int) -> None:
    pd = pytest.importorskip("pandas")
    value = frames()[number]
    made = back({"k": value})["k"]
    compare = {pd.DataFrame: pd.testing.assert_frame_equal, pd.Series: pd.testing.assert_series_equal}
    assert type(made) is type(value)
    compare.get(type(value), pd.testing.assert_index_equal)(made, value)


def test_tables_that_would_come_back_as_something_else_are_refused() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    attributed = pd.DataFrame({"a": [1]})
    attributed.attrs["k"] = 1
    tables = [
        attributed,
        pd.DataFrame({"a": [(1, 2)]}),
        pd.DataFrame({"a": [object()]}),
        pd.DataFrame([[1, 2]], columns=["x", "x"]),
        pd.Series([1], name=("a", object())),
    ]
    for table in tables:
        with pytest.raises(NotEncodableError, match=r"value\[0\] is not encoded"):
            CODEC.encode([table])


def test_changed_bytes_of_tables_are_no_tables_or_whole_ones() -> None:
    pa = pytest.importorskip("pyarrow")
    payload = CODEC.encode(pa.table({"a": [1, None], "b": ["x", "yy"]}))
    lots = random.Random(4)
    for _ in range(2_000):
        changed = bytearray(payload)
        changed[lots.randrange(len(changed))] = lots.randrange(256)
        try:
            made = CODEC.decode(bytes(changed))
        except NotDecodableError:
            continue
        if isinstance(made, pa.Table):
            made.to_pylist()


# Out of a tier


def made_from(array: Any) -> Any:
    """What has the bytes that an array is a view of, or the array."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array.obj if isinstance(array, memoryview) else array


def store_of(path: Path) -> Iterator[tuple[int, int]]:
    """Where the files below a path are mapped."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if str(path) in line:
            start, end = line.split()[0].split("-")
            yield int(start, 16), int(end, 16)


TIERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tags": {"tags": ["a", "tag of an odd length"]},
    "signed": {"secret": b"0123456789abcdef"},
    "encrypted": {"secret": b"0123456789abcdef", "encrypt": True},
    "zstd": {"compression": "zstd"},
    "lz4": {"compression": "lz4"},
}


@pytest.mark.parametrize("how", TIERS)
@pytest.mark.parametrize("writeable", [True, False])
def test_a_large_array_of_a_tier_is_a_view_of_what_was_copied_out(how: str, writeable: bool, tmp_path: Path) -> None:
    options = dict(TIERS[how])
    tags = options.pop("tags", [])
    cache: Cache[str, Any] = Cache("arrays", tier=Disk(tmp_path / "store", max_bytes="64MiB"), maxsize=0, **options)
    array = np.random.default_rng(1).integers(0, 9, 40_000).astype("f8")
    array.flags.writeable = writeable
    for length in range(1, 20):
        cache.set("k" * length, {"array": array, "small": np.arange(3)}, tags=tags)
        read, many = cache["k" * length], cache.get_many(["k" * length])["k" * length]
        for value in (read, many):
            assert (value["array"] == array).all() and type(made_from(value["array"])).__name__ == "Given"
            assert value["array"].ctypes.data % 16 == 0 and value["array"].flags.aligned
            assert value["array"].flags.writeable == writeable
            assert type(made_from(value["small"])) is np.ndarray, "it keeps nothing else alive"
        assert not np.shares_memory(read["array"], many["array"])
    if how in ("plain", "tags"):
        address = read["array"].ctypes.data
        mapped = list(store_of(tmp_path))
        assert mapped and not any(start <= address < end for start, end in mapped)
    if writeable:
        read["array"][:] = 7
        assert (cache["k" * length]["array"] == array).all()
    before = many["array"].copy()
    cache.set("k" * length, None)
    cache.clear()
    assert (many["array"] == before).all()


def test_what_a_view_keeps_alive_is_weighed(tmp_path: Path) -> None:
    cache: Cache[str, Any] = Cache("weighed", tier=Disk(tmp_path / "store", max_bytes="64MiB"), maxsize=0)
    cache["k"] = np.arange(100_000.0)
    assert 800_000 < estimate_bytes(cache["k"]) < 810_000


def test_an_array_that_is_half_of_a_large_value_or_less_is_a_copy(tmp_path: Path) -> None:
    cache: Cache[str, Any] = Cache("parts", tier=Disk(tmp_path / "store", max_bytes="64MiB"), maxsize=0)
    cache["k"] = [np.arange(10_000.0), b"x" * 200_000]
    made = cache["k"][0]
    assert made_from(made).nbytes == 80_000 and type(made_from(made)) is np.ndarray
