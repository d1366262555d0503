"""Check a change, or everything: load -> render -> gate -> decide.

What judges comes from the target branch, never from the change: policies, profiles, teams, agents,
waivers, freezes, settings. What is judged is what would run: the head's environments, rendered
with the head's templates. Nothing that could not be told is taken for a pass.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import repeat
from typing import Any, Final

from reconciler.app.affected import affected_between
from reconciler.app.grounds import (
    Span,
    Touched,
    authority_run,
    documents_run,
    makers_of,
    rules_needs,
    secrets_run,
    share_out,
)
from reconciler.app.held import Foretold, Past, foretell
from reconciler.app.impact import Regime, preview
from reconciler.app.judge import Judge, Scanning, Subject, Unreadable, scanners_of
from reconciler.app.kept import ROOTS, Kept
from reconciler.app.policy import load_policies
from reconciler.app.render import Rendering
from reconciler.app.world import NOTHING, Seen, World
from reconciler.core.affected import ENVIRONMENTS
from reconciler.core.approve import People
from reconciler.core.decide import Law, Question, decide
from reconciler.core.fingerprint import fingerprint
from reconciler.core.grounds import as_finding, laws_of
from reconciler.core.load import load
from reconciler.core.policy.inputs import environment_fields
from reconciler.core.render import Renderer
from reconciler.core.risk import highest, risk_of
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import Change, changes, files_below
from reconciler.core.veil import veiled
from reconciler.errors import UsageError
from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Given, Person
from reconciler.model.author import Author
from reconciler.model.base import Risk
from reconciler.model.check import CheckReport, ImpactPreview
from reconciler.model.decision import ApprovalNeed, Decision, GateRun
from reconciler.model.desired import Desired, Effective, Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.finding import Gate
from reconciler.model.policy import Pack
from reconciler.model.problem import Problem
from reconciler.ports import PolicyEngine, RegoReader, RepoTree, Scanner, Verify

Progress = Callable[[int, int], None]
_OF_FILES: Final = frozenset[Gate](("policy",))
_OF_CHANGES: Final = frozenset[Gate](("documents", "authority", "secrets"))
_MERGED: Final = (
    "the target branch went on since this began: judged is what merging it would make of both"
)
_NONE_GIVEN: Final[Mapping[str, Given]] = {}
_ALL_NOTES: Final = (
    "authority and secrets look at changes; `reconciler scan` looks for secrets in the files",
)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a check asks."""

    engine: PolicyEngine
    reader: RegoReader
    scanner: Scanner
    kept: Kept
    rendering: Rendering
    secret_key: bytes
    engines: tuple[tuple[str, str], ...]
    """Gate -> what answers, in which version."""
    verify: Verify
    """Whose key signed a commit."""
    past: Callable[[], Past | None] = lambda: None
    """Records, as far as they are in reach; only asked where something rests on them."""

    def judge(self, pack: Pack, now: datetime) -> Judge:
        """The gates that look at rendered files, by these policies."""
        return Judge(pack, self.engine, self.scanner, self.kept, now)


@dataclass(slots=True)
class _Case:
    """One environment on its way to a decision."""

    one: Affected
    before: Seen
    after: Seen
    laws: tuple[Law, ...]
    change: Mapping[str, Any]
    risk: Risk = "L3"
    runs: list[GateRun] = field(default_factory=list)
    foretold: Foretold = field(default_factory=Foretold)
    """What would keep it from being applied, though nothing is wrong with it."""

    @property
    def subject(self) -> Subject | None:
        """What the gates look at, when there is something."""
        if self.after.filled is None or self.after.rendered is None:
            return None
        return Subject(self.after.filled, self.after.rendered, self.laws, self.change)

    @property
    def wanted(self) -> frozenset[Gate]:
        """The gates that have to say something."""
        if self.subject is None:  # gone, or broken, which the gate of documents tells
            return _OF_CHANGES
        scanners = frozenset[Gate](("checkov",)) if scanners_of(self.laws) else frozenset()
        return _OF_CHANGES | _OF_FILES | scanners


@dataclass(frozen=True, slots=True)
class Checked:
    """A report, and what it takes to decide again when there is a plan."""

    report: CheckReport
    questions: Mapping[str, Question]
    """By environment."""
    subjects: Mapping[str, Subject]
    """By environment; without those that cannot be rendered."""
    judge: Judge
    change: Decision | None = None
    """About the change itself, when there is one."""
    authors: tuple[Person, ...] = ()
    """Who made the change, as its commits tell."""
    paths: tuple[str, ...] = ()
    """Every file that the change touches."""


