"""Annotations of what is public can be read, although the package imports nothing for them."""

import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import hotset
import hotset.preview
import hotset.testing
import pytest


def functions_of(thing: Any) -> Iterator[FunctionType]:
    """The Python functions of a class, or the function itself."""
    found = [thing] if not isinstance(thing, type) else list(vars(thing).values())
    for value in found:
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if isinstance(function, FunctionType) and function.__module__.startswith("hotset"):
            yield function


def public() -> Iterator[tuple[str, Any]]:
    modules: list[ModuleType] = [hotset, hotset.preview, hotset.testing]
    for module in modules:
        for name in module.__all__:
            for number, function in enumerate(functions_of(getattr(module, name))):
                if not function.__name__.startswith("_") or function.__name__ in ("__init__", "__call__", "__enter__"):
                    yield f"{module.__name__}.{name}.{function.__name__}.{number}", function


PUBLIC = dict(public())


def test_there_is_something_to_read() -> None:
    assert len(PUBLIC) > 60
    for name in ("cache_result", "cache_result_many", "caches", "current_load"):
        assert any(name in known for known in PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_hints_and_signatures_are_resolved(name: str) -> None:
    function = PUBLIC[name]
    hints = typing.get_type_hints(function)
    assert not any(isinstance(hint, str) for hint in hints.values())
    signature = inspect.signature(function, eval_str=True)
    assert signature.return_annotation is inspect.Signature.empty or not isinstance(signature.return_annotation, str)
    for parameter in signature.parameters.values():
        assert not isinstance(parameter.annotation, str), parameter


@pytest.mark.parametrize(
    "read",
    [
        "typing.get_type_hints(hotset.cache_result)['options']",
        "inspect.signature(hotset.cache_result, eval_str=True).parameters['options'].annotation",
        "typing.get_type_hints(hotset.Cache.get_or_load)['return']",
        "inspect.signature(hotset.Cache.load_many, eval_str=True).return_annotation",
        "typing.get_type_hints(hotset.CircuitBreaker.__init__)",
    ],
)
def test_they_are_for_who_asks_first(read: str) -> None:
    script = f"import sys, hotset\nassert 'typing' not in sys.modules\nimport inspect, typing\nprint({read})"
    done = subprocess.run([sys.executable, "-S", "-c", _path() + script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


def _path() -> str:
    """Without `site`, which may import anything."""
    return f"import sys; sys.path[:0] = {sys.path!r}\n"


def test_classes_are_generic_as_written() -> None:
    assert typing.get_args(hotset.Cache[str, int]) == (str, int)
    for generic in (hotset.Batcher, hotset.CachedMany, hotset.cached_property):
        assert typing.get_origin(generic[int, str]) is generic  # type: ignore[index]

    class Users(hotset.Cache[str, int]):
        pass

    assert Users("users").get("nobody") is None
    assert hotset.Batcher[int, str](_load).__class__ is hotset.Batcher


async def _load(keys: list[int]) -> dict[int, str]:
    return dict.fromkeys(keys, "")
