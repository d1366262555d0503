"""The gates that look at the change as a whole: documents, authority, secrets.

Each gives one GateRun; `share_out` gives every environment its own part of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

from reconciler.app.affected import KeptUses
from reconciler.app.kept import Kept
from reconciler.app.policy import load_policies, run_policy_tests
from reconciler.app.scan import as_findings, scan_between, scan_range
from reconciler.app.world import World
from reconciler.core.affected import neighbours
from reconciler.core.approve import People, as_author
from reconciler.core.authority import ChangeRequest, Touch, authority
from reconciler.core.check import environment_faults
from reconciler.core.effective import effective
from reconciler.core.grounds import (
    as_conflict,
    as_finding,
    as_test_finding,
    needs_for_rules,
    new_problems,
    rules_among,
)
from reconciler.core.load import Found, as_problems, check_some, load, load_environment
from reconciler.core.program import NOT_OURS, Ours, beyond, ours_among
from reconciler.core.render import Renderer
from reconciler.core.tree import Change, find
from reconciler.errors import IndeterminateError, ReconcilerError
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.base import Risk
from reconciler.model.decision import ApprovalNeed, GateRun
from reconciler.model.environment import Environment
from reconciler.model.finding import Finding
from reconciler.model.problem import Problem
from reconciler.model.secret import Unscanned
from reconciler.model.waiver import Waiver
from reconciler.ports import History, PolicyEngine, RegoReader, RepoTree, Verify

UNSCANNED = "unscanned"
"""The rule of a waiver that accepts, by fingerprint, what the scan for secrets could not read."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Span:
    """A change: what judges it, where it began, what it comes to."""

    target: RepoTree
    """The target branch: everything that judges."""
    began: RepoTree
    """The newest commit that both have."""
    committed: RepoTree
    """The change's last commit."""
    head: RepoTree
    """What is judged: that commit, or the files as they lie there."""
    history: History
    me: Author | None
    """Who would commit what is not committed."""
    pushed: RepoTree | None = None
    """The change's last commit, where the head is what merging makes of it and the target: the
    change then begins at the target."""
    conflicts: tuple[str, ...] = ()
    """Files that git cannot merge: then it is the branch by itself that is judged."""

    @property
    def revisions(self) -> str:
        """The commits that the target branch has not."""
        return f"{self.target.revision}..{self.committed.revision}"


@dataclass(frozen=True, slots=True)
class Touched:
    """What differs between the beginning of a change and its end."""

    committed: tuple[Change, ...]
    loose: tuple[Change, ...]
    """What is not committed yet."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, sorted."""
        return tuple(sorted({one.path for one in (*self.committed, *self.loose)}))

    @property
    def rules(self) -> tuple[str, ...]:
        """Those that judge or build environments."""
        return rules_among(self.paths)

    @property
    def environments(self) -> tuple[str, ...]:
        """Those that are environments' documents."""
        return tuple(
            path
            for path in self.paths
            if path.startswith("environments/") and path.endswith(".yaml")
        )


def makers_of(
    span: Span,
    touched: Touched,
    target: World,
    people: People,
    openers: Iterable[Person],
    verify: Verify,
) -> tuple[tuple[Author, ...], Ours]:
    """Whoever made the commits, would make the next one, or opened it; and what is the program's.

    The account that the program has at the forge opens what the program made, and nothing else: who
    wrote another's name into a commit would hide behind it.
    """
    settings = target.shared.settings
    writers = settings.document.spec.records.writers if settings is not None else ()
    authors = set(span.history.authors(span.revisions))
    loose = {span.me} if touched.loose and span.me is not None else set()
    ids = {one.forge_id for one in writers if one.forge_id is not None}
    emails = {one.email.lower() for one in writers}
    ours = NOT_OURS
    # Signatures are only looked at where something rests on them.
    if any(one.email.lower() in emails for one in authors) or any(
        one.forge_id in ids for one in openers
    ):
        ours = ours_among(span.history.made(span.revisions), writers, people, verify)
        # What is not committed is signed by nobody.
        ours = Ours(ours.authors - loose, ours.whole and not touched.loose)
    authors |= loose
    known = {one.email.lower() for one in authors}
    for by in openers:
        opener = as_author(by, people)
        if opener is None or opener.email.lower() in known or (ours.whole and by.forge_id in ids):
            continue
        authors.add(opener)
    return tuple(sorted(authors)), ours


