"""Approvals all the way: of a change, of what was merged, and once more of the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.ssh_keys import verify
from reconciler.app import deliver
from reconciler.app.check import Checked, Tools, judge_all, judge_change
from reconciler.app.deliver import Decided, Refused, delivering
from reconciler.app.grounds import Span
from reconciler.app.kept import Kept
from reconciler.app.render import Rendering
from reconciler.app.terraform import Planned
from reconciler.core.redact import Redactor
from reconciler.model.approval import Approval, Given, Person
from reconciler.model.decision import Decision, Verdict
from reconciler.model.plan import Plan, ResourceChange
from reconciler.wiring import Repository
from tests.check.project import ADA, CUSTOMER, INES, NOW, PORTAL, Project, about
from tests.check.test_properties import Scanning
from tests.repos import Files, edited

NAME = "acme-portal"
BIGGER = (PORTAL, "desired_count: 4", "desired_count: 5")
TOM, INES_HERSELF, MINA = Person("Tom", "", 2002), Person("Ines", "", 2001), Person("M", "", 1101)


def quiet(_done: int, _all: int) -> None:
    """Nobody watches."""


@dataclass
class Office:
    """Changes, and what becomes of them with approvals."""

    project: Project
    engine: EmbeddedEngine

    def tools(self) -> Tools:
        rendering = Rendering(self.project.ports.workers, 10)
        kept = Kept(SqliteCache(None), "program")
        return Tools(self.engine, self.engine, Scanning(), kept, rendering, b"key", (), verify)

    def change(self, base: str, head: str, approvals: Mapping[str, Given] | None = None) -> Checked:
        repository, history = self._repository(), self.project.ports.history(self._path)
        target, tree = repository.snapshot(base), repository.snapshot(head)
        span = Span(target, target, tree, tree, history, None)
        return judge_change(span, self.tools(), NOW, (), quiet, approvals or {})

    @property
    def _path(self) -> Path:
        return self.project.repo.path

    def _repository(self) -> Repository:
        return Repository(self.project.ports.repository(self._path).git)

    def merged(self, head: str, approvals: Mapping[str, Given] | None = None) -> Checked:
        tree = self._repository().snapshot(head)
        return judge_all(tree, self.tools(), NOW, (NAME,), quiet, approvals or {})


@pytest.fixture
def office(project: Project, engine: EmbeddedEngine) -> Office:
    return Office(project, engine)


@pytest.fixture
def ends(project: Project, files: Files) -> tuple[str, str]:
    base = project.commit(files)
    return base, project.commit(edited(files, *BIGGER), base, INES)


def approval(checked: Checked, by: Person = TOM, **more: Any) -> Approval:
    """What somebody says who has looked at exactly this."""
    inputs = dict(checked.questions[NAME].inputs)
    made = Approval(by, NOW - timedelta(hours=1), inputs["commit.head"], "", inputs["policies"])
    return replace(made, **more)


def of(checked: Checked, name: str = NAME) -> Decision:
    return about(checked.report, name)


def test_a_change_is_allowed_when_the_right_one_agrees(
    office: Office, ends: tuple[str, str]
) -> None:
    before = office.change(*ends)
    assert of(before).verdict is Verdict.NEEDS_APPROVAL
    assert of(before).missing == of(before).approvals
    after = office.change(*ends, {NAME: Given((approval(before),))})
    assert of(after).verdict is Verdict.ALLOW
    assert [one.by.name for one in of(after).agreed] == ["Tom Weber"]
    assert of(after).approvals == of(before).approvals
    assert dict(of(after).inputs)["people"]
    assert "people" not in dict(of(after, "").inputs)


@pytest.mark.parametrize(
    "by, words",
    [
        (INES_HERSELF, "who made the change"),
        (MINA, "ask somebody of team-web"),
        (Person("Tom Weber", "tom@example.com"), "an e-mail address proves nobody"),
        (Person("scout", "", 9001), "an agent does not count"),
    ],
)
def test_nobody_else_will_do(office: Office, ends: tuple[str, str], by: Person, words: str) -> None:
    before = office.change(*ends)
    after = of(office.change(*ends, {NAME: Given((approval(before, by),))}))
    assert after.verdict is Verdict.NEEDS_APPROVAL
    assert words in after.disregarded[0].why


def test_whoever_opened_it_is_an_author_too(office: Office, ends: tuple[str, str]) -> None:
    said = (approval(office.change(*ends)),)
    after = of(office.change(*ends, {NAME: Given(said, authors=(Person("", "", 2002),))}))
    assert "who made the change" in after.disregarded[0].why


def test_a_push_asks_again(office: Office, ends: tuple[str, str], files: Files) -> None:
    base, head = ends
    said = {NAME: Given((approval(office.change(base, head)),))}
    pushed = office.project.commit(edited(files, PORTAL, "_count: 4", "_count: 6"), head, INES)
    after = of(office.change(base, pushed, said))
    assert after.verdict is Verdict.NEEDS_APPROVAL
    assert "another one is judged" in after.disregarded[0].why


def test_new_policies_ask_again(office: Office, ends: tuple[str, str], files: Files) -> None:
    base, head = ends
    said = {NAME: Given((approval(office.change(base, head)),))}
    rule = "policies/cost/cost_estimate/cost_estimate.rego"
    target = office.project.commit({**files, rule: files[rule] + "\n# a word\n"}, base, ADA)
    change = office.project.commit(
        {**edited(files, *BIGGER), rule: files[rule] + "\n# a word\n"}, target, INES
    )
    heads = {NAME: replace(said[NAME], heads=frozenset({head, change}))}
    after = of(office.change(target, change, heads))
    assert "policies are others" in after.disregarded[0].why


def test_the_change_itself_has_approvals_of_its_own(office: Office, files: Files) -> None:
    base = office.project.commit(files)
    head = office.project.commit(edited(files, CUSTOMER, "logDays: 30", "logDays: 60"), base)
    before = office.change(base, head)
    inputs = dict(of(before, "").inputs)
    said = Approval(
        Person("Kofi", "", 1002), NOW, inputs["commit.head"], "", inputs["policies"], "note 7"
    )
    assert of(before, "").verdict is Verdict.NEEDS_APPROVAL
    for name, verdict in (("", Verdict.ALLOW), (NAME, Verdict.NEEDS_APPROVAL)):
        after = office.change(base, head, {name: Given((said,))})
        assert of(after, "").verdict is verdict


# ------------------------------------------------------------------------------------- the plan

UPDATE = ResourceChange("aws_ecs_service.main", "aws_ecs_service", "update", ("update",), ())


def plan(digest: str = "sha256:one", *changes: ResourceChange) -> Plan:
    return Plan(NAME, changes or (UPDATE,), (), (), digest, "terraform 1.11.4")


@contextmanager
def planned(one: Plan) -> Iterator[Any]:
    """Terraform has planned this."""

    @contextmanager
    def planning(site: Any, *_rendered: Any, **_options: Any) -> Iterator[Planned]:
        data = b'{"format_version": "1.2", "resource_changes": [], "planned_values": {}}'
        nothing: Any = None
        yield Planned(one, site, nothing, nothing, Redactor(), data, None, ())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deliver, "planning", planning)
        yield


def delivered(checked: Checked, one: Plan, said: Given | None = None) -> Decided | Refused:
    site: Any = None
    with planned(one), delivering(checked, NAME, site, hear=print, given=said) as found:
        return found


def verdict(found: Decided | Refused) -> Verdict:
    assert isinstance(found, Decided)
    return found.decision.verdict


def merge(office: Office, ends: tuple[str, str]) -> str:
    """The change as the target branch has taken it in: the same tree in another commit."""
    repository = office.project.repo.repository
    base, head = ends
    tree = repository[head].peel(pygit2.Commit).tree.id
    return str(repository.create_commit(None, ADA, ADA, "Merge", tree, [base, head]))


def test_what_was_merged_is_applied_when_its_plan_was_agreed_to(
    office: Office, ends: tuple[str, str]
) -> None:
    merged = merge(office, ends)
    bare = office.merged(merged)
    assert verdict(delivered(bare, plan())) is Verdict.NEEDS_APPROVAL
    said = Given(
        (approval(bare, head=ends[1], plan="sha256:one"),),
        authors=(Person("Ines Duarte", "ines@example.com"),),
        heads=frozenset({ends[1], merged}),
    )
    assert verdict(delivered(office.merged(merged, {NAME: said}), plan())) is Verdict.ALLOW
    assert verdict(delivered(bare, plan(), said)) is Verdict.ALLOW
    assert verdict(delivered(bare, plan("sha256:two"), said)) is Verdict.NEEDS_APPROVAL
    for less in (
        replace(said, heads=frozenset()),
        replace(said, authors=()),
        replace(said, authors=(*said.authors, Person("", "TOM@example.com"))),
        replace(said, approvals=(replace(said.approvals[0], plan=""),)),
    ):
        assert verdict(delivered(bare, plan(), less)) is Verdict.NEEDS_APPROVAL


def test_what_was_agreed_without_a_plan_is_asked_again_with_it(
    office: Office, ends: tuple[str, str]
) -> None:
    said = Given((approval(office.change(*ends)),))
    checked = office.change(*ends, {NAME: said})
    assert of(checked).verdict is Verdict.ALLOW
    found = delivered(checked, plan())
    assert verdict(found) is Verdict.NEEDS_APPROVAL
    assert "before there was a plan" in found.decision.disregarded[0].why
    both = replace(said, approvals=(*said.approvals, approval(checked, plan="sha256:one")))
    assert verdict(delivered(checked, plan(), both)) is Verdict.ALLOW


def test_a_plan_that_loses_data_needs_more_than_was_given(
    office: Office, ends: tuple[str, str]
) -> None:
    checked = office.change(*ends)
    lost = plan("sha256:one", replace(UPDATE, kind="delete", loses_data=True))
    team = [approval(checked, TOM, plan="sha256:one")]
    assert verdict(delivered(checked, lost, Given(tuple(team)))) is Verdict.NEEDS_APPROVAL
    team += [approval(checked, by, plan="sha256:one") for by in (MINA, Person("K", "", 1002))]
    found = delivered(checked, lost, Given(tuple(team)))
    assert [need.count for need in found.decision.approvals] == [2]
    assert verdict(found) is Verdict.ALLOW


def test_no_approval_gets_past_a_freeze(office: Office, files: Files) -> None:
    stop = (
        "apiVersion: reconciler/v1\nkind: Freeze\nmetadata: {name: stop, owner: team-platform}\n"
        "spec: {scope: {everything: true}, reason: An incident., since: 2026-01-01}\n"
    )
    frozen = {**files, "policies/freezes/stop.yaml": stop}
    base = office.project.commit(frozen)
    head = office.project.commit(edited(frozen, *BIGGER), base, INES)
    checked = office.change(base, head)
    found = office.change(base, head, {NAME: Given((approval(checked),))})
    assert of(found).verdict is Verdict.DENY
    assert of(found).missing == ()
    assert isinstance(delivered(found, plan()), Refused)
