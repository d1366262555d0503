"""Who agreed to what is about to be delivered, where somebody's agreement is all that is missing.

Each way is asked in turn, and none counts that cannot be told for sure: nobody is known to have
agreed, so nobody has.
"""

from collections.abc import Callable
from pathlib import Path

from reconciler.app.agreed import Applied, given_to
from reconciler.app.carried import carried
from reconciler.app.deliver import Decided, excused, heard, over
from reconciler.app.makings import Makings
from reconciler.app.record import Recorder
from reconciler.app.removal import bound
from reconciler.app.rollback import agreed_by_rollback
from reconciler.cli.building import Declared, declared_tree
from reconciler.cli.checking import Asked, judged
from reconciler.cli.reviewing import room_of
from reconciler.core.expiry import ended_by
from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.core.tree import find
from reconciler.errors import NotAllowedError, ReconcilerError
from reconciler.model.approval import Given
from reconciler.model.decision import Verdict
from reconciler.model.life import Waiting
from reconciler.wiring import Ports

_OF_CHANGES = ("authority", "secrets")
"""Gates that only a change can be judged by."""
_FAR = 10_000
"""So many commits back nobody looks for what brought an environment."""


def agreed_to(
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    found: Decided,
    removal: Waiting | None,
    said: Callable[[str], None],
) -> Decided:
    """The same plan, decided about with what people said.

    `removal`: what took the document out, where all of it is to be destroyed.
    """
    ways = (_by_trial, _by_request, _by_rollback) if removal is None else (_by_removal,)
    for way in ways:
        if found.decision.verdict is not Verdict.NEEDS_APPROVAL:
            break
        try:
            found = way(ports, repo, one, recorder, found, removal)
        except ReconcilerError as error:
            said(f"No approval could be read: {line(hidden(error.message), 300)}")
    return found


def brought(makings: Makings, commit: str, name: str, path: str) -> str:
    """The newest commit, by first parents, that made an environment what it is at one."""
    for _ in range(_FAR):
        parents = makings.commits.commit(commit).parents
        if not parents or not makings.same(parents[0], commit, name, path):
            break
        commit = parents[0]
    return commit


def refuse_bypass(
    ports: Ports, repo: Path, one: Declared, recorder: Recorder, said: Callable[[str], None]
) -> None:
    """Judge the change that brought it once more, by the rules that it met, and refuse it here.

    A commit of the target branch went through no gate just because it is there: whoever may push
    can. What was applied before just so was let in before.
    """
    known = recorder.records.status(one.name).get("applied")
    if isinstance(known, dict) and known.get("files") == one.rendered.digest:
        return
    commit = brought(ports.makings(repo), one.revision, one.name, one.path)
    parents = ports.commits(repo).commit(commit).parents
    rules = ports.repository(repo).snapshot(parents[0]) if parents else None
    if rules is None or find(rules, "reconciler.yaml") is None:
        return  # there were no rules yet
    head = _brought_in(ports, repo, commit)
    asked = Asked(repo, parents[0], head, False, (one.name,), recorder.clock())  # noqa: FBT003  # not `--all`
    with judged(ports, asked) as done:
        found = (done.checked.change, *done.report.decisions)
    denied = {
        f"{one.finding.rule}: {one.finding.message}"
        for decision in found
        if decision is not None
        for one in decision.findings
        # What a commit as it stands is judged by, is asked of it as it stands.
        if one.finding.gate in _OF_CHANGES and one.level == "hard" and not one.waived_by
    }
    if not denied:
        return
    why = "; ".join(sorted(denied))
    what = f"bring {commit[:12]} to {one.spec.branches.target} though its gates deny it"
    try:
        recorder.refused(one.name, declared_tree(ports, repo, None).revision, commit, what, why)
    except ReconcilerError as error:  # it is refused all the same
        said(f"That this was refused could not be recorded: {line(hidden(error.message), 300)}")
    raise NotAllowedError(
        "bypass",
        f"{commit[:12]} brought {one.name} to {one.spec.branches.target}, and its gates deny it:"
        f" {line(hidden(why), 300)}",
        hint=f"`reconciler check --base {parents[0][:12]} --head {commit[:12]}` tells all;"
        " revert it, or bring it again by a merge request",
        subject=one.name,
    )


def _brought_in(ports: Ports, repo: Path, commit: str) -> str:
    """What a commit brought: of a merge that came out as git makes it, what was merged."""
    commits = ports.commits(repo)
    parents = commits.commit(commit).parents
    if len(parents) != 2:  # noqa: PLR2004  # a merge of one branch into another
        return commit
    own = {*commits.makers(parents[0], commit)} - {*commits.makers(parents[0], parents[1])}
    return commit if own else parents[1]


def _applied(ports: Ports, repo: Path, one: Declared, recorder: Recorder) -> Applied:
    known = recorder.records.status(one.name).get("applied")
    since = str(known.get("commit", "")) if isinstance(known, dict) else ""
    commit = brought(ports.makings(repo), one.revision, one.name, one.path)
    return Applied(one.name, one.path, commit, since)


def _by_request(
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    found: Decided,
    _removal: Waiting | None,
) -> Decided:
    """On the merge request that brought it."""
    room = room_of(ports, repo, plan=False, sandbox=False, post=False)
    what = _applied(ports, repo, one, recorder)
    return heard(found, given_to(room, ports.commits(repo), what))


def _by_trial(
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    found: Decided,
    _removal: Waiting | None,
) -> Decided:
    """When the trial began that this is a step of."""
    known = recorder.records.status(one.name).get("applied")
    since = str(known.get("commit", "")) if isinstance(known, dict) else ""
    what = Applied(one.name, one.path, one.revision, since)
    given: Given | None = carried(
        ports.proof(repo, one.spec), recorder.records, what, found.planned.plan
    )
    return found if given is None else heard(found, given)


def _by_rollback(
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    found: Decided,
    _removal: Waiting | None,
) -> Decided:
    """Nobody yet: what ran before runs again, fast, and is agreed to afterwards."""
    tree, risk = declared_tree(ports, repo, None), found.decision.risk
    record = agreed_by_rollback(recorder.records, tree, one.name, risk, one.rendered.digest)
    return found if record is None else excused(found, record)


def _by_removal(
    ports: Ports,
    repo: Path,
    one: Declared,
    recorder: Recorder,
    found: Decided,
    removal: Waiting | None,
) -> Decided:
    """On the merge request that took its document out; nobody has to where its end has come."""
    if removal is None:
        return found
    ended = ended_by(recorder.records.status(one.name))
    if ended is not None:
        return over(found, ended)
    room = room_of(ports, repo, plan=False, sandbox=False, post=False)
    what = Applied(one.name, removal.path, removal.commit, removal.last)
    given = given_to(room, ports.commits(repo), what)
    policies = dict(found.decision.inputs).get("policies", "")
    return heard(found, bound(given, found.planned.plan.digest, policies))
