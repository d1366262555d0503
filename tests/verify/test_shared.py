"""Records that are kept elsewhere: what was seen is remembered here, wherever elsewhere is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from reconciler.cli.building import settings_of
from reconciler.cli.recording import recorder_of
from reconciler.errors import ReconcilerError
from reconciler.wiring import build
from tests.records.chains import git
from tests.records.git_server import serving
from tests.repos import GitRepo
from tests.verify.conftest import Run
from tests.verify.history import World

FORMS = ("path", "file", "http")


@dataclass
class Shared:
    """A repository that everybody pushes to, and a clone of it."""

    there: World
    home: Path
    run: Run

    def refusal(self) -> str:
        """What an apply in the clone is told before it begins; empty: it may."""
        ports = build()
        tree = ports.repository(self.home).snapshot("origin/main")
        try:
            recorder_of(ports, self.home, tree, settings_of(tree), simulated=False)
        except ReconcilerError as error:
            return f"{error.reason}: {error.message}"
        return ""

    def acknowledged(self) -> int:
        return self.run("audit", "acknowledge", "--all", "--because", "see INC-7").code


@pytest.fixture(params=FORMS)
def shared(
    request: pytest.FixtureRequest,
    told: World,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shared]:
    root = tmp_path / "served"
    shutil.copytree(told.path, root / "r.git")
    there = World(root / "r.git", told.folder, told.now, told.count)
    there.forget()
    more = "signed: true\n    remote: origin\n    anchor: mirror"
    there.edit("reconciler.yaml", "signed: true", more)
    there.repository.config["http.receivepack"] = "true"
    with serving(root) if request.param == "http" else nullcontext() as server:
        path = str(there.path)
        url = server.url() if server else {"path": path, "file": f"file://{path}"}[request.param]
        home = tmp_path / "home"
        git(tmp_path, "clone", "--quiet", url, str(home))
        monkeypatch.chdir(home)
        yield Shared(there, home, run)


def seen(path: Path) -> str:
    return git(path, "for-each-ref", "--format=%(objectname)", "refs/reconciler/seen/records")


def written(shared: Shared) -> None:
    """This clone writes a record, and so has seen one."""
    tip = shared.there.tip
    done = shared.run("audit", "settle", "acme-portal", "--because", "it is gone")
    assert done.code == 0, done.err
    assert shared.there.tip != tip
    assert seen(shared.home)


@pytest.fixture
def begun(shared: Shared) -> Shared:
    """An apply is open, and this clone has said that its machine is gone."""
    shared.there.started("acme-portal")
    shared.there.forget()
    written(shared)
    return shared


def cut(shared: Shared) -> None:
    """The newest record is dropped, by a forced push."""
    shared.there.move(shared.there.commits[-2])


def other(shared: Shared) -> None:
    """Another record stands where the newest stood."""
    shared.there.move(shared.there.commits[-2])
    shared.there.applied("trade-fair", by=())


def gone(shared: Shared) -> None:
    """The branch is deleted."""
    shared.there.repository.references.delete("refs/heads/records")


HARM: dict[str, Callable[[Shared], None]] = {one.__name__: one for one in (cut, other, gone)}


def test_what_was_seen_is_remembered_where_nobody_can_push(begun: Shared) -> None:
    assert seen(begun.there.path) == ""
    assert begun.refusal() == ""


@pytest.mark.parametrize("harm", sorted(HARM))
def test_verify_and_apply_say_the_same_and_work_goes_on(begun: Shared, harm: str) -> None:
    HARM[harm](begun)
    assert begun.refusal().startswith("records-broken: ")
    told = begun.run("audit", "verify")
    assert told.code == 1, told.out
    assert "rewritten" in told.out
    assert begun.acknowledged() == 0
    assert begun.run("audit", "verify").code == 0
    assert begun.refusal() == ""


@pytest.mark.parametrize("harm", sorted(HARM))
def test_who_answers_needs_no_apply_before(begun: Shared, harm: str) -> None:
    HARM[harm](begun)
    assert begun.acknowledged() == 0
    assert begun.refusal() == ""


def test_a_local_branch_of_that_name_hides_nothing(begun: Shared) -> None:
    git(begun.home, "fetch", "--quiet", "origin", "records:records")
    cut(begun)
    assert begun.refusal().startswith("records-broken: ")
    assert begun.run("audit", "verify").code == 1
    assert begun.acknowledged() == 0
    assert begun.refusal() == ""


@pytest.mark.parametrize("harm", sorted(HARM))
def test_what_was_only_fetched_is_remembered_too(shared: Shared, harm: str) -> None:
    """A clone that never wrote: plain git brought the branch."""
    assert seen(shared.home) == ""
    HARM[harm](shared)
    assert shared.refusal().startswith("records-broken: ")
    assert shared.run("audit", "verify").code == 1


def test_a_branch_that_is_gone_there_is_no_new_one(begun: Shared) -> None:
    known = begun.there.tip
    gone(begun)
    assert begun.refusal()
    for command in (("log",), ("who-did", "acme-portal"), ("dora",), ("replay", "--all")):
        done = begun.run("audit", *command)
        assert done.code == 1
        assert "`origin/records` is gone" in done.err
        assert f"git push origin {known[:12]}:refs/heads/records" in done.err
    git(begun.home, "push", "--quiet", "origin", f"{known[:12]}:refs/heads/records")
    assert begun.refusal() == ""
    assert begun.run("audit", "log").code == 0


def test_records_of_others_come_as_they_are_needed(begun: Shared) -> None:
    begun.there.now = datetime.now(UTC)
    for _ in range(3):
        begun.there.applied("trade-fair", by=())
        assert begun.refusal() == ""
        assert begun.run("audit", "verify").code == 0
        log = begun.run("audit", "log", "--format", "json", "--limit", "1").json["records"]
        assert log[0]["commit"] == begun.there.tip
    git(begun.home, "fsck", "--connectivity-only")


def test_what_is_missing_there_is_named(shared: Shared) -> None:
    """Over a disk nothing refuses to bring what is not whole; it is verified as it is."""
    if "http" in git(shared.home, "remote", "get-url", "origin"):
        pytest.skip("a server does not send it")
    there = shared.there
    there.applied("trade-fair", by=())
    lost = there.entry(there.tip, "record.json")
    (there.path / "objects" / lost[:2] / lost[2:]).unlink()
    assert shared.refusal().startswith("records-broken: ")
    assert "damaged@" in shared.run("audit", "verify").out


# ------------------------------------------------------------------------------------- anchors


def mirror(shared: Shared, path: Path) -> pygit2.Repository:
    made = GitRepo.make(path).repository
    git(shared.home, "remote", "add", "mirror", str(path))
    return made


def tags(path: Path) -> str:
    return git(path, "for-each-ref", "refs/tags/records-anchor/")


def test_an_anchor_is_here_and_there_and_at_the_mirror(begun: Shared, tmp_path: Path) -> None:
    mirror(begun, tmp_path / "mirror.git")
    done = begun.run("audit", "anchor")
    assert done.code == 0, done.err
    places = (begun.home, begun.there.path, tmp_path / "mirror.git")
    assert len({tags(place) for place in places}) == 1
    assert tags(begun.home).count("\n") == 1
    found = begun.run("audit", "verify", "--format", "json").json
    assert [one["name"] for one in found["anchors"]] == [done.out.partition(":")[0]]


def test_what_a_failed_push_left_out_is_sent_by_the_next(begun: Shared, tmp_path: Path) -> None:
    git(begun.home, "remote", "add", "mirror", str(tmp_path / "mirror.git"))
    assert begun.run("audit", "anchor").code == 1
    assert tags(begun.home) == tags(begun.there.path) != ""
    GitRepo.make(tmp_path / "mirror.git")
    done = begun.run("audit", "anchor")
    assert done.code == 0, done.err
    assert tags(tmp_path / "mirror.git") == tags(begun.home) == tags(begun.there.path)


@pytest.mark.parametrize("lost", ["here", "there"])
def test_an_anchor_that_is_in_one_place_goes_to_the_others(
    begun: Shared, tmp_path: Path, lost: str
) -> None:
    """Another clone made it, or the remote lost it."""
    mirror(begun, tmp_path / "mirror.git")
    assert begun.run("audit", "anchor").code == 0
    was = tags(begun.home)
    name = was.split()[-1]
    git(begun.home if lost == "here" else begun.there.path, "update-ref", "-d", name)
    git(tmp_path / "mirror.git", "update-ref", "-d", name)
    assert begun.run("audit", "anchor").code == 0
    assert tags(begun.home) == tags(begun.there.path) == tags(tmp_path / "mirror.git") == was


def test_an_anchor_that_is_nobodys_is_not_sent_on(begun: Shared, tmp_path: Path) -> None:
    mirror(begun, tmp_path / "mirror.git")
    name = f"records-anchor/{len(begun.there.commits) - 1}"
    git(begun.there.path, "-c", "user.name=Eve", "-c", "user.email=eve@example.com", "tag",
        "-a", "-m", "x", name, begun.there.tip)  # fmt: skip
    done = begun.run("audit", "anchor")
    assert done.code == 2
    assert "already" in done.err
    assert tags(tmp_path / "mirror.git") == ""
