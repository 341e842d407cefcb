"""What is to be known of a function to cache its results, found out once when it is decorated."""

from __future__ import annotations

from hotset._core import MISSING
from hotset._functions.tags import compile_tags
from hotset._options import LIFESPANS
from hotset._typing import TYPE_CHECKING, FunctionType, partial

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from hotset._loading.policy import LoadPolicy
    from hotset._options import FunctionOptions

# Flags of code objects, from the documentation of `inspect`; the module itself takes longer to import than all of
# hotset.
_TAKES_ARGS = 0x04
_TAKES_KWARGS = 0x08
_GENERATOR = 0x20
_COROUTINE = 0x80
_ITERABLE_COROUTINE = 0x100
_ASYNC_GENERATOR = 0x200


class Ignore:
    """Marks a parameter that is not part of the key: ``session: Annotated[Session, hotset.Ignore]``."""


class FunctionSpec:
    """A function's parameters, and what the user wants of its results. Read once by the compiled half."""

    #: Stands for the default of a parameter that has none.
    absent = MISSING
    #: Stands in keys between positional and keyword arguments.
    mark = object()

    def __init__(
        self,
        function: Callable[..., Any],
        options: FunctionOptions,
        load_policy: LoadPolicy,
        *,
        shares_cache: bool,
    ) -> None:
        given: Any = options.get
        key = given("key")
        _refuse_generators(function)
        parameters = _Parameters.of(function)
        self.names = parameters.names
        self.positional_only = parameters.positional_only
        self.positional = parameters.positional
        self.defaults = parameters.defaults
        ignored = _ignored(function, parameters, given("ignore", ()))
        self.kept = [name not in ignored for name in parameters.names]
        self.takes_args = parameters.args is not None
        self.takes_kwargs = parameters.kwargs is not None
        self.keeps_args = self.takes_args and parameters.args not in ignored
        self.keeps_kwargs = self.takes_kwargs and parameters.kwargs not in ignored
        #: What frameworks look at: the function beneath a partial, or the function itself where it has code of its own.
        self.innermost = function if hasattr(function, "__code__") else _innermost(function)
        written = isinstance(function, FunctionType)
        self.is_method = written and parameters.names[:1] == ["self"] and key is None and "self" not in ignored
        parent = getattr(function, "__qualname__", "").rpartition(".")[0]
        in_class = bool(parent) and not parent.endswith("<locals>")
        self.expects_class = in_class and parameters.names[:1] == ["cls"]
        self.is_coroutine = is_coroutine_function(function)
        self.typed = _flag("typed", given("typed", True))
        #: What is said of how long results live; a function of the result gives their ttl.
        self.lifespan = {name: options[name] for name in LIFESPANS if name in options}  # type: ignore[literal-required]
        self.load_policy = load_policy
        self.negative_ttl = given("negative_ttl")
        self.is_negative = _callable("is_negative", given("is_negative"), "a function of the result")
        if self.is_negative is not None and self.negative_ttl is None:
            raise ValueError(
                "is_negative says which results negative_ttl is for: give that too, as in negative_ttl='10s'"
            )
        tags = given("tags")
        self.tags = None if tags is None else compile_tags(function, tags, parameters)
        #: Only a function of the user's is asked once, and with the result.
        self.tags_need_result = callable(tags)
        self.should_cache = _callable(
            "should_cache", given("should_cache"), "a function of the result and the seconds it took"
        )
        self.key = _callable("key", key, "a function of the arguments")
        self.name = given("name") or name_of(function)
        self.version = given("version")
        #: Whether its results are kept among others', in a cache that may outlive it.
        self.shares_cache = shares_cache
        #: What other processes know it by, where they share its results.
        self.outside: str | None = None
        #: How its results become bytes there, None if as the cache has it.
        self.codec: object = None


