"""Tables of Arrow, and those of pandas.

Those of pandas go by way of Arrow, and are refused where they would not come back as they are.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from hotset._errors import NotEncodableError


def _arrow() -> Any:
    from importlib import import_module

    return import_module("pyarrow")


def is_index(cls: type) -> bool:
    """Whether a class is one of pandas' indexes."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and issubclass(cls, pandas.Index) and cls.__module__.partition(".")[0] == "pandas"


def take_arrow_table(table: Any) -> object:
    """Return a table as a stream of Arrow's."""
    return _written(table)


def take_arrow_batch(batch: Any) -> object:
    """Return a batch as a stream of Arrow's."""
    return _written(batch)


def make_arrow_table(data: Any) -> object:
    """Read a table."""
    return _read(data)


def make_arrow_batch(data: Any) -> object:
    """Read a batch."""
    pyarrow = _arrow()
    with pyarrow.ipc.open_stream(_buffer(data)) as stream:
        batch = stream.read_next_batch()
    batch.validate(full=True)
    return batch


def take_frame(frame: Any) -> object:
    """Return the frequency of the index of a table of pandas', and the table as a stream of Arrow's."""
    _check_attributes(frame)
    parts = (_frequency(frame.index), _of_frame(frame))
    _compare("assert_frame_equal", make_frame(parts), frame)
    return parts


def take_series(series: Any) -> object:
    """Return a series as a name and a table of one column."""
    _check_attributes(series)
    parts = (series.name, (_frequency(series.index), _of_frame(series.to_frame("0"))))
    _compare("assert_series_equal", make_series(parts), series)
    return parts


def take_index(index: Any) -> object:
    """Return an index as that of a table without columns."""
    parts = (_frequency(index), _of_frame(sys.modules["pandas"].DataFrame(index=index)))
    _compare("assert_index_equal", make_index(parts), index)
    return parts


def make_frame(parts: Any) -> Any:
    """Read a table of pandas'."""
    frequency, data = parts
    frame = _read(data).to_pandas()
    if frequency is not None:
        frame.index.freq = frequency
    return frame


def make_series(parts: Any) -> Any:
    """Read a series."""
    name, table = parts
    return make_frame(table)["0"].rename(name)


def make_index(parts: Any) -> Any:
    """Read an index."""
    return make_frame(parts).index


def _frequency(index: Any) -> object:
    """Return the frequency that an index of times has been given."""
    frequency = index.freqstr if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex") else None
    return None if frequency is None else str(frequency)


def _of_frame(frame: Any) -> Any:
    try:
        pyarrow = _arrow()
    except ImportError:
        raise NotEncodableError("install pyarrow: tables of pandas are encoded by way of it") from None
    try:
        table = pyarrow.Table.from_pandas(frame)
    except Exception as error:
        raise NotEncodableError(f"Arrow cannot hold it ({error})") from error
    return take_arrow_table(table)


def _check_attributes(value: Any) -> None:
    if value.attrs or not value.flags.allows_duplicate_labels:
        raise NotEncodableError("it has attrs or flags, which Arrow does not hold")


def _compare(how: str, made: Any, value: Any) -> None:
    """Refuse what would come back as something else."""
    if type(made) is not type(value):
        raise NotEncodableError(f"it would come back as a {type(made).__name__}")
    compare = getattr(sys.modules["pandas"].testing, how)
    index = "index" if hasattr(value, "index") else "T"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions of pandas compare
            compare(made, value, **({"exact": True} if how == "assert_index_equal" else {"check_exact": True}))
        assert _frequency(getattr(made, index)) == _frequency(getattr(value, index)), "it has another frequency"
        _compare_classes(made, value)
    except AssertionError as error:
        reason = " ".join(str(error).split())
        raise NotEncodableError(f"it would not come back as it is ({reason})") from error


def _compare_classes(made: Any, value: Any) -> None:
    """Compare the elements of columns of objects, which are equal to others of another class."""
    for one, other in zip(_columns(made), _columns(value), strict=True):
        assert [type(item) for item in one] == [type(item) for item in other], "elements are of another class"


def _columns(value: Any) -> list[Any]:
    parts = [value.iloc[:, place] for place in range(value.shape[1])] if value.ndim == 2 else [value]
    indexes = [value.index, value.columns] if value.ndim == 2 else [getattr(value, "index", value)]
    levels = [index.get_level_values(number) for index in indexes for number in range(index.nlevels)]
    return [part for part in (*parts, *levels) if part.dtype == object]


def _written(table: Any) -> Any:
    pyarrow = _arrow()
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write(table)
    return memoryview(sink.getvalue()).cast("B")


def _read(data: Any) -> Any:
    pyarrow = _arrow()
    with pyarrow.ipc.open_stream(_buffer(data)) as stream:
        table = stream.read_all()
    table.validate(full=True)
    return table


def _buffer(data: Any) -> Any:
    """Return the bytes of a table, which keeps them: a copy, if nobody else may write to them."""
    pyarrow = _arrow()
    return pyarrow.py_buffer(data if _is_kept(data) else bytes(data))


def _is_kept(data: Any) -> bool:
    return isinstance(data, memoryview) and data.readonly