def check_change(
    span: Span,
    tools: Tools,
    now: datetime,
    only: Collection[str],
    progress: Progress,
) -> CheckReport:
    """Every decision about a change: one for each environment that it touches, one for itself."""
    return judge_change(span, tools, now, only, progress).report


def check_all(
    tree: RepoTree, tools: Tools, now: datetime, only: Collection[str], progress: Progress
) -> CheckReport:
    """Every environment as it is, by the rules that stand beside it. Nothing changes here."""
    return judge_all(tree, tools, now, only, progress).report


def judge_change(
    span: Span,
    tools: Tools,
    now: datetime,
    only: Collection[str],
    progress: Progress,
    approvals: Mapping[str, Given] = _NONE_GIVEN,
    *,
    only_making: bool = False,
) -> Checked:
    """A change, with what a plan needs to be decided about.

    `approvals`: by environment; under the empty name, about the change itself. `only_making`: what
    it makes is judged elsewhere, and stays untold here.
    """
    old, target, new = (
        World(tree, tools.rendering) for tree in (span.began, span.target, span.head)
    )
    touched = _touched(span)
    people = People.of(target.shared, now)
    said = approvals[""].authors if "" in approvals else ()
    authors, ours = makers_of(span, touched, target, people, said, tools.verify)
    found = affected_between(span.began, span.head, tools.kept, tools.rendering)
    _known(only, (one.name for one in found), (span.began, span.head))
    # Who may make the change rests on all of it, also where only a part is asked about.
    whole_change = [
        _case(one, (old, target, new), _change_fields(touched, authors)) for one in found
    ]
    cases = [case for case in whole_change if not only or case.one.name in only]
    asked = [subject for case in cases if (subject := case.subject) is not None]
    asked = [] if only_making else asked
    # Checkov looks while everything else is done.
    scanning = Scanning.begin(asked, tools.scanner, tools.kept)
    pack = load_policies(span.target, tools.reader, tools.kept)
    judge = tools.judge(pack, now)
    judging = judge.begin(asked, scanning)
    for case in whole_change:
        case.risk = _risk(case, judge, tools.kept)
    documents = documents_run(span, touched, target, tools.kept, tools.reader, tools.engine)
    broken = [as_finding(one, case.one.name) for case in cases for one in case.after.problems]
    documents = GateRun("documents", tuple(sorted({*documents.findings, *broken})))
    sides = _documents_of(touched, whole_change, (old, target, new))
    risk = {case.one.name: case.risk for case in whole_change}
    secrets, notes = secrets_run(span, touched, tools.secret_key, target, now)
    names = {case.one.path: case.one.name for case in cases}
    parts = [
        share_out(run, names)
        for run in (
            documents,
            authority_run(span, touched, authors, sides, risk, target, now, ours),
            secrets,
        )
    ]
    _rule(cases, parts, repeat(()) if only_making else judging.runs(), progress)
    if not only_making:
        _foretell(cases, (old, target, new), tools.past, now)
        notes = (*notes, *(one for case in cases for one in case.foretold.notes))
    made_by = tuple(Person(one.name, one.email) for one in authors)
    ground = _Ground(
        span.target, span.head, target.shared, pack, tools, now, made_by, approvals, people
    )
    began = ("commit.began", span.began.revision)
    notes = (*notes, _MERGED) if span.pushed is not None else notes
    questions = {case.one.name: _question(case, ground, (began,)) for case in cases}
    decisions = [_decided(question) for question in questions.values()]
    if touched.paths or authors:
        whole = tuple(part[""] for part in parts)
        decisions.append(_decided(_of_the_change(whole_change, touched, whole, ground, target)))
    impact: ImpactPreview | None = None
    if touched.rules and not only_making:
        theirs = load_policies(span.head, tools.reader, tools.kept)
        impact = preview(
            Regime(target, judge, pack.digest),
            Regime(new, tools.judge(theirs, now), theirs.digest),
            now,
            progress,
        )
    report = CheckReport(
        span.target.revision,
        span.head.revision,
        now,
        tuple(decisions),
        tools.engines,
        tuple(case.one for case in cases),
        impact,
        notes,
        min((due for case in cases if (due := case.foretold.due) is not None), default=None),
    )
    itself = next((one for one in decisions if not one.environment), None)
    subjects = {one.name: one for one in asked}
    return Checked(report, questions, subjects, judge, itself, made_by, touched.paths)


