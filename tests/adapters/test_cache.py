"""The cache may be damaged, deleted or forbidden at any time: results stay right."""

from __future__ import annotations

import gc
import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.program import program_digest
from reconciler.app.kept import Kept
from reconciler.app.validate import validate
from tests.repos import BOX, MemoryTree, edited, small


def test_what_was_put_is_there_for_the_next_one(tmp_path: Path) -> None:
    SqliteCache(tmp_path).put_many("a", [("k", b"value"), ("l", b"")])
    cache = SqliteCache(tmp_path)
    assert cache.get("a", "k") == b"value"
    assert cache.get_many("a", ["k", "l", "m"]) == {"k": b"value", "l": b""}
    assert cache.get("b", "k") is None


def test_the_last_one_put_counts(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    cache.put_many("a", [("k", b"1")])
    cache.put_many("a", [("k", b"2")])
    assert cache.get("a", "k") == b"2"


def test_many_at_once(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path)
    items = {f"k{n}": b"%d" % n for n in range(1700)}
    cache.put_many("a", items.items())
    assert cache.get_many("a", [*items, "other"]) == items


@given(value=st.binary(max_size=2000))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, value: bytes) -> None:
    cache = SqliteCache(tmp_path_factory.getbasetemp() / "bytes")
    cache.put_many("a", [("k", value)])
    assert cache.get("a", "k") == value


def test_without_a_folder_it_forgets() -> None:
    cache = SqliteCache(None)
    cache.put_many("a", [("k", b"1")])
    assert cache.get("a", "k") is None


