"""Codecs by name, and those that users write: one suite for all."""

from __future__ import annotations

from typing import Any

import pytest
from hotset import MISSING, Cache
from hotset._tiers import namespaces, settings
from hotset._tiers.codecs import OWN_ID, AnyCodec, codec_of
from hotset._tiers.kinds import Heap
from hotset.preview import CodecError, NotDecodableError, NotEncodableError, ValueCodec

PLAIN: Any = {"a": [1, -2, 1.5, True, None, "ä", {"b": []}], "": {}}
NAMES = ["hotset", "json", "msgpack", "raw", "pickle"]


class Reversed:
    """A codec of a user's."""

    def encode(self, value: Any) -> bytes:
        return str(value).encode()[::-1]

    def decode(self, data: bytes) -> Any:
        return data[::-1].decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_codec_has_a_name_and_a_number_that_stays(name: str) -> None:
    codec = codec_of(name)
    assert (codec.name, codec.id) == (name, NAMES.index(name) + 1)
    assert codec.needs_signature == (name == "pickle")
    assert codec_of(codec) is codec


@pytest.mark.parametrize(
    ("name", "value"), [*((name, PLAIN) for name in NAMES if name != "raw"), ("raw", b"x"), ("msgpack", [b"x"])]
)
def test_a_value_comes_back(name: str, value: Any) -> None:
    codec: AnyCodec = codec_of(name)
    payload = codec.encode(value)
    assert type(payload) is bytes
    made = codec.decode(payload)
    assert made == value and type(made) is type(value) and repr(made) == repr(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("json", [(1,)], r"value\[0\] is not encoded, a tuple"), ("json", {"k": {1: 2}}, r"value\['k'\] is not encoded, a dict"),
        ("json", b"x", "value is not encoded, a bytes"), ("msgpack", [{1}], r"value\[0\]"), ("msgpack", 2**64, "value is not encoded"),
        ("raw", "x", "stores bytes only"), ("raw", bytearray(b"x"), "stores bytes only"),
    ],
)  # fmt: skip
def test_what_would_come_back_as_something_else_is_refused(name: str, value: Any, message: str) -> None:
    with pytest.raises(NotEncodableError, match=message):
        codec_of(name).encode(value)


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_circles_and_what_is_too_deep_are_refused(name: str) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotEncodableError, match="levels deep"):
        codec_of(name).encode(circle)


@pytest.mark.parametrize("name", ["hotset", "json", "msgpack", "pickle"])
def test_bytes_that_are_no_value_raise(name: str) -> None:
    for data in (b"", b"\xff\xff", b"[" * 100_000, b"\x91" * 100_000):
        with pytest.raises(NotDecodableError):
            codec_of(name).decode(data)


def test_an_object_is_a_codec_if_it_encodes_and_decodes() -> None:
    codec = codec_of(Reversed())
    assert (codec.name, codec.id, codec.needs_signature) == ("Reversed", OWN_ID, False)
    assert codec.decode(codec.encode("abc")) == "abc"
    for wrong in (object(), Reversed, 3, None):
        with pytest.raises(TypeError, match="give it a name, or an object with encode"):
            codec_of(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="write 'hotset', 'json'"):
        codec_of("yaml")


def test_classes_are_named_for_the_default_codec() -> None:
    from codec_values import Point

    codec = codec_of("hotset", types=[Point])
    assert type(codec) is ValueCodec
    assert codec.decode(codec.encode(Point(1, 2))) == Point(1, 2)
    assert issubclass(NotEncodableError, CodecError) and issubclass(CodecError, ValueError)


# Behind a cache


class Faulty(Reversed):
    """A codec that raises while it reads."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)

    def decode(self, data: bytes) -> Any:
        raise self.errors.pop(0)


def test_a_fault_of_a_users_codec_is_a_miss_that_is_counted_and_told_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_undecoded", set())
    codec = Faulty(KeyError("field"), KeyError("another"), TypeError("a bug"))
    cache: Cache[str, Any] = Cache("faulty", tier=Heap(), codec=codec, maxsize=0)
    cache["k"] = "value"
    with caplog.at_level("WARNING", "hotset"):
        assert [cache.get("k", MISSING) for _ in range(2)] == [MISSING] * 2
        assert cache.get_many(["k"]) == {}
    told = [record.getMessage().rpartition("unreadable: ")[2] for record in caplog.records]
    assert told == ["KeyError: 'field'", "TypeError: a bug"]
    stats = cache.stats().tier
    assert stats is not None and (stats.unreadable, stats.misses, stats.hits) == (3, 3, 0)


def test_what_is_no_exception_of_a_codec_passes_through() -> None:
    cache: Cache[str, Any] = Cache("interrupted", tier=Heap(), codec=Faulty(KeyboardInterrupt()), maxsize=0)
    cache["k"] = "value"
    with pytest.raises(KeyboardInterrupt):
        cache.get("k")


def test_what_another_codec_has_stored_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "several", True)
    tier = Heap()
    writer, reader = Cache("codecs", tier=tier, codec="json"), Cache("codecs", tier=tier)
    writer["k"] = 1
    assert reader.get("k", MISSING) is MISSING
    stats = reader.stats().tier
    assert stats is not None and (stats.unreadable, stats.misses, stats.hits) == (1, 1, 0)
