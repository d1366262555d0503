"""What got to the target branch around the gates, in a real apply: it goes no further."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.records import Records
from reconciler.core.lineage import Lineage
from tests.check.project import CUSTOMER, PORTAL_DEV, STRANGER, Warm, signature, warm
from tests.done import Done
from tests.repos import Files, GitRepo, edited
from tests.terraform.lab import Lab, lab

TOM = signature("Tom Weber", "tom@example.com")  # team-web, which the portal belongs to
NAME = "acme-portal-dev"
OWNER = "owner: team-web"
LIMIT = 32 * 1024 * 1024

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


@dataclass
class Place:
    """A repository to whose target branch everybody can push."""

    run: Lab
    files: Files

    @property
    def main(self) -> str:
        return str(self.run.repo.repository.references["refs/heads/main"].target)

    def count(self, number: int) -> Files:
        return edited(self.files, PORTAL_DEV, "desired_count: 1", f"desired_count: {number}")

    def commit(self, files: Files, who: pygit2.Signature, *parents: str) -> str:
        """A commit on no branch."""
        repository = self.run.repo.repository
        aside = repository[self.run.commit(files, "aside")].peel(pygit2.Commit).tree_id
        made = repository.create_commit(None, who, who, "More", aside, list(parents) or [self.main])
        return str(made)

    def push(self, files: Files, who: pygit2.Signature, *parents: str) -> str:
        """Right to the target branch, around everything."""
        made = self.commit(files, who, *parents)
        self.run.repo.repository.references["refs/heads/main"].set_target(made)
        return made

    def apply(self, *more: str) -> Done:
        return self.run("apply", NAME, "--yes", *more)

    def kinds(self) -> list[str]:
        records = Records(GitRecords(self.run.repo.path, "records"))
        return [one.record.body.kind for one in records.of_environment(NAME)]


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
) -> Place:
    files = lab()
    strict = files[CUSTOMER].replace("authority: advisory", "authority: hard")
    files = {**files, CUSTOMER: strict}
    repo = GitRepo.make(tmp_path / "r.git")
    repo.commit(dict(files))
    run = Lab(repo, tmp_path / "state", "", files).inside(ports, capsys, monkeypatch).real()
    return Place(run, files)


def refused(done: Done, commit: str) -> None:
    said = " ".join(done.err.split())
    assert done.code == 10, done.out + done.err
    assert f"{commit[:12]} brought {NAME}" in said
    assert "its gates deny it" in said


def test_what_its_gates_deny_is_refused_though_it_was_pushed(place: Place) -> None:
    """Whoever may push to the target branch gets nobody past its gates."""
    pushed = place.push(place.count(3), STRANGER)
    for _ in range(2):
        refused(place.apply(), pushed)
    assert place.kinds().count("refusal") == 1
    assert "apply-started" not in place.kinds()


def stands(place: Place) -> dict[str, Any]:
    """The one condition that says what is wrong."""
    (one,) = place.run("status", NAME, "--format", "json").json["environments"]
    (found,) = one["conditions"]
    return dict(found)


def test_what_was_refused_stands_still_in_status_with_who_brought_it_and_what_to_do(
    place: Place,
) -> None:
    assert place.apply().code == 0
    pushed = place.push(place.count(3), STRANGER)
    assert stands(place)["type"] == "Reconciling", "nobody has looked at it yet"
    refused(place.apply(), pushed)

    found = stands(place)
    assert found["type"] == "Stalled"
    assert found["since"]
    assert pushed[:12] in found["why"]
    assert "AUT" in found["why"]
    assert found["by"] == f"{STRANGER.name} <{STRANGER.email}>"
    assert f"revert {pushed[:12]}" in found["hint"]
    refused(place.apply(), pushed)
    assert stands(place) == found, "trying again changes nothing of it"
    told = " ".join(place.run("status", NAME).out.split())
    assert f"by {STRANGER.name}" in told

    place.push(place.files, TOM)
    assert stands(place)["type"] == "Ready", "what was taken back is refused no more"
    assert place.kinds().count("refusal") == 1


def test_it_stays_refused_under_whatever_comes_on_top_of_it(place: Place) -> None:
    assert place.apply().code == 0
    pushed = place.push(place.count(3), STRANGER)
    more = edited(place.count(3), PORTAL_DEV, "dev.portal", "new.portal")
    place.push(more, TOM)
    refused(place.apply(), pushed)
    place.push(edited(more, PORTAL_DEV, "new.portal", "newer.portal"), TOM)
    refused(place.apply(), pushed)


def test_what_was_taken_back_stands_in_nobodys_way(place: Place) -> None:
    assert place.apply().code == 0
    place.push(place.count(3), STRANGER)
    place.push(place.files, TOM)
    place.push(place.count(2), TOM)
    done = place.apply()
    assert done.code == 0, done.out + done.err


def test_a_document_that_moves_takes_what_was_denied_along(place: Place) -> None:
    assert place.apply().code == 0
    pushed = place.push(place.count(3), STRANGER)
    moved = place.count(3)
    moved["environments/customer/web/acme-portal-dev.yaml"] = moved.pop(PORTAL_DEV)
    place.push(moved, TOM)
    refused(place.apply(), pushed)


def test_what_one_author_put_on_top_without_a_merge_may_be_judged_as_one(place: Place) -> None:
    assert place.apply().code == 0
    place.push(edited(place.count(2), PORTAL_DEV, OWNER, "owner: team-nobody"), TOM)
    place.push(place.count(3), TOM)
    done = place.apply()
    assert done.code == 0, done.out + done.err


def test_of_a_merge_its_branch_is_judged_and_whatever_was_put_into_it(place: Place) -> None:
    began = place.main
    assert place.apply().code == 0
    branch = place.commit(place.count(2), TOM)
    place.push({**place.files, "README.md": "meanwhile"}, TOM)
    place.push({**place.count(2), "README.md": "meanwhile"}, STRANGER, place.main, branch)
    assert place.apply().code == 0, "who presses the button brings nothing of their own"

    mixed = place.commit(place.count(2) | {"NOTES.md": "theirs"}, STRANGER, branch)
    evil = {**place.count(9), "README.md": "meanwhile", "NOTES.md": "theirs"}
    pushed = place.push(evil, STRANGER, place.main, mixed)
    refused(place.apply(), pushed)
    assert place.apply("--rev", began).code == 0


def test_rules_that_were_away_for_a_while_let_nothing_in(place: Place) -> None:
    assert place.apply().code == 0
    without = {path: text for path, text in place.files.items() if path != "reconciler.yaml"}
    place.push(without, STRANGER)
    place.push({**place.count(3), "reconciler.yaml": place.files["reconciler.yaml"]}, STRANGER)
    done = place.apply()
    assert done.code == 13, done.out + done.err
    assert "has no reconciler.yaml, which was there before" in " ".join(done.err.split())


def test_what_a_gate_cannot_tell_is_not_let_in(place: Place) -> None:
    assert place.apply().code == 0
    place.push({**place.count(2), "large.bin": "\0" * (LIMIT + 1)}, TOM)
    done = place.apply()
    assert done.code == 13, done.out + done.err
    assert "could not be judged: the gate secrets could not say" in " ".join(done.err.split())


def test_a_row_that_took_itself_back_lets_nothing_in_that_comes_again(place: Place) -> None:
    assert place.apply().code == 0
    place.push(place.count(3), STRANGER)
    place.push(place.files, STRANGER)
    place.push({**place.count(3), "README.md": "another time"}, TOM)
    assert place.apply().code == 10


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_each_step_leads_to_the_next_and_none_leads_back(states: list[int]) -> None:
    found = Lineage([str(number) for number in range(len(states))], states)
    passed = []
    at = found.made(0)
    while at < found.end:
        passed.append(states[at])
        at = found.made(at + 1)
    assert len(set(passed)) == len(passed)
    assert states[-1] not in passed
    assert (states[0] == states[-1]) == (not passed)
