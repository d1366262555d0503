"""What people agreed to on a merge request, in a real apply: that very plan, or nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import MergeRequestRefs
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.adapters.ssh_keys import verify
from reconciler.app.records import Records
from reconciler.core.tree import files_below
from reconciler.errors import TransientError
from reconciler.model.approval import Person
from reconciler.model.merge_request import MergeRequest, Proposal
from reconciler.model.record import DecisionBody, Record, Refusal, WaiverUsed
from tests.check.project import ADA, INES, MINA, PORTAL, Warm, signature, warm
from tests.done import Done
from tests.repos import Files, GitRepo, edited
from tests.terraform.lab import Lab, lab
from tests.verify.history import key

TOM = signature("Tom Weber", "tom@example.com")  # team-web, which acme-portal belongs to
NAME = "acme-portal"
OTHER = "sha256:" + "ab" * 32

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


@dataclass
class Place:
    """A bare repository with merge requests in it, and whoever works there."""

    run: Lab
    folder: Path
    files: Files

    def as_user(self, who: pygit2.Signature) -> LocalForge:
        signer = key(who.email.partition("@")[0], self.folder)
        refs = MergeRequestRefs(self.run.repo.path, "", None, signer, verify)
        now = lambda: datetime.now(UTC).replace(microsecond=0)  # noqa: E731  # one word for one use
        return LocalForge(refs, Person(who.name, who.email), now)

    def change(self, count: int, who: pygit2.Signature = INES) -> str:
        """A commit of somebody's on a branch of its own."""
        files = edited(self.files, PORTAL, "desired_count: 4", f"desired_count: {count}")
        return self.changed(files, f"more-{count}", who)

    def changed(self, files: Files, branch: str, who: pygit2.Signature = INES) -> str:
        """Any other one."""
        self.files, repository = files, self.run.repo.repository
        tree = repository[self.run.commit(self.files, branch)].peel(pygit2.Commit).tree_id
        onto = repository.references["refs/heads/main"].target
        made = repository.create_commit(None, who, who, "More", tree, [onto])
        repository.references.create(f"refs/heads/{branch}", made, force=True)
        return branch

    def image(self, digit: str) -> str:
        """Another image, which nothing ran yet."""
        old = next(line for line in self.files[PORTAL].splitlines() if "image: " in line)
        image = old.partition("@")[0] + "@sha256:" + digit * 64
        files = edited(self.files, PORTAL, old, image)
        count = next(line for line in files[PORTAL].splitlines() if "desired_count: " in line)
        files = edited(files, PORTAL, count, f"    desired_count: {digit}")
        return self.changed(files, f"image-{digit}")

    def opened(self, branch: str, by: pygit2.Signature = INES) -> MergeRequest:
        return self.as_user(by).open(Proposal("More", "", branch, "main"))

    def agrees(self, made: MergeRequest, who: pygit2.Signature, plan: str = "") -> None:
        """To its last commit, and to what planning it gives, unless it is said otherwise."""
        found = self.run("plan", NAME, "--rev", made.source, "--format", "json").json
        plans = ((NAME, plan or found["digest"]),) if plan != "none" else ()
        policies = found["decision"]["inputs"]["policies"]
        self.as_user(who).approve(made.number, made.head, plans, policies)

    def merge(self, made: MergeRequest) -> str:
        """By somebody who did not make it."""
        return self.as_user(TOM).merge(made.number, made.head)

    def apply(self, *more: str) -> Done:
        return self.run("apply", NAME, "--yes", *more)

    def watched(self) -> None:
        """The notes of merge requests are answered."""
        done = self.run("mr", "watch", "--once")
        assert done.code == 0, done.out + done.err

    def records(self) -> list[Record]:
        """Of the environment."""
        kept = Records(GitRecords(self.run.repo.path, "records"))
        return [one.record for one in kept.of_environment(NAME)]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


