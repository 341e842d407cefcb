"""Places outside the process behind a cache: how they are named, opened, and spoken of when they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotset._core import BreakerVerbs, TierHandle, parse_bytes, seconds
from hotset._errors import TierError
from hotset._events.hooks import emit_named
from hotset._functions.spec import FunctionSpec
from hotset._tiers import own
from hotset._tiers.kinds import Own, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hotset._tiers.codecs import Codec, ErrorCodec
    from hotset._tiers.namespaces import Known

#: What ``tier=`` takes.
AnyTier: TypeAlias = "str | Tier | own.Tier"

_OUTAGE_TTL: Final = 5.0
_PATIENCE: Final = 0.25
_COMPRESS_FROM: Final = 1024
_ZSTD_LEVELS: Final = range(1, 23)


def tier_of(tier: AnyTier) -> Tier:
    """The tier that is meant by a URL, or itself."""
    if isinstance(tier, Tier):
        return tier
    if isinstance(tier, str) and tier.startswith(("disk:", "shm:")):
        from hotset._tiers.disk import of_url

        return of_url(tier)
    if not isinstance(tier, str) and own.is_own(tier):
        return Own(tier)
    raise TypeError(
        f"tier={tier!r}: write tier='disk:///var/cache/app', tier='shm://app', a tier, as in "
        "hotset.preview.Disk(path), or an object with get(), put() and remove(), as hotset.preview.Tier says"
    )


class Settings:
    """What a cache is told of its tier. Read once by the compiled half."""

    #: Stands in keys of calls between positional and keyword arguments.
    keywords = FunctionSpec.mark

    def __init__(self, name: str | None, tier: AnyTier, given: Mapping[str, Any]) -> None:
        if not name:
            raise ValueError(
                "a cache with a tier needs a name, under which its entries are found again: Cache('users', tier=...)"
            )
        self.namespace = name
        #: The functions that keep their results there, by name.
        self.functions: dict[str, Known] = {}
        self._tier = tier_of(tier)
        self.handle = self._tier._open()
        self._is_default = given.get("codec", "hotset") == "hotset"
        self._types = _types(given.get("types", ()))
        self.codec = _codec(given.get("codec", "hotset"), self._types)
        self.errors = _error_codec(self.codec, self._types)
        self.compression, self.level = _compression(given.get("compression"))
        self.compress_from = parse_bytes("compress_from", given.get("compress_from", _COMPRESS_FROM))
        self.secrets = _secrets(given.get("secret"))
        self.encrypts = bool(given.get("encrypt", False))
        if self.encrypts and not self.secrets:
            raise ValueError("encrypt=True needs a secret to encrypt with: secret=os.environ['CACHE_SECRET']")
        if getattr(self.codec, "needs_signature", False) and not self.secrets:
            raise ValueError(
                "pickle runs code that is in the bytes it reads: give a secret too, so that only what was written with "
                "it is read"
            )
        self.memory_ttl = seconds("memory_ttl", given.get("memory_ttl"))
        self.outage_ttl = seconds("outage_ttl", given.get("outage_ttl", _OUTAGE_TTL))
        self.max_life = seconds("max_life", given.get("max_life"))
        self.patience = seconds("patience", given.get("patience", _PATIENCE))
        self.breaker = _breaker(given.get("breaker"))
        self.strict = bool(given.get("strict", False))
        self.raises = _raises(given.get("on_error", "count"))
        _tell_how_it_was_opened(name, self.handle, self.raises)

    def described(self) -> list[str]:
        """What the representation of a cache says of its tier: never a secret."""
        said = [f"tier={self._tier!r}"]
        if not self._is_default:
            said.append(f"codec={getattr(self.codec, 'name', None) or type(self.codec).__name__}")
        if self.compression is not None:
            said.append(f"compression={self.compression}")
        said += [f"{name}={value:g}s" for name in ("memory_ttl", "max_life") if (value := getattr(self, name))]
        if self.secrets:
            said.append("encrypted" if self.encrypts else "signed")
        return said

    def codec_for(self, function: Callable[..., Any]) -> Any:
        """The codec of a function's results, None for that of the cache: the default one may rebuild what the function
        says that it returns."""
        from hotset._values.annotations import known_from_function

        known: set[type] = known_from_function(function) if self._is_default else set()
        return _codec("hotset", (*self._types, *known)) if known else None


def _tell_how_it_was_opened(cache: str, handle: TierHandle, raises: bool) -> None:
    """A tier that is not as it should be is told of before it is used."""
    # What was said of another tier of a cache of this name is no news of this one.
    _failing.difference_update([key for key in _failing if key[0] == cache])
    if handle.away is not None:
        failed(cache, "be opened", "away", handle.away, raises)
    if handle.damage is not None:
        emit_named("StoreDamaged", cache, handle.damage)


def _codec(codec: Any, types: Iterable[type]) -> Codec:
    from hotset._tiers.codecs import codec_of

    return codec_of(codec, types)


def _types(given: Any) -> tuple[type, ...]:
    """Classes that may be rebuilt."""
    if isinstance(given, type | str):
        raise TypeError(f"types={given!r}: name several classes, as in types=[User]")
    return tuple(given)


def _error_codec(codec: Any, types: Iterable[type]) -> ErrorCodec:
    from hotset._tiers.codecs import ErrorCodec

    return ErrorCodec(codec, types)


def _compression(given: Any) -> tuple[str | None, int]:
    """The name of a compression, and its level."""
    match given:
        case None | "lz4" | "zstd":
            return given, 0
        case ("zstd", int(level)) if level in _ZSTD_LEVELS:
            return "zstd", level
        case _:
            raise ValueError(
                f"compression={given!r}: write 'lz4', 'zstd', or ('zstd', level) with a level from 1 to 22"
            )


def _secrets(given: Any) -> list[bytes]:
    """Secrets as bytes, of which the first seals and all open."""
    if given is None:
        return []
    secrets: list[Any] = [*given] if isinstance(given, list | tuple) else [given]  # pyright: ignore[reportUnknownVariableType]
    if not secrets:
        raise ValueError(f"secret={given!r}: give one at least, or None for values that are not signed")
    for secret in secrets:
        if not isinstance(secret, str | bytes):
            raise TypeError(f"secret= takes bytes or a str, or several, not a {type(secret).__name__}")
    return [secret.encode() if isinstance(secret, str) else secret for secret in secrets]


def _raises(given: Any) -> bool:
    if given not in ("count", "raise"):
        raise ValueError(f"on_error={given!r}: write 'count' or 'raise'")
    return bool(given == "raise")


def _breaker(given: Any) -> BreakerVerbs | Literal[False] | None:
    """What says when the tier is left alone, False for never."""
    if given is None or given is False or isinstance(given, BreakerVerbs):
        return given
    raise TypeError(
        f"breaker={given!r}: write hotset.CircuitBreaker(...), whose options count, or False to ask the tier always"
    )


def outside_name(name: str | None, function: Callable[..., Any], version: object) -> str:
    """What a function is called where other processes see it.

    Raises:
        ValueError: it has no name of its own there.
    """
    qualified = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", None)
    if name is None:
        if not qualified or not module or module == "__main__" or "<" in qualified:
            shown = f"{module}.{qualified}" if qualified else repr(function)
            raise ValueError(
                f"{shown} has no name that other processes know it by: give it one, as in cache_result(name='user')"
            )
        name = f"{module}.{qualified}"
    return name if version is None else f"{name}@{version!r}"


#: Caches whose tier did not do what it was asked: whether that was to store something, and why.
_failing: set[tuple[str, bool, str]] = set()


def failed(cache: str, what: str, kind: str, reason: str, raises: bool) -> None:
    """A tier has not done what it was asked."""
    if raises:
        raise TierError(f"cache {cache!r} cannot {what}: {reason}")
    key = cache, what == "store", kind
    is_first = key not in _failing and not _is_out(cache)
    _failing.add(key)
    emit_named("TierFailed", cache, what, kind, reason, is_first)


def recovered(cache: str, accessible: bool, storing: bool) -> None:
    """A tier answers again, or stores again."""
    was_out = _is_out(cache)
    _failing.difference_update({key for key in _failing if key[0] == cache and (storing if key[1] else accessible)})
    if was_out and not _is_out(cache):
        emit_named("TierRecovered", cache)


def _is_out(cache: str) -> bool:
    """Whether that was said already; that a tier was busy for once says nothing of other calls."""
    return any(name == cache and kind != "busy" for name, _, kind in _failing)


def unencodable(name: str, error: Exception) -> None:
    """What a function returned cannot be kept outside the process."""
    is_first = (key := (name, True, "encode")) not in _failing
    _failing.add(key)
    emit_named("ValueNotEncodable", name, error, is_first)


#: Caches whose codec, which somebody wrote, has raised while it read, with the class that it raised.
_undecoded: set[tuple[str, type[Exception]]] = set()


def undecodable(cache: str, error: Exception) -> None:
    """A codec that somebody wrote cannot read what is stored."""
    is_first = (key := (cache, type(error))) not in _undecoded
    _undecoded.add(key)
    emit_named("ValueNotDecodable", cache, error, is_first)


def explained(name: str, part: str, error: Exception) -> Exception:
    """What is raised where an argument cannot be part of a key that leaves the process."""
    return TypeError(
        f'{name}() cannot be cached in a tier: its argument "{part}" cannot be part of a key ({error}). Leave it out '
        f'with ignore=["{part}"], or say what it stands for with key='
    )
