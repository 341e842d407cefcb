"""A decorated function passes for what it wraps, to `inspect`, `typing`, `pickle`, `copy` and frameworks."""

import abc
import asyncio
import copy
import functools
import gc
import inspect
import pickle
import pydoc
import subprocess
import sys
import typing
import weakref
from collections.abc import Callable
from typing import Annotated, Any

import hotset
import pytest
from hotset import Cache, cache_result


class Session:
    """What a framework would inject."""


@cache_result(ttl="1h")
def load(user_id: int, /, page: int = 1, *rest: str, session: Annotated[Session | None, hotset.Ignore] = None) -> str:
    """Load a page of a user."""
    return f"{user_id}/{page}/{rest}"


@cache_result
async def load_later(user_id: int) -> str:
    """Load a user, later."""
    return str(user_id)


class Store:
    """Has methods of each kind."""

    def __repr__(self) -> str:
        return "Store()"

    @cache_result
    def get(self, key: "str", default: int = 0) -> list[int]:
        """Get a value."""
        return [default]

    @cache_result
    async def fetch(self, key: str) -> str:
        """Fetch a value."""
        return key

    @classmethod
    @cache_result
    def make(cls, size: int) -> str:
        """Make a store."""
        return f"{cls.__name__}{size}"

    @staticmethod
    @cache_result
    def check(size: int) -> int:
        """Check a size."""
        return size


shared: Cache[Any, Any] = Cache("introspection")
on_a_cache = shared.cache_result(load.uncached)
a_partial = cache_result(functools.partial(load.uncached, 7))
a_partial_of_a_coroutine_function = cache_result(functools.partial(load_later.uncached, 7))
STORE = Store()


# inspect and typing


@pytest.mark.parametrize("function", [load, on_a_cache], ids=["module", "cache"])
def test_the_signature_is_the_one_of_the_function(function: Any) -> None:
    assert inspect.signature(function) == inspect.signature(load.uncached)
    assert list(inspect.signature(function).parameters) == ["user_id", "page", "rest", "session"]


def test_the_signature_of_a_method_leaves_the_instance_out() -> None:
    assert str(inspect.signature(STORE.get)) == "(key: 'str', default: int = 0) -> list[int]"
    assert list(inspect.signature(Store.get).parameters) == ["self", "key", "default"]
    assert str(inspect.signature(Store.make)) == "(size: int) -> str"
    assert str(inspect.signature(STORE.check)) == "(size: int) -> int"


def test_the_signature_of_a_partial_is_what_it_leaves_open() -> None:
    assert inspect.signature(a_partial) == inspect.signature(functools.partial(load.uncached, 7))


@pytest.mark.parametrize("name", ["__name__", "__qualname__", "__module__", "__doc__", "__annotations__"])
@pytest.mark.parametrize("function", [load, load_later, Store.get, Store.fetch, STORE.get], ids=repr)
def test_the_name_the_text_and_the_annotations_are_those_of_the_function(function: Any, name: str) -> None:
    assert getattr(function, name) == getattr(function.uncached, name)


@pytest.mark.parametrize("name", ["__code__", "__defaults__", "__kwdefaults__", "__globals__", "__closure__"])
def test_the_inside_is_the_one_of_the_function(name: str) -> None:
    assert getattr(load, name) is getattr(load.uncached, name)


def test_what_it_wraps_can_be_reached_and_read() -> None:
    assert load.__wrapped__ is load.uncached
    assert inspect.unwrap(load) is load.uncached
    assert inspect.getsource(load).startswith('@cache_result(ttl="1h")\ndef load(')
    assert inspect.getdoc(load) == "Load a page of a user."


def test_type_hints_are_resolved_in_the_module_of_the_function() -> None:
    hints = {"user_id": int, "page": int, "rest": str, "session": Session | None, "return": str}
    assert typing.get_type_hints(load) == hints
    assert typing.get_type_hints(load, include_extras=True)["session"] == Annotated[Session | None, hotset.Ignore]
    assert typing.get_type_hints(STORE.get) == {"key": str, "default": int, "return": list[int]}


def test_help_shows_signature_and_text() -> None:
    text = pydoc.render_doc(load_later, renderer=pydoc.plaintext)
    assert "load_later(user_id: int) -> str\n    Load a user, later." in text
    of_the_class = pydoc.render_doc(Store, renderer=pydoc.plaintext)
    # From 3.14 on without the quotes.
    of_the_class = of_the_class.replace("key: 'str'", "key: str")
    for line in ("get(self, key: str, default: int = 0)", "Get a value.", "Make a store.", "check(size: int) -> int"):
        assert line in of_the_class


@pytest.mark.parametrize("is_coroutine_function", [inspect.iscoroutinefunction, asyncio.iscoroutinefunction])
@pytest.mark.filterwarnings("ignore:.*asyncio.iscoroutinefunction.*:DeprecationWarning")
def test_coroutine_functions_are_told_from_others(is_coroutine_function: Callable[[Any], bool]) -> None:
    for function in (load_later, Store.fetch, STORE.fetch):
        assert is_coroutine_function(function), function
    for function in (load, Store.get, STORE.get, Store.make, Store.check, a_partial):
        assert not is_coroutine_function(function), function


def test_a_partial_of_a_coroutine_function_is_a_coroutine_function() -> None:
    assert inspect.iscoroutinefunction(a_partial_of_a_coroutine_function.uncached)
    assert inspect.iscoroutinefunction(a_partial_of_a_coroutine_function)


