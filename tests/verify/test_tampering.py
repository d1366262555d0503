"""Whatever is done to a history of records, it is named, and nothing ends in a traceback."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters import workers
from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.app.bench import trees_of
from reconciler.core.canonical import canonical
from reconciler.core.git_objects import FILE, TreeEntry, read_commit, read_tree, write_tree
from reconciler.errors import ReconcilerError
from tests.verify.conftest import Run
from tests.verify.history import FREEZE, SCOUT, TOM, Made, World, again

PORTAL = "environments/acme-portal/"


def kinds(world: World) -> list[str]:
    records = world.records("")
    return [records.kept(one).record.body.kind for one in world.commits]


def number(world: World, kind: str, which: int = 0) -> int:
    return [place for place, one in enumerate(kinds(world)) if one == kind][which]


def test_the_history_is_whole(told: World, world: World, run: Run) -> None:
    found = told.verify()
    assert (found.records, found.signed, found.breaks) == (len(told.commits), found.records, ())
    assert found.whole
    assert set(kinds(told)) >= {
        *("policy", "decision", "apply-started", "apply-ended", "drift-seen", "drift-gone"),
        *("freeze", "resume", "waiver", "override"),
    }
    done = run("audit", "verify", "--format", "json")
    assert (done.code, done.json["whole"], done.json["tip"]) == (0, True, world.tip)
    for since in told.commits:
        assert told.verify(since=since).whole


def test_processes_come_to_the_same(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_FORK_FROM", 1)
    monkeypatch.setattr(workers, "_BLOCK", 3)
    monkeypatch.setenv("RECONCILER_JOBS", "2")
    assert run("audit", "verify").code == 0
    place = number(world, "apply-started")
    world.rechain(place, {place: lambda made: again(made, commit="1" * 40)})
    alone = world.verify()
    assert alone.breaks
    done = run("audit", "verify", "--format", "json")
    assert done.code == 1
    assert [one["name"] for one in done.json["breaks"]] == [one.name for one in alone.breaks]


# --------------------------------------------------------------------- objects that are damaged


def damage(world: World, oid: str, how: str) -> None:
    file = world.path / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    if how == "gone":
        file.unlink()
    elif how == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    else:
        data[len(data) // 2] ^= 0x55
        file.write_bytes(data)


OBJECTS: dict[str, Callable[[World, str], str]] = {
    "commit": lambda _world, commit: commit,
    "root": lambda world, commit: world.entry(commit, ""),
    "environments": lambda world, commit: world.entry(commit, "environments"),
    "folder": lambda world, commit: world.entry(commit, PORTAL[:-1]),
    "document": lambda world, commit: world.entry(commit, "record.json"),
    "status": lambda world, commit: world.entry(commit, PORTAL + "status.json"),
    "applied": lambda world, commit: world.entry(commit, PORTAL + "applied/terraform/main.tf"),
    "decision": lambda world, commit: world.entry(commit, PORTAL + "decision.json"),
    "plan": lambda world, commit: world.entry(commit, PORTAL + "plan.json"),
}


@pytest.mark.parametrize("what", ["nothing", "forged", "unsigned", *sorted(OBJECTS)])
def test_processes_say_the_very_same(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(workers, "_FORK_FROM", 1)
    monkeypatch.setattr(workers, "_BLOCK", 3)
    place = number(world, "apply-started" if what in ("forged", "unsigned") else "decision")
    if what == "forged":
        world.rechain(place, {place: lambda made: again(made, commit="1" * 40)})
    elif what == "unsigned":
        world.rechain(place, {}, lambda _made: None)
    elif what != "nothing":
        place = number(world, "apply-ended") if what == "applied" else place
        damage(world, OBJECTS[what](world, world.commits[place]), "flip")
    alone = world.verify()
    assert alone.whole is (what == "nothing")
    assert world.verify(workers=workers.Workers(2)) == alone


@pytest.mark.parametrize("what", sorted(OBJECTS))
def test_what_is_damaged_in_a_pack_is_named_too(world: World, what: str) -> None:
    place = number(world, "decision" if what in ("decision", "plan") else "apply-ended")
    commit = world.commits[place]
    oid = OBJECTS[what](world, commit)
    git = ["git", "-C", str(world.path)]
    subprocess.run([*git, "repack", "-adq", "--depth=0"], check=True)
    (pack,) = world.path.glob("objects/pack/*.pack")
    told = subprocess.run(
        [*git, "verify-pack", "-v", pack], capture_output=True, check=True, text=True
    ).stdout
    size, offset = next(
        map(int, one.split()[3:5]) for one in told.splitlines() if one.startswith(oid)
    )
    data = bytearray(pack.read_bytes())
    data[offset + size // 2] ^= 0x55
    pack.chmod(0o644)
    pack.write_bytes(data)
    first = world.verify().breaks[0]
    assert (first.commit, first.code) == (commit, "hole" if what == "commit" else "damaged")


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "gone"])
@pytest.mark.parametrize("what", sorted(OBJECTS))
def test_every_damaged_object_is_named(world: World, what: str, how: str) -> None:
    ended = number(world, "apply-ended")
    place = ended if what not in ("decision", "plan") else number(world, "decision")
    commit = world.commits[place]
    damage(world, OBJECTS[what](world, commit), how)
    found = world.verify()
    assert not found.whole
    first = found.breaks[0]
    assert first.commit == commit
    assert first.code == ("hole" if what == "commit" else "damaged")


def test_every_damaged_byte_of_a_pack_is_named_or_harmless(world: World) -> None:
    git(world, "repack", "-adq", "--depth=0")
    (pack,) = (world.path / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    caught = 0
    for at in range(13, len(data), max(1, len(data) // 40)):
        changed = bytearray(data)
        changed[at] ^= 0xFF
        pack.write_bytes(changed)
        with suppress(ReconcilerError):  # the documents of the target branch are in the pack, too
            caught += not world.verify().whole
    pack.write_bytes(data)
    assert caught
    assert world.verify().whole


def git(world: World, *words: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.path), *words], capture_output=True, text=True, check=check
    )
    return done.stdout.strip()


@pytest.mark.parametrize("kind", ["commit", "tree", "blob"])
def test_a_branch_that_names_no_commit_is_broken(world: World, kind: str) -> None:
    oid = {"commit": "1" * 40, "tree": world.entry(world.tip, "")}.get(kind)
    oid = oid or world.entry(world.tip, "record.json")
    (world.path / "refs" / "heads" / "records").write_text(oid + "\n")
    assert world.codes() == {"hole"}


# ------------------------------------------------------------------------ the order of commits


def test_a_record_that_is_dropped_from_the_middle_is_missed(world: World) -> None:
    commits = world.commits
    at = commits[4]
    for one in commits[6:]:
        data = world.read(one)
        at = world.put("commit", data.replace(read_commit(data).parents[0].encode(), at.encode()))
    world.move(at)
    assert {"order", "signature"} <= world.codes()
    bad = {number for code, number in world.broken() if code == "signature"}
    missing = {number for code, number in world.broken() if code == "unsigned"}
    assert bad
    assert not bad & missing, "one bad signature is one break"


def test_a_dropped_record_is_missed_though_all_the_rest_is_made_to_fit(world: World) -> None:
    order = [one for one in range(5, len(world.commits)) if one != 6]
    world.rechain(5, {}, order=order, resign=lambda _made: None)
    assert ("unsigned", 6) in world.broken()
    assert ("outcome", 6) in world.broken() or ("decision", 6) in world.broken()


def test_two_that_changed_places_are_noticed(world: World) -> None:
    order = list(range(4, len(world.commits)))
    order[0], order[1] = order[1], order[0]
    world.rechain(4, {}, order=order)
    assert world.codes()


@pytest.mark.parametrize(
    "who,code", [("eve", "unknown-key"), ("tom", "unknown-key"), ("", "unsigned")]
)
def test_the_rest_signed_by_somebody_else_is_named_one_by_one(
    world: World, who: str, code: str
) -> None:
    total = len(world.commits)
    world.rechain(8, {}, resign=lambda _made: world.key(who) if who else None)
    assert {(code, one) for one in range(8, total)} <= world.broken()


def test_a_person_signs_what_that_person_did_and_nothing_else(world: World) -> None:
    world.rechain(8, {}, resign=lambda _made: world.key("ada"))
    broken = world.broken()
    freeze = number(world, "freeze")
    assert ("unknown-key", freeze) not in broken
    assert ("unknown-key", freeze + 2) in broken


# --------------------------------------------------------------------------- what a record says


def changed(**more: object) -> Callable[[Made], None]:
    def change(made: Made) -> None:
        for name, value in more.items():
            setattr(made, name, value)

    return change


def worded(old: str, new: str) -> Callable[[World, str], str]:
    def change(world: World, commit: str) -> str:
        data = world.read(commit)
        assert old.encode() in data
        return world.recommit(commit, lambda data: data.replace(old.encode(), new.encode(), 1))

    return change


@pytest.mark.parametrize(
    "old,new,code",
    [
        ("drift(acme-portal)", "drift(globex-shop)", "message"),
        ("Sequence: ", "Sequence: 1", "message"),
        ("Actor: controller", "Actor: Ada Berg", "message"),
        ("\n\n", "\n\nAll is well.\n", "message"),
        ("author controller", "author Ada Berg", "actor"),
        ("committer controller", "committer Ada Berg", "signature"),
        (" +0000\ngpgsig", " +0100\ngpgsig", "time"),
        ("\ngpgsig", "\nencoding UTF-8\ngpgsig", "message"),
        ("\ngpgsig", "\n something more\ngpgsig", "message"),
        ("\ngpgsig", "\ngpgsig-sha256 x\ngpgsig", "message"),
        ("\nauthor", "\nmergetag object\n more\nauthor", "message"),
        ("\ngpgsig", "\ngpgsig x\ngpgsig", "not-a-record"),
        ("tree ", "tree 0", "damaged"),
        ("author ", "autor ", "not-a-record"),
    ],
)
def test_a_tip_whose_words_are_changed_is_named(
    world: World, old: str, new: str, code: str
) -> None:
    tip = world.move(world.commits[number(world, "drift-gone")])
    world.move(worded(old, new)(world, tip))
    found = world.verify()
    assert code in {one.code for one in found.breaks}
    assert {one.commit for one in found.breaks} == {world.tip}


def test_a_moved_signature_is_named_though_it_is_good(world: World) -> None:
    data = world.read(world.tip)
    head, _, rest = data.partition(b"\n\n")
    before, mark, signature = head.partition(b"\ngpgsig ")
    tree, line, others = before.partition(b"\n")
    moved = tree + mark + signature + line + others + b"\n\n" + rest
    world.move(world.put("commit", moved))
    assert world.codes() == {"message"}


@pytest.mark.parametrize(
    "change,code",
    [
        (changed(message="drift(acme-portal): gone\n"), "message"),
        (changed(author="Ada Berg <ada@example.com> 1793606700 +0000"), "actor"),
        (lambda made: made.doc.update(simulated=True), "simulated"),
        (lambda made: made.doc.update(at="2026-02-31T00:00:00Z"), "time"),
        (lambda made: made.doc.update(schema="reconciler.records/v2"), "future"),
        (lambda made: made.doc.update(schema="something/v1"), "not-a-record"),
        (lambda made: made.doc.update(more=1), "not-a-record"),
        (lambda made: made.doc.pop("program"), "not-a-record"),
        (lambda made: made.doc.update(at="2026-11-01T00:00:00Z"), "clock"),
        (lambda made: made.doc.update(id="0" * 31), "not-a-record"),
        (lambda made: made.doc["chain"].update(sequence=2**53 - 1), "order"),
        (lambda made: made.doc["chain"].update(sequence=3), "order"),
        (lambda made: made.doc["chain"].update(parent="1" * 40), "order"),
        (lambda made: made.doc["chain"].update(previous="sha256:" + "1" * 64), "order"),
        (lambda made: made.doc["chain"].update(previous=None), "order"),
        (lambda made: made.doc["chain"].update(jump=None), "order"),
        (lambda made: made.doc["chain"].update(jump={"sequence": 0, "commit": "1" * 40}), "order"),
    ],
)
def test_a_writer_that_lies_or_errs_is_named(
    world: World, change: Callable[[Made], None], code: str
) -> None:
    """Signed by the right key: what is wrong shows all the same."""
    place = number(world, "drift-gone")
    world.move(world.commits[place])

    def forge(made: Made) -> None:
        place_of(world, made, place)
        change(made)

    raw_rechain(world, place, forge)
    assert code in {
        one.code for one in world.verify().breaks if one.sequence == place or code == "order"
    }


def place_of(world: World, made: Made, place: int) -> None:
    made.chain = False
    made.doc["chain"] = json.loads(world.records("").kept(world.commits[place]).data)["chain"]


def raw_rechain(world: World, place: int, change: Callable[[Made], None]) -> None:
    """A forged last record, also one that our own reader does not take."""
    made = world.parts(world.commits[place])
    change(made)
    parent = world.commits[place - 1]
    data = canonical(made.doc)
    try:
        world.rechain(place, {place: change})
    except ValueError:
        records = world.records("")
        tree = read_commit(world.read(parent)).tree
        root = records.objects.edited(tree, {(b"record.json",): data})
        assert isinstance(records.store, GitRecords)
        records.store._flush()
        old = world.read(world.commits[place])
        was = read_commit(old).tree
        world.move(world.put("commit", old.replace(was.encode(), root.encode())))


def test_the_same_record_twice_is_named(world: World) -> None:
    first = json.loads(world.records("").kept(world.commits[3]).data)["id"]
    world.rechain(6, {6: lambda made: made.doc.update(id=first)})
    assert world.broken() == {("twice", 6)}


def test_another_document_than_the_words_say_is_named(world: World) -> None:
    place = number(world, "freeze")
    words = read_commit(world.read(world.commits[place])).message.decode()

    def change(made: Made) -> None:
        again(made, because="All is well.")
        made.message = words

    world.rechain(place, {place: change})
    assert ("message", place) in world.broken()


# --------------------------------------------------------------------------------- its files


def with_file(path: str, data: bytes | None, **more: object) -> Callable[[Made], None]:
    def change(made: Made) -> None:
        made.files[path] = data
        for name, value in more.items():
            setattr(made, name, value)

    return change


@pytest.mark.parametrize(
    "path,data",
    [
        (PORTAL + "status.json", b"{}\n"),
        (PORTAL + "status.json", b"no json"),
        (PORTAL + "status.json", None),
        (PORTAL + "applied/terraform/main.tf", b"# another\n"),
        (PORTAL + "decision.json", b"{}"),
        (PORTAL + "decision.json", None),
        ("environments/globex-shop/status.json", b"{}"),
        (PORTAL + "plan.json", None),
        ("environments/new/status.json", b"{}"),
        ("README.md", b"All is well."),
        (".gitattributes", b"* -diff"),
        ("status.json", b"{}"),
        ("environments/_/00/acme-portal/status.json", b"{}"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_file_that_a_record_has_no_business_with(
    world: World, path: str, data: bytes | None, *, listed: bool
) -> None:
    place = number(world, "drift-gone")
    world.rechain(place, {place: with_file(path, data, status=False, listed=listed)})
    assert ("tree", place) in world.broken()


@pytest.mark.parametrize("name", ["decision.json", "plan.json"])
def test_files_beside_a_decision_say_the_same(world: World, name: str) -> None:
    place = number(world, "decision")

    def change(made: Made) -> None:
        data = made.files[PORTAL + name]
        assert data is not None
        made.files[PORTAL + name] = data.replace(b"acme-portal", b"acme-portol", 1)

    world.rechain(place, {place: change})
    assert ("tree" if name == "decision.json" else "plan", place) in world.broken()


@pytest.mark.parametrize("kind", ["decision", "apply-started"])
@pytest.mark.parametrize(
    "lie", [{"create": 0, "delete": 1}, {"create": 0}, {"losesData": ["aws_db_instance.main"]}]
)
def test_a_plan_in_few_words_says_what_the_plan_does(
    world: World, kind: str, lie: dict[str, object]
) -> None:
    """People read the words; the digest beside them stays the right one."""
    place = number(world, kind)

    def change(made: Made) -> None:
        made.doc["body"]["plan"] |= lie

    world.rechain(place, {place: change})
    assert ("plan", place) in world.broken()


def test_a_word_for_what_was_hidden_excuses_no_other_plan(world: World) -> None:
    place = number(world, "decision")

    def change(made: Made) -> None:
        data = made.files[PORTAL + "plan.json"]
        assert data is not None
        plan = json.loads(data)
        plan["changes"][0]["address"] = "aws_iam_user.backdoor"
        plan["changes"][0]["type"] = "(sensitive)"
        made.files[PORTAL + "plan.json"] = canonical(plan) + b"\n" * data.endswith(b"\n")

    world.rechain(place, {place: change})
    assert ("plan", place) in world.broken()


@pytest.mark.parametrize(
    "entries",
    [
        lambda old: [*old, TreeEntry(b"..", FILE, b"o" * 20)],
        lambda old: [*old, TreeEntry(b".git", FILE, b"o" * 20)],
        lambda old: [*old, TreeEntry(b"a/b", FILE, b"o" * 20)],
        lambda old: [*old, TreeEntry(b"\xff", FILE, b"o" * 20)],
        lambda old: [*old, TreeEntry(b"link", b"120000", b"o" * 20)],
        lambda old: [*old, TreeEntry(b"sub", b"160000", b"o" * 20)],
        lambda old: [*old, TreeEntry(b"run", b"100755", b"o" * 20)],
        lambda old: [*old, TreeEntry(b"Environments", b"40000", b"o" * 20)],
        lambda old: [*old, *old],
        lambda old: [old[0]],
        lambda _old: [],
        lambda old: [
            TreeEntry(one.name, b"100755", one.oid) if not one.folder else one for one in old
        ],
    ],
)
def test_odd_entries_of_a_tree_are_named(
    world: World, entries: Callable[[list[TreeEntry]], list[TreeEntry]]
) -> None:
    data = world.read(world.tip)
    was = read_commit(data).tree
    old = list(read_tree(world.read(was)).values())
    root = world.put("tree", write_tree(entries(old)))
    world.move(world.put("commit", data.replace(was.encode(), root.encode())))
    found = world.verify()
    assert {one.code for one in found.breaks} & {"tree", "damaged", "not-a-record"}


def test_a_tree_in_another_order_is_named(world: World) -> None:
    data = world.read(world.tip)
    was = read_commit(data).tree
    raw = b"".join(
        one.mode + b" " + one.name + b"\0" + one.oid
        for one in list(read_tree(world.read(was)).values())[::-1]
    )
    root = world.put("tree", raw)
    world.move(world.put("commit", data.replace(was.encode(), root.encode())))
    assert "damaged" in world.codes()


# ------------------------------------------------------------------------- what is no record


def on_top(world: World, files: dict[str, bytes], parents: list[str] | None = None) -> str:
    repository = world.repository
    builder = repository.TreeBuilder()
    for name, data in files.items():
        builder.insert(name, repository.create_blob(data), pygit2.enums.FileMode.BLOB)
    who = pygit2.Signature("Eve", "eve@example.com", 1793606700, 0)
    above = [pygit2.Oid(hex=one) for one in parents or [world.tip]]
    return str(repository.create_commit(None, who, who, "Nothing", builder.write(), above))


def deep() -> bytes:
    return b'{"a":' * 5000 + b"1" + b"}" * 5000


@pytest.mark.parametrize(
    "files,code",
    [
        ({}, "not-a-record"),
        ({"record.json": b""}, "not-a-record"),
        ({"record.json": b"null"}, "not-a-record"),
        ({"record.json": b"{}"}, "not-a-record"),
        ({"record.json": b'{"schema":"reconciler.records/v1"}'}, "not-a-record"),
        ({"record.json": b'{"schema":"reconciler.records/v9"}'}, "future"),
        ({"record.json": b"[" * 100_000}, "not-a-record"),
        ({"record.json": deep()}, "not-a-record"),
        ({"record.json": b'{"a":' + b"9" * 5000 + b"}"}, "not-a-record"),
        ({"record.json": b'{"a":1e400}'}, "not-a-record"),
        ({"record.json": b'{"a":"\\ud800"}'}, "not-a-record"),
        ({"record.json": b'"\xff\xfe"'}, "not-a-record"),
        ({"record.json": '{"schema":"reconciler.records/v1"}'.encode("utf-16")}, "not-a-record"),
    ],
)
def test_a_commit_that_is_no_record_is_named(
    world: World, files: dict[str, bytes], code: str, run: Run
) -> None:
    commit = world.move(on_top(world, files))
    found = world.verify()
    assert [(one.code, one.commit) for one in found.breaks] == [(code, commit)]
    assert run("audit", "verify").code == 1


def test_a_merge_is_named(world: World) -> None:
    made: list[str] = []

    def change(one: Made) -> None:
        made.append("")
        one.parents = (world.commits[11], world.head)

    world.move(world.commits[12])
    world.rechain(12, {12: change})
    assert ("merge", 12) in world.broken()


def test_a_blob_of_a_hundred_megabytes_is_not_read(world: World) -> None:
    commit = on_top(world, {"record.json": b"[" + b" " * 100_000_000 + b"]"})
    world.move(commit)
    found = world.verify()
    assert [(one.code, one.commit) for one in found.breaks] == [("damaged", commit)]
    assert "too large" in found.breaks[0].why


def test_a_shallow_clone_says_what_is_missing(world: World, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow.git"
    git(
        world,
        "clone",
        "-q",
        "--bare",
        "--depth=5",
        "--no-single-branch",
        f"file://{world.path}",
        str(shallow),
    )
    other = World(shallow, world.folder)
    found = other.verify()
    assert "hole" in {one.code for one in found.breaks}
    assert "--unshallow" in next(one.why for one in found.breaks if one.code == "hole")


def test_a_clone_without_records_says_so_and_how_to_fetch_them(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"
    git(world, "clone", "-q", "--single-branch", "--branch=main", str(world.path), str(clone))
    monkeypatch.chdir(clone)
    done = run("audit", "verify")
    assert done.code == 1
    assert "there is no branch `records` here, so nothing was verified" in done.err
    assert "WHOLE" not in done.out
    said = run("audit", "verify", "--format", "json")
    assert (said.code, said.json["kind"]) == (1, "Error")
    assert (said.json["reason"], said.json["subject"]) == ("no-records", "records")
    assert run("audit", "verify", "--sandbox").code == 1

    command = re.search(r"`(git fetch [^`]+)`", said.json["hint"])
    assert command is not None
    subprocess.run(command[1].split(), check=True, capture_output=True)
    again = run("audit", "verify")
    assert again.code == 0, again.err
    assert "WHOLE" in again.out


def test_grafts_and_replaced_objects_deceive_nobody(world: World) -> None:
    tip, commits = world.tip, world.commits
    (world.path / "shallow").write_text(commits[5] + "\n")
    (world.path / "info").mkdir(exist_ok=True)
    (world.path / "info" / "grafts").write_text(f"{commits[9]} {commits[3]}\n")
    assert world.verify().whole
    forged = world.recommit(commits[7], lambda data: data.replace(b"acme", b"ecma"))
    world.repository.references.create(f"refs/replace/{commits[7]}", forged)
    assert world.verify().records == len(commits)
    assert world.verify().whole
    assert world.tip == tip
    document = world.entry(tip, "record.json")
    status = world.entry(tip, "status.json")
    for oid, other in (
        (tip, commits[3]),
        (document, world.put("blob", b"{}")),
        (world.entry(tip, ""), world.entry(commits[3], "")),
        (status, world.put("blob", b"{}")),
    ):
        world.repository.references.create(f"refs/replace/{oid}", other)
    assert git(world, "cat-file", "blob", document) == "{}"  # plain git is deceived
    assert world.verify().whole
    assert world.records().kept(tip).data != b"{}"


def test_a_replaced_object_hides_nothing_that_is_broken(world: World) -> None:
    forged = on_top(world, {"README": b"nothing"})
    world.move(forged)
    world.repository.references.create(f"refs/replace/{forged}", world.commits[-2])
    assert [(one.code, one.commit) for one in world.verify().breaks] == [("not-a-record", forged)]


# ---------------------------------------------------------------------------------- the rules


def test_policies_that_were_never_on_the_target_branch(world: World) -> None:
    head = world.head
    elsewhere = world.edit("reconciler.yaml", "retry: 6m", "retry: 9m")
    world.move(head, "main")
    place = number(world, "policy", -1)
    trees = trees_at(world, elsewhere)
    world.rechain(place, {place: lambda made: again(made, commit=elsewhere, trees=trees)})
    assert ("law", place) in world.broken()


def trees_at(world: World, commit: str) -> dict[str, str]:
    return trees_of(GitSource(world.path), commit)


def test_an_older_law_does_not_bring_a_revoked_key_back(fresh: World) -> None:
    world, old = fresh, fresh.head
    world.applied("acme-portal")
    team = "profiles/teams/team-web.yaml"
    key = world.key("tom").public_key.text
    world.edit(team, f'keys: ["{key}"]', "keys: []")
    world.applied("acme-portal")
    assert world.verify().whole
    body = {"kind": "policy", "commit": old, "policies": "", "trees": trees_at(world, old)}
    world.happened(body)
    world.happened({"kind": "refusal", "what": "x", "why": "y", "commit": None, "decision": None},
                   actor=TOM, key_="tom")  # fmt: skip
    last = len(world.commits)
    assert {("law", last - 3), ("unknown-key", last - 1)} <= world.broken()


def test_trees_that_are_not_those_of_the_commit(world: World) -> None:
    place = number(world, "policy")
    world.rechain(place, {place: lambda made: again(made, trees={"policies": "0" * 40})})
    assert ("law", place) in world.broken()


@pytest.mark.parametrize(
    "change,code",
    [
        (lambda body: body.update(decision=0), "decision"),
        (lambda body: body.update(commit="1" * 40), "decision"),
        (lambda body: body.update(action="destroy"), "decision"),
        (lambda body: body["plan"].update(digest="sha256:" + "1" * 64), "decision"),
    ],
)
def test_an_apply_that_is_not_the_one_that_was_allowed(
    world: World, change: Callable[[dict[str, object]], None], code: str
) -> None:
    place = number(world, "apply-started")
    world.rechain(place, {place: lambda made: change(made.doc["body"])})
    assert (code, place) in world.broken()


def test_an_apply_without_a_decision(world: World) -> None:
    place = number(world, "decision", 1)
    order = [one for one in range(place, len(world.commits)) if one != place]
    world.rechain(place, {}, order=order)
    assert ("decision", place) in world.broken()


def test_an_apply_by_the_decision_about_another_environment(world: World) -> None:
    first, second = number(world, "decision", 1), number(world, "decision", 2)

    def change(made: Made) -> None:
        again(made, decision=first)

    world.rechain(second + 1, {second + 1: change})
    assert ("decision", second + 1) in world.broken()


@pytest.mark.parametrize("verdict", ["NEEDS_APPROVAL", "DENY", "INDETERMINATE"])
def test_an_apply_that_was_not_allowed(world: World, verdict: str) -> None:
    place = number(world, "decision")

    def change(made: Made) -> None:
        again(made, verdict=verdict)
        made.doc["body"]["decision"]["verdict"] = verdict
        made.files = {path: data for path, data in made.files.items() if "decision" not in path}

    world.rechain(place, {place: change})
    assert ("decision", place + 1) in world.broken()


APPROVALS: dict[str, Callable[[dict[str, object]], object]] = {
    "stranger": lambda one: one.update(name="Eve", email="eve@example.com", forgeId=666),
    "another-team": lambda one: one.update(name="Sara", email="sara@example.com", forgeId=3001),
    "author": lambda one: one.update(name="Ines", email="ines@example.com", forgeId=2001),
    "agent": lambda one: one.update(name="scout", email=SCOUT.email, forgeId=9001),
    "no-proof": lambda one: one.update(forgeId=None),
    "another-account": lambda one: one.update(forgeId=2003),
    "stale-commit": lambda one: one.update(head="1" * 40),
    "stale-plan": lambda one: one.update(plan="sha256:" + "1" * 64),
    "stale-policies": lambda one: one.update(policies="sha256:" + "1" * 64),
    "future": lambda one: one.update(at="2027-01-01T00:00:00Z"),
    "no-day": lambda one: one.update(at="2026-02-31T00:00:00Z"),
    "foreign-key": lambda one: one.update(signedBy="SHA256:" + "A" * 43),
}


@pytest.mark.parametrize("what", sorted(APPROVALS))
def test_an_approval_that_does_not_count(world: World, what: str) -> None:
    place = number(world, "decision")

    def change(made: Made) -> None:
        (one,) = made.doc["body"]["decision"]["agreed"]
        APPROVALS[what](one)
        made.files = {path: data for path, data in made.files.items() if "plan" in path}

    world.rechain(place, {place: change})
    assert {code for code, at in world.broken() if at == place} & {"approval", "not-a-record"}


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["decision"].update(verdict="DENY"),
        lambda body: body["decision"].update(environment="globex-shop"),
        lambda body: body["decision"]["inputs"].update({"commit.head": "1" * 40}),
        lambda body: body["decision"]["inputs"].update({"commit.target": "1" * 40}),
        lambda body: body["decision"]["inputs"].update(plan="sha256:" + "1" * 64),
        lambda body: body["decision"].update(missing=[{}]),
        lambda body: body["decision"].update(silent=[{}]),
        lambda body: body["decision"].update(risk="L3"),
        lambda body: body["gates"].append(
            {"gate": "policy", "digest": "", "failure": "it was away", "hint": "", "findings": 0}
        ),
        lambda body: body["plan"].update(digest="sha256:" + "1" * 64),
    ],
)
def test_a_decision_whose_parts_do_not_fit(
    world: World, change: Callable[[dict[str, object]], None]
) -> None:
    place = number(world, "decision")
    world.rechain(place, {place: lambda made: change(made.doc["body"])})
    assert ("decision", place) in world.broken()


@pytest.mark.parametrize(
    "scope,subject,until,caught",
    [
        ("everything", "", None, True),
        ("everything", "", "2026-11-30T00:00:00Z", True),
        ("everything", "", "2026-11-01T00:00:00Z", False),
        ("track", "customer", None, True),
        ("track", "demo", None, False),
        ("environment", "acme-portal", None, True),
        ("environment", "globex-shop", None, False),
        ("agent", "scout", None, False),
    ],
)
def test_nothing_is_applied_under_a_freeze_that_is_recorded(
    fresh: World, scope: str, subject: str, until: str | None, *, caught: bool
) -> None:
    fresh.stop(scope=scope, subject=subject, until=until)
    since = fresh.tip
    fresh.applied("acme-portal")
    for start in ("", since):
        assert ("freeze" in fresh.codes(since=start)) is caught
    fresh.stop("resume")
    fresh.applied("acme-portal")
    assert sum(one.code == "freeze" for one in fresh.verify().breaks) == caught


@pytest.mark.parametrize(
    "scope,expires,caught",
    [
        ("{everything: true}", "", True),
        ("{track: customer}", "", True),
        ("{environment: acme-portal}", "", True),
        ("{environment: globex-shop}", "", False),
        ("{everything: true}", "  expires: 2026-06-01", False),
        ("{everything: true}", "  expires: 2026-12-31", True),
    ],
)
def test_nothing_is_applied_under_a_freeze_that_is_declared(
    tmp_path: Path, scope: str, expires: str, *, caught: bool
) -> None:
    text = FREEZE.format(scope=scope, expires=expires + "\n")
    world = World.make(tmp_path, {"policies/freezes/stop.yaml": text})
    world.applied("acme-portal")
    assert world.codes() == ({"freeze"} if caught else set())


def test_an_apply_that_ends_without_having_begun(world: World) -> None:
    place = number(world, "apply-started")
    order = [one for one in range(place, len(world.commits)) if one != place]
    world.rechain(place, {}, order=order)
    assert ("outcome", place) in world.broken()


@pytest.mark.parametrize(
    "body",
    [
        {"started": 0},
        {"started": None},
        {"plan": "sha256:" + "1" * 64},
        {"commit": "1" * 40},
        {"action": "destroy"},
    ],
)
def test_an_end_of_something_else(world: World, body: dict[str, object]) -> None:
    place = number(world, "apply-ended")
    world.rechain(place, {place: lambda made: again(made, **body)})
    assert ("outcome", place) in world.broken()


def test_two_applies_of_one_environment_at_once(world: World) -> None:
    place = number(world, "apply-ended")
    order = [one for one in range(place, len(world.commits)) if one != place]
    world.rechain(place, {}, order=order)
    assert "outcome" in world.codes()


def test_an_open_apply_is_said_and_is_no_break(world: World) -> None:
    intent = world.started("acme-portal")
    found = world.verify()
    assert found.whole
    assert found.unsettled == (("acme-portal", intent.started.sequence),)
    assert world.verify(since=world.commits[-2]).unsettled == found.unsettled


def test_real_and_simulated_records_do_not_mix(world: World) -> None:
    recorder = world.recorder(branch="records-sandbox", simulated=True)
    world.applied("acme-portal", recorder, by=())
    assert world.verify(branch="records-sandbox", simulated=True).whole
    assert world.codes(branch="records-sandbox") >= {"simulated", "decision"}
    assert world.codes(simulated=True) == {"simulated"}


def test_what_is_new_is_judged_by_what_was_before(fresh: World) -> None:
    """Also where only the new ones are looked at: nothing gets past the check before an apply."""
    fresh.applied("acme-portal")
    since = fresh.tip
    assert fresh.verify(since=since).whole
    fresh.applied("acme-portal")
    start = len(fresh.commits) - 2
    fresh.rechain(start, {start: lambda made: again(made, decision=1)})
    assert ("decision", start) in fresh.broken(since=since)


def test_a_writer_cannot_hide_behind_another_name(world: World) -> None:
    place = number(world, "freeze")
    world.rechain(place, {place: lambda made: made.doc["actor"].update(forgeId=2002)})
    assert ("unknown-key", place) in world.broken()