# --- documents


def documents_run(
    span: Span,
    touched: Touched,
    target: World,
    kept: Kept,
    policies: RegoReader,
    engine: PolicyEngine,
) -> GateRun:
    """What the change makes wrong in documents, templates and policies."""
    rules = touched.rules
    if rules:
        before, after = _whole(span.began), _whole(span.head)
    else:
        before, after = _part(span, touched, KeptUses(kept, span.began))
    found = [as_finding(one) for one in new_problems(before, after, set(touched.paths))]
    found += _by_the_old_rules(span, touched, target, {one.path for one in after})
    found += [as_conflict(path) for path in span.conflicts]
    if any(path.startswith("policies/") for path in rules):
        found += _policies(span.head, policies, engine, kept)
    return GateRun("documents", tuple(sorted(set(found))))


def _whole(tree: RepoTree) -> tuple[Problem, ...]:
    desired, problems = load(tree)
    templates = Renderer(tree, desired.shared).template_problems()
    return tuple(sorted({*problems, *templates}))


def _part(
    span: Span, touched: Touched, uses: KeptUses
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Only the touched environments and those that they can be a problem for, on both sides."""
    found = []
    listed = [uses(tree) for tree in (span.began, span.head)]
    names = [uses.names(tree) for tree in (span.began, span.head)]
    around = {path for path in touched.paths if path.startswith("environments/")}
    for side in listed:
        around |= neighbours(touched.environments, side)
    for tree, own in zip((span.began, span.head), names, strict=True):
        found.append(check_some(tree, around, own, shared_too=names[0] != names[1]))
    return found[0], found[1]


def _by_the_old_rules(
    span: Span, touched: Touched, target: World, told: Collection[str]
) -> Iterator[Finding]:
    """Environments that only the change's own rules allow: those are not in force.

    They are its own because it changes them, or because it began before the target branch did.
    """
    hint = "bring the branch up to date with the target branch"
    if touched.rules:
        hint = "let the change of the rules be merged first"
    for path in touched.environments:
        entry = find(span.head, path)
        loaded = load_environment(span.head, entry, []) if entry is not None else None
        if loaded is None or path in told:
            continue
        filled, faults = effective(loaded, target.shared)
        if filled is not None:
            faults = environment_faults(filled)
        found: Found = [*faults]
        for problem in as_problems(span.head, found):
            words = f"by the rules of the target branch: {problem.message}"
            yield as_finding(replace(problem, message=words, suggestion=hint))


def _policies(
    head: RepoTree, reader: RegoReader, engine: PolicyEngine, kept: Kept
) -> Iterator[Finding]:
    """The policies as changed: whole, and true to their own tests."""
    pack = load_policies(head, reader, kept)
    yield from (as_finding(one) for one in pack.problems)
    if not pack.problems:
        run = run_policy_tests(pack, engine, reader, coverage=False)
        yield from (as_test_finding(one) for one in run.failed)


# --- authority


def authority_run(
    span: Span,
    touched: Touched,
    authors: tuple[Author, ...],
    sides: Mapping[str, tuple[Environment | None, Environment | None]],
    risk: Mapping[str, Risk],
    target: World,
    now: datetime,
    ours: Ours,
) -> GateRun:
    """Who may not make this change. `sides`: each touched environment before and after."""
    if not touched.paths:
        return GateRun("authority")
    request = ChangeRequest(
        authors,
        tuple(Touch(path, *sides.get(path, (None, None))) for path in touched.paths),
        risk,
        "L3" if touched.rules else "L0",
        _today(span, authors, target, now),
        ours.authors,
        tuple(beyond(touched.paths, span.began, span.head, span.pushed)) if ours.authors else (),
    )
    return GateRun("authority", authority(request, target.shared, now))


def _today(span: Span, authors: Collection[Author], target: World, now: datetime) -> dict[str, int]:
    """How many changes of each agent among the authors the target branch took in today."""
    emails = {author.email.lower() for author in authors}
    agents = {
        name: loaded.document.spec.identity.email.lower()
        for name, loaded in target.shared.agents.items()
        if loaded.document.spec.identity.email.lower() in emails
    }
    if not agents:
        return {}
    midnight = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
    accepted = span.history.accepted(span.target.revision, midnight)
    return {
        name: sum(1 for one in accepted if email in {author.email.lower() for author in one})
        for name, email in agents.items()
    }


def rules_needs(touched: Touched, target: World) -> tuple[ApprovalNeed, ...]:
    """Whose agreement a change of the rules wants."""
    return tuple(needs_for_rules(touched.paths, target.shared))


# --- secrets


def secrets_run(
    span: Span, touched: Touched, key: bytes, target: World, now: datetime
) -> tuple[GateRun, tuple[str, ...]]:
    """Secrets in any commit of the change and in what is not committed; and notes."""
    # Found secrets are waived where all findings are, by their own rules.
    try:
        scans = [scan_range(span.history, span.revisions, key)]
    except IndeterminateError:
        raise
    except ReconcilerError as err:
        return GateRun("secrets", failure=err.message, hint=err.hint), ()
    if touched.loose:
        scans.append(scan_between(span.committed, span.head, touched.loose, key))
    found = {one for scan in scans for one in as_findings(scan)}
    waivers = [one.document for one in target.shared.waivers.values()]
    unscanned = sorted(
        {
            one
            for scan in scans
            for one in scan.unscanned
            if not any(_accepts(waiver, one, now) for waiver in waivers)
        }
    )
    notes = [
        f"secrets: {note.location.path}: {note.message}" for scan in scans for note in scan.notes
    ]
    failure, hint = _unscanned(unscanned)
    return GateRun("secrets", tuple(sorted(found)), failure, hint), tuple(dict.fromkeys(notes))


def _accepts(waiver: Waiver, one: Unscanned, now: datetime) -> bool:
    """Whether a waiver names what could not be scanned; it is of no environment and no track."""
    subject = waiver.spec.subject
    return (
        waiver.spec.rule == UNSCANNED
        and now <= waiver.spec.expires
        and one.fingerprint in subject.fingerprints
        and not (subject.environments or subject.tracks)
        and (not subject.resources or one.location.path in subject.resources)
    )


def _unscanned(many: Sequence[Unscanned]) -> tuple[str, str]:
    if not many:
        return "", ""
    shown = "; ".join(f"{one.location.path}: {one.reason}" for one in many[:_SHOWN])
    more = f" and {len(many) - _SHOWN} more" if many[_SHOWN:] else ""
    marks = ", ".join(one.fingerprint for one in many[:_SHOWN])
    return (
        f"{len(many)} places could not be scanned: {shown}{more}",
        f"take it out, or let a waiver of the rule `{UNSCANNED}` name the fingerprint {marks}",
    )


# --- for each environment its part


def share_out(run: GateRun, names: Mapping[str, str]) -> dict[str, GateRun]:
    """By environment, and under the empty name what is about none of them.

    `names`: environment by the path of its document. A failure is one of the change as a whole.
    """
    parts: dict[str, list[Finding]] = {name: [] for name in names.values()}
    rest: list[Finding] = []
    for one in run.findings:
        name = one.environment or names.get(one.location.path, "")
        parts.get(name, rest).append(replace(one, environment=name) if name in parts else one)
    shared = {
        name: GateRun(run.gate, tuple(found), digest=run.digest) for name, found in parts.items()
    }
    shared[""] = GateRun(run.gate, tuple(rest), run.failure, run.hint, run.digest)
    return shared
