"""Codecs: how values look outside the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast, overload, runtime_checkable

from hotset._core import ValueCodec
from hotset._errors import NotDecodableError, NotEncodableError, not_encodable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T", bound=type)

#: What an envelope says of a codec that somebody wrote.
OWN_ID: Final = 255

#: How many lists and dicts may lie in each other in JSON and MessagePack.
MOST_LEVELS: Final = 200


@runtime_checkable
class Codec(Protocol):
    """What makes bytes of values, and values of bytes. ``name``, ``id`` and ``needs_signature`` are not asked for."""

    def encode(self, value: Any, /) -> bytes: ...
    def decode(self, data: bytes, /) -> Any: ...


class JsonCodec:
    """JSON, by the standard library: dicts with texts as keys, lists, texts, numbers, True, False and None.

    What would come back as something else raises, as tuples and other keys would.
    """

    name = "json"
    id = 2
    needs_signature = False

    def encode(self, value: Any, /) -> bytes:
        import json

        _check_plain(value, "value", (bool, int, float, str))
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def decode(self, data: bytes, /) -> Any:
        import json

        try:
            return json.loads(bytes(data).decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise NotDecodableError(str(error)) from error


class MsgpackCodec:
    """MessagePack, by ``msgspec``: what JSON has, and bytes. Integers have 64 bits."""

    name = "msgpack"
    id = 3
    needs_signature = False

    def __init__(self) -> None:
        try:
            import msgspec
        except ImportError:
            raise ImportError('codec="msgpack" needs msgspec: pip install "hotset[msgpack]"') from None
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(strict=True)
        self._errors = (msgspec.MsgspecError, ValueError, RecursionError)

    def encode(self, value: Any, /) -> bytes:
        _check_plain(value, "value", (bool, int, float, str, bytes))
        try:
            return self._encoder.encode(value)
        except (OverflowError, UnicodeEncodeError, *self._errors) as error:
            raise NotEncodableError(f"value is not encoded: {error}") from error

    def decode(self, data: bytes, /) -> Any:
        try:
            return self._decoder.decode(data)
        except self._errors as error:
            raise NotDecodableError(str(error)) from error


class RawCodec:
    """Bytes as they are, and nothing else."""

    name = "raw"
    id = 4
    needs_signature = False

    def encode(self, value: Any, /) -> bytes:
        if type(value) is not bytes:
            raise not_encodable("value", value.__class__, 'codec="raw" stores bytes only')
        return value

    def decode(self, data: bytes, /) -> Any:
        return bytes(data)


class PickleCodec:
    """Pickle. Reading one can run any code, so it is read only from those who know a signing key."""

    name = "pickle"
    id = 5
    needs_signature = True

    def encode(self, value: Any, /) -> bytes:
        import pickle

        return pickle.dumps(value, protocol=5)

    def decode(self, data: bytes, /) -> Any:
        import pickle

        try:
            return pickle.loads(data)
        except Exception as error:
            raise NotDecodableError(f"{type(error).__name__}: {error}") from error


class OwnCodec:
    """A codec that somebody wrote."""

    id = OWN_ID

    def __init__(self, codec: Codec) -> None:
        self.name: str = getattr(codec, "name", type(codec).__name__)
        self.needs_signature = bool(getattr(codec, "needs_signature", False))
        self.encode = codec.encode
        self.decode = codec.decode


class ErrorCodec:
    """How a cache writes down exceptions: as the default codec does, unless its own may know them too."""

    def __init__(self, codec: Any, types: Iterable[type]) -> None:
        self._types = set(types)
        self._codec: Any = codec if isinstance(codec, PickleCodec | OwnCodec) else ValueCodec(types=self._types)
        self.id: int = self._codec.id

    def know(self, classes: Iterable[type]) -> None:
        """Have exceptions of these classes written and read."""
        if not self._types.issuperset(classes):
            self._types.update(classes)
            if isinstance(self._codec, ValueCodec):
                self._codec = ValueCodec(types=self._types)

    def encode(self, error: BaseException, /) -> bytes:
        return self._codec.encode(error)  # type: ignore[no-any-return]

    def decode(self, data: bytes, /) -> Exception:
        error = self._codec.decode(data)
        if not isinstance(error, Exception):
            raise NotDecodableError(f"a {type(error).__qualname__} is stored where an exception should be")
        return error


AnyCodec = ValueCodec | JsonCodec | MsgpackCodec | RawCodec | PickleCodec | OwnCodec

_CODECS: dict[str, Callable[[], AnyCodec]] = {
    "json": JsonCodec,
    "msgpack": MsgpackCodec,
    "raw": RawCodec,
    "pickle": PickleCodec,
}


def codec_of(codec: str | Codec, types: Iterable[type] = ()) -> AnyCodec:
    """Return the codec of a name, or one that somebody wrote, as what a tier works with.

    ``types`` are classes that the default codec may rebuild. Raises ValueError or TypeError for what is no codec.
    """
    if codec == "hotset":
        return ValueCodec(types=types)
    if isinstance(codec, str):
        if codec not in _CODECS:
            raise ValueError(f"codec={codec!r}: write 'hotset', {', '.join(map(repr, _CODECS))}, or an object")
        return _CODECS[codec]()
    if isinstance(codec, AnyCodec):
        return codec
    if isinstance(codec, type) or not all(callable(getattr(codec, name, None)) for name in ("encode", "decode")):
        raise TypeError(f"codec={codec!r}: give it a name, or an object with encode(value) and decode(data)")
    return OwnCodec(codec)


@overload
def register_type(
    cls: _T,
    *,
    name: str | None = None,
    encode: Callable[[Any], object] | None = None,
    decode: Callable[[Any], object] | None = None,
    fields: Iterable[str] | None = None,
) -> _T: ...
@overload
def register_type(
    *,
    name: str | None = None,
    encode: Callable[[Any], object] | None = None,
    decode: Callable[[Any], object] | None = None,
    fields: Iterable[str] | None = None,
) -> Callable[[_T], _T]: ...
def register_type(
    cls: Any = None,
    *,
    name: str | None = None,
    encode: Callable[[Any], object] | None = None,
    decode: Callable[[Any], object] | None = None,
    fields: Iterable[str] | None = None,
) -> Any:
    """Let the default codec rebuild objects of exactly this class, and of those that its fields name.

    Dataclasses, attrs classes, msgspec structs, pydantic models, named tuples, enumerations and exceptions need no
    more. Of another class, ``fields`` are the names of its attributes; or ``encode`` makes of an object something that
    can be encoded, and ``decode`` makes it of that again.

    Args:
        cls: The class. Without it, a decorator is returned.
        name: What it is known as in stored bytes: module and qualified name, unless it is said here.
        encode: Called with an object.
        decode: Called with what ``encode`` returned.
        fields: Names of attributes.

    Raises:
        TypeError: Nobody knows what its objects are made of.
        ValueError: Another class has this name.
    """

    def register(cls: Any) -> Any:
        from hotset._values import known

        known.register(cls, name, encode, decode, fields)
        return cls

    return register if cls is None else register(cls)


def _check_plain(value: Any, path: str, scalars: tuple[type, ...]) -> None:
    """Refuse what would come back as something else than it is."""
    cls: Any = value.__class__
    if value is None or cls in scalars:
        return
    steps: Iterable[tuple[Any, Any]]
    if cls is list:
        steps = enumerate(cast("list[Any]", value))
    elif cls is dict and all(type(key) is str for key in value):
        steps = cast("dict[Any, Any]", value).items()
    else:
        raise not_encodable(path, cls, "it would come back as something else, or not at all: use the default codec")
    if path.count("[") > MOST_LEVELS:
        raise not_encodable("value", cls, f"it lies more than {MOST_LEVELS} levels deep")
    for step, item in steps:
        _check_plain(item, f"{path}[{step!r}]", scalars)
