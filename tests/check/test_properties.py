"""What is done at the cost of the change says what the whole would say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.ssh_keys import verify
from reconciler.app.affected import KeptUses
from reconciler.app.check import Tools, check_change
from reconciler.app.grounds import Span, Touched, _part, _whole, share_out
from reconciler.app.kept import Kept
from reconciler.app.render import Rendering
from reconciler.core.affected import Uses, uses_after
from reconciler.core.grounds import new_problems
from reconciler.core.tree import changes
from reconciler.model.check import CheckReport
from reconciler.model.decision import GateRun
from reconciler.model.finding import Finding, Location
from reconciler.model.policy import Answered, Indeterminate, Modules
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest
from reconciler.ports import PolicyEngine
from reconciler.wiring import Repository
from tests.check.project import DEMO, NOW, PITCH, QUIET, SARA, Project, about, rules
from tests.memory_tree import MemoryTree
from tests.repos import LAB, Files, edited, environment, small

NOWHERE = Kept(SqliteCache(None), "program")

# -------------------------------------------------- documents: a part says what the whole says

NAMES = ("box-one", "box-two", "box-three", "shop", "shop-dev", "shop-staging", "new")
FOLDERS = ("lab", "live")


def base() -> Files:
    """Sound, with quotas that are nearly used up and waivers that name environments."""
    files = edited(small(), LAB, "environmentsPerTeam: 4", "environmentsPerTeam: 3")
    last = environment("box-three", "production", more="  promotedFrom: box-two\n")
    return {**files, "environments/lab/box-three.yaml": last}


BASE = base()


@st.composite
def edits(draw: st.DrawFn) -> Files:
    """Some environments added, removed, moved, changed or broken."""
    files = dict(BASE)
    for _ in range(draw(st.integers(1, 3))):
        name, folder = draw(st.sampled_from(NAMES)), draw(st.sampled_from(FOLDERS))
        path = f"environments/{folder}/{name}.yaml"
        what = draw(st.sampled_from(("write", "write", "write", "remove", "break", "move")))
        if what == "remove":
            files.pop(path, None)
        elif what == "break":
            files[path] = draw(st.sampled_from(("spec: [", "a: 1\n", "")))
        elif what == "move":
            other = f"environments/{'live' if folder == 'lab' else 'lab'}/{name}.yaml"
            if path in files:
                files[other] = files.pop(path)
        else:
            source = draw(st.sampled_from(("", *NAMES, "nobody")))
            more = f"  promotedFrom: {source}\n" if source else ""
            text = environment(
                name,
                draw(st.sampled_from(("dev", "staging", "production"))),
                draw(st.sampled_from(("lab", "live"))),
                more,
            )
            if draw(st.booleans()):
                text = text.replace("team-a", "team-b")
            if draw(st.booleans()):
                text = text.replace("size: small", "size: medium")
            if draw(st.booleans()):
                text = text.replace('"111111111111"', '"222222222222"')
            files[path] = text
    return files


def known(found: Sequence[Any]) -> set[tuple[str, str, str]]:
    return {(one.path, one.code, one.message) for one in found}


def said(before: Files, after: Files) -> tuple[set[Any], set[Any]]:
    """What is new by the part that is looked at, and by the whole."""
    old, new = MemoryTree(before), MemoryTree(after)
    touched = Touched(tuple(changes(old, new)), ())
    span = Span(old, old, new, new, None, None)  # type: ignore[arg-type]  # no history is asked
    paths = set(touched.paths)
    part = new_problems(*_part(span, touched, KeptUses(NOWHERE, old)), paths)
    return known(part), known(new_problems(_whole(old), _whole(new), paths))


@given(edits())
@settings(max_examples=100)
def test_the_part_finds_what_the_whole_finds(after: Files) -> None:
    part, whole = said(BASE, after)
    assert part == whole


@given(edits(), edits())
@settings(max_examples=100)
def test_the_part_never_misses_that_the_whole_denies(before: Files, after: Files) -> None:
    part, whole = said(before, after)
    assert bool(part) == bool(whole)


def test_an_environment_that_names_a_broken_one_is_no_riddle() -> None:
    before = {**BASE, "environments/lab/box-two.yaml": "spec: ["}
    before.pop("environments/lab/box-three.yaml")
    new = environment("new", "production", "lab", "  promotedFrom: box-two\n")
    part, whole = said(before, {**before, "environments/lab/new.yaml": new})
    assert part == whole == set()


@given(edits(), edits())
@settings(max_examples=60)
def test_uses_from_what_differs_are_those_of_the_whole(before: Files, after: Files) -> None:
    old, new = MemoryTree(before), MemoryTree(after)
    found = uses_after(Uses()(old), changes(old, new), new)
    assert sorted(found, key=lambda one: one.path) == sorted(Uses()(new), key=lambda one: one.path)


PLACES = st.sampled_from(("a/x.yaml", "a/y.yaml", "b", ""))
FINDINGS = st.builds(
    lambda rule, env, path: Finding(
        "authority", rule, "t", "high", "authority", env, "m", Location(path), "f"
    ),
    st.sampled_from(("AUT001", "AUT002")),
    st.sampled_from(("", "x", "y", "z")),
    PLACES,
)


@given(st.lists(FINDINGS), st.dictionaries(PLACES, st.sampled_from(("x", "y")), max_size=3))
def test_sharing_out_loses_no_finding(found: list[Finding], names: dict[str, str]) -> None:
    run = GateRun("authority", tuple(found), "away", "hint", "digest")
    parts = share_out(run, names)
    assert parts.keys() == {"", *names.values()}
    shared = [one for part in parts.values() for one in part.findings]
    bare = sorted(replace(one, environment="") for one in shared)
    assert bare == sorted(replace(one, environment="") for one in found)
    for name, part in parts.items():
        if name:
            assert {one.environment for one in part.findings} <= {name}
            assert not part.failure
    assert parts[""].failure == "away"


# --------------------------------------------------------------------------------- caching


@dataclass
class Counting:
    """An engine that counts what it is asked."""

    engine: PolicyEngine
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.engine.name

    def ask(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        self.asked.append(document)
        return self.engine.ask(modules, query, document)

    def close(self) -> None:
        """It is somebody else's."""


