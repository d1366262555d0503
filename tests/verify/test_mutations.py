"""Bytes and refs changed anywhere: verifying never fails, and never calls another history whole."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verify.history import World


@pytest.fixture(scope="module")
def anchored(told: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A history that this machine has seen."""
    folder = tmp_path_factory.mktemp("mutated") / "world"
    shutil.copytree(told.folder, folder)
    world = World(folder / "repo.git", folder, told.now, told.count)
    world.forget()
    world.repository.references.create("refs/reconciler/seen/records", world.tip)
    return world


def reached(world: World) -> list[str]:
    """Every object of the records."""
    records, found = world.records(""), []
    for commit in world.commits:
        kept = records.kept(commit)
        found += [commit, kept.tree, *(oid for _, oid in records.objects.files(kept.tree))]
    return sorted(set(found))


@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_byte_of_any_object(anchored: World, data: st.DataObject) -> None:
    """Written as an object of that name, as a broken disk or a broken server would have it."""
    oid = data.draw(st.sampled_from(reached(anchored)))
    file = anchored.path / "objects" / oid[:2] / oid[2:]
    before = file.read_bytes()
    file.chmod(0o644)
    at = data.draw(st.integers(0, len(before) - 1))
    kind = data.draw(st.sampled_from(["byte", "cut", "inside", "other"]))
    try:
        file.write_bytes(mutated(before, at, kind))
        found = anchored.verify()
        same = zlib.decompress(before) == unpacked(file.read_bytes())
        assert same or not found.whole
    finally:
        file.write_bytes(before)


def mutated(before: bytes, at: int, kind: str) -> bytes:
    match kind:
        case "byte":
            return before[:at] + bytes([before[at] ^ 0x41]) + before[at + 1 :]
        case "cut":
            return before[:at]
        case "inside":
            whole = bytearray(zlib.decompress(before))
            whole[at % len(whole)] ^= 1
            return zlib.compress(bytes(whole))
        case _:
            return zlib.compress(b"blob 5\0hello")


def unpacked(data: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data)
    except zlib.error:
        return None
    return found if stream.eof else None


@settings(max_examples=60)
@given(data=st.data())
def test_a_tip_of_any_other_bytes(anchored: World, data: st.DataObject) -> None:
    """A commit whose name fits its bytes, in place of the last one or on top of it."""
    tip = anchored.tip
    raw = bytearray(anchored.read(tip))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["set", "drop", "add"])):
            case "set":
                raw[at] ^= data.draw(st.integers(1, 255))
            case "drop":
                del raw[at]
            case _:
                raw.insert(at, data.draw(st.integers(0, 255)))
    made = anchored.put("commit", bytes(raw))
    if made == tip:
        return
    anchored.forget()
    try:
        anchored.move(made)
        assert not anchored.verify().whole
    finally:
        anchored.move(tip)
        anchored.repository.references.create("refs/reconciler/seen/records", tip, force=True)


@settings(max_examples=40)
@given(data=st.data())
def test_refs_that_name_anything(anchored: World, data: st.DataObject) -> None:
    tip = anchored.tip
    name = data.draw(
        st.sampled_from(
            [
                "refs/heads/records",
                "refs/reconciler/seen/records",
                "refs/remotes/origin/records",
                "refs/tags/records-anchor/3",
            ]
        )
    )
    text = data.draw(
        st.sampled_from(reached(anchored)).map(str.encode)
        | st.binary(max_size=60)
        | st.sampled_from(["ref: refs/heads/main", "ref: " + name, "0" * 40, "1" * 40]).map(
            str.encode
        )
    )
    file = Path(anchored.path) / name
    before = file.read_bytes() if file.exists() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_bytes(text + b"\n")
        found = anchored.verify()
        assert not found.whole or found.tip == tip
        if name == "refs/heads/records":
            assert not found.whole or found.tip == tip
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)