class _Parameters:
    """The parameters of a function, by kind."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.positional_only = 0
        self.positional = 0
        self.defaults: list[object] = []
        self.args: str | None = None
        self.kwargs: str | None = None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> _Parameters:
        if isinstance(function, FunctionType) and not _only_passes_on(function):
            return cls._from_code(function)
        import inspect

        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            anything = cls()
            anything.args, anything.kwargs = "args", "kwargs"
            return anything
        return cls._from_signature(signature)

    @classmethod
    def _from_code(cls, function: FunctionType) -> _Parameters:
        self, code = cls(), function.__code__
        total = code.co_argcount + code.co_kwonlyargcount
        self.names = list(code.co_varnames[:total])
        self.positional_only, self.positional = code.co_posonlyargcount, code.co_argcount
        positional_defaults = function.__defaults__ or ()
        absent = [MISSING] * (code.co_argcount - len(positional_defaults))
        keyword_defaults = function.__kwdefaults__ or {}
        self.defaults = [*absent, *positional_defaults]
        self.defaults += [keyword_defaults.get(name, MISSING) for name in self.names[code.co_argcount :]]
        rest = list(code.co_varnames[total:])
        if code.co_flags & _TAKES_ARGS:
            self.args = rest.pop(0)
        if code.co_flags & _TAKES_KWARGS:
            self.kwargs = rest.pop(0)
        return self

    @classmethod
    def _from_signature(cls, signature: inspect.Signature) -> _Parameters:
        self = cls()
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                self.args = parameter.name
            elif parameter.kind is parameter.VAR_KEYWORD:
                self.kwargs = parameter.name
            else:
                self.names.append(parameter.name)
                self.defaults.append(MISSING if parameter.default is parameter.empty else parameter.default)
                self.positional_only += parameter.kind is parameter.POSITIONAL_ONLY
                self.positional += parameter.kind is not parameter.KEYWORD_ONLY
        return self

    def bind(self, args: Sequence[object], kwargs: dict[str, object]) -> dict[str, object]:
        """The arguments of a call that fits, by name."""
        bound = dict(zip(self.names, self.defaults, strict=True))
        bound.update(zip(self.names[: self.positional], args, strict=False))
        extra = {name: value for name, value in kwargs.items() if name not in self.names[self.positional_only :]}
        bound.update((name, value) for name, value in kwargs.items() if name not in extra)
        if self.args is not None:
            bound[self.args] = tuple(args[self.positional :])
        if self.kwargs is not None:
            bound[self.kwargs] = extra
        return bound


def _only_passes_on(function: FunctionType) -> bool:
    """Whether a function is a wrapper that takes anything, so that what it wraps knows the parameters."""
    code = function.__code__
    takes_anything = code.co_flags & _TAKES_ARGS and code.co_flags & _TAKES_KWARGS
    return bool(takes_anything) and code.co_argcount == 0 and hasattr(function, "__wrapped__")


def _innermost(function: Callable[..., Any]) -> Any:
    """The function beneath partials, methods and callables."""
    current: Any = function
    while True:
        if isinstance(current, partial):
            current = current.func
        elif hasattr(current, "__func__"):
            current = current.__func__
        elif hasattr(current, "__code__") or isinstance(current, type) or not callable(current):
            return current
        else:
            call: Any = current.__class__.__call__
            if not hasattr(call, "__code__"):
                return current
            current = call


def _flags(function: Callable[..., Any]) -> int:
    code = getattr(_innermost(function), "__code__", None)
    return getattr(code, "co_flags", 0)


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether a call returns something to await, as far as can be told before."""
    if _flags(function) & (_COROUTINE | _ITERABLE_COROUTINE):
        return True
    if isinstance(function, FunctionType) and not hasattr(function, "_is_coroutine_mark"):
        return False
    import inspect

    return inspect.iscoroutinefunction(function)


def is_generator_function(function: Callable[..., Any]) -> bool:
    """Whether a call returns a generator, async or not."""
    flags = _flags(function)
    return bool(flags & (_GENERATOR | _ASYNC_GENERATOR)) and not flags & _ITERABLE_COROUTINE


def _refuse_generators(function: Callable[..., Any]) -> None:
    flags = _flags(function)
    if flags & _ASYNC_GENERATOR:
        kind, instead = "an async generator", "return [item async for item in ...]"
    elif flags & _GENERATOR and not flags & _ITERABLE_COROUTINE:
        kind, instead = "a generator", "return list(...)"
    else:
        return
    raise TypeError(
        f"{name_of(function)} is {kind} function, and what it yields can be read only once: cache a function that "
        f"collects the items instead ({instead})"
    )


def _ignored(function: Callable[..., Any], parameters: _Parameters, ignore: Iterable[str]) -> set[str]:
    if isinstance(ignore, str):
        raise TypeError(f"ignore={ignore!r}: write a list of parameter names, as in ignore=[{ignore!r}]")
    names = [*parameters.names, *(name for name in (parameters.args, parameters.kwargs) if name)]
    ignored = set(ignore)
    unknown = sorted(ignored.difference(names), key=str)
    if unknown:
        raise ValueError(
            f"ignore={unknown!r}: {name_of(function)} has no such parameter, only {', '.join(names) or 'none'}"
        )
    return ignored | _marked(function)


def _marked(function: Callable[..., Any]) -> set[str]:
    """Parameters that are annotated with :class:`Ignore`."""
    annotations = _annotations(_innermost(function))
    marked = {name for name, annotation in annotations.items() if _mentions_ignore(annotation)}
    texts = {name for name, annotation in annotations.items() if isinstance(annotation, str) and "Ignore" in annotation}
    return marked | (_marked_by_text(function, texts) if texts else set())


def _annotations(function: Any) -> dict[str, Any]:
    try:
        return getattr(function, "__annotations__", None) or {}
    except NameError:  # Python 3.14 evaluates annotations late, and a name may exist for type checkers only
        import annotationlib  # type: ignore[import-not-found, unused-ignore]

        return annotationlib.get_annotations(function, format=annotationlib.Format.STRING)  # type: ignore[no-any-return]


def _mentions_ignore(annotation: object) -> bool:
    metadata = getattr(annotation, "__metadata__", ())
    return any(item is Ignore or isinstance(item, Ignore) for item in metadata)


def _marked_by_text(function: Callable[..., Any], names: set[str]) -> set[str]:
    """Of annotations that are texts, those that mean :class:`Ignore`; by the text itself where a name is unknown."""
    import typing

    try:
        hints = typing.get_type_hints(_innermost(function), include_extras=True)
    except Exception:  # noqa: BLE001  # evaluating somebody's annotations can raise anything
        return names
    return {name for name in names if _mentions_ignore(hints.get(name))}


def name_of(function: Callable[..., Any]) -> str:
    """Module and qualified name of a function, or of the class of a callable."""
    innermost = _innermost(function)
    named: Any = innermost if hasattr(innermost, "__qualname__") else innermost.__class__
    return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"


def signature_of_method(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a function without its first parameter."""
    import inspect

    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _callable(name: str, value: Any, meaning: str) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name}={value!r}: write {meaning}")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: write True or False")
    return value
