"""Who changes what: owners their environments, teams what they own, agents only what they may.

Judged by the documents of the target branch, never by those of the change itself. In doubt, a
finding: an author whom nobody knows, a path that nobody owns.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from reconciler.core.fingerprint import fingerprint
from reconciler.core.globs import matches
from reconciler.model.agent import Agent
from reconciler.model.author import Author
from reconciler.model.base import RISKS, Risk
from reconciler.model.desired import Loaded, Shared
from reconciler.model.documents import KINDS
from reconciler.model.environment import Environment
from reconciler.model.finding import Finding, Location, Severity
from reconciler.model.freeze import Freeze

SHARED_PATHS: Final = (
    "profiles/",
    "policies/",
    "templates/",
    "reconciler.yaml",
    ".gitlab-ci.yml",
    ".gitlab/",
    "CODEOWNERS",
)
"""What must have an owner: what judges, what builds, and what runs on every merge request."""

EARLY: Final = "AUT009"
"""The rule of what is brought to an environment before it did well in the one that it follows."""
_TITLES: Final = {
    "AUT001": "An environment is changed by its owner",
    "AUT002": "What a team owns is changed by that team",
    "AUT003": "What judges has an owner",
    "AUT004": "An agent stays within its tracks, paths and kinds",
    "AUT005": "An agent stays within its risk",
    "AUT006": "An agent stays within its changes per day",
    "AUT007": "A stopped agent does nothing",
    "AUT008": "Every author is known",
    EARLY: "What is brought to an environment did well in the one that it follows",
}


@dataclass(frozen=True, slots=True)
class Touch:
    """One path that a change touches, with the environment on each side where it is one's."""

    path: str
    before: Environment | None = None
    after: Environment | None = None


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change as authority sees it."""

    authors: tuple[Author, ...]
    touches: tuple[Touch, ...]
    risk: Mapping[str, Risk]
    """Environment -> tier of its change."""
    rules_risk: Risk
    """Tier of the change as a whole: L3 when it changes the rules."""
    changes_today: Mapping[str, int]
    """Agent -> changes of its that were accepted today, this one not counted."""
    program: frozenset[Author] = frozenset()
    """Those of the authors that are the program itself, as their signatures prove."""
    beyond: tuple[tuple[str, str], ...] = ()
    """What the program may not touch, and why."""


def authority(change: ChangeRequest, shared: Shared, now: datetime) -> tuple[Finding, ...]:
    """Everything that somebody may not do; `shared` is the target branch's."""
    found: set[Finding] = set()
    if not change.authors:
        found.add(
            _finding(
                "AUT008",
                "",
                "",
                "nobody is named as the author of this change",
                "high",
                "say who you are: `git config user.name` and `git config user.email`",
            )
        )
    for author in change.authors:
        agent = next(
            (one.document for one in shared.agents.values() if _is(one.document, author)), None
        )
        if agent is not None:
            found.update(_of_agent(agent, change, shared, now))
            continue
        teams = frozenset(
            name
            for name, team in shared.teams.items()
            if any(
                member.email.lower() == author.email.lower()
                for member in team.document.spec.members
            )
        )
        if teams:
            found.update(_of_person(author, teams, change.touches, shared))
        elif author in change.program:
            found.update(_of_program(author, change.beyond))
        else:
            found.add(_of_stranger(author, shared))
    return tuple(sorted(found))


def _is(agent: Agent, author: Author) -> bool:
    return agent.spec.identity.email.lower() == author.email.lower()


def _finding(  # a finding has this many parts
    rule: str, path: str, environment: str, message: str, severity: Severity = "high", fix: str = ""
) -> Finding:
    return Finding(
        "authority",
        rule,
        _TITLES[rule],
        severity,
        "authority",
        environment,
        message,
        Location(path),
        fix or "let somebody of the owning team make this change",
        fingerprint=fingerprint("authority", rule, path, environment, message),
    )


def too_early(path: str, environment: str, message: str, fix: str, brings: str) -> Finding:
    """What is brought too early: one and the same for as long as just that is brought.

    `brings`: a digest of it.
    """
    found = _finding(EARLY, path, environment, message, fix=fix)
    return replace(found, fingerprint=fingerprint("authority", EARLY, environment, brings))


def _of_stranger(author: Author, shared: Shared) -> Finding:
    who = f"{author.name} <{author.email}>"
    writers = shared.settings.document.spec.records.writers if shared.settings else ()
    if any(one.email.lower() == author.email.lower() for one in writers):
        return _finding(
            "AUT008",
            "",
            "",
            f"{who} is a name of the program, and not every commit in that name is signed with its"
            " key of `records.writers`",
            "high",
            "give the program its key (RECONCILER_SIGNING_KEY), or make this change in your name",
        )
    return _finding(
        "AUT008",
        "",
        "",
        f"{who} is in no team and is no agent",
        "high",
        "add the person to a team in profiles/teams/, or correct the commit's author",
    )