def judge_all(
    tree: RepoTree,
    tools: Tools,
    now: datetime,
    only: Collection[str],
    progress: Progress,
    approvals: Mapping[str, Given] = _NONE_GIVEN,
) -> Checked:
    """Everything as it is; of those that were asked for by name, what a plan needs.

    `approvals`: by environment, with all authors of what led here, whom nobody else tells, and
    the commits that were approved. They count where a plan has something to agree to.
    """
    pack = load_policies(tree, tools.reader, tools.kept)
    judge = tools.judge(pack, now)
    world = World(tree, tools.rendering)
    desired, problems = load(tree)
    problems = tuple(
        sorted({*problems, *Renderer(tree, desired.shared).template_problems(), *pack.problems})
    )
    _known(only, (), (tree,))
    people = People.of(world.shared, now)
    ground = _Ground(tree, tree, world.shared, pack, tools, now, (), approvals, people)
    by_path: dict[str, list[Problem]] = {}
    for problem in problems:
        by_path.setdefault(problem.path, []).append(problem)
    chosen = [
        one
        for one in desired.complete
        if not only or one.environment.document.metadata.name in only
    ]
    decisions: list[Decision] = []
    pending: list[_Case] = []
    questions: dict[str, Question] = {}
    held: dict[str, Subject] = {}

    def subjects() -> Iterable[Subject]:
        for filled in chosen:
            case = _standing(world.render(filled), world.shared)
            pending.append(case)
            subject = case.subject
            if subject is None:
                continue
            yield subject

    def settle(case: _Case, runs: Sequence[GateRun]) -> None:
        own = [*by_path.pop(case.one.path, ()), *case.after.problems]
        found = tuple(sorted({as_finding(one, case.one.name) for one in own}))
        case.runs = [GateRun("documents", found), *runs]
        question = _question(case, ground, (), changing=False)
        decisions.append(_decided(question))
        if only:  # ten thousand would be too much to hold
            questions[case.one.name] = question
            if (subject := case.subject) is not None:
                held[case.one.name] = subject

    total = len(chosen)
    progress(0, total)
    for runs in judge.runs(subjects(), lambda done: progress(done, total)):
        while pending and pending[0].subject is None:
            settle(pending.pop(0), ())
        settle(pending.pop(0), runs)
    for case in (*pending, *_broken(desired, by_path, world.shared)):
        if not only or case.one.name in only:
            settle(case, ())
    if not only:
        rest = {as_finding(one) for many in by_path.values() for one in many}
        if rest:
            run = GateRun("documents", tuple(sorted(rest)))
            decisions.append(_decided(_of_the_tree(run, ground)))
    places = tuple(
        Affected(one.document.metadata.name, one.path, Effect.REJUDGED, ())
        for one in desired.environments
    )
    asked = tuple(one for one in tools.engines if one[0] not in _OF_CHANGES)
    report = CheckReport(
        tree.revision, tree.revision, now, tuple(decisions), asked, places, None, _ALL_NOTES
    )
    return Checked(report, questions, held, judge)


def _broken(desired: Desired, problems: Collection[str], shared: Shared) -> tuple[_Case, ...]:
    """Environments that are not complete; also those of which nothing can be read."""
    complete = {one.environment.path for one in desired.complete}
    found = [
        _standing(Seen(one), shared) for one in desired.environments if one.path not in complete
    ]
    known = {one.path for one in desired.environments}
    return (
        *found,
        *(
            _Case(Affected(_stem(path), path, Effect.REJUDGED, ()), NOTHING, NOTHING, (), {}, "L0")
            for path in problems
            if path.startswith(ENVIRONMENTS) and path not in known
        ),
    )


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all decisions of one check have in common."""

    target: RepoTree
    head: RepoTree
    shared: Shared
    pack: Pack
    tools: Tools
    now: datetime
    authors: tuple[Person, ...]
    approvals: Mapping[str, Given]
    people: People

    def asked(self, question: Question) -> Question:
        """The same, with who made it and what was said about it."""
        made = replace(question, authors=self.authors, people=self.people)
        return made.heard(self.approvals.get(question.environment, Given()))

    @property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Digests and versions."""
        shared = self.shared
        settings = shared.settings.oid if shared.settings else ""
        return (
            ("commit.target", self.target.revision),
            ("commit.head", self.head.revision),
            ("policies", self.pack.digest),
            ("waivers", _oids(shared.waivers.values())),
            ("freezes", _oids(shared.freezes.values())),
            ("settings", settings),
            ("program", self.tools.kept.program),
            *((f"engine.{gate}", name) for gate, name in self.tools.engines),
        )


