"""What cannot be meant is raised when a cache is made, and says what to write instead."""

import re
from pathlib import Path
from typing import Any

import pytest
from hotset import Cache, cache_result
from hotset.preview import Disk, Shm


class HalfATier:
    def get(self, key: bytes) -> None: ...


class HalfACodec:
    def encode(self, value: object) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("disk:", "name a directory, as in 'disk:///var/cache/app'"),
        ("disk:///", "name a directory"),
        ("disk:store", "write the whole path, as in disk:///var/cache/store, or Disk('store')"),
        ("disk://store", "'store' stands where a machine would: write disk:///store with three slashes"),
        ("disk:///a?max_byte=1", "disk:// has no option 'max_byte', only max_bytes, durability"),
        ("disk:///a?max_bytes=lots", 'max_bytes: "lots" is not an amount of memory'),
        ("disk:///a?max_bytes=1GB&max_bytes=2GB", "an option stands there twice"),
        ("disk:///a#b?max_bytes=1GB", "#b?max_bytes=1GB is no part of a path: write %23 for #"),
        ("disk:///a?durability=disk", "durability='disk': write 'process' or 'power'"),
        ("shm://", "name='': write a name of letters, digits, '-', '_' and '.'"),
        ("shm://..", "name='..': write a name"),
        ("shm://a/b", "name='a/b': write a name"),
        ("shm://app?durability=power", "shm:// has no option 'durability', only max_bytes"),
    ],
)
def test_a_url_with_a_mistake(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Cache("mistakes", tier=url)


@pytest.mark.parametrize("tier", ["redis://localhost", "/var/cache/app", "", object(), Disk, Path("store"), [], {}])
def test_what_is_no_tier(tier: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^tier=.*: write tier='disk:///var/cache/app', tier='shm://app', a tier, as in"
    ):
        Cache("mistakes", tier=tier)


def test_a_tier_that_lacks_something_is_told_what() -> None:
    half: Any = HalfATier()
    with pytest.raises(TypeError, match=r"HalfATier has no put\(\) and no remove\(\)"):
        Cache("mistakes", tier=half)


@pytest.mark.parametrize("name", [None, ""])
def test_a_tier_without_a_name(name: str | None, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"needs a name, under which its entries are found again: Cache\('users', tier"
    ):
        Cache(name, tier=Disk(tmp_path))


@pytest.mark.parametrize(("path", "max_bytes"), [("", "1GB"), (b"store", "1GB"), (1, "1GB"), ("store", None)])
def test_a_store_without_a_path_or_a_bound(path: Any, max_bytes: Any) -> None:
    with pytest.raises(TypeError, match=r"name a directory, as in Disk\('/var/cache/app'\)|a store has a bound"):
        Disk(path, max_bytes=max_bytes)


@pytest.mark.parametrize("name", ["a", "1a", "app-1.old_x"])
def test_names_of_shared_memory(name: str) -> None:
    assert Shm(name, max_bytes="1MiB").name == name


def test_a_bound_that_is_too_small_is_said_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes=1000 is less than a store needs: give at least 1048576"):
        Cache("mistakes", tier=Disk(tmp_path, max_bytes=1000))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"codecc": "json"}, TypeError, "Cache() has no option 'codecc': did you mean 'codec'?"),
        ({"secret": "short"}, ValueError, "a secret of 5 bytes is too short: give it 16 random bytes at least"),
        ({"secret": []}, ValueError, "secret=[]: give one at least, or None for values that are not signed"),
        ({"secret": 5}, TypeError, "secret= takes bytes or a str, or several, not a int"),
        ({"encrypt": True}, ValueError, "encrypt=True needs a secret to encrypt with"),
        ({"codec": "pickle"}, ValueError, "pickle runs code that is in the bytes it reads: give a secret too"),
        (
            {"codec": "yaml"},
            ValueError,
            "codec='yaml': write 'hotset', 'json', 'msgpack', 'raw', 'pickle', or an object",
        ),
        ({"codec": HalfACodec()}, TypeError, "an object with encode(value) and decode(data)"),
        ({"types": int}, TypeError, "types=<class 'int'>: name several classes, as in types=[User]"),
        ({"compression": "gzip"}, ValueError, "compression='gzip': write 'lz4', 'zstd', or ('zstd', level)"),
        ({"compression": ("zstd", 99)}, ValueError, "with a level from 1 to 22"),
        ({"compress_from": "much"}, ValueError, 'compress_from: "much" is not an amount of memory'),
        ({"on_error": "ignore"}, ValueError, "on_error='ignore': write 'count' or 'raise'"),
        ({"patience": 0}, ValueError, "patience=0: write"),
    ],
)
def test_an_option_that_makes_no_sense(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        Cache("mistakes", tier=Disk(tmp_path), **options)


def test_options_of_a_tier_where_there_is_none() -> None:
    options: Any = {"codec": "json"}
    message = re.escape("codec= is for a cache with a tier: write Cache('users', tier=..., codec=...)")
    with pytest.raises(TypeError, match=message):
        Cache("mistakes", **options)
    with pytest.raises(TypeError, match=message):
        cache_result(**options)


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "header").write_text("dear diary")
    cache: Cache[str, int] = Cache("mistakes", tier=Disk(tmp_path))
    cache.set("k", 1)
    assert cache["k"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["header"]
    assert (tmp_path / "header").read_text() == "dear diary"
    assert caplog.messages == [
        f"the tier of cache 'mistakes' cannot be opened: {tmp_path}: something else lies there (header): give an empty "
        "directory, or one that is not there yet; the cache goes on from memory"
    ]