def test_nobody_else_may_look_into_the_folder(tmp_path: Path) -> None:
    SqliteCache(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


# --------------------------------------------------------------------------------- damaged


def database(folder: Path) -> Path:
    return folder / "results.sqlite"


def filled(folder: Path) -> None:
    SqliteCache(folder).put_many("a", [(f"k{n}", b"value %d" % n) for n in range(50)])
    gc.collect()
    with sqlite3.connect(database(folder)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def test_a_changed_row_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path)
    with sqlite3.connect(database(tmp_path)) as connection:
        connection.execute("UPDATE results SET value = ? WHERE key = 'k1'", (b"\x00" * 40,))
        connection.execute("UPDATE results SET value = 'text' WHERE key = 'k2'")
        connection.execute("UPDATE results SET value = NULL WHERE key = 'k3'")
        connection.execute("UPDATE results SET value = x'' WHERE key = 'k4'")
        connection.execute("UPDATE results SET value = 7 WHERE key = 'k5'")
    connection.close()
    found = SqliteCache(tmp_path).get_many("a", [f"k{n}" for n in range(7)])
    assert found == {"k0": b"value 0", "k6": b"value 6"}


def test_a_row_moved_to_another_key_or_kind_is_not_believed(tmp_path: Path) -> None:
    filled(tmp_path)
    with sqlite3.connect(database(tmp_path)) as connection:
        connection.execute("UPDATE results SET key = 'other' WHERE key = 'k1'")
        connection.execute("UPDATE results SET kind = 'b' WHERE key = 'k2'")
    connection.close()
    cache = SqliteCache(tmp_path)
    assert cache.get("a", "other") is None
    assert cache.get("b", "k2") is None


@pytest.mark.parametrize("data", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_as_good_as_none(tmp_path: Path, data: bytes) -> None:
    database(tmp_path).write_bytes(data)
    cache = SqliteCache(tmp_path)
    cache.put_many("a", [("k", b"1")])
    assert cache.get("a", "k") in (None, b"1")
    assert cache.get_many("a", ["x"]) == {}


def test_any_page_may_be_damaged(tmp_path: Path) -> None:
    filled(tmp_path)
    whole = database(tmp_path).read_bytes()
    right = {f"k{n}": b"value %d" % n for n in range(50)}
    for at in range(0, len(whole), 512):
        folder = tmp_path / str(at)
        folder.mkdir()
        database(folder).write_bytes(whole[:at] + b"\xa5" * 64 + whole[at + 64 :])
        cache = SqliteCache(folder)
        found = cache.get_many("a", list(right))
        assert found.items() <= right.items()
        cache.put_many("a", [("new", b"1")])


def test_a_cut_off_file_is_as_good_as_none(tmp_path: Path) -> None:
    filled(tmp_path)
    database(tmp_path).write_bytes(database(tmp_path).read_bytes()[:3000])
    cache = SqliteCache(tmp_path)
    assert set(cache.get_many("a", ["k1", "k2"]).values()) <= {b"value 1", b"value 2"}
    cache.put_many("a", [("new", b"1")])


def test_another_program_s_table_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(database(tmp_path)) as connection:
        connection.execute("CREATE TABLE results (something TEXT)")
    connection.close()
    cache = SqliteCache(tmp_path)
    cache.put_many("a", [("k", b"1")])
    assert cache.get("a", "k") is None


def test_it_may_be_deleted_in_between(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = SqliteCache(folder)
    cache.put_many("a", [("k", b"1")])
    shutil.rmtree(folder)
    assert cache.get("a", "k") in (None, b"1")
    cache.put_many("a", [("l", b"2")])
    assert SqliteCache(folder).get("a", "k") is None


@pytest.mark.parametrize("what", ["a file", "below a file", "a folder in the place of the file"])
def test_a_place_that_cannot_be_used_is_as_good_as_none(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "cache"
    if what == "a folder in the place of the file":
        database(folder).mkdir(parents=True)
    else:
        folder.write_text("x")
    cache = SqliteCache(folder / "deeper" if what == "below a file" else folder)
    cache.put_many("a", [("k", b"1")])
    assert cache.get("a", "k") is None


def test_a_database_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    filled(tmp_path)
    database(tmp_path).chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        cache = SqliteCache(tmp_path)
        cache.put_many("a", [("k", b"1")])
        assert cache.get("a", "k1") in (None, b"value 1")
    finally:
        tmp_path.chmod(0o700)


# --------------------------------------------------------------------------- two at once


def _fill(folder: Path, start: int) -> None:
    cache = SqliteCache(folder)
    for n in range(start, start + 100):
        cache.put_many("a", [(f"k{n}", b"value %d" % n), ("shared", b"same")])
        assert cache.get("a", "shared") in (None, b"same")


def test_processes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ones = [context.Process(target=_fill, args=(tmp_path, n * 100)) for n in range(3)]
    for one in ones:
        one.start()
    for one in ones:
        one.join()
        assert one.exitcode == 0
    found = SqliteCache(tmp_path).get_many("a", [f"k{n}" for n in range(300)])
    assert found.items() <= {f"k{n}": b"value %d" % n for n in range(300)}.items()
    assert len(found) > 100


# ----------------------------------------------------------------- what is kept is right


def test_a_validation_from_the_cache_is_the_same(tmp_path: Path) -> None:
    for files in (small(), edited(small(), BOX, "stage: dev", "stage: dve")):
        kept = Kept(SqliteCache(tmp_path), "this program")
        fresh = validate(MemoryTree(files), Kept(SqliteCache(None), "this program"))
        tree = MemoryTree(files)
        assert validate(tree, kept) == fresh
        again = MemoryTree(files)
        assert validate(again, kept) == fresh
        assert again.read_paths == []


def test_another_program_does_not_take_it(tmp_path: Path) -> None:
    kept = Kept(SqliteCache(tmp_path), "this program")
    validate(MemoryTree(small()), kept)
    tree = MemoryTree(small())
    validate(tree, Kept(SqliteCache(tmp_path), "another program"))
    assert tree.read_paths != []


def test_keys_of_different_parts_differ() -> None:
    kept = Kept(SqliteCache(None), "p")
    assert kept.key("a", "bc") != kept.key("ab", "c")
    assert kept.key("a") != Kept(SqliteCache(None), "q").key("a")


@pytest.mark.parametrize("part", ["core/check.py", "core/template/engine.py", "model/base.py"])
def test_a_changed_line_of_the_program_is_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    import reconciler

    package = tmp_path / "reconciler"
    shutil.copytree(Path(reconciler.__file__).parent, package)
    monkeypatch.setattr(reconciler, "__file__", str(package / "__init__.py"))
    before = program_digest.__wrapped__()
    assert program_digest.__wrapped__() == before
    with (package / part).open("a") as file:
        file.write("# changed\n")
    assert program_digest.__wrapped__() != before


def test_a_folder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    """Whoever can write the cache can say what is valid."""
    tmp_path.chmod(0o777)
    SqliteCache(tmp_path).put_many("kind", [("key", b"value")])
    assert SqliteCache(tmp_path).get("kind", "key") is None
    tmp_path.chmod(0o700)
    cache = SqliteCache(tmp_path)
    cache.put_many("kind", [("key", b"value")])
    assert cache.get("kind", "key") == b"value"
    assert (tmp_path / "results.sqlite").stat().st_mode & 0o077 == 0
