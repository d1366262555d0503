"""Rollback: one environment's document as it was when it did well.

Nothing else is reverted: what it is made of beside its document is told where it differs. As a rule
it is a merge request like any other. Where the profile lets an incident go fast, whoever may agree
to such changes puts it on the target branch at once, and somebody else agrees afterwards.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from reconciler.app.environment import find_environment, whole
from reconciler.app.moving import Desk, branch_for, propose_alone, record_once, text_of
from reconciler.app.proposing import Wish
from reconciler.app.records import Records
from reconciler.core.approve import People, Somebody, recognised
from reconciler.core.load import lazy_shared, load_environment
from reconciler.core.moves import differing_texts
from reconciler.core.records.facts import override_body, rollback_body
from reconciler.core.rollback import fast_one, last_good
from reconciler.core.rollout import canary_of
from reconciler.core.tree import find
from reconciler.errors import NotAllowedError, ReconcilerError, UsageError, WaitingError
from reconciler.model.base import Risk, Stage
from reconciler.model.desired import Effective
from reconciler.model.merge_request import MergeRequest
from reconciler.model.move import Good, RolledBack
from reconciler.model.record import Recorded
from reconciler.ports import RepoTree
from reconciler.report import moves as words


def roll_back(
    desk: Desk,
    name: str,
    because: str,
    *,
    to: str = "",
    evidence: Sequence[str] = (),
    fast: bool = False,
) -> RolledBack:
    """Revert an environment's document to what was good. Asked for twice it is done once.

    `to`: a commit of the target branch; by default the last one that was applied and did well.
    `evidence`: what speaks for it, in words. `fast`: at once, where the profile lets whoever asks.
    """
    path = find_environment(desk.tree, name).path
    good, before = _good(desk, name, path, to), text_of(desk.tree, path)
    then = desk.recorder.commits.snapshot(good.commit)
    after = text_of(then, _path(then, name) or path)
    beside = tuple(_beside(desk.tree, then, name))
    found = RolledBack(
        name,
        _bad(desk, name, path),
        good,
        because,
        differing_texts(before, after),
        tuple(evidence),
        beside,
    )
    if before == after:
        also = f"; what differs since is {', '.join(beside)}" if beside else ""
        raise ReconcilerError(
            "nothing-to-revert",
            f"the document of {name} is as it was at {good.commit[:12]}{also}",
            hint="name an earlier commit with `--to`, or revert what differs by a merge request",
            subject=name,
        )
    if not after:
        raise UsageError(
            "unknown-environment", f"there was no {name} at {good.commit[:12]}", subject=name
        )
    wish = Wish(
        branch_for("rollback", name, before.decode(), after.decode()),
        f"Roll {name} back to {good.commit[:12]}",
        words.rollback(found),
        {path: after},
        desk.author,
    )
    return _fast(desk, found, wish, path) if fast else _proposed(desk, found, wish)


def _proposed(desk: Desk, found: RolledBack, wish: Wish) -> RolledBack:
    return _noted(desk, found, propose_alone(desk, wish))


def _noted(desk: Desk, found: RolledBack, request: MergeRequest) -> RolledBack:
    body = rollback_body(
        found.bad, found.good.commit, found.because, f"!{request.number}", fast=False
    )
    record_once(desk, found.environment, body)
    return replace(found, request=request)


def _fast(desk: Desk, found: RolledBack, wish: Wish, path: str) -> RolledBack:
    """On the target branch at once; recorded before, so that a fast one is never unknown."""
    _let_go_fast(desk, found)
    body = rollback_body(found.bad, found.good.commit, found.because, "", fast=True)
    record_once(desk, found.environment, body)
    was = find(desk.tree, path)

    def still(tip: str) -> bool:
        there = find(desk.recorder.commits.snapshot(tip), path)
        return was is not None and there is not None and there.oid == was.oid

    put = desk.bot.put(wish, still)
    if isinstance(put, MergeRequest):
        return _noted(desk, found, put)
    if not put:
        raise WaitingError(
            "moved-meanwhile",
            f"somebody else changed the document of {found.environment} meanwhile",
            hint="look at what it says now, and run it again",
            subject=found.environment,
        )
    return replace(found, commit=put)


def agree(desk: Desk, name: str, because: str) -> Recorded:
    """Somebody agrees to a rollback that went fast; it may not be who did it."""
    back = desk.recorder.records.status(name).get("rollback") or {}
    if "agreed" not in back or back["agreed"] is not None:
        raise UsageError(
            "nothing-to-agree",
            f"no rollback of {name} waits for anybody's agreement",
            hint=f"`reconciler audit log {name}` shows what was done",
            subject=name,
        )
    who = _entitled(desk, whole(desk.tree, name))
    if ("email", str(back["by"]).strip().lower()) in who.marks:
        raise NotAllowedError(
            "own-rollback",
            f"{who.name} rolled {name} back: somebody else has to agree",
            hint="ask another one of the team",
            subject=name,
        )
    body = override_body("rollback", str(back["record"]), because, ())
    return desk.recorder.happened(name, desk.tree.revision, body)


def agreed_by_rollback(
    records: Records, tree: RepoTree, name: str, risk: Risk, files: str
) -> int | None:
    """The record of the fast rollback that an apply needs no other agreement for; None: none.

    `tree`: the target branch as it is now, whose profile has to let it go fast. `risk` and `files`:
    of what is to be applied, planned and rendered.
    """
    found = whole(tree, name)
    spec = found.environment.document.spec
    history = (kept.record for kept in records.of_environment(name))
    rules = (found.profile.document.spec.rollback.fast,)
    return fast_one(history, rules, spec.stage, risk, files)


# -- which commit ---------------------------------------------------------------------------------


def _good(desk: Desk, name: str, path: str, to: str) -> Good:
    if to:
        commits = desk.recorder.commits
        commit = commits.snapshot(to).revision
        if commits.began(desk.tree.revision, commit) != commit:
            raise UsageError(
                "not-agreed",
                f"{commit[:12]} is not on the target branch, so nobody agreed to it",
                hint="name a commit that is",
                subject=name,
            )
        return Good(commit, -1)
    history = (kept.record for kept in desk.recorder.records.of_environment(name))
    now = find(desk.tree, path)
    found = last_good(history, now.oid if now else "", lambda one: _settled(desk, name, one))
    if found is None:
        raise UsageError(
            "no-good",
            f"records know no other document of {name} that was applied and did well",
            hint="name a commit with `--to`",
            subject=name,
        )
    return found


def _bad(desk: Desk, name: str, path: str) -> str:
    """The commit that brought what stands there now, where it was applied; else the newest."""
    last = desk.recorder.records.status(name).get("lastApply") or {}
    commit, now = str(last.get("commit") or ""), find(desk.tree, path)
    same = bool(commit) and now is not None and _document(desk, name, commit) == now.oid
    return commit if same else desk.tree.revision


def _document(desk: Desk, name: str, commit: str) -> str:
    """The id of an environment's document at a commit; empty: nobody can tell."""
    try:
        tree = desk.recorder.commits.snapshot(commit)
        path = _path(tree, name)
    except ReconcilerError:
        return ""
    entry = find(tree, path) if path else None
    return entry.oid if entry is not None else ""


