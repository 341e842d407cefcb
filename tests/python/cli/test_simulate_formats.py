"""What `hotset simulate` reads: lines as servers write them, and what is said of those that cannot be read."""

import gzip
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from hotset._core import TRACE_FORMATS, Progress, Trace
from hotset.cli.commands import group

NGINX = r"""
203.0.113.7 - - [21/Nov/2025:06:25:24 +0000] "GET /products/1742?ref=mail HTTP/2.0" 200 5316 "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
2001:db8::17 - - [21/Nov/2025:06:25:24 +0000] "GET /static/app.js HTTP/1.1" 304 0 "https://shop.example/products/1742?ref=mail" "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X)"
203.0.113.9 - anna [21/Nov/2025:06:25:25 +0000] "POST /cart HTTP/1.1" 302 0 "-" "curl/8.14.1"
198.51.100.3 - - [21/Nov/2025:06:25:26 +0000] "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03" 400 157 "-" "-"
203.0.113.7 - - [21/Nov/2025:06:25:27 +0000] "HEAD /static/app.js HTTP/1.1" 200 0 "-" "Uptime \x22probe\x22"
203.0.113.8 - - [21/Nov/2025:06:25:28 +0000] "GET /search?q=\x22red shoes\x22 HTTP/1.1" 200 9120 "-" "-"
203.0.113.7 - - [21/Nov/2025:06:25:29 +0000] "GET /products/1742?ref=mail HTTP/2.0" 200 5316 "-" "-"
""".lstrip()

APACHE = r"""
shop.example:443 192.0.2.44 - frank [10/Oct/2025:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326
192.0.2.45 - - [10/Oct/2025:13:55:37 -0700] "GET /say?\"hello\" HTTP/1.1" 404 196 "http://shop.example/\"x\"" "Mozilla/4.08 [en] (Win98; I ;Nav)"
192.0.2.45 - - [10/Oct/2025:13:55:38 -0700] "-" 408 -
192.0.2.46 - - [10/Oct/2025:13:55:39 -0700] "OPTIONS * HTTP/1.0" 200 -
192.0.2.44 - "frank \"f\"" [10/Oct/2025:13:55:40 -0700] "GET /apache_pb.gif HTTP/1.0" 304 -
""".lstrip()

MONITOR = r"""
OK
1763706324.104211 [0 192.0.2.10:41822] "HELLO" "3"
1763706324.104519 [0 192.0.2.10:41822] "GET" "session:8f14e45f"
1763706324.105020 [0 192.0.2.10:41822] "SET" "session:8f14e45f" "{\"user\":7}" "EX" "1800"
1763706324.110394 [0 192.0.2.11:41900] "MGET" "user:7" "user:8" "session:8f14e45f"
1763706324.117100 [5 192.0.2.11:41900] "GET" "user:7"
1763706324.117333 [0 lua] "HGETALL" "user:7"
1763706324.118001 [0 192.0.2.10:41822] "exists" "\x00\xff\"\\\n" "user:8"
1763706324.118
""".lstrip()

COLUMNS = """time,"object id",size
1763706324,user:7,120
1763706325,"user,8",80
1763706326,user:7,120
1763706327
"""

NUMBERS = struct.pack("<5Q", 7, 2**64 - 1, 7, 0, 7)

Written = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> Written:
    """Writes a trace file of the given content."""

    def write(content: bytes | str, name: str = "trace") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path: Path, **options: Any) -> Trace:
    return Trace.read(
        path, Progress(), **{"format": None, "key_column": None, "delimiter": None, "limit": None, **options}
    )


def facts(trace: Trace) -> tuple[str, int, int, int, int | None]:
    return trace.format, trace.requests, trace.unique, trace.other_lines, trace.first_garbled_line


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(NGINX, ("access-log", 5, 3, 1, 4), id="nginx"),
        pytest.param(APACHE, ("access-log", 3, 2, 1, 3), id="apache"),
        pytest.param(MONITOR, ("redis-monitor", 8, 5, 3, 9), id="redis"),
        pytest.param(COLUMNS.replace("object id", "key"), ("csv", 3, 2, 1, 5), id="csv"),
        pytest.param("user:7\r\nuser:8\r\n\r\nuser:7\r\n", ("keys", 3, 2, 1, None), id="keys"),
        pytest.param(NUMBERS, ("u64", 5, 3, 0, None), id="u64"),
    ],
)
def test_a_format_is_seen_from_its_content(
    file: Written, content: str | bytes, expected: tuple[object, ...], pack: Callable[[bytes], bytes]
) -> None:
    path = file(pack(content.encode() if isinstance(content, str) else content))
    assert facts(read(path)) == expected
    assert facts(read(path, format=expected[0])) == expected