def _of_program(author: Author, beyond: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """It needs no team: whoever has to agree does, and there is little that it is for."""
    for path, why in beyond:
        words = f"the program ({author.name}) may not change {path}: {why}"
        yield _finding("AUT008", path, "", words, "high", "let somebody of a team propose this")


def _of_person(
    author: Author, teams: frozenset[str], touches: Iterable[Touch], shared: Shared
) -> Iterator[Finding]:
    who = f"{author.name} ({', '.join(sorted(teams))})"
    for touch in touches:
        # Who owned it before decides; a new environment must be of a team that its author is in.
        document = touch.before or touch.after
        if document is not None and document.metadata.owner not in teams:
            yield _finding(
                "AUT001",
                touch.path,
                document.metadata.name,
                f"{document.metadata.name} is {document.metadata.owner}'s, and {who} changes it",
            )
            continue
        yield from _owned(who, teams, touch.path, shared)


def owners_of(path: str, shared: Shared) -> tuple[str, ...]:
    """The teams that own a path beyond their environments."""
    return tuple(
        sorted(
            name
            for name, team in shared.teams.items()
            if any(matches(glob, path) for glob in team.document.spec.owns)
        )
    )


def _owned(who: str, teams: frozenset[str], path: str, shared: Shared) -> Iterator[Finding]:
    owners = owners_of(path, shared)
    if owners and not teams & set(owners):
        yield _finding(
            "AUT002", path, "", f"{path} is owned by {', '.join(owners)}, and {who} changes it"
        )
    elif not owners and path.startswith(SHARED_PATHS):
        yield _finding(
            "AUT003",
            path,
            "",
            f"no team owns {path}, so nobody may change it",
            "high",
            "name it in `owns` of a document in profiles/teams/",
        )


def _of_agent(
    agent: Agent, change: ChangeRequest, shared: Shared, now: datetime
) -> Iterator[Finding]:
    name, spec = agent.metadata.name, agent.spec
    if spec.quarantine is not None:
        yield _finding(
            "AUT007",
            "",
            "",
            f"the agent {name} is in quarantine: {spec.quarantine.reason}",
            "critical",
            f"a human of {agent.metadata.owner} takes `quarantine` out of its document",
        )
    for freeze in shared.freezes.values():
        if _stops(freeze, name, now):
            reason = freeze.document.spec.reason
            yield _finding("AUT007", "", "", f"the agent {name} is frozen: {reason}", "critical")
    limit = min(
        (spec.changes_per_day, *(_track_limits(change.touches, shared))),
        default=spec.changes_per_day,
    )
    if change.changes_today.get(name, 0) >= limit:
        yield _finding(
            "AUT006",
            "",
            "",
            f"the agent {name} has made its {limit} changes of today",
            "medium",
            "wait until tomorrow, or raise `changesPerDay`",
        )
    if RISKS.index(change.rules_risk) > RISKS.index(spec.highest_risk):
        words = f"the change is {change.rules_risk}, and the agent {name} goes up to"
        yield _finding("AUT005", "", "", f"{words} {spec.highest_risk}")
    for touch in change.touches:
        yield from _agent_touch(agent, touch, change, shared)


def _track_limits(touches: Iterable[Touch], shared: Shared) -> Iterator[int]:
    for touch in touches:
        document = touch.after or touch.before
        profile = shared.profiles.get(document.spec.track) if document else None
        if profile is not None:
            yield profile.document.spec.agents.changes_per_day


def is_stopped(agent: Agent, freezes: Iterable[Loaded[Freeze]], now: datetime) -> bool:
    """Whether an agent may do nothing: in quarantine, or frozen."""
    return agent.spec.quarantine is not None or any(
        _stops(freeze, agent.metadata.name, now) for freeze in freezes
    )


def _stops(freeze: Loaded[Freeze], agent: str, now: datetime) -> bool:
    spec = freeze.document.spec
    return (
        spec.scope.agent == agent
        and spec.since <= now
        and (spec.expires is None or now <= spec.expires)
    )


def _agent_touch(
    agent: Agent, touch: Touch, change: ChangeRequest, shared: Shared
) -> Iterator[Finding]:
    name, spec = agent.metadata.name, agent.spec
    kind = next(
        (
            one.name
            for one in KINDS
            if one.folder and touch.path.startswith(one.folder) and touch.path.endswith(".yaml")
        ),
        "",
    )
    if not any(matches(glob, touch.path) for glob in spec.paths):
        yield _finding(
            "AUT004", touch.path, "", f"{touch.path} is not in the paths of the agent {name}"
        )
    if kind not in spec.kinds:
        what = f"documents of the kind {kind}" if kind else "files that are no documents"
        yield _finding("AUT004", touch.path, "", f"the agent {name} may not change {what}")
    for document in {one.metadata.name: one for one in (touch.before, touch.after) if one}.values():
        environment, track = document.metadata.name, document.spec.track
        for tracks in (touch.before, touch.after):
            if tracks is not None and tracks.spec.track not in spec.tracks:
                yield _finding(
                    "AUT004",
                    touch.path,
                    environment,
                    f"the agent {name} may not change the track {tracks.spec.track}",
                )
        profile = shared.profiles.get(track)
        limits = [
            spec.highest_risk,
            *([profile.document.spec.agents.highest_risk] if profile else []),
        ]
        allowed = min(limits, key=RISKS.index)
        risk = change.risk.get(environment, "L0")
        if RISKS.index(risk) > RISKS.index(allowed):
            yield _finding(
                "AUT005",
                touch.path,
                environment,
                f"the change of {environment} is {risk}, and the agent {name} goes up to {allowed}",
                "high",
                "let a human make or take over this change",
            )
