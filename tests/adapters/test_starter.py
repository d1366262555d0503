"""What a new repository begins with, and that nothing standing is ever written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.starter import Starter, write_new
from reconciler.errors import ReconcilerError, UsageError


def test_the_shipped_files_are_there_and_sorted_within_their_folders() -> None:
    files = dict(Starter().files())
    assert {"reconciler.yaml", "profiles/tracks/demo.yaml"} <= files.keys()
    assert not [path for path in files if "__pycache__" in path or path.startswith("/")]


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    write_new(tmp_path, {"a/b/c.yaml": b"x", "d": b"y"})
    assert (tmp_path / "a/b/c.yaml").read_bytes() == b"x"
    assert (tmp_path / "d").read_bytes() == b"y"


def test_when_one_stands_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("mine")
    with pytest.raises(UsageError) as caught:
        write_new(tmp_path, {"a/b/c.yaml": b"x", "d": b"y"})
    assert caught.value.reason == "file-exists"
    assert (tmp_path / "d").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_dangling_link_stands_too(tmp_path: Path) -> None:
    (tmp_path / "d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        write_new(tmp_path, {"d": b"y"})
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    (root / "environments").mkdir(parents=True)
    (root / "environments/demo").symlink_to(outside)
    with pytest.raises(UsageError) as caught:
        write_new(root, {"environments/demo/x.yaml": b"x"})
    assert caught.value.reason == "link"
    assert list(outside.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_a_failure_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(ReconcilerError) as caught:
        write_new(tmp_path, {"a/b.yaml": b"x"})
    assert caught.value.subject == "a/b.yaml"
