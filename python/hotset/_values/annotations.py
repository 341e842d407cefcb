"""Classes that annotations name, and those that their fields name."""

from __future__ import annotations

import enum
import sys
import typing
from typing import TYPE_CHECKING, Any, cast

from hotset._values import shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def known_from_annotation(annotation: object, *, module: str | None = None) -> set[type]:
    """Return the classes that an annotation names and a codec can rebuild, with those that their fields name.

    Text is looked up in ``module``. What cannot be found, or is no class that says what it is made of, is left out.
    """
    return set(classes_of((annotation,), module))


def known_from_function(function: Any) -> set[type]:
    """Return the classes that the return annotation of a function names, with those that their fields name."""
    import inspect

    function = inspect.unwrap(function)
    annotation = getattr(function, "__annotations__", {}).get("return")
    return known_from_annotation(annotation, module=getattr(function, "__module__", None))


def classes_of(annotations: Iterable[object], module: str | None = None) -> list[type]:
    """Return the classes that annotations name, with those that their fields name, each once."""
    found: dict[type, None] = {}
    seen: set[int] = set()
    todo = [(annotation, _names_of(module)) for annotation in annotations]
    held: list[object] = []
    while todo:
        annotation, names = todo.pop()
        if id(annotation) in seen:
            continue
        seen.add(id(annotation))
        held.append(annotation)  # so that its id stays its own
        if isinstance(annotation, type):
            if is_rebuildable(annotation):
                found[annotation] = None
            todo.extend((part, _names_of_class(annotation)) for part in _annotations_of(annotation))
        else:
            todo.extend((part, names) for part in _parts_of(annotation, names))
    return list(found)


def is_rebuildable(cls: Any) -> bool:
    """Whether a class says what its objects are made of."""
    if cls.__module__ == "builtins":
        return False
    if issubclass(cls, enum.Enum):
        return bool(cls.__members__)
    return shapes.fields_of(cls) is not None and not _is_base(cls)


def _is_base(cls: type) -> bool:
    """Whether a class is the base that its library gives to others."""
    return cls.__module__.partition(".")[0] in ("pydantic", "msgspec", "typing") or typing.is_typeddict(cls)


def _annotations_of(cls: type) -> Iterator[object]:
    if not (is_rebuildable(cls) or typing.is_typeddict(cls)):
        return
    for base in cls.__mro__:
        yield from _own_annotations(base).values()
    yield from getattr(cls, "__orig_bases__", ())
    fields: dict[str, Any] = getattr(cls, "__pydantic_fields__", {})
    yield from (field.annotation for field in fields.values())


def _own_annotations(cls: type) -> dict[str, object]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    import inspect

    return inspect.get_annotations(cls)


def _parts_of(annotation: Any, names: dict[str, Any]) -> Iterator[object]:
    if isinstance(annotation, str):
        yield from _evaluated(annotation, names)
    elif isinstance(annotation, typing.ForwardRef):
        module = annotation.__forward_module__
        known = _names_of(module if isinstance(module, str) else getattr(module, "__name__", None))
        yield from _evaluated(annotation.__forward_arg__, known or names)
    elif isinstance(annotation, typing.TypeVar):
        yield from (annotation.__bound__, *annotation.__constraints__)
    elif hasattr(annotation, "__value__"):  # an alias of a type statement
        yield annotation.__value__
        yield from getattr(annotation, "__args__", ())
    elif typing.get_origin(annotation) is not typing.Literal:
        yield typing.get_origin(annotation)
        yield from _flat(typing.get_args(annotation))
    else:
        yield from (type(value) for value in typing.get_args(annotation))


def _flat(parts: Iterable[object]) -> Iterator[object]:
    """Walk over arguments of an annotation; those of a callable are in a list."""
    for part in parts:
        if isinstance(part, list):
            yield from _flat(cast("list[object]", part))
        else:
            yield part


def _evaluated(text: str, names: dict[str, Any]) -> Iterator[object]:
    """Evaluate an annotation that is text, as ``typing.get_type_hints`` does. It is the program's own text."""
    try:
        yield eval(text, names, {})
    except Exception:  # noqa: BLE001  # a name that exists for type checkers only, or later
        return


def _names_of(module: str | None) -> dict[str, Any]:
    return dict(vars(sys.modules[module])) if module in sys.modules else {}


def _names_of_class(cls: type) -> dict[str, Any]:
    return {**_names_of(cls.__module__), cls.__name__: cls}