def test_every_format_has_a_line_in_the_help() -> None:
    text = CliRunner().invoke(group, ["simulate", "--help"]).output
    assert all(f"\n    {name} " in text for name in TRACE_FORMATS)


@pytest.mark.parametrize("column", ["object id", 2])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_column_is_named_or_numbered(file: Written, column: str | int, delimiter: str) -> None:
    lines = COLUMNS.replace("user,8", "user 8").replace(",", delimiter)
    trace = read(file(lines), key_column=column)
    heading = column == 2  # then the first line is a request as well
    assert (trace.requests, trace.unique) == (3 + heading, 2 + heading)
    assert facts(read(file(lines), key_column=column, delimiter=delimiter)) == facts(trace)


def simulated(*arguments: object) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(group, ["simulate", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_lines_that_were_passed_over_are_reported(file: Written) -> None:
    output = simulated(file(NGINX), "--policy", "lru")
    assert "read as access-log, 1 line without a lookup\n" in output
    assert "1 line not understood, the first is line 4\n" in output


def test_a_file_of_columns_that_is_read_as_keys_says_so(file: Written) -> None:
    assert "name the column that has the keys with --key-column" in simulated(file(COLUMNS, "requests.csv"))
    assert "every line was taken" not in simulated(file(COLUMNS, "requests.csv"), "--key-column", "object id")


def test_standard_input_is_read(file: Written) -> None:
    command = [sys.executable, "-m", "hotset", "simulate", "-", "--policy", "lru", "--size", "2", "--json", "-"]
    for content in (MONITOR.encode(), gzip.compress(MONITOR.encode())):
        done = subprocess.run(command, input=content, capture_output=True, check=True)
        (trace,) = json.loads(done.stdout)
        assert (trace["trace"], trace["requests"], trace["lines_not_understood"]) == ("standard input", 8, 1)
        assert done.stderr == b""


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        pytest.param(b"", (), "it is empty", id="empty"),
        pytest.param(gzip.compress(b""), (), "it is empty", id="empty_gzip"),
        pytest.param(b"\n \n", (), "none of its 2 lines is a request, read as keys", id="blank"),
        pytest.param(gzip.compress(NUMBERS)[:-6], (), "its gzip stream is cut off", id="cut_off"),
        pytest.param(gzip.compress(NUMBERS)[:-8] + bytes(8), (), "its gzip stream is damaged", id="damaged"),
        pytest.param(NUMBERS[:-3], (), "its 37 bytes are not a multiple of 8: 5 are left over", id="odd"),
        pytest.param(b"\x28\xb5\x2f\xfd....", (), "it is packed with zstd: unpack it, or pack it with gzip", id="zstd"),
        pytest.param(
            COLUMNS.encode(),
            ("--key-column", "key"),
            'no column "key": its first line has "time", "object id", "size"',
            id="no_column",
        ),
        pytest.param(COLUMNS.encode(), ("--key-column", "4"), "no column 4: its first line has 3", id="no_number"),
        pytest.param(COLUMNS.encode(), ("--key-column", "0"), "no column 0: the first has the number 1", id="zero"),
        pytest.param(
            COLUMNS.encode(), ("--format", "csv"), 'say which of "time", "object id", "size" has the keys', id="no_key"
        ),
        pytest.param(
            b"a\nb\n",
            ("--format", "access-log"),
            "no line that can be read as access-log, which are lines such as ",
            id="no_log",
        ),
    ],
)
def test_a_bad_file_is_told_what_is_wrong_with_it(
    file: Written, content: bytes, options: tuple[str, ...], complaint: str
) -> None:
    path = file(content)
    result = CliRunner().invoke(group, ["simulate", str(path), *options])
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: {path}: ") and result.output.count("\n") == 1
    assert complaint in result.output
