"""Arrays and scalars of NumPy: type, shape, order and bytes."""

from __future__ import annotations

import sys
from typing import Any

from hotset._errors import NotDecodableError, NotEncodableError

#: Kinds of elements that lie in the array itself.
_KINDS = frozenset("biufcmMSUV")

#: An array is a view of the payload if it is more than this part of it, so that it keeps little else alive.
_LEAST_PART = 0.5


def is_scalar(cls: type) -> bool:
    """Whether a class is one of NumPy's scalars."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and cls.__module__ == "numpy" and issubclass(cls, numpy.generic)


def take_array(array: Any) -> object:
    """Return what an array is made of."""
    numpy = sys.modules["numpy"]
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = array.reshape(-1, order=order) if array.ndim else array.reshape(1)
    data = memoryview(numpy.ascontiguousarray(flat).view(numpy.uint8)) if array.nbytes else b""
    return (_described(array.dtype), array.shape, order, bool(array.flags.writeable), data)


def take_scalar(scalar: Any) -> object:
    """Return what a scalar is made of."""
    return (_described(scalar.dtype), scalar.tobytes() if scalar.dtype.itemsize else b"")


def make_array(parts: Any) -> object:
    """Make an array: a view of the payload where that can be written to or the array cannot, and a copy elsewhere."""
    import numpy

    described, shape, order, is_writeable, data = parts
    dtype = _dtype(described)
    _check(dtype, shape, order, data)
    if len(data) == 0:
        array: Any = numpy.empty(shape, dtype, order)
    else:
        array = numpy.frombuffer(data, numpy.uint8).view(dtype).reshape(shape, order=order)
        _check_texts(array)
        if not _can_be_kept(array, data, is_writeable):
            array = array.copy(order=order)
    array.flags.writeable = is_writeable
    return array


def make_scalar(parts: Any) -> object:
    """Make a scalar."""
    import numpy

    described, data = parts
    dtype = _dtype(described)
    _check(dtype, (), "C", data)
    if dtype.itemsize == 0:
        return dtype.type() if dtype.names is None else numpy.zeros((), dtype)[()]
    array = numpy.frombuffer(data, dtype)
    _check_texts(array)
    return array[0].copy()


def _can_be_kept(array: Any, data: Any, is_writeable: bool) -> bool:
    if not isinstance(data, memoryview) or not array.flags.aligned:
        return False
    payload: Any = data.obj
    return array.nbytes >= len(payload) * _LEAST_PART and not (is_writeable and data.readonly)


def _described(dtype: Any) -> object:
    """Return a type of elements as built-in objects; raise if it would not come back."""
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise NotEncodableError(f"its elements are of the type {dtype}: convert it with astype, or to a list")
    described = _parts_of(dtype)
    again: Any = _dtype(described)
    if again != dtype or again.isalignedstruct != dtype.isalignedstruct or dtype.metadata:
        raise NotEncodableError(f"its elements are of the type {dtype}, which would not come back as it is")
    return described


def _parts_of(dtype: Any) -> object:
    """Return the text of a plain type, element and shape of a small array, or the fields of a record."""
    if dtype.subdtype is not None:
        element, shape = dtype.subdtype
        return (_parts_of(element), shape)
    if dtype.names is None:
        return dtype.str
    fields = tuple((name, _parts_of(dtype.fields[name][0]), dtype.fields[name][1]) for name in dtype.names)
    return (fields, dtype.itemsize, dtype.isalignedstruct)


def _dtype(described: Any) -> Any:
    import numpy

    dtype = numpy.dtype(_made_of(described), align=type(described) is tuple and described[-1] is True)
    if dtype.hasobject or dtype.kind not in _KINDS:
        raise NotDecodableError("the elements of an array are no data")
    return dtype


def _made_of(described: Any) -> Any:
    """Return what NumPy makes a type of elements of."""
    if type(described) is str:
        return described
    if len(described) == 2:
        return (_dtype(described[0]), described[1])
    fields, size, _ = described
    names, types, offsets = zip(*fields, strict=True) if fields else ((), (), ())
    return {
        "names": list(names),
        "formats": [_dtype(part) for part in types],
        "offsets": list(offsets),
        "itemsize": size,
    }


def _check_texts(array: Any) -> None:
    """Refuse texts that hold what is no character: NumPy fails on them later."""
    for name in array.dtype.names or ():
        _check_texts(array[name])
    if array.dtype.kind == "U" and array.nbytes:
        points = array.astype(array.dtype.newbyteorder("=")).view("u4")
        if points.max() > sys.maxunicode:
            raise NotDecodableError("a text in an array holds what is no character")


def _check(dtype: Any, shape: Any, order: Any, data: Any) -> None:
    """Refuse what does not fit together, before there is room made for it."""
    count = 1
    for length in shape:
        if type(length) is not int or length < 0:
            raise NotDecodableError("an array has no such shape")
        count *= length
    if order not in ("C", "F") or count * dtype.itemsize != memoryview(data).nbytes:
        raise NotDecodableError("the bytes of an array do not fill its shape")