@pytest.mark.parametrize("function", [load, load_later, STORE.get, STORE.fetch, Store.make], ids=repr)
def test_it_is_a_routine_and_no_generator_function(function: Any) -> None:
    assert inspect.isroutine(function)
    assert not inspect.isgeneratorfunction(function)
    assert not inspect.isasyncgenfunction(function)


def test_functools_wraps_on_top_keeps_everything() -> None:
    @functools.wraps(load)
    def logged(*args: Any, **kwargs: Any) -> str:
        return load(*args, **kwargs)

    assert inspect.signature(logged) == inspect.signature(load.uncached)
    assert (logged.__name__, logged.__doc__, logged.__wrapped__) == ("load", load.__doc__, load)
    assert logged(1) is load(1)


def test_an_abstract_method_stays_abstract() -> None:
    class Base(abc.ABC):
        @cache_result
        @abc.abstractmethod
        def under(self) -> int: ...

        @abc.abstractmethod
        @cache_result
        def over(self) -> int: ...

    assert Base.__abstractmethods__ == {"under", "over"}


# What a framework does with a dependency


def test_a_framework_finds_the_parameters_to_inject_and_calls_by_keyword() -> None:
    def parameters_of(dependency: Callable[..., Any]) -> dict[str, Any]:
        hints = typing.get_type_hints(dependency, include_extras=True)
        return {name: hints[name] for name in inspect.signature(dependency).parameters}

    async def solve(dependency: Callable[..., Any], values: dict[str, Any]) -> Any:
        assert set(parameters_of(dependency)) >= set(values)
        result = dependency(**values)
        return await result if inspect.iscoroutinefunction(dependency) else result

    assert parameters_of(load_later) == {"user_id": int}
    assert parameters_of(STORE.get) == {"key": str, "default": int}
    assert [asyncio.run(solve(load_later, {"user_id": 7})) for _ in range(2)] == ["7", "7"]
    assert asyncio.run(solve(STORE.get, {"key": "a", "default": 3})) == [3]
    assert {load: 1, load_later: 2}[load_later] == 2


# pickle, copy, weak references


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_pickled_by_reference(protocol: int) -> None:
    for function in (load, load_later, Store.get, Store.check):
        assert pickle.loads(pickle.dumps(function, protocol)) is function


def test_a_local_function_cannot_be_pickled_and_says_so() -> None:
    local = cache_result(lambda: 1)
    with pytest.raises((pickle.PicklingError, AttributeError), match="<lambda>"):
        pickle.dumps(local)


def test_a_method_of_an_object_is_pickled_with_the_object() -> None:
    again = pickle.loads(pickle.dumps(STORE.get))
    assert isinstance(again.__self__, Store)
    assert again.__func__ is Store.get
    assert again.__self__ is not STORE


def test_a_copy_is_the_function_itself() -> None:
    for function in (load, load_later, Store.get):
        assert copy.copy(function) is function
        assert copy.deepcopy(function) is function
        assert copy.deepcopy({"callback": [function]})["callback"][0] is function


def test_a_copy_of_a_method_of_an_object_is_a_method_of_an_object() -> None:
    assert copy.copy(STORE.get) == STORE.get
    again = copy.deepcopy(STORE.get)
    assert again.__func__ is Store.get
    assert isinstance(again.__self__, Store)
    assert again.__self__ is not STORE


def test_it_can_be_referred_to_weakly_and_is_collected() -> None:
    @cache_result
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)  # noqa: F821  # deleted below

    assert fibonacci(10) == 55
    reference = weakref.ref(fibonacci)
    del fibonacci
    gc.collect()
    assert reference() is None


def test_a_method_of_an_object_can_be_referred_to_by_a_weak_method() -> None:
    reference = weakref.WeakMethod(STORE.get)
    assert reference() == STORE.get


# Attributes and representation


def test_it_takes_attributes_as_a_function_does() -> None:
    def plain() -> None: ...

    plain.route = "/plain"  # type: ignore[attr-defined]
    f: Any = cache_result(plain)
    f.extra = [1]
    assert (f.route, f.__dict__["extra"]) == ("/plain", [1])
    assert not hasattr(plain, "extra")
    del f.extra
    assert not hasattr(f, "extra")
    with pytest.raises(AttributeError):
        f.uncached = plain


def test_the_representation_names_function_and_kind() -> None:
    assert repr(load) == f"<hotset.CachedFunction {__name__}.load>"
    assert repr(load_later) == f"<hotset.CachedCoroutineFunction {__name__}.load_later>"
    assert repr(STORE.get) == f"<hotset.CachedMethod {__name__}.Store.get of {STORE!r}>"


def test_methods_of_one_object_are_equal_and_hash_alike() -> None:
    assert STORE.get == STORE.get
    assert hash(STORE.get) == hash(STORE.get)
    assert STORE.get != Store().get
    assert STORE.get != STORE.fetch


def test_the_classes_can_be_written_with_parameters() -> None:
    alias = hotset.CachedFunction[[int], str]
    assert typing.get_origin(alias) is hotset.CachedFunction
    assert typing.get_args(alias) == ([int], str)
    assert typing.get_origin(hotset.CachedCoroutineFunction[[int], str]) is hotset.CachedCoroutineFunction
    assert typing.get_origin(hotset.CachedMethod[[int], str]) is hotset.CachedMethod
    assert isinstance(load, hotset.CachedFunction)
    assert not isinstance(load, hotset.CachedCoroutineFunction)
    assert isinstance(STORE.get, hotset.CachedMethod)


def test_nothing_of_inspect_is_imported_to_decorate() -> None:
    code = "import sys, hotset; hotset.cache_result(lambda x: x)(1); print('inspect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