def _oids(many: Iterable[Loaded[Any]]) -> str:
    return fingerprint(*sorted(f"{one.path} {one.oid}" for one in many))


def _decided(question: Question) -> Decision:
    """The decision, with nothing in it that looks like a secret."""
    return veiled(decide(question))


def _touched(span: Span) -> Touched:
    committed = tuple(changes(span.began, span.committed))
    if span.head is span.committed:
        return Touched(committed, ())
    # A working tree shows only what the program reads; what it leaves out is not gone.
    loose = (
        one for one in changes(span.committed, span.head) if one.path.partition("/")[0] in ROOTS
    )
    return Touched(committed, tuple(loose))


def _known(only: Collection[str], names: Iterable[str], trees: Iterable[RepoTree]) -> None:
    """Refuse a name that no environment has; the trees are looked at when they have to be."""
    known = set(names)
    if set(only) <= known:
        return
    for tree in trees:
        known |= {_stem(entry.path) for entry in files_below(tree, "environments")}
    for name in only:
        if name not in known:
            raise UsageError(
                "unknown-environment",
                f"there is no environment `{name}`",
                hint=did_you_mean(name, known) or f"there are: {listed(known)}",
            )


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml")


def _change_fields(touched: Touched, authors: Sequence[Author]) -> dict[str, Any]:
    """The change as rules see it."""
    return {
        "authors": [{"email": one.email, "name": one.name} for one in authors],
        "paths": [
            {"path": one.path, "effect": _effect(one)}
            for one in (*touched.committed, *touched.loose)
        ],
    }


def _effect(one: Change) -> str:
    if one.base is None:
        return "added"
    return "removed" if one.head is None else "changed"


def _case(one: Affected, worlds: tuple[World, World, World], change: Mapping[str, Any]) -> _Case:
    old, target, new = worlds
    before = NOTHING if one.effect is Effect.ADDED else old.look(one.moved_from or one.path)
    after = NOTHING if one.effect is Effect.REMOVED else new.look(one.path)
    sides = [before.document, _now(one, worlds), after.document]
    laws = laws_of(sides, target.shared)
    was = environment_fields(before.filled) if before.filled else None
    return _Case(one, before, after, laws, {**change, "effect": one.effect.value, "before": was})


def _now(one: Affected, worlds: tuple[World, World, World]) -> Environment | None:
    """The document as the target branch has it by now, which may be further than the change."""
    old, target, _ = worlds
    if old.tree.revision == target.tree.revision:
        return None
    return target.document(one.moved_from or one.path)


def _standing(seen: Seen, shared: Shared) -> _Case:
    """An environment that nobody changes."""
    path = seen.loaded.path if seen.loaded else ""
    name = seen.document.metadata.name if seen.document else ""
    one = Affected(name, path, Effect.REJUDGED, ())
    return _Case(one, seen, seen, laws_of([seen.document], shared), {}, "L0")


def _documents_of(
    touched: Touched, cases: Sequence[_Case], worlds: tuple[World, World, World]
) -> dict[str, tuple[Environment | None, Environment | None]]:
    """Each touched environment's document before and after, for who may change it.

    Before is as the target branch has it, where it has it.
    """
    old, target, new = worlds
    known = {case.one.path: (case.before.document, case.after.document) for case in cases}
    for case in cases:
        if case.one.moved_from:
            known[case.one.moved_from] = (case.before.document, None)
    for path in touched.environments:
        if path not in known:
            known[path] = (old.document(path), new.document(path))
    if old.tree.revision == target.tree.revision:
        return known
    return {
        path: (target.document(path) or before, after) for path, (before, after) in known.items()
    }


def _risk(case: _Case, judge: Judge, kept: Kept) -> Risk:
    """What cannot be read, or rendered, may be anything."""
    # Both: nothing is safer because it was something else before, or will be.
    documents = [seen.document for seen in (case.before, case.after) if seen.document is not None]
    gone = case.one.effect is Effect.REMOVED
    if not documents or (case.after.rendered is None and not gone):
        return "L3"
    sides = [seen.rendered for seen in (case.before, case.after)]
    kinds = [f"{one.spec.track} {one.spec.stage}" for one in documents]
    key = kept.key("risk", *kinds, *(one.digest if one else "" for one in sides))
    remembered = kept.cache.get("risk", key)
    for tier in ("L0", "L1", "L2", "L3"):
        if remembered == tier.encode():
            return tier
    try:
        before, after = ((one, judge.terraform(one)) if one else None for one in sides)
    except Unreadable:
        return "L3"
    risk = highest(risk_of(one, before, after) for one in documents)
    kept.cache.put_many("risk", [(key, risk.encode())])
    return risk