def _settled(desk: Desk, name: str, commit: str) -> str:
    """The same; empty, too, while something was on trial: who goes back is not to begin it anew."""
    found = _document(desk, name, commit)
    filled = (
        find_environment(desk.recorder.commits.snapshot(commit), name).filled if found else None
    )
    canary = canary_of(filled.environment.document, filled.rollout) if filled is not None else None
    return "" if canary is not None and canary.step else found


def _path(tree: RepoTree, name: str) -> str:
    try:
        return find_environment(tree, name).path
    except UsageError:
        return ""


def _beside(now: RepoTree, then: RepoTree, name: str) -> Iterator[str]:
    """What an environment is made of beside its document, and is not as it was."""
    path = _path(then, name)
    entry = find(then, path) if path else None
    loaded = load_environment(then, entry, []) if entry is not None else None
    if loaded is None:
        return
    document = loaded.document
    blueprint = document.spec.blueprint
    for told, place in (
        (f"the blueprint {blueprint.name} {blueprint.version}",
         f"templates/{blueprint.name}/{blueprint.version}"),
        ("the templates that blueprints share", "templates/_shared"),
        (f"the profile {document.spec.track}", f"profiles/tracks/{document.spec.track}.yaml"),
        (f"the team {document.metadata.owner}", f"profiles/teams/{document.metadata.owner}.yaml"),
    ):  # fmt: skip
        one, other = find(now, place), find(then, place)
        if (one.oid if one else "") != (other.oid if other else ""):
            yield told


# -- who may --------------------------------------------------------------------------------------


def _let_go_fast(desk: Desk, back: RolledBack) -> None:
    found = whole(desk.tree, back.environment)
    spec, profile = found.environment.document.spec, found.profile.document
    moved = {"spec.track", "spec.stage", "metadata.owner"} & {one.path for one in back.moves}
    if moved:
        raise UsageError(
            "not-fast",
            f"going back changes {', '.join(sorted(moved))} of {back.environment}",
            hint="without `--fast` it is a merge request, which both sides judge",
            subject=back.environment,
        )
    if spec.stage not in profile.spec.rollback.fast.stages:
        raise UsageError(
            "not-fast",
            f"the track {profile.metadata.name} lets no rollback go fast at the stage {spec.stage}",
            hint="without `--fast` it is a merge request; `rollback: {fast: {stages: [...]}}` of"
            " the profile says otherwise",
            subject=found.environment.document.metadata.name,
        )
    if desk.caller.actor.kind != "program":
        _entitled(desk, found)


def _entitled(desk: Desk, found: Effective) -> Somebody:
    """Who runs this, if they may agree to changes of the environment."""
    document, caller = found.environment.document, desk.caller
    people = People.of(lazy_shared(desk.tree), desk.recorder.clock())
    who = recognised(caller.by, caller.signed_by, people)
    wanted = sorted({document.metadata.owner, *_teams(found, document.spec.stage)})
    if isinstance(who, str):
        why = who
    elif who.agent:
        why = "an agent's agreement does not count here"
    elif not who.teams & set(wanted):
        why = f"people of {', '.join(wanted)} may"
    else:
        return who
    raise NotAllowedError(
        "not-entitled",
        f"{caller.actor.name} may not agree to changes of {document.metadata.name}: {why}",
        hint="ask one of those who may",
        subject=document.metadata.name,
    )


def _teams(found: Effective, stage: Stage) -> Iterable[str]:
    for rule in found.profile.document.spec.approvals:
        if stage in rule.stages:
            yield from rule.teams
