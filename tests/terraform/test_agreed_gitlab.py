"""What people agreed to on GitLab, in a real apply: read from the merge request that brought it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.records import Records
from reconciler.app.telemetry import NullTelemetry
from reconciler.cli import merge_requests, mr_check_command
from reconciler.cli.deed import Order, carry_out
from reconciler.model.record import DecisionBody
from reconciler.model.work import Job
from reconciler.settings import ProcessSettings
from tests.check.project import INES, PORTAL, Warm, warm
from tests.done import Done
from tests.fakes.gitlab.state import DEVELOPER, MAINTAINER, Merge, User
from tests.forge import gitlab_forges as people
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import GitRepo, edited
from tests.review.samples_at_gitlab import samples_at_gitlab
from tests.terraform.lab import Lab, lab

NAME = "acme-portal"

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


@dataclass
class Place:
    """A project on the fake, and the clone in which the bot works."""

    run: Lab
    forges: GitLabForges
    merge: Merge
    ports: Warm

    def somebody(self, name: str) -> User:
        return next(one for one in self.forges.lab.users.values() if one.username == name)

    def agrees(self, name: str) -> None:
        """On its page."""
        self.forges.lab.approved(self.merge, self.somebody(name))

    def brought(self) -> str:
        """Tom merges it on its page, and the clone has it."""
        commit = self.forges.using("glpat-tom").merge(1, self.merge.head)
        self.run.repo.repository.remotes["origin"].fetch()
        return commit

    def apply(self, *more: str) -> Done:
        return self.run("apply", NAME, "--yes", *more)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


@pytest.fixture
def place(
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    monkeypatch.setattr(people, "WHO", INES)
    files, work = lab(), tmp_path / "work"
    with samples_at_gitlab(tmp_path / "gitlab", files, work) as forges:
        ines = forges.lab.user("ines", DEVELOPER, id=2001, name="Ines Duarte")
        forges.lab.user("tom", MAINTAINER, id=2002, name="Tom Weber")
        forges.lab.user("eve", DEVELOPER)
        repo = GitRepo(work, pygit2.Repository(str(work)))
        run = Lab(repo, tmp_path / "state", "", files).inside(ports, capsys, monkeypatch).real()

        def build() -> Warm:
            return Warm(ProcessSettings(), ports.kept, ports.workers, ports.engine)

        for module in (mr_check_command, merge_requests):
            monkeypatch.setattr(module, "build", build)
        monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
        bigger = edited(files, PORTAL, "desired_count: 4", "desired_count: 5")[PORTAL]
        forges.push("more", {PORTAL: bigger})
        merge = forges.lab.opened(ines, "more", "main", "Give the portal more")
        yield Place(run, forges, merge, build())


def looked_at(place: Place, *how: str) -> None:
    assert place.run("mr", "check", "1", *how).code == 11


def waits(place: Place, why: str) -> None:
    refused = place.apply()
    assert refused.code == 11, refused.out + refused.err
    assert why in " ".join((refused.out + refused.err).split()), refused.out + refused.err
    assert "Nothing was applied" in refused.out
    assert list(place.run.known.glob("real/states/*.tfstate")) == []


def test_what_was_shown_and_agreed_to_is_applied(place: Place) -> None:
    looked_at(place, "--plan")
    place.agrees("tom")
    commit = place.brought()
    done = place.apply()
    assert done.code == 0, done.out + done.err
    assert [(one.environment, one.sha, one.status) for one in place.forges.lab.deployments] == [
        (NAME, commit, "success")
    ]
    (record,) = [
        one.record
        for one in Records(GitRecords(place.run.repo.path, "records")).of_environment(NAME)
        if isinstance(one.record.body, DecisionBody)
    ]
    assert "Tom Weber" in str(record.body)


def test_what_was_agreed_to_without_its_plan_waits(place: Place) -> None:
    looked_at(place)
    place.agrees("tom")
    place.brought()
    waits(place, "before there was a plan")


def test_what_nobody_of_the_team_agreed_to_waits(place: Place) -> None:
    looked_at(place, "--plan")
    for name in ("ines", "eve"):
        place.agrees(name)
    place.brought()
    waits(place, "who made the change does not agree to it")


def test_what_was_merged_before_it_was_agreed_to_waits(place: Place) -> None:
    looked_at(place, "--plan")
    place.brought()
    waits(place, "team-web")


def asked_for(place: Place) -> str:
    """The line that the refused apply says."""
    refused = place.apply()
    assert refused.code == 11, refused.out + refused.err
    found = re.search(r"`(/reconciler approve [^`]+)`", " ".join(refused.out.split()))
    assert found is not None, refused.out
    return found[1]


def test_what_is_merged_is_agreed_to_in_a_note(place: Place) -> None:
    looked_at(place, "--plan")
    place.brought()
    line = asked_for(place)
    for name, words in (
        ("ines", line),
        ("eve", line),
        ("tom", f"> {line}"),
        ("tom", re.sub(r"plan sha256:.{8}", "plan sha256:01234567", line)),
        ("tom", re.sub(r" at .{8}", " at 01234567", line)),
    ):
        place.forges.lab.said(place.merge, place.somebody(name), words)
    (note,) = place.forges.lab.said(place.merge, place.somebody("tom"), line).notes
    note.updated = note.created + timedelta(seconds=9)
    waits(place, "who made the change does not agree to it")
    place.forges.lab.said(place.merge, place.somebody("tom"), f"Seen.\n\n{line}")
    done = place.apply()
    assert done.code == 0, done.out + done.err
    process = place.run.process("audit", "verify", RECONCILER_SANDBOX="0")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_who_agrees_in_a_note_is_answered_there(place: Place) -> None:
    looked_at(place, "--plan")
    place.brought()
    line = asked_for(place)

    def says(name: str, words: str) -> list[str]:
        """What the controller's next look says in the thread."""
        thread = place.forges.lab.said(place.merge, place.somebody(name), words)
        order = Order(
            place.run.repo.path,
            sandbox=False,
            plan=False,
            environment="",
            job=Job.REVIEW,
            awaited=(1,),
        )
        came = carry_out(place.ports, order, NullTelemetry())
        assert came.state == "done", came.why
        agreed.append(came.agreed)
        return [one.body for one in thread.notes[1:]]

    agreed: list[tuple[str, ...]] = []
    (refused,) = says("ines", line)
    assert "who made the change does not agree to it" in refused
    (refused,) = says("tom", re.sub(r"plan sha256:.{8}", "plan sha256:01234567", line))
    assert "waits for another plan" in refused
    assert agreed == [(), ()]
    (taken,) = says("tom", line)
    assert f"Taken: `{NAME}` is tried again now" in taken
    assert agreed[-1] == (NAME,)
    assert place.apply().code == 0
    (late,) = says("tom", line)
    assert "waits for nobody's agreement" in late
    process = place.run.process("audit", "verify", RECONCILER_SANDBOX="0")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_the_command_says_it_in_a_note(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at(place, "--plan")
    place.brought()
    plan = asked_for(place).split()[6]

    def approve(who: str, code: int) -> str:
        monkeypatch.setenv("GITLAB_TOKEN", f"glpat-{who}")
        done = place.run("mr", "approve", "1", "--plan", f"{NAME}={plan}")
        assert done.code == code, done.out + done.err
        return " ".join((done.out + done.err).split())

    assert "who made the change does not agree to it" in approve("ines", 2)
    before = len(place.merge.discussions)
    assert "has your agreement in a note" in approve("tom", 0)
    assert "had your agreement in a note already" in approve("tom", 0)
    assert len(place.merge.discussions) == before + 1
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    assert place.apply().code == 0


def test_a_gitlab_that_is_away_has_nobodys_agreement(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at(place, "--plan")
    place.agrees("tom")
    place.brought()
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.adapters.gitlab.client.time.sleep", lambda _s: None)
        place.forges.lab.faults.add("503", times=1000)
        waits(place, "No approval could be read: ")
    place.forges.lab.faults.waiting.clear()
    assert place.apply().code == 0


def test_another_account_has_not_seen_what_was_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at(place, "--plan")
    place.agrees("tom")
    place.brought()
    with monkeypatch.context() as patch:
        patch.setenv("GITLAB_TOKEN", "glpat-ben")
        waits(place, "team-web")
    assert place.apply().code == 0
