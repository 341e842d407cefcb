"""What processes meet that share a store: a cache says what is wrong, goes on from memory, and comes back by itself."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hotset import Cache, disk
from hotset._errors import TierError
from peer import PATIENCE_SECONDS, peers, url

LOAD = "cache.get_or_load({key!r}, lambda key: {value!r})"


def tried_again(path: Path, **options: Any) -> disk.Disk:
    """A directory that is tried again at each use."""
    tier = disk.Disk(path, max_bytes="32MB", **options)
    tier._pause = 0.0
    return tier


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name}")
    return found


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hotset"]


def goes_on_from_memory(cache: "Cache[Any, Any]") -> None:
    """Values are loaded, kept, changed and invalidated, whatever the tier does."""
    assert cache.get_or_load("loaded", lambda key: 1) == 1
    assert cache.get_or_load("loaded", lambda key: 2) == 1
    cache.set("set", 3)
    assert cache.get("set") == 3
    cache.set("tagged", 4, tags=["tag"])
    cache.invalidate_tags("tag")
    cache.delete("set")
    assert cache.get("set") is None and cache.get("tagged") is None
    assert cache.get_many(["loaded", "set"]) == {"loaded": 1}


def test_a_directory_that_cannot_be_used_is_told_of_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.INFO, "hotset"):
        cache: Cache[str, int] = Cache(
            "in the way", ttl="1h", tier=tried_again(tmp_path / "file" / "store"), breaker=False
        )
        goes_on_from_memory(cache)
        assert len(said(caplog)) == 1
        assert "give another path; the cache goes on from memory" in said(caplog)[0]
        (tmp_path / "file").unlink()
        cache.set("again", 5)
        assert cache.get("loaded") is None, "what was kept meanwhile is not known to be as others have it"
        assert said(caplog)[1:] == ["the tier of cache 'in the way' works again"]
    stats = cache.stats().tier
    assert stats is not None and stats.entries == 1 and stats.faults > 0


def test_what_was_invalidated_meanwhile_is_invalid_in_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with peers(folder, 1) as [peer]:
        peer.do("cache.set('key', 'old', tags=['tag'])")
        peer.end()
    folder.rename(tmp_path / "aside")
    folder.write_text("in the way")
    cache: Cache[str, str] = Cache("odd", ttl="1h", tier=tried_again(folder), codec="json", breaker=False)
    cache.invalidate_tags("tag")
    folder.unlink()
    (tmp_path / "aside").rename(folder)
    assert cache.get("key") is None


def test_with_raise_it_raises_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TierError, match=r"'raises' cannot be opened: .*/file: .* give another path"):
        Cache("raises", tier=tried_again(tmp_path / "file"), on_error="raise")


def test_options_that_differ_are_a_mistake(tmp_path: Path) -> None:
    with peers(tmp_path, 1) as [peer]:
        peer.do("cache.set('key', 1)")
        with pytest.raises(ValueError, match="give all its users the same options"):
            Cache("differs", tier=disk.Disk(tmp_path, max_bytes="64MB"))


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system in memory, for as long as this runs."""
    folder.mkdir()
    if subprocess.run([program("mount"), "-t", "tmpfs", "-o", options, "none", folder], capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(("options", "message"), [("size=512k", "make room"), ("ro", "may not write there")])
def test_a_full_and_a_read_only_file_system(
    options: str, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "mounted"
    with caplog.at_level(logging.INFO, "hotset"), mounted(folder, options):
        cache: Cache[str, int] = Cache(f"on {options}", ttl="1h", tier=tried_again(folder / "store"), breaker=False)
        goes_on_from_memory(cache)
        assert len(said(caplog)) == 1 and message in said(caplog)[0]
        subprocess.run(["mount", "-o", "remount,rw,size=64m", folder], check=True)
        assert cache.get_or_load("back", lambda key: 1) == 1
        assert cache.stats().tier.entries == 1  # type: ignore[union-attr]
        goes_on_from_memory(cache)


def test_another_pid_namespace_is_refused_and_served_from_memory(tmp_path: Path) -> None:
    before = (program("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child")
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("this user may not make a PID namespace")
    with peers(tmp_path, 1) as [here], peers(tmp_path, 1, before=before) as [there]:
        # Who comes second is refused, whichever that is.
        here.do("cache.set('key', 1)")
        told = here.do("said") + there.do("said")
        assert len(told) == 1 and "another PID namespace" in told[0] and "a path of its own" in told[0]
        for peer in (here, there):
            assert peer.do(LOAD.format(key="other", value=2)) == 2
            assert peer.do("cache.get('other')") == 2


def test_one_directory_by_two_paths_is_one_store(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "store")
    with peers(tmp_path / "store", 1) as [one], peers(tmp_path / "link", 1) as [other]:
        one.do("cache.set('key', 'value', tags=['tag'])")
        assert other.do("cache.get('key')") == "value"
        one.do("cache.invalidate_tags('tag')")
        assert other.do("cache.get('key')") is None


def test_entries_are_there_after_a_restart_and_after_kill_9(tmp_path: Path) -> None:
    for how in ("end", "kill"):
        with peers(tmp_path, 2) as started:
            for number, peer in enumerate(started):
                peer.do(f"cache.set('{how} {number}', {number}, tags=['tag'])")
            for peer in started:
                getattr(peer, how)()
        with peers(tmp_path, 1) as [next_one]:
            assert next_one.do(f"cache.get_many(['{how} 0', '{how} 1'])") == {f"{how} 0": 0, f"{how} 1": 1}
            assert next_one.do("said") == []
            next_one.do("cache.invalidate_tags('tag')")
        with peers(tmp_path, 1) as [after]:
            assert after.do(f"cache.get_many(['{how} 0', '{how} 1'])") == {}


def test_a_process_that_is_killed_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    with peers(tmp_path, 2) as [one, other]:
        one.do("cache.set('key', 1)")
        one.kill()
        assert other.do("cache.get('key')") == 1
        other.do("cache.set('key', 2)")
        with peers(tmp_path, 1) as [again]:
            assert again.do("cache.get('key')") == 2


def test_a_damaged_store_is_told_of_and_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with peers(tmp_path, 1) as [peer]:
        peer.do("cache.set_many({str(number): 'x' * 3000 for number in range(100)})")
        assert disk.check(tmp_path).entries == 100
        peer.kill()
    [data] = tmp_path.glob("store-*/data.mdb")
    with data.open("r+b") as file:
        for page in range(2, 40):
            file.seek(page * os.sysconf("SC_PAGESIZE") + 8)
            file.write(b"\xff" * 24)
    with pytest.raises(TierError, match="page"):
        disk.check(tmp_path)
    with caplog.at_level(logging.INFO, "hotset"):
        cache: Cache[str, str] = Cache("odd", ttl="1h", tier=tried_again(tmp_path), codec="json")
    assert len(said(caplog)) == 1 and "was damaged (" in said(caplog)[0] and "set aside" in said(caplog)[0]
    assert len(list(tmp_path.glob("damaged-*"))) == 1
    assert cache.get("7") is None
    cache.set("7", "new")
    assert disk.check(tmp_path).entries == 1


def test_a_store_is_compacted_while_nobody_else_uses_it(tmp_path: Path) -> None:
    with peers(tmp_path, 1) as [peer]:
        peer.do("cache.set_many({str(number): 'x' * 3000 for number in range(200)})")
        assert not disk.compact(tmp_path)
        peer.end()
    assert disk.compact(tmp_path)
    assert disk.check(tmp_path).free_pages == 0
    with peers(tmp_path, 1) as [peer]:
        assert peer.do("len(cache.get('7'))") == 3000
    with pytest.raises(TierError, match="there is no store"):
        disk.check(tmp_path / "nowhere")


def test_a_process_that_is_stopped_inside_a_write_costs_the_others_a_bounded_wait(tmp_path: Path) -> None:
    with peers(tmp_path, 3) as [writer, other, third]:
        third.do("cache.set('key', 'old', tags=['tag'])")
        assert other.do("cache.get('key')") == "old"
        writer.begin("[cache.set_many({str(n): 'x' * 20_000 for n in range(300)}) for _ in range(10_000)]")
        busy = "cache.stats().tier.busy"
        for attempt in range(200):
            # It goes on for a while, to be somewhere else the next time.
            time.sleep(0.002 + attempt % 7 / 1000)
            writer.signal(signal.SIGSTOP)
            before, began = third.do(busy), time.monotonic()
            assert third.do(LOAD.format(key=f"fill {attempt}", value="loaded")) == "loaded"
            if time.monotonic() - began > PATIENCE_SECONDS:
                break
            writer.signal(signal.SIGCONT)
        else:
            pytest.fail("it was never stopped inside a write")
        assert third.do(busy) > before
        third.do("cache.invalidate_tags('tag')")
        assert other.do("cache.get('key')") is None
        third.do("cache.set('key', 'new')")
        # What cannot be stored is an invalidation: only who set it has it.
        assert third.do("cache.get('key')") == "new" and other.do("cache.get('key')") is None
        writer.kill()
        third.do("cache.set('key', 'newer')")
        assert other.do("cache.get('key')") == "newer"


def test_a_cache_that_is_open_is_used_by_parent_and_child(tmp_path: Path) -> None:
    script = """
        import os, sys, warnings
        from hotset import Cache
        warnings.simplefilter("ignore", DeprecationWarning)
        cache = Cache("forked", ttl="1h", tier=sys.argv[1])
        cache.set_many({number: str(number) for number in range(100)})
        to_child, from_parent = os.pipe()
        child = os.fork()
        if child == 0:
            assert os.read(to_child, 1) == b"1"
            assert cache.get(7) is None, "what the parent has invalidated"
            assert cache.get_many(range(100)) == {number: str(number) for number in range(100) if number != 7}
            cache.set(8, "of the child")
            grandchild = os.fork()
            if grandchild == 0:
                assert cache.get(8) == "of the child"
                cache.set(9, "of the grandchild")
                os._exit(0)
            assert os.waitpid(grandchild, 0)[1] == 0
            os._exit(0)
        cache.delete(7)
        os.write(from_parent, b"1")
        assert os.waitpid(child, 0)[1] == 0
        assert (cache.get(8), cache.get(9), cache.get(10)) == ("of the child", "of the grandchild", "10")
        assert cache.stats().tier.faults == 0
    """
    command = [sys.executable, "-c", textwrap.dedent(script), url(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


OTHERS = os.environ.get("HOTSET_OTHER_PYTHONS", "").split(os.pathsep)
"""Interpreters of other versions that have hotset of the same sources: tests/python/run.sh names those it is done with."""


@pytest.mark.parametrize("python", OTHERS, ids=lambda python: Path(python).parents[1].name if python else "none")
def test_interpreters_of_several_versions_share_a_store(python: str, tmp_path: Path) -> None:
    if not python:
        pytest.skip("no other interpreter is known to have hotset of these sources: tests/python/run.sh names them")
    with peers(tmp_path, 1) as [here], peers(tmp_path, 1, python=python) as [there]:
        here.do("cache.set(('user', 7), {'name': 'Ada'}, tags=['tag'])")
        assert there.do("cache.get(('user', 7))") == {"name": "Ada"}
        there.do("cache.invalidate_tags('tag')")
        assert here.do("cache.get(('user', 7))") is None