@dataclass
class Scanning:
    """A scanner that finds nothing, and counts."""

    name: str = "one"
    asked: list[ScanRequest] = field(default_factory=list)
    answer: ScanFailed | None = None

    def identity(self) -> str | ScanFailed:
        return self.name

    def scan(self, request: ScanRequest) -> Scanned | ScanFailed:
        return next(self.scan_many((request,)))

    def scan_many(self, requests: Sequence[ScanRequest]) -> Iterator[Scanned | ScanFailed]:
        for one in requests:
            self.asked.append(one)
            yield self.answer or Scanned((), (), frozenset())


@dataclass
class Desk:
    """A check whose engine and scanner count."""

    project: Project
    kept: Kept
    engine: Counting
    scanner: Scanning

    def check(self, base: str, head: str, **more: Any) -> CheckReport:
        ports = self.project.ports
        repository = Repository(ports.repository(self.project.repo.path).git)
        assert ports.engine is not None
        tools = Tools(
            self.engine, ports.engine, self.scanner, self.kept, Rendering(ports.workers, 10),
            b"key", (("policy", self.engine.name),), verify,
        )  # fmt: skip
        tree = repository.snapshot(head)
        span = Span(
            repository.snapshot(base), repository.snapshot(repository.git.began(base, head)),
            tree, tree, ports.history(self.project.repo.path), None,
        )  # fmt: skip
        return check_change(span, tools, more.get("now", NOW), (), lambda _done, _all: None)

    def counts(self, base: str, head: str, **more: Any) -> tuple[int, int]:
        """How often the engine and the scanner were asked for one check."""
        before = len(self.engine.asked), len(self.scanner.asked)
        self.check(base, head, **more)
        return len(self.engine.asked) - before[0], len(self.scanner.asked) - before[1]


@pytest.fixture
def desk(project: Project, tmp_path: Path) -> Desk:
    assert project.ports.engine is not None
    kept = Kept(SqliteCache(tmp_path / "kept"), "program")
    return Desk(project, kept, Counting(project.ports.engine), Scanning())


def ask_scanner(files: Files) -> Files:
    return edited(files, DEMO, QUIET, QUIET.replace("dev: []", "dev: [checkov]"))


def ends(project: Project, files: Files) -> tuple[str, str]:
    first = project.commit(files)
    return first, project.commit(edited(files, PITCH, "size: small", "size: medium"), first, SARA)


