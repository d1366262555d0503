"""Breaks that somebody answers for, anchors, and what plain git says of our records."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.core.git_objects import read_commit
from reconciler.model.author import Author
from tests.verify.conftest import Run
from tests.verify.history import ADA, SCOUT, World, override
from tests.verify.test_tampering import damage, git, number, on_top


def garbage(world: World) -> None:
    world.move(on_top(world, {"README": b"nothing"}))


def garbage_twice(world: World) -> None:
    garbage(world)
    garbage(world)


def deleted(world: World) -> None:
    world.repository.references.create("refs/reconciler/seen/records", world.tip, force=True)
    world.repository.references.delete("refs/heads/records")


def cut_back(world: World) -> None:
    world.repository.references.create("refs/reconciler/seen/records", world.tip, force=True)
    world.move(world.commits[9])


def rewritten(world: World) -> None:
    world.repository.references.create("refs/reconciler/seen/records", world.tip, force=True)
    world.rechain(5, {}, resign=lambda _made: None)


def hole(world: World) -> None:
    damage(world, world.commits[8], "gone")


def damaged_document(world: World) -> None:
    damage(world, world.entry(world.commits[8], "record.json"), "flip")


def damaged_tip(world: World) -> None:
    damage(world, world.entry(world.tip, "record.json"), "flip")


def damaged_decision(world: World) -> None:
    place = number(world, "decision")
    damage(world, world.entry(world.commits[place], "record.json"), "flip")


KINDS: dict[str, Callable[[World], None]] = {
    one.__name__: one
    for one in (
        garbage,
        garbage_twice,
        deleted,
        cut_back,
        rewritten,
        hole,
        damaged_document,
        damaged_tip,
    )
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_work_goes_on_when_somebody_answers_for_it(world: World, run: Run, kind: str) -> None:
    KINDS[kind](world)
    broken = world.verify()
    assert broken.open_breaks
    assert run("audit", "verify").code == 1

    done = run("audit", "acknowledge", "--all", "--because", "restored, see INC-7")
    assert done.code == 0, done.err
    found = world.verify()
    assert {one.name for one in broken.breaks} <= {one.name for one in found.breaks}
    assert not found.whole
    assert not found.open_breaks
    assert set(dict(found.acknowledged).values()) == {
        "Ada Berg <ada@example.com>: restored, see INC-7"
    }
    assert run("audit", "verify").code == 0
    assert run("audit", "verify", "--strict").code == 1
    assert run("audit", "acknowledge", "--all", "--because", "again").code == 2

    world.now = datetime.now(UTC)
    world.applied("acme-portal")
    assert not world.verify().open_breaks
    log = run("audit", "log", "acme-portal", "--format", "json")
    assert log.code == (kind in ("hole", "damaged_document"))  # what is lost cannot be shown
    assert len(log.json["records"]) >= 3
    assert run("audit", "show", world.tip).code == 0


@pytest.mark.parametrize(
    "actor,key,counts",
    [(ADA, "ada", True), (ADA, "eve", False), (ADA, "", False), (SCOUT, "controller", False)],
)
def test_not_everybody_can_answer(world: World, actor: object, key: str, *, counts: bool) -> None:
    place = number(world, "drift-gone")
    world.rechain(place, {place: lambda made: made.doc.update(id="0" * 32)})
    world.rechain(place, {place: lambda made: made.doc["actor"].update(forgeId=5, kind="agent")})
    commits = world.commits
    data = world.read(world.tip)
    was = read_commit(data)
    world.move(world.put("commit", data.replace(was.message, was.message + b"More\n")))
    names = [one.name for one in world.verify().breaks]
    assert names
    assert commits
    recorder = world.recorder(actor if actor is SCOUT else ADA, key)
    recorder.acknowledged(world.head, names, "Because.")
    open_ones = {one.name for one in world.verify().open_breaks}
    assert (not open_ones & set(names)) is counts
    assert bool(open_ones) is not counts


def test_nobody_answers_for_what_comes_later(world: World) -> None:
    world.happened(override("chain", "", ["unsigned@" + "0" * 12]), actor=ADA, key_="ada")
    recorder = world.recorder(name="")
    made = recorder.happened("", world.head, override("lease", "x"))
    name = f"unsigned@{made.commit[:12]}"
    assert name in {one.name for one in world.verify().open_breaks}


def test_only_named_breaks_are_answered_for(world: World, run: Run) -> None:
    garbage_twice(world)
    first, second = world.verify().breaks
    done = run("audit", "acknowledge", first.name, "--because", "x")
    assert done.code == 0
    assert {one.name for one in world.verify().open_breaks} == {second.name}
    assert run("audit", "acknowledge", "order@123", "--because", "x").code == 2
    assert run("audit", "acknowledge", "--because", "x").code == 2


def test_each_break_of_one_commit_is_answered_for_by_itself(world: World, run: Run) -> None:
    damaged_decision(world)
    many = [one for one in world.verify().breaks if one.code == "tree"]
    assert len(many) > 1
    assert len({one.commit for one in many}) == 1
    assert len({one.name for one in many}) == len(many)
    done = run("audit", "acknowledge", many[0].name, "--because", "x")
    assert done.code == 0, done.err
    still = {one.name for one in world.verify().open_breaks}
    assert many[0].name not in still
    assert {one.name for one in many[1:]} <= still
    plain = many[1].name.rpartition("-")[0]  # which could mean any of them
    assert run("audit", "acknowledge", plain, "--because", "x").code == 2


@pytest.mark.parametrize("kind", ["damaged_decision", "hole", "damaged_document"])
def test_the_cause_is_told_first_and_what_follows_is_counted(
    world: World, run: Run, kind: str
) -> None:
    {**KINDS, "damaged_decision": damaged_decision}[kind](world)
    found = world.verify()
    cause, *rest = found.breaks
    assert cause.code in ("damaged", "hole")
    assert rest
    assert all(one.follows for one in rest)
    told = run("audit", "verify")
    assert told.out.startswith(cause.name)
    assert f"{len(rest)} more follow from what was lost" in " ".join(told.out.split())
    assert not any(one.name in told.out for one in rest)
    assert f"BROKEN  {len(found.breaks)} breaks" in told.out
    listed = run("audit", "verify", "--format", "json").json["breaks"]
    assert [(one["name"], one["follows"]) for one in listed] == [
        (cause.name, False),
        *((one.name, True) for one in rest),
    ]
    # Where somebody answered for the cause alone, the rest is named.
    assert run("audit", "acknowledge", cause.name, "--because", "x").code == 0
    again = " ".join(run("audit", "verify").out.split())
    assert all(one.name in again for one in rest)


def test_what_was_forged_is_told_beside_what_was_lost(world: World, run: Run) -> None:
    damaged_document(world)
    forged = on_top(world, {"README": b"nothing"})
    world.move(forged)
    told = run("audit", "verify").out
    assert f"not-a-record@{forged[:12]}" in told
    assert "damaged@" in told


@pytest.mark.parametrize("kind", ["hole", "cut_back", "deleted"])
def test_no_number_is_told_that_nobody_knows(world: World, run: Run, kind: str) -> None:
    KINDS[kind](world)
    (one,) = (one for one in world.verify().breaks if one.code in ("hole", "rewritten"))
    assert one.sequence is None
    told = run("audit", "verify").out
    assert "record 0" not in told
    assert f"{one.name}" in told
    assert f"{one.commit[:12]}: " in told
    listed = run("audit", "verify", "--format", "json").json["breaks"]
    assert listed[0]["sequence"] is None


# ------------------------------------------------------------------------------------- anchors


def anchored(world: World, key: str = "controller") -> str:
    return world.records(key).anchor(Author("ada@example.com", "Ada Berg"), 1793606700).name


def test_an_anchor_is_reached_until_the_history_is_rewritten(world: World) -> None:
    name = anchored(world)
    found = world.verify()
    assert [one.name for one in found.anchors] == [name]
    assert found.anchors[0].sequence == len(world.commits) - 1
    assert not any("anchor" in one for one in found.notes)
    last = len(world.commits) - 1
    world.applied("acme-portal")
    found = world.verify()
    assert found.whole
    assert any(f"no anchor is newer than record {last}:" in one for one in found.notes)
    world.rechain(2, {3: lambda made: made.doc["actor"].update(name="another")})
    assert "anchor" in world.codes()


def test_a_history_signed_anew_by_the_writer_is_betrayed_by_the_anchor(world: World) -> None:
    """Whoever has the writer's key can write all of it again; but not the anchor."""
    anchored(world)
    world.rechain(5, {}, order=[one for one in range(5, len(world.commits)) if one != 6])
    assert "anchor" in world.codes()


