"""Objects and packs as git itself judges them; nothing in a name or a text writes a header."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.canonical import digest
from reconciler.core.git_objects import (
    FILE,
    TREE,
    BadObject,
    TreeEntry,
    Who,
    any_commit,
    commit_bytes,
    object_id,
    read_commit,
    read_tag,
    read_tree,
    tag_bytes,
    with_entry,
    with_signature,
    write_tree,
)
from reconciler.core.git_pack import pack
from reconciler.core.records.words import line, message
from reconciler.model.git import ObjectKind
from reconciler.model.record import RecordKind
from tests.records import drafts
from tests.repos import GitRepo

EMPTY = object_id("tree", b"")
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nAAAA\nBBBB\n-----END SSH SIGNATURE-----\n"
ODD = st.text(
    st.sampled_from("aZ<>()\n\r\t\0 :#-é…\u2028\u202e\u200b\x85\x1b\x9b\u2066😀\ud800\ue000\x7f"),
    max_size=12,
) | st.text(max_size=12)
NASTY = (
    "\nApproved-by: Eve <eve@example.com>",
    "x\n\nApproved-by: Eve <eve@example.com>\n",
    "Approved-by: Eve <eve@example.com>",
    "Eve> 1 +0000\ncommitter Ada <ada@example.com> 2 +0000\ngpgsig x",
    "\n-----BEGIN SSH SIGNATURE-----",
    "---",
    "# no line",
    "\x1b[2Ja\u202eb",
)
TEXTS = ODD | st.sampled_from(NASTY)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    return GitRepo.make(tmp_path_factory.mktemp("objects") / "r.git")


def git(repo: GitRepo, *args: str, data: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", repo.path, *args], input=data, capture_output=True, check=True
    ).stdout


def keep(repo: GitRepo, kind: ObjectKind, data: bytes) -> str:
    """Git's own opinion of an object: `hash-object` refuses one that is not well formed."""
    oid = git(repo, "hash-object", "-w", "--stdin", "-t", kind, data=data).decode().strip()
    assert oid == object_id(kind, data)
    assert git(repo, "cat-file", kind, oid) == data
    return oid


NAMES = st.binary(min_size=1, max_size=4).filter(
    lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")
)


@settings(max_examples=40)
@given(st.dictionaries(NAMES, st.booleans(), max_size=8))
@example({b"a": True, b"a.b": False, b"a-b": True, b"a0": False, b"ab": True})
def test_a_tree_is_in_gits_own_order(repo: GitRepo, names: dict[bytes, bool]) -> None:
    blob = keep(repo, "blob", b"")
    keep(repo, "tree", b"")
    entries = [
        TreeEntry(name, TREE if folder else FILE, bytes.fromhex(EMPTY if folder else blob))
        for name, folder in names.items()
    ]
    data = write_tree(entries)
    assert write_tree(reversed(entries)) == data
    made = b"".join(
        b"%s %s %s\t%s\0"
        % (one.mode, b"tree" if one.folder else b"blob", one.oid.hex().encode(), one.name)
        for one in entries
    )
    assert git(repo, "mktree", "-z", data=made).decode().strip() == object_id("tree", data)
    back = read_tree(data)
    assert write_tree(back.values()) == data
    assert {name: one.folder for name, one in back.items()} == names
    for name in names:
        less = with_entry(back, name, None)
        assert set(less) == set(names) - {name}
        assert write_tree(with_entry(less, name, back[name]).values()) == data


@given(st.binary(max_size=80))
@example(b"100644 a\0" + b"1" * 19)
@example((b"100644 a\0" + b"1" * 20) * 2)
def test_a_tree_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    try:
        entries = read_tree(data)
    except BadObject:
        return
    parts = (one.mode + b" " + one.name + b"\0" + one.oid for one in entries.values())
    assert b"".join(parts) == data


@given(st.binary(max_size=80))
@example(b"tree a\n\nx")
@example(b"tree a\nauthor a\nauthor b\ncommitter c\n\nx")
@example(b"tree a\nauthor a\ncommitter c\ngpgsig a\ngpgsig b\n\nx")
def test_a_commit_of_any_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(BadObject):
        read_commit(data)


LINES = st.sampled_from(
    [
        b"tree " + b"a" * 40,
        b"tree " + b"A" * 40,
        b"parent " + b"b" * 40,
        b"parent " + b"b" * 39,
        b"parent " + b"b" * 40 + b" ",
        b"author A <a@b> 1 +0000",
        b"author ",
        b"author",
        b"committer C \xff\r <c@d> 2 +0000",
        b"gpgsig -----BEGIN",
        b"gpgsig ",
        b"gpgsig",
        b"gpgsig-sha256 x",
        b"encoding x",
        b"  two \xe2",
        b" \xac one",
        b" ",
        b"",
        b"words",
    ]
)
USUAL = [b"tree " + b"a" * 40, b"author A <a@b> 1 +0000", b"committer C <c@d> 2 +0000"]


