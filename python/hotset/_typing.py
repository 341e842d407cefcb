"""What the package needs of :mod:`typing`, :mod:`types`, :mod:`functools` and :mod:`collections.abc` when it is
imported, without these modules, which take long to import.

Type checkers see the real ones. Names that only annotations need are imported where :data:`TYPE_CHECKING` is true;
who asks for the annotations of something public has that done then (:func:`lend_hints`).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, ValuesView
    from functools import partial
    from types import FunctionType, GenericAlias, GetSetDescriptorType, MemberDescriptorType, ModuleType
    from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, cast, overload

    __all__ = [
        "TYPE_CHECKING",
        "FunctionType",
        "Generic",
        "GetSetDescriptorType",
        "ItemsView",
        "Mapping",
        "MemberDescriptorType",
        "ModuleType",
        "MutableMapping",
        "ParamSpec",
        "TypeVar",
        "TypedDict",
        "ValuesView",
        "cast",
        "lend_hints",
        "overload",
        "partial",
    ]
else:
    # They are in there, and the interpreter has that imported. `collections.abc` comes with all of `collections`.
    from _collections_abc import ItemsView, Mapping, MutableMapping, ValuesView
    from _functools import partial

    ModuleType, GenericAlias, FunctionType = type(sys), type(list[int]), type(lambda: None)
    GetSetDescriptorType, MemberDescriptorType = type(FunctionType.__code__), type(FunctionType.__globals__)

    class _Parameter:
        """A parameter of a type, until somebody wants the real one."""

        def __init__(self, kind, name, options):
            self.kind, self.name, self.options = kind, name, options

        def real(self):
            import typing

            return getattr(typing, self.kind)(self.name, **self.options)

    def TypeVar(name, **options):  # noqa: N802  # it stands for a class
        return _Parameter("TypeVar", name, options)

    def ParamSpec(name):  # noqa: N802  # as above
        return _Parameter("ParamSpec", name, {})

    class _Subscriptable:
        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)

    class Generic:
        """``class Box(Generic[T])`` can be subscripted."""

        def __class_getitem__(cls, _parameters):
            return _Subscriptable

    class TypedDict:
        """A class of it has annotations, and nothing else."""

        def __init_subclass__(cls, total=True):
            pass

    def cast(_kind, value):
        return value

    def overload(function):
        return function


class _Annotations(dict[str, "Any"]):
    """Annotations as texts, whose names are there as soon as somebody reads them."""

    __slots__ = ("_module",)

    def __init__(self, annotations: dict[str, Any], module: str) -> None:
        super().__init__(annotations)
        self._module = module

    def __iter__(self) -> Iterator[str]:
        _resolve(self._module)
        return super().__iter__()

    def __getitem__(self, name: str) -> Any:
        _resolve(self._module)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        _resolve(self._module)
        return super().get(name, default)

    def keys(self) -> Any:
        _resolve(self._module)
        return super().keys()

    def items(self) -> Any:
        _resolve(self._module)
        return super().items()

    def values(self) -> Any:
        _resolve(self._module)
        return super().values()

    def copy(self) -> dict[str, Any]:
        _resolve(self._module)
        return super().copy()


#: Modules whose names for annotations are there.
_resolved: set[str] = set()


def _resolve(name: str) -> None:
    """Bring the names that only annotations of a module need: runs what it has under ``if TYPE_CHECKING``."""
    if name in _resolved:
        return
    _resolved.add(name)
    import ast
    import inspect
    from importlib import import_module

    module = sys.modules[name]
    try:
        source = inspect.getsource(module)
    except (OSError, TypeError):
        # Where the sources are not, the names that only annotations need are not either.
        return
    for statement in ast.parse(source).body:
        match statement:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=block, orelse=[]):
                for wanted in block:
                    # What another module has for annotations only is to be there too.
                    if isinstance(wanted, ast.ImportFrom) and f"{wanted.module}.".startswith("hotset."):
                        theirs = import_module(wanted.module or "")
                        if not all(hasattr(theirs, alias.name) for alias in wanted.names):
                            _resolve(theirs.__name__)
                code = compile(ast.Module(block, []), module.__file__ or name, "exec", flags=_FUTURE, dont_inherit=True)
                exec(code, module.__dict__)  # it is the module's own
            case _:
                pass
    for own, value in list(module.__dict__.items()):
        if type(value).__name__ == "_Parameter":
            module.__dict__[own] = value.real()


#: Of ``from __future__ import annotations``, which all modules of the package begin with.
_FUTURE = 0x1000000


def lend_hints(public: Iterable[object]) -> None:
    """Have the annotations of these functions, and of the methods of these classes, be read as they are meant."""
    for thing in public:
        if isinstance(thing, type):
            for value in list(vars(thing).values()):
                function = getattr(value, "fget", None) or getattr(value, "__func__", value)
                _lend(function)
        else:
            _lend(thing)


def _lend(function: object) -> None:
    if isinstance(function, FunctionType) and function.__module__.partition(".")[0] == "hotset":
        annotations = function.__annotations__
        if annotations and not isinstance(annotations, _Annotations):
            function.__annotations__ = _Annotations(annotations, function.__module__)
