"""``aliasing="copy"``: a copy for every caller."""

from __future__ import annotations

import copy
from operator import is_
from typing import TYPE_CHECKING, Any

from hotset._aliasing.leaves import LEAVES, is_leaf
from hotset._aliasing.paths import type_name

if TYPE_CHECKING:
    from collections.abc import Callable

    #: The copies of what was met, by the address of the original: the memo of :func:`copy.deepcopy`.
    Memo = dict[int, Any]


class Copying:
    """Keeps a copy that nobody else has, and gives every caller another.

    - What cannot change is not copied: leaves (numbers, texts, bytes, times, enumerations, paths, functions, classes),
      and plain tuples and frozensets that hold nothing else.
    - Plain dicts, lists, sets, tuples, frozensets and bytearrays are copied by their own ``copy``, and then what they
      hold, where it can change.
    - Everything else, subclasses of these too, is copied by :func:`copy.deepcopy`, and so may decide how in
      ``__deepcopy__``.

    What a value holds twice, its copy holds twice; circles are copied as circles. Values nested more deeply than the
    interpreter allows raise RecursionError, as in :func:`copy.deepcopy`.

    Raises:
        TypeError: for what cannot be copied. It names the type.
    """

    __slots__ = ()

    mode = "copy"
    #: Whether what is kept is not what callers get.
    serves = True

    def store(self, value: object) -> object:
        """Return the copy to keep: who made the value cannot change it any more."""
        return value if type(value) in LEAVES else _copied(value, {})

    def serve(self, stored: object) -> object:
        """Return a copy for one caller."""
        return stored if type(stored) in LEAVES else _copied(stored, {})


def _copied(value: object, memo: Memo) -> Any:
    copier = _COPIERS.get(type(value))
    if copier is None:
        return value if is_leaf(value) else _deep_copied(value, memo)
    known = memo.get(id(value), memo)
    if known is not memo:
        return known
    # Another thread may take the original out of what holds it, and its address must stay its own.
    memo.setdefault(id(memo), []).append(value)
    return copier(value, memo)


def _deep_copied(value: object, memo: Memo) -> object:
    try:
        return copy.deepcopy(value, memo)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise TypeError(
            f"a value of type {type_name(type(value))} cannot be copied ({_reason(error)}): "
            f'aliasing="copy" needs values that copy.deepcopy() copies; write aliasing="share" or "freeze"'
        ) from error


def _reason(error: Exception) -> str:
    """What :mod:`copy` says of a type; of other errors only their class, since their text may show values."""
    text = str(error)
    return text if type(error) is TypeError and text.startswith("cannot pickle '") else type(error).__name__


def _list(value: list[Any], memo: Memo) -> list[Any]:
    new = memo[id(value)] = value.copy()
    if not LEAVES.issuperset(map(type, new)):
        new[:] = [item if type(item) in LEAVES else _copied(item, memo) for item in new]
    return new


def _dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    new = memo[id(value)] = value.copy()
    if LEAVES.issuperset(map(type, new)):
        for key, item in new.items():
            if type(item) not in LEAVES:
                new[key] = _copied(item, memo)
        return new
    items = list(new.items())
    new.clear()
    new.update((_copied(key, memo), _copied(item, memo)) for key, item in items)
    return new


def _set(value: set[Any], memo: Memo) -> set[Any]:
    new = memo[id(value)] = value.copy()
    if not LEAVES.issuperset(map(type, new)):
        items = list(new)
        new.clear()
        new.update(_copied(item, memo) for item in items)
    return new


def _tuple(value: Any, memo: Memo) -> Any:
    """Of a tuple or frozenset: itself, unless it holds what can change."""
    if LEAVES.issuperset(map(type, value)):
        return value
    items = list(value)
    copies = [_copied(item, memo) for item in items]
    # In a circle the copy was made further down.
    known = memo.get(id(value), memo)
    if known is not memo:
        return known
    new = value if all(map(is_, copies, items)) else type(value)(copies)
    memo[id(value)] = new
    return new


def _bytearray(value: bytearray, memo: Memo) -> bytearray:
    new = memo[id(value)] = value.copy()
    return new


_COPIERS: dict[type, Callable[[Any, Memo], Any]] = {
    bytearray: _bytearray,
    dict: _dict,
    frozenset: _tuple,
    list: _list,
    set: _set,
    tuple: _tuple,
}