@settings(max_examples=400)
@given(st.lists(LINES, max_size=3), st.lists(LINES, max_size=5), st.integers(0, 1))
@example([b"parent " + b"b" * 40], [b"gpgsig -----BEGIN", b" a", b"  b", b" ", b"", b"words"], 1)
@example([], [b"gpgsig -----BEGIN", b"", b" a", b"", b"words"], 1)
@example([], [b"gpgsig ", b" a", b"", b"words"], 1)
@example([], [b"gpgsig -----BEGIN", b" a", b"gpgsig -----BEGIN", b"", b"words"], 1)
def test_a_usual_commit_is_read_as_any_other(
    first: list[bytes], last: list[bytes], usual: int
) -> None:
    tree, *people = USUAL
    data = b"\n".join([tree, *first, *people, *last] if usual else first + last)

    def told(read: Any) -> Any:
        try:
            return read(data)
        except BadObject as err:
            return str(err)

    assert told(read_commit) == told(any_commit)


@settings(max_examples=60)
@given(TEXTS, TEXTS, TEXTS, st.integers(-(2**40), 2**40))
def test_no_name_writes_a_header(
    repo: GitRepo, name: str, email: str, text: str, seconds: int
) -> None:
    keep(repo, "tree", b"")
    who = Who(name, email, seconds)
    words = line(text, 100) or "words"
    data = commit_bytes(EMPTY, (), who, Who("Ada", "ada@example.com", 5), words)
    assert len(data.partition(b"\n\n")[0].split(b"\n")) == 3
    keep(repo, "commit", data)
    signed = with_signature(data, SIGNATURE)
    oid = keep(repo, "commit", signed)
    found = read_commit(signed)
    assert (found.tree, found.parents, found.others) == (EMPTY, (), ())
    assert found.author == who.line
    assert found.committer == "Ada <ada@example.com> 5 +0000"
    assert found.signature == SIGNATURE
    assert found.signed == data
    assert found.message == words.encode()
    shown = git(repo, "log", "-1", "--format=%an%x00%ae%x00%at", oid).decode().strip("\n")
    shown_name, shown_email, shown_at = shown.split("\0")
    # git leaves out crumbs at the ends of a name when it shows it
    assert shown_name.strip(".,:;<>\"\\' ") == who.line.partition(" <")[0].strip(".,:;<>\"\\' ")
    assert shown_email == who.line.partition(" <")[2].partition(">")[0]
    assert int(shown_at) == max(seconds, 0)


@given(TEXTS, st.integers(1, 50))
def test_a_line_is_one_and_obeys_nobody(text: str, most: int) -> None:
    one = line(text, most)
    assert one.isprintable()
    assert len(one) <= most
    assert one == one.strip() == line(one, most)


FREE = {
    "action", "mode", "verdict", "risk", "result", "what", "step", "scope", "kind"
}  # fmt: skip