def test_a_second_check_asks_nothing_and_says_the_same(desk: Desk, files: Files) -> None:
    span = ends(desk.project, ask_scanner(files))
    first = desk.check(*span)
    assert (len(desk.engine.asked), len(desk.scanner.asked)) == (1, 2)
    assert desk.check(*span) == first
    assert desk.counts(*span) == (0, 0)
    assert desk.counts(*span, now=NOW.replace(hour=13)) == (0, 0)


def test_whatever_a_verdict_rests_on_asks_again(desk: Desk, files: Files) -> None:
    files = ask_scanner(files)
    span = ends(desk.project, files)
    assert desk.counts(*span) == (1, 2)
    rule = "policies/cost/cost_estimate/cost_estimate.rego"
    other = {**files, rule: files[rule] + "\n# a word\n"}
    assert desk.counts(*ends(desk.project, other)) == (1, 0)
    stricter = edited(files, DEMO, "logDays: 7", "logDays: 8")
    assert desk.counts(*ends(desk.project, stricter)) == (1, 0)
    desk.scanner.name = "two"
    assert desk.counts(*span) == (0, 2)
    desk.engine.called = "another engine"
    assert desk.counts(*span) == (1, 0)
    desk.kept = Kept(desk.kept.cache, "another program")
    assert desk.counts(*span) == (1, 2)


def test_a_moved_environment_has_its_findings_where_it_stands_now(desk: Desk, files: Files) -> None:
    bad = edited(files, DEMO, "perEnvironment: 50", "perEnvironment: 1")
    first, second = ends(desk.project, bad)
    desk.check(first, second)
    moved = edited(bad, PITCH, "size: small", "size: medium")
    moved["environments/other/pitch-acme.yaml"] = moved.pop(PITCH)
    third = desk.project.commit(moved, second, SARA)
    found = about(desk.check(first, third), "pitch-acme")
    assert "COST001" in rules(found)
    assert {
        one.finding.location.path for one in found.findings if one.finding.rule == "COST001"
    } == {"environments/other/pitch-acme.yaml"}


def test_what_looks_at_the_time_does_not_keep(desk: Desk, files: Files) -> None:
    rule = "policies/cost/cost_estimate/cost_estimate.rego"
    timed = """
violations contains lib.violation({"message": "late"}) if input.now > "2026-11-21T12:30:00Z"
"""
    span = ends(desk.project, {**files, rule: files[rule] + timed})
    assert desk.counts(*span) == (1, 0)
    assert desk.counts(*span) == (0, 0)
    late = desk.check(*span, now=NOW.replace(hour=13))
    assert "COST002" in rules(about(late, "pitch-acme"))
    assert len(desk.engine.asked) == 2


@pytest.mark.parametrize(
    "body",
    [
        'count(input.change.authors) > 0; input.change.authors[0].email == "sara@example.com"',
        'some path in input["change"].paths; path.effect == "changed"',
        "input.change.before.parameters.size != input.environment.parameters.size",
    ],
)
def test_rules_see_the_change(desk: Desk, files: Files, body: str) -> None:
    rule = "policies/cost/cost_estimate/cost_estimate.rego"
    more = f'\nviolations contains lib.violation({{"message": "seen"}}) if {{ {body} }}\n'
    span = ends(desk.project, {**files, rule: files[rule] + more})
    assert "COST002" in rules(about(desk.check(*span), "pitch-acme"))


def test_a_failure_is_never_kept(desk: Desk, files: Files) -> None:
    span = ends(desk.project, ask_scanner(files))
    desk.scanner.answer = ScanFailed("died", "it died")
    assert desk.counts(*span) == (1, 2)
    failed = desk.check(*span)
    assert any("it died" in why for why in about(failed, "pitch-acme").reasons)
    desk.scanner.answer = None
    assert desk.counts(*span) == (0, 2)


def test_reports_are_values(desk: Desk, files: Files) -> None:
    span = ends(desk.project, files)
    one = desk.check(*span)
    fresh = Desk(desk.project, NOWHERE, desk.engine, desk.scanner)
    two = fresh.check(*span)
    assert [replace(each, inputs=()) for each in one.decisions] == [
        replace(each, inputs=()) for each in two.decisions
    ]
