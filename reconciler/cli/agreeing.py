"""Who agreed to what is about to be delivered, where somebody's agreement is all that is missing.

Each way is asked in turn, and none counts that cannot be told for sure: nobody is known to have
agreed, so nobody has.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.app.agreed import Applied, brought_by, given_to, plan_given_to
from reconciler.app.carried import carried
from reconciler.app.deliver import Decided, excused, heard, over
from reconciler.app.record import Recorder
from reconciler.app.removal import bound
from reconciler.app.rollback import agreed_by_rollback
from reconciler.cli.building import Declared, declared_tree
from reconciler.cli.reviewing import room_of
from reconciler.core.expiry import ended_by
from reconciler.core.records.words import line
from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError
from reconciler.model.approval import Given
from reconciler.model.decision import Verdict
from reconciler.model.life import Waiting
from reconciler.wiring import Ports


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


def _applied(ports: Ports, repo: Path, one: Declared, recorder: Recorder) -> Applied:
    known = recorder.records.status(one.name).get("applied")
    since = str(known.get("commit", "")) if isinstance(known, dict) else ""
    commit = ports.makings(repo).brought(one.revision, one.name, one.path)
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
    request = brought_by(room, what.commit)
    said = heard(found, given_to(room, ports.commits(repo), what, request))
    said = replace(said, request=request)
    if said.decision.verdict is not Verdict.NEEDS_APPROVAL:
        return said
    return replace(said, agreed=plan_given_to(room, said, request, ports.kept.cache))


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
        ports.proof(repo, one.spec),
        recorder.records,
        what,
        found.planned.plan,
        simulated=recorder.simulated,
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
    given = given_to(room, ports.commits(repo), what, brought_by(room, what.commit))
    policies = dict(found.decision.inputs).get("policies", "")
    return heard(found, bound(given, found.planned.plan.digest, policies))