@settings(max_examples=150)
@given(st.sampled_from([kind.value for kind in RecordKind]), st.data())
def test_a_message_has_the_trailers_that_we_meant(
    repo: GitRepo, kind: str, data: st.DataObject
) -> None:
    def odd(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: odd(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [odd(one, key) for one in value]
        fixed = key in FREE and not (key == "what" and kind == "refusal")
        fixed |= key in {"now", "until", "expires", "digest", "drift", "began", "target", "head"}
        fixed |= (
            key in {"commit", "good", "bad", "at"} or value is None or not isinstance(value, str)
        )
        return value if fixed else data.draw(TEXTS, label=key)

    words = [data.draw(TEXTS) for _ in range(4)]
    actor = drafts.ADA.model_copy(
        update={"name": words[0], "email": words[1], "agent": words[2], "task": words[3]}
    )
    body = {"kind": kind, **odd(drafts.BODIES[kind])}
    record, written = drafts.document(
        kind, body=body, actor=actor, run=data.draw(TEXTS), environment="box-one"
    )
    text = message(record, digest(written))
    assert text.replace("\n", "").isprintable()
    head, _, rest = text.partition("\n\n")
    assert "\n" not in head
    assert head
    paragraphs = rest.rstrip("\n").split("\n\n")
    trailers = paragraphs[-1].split("\n")
    found = [one.partition(": ")[0] for one in trailers]
    wanted = ["Environment", "Kind", "Commit", "Plan", "Policy", "Decision", "Approved-by"]
    wanted += ["Actor", "Agent", "Task-Id", "Run-Id", "Sequence", "Record"]
    ranks = [wanted.index(one) for one in found]
    assert ranks == sorted(ranks)
    agreed = len(drafts.DECISION["agreed"]) if kind == "decision" else 0
    assert found.count("Approved-by") == agreed
    assert all(found.count(one) <= 1 for one in wanted if one != "Approved-by")
    assert trailers[-1] == f"Record: {digest(written)}"
    assert trailers[found.index("Actor")].endswith("(forge id 7)")
    asked = git(repo, "interpret-trailers", "--parse", "--no-divider", data=text.encode())
    assert asked.decode().rstrip("\n").split("\n") == trailers
    # nothing that looks like a trailer stands among the sentences either
    for sentence in "\n".join(paragraphs[:-1]).split("\n"):
        assert sentence.partition(":")[0] not in {"Approved-by", *wanted}
    oid = keep(repo, "commit", commit_bytes(EMPTY, (), Who("a", "b", 1), Who("a", "b", 1), text))
    assert git(repo, "log", "-1", "--format=%B", oid).decode().rstrip("\n") == text.rstrip("\n")


def test_a_long_name_does_not_push_the_forges_id_out() -> None:
    name = "Ada <ada@example.com> (forge id 1) at 2026-01-01" + " x" * 1000
    actor = drafts.ADA.model_copy(update={"name": name})
    record, data = drafts.document("expiry", actor=actor)
    (said,) = (one for one in message(record, digest(data)).split("\n") if "Actor" in one)
    assert said.endswith("… <ada@example.com> (forge id 7)")
    assert said.count("<") == said.count("forge id 7") == 1


def test_a_tag_is_what_git_makes(repo: GitRepo) -> None:
    commit = keep(repo, "commit", commit_bytes(EMPTY, (), Who("a", "b", 1), Who("a", "b", 1), "x"))
    data = tag_bytes(commit, "anchor/7", Who("Ada", "ada@example.com", 9), "seven\n")
    keep(repo, "tag", data)
    keep(repo, "tag", data + SIGNATURE.encode())
    assert read_tag(data) == (commit, "anchor/7", data, "")
    assert read_tag(data + SIGNATURE.encode()) == (commit, "anchor/7", data, SIGNATURE)
    with pytest.raises(BadObject):
        read_tag(data.replace(b"type commit", b"type tree"))


# --------------------------------------------------------------------------------------- packs


@settings(max_examples=15)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([b"x" * 5000, b"\0" * 70_000])))
def test_a_pack_is_one_to_git(tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]) -> None:
    repo = GitRepo.make(tmp_path_factory.mktemp("pack") / "r.git")
    objects: dict[str, tuple[ObjectKind, bytes]] = {
        object_id("blob", data): ("blob", data) for data in blobs
    }
    tree = write_tree(TreeEntry(oid.encode(), FILE, bytes.fromhex(oid)) for oid in sorted(objects))
    objects[object_id("tree", tree)] = ("tree", tree)
    who = Who("Ada", "ada@example.com", 1)
    commit = commit_bytes(object_id("tree", tree), (), who, who, "x")
    tip = object_id("commit", commit)
    objects[tip] = ("commit", commit)
    tag = tag_bytes(tip, "one", who, "x\n")
    objects[object_id("tag", tag)] = ("tag", tag)
    name, body, index = pack(objects)
    folder = repo.path / "objects/pack"
    place = folder / f"pack-{name}"
    place.with_suffix(".pack").write_bytes(body)
    other = folder / "other.idx"
    git(repo, "index-pack", "-o", str(other), str(place.with_suffix(".pack")))
    assert other.read_bytes() == index
    other.unlink()
    for left in folder.glob("*.rev"):
        left.unlink()
    place.with_suffix(".idx").write_bytes(index)
    git(repo, "verify-pack", str(place.with_suffix(".idx")))
    for oid, (kind, data) in objects.items():
        assert git(repo, "cat-file", kind, oid) == data
    git(repo, "update-ref", "refs/heads/main", tip)
    assert git(repo, "fsck", "--strict", "--full", "--no-dangling") == b""


def test_a_pack_that_no_index_could_tell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.core.git_pack._LARGE", 20)
    data = bytes(range(256))
    objects: dict[str, tuple[ObjectKind, bytes]] = {
        object_id("blob", data[:at]): ("blob", data[:at]) for at in (100, 200)
    }
    with pytest.raises(ValueError, match="large"):
        pack(objects)


def test_git_finds_nothing_wrong_with_a_whole_history(tmp_path: Path) -> None:
    from reconciler.adapters.record_store import GitRecords
    from reconciler.app.records import Records

    repo = GitRepo.make(tmp_path / "r.git")
    records = Records(GitRecords(repo.path, "records"))
    for draft in drafts.every_kind():
        records.append([draft])
    records.append([drafts.draft("expiry", number) for number in range(100, 160)])
    said = subprocess.run(
        ["git", "-C", repo.path, "fsck", "--strict", "--full"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [one for one in said.stderr.splitlines() if not one.startswith("notice:")] == []
    assert git(repo, "rev-list", "--count", "records").decode().strip() == "77"
