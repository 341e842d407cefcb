"""The lookup sequences of `hotset demo`: every format that is read, and what is said of a file that cannot be."""

import gzip
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from hotset.cli.commands import group
from hotset.cli.identifiers import read_identifiers
from hotset.cli.sequence import EXPECTED, Place, SequenceError, read_trace

ALL = sys.maxsize

TEXT = b"b\na\nb\nc\n"
NUMBERS = struct.pack("<4Q", 1, 0, 1, 2**64 - 1)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a trace file of the given content."""

    def write(content: bytes) -> Path:
        path = tmp_path / "trace"
        path.write_bytes(content)
        return path

    return write


def refused(path: Path, *parts: str) -> None:
    """The command ends with 2, and one line that holds all the parts."""
    result = CliRunner().invoke(group, ["demo", "--trace", str(path)])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    for part in (f"Error: {path}: ", *parts):
        assert part in result.output


# What is read


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
class TestFormats:
    def test_text_is_one_key_a_line(self, file: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
        lookups = read_trace(file(pack(TEXT)), ALL)
        assert lookups.keys == ["b", "a", "b", "c"]
        assert lookups.first_seen == {"b": Place("trace", 1), "a": Place("trace", 2), "c": Place("trace", 4)}

    def test_binary_is_little_endian_u64(self, file: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
        lookups = read_trace(file(pack(NUMBERS)), ALL)
        assert lookups.keys == ["1", "0", "1", "18446744073709551615"]
        assert lookups.first_seen["18446744073709551615"] == Place("trace", 4)

    def test_the_limit_cuts(self, file: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
        lookups = read_trace(file(pack(TEXT)), 2)
        assert lookups.keys == ["b", "a"]
        assert list(lookups.first_seen) == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        (b"a\r\n\r\nb\r\n", ["a", "b"]),
        (b"\n  \na", ["a"]),
        (b"\xef\xbb\xbfa\n", ["a"]),
        ("größe\nключ\n".encode(), ["größe", "ключ"]),
        (b" a \na\n", [" a ", "a"]),
        (b"12345678", ["12345678"]),
    ],
    ids=["crlf", "blank", "byte_order_mark", "unicode", "spaces", "eight_digits"],
)
def test_text_as_people_write_it(file: Callable[..., Path], content: bytes, keys: list[str]) -> None:
    assert read_trace(file(content), ALL).keys == keys


def test_equal_keys_are_one_object(file: Callable[..., Path]) -> None:
    first, _, second, _ = read_trace(file(TEXT), ALL).keys
    assert first is second


SOURCE = '''"""A docstring."""
import os  # a comment
def größe(x1, *, y=0x1F): return rf"{x1}" + os.sep + 'it\\'s' + 1.5e3
'''


def test_identifiers_are_neither_keywords_nor_strings_nor_comments(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("again = os", encoding="utf-8")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "z.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "a.py").write_text("foreign", encoding="utf-8")
    lookups = read_identifiers(ALL, tmp_path)
    assert lookups.keys == ["os", "größe", "x1", "y", "os", "sep", "again", "os"]
    assert lookups.first_seen["größe"] == Place("a/z.py", 3)
    assert lookups.first_seen["again"] == Place("b.py", 1)


def test_the_standard_library_is_the_same_sequence_each_time() -> None:
    first, second = read_identifiers(20_000), read_identifiers(20_000)
    assert len(first.keys) == 20_000
    assert first == second


def test_a_python_without_sources_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SequenceError, match=r"no Python sources.*--trace FILE"):
        read_identifiers(ALL, tmp_path)


# What is refused

NOT_WHOLE = "are not a multiple of 8: 5 bytes are left over at offset 24; "


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"", "the file is empty; ", id="empty"),
        pytest.param(gzip.compress(b""), "the file is empty; ", id="empty_gzip"),
        pytest.param(b"\n \n", "it has only blank lines; ", id="blank"),
        pytest.param(NUMBERS[:-3], f"its 29 bytes {NOT_WHOLE}", id="binary_of_odd_length"),
        pytest.param(gzip.compress(NUMBERS[:-3]), f"its 29 bytes {NOT_WHOLE}", id="gzipped_binary_of_odd_length"),
        pytest.param(b"good\ngr\xf6\xdfe\n", "line 2 (offset 7): byte 0xf6 is not UTF-8; ", id="latin1"),
        pytest.param(b"BZh91AY&SY....", "it is packed with bzip2, not gzip; ", id="bzip2"),
        pytest.param(b"\xfd7zXZ\x00\x00\x04", "it is packed with xz, not gzip; ", id="xz"),
        pytest.param(b"\x28\xb5\x2f\xfd\x00\x00\x00\x00", "it is packed with zstd, not gzip; ", id="zstd"),
        pytest.param(b"PK\x03\x04\x00\x00\x00\x00", "it is packed with zip, not gzip; ", id="zip"),
        pytest.param(gzip.compress(TEXT)[:-6], "its gzip stream is cut off: it ends after about ", id="cut_off"),
        pytest.param(gzip.compress(TEXT)[:-8] + bytes(8), "its gzip stream is damaged after about ", id="bad_checksum"),
        pytest.param(gzip.compress(TEXT) + b"more", "its gzip stream is damaged after about ", id="trailing_bytes"),
    ],
)
def test_a_bad_file_is_told_what_is_wrong_with_it(file: Callable[..., Path], content: bytes, complaint: str) -> None:
    path = file(content)
    refused(path, complaint)


def test_a_bad_file_is_told_what_would_be_right(file: Callable[..., Path]) -> None:
    refused(file(NUMBERS[:-3]), EXPECTED)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "nothing: it cannot be read: No such file or directory")


def test_a_directory(tmp_path: Path) -> None:
    refused(tmp_path, f"{tmp_path}: it is a directory; {EXPECTED}")


def test_a_device() -> None:
    device = Path("/dev/zero")
    if not device.exists():
        pytest.skip("this system has no devices in /dev")
    refused(device, "/dev/zero: it is not a regular file")


def test_a_cut_off_gzip_file_is_told_where_it_ends(file: Callable[..., Path]) -> None:
    content = struct.pack("<50000Q", *(number * 2654435761 for number in range(50_000)))
    result = CliRunner().invoke(group, ["demo", "--trace", str(file(gzip.compress(content)[:-1_000]))])
    end = re.search(r"it ends after about ([\d,]+) decompressed bytes\n$", result.output)
    assert end is not None
    assert len(content) * 0.7 < int(end[1].replace(",", "")) < len(content)