def _foretell(
    cases: Iterable[_Case],
    worlds: tuple[World, World, World],
    past: Callable[[], Past | None],
    now: datetime,
) -> None:
    """Give each case what would keep it from being applied."""
    for case in cases:
        filled = case.after.filled
        if filled is None or filled.environment.document.spec.promoted_from is None:
            continue
        sides = (case.before.document, _now(case.one, worlds))
        before = [one for one in sides if one is not None]
        case.foretold = foretell(filled, before, case.laws, past, now)
        case.runs += case.foretold.runs


def _rule(
    cases: Sequence[_Case],
    parts: Sequence[Mapping[str, GateRun]],
    ran: Iterable[tuple[GateRun, ...]],
    progress: Progress,
) -> None:
    """Give each case what its gates came to."""
    runs = iter(ran)
    for done, case in enumerate(cases, start=1):
        case.runs += [part[case.one.name] for part in parts]
        if case.subject is not None:
            case.runs += next(runs)
        progress(done, len(cases))


def _question(
    case: _Case, ground: _Ground, more: tuple[tuple[str, str], ...], *, changing: bool = True
) -> Question:
    own = [("effect", case.one.effect.value)] if changing else []
    own += [(f"gate.{run.gate}", run.digest) for run in case.runs if run.digest]
    if case.after.loaded is not None:
        own.append(("environment", case.after.loaded.oid))
    if case.after.filled is not None:
        own += _made_of(case.after.filled)
    if case.after.rendered is not None:
        own.append(("rendered", case.after.rendered.digest))
    if case.before.rendered is not None and changing:
        own.append(("rendered.before", case.before.rendered.digest))
    own += case.foretold.inputs
    wanted = case.wanted if changing else case.wanted - _OF_CHANGES
    owners = [seen.document.metadata.owner for seen in (case.before, case.after) if seen.document]
    question = Question(
        environment=case.one.name,
        owner=owners[0] if owners else "",
        needs=_handed_over(owners),
        laws=case.laws,
        risk=case.risk,
        wanted=wanted,
        runs=tuple(case.runs),
        waivers=tuple(one.document for one in ground.shared.waivers.values()),
        freezes=tuple(one.document for one in ground.shared.freezes.values()),
        inputs=(*ground.inputs, *more, *own),
        now=ground.now,
        changing=changing,
    )
    return ground.asked(question)


def _handed_over(owners: Sequence[str]) -> tuple[ApprovalNeed, ...]:
    """Nobody gets an environment without having agreed to it."""
    if len(set(owners)) < 2:  # noqa: PLR2004  # the same before and after
        return ()
    return (ApprovalNeed(1, (owners[-1],), humans_only=True, why=f"it becomes {owners[-1]}'s"),)


def _made_of(filled: Effective) -> list[tuple[str, str]]:
    folder = filled.blueprint
    files = (f"{one.path} {one.oid}" for one in folder.files)
    return [
        ("profile", filled.profile.oid),
        ("team", filled.team.oid),
        ("blueprint", fingerprint(folder.loaded.oid, *files)),
    ]


def _of_the_change(
    cases: Sequence[_Case],
    touched: Touched,
    runs: tuple[GateRun, ...],
    ground: _Ground,
    target: World,
) -> Question:
    """What is not about one environment: broken documents elsewhere, secrets, who changes rules."""
    question = Question(
        environment="",
        laws=(),
        risk="L3" if touched.rules else highest(case.risk for case in cases),
        wanted=_OF_CHANGES,
        runs=runs,
        waivers=tuple(one.document for one in ground.shared.waivers.values()),
        freezes=(),
        inputs=ground.inputs,
        now=ground.now,
        needs=rules_needs(touched, target),
    )
    return ground.asked(question)


def _of_the_tree(run: GateRun, ground: _Ground) -> Question:
    """What is wrong beside environments."""
    return Question(
        environment="",
        laws=(),
        risk="L0",
        wanted=frozenset(),
        runs=(run,),
        waivers=(),
        freezes=(),
        inputs=ground.inputs,
        now=ground.now,
        changing=False,
    )