@pytest.mark.parametrize("key", ["", "eve"])
def test_an_anchor_of_nobody_is_named(world: World, key: str) -> None:
    anchored(world, key)
    found = world.verify()
    assert [one.code for one in found.breaks] == ["anchor"]
    assert not any("there is no anchor" in one for one in found.notes)


def test_a_renamed_or_changed_anchor_is_named(world: World) -> None:
    name = anchored(world)
    target = world.repository.references[f"refs/tags/{name}"].target
    world.repository.references.create("refs/tags/records-anchor/7", target)
    assert world.codes() == {"anchor"}
    world.repository.references.delete("refs/tags/records-anchor/7")
    data = world.read(str(target)).replace(world.tip.encode(), world.commits[4].encode())
    world.repository.references.create(
        f"refs/tags/{name}", world.put("tag", data.decode().encode()), force=True
    )
    assert world.codes() == {"anchor"}
    for oid in (world.tip, world.entry(world.tip, "record.json")):
        world.repository.references.create(f"refs/tags/{name}", oid, force=True)
        assert world.codes() == {"anchor"}


def test_the_command_makes_an_anchor_that_git_verifies_and_sends_it(
    world: World, run: Run, tmp_path: Path
) -> None:
    second = tmp_path / "second.git"
    subprocess.run(["git", "init", "-q", "--bare", str(second)], check=True)
    git(world, "remote", "add", "vault", str(second))
    world.edit("reconciler.yaml", "    signed: true\n", "    signed: true\n    anchor: vault\n")
    assert run("audit", "anchor").code == 0
    (name,) = git(world, "tag", "-l", "records-anchor/*").split()
    refs = subprocess.run(
        ["git", "-C", str(second), "for-each-ref", "--format=%(refname)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert refs == [f"refs/tags/{name}"]
    assert world.verify().whole
    assert by_plain_git(world, run, tmp_path, "verify-tag", name)

    git(world, "remote", "remove", "vault")
    world.applied("acme-portal")
    done = run("audit", "anchor")
    assert done.code == 2
    assert "git remote add vault" in done.err


def by_plain_git(world: World, run: Run, folder: Path, *words: str) -> bool:
    signers = folder / "signers"
    signers.write_text(run("audit", "signers").out)
    config = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
    done = subprocess.run(
        ["git", "-C", str(world.path), *config, *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_plain_git_accepts_our_records_and_no_other(world: World, run: Run, tmp_path: Path) -> None:
    for commit in world.commits:
        assert by_plain_git(world, run, tmp_path, "verify-commit", commit)
    world.rechain(5, {}, resign=lambda _made: world.key("eve"))
    assert not by_plain_git(world, run, tmp_path, "verify-commit", world.tip)


# ------------------------------------------------------------------------ what others have seen


def test_what_this_machine_saw_is_not_forgotten(world: World) -> None:
    world.applied("acme-portal")
    world.move(world.commits[-4])
    assert world.codes() == {"rewritten"}


def test_another_repository_that_has_another_history(world: World) -> None:
    tip = world.tip
    world.rechain(9, {9: lambda made: made.doc.update(run="another")})
    other = world.tip
    references = world.repository.references
    references.create("refs/remotes/origin/records", tip)
    references.create("refs/remotes/vault/records", other)
    found = world.verify()
    assert [(one.code, one.commit) for one in found.breaks] == [("rewritten", tip)]
    assert "origin" in found.breaks[0].why


def test_another_repository_that_is_ahead_is_only_noted(world: World) -> None:
    tip = world.tip
    world.move(world.commits[-3])
    world.repository.references.create("refs/remotes/origin/records", tip)
    found = world.verify()
    assert found.whole
    assert "`origin` has 2 more, which are not looked at here" in found.notes


def test_a_clone_reads_what_it_fetched(world: World, run: Run, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(world.path), str(clone)], check=True)
    monkeypatch.chdir(clone)
    done = run("audit", "verify", "--format", "json")
    assert (done.code, done.json["records"]) == (0, len(world.commits)), done.out


# ------------------------------------------------------------------------------------- settling


def test_an_apply_whose_machine_is_gone_is_settled(world: World, run: Run) -> None:
    world.started("acme-portal")
    assert run("audit", "settle", "acme-portal", "--because", "the runner was lost").code == 0
    found = world.verify()
    assert found.whole
    assert not found.unsettled
    assert run("audit", "settle", "acme-portal", "--because", "again").code == 2