def started(folder: Path) -> tuple[GitRepo, Files]:
    """A repository in which people are known by their keys."""
    files = lab()
    for path, text in files.items():
        if path.startswith("profiles/teams/"):
            for who in (ADA, INES, MINA, TOM):
                name = who.email.partition("@")[0]
                own = f'keys: ["{key(name, folder).public_key.text}"]'
                text = re.sub(rf'keys: \["[^"]+ {who.email}"\]', own, text)  # noqa: PLW2901
            files[path] = text
    repo = GitRepo.make(folder / "r.git")
    repo.commit(dict(files))
    return repo, files


@pytest.fixture
def place(
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    repo, files = started(tmp_path)
    run = Lab(repo, tmp_path / "state", "", files).inside(ports, capsys, monkeypatch).real()
    return Place(run, tmp_path, files)


def test_in_the_sandbox_nobody_has_to_agree_and_who_did_is_recorded(
    tmp_path: Path,
    ports: Warm,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repo, files = started(tmp_path)
    cloud = Cloud(tmp_path / "state" / "sandbox")
    try:
        run = Lab(repo, tmp_path / "state", cloud.start(), files)
        place = Place(run.inside(ports, capsys, monkeypatch), tmp_path, files)
        done = place.apply()
        assert done.code == 0, done.out + done.err
        assert "approval" not in done.err
        made = place.opened(place.change(5))
        place.agrees(made, TOM)
        place.merge(made)
        done = place.apply()
        assert done.code == 0, done.out + done.err
    finally:
        cloud.stop()
    kept = Records(GitRecords(repo.path, "records-sandbox"))
    bodies = [one.record.body for one in kept.of_environment(NAME)]
    newest, oldest = (one for one in bodies if isinstance(one, DecisionBody))
    assert (oldest.verdict, oldest.decision["agreed"]) == ("NEEDS_APPROVAL", [])
    assert (newest.verdict, [one["name"] for one in newest.decision["agreed"]]) == (
        "ALLOW",
        ["Tom Weber"],
    )


def test_what_was_agreed_to_with_that_very_plan_is_applied(place: Place) -> None:
    made = place.opened(place.change(5))
    place.agrees(made, TOM)
    place.merge(made)
    done = place.apply()
    assert done.code == 0, done.out + done.err
    for verb in (("log", NAME), ("verify",), ("replay", "--all")):
        process = place.run.process("audit", *verb, RECONCILER_SANDBOX="0")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    (record,) = [one for one in place.records() if isinstance(one.body, DecisionBody)]
    assert "Tom Weber" in str(record.body), "who agreed is recorded"


@pytest.mark.parametrize(
    "who, plan, why",
    [
        (TOM, "none", "before there was a plan"),
        (TOM, OTHER, "the plan is another one since"),
        (INES, "", "who made the change does not agree to it"),
    ],
)
def test_what_was_not_agreed_to_like_that_waits_and_why_is_said(
    place: Place, who: pygit2.Signature, plan: str, why: str
) -> None:
    made = place.opened(place.change(5))
    place.agrees(made, who, plan)
    place.merge(made)
    refused = place.apply()
    assert refused.code == 11, refused.out + refused.err
    assert why in " ".join(refused.out.split()), refused.out
    assert "Nothing was applied" in refused.out
    assert list(place.run.known.glob("real/states/*.tfstate")) == []


def test_what_somebody_pushed_past_merge_requests_has_nobodys_agreement(place: Place) -> None:
    made = place.opened(place.change(5))
    place.agrees(made, TOM)
    brought = place.merge(made)
    pushed = edited(place.files, PORTAL, "desired_count: 5", "desired_count: 6")
    place.run.repo.commit(pushed)
    refused = place.apply()
    assert refused.code == 11
    assert refused.err.count("No approval could be read: no merge request brought") == 1
    assert place.apply("--rev", brought).code == 0


def test_what_somebody_pushed_of_other_things_takes_no_agreement_away(place: Place) -> None:
    made = place.opened(place.change(5))
    place.agrees(made, TOM)
    place.merge(made)
    place.run.repo.commit({**place.files, "README.md": "pushed\n"})
    assert place.apply().code == 0


def test_who_changed_it_before_does_not_agree_to_it_with_a_later_change(place: Place) -> None:
    place.merge(place.opened(place.change(5, TOM), TOM))
    place.files = edited(place.files, PORTAL, "desired_count: 5", "desired_count: 4")
    made = place.opened(place.change(6))
    place.agrees(made, TOM)
    place.merge(made)
    refused = place.apply()
    assert refused.code == 11, refused.out
    assert "who made the change does not agree" in " ".join(refused.out.split()), refused.out


def test_what_the_step_before_never_ran_is_not_applied_though_people_agree(place: Place) -> None:
    first = place.opened(place.change(5))
    place.agrees(first, TOM)
    place.merge(first)
    assert place.apply().code == 0
    made = place.opened(place.image("9"))
    place.agrees(made, TOM)
    place.merge(made)
    refused = place.apply()
    assert refused.code == 1, refused.out
    said = " ".join(refused.err.split())
    assert "it brings what acme-portal-staging, which it follows, never ran" in said
    assert "`reconciler promote acme-portal-staging" in said
    assert place.apply().code == 1
    (told,) = [one for one in place.records() if isinstance(one.body, Refusal)]
    assert isinstance(told.body, Refusal)
    assert "before it was promoted (not-promoted)" in told.body.what, "and once for each commit"
    process = place.run.process("audit", "verify", RECONCILER_SANDBOX="0")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err


def test_one_that_waits_is_let_through_by_an_override_and_that_is_recorded(place: Place) -> None:
    first = place.opened(place.change(5))
    place.agrees(first, TOM)
    place.merge(first)
    assert place.apply().code == 0
    made = place.opened(place.image("9"))
    place.agrees(made, TOM)
    checked = place.run("mr", "check", str(made.number), "--plan")
    assert checked.code == 10, checked.out + checked.err
    assert "AUT009" in checked.out
    because = "the old image leaks customer data, INC-7"
    order = f"/reconciler override AUT009 until 2099-12-31 because {because}"
    place.as_user(MINA).say(made.number, order)
    place.watched()
    (waiver,) = [one for one in place.as_user(TOM).open_ones("main") if one.number != made.number]
    place.merge(waiver)
    checked = place.run("mr", "check", str(made.number), "--plan")
    assert checked.code == 0, checked.out + checked.err
    place.merge(made)
    done = place.apply()
    assert done.code == 0, done.out + done.err
    (used,) = [one.body for one in place.records() if isinstance(one.body, WaiverUsed)]
    assert (used.rule, used.because) == ("AUT009", because)
    (decided, *_) = [one.body for one in place.records() if isinstance(one.body, DecisionBody)]
    assert decided.decision["inputs"]["promotion"].isdecimal()
    for verb in (("verify",), ("replay", "--all")):
        process = place.run.process("audit", *verb, RECONCILER_SANDBOX="0")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    place.files = {**place.files, **waived(place)}
    other = place.opened(place.image("8"))
    place.agrees(other, TOM)
    place.merge(other)
    refused = place.apply()
    assert refused.code == 1, "it was for one, and no more"
    assert "never ran" in " ".join(refused.err.split())


def waived(place: Place) -> Files:
    """The waivers of the target branch."""
    tree = GitSource(place.run.repo.path).snapshot("main")
    return {
        one.path: (tree.read(one, 100_000) or b"").decode()
        for one in files_below(tree, "policies/waivers")
    }


def test_without_an_answer_of_the_forge_nobody_agreed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.opened(place.change(5))
    place.agrees(made, TOM)
    place.merge(made)

    def away(*_given: object) -> None:
        raise TransientError("forge-away", "the forge answers 502", hint="try again")

    with monkeypatch.context() as patch:
        patch.setattr(LocalForge, "brought", away)
        refused = place.apply()
    assert refused.code == 11
    assert refused.err.count("No approval could be read: the forge answers 502") == 1
    assert place.apply().code == 0
