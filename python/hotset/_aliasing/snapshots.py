"""Snapshots: what a value was made of at one moment, to find out later whether and where it was changed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from hotset._aliasing.leaves import is_leaf
from hotset._aliasing.parts import Content
from hotset._aliasing.paths import type_name
from hotset._aliasing.reading import is_container, parts_of

if TYPE_CHECKING:
    from hotset._aliasing.parts import Part
    from hotset._aliasing.paths import Path

#: So many containers and objects of a value are looked into, those nearest to it. Leaves in them are not counted.
MAX_NODES = 100_000


class Difference(NamedTuple):
    """Where a value differs from its snapshot, and in a few words how, without showing it."""

    path: Path
    how: str


class Snapshot:
    """What a value was made of: a shallow state of each container and object in it.

    Seen are changes of leaves by type and value, of plain containers and subclasses of them, of the attributes and
    slots of objects, of arrays of numpy and tables of pandas, at whatever depth and in circles; an object in the place
    of another, even an equal one; the order of lists and dicts.

    Not seen are what an object computes when it is first asked (:class:`~hotset._aliasing.parts.Attributes`), what is
    inside objects of the standard library that are no data (loggers, locks, files), and of classes that are written in
    C and have no attributes, and what is further from the value than its nearest 100,000 containers and objects.

    The containers and objects are kept alive, and so are the leaves; they are not copied.
    """

    __slots__ = ("_nodes", "_value")

    def __init__(self, value: object) -> None:
        self._value = value
        #: By address, which is an object's own as long as the node holds it.
        self._nodes: dict[int, _Node] = {}
        queue = deque([value])
        while queue and len(self._nodes) < MAX_NODES:
            present = queue.popleft()
            if id(present) not in self._nodes and not is_leaf(present):
                node = self._nodes[id(present)] = _Node(present)
                queue.extend(child for part in node.parts for child in part.inner())

    def difference(self, value: object) -> Difference | None:
        """Return where ``value`` differs, nearest first; None if it does not."""
        return _Comparison(self._nodes, self._value, value).difference()


class _Node:
    """One container or object, with what it held."""

    __slots__ = ("cls", "parts", "value")

    def __init__(self, value: object) -> None:
        self.value, self.cls = value, type(value)
        self.parts = parts_of(value)


class _Comparison:
    """Walks through a snapshot and a value side by side."""

    def __init__(self, nodes: dict[int, _Node], old: object, new: object) -> None:
        self._nodes = nodes
        #: What is to be compared: as it was, as it is, its path, and whether it is made anew by each description.
        self._queue: deque[tuple[object, object, Path, bool]] = deque([(old, new, None, False)])
        #: Pairs that were compared, by address. What describes a value is in one pair only, so it need not be held.
        self._seen: set[tuple[int, int]] = set()

    def difference(self) -> Difference | None:
        while self._queue:
            old, new, path, made_anew = self._queue.popleft()
            if (id(old), id(new)) in self._seen:
                continue
            self._seen.add((id(old), id(new)))
            found = self._compare(self._nodes.get(id(old)), old, new, path, made_anew=made_anew)
            if found is not None:
                return found
        return None

    def _compare(
        self, node: _Node | None, old: object, new: object, path: Path, *, made_anew: bool
    ) -> Difference | None:
        cls = type(old) if node is None else node.cls
        if type(new) is not cls:
            return Difference(path, f"it was of type {type_name(cls)}, and is of type {type_name(type(new))}")
        if new is not old and not made_anew and (node is None or not is_container(cls)):
            return Difference(path, f"it is another {type_name(cls)}")
        if node is None:
            return None
        parts = parts_of(new)
        for was, now in zip(node.parts, parts, strict=False):
            found = self._compare_parts(was, now, path, made_anew=made_anew)
            if found is not None:
                return found
        return None if len(parts) == len(node.parts) else Difference(path, f"it is another {type_name(cls)}")

    def _compare_parts(self, old: Part, new: Part, path: Path, *, made_anew: bool) -> Difference | None:
        describes = made_anew or isinstance(old, Content)
        change = old.change(new)
        if change is not None:
            step, how = change
            return Difference((path, *step) if step else path, "its content is another" if describes else how)
        self._queue.extend((was, now, (path, old.step, label), describes) for label, was, now in old.pairs(new))
        return None
