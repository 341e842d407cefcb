"""Options: each is declared once, and whoever takes it knows it by that."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from hotset import MISSING, Cache, _options, cache_result, cache_result_many, cached_property
from hotset._loading.call_options import CallOptions
from hotset._loading.policy import USUAL, LoadPolicy


def test_what_is_declared_of_loads_is_what_their_policy_takes() -> None:
    taken = LoadPolicy.__init__.__kwdefaults__
    assert taken is not None and set(taken) == set(_options.LOADS) == set(USUAL.options())


def test_what_is_declared_of_callers_is_what_they_may_say() -> None:
    assert set(CallOptions.__slots__) == set(_options.names_of(_options.CallTerms))


@pytest.mark.parametrize("name", _options.LIFESPANS)
def test_what_is_declared_of_lifespans_is_known_below(name: str) -> None:
    cache: Cache[str, str] = Cache(**{name: MISSING})  # type: ignore[misc]
    cache.cache_result(**{name: MISSING})(len)
    with pytest.raises((TypeError, ValueError), match=name):
        Cache(**{name: "no such value"})  # type: ignore[misc]


def documented(function: Callable[..., Any]) -> set[str]:
    """The names of what a docstring explains."""
    arguments = (inspect.getdoc(function) or "").partition("Args:")[2].partition("Raises:")[0]
    return set(re.findall(r"^    (\w+): ", arguments, re.MULTILINE)) | set(re.findall(r"``(\w+)``", arguments))


@pytest.mark.parametrize(
    ("function", "declared"), [(cache_result, _options.DecoratorOptions), (cache_result_many, _options.ManyOptions)]
)
def test_what_a_decorator_takes_it_explains(function: Callable[..., Any], declared: type) -> None:
    unexplained = set(_options.names_of(declared)) - documented(function)
    # Of a tier, which a cache of its own has not.
    assert unexplained - {"lease"} == set()


@pytest.mark.parametrize("taker", [cache_result, Cache().cache_result, cache_result_many, cached_property])
def test_what_there_is_not_is_said_with_what_may_be_meant(taker: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="has no option 'graze': did you mean 'grace'"):
        taker(graze=1)(lambda keys: keys)
    with pytest.raises(TypeError, match="has no option 'zzz', only "):
        taker(zzz=1)(lambda keys: keys)
    with pytest.raises(TypeError, match="codec= is for a cache with a tier"):
        taker(codec="json")(lambda keys: keys)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("verb", ["get_or_load", "get_entry", "load_many"])
@pytest.mark.parametrize("face", ["cache", "cache.aio"])
def test_a_verb_says_so_whether_or_not_there_is_something(verb: str, stored: bool, face: str) -> None:
    cache: Cache[Any, Any] = Cache()
    if stored:
        cache["a"] = 1
    call = getattr(cache if face == "cache" else cache.aio, verb)

    def use() -> None:
        found = call(["a"] if verb == "load_many" else "a", lambda _: {"a": 2}, tll=1)
        found.send(None)

    with pytest.raises(TypeError, match=re.escape(f"{verb}() has no option 'tll': did you mean 'ttl'")):
        use()
    assert cache.get("a") == (1 if stored else None)


def test_what_is_not_given_leaves_a_verb_as_it_was() -> None:
    cache: Cache[str, int] = Cache(ttl="1h")
    assert cache.get_or_load("a", lambda _: 1, ttl=MISSING, grace=MISSING, idle=MISSING, tags=None) == 1
    entry = cache.get_entry("a")
    assert entry is not None and entry.fresh_for is not None and 3500 < entry.fresh_for <= 3600
