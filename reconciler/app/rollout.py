"""Let a change reach users step by step, and take it back when it does them no good.

Each step is a commit on the target branch that changes nothing but the step, signed with our key:
`carried` tells by that whether it may be applied without anybody agreeing anew. Without a key, or
where nobody lets us push, a step is a merge request. Everything is told from what is declared, what
is recorded and how it does now, so whoever is killed here loses nothing: the next one goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from reconciler.app.environment import find_environment
from reconciler.app.makings import Makings
from reconciler.app.moving import Desk as Moving
from reconciler.app.proposing import Bot, Wish, bullets
from reconciler.app.record import Recorder
from reconciler.app.records import Kept
from reconciler.app.rollback import roll_back
from reconciler.app.steward import Caller
from reconciler.core.edit_document import Changes, edit_document
from reconciler.core.health import state_of_health
from reconciler.core.records.facts import rollback_body
from reconciler.core.rollout import (
    Canary,
    Change,
    Ground,
    blind_move,
    canary_of,
    edits,
    ended,
    next_move,
)
from reconciler.core.tree import find
from reconciler.errors import NotAllowedError, ReconcilerError, UsageError
from reconciler.model.base import format_timestamp, parse_start
from reconciler.model.desired import Effective
from reconciler.model.health import State, Unsettled
from reconciler.model.merge_request import MergeRequest
from reconciler.model.record import ApplyEnded, Rollback
from reconciler.model.rollout import Advance, Back, Done, Finish, Move, Wait
from reconciler.model.tree import DOCUMENT_LIMIT
from reconciler.ports import Health, RepoTree

_BRANCH: Final = "rollout/"


@dataclass(frozen=True)
class Desk:
    """Everything that a rollout takes."""

    bot: Bot
    recorder: Recorder
    makings: Makings
    tree: RepoTree
    """The target branch as everybody has it now."""
    health: Callable[[Effective], Health]
    """What looks at an environment's health."""
    outputs: Callable[[Effective], Mapping[str, Any]]
    """The outputs of its state."""
    caller: Caller
    """Who does it."""
    held: Callable[[Effective], str] = lambda _filled: ""
    """Why nothing may begin with an environment now, as by a freeze; empty: it may."""


def roll_out(desk: Desk, name: str, now: datetime) -> Move:
    """Do what is to be done next, and say what that was. Done twice it is done once."""
    filled = find_environment(desk.tree, name).filled
    if filled is None:
        return Wait(None, "it cannot be read")
    canary = canary_of(filled.environment.document, filled.rollout)
    watch = max((one.patience for one in _checks(filled)), default=timedelta())
    if canary is not None and canary.step < 1:
        _tell_stopped(desk, filled, canary)
        canary = None
    ground = Ground(canary, _change(desk, filled), watch, desk.held(filled))
    move = blind_move(ground, now)
    if move is None and ground.change is not None:
        move = next_move(ground, _health(desk, filled, ground.change, now), now)
    match move:
        case Advance() | Finish() if canary is not None:
            _go_on(desk, filled, canary, move)
        case Back() if canary is not None:
            _stop(desk, filled, canary, move)
        case Done():
            _withdraw(desk, name)
        case Back(why):
            good = _good_before(desk, filled)
            if not good:
                return Wait(None, f"{why}; there was nothing before it to go back to")
            _take_back(desk, filled, good, why)
    return move or Wait(None, "")


def _checks(filled: Effective) -> tuple[Any, ...]:
    return filled.blueprint.document.spec.health


def _health(desk: Desk, filled: Effective, change: Change, now: datetime) -> State:
    """Nobody who can tell is no reason to go on, and none to go back."""
    name = filled.environment.document.metadata.name
    if not _checks(filled):
        return state_of_health((), change.began, change.ended, now)
    try:
        complaints = desk.health(filled).ask(name, desk.outputs(filled))
    except ReconcilerError as err:
        return Unsettled(f"nobody can tell how it is: {err.message}", None)
    return state_of_health(complaints, change.began, change.ended, now)


def _change(desk: Desk, filled: Effective) -> Change | None:
    """Since when what is declared is applied; None where the last apply was another, or failed.

    Mending drift, or applying it once more, is no change of what is declared.
    """
    name, path = filled.environment.document.metadata.name, filled.environment.path
    records = desk.recorder.records
    if records.status(name).get("applying"):
        return None
    files = desk.makings.files(desk.tree.revision, name, path)
    first: tuple[Kept, ApplyEnded] | None = None
    for kept in records.of_environment(name):
        body = kept.record.body
        if not isinstance(body, ApplyEnded):
            continue
        if body.action != "apply" or body.files != files:
            break
        if body.result == "done":
            first = kept, body
        elif first is None:
            return None
    if first is None:
        return None
    kept, body = first
    over = parse_start(kept.record.at)
    begun = records.ancestor(kept.commit, body.started) if body.started is not None else None
    return Change(parse_start(begun.record.at) if begun else over, over)


def _good_before(desk: Desk, filled: Effective) -> str:
    """The commit that was applied before what is declared, and was no trial; empty: none was."""
    name, path = filled.environment.document.metadata.name, filled.environment.path
    files = desk.makings.files(desk.tree.revision, name, path)
    for kept in desk.recorder.records.of_environment(name):
        body = kept.record.body
        if not isinstance(body, ApplyEnded) or body.result != "done":
            continue
        if body.action == "destroy":
            return ""
        if body.commit is None or body.files == files:
            continue
        before = desk.makings.filled(body.commit, name)
        if before is not None:
            canary = canary_of(before.environment.document, before.rollout)
            if canary is None or canary.step < 1:
                return body.commit
    return ""


def _take_back(desk: Desk, filled: Effective, good: str, why: str) -> None:
    """At once, where the profile lets an incident go fast; else, once, as a merge request."""
    name = filled.environment.document.metadata.name
    stage = filled.environment.document.spec.stage
    ask = partial(
        roll_back,
        Moving(desk.bot, desk.recorder, desk.tree, desk.caller),
        name,
        why,
        to=good,
        evidence=_evidence(desk, filled, why),
    )
    if stage in filled.profile.document.spec.rollback.fast.stages:
        with suppress(NotAllowedError, UsageError):
            ask(fast=True)
            return
    if not _is_asked_for(desk, name):
        ask()


def _is_asked_for(desk: Desk, name: str) -> bool:
    """Whether going back was proposed since the last apply; whoever closed that meant it."""
    for kept in desk.recorder.records.of_environment(name):
        body = kept.record.body
        if isinstance(body, ApplyEnded):
            return False
        if isinstance(body, Rollback) and not body.fast:
            return True
    return False


# --- commits of our own


def _withdraw(desk: Desk, name: str) -> None:
    """A step that nobody merged, of a trial that is over."""
    opened = desk.bot.open_ones().get(f"{_BRANCH}{name}")
    if opened is not None:
        desk.bot.withdraw(opened, "The trial is over: this step is wanted no more.")


def _go_on(desk: Desk, filled: Effective, canary: Canary, move: Advance | Finish) -> None:
    name, count = filled.environment.document.metadata.name, len(canary.steps)
    if isinstance(move, Advance):
        share = canary.steps[move.step - 1].traffic
        title = f"Let the trial in {name} go on to step {move.step} of {count}: {share} %"
    else:
        title = f"Let everybody in {name} have what was on trial"
    at, profile = desk.tree.revision[:12], filled.profile.document.metadata.name
    well = f"step {canary.step} of {count}, applied as {at} has it, did well for as long as"
    said = [f"on trial: {canary.image}", f"{well} the profile {profile} asks"]
    _commit(desk, filled, title, bullets(said), edits(move, canary))


def _stop(desk: Desk, filled: Effective, canary: Canary, move: Back) -> None:
    """No traffic any more, at once; what is left of it is taken out by people."""
    name = filled.environment.document.metadata.name
    title = f"Stop the trial in {name} at step {canary.step}"
    text = bullets(_evidence(desk, filled, move.why))
    _commit(desk, filled, title, text, edits(move, canary))


def _commit(desk: Desk, filled: Effective, title: str, text: str, changes: Changes) -> None:
    """On the target branch, where our key can say that it is ours; else as a merge request."""
    name, path = filled.environment.document.metadata.name, filled.environment.path
    after = edit_document(_text(desk.tree, path), changes)
    wish = Wish(f"{_BRANCH}{name}", title, text, {path: after}, desk.bot.me)

    def still(tip: str) -> bool:
        return desk.makings.commits.lies(tip, path) == filled.environment.oid

    if desk.bot.signer is None and not desk.recorder.simulated:
        desk.bot.propose(wish)
    else:
        desk.bot.put(wish, still)


def _tell_stopped(desk: Desk, filled: Effective, canary: Canary) -> None:
    """A trial that we stopped is recorded, and what is left of it proposed to be taken out; once.

    By the commit that stopped it: so nothing is lost when we are killed in between.
    """
    name, path = filled.environment.document.metadata.name, filled.environment.path
    stopped = _made_it(desk, path)
    bot = desk.bot
    commit = desk.makings.commits.commit(stopped)
    if commit.author != bot.me or not commit.parents:
        return
    bad = commit.parents[0]
    for kept in desk.recorder.records.of_environment(name):
        body = kept.record.body
        if isinstance(body, Rollback) and body.good == stopped:
            return
    words = commit.message.partition("\n\n")[2].strip() or commit.subject
    after = edit_document(_text(desk.tree, path), ended())
    wish = Wish(
        f"rollback/{name}",
        f"Take the failed trial out of {name}",
        f"{words}\n\n- it gets no traffic since {stopped[:12]}\n- it was {canary.image}\n",
        {path: after},
        bot.me,
    )
    request: MergeRequest = bot.propose(wish)
    body_ = rollback_body(bad, stopped, words, f"!{request.number}", fast=False)
    desk.recorder.happened(name, desk.tree.revision, body_)


def _made_it(desk: Desk, path: str) -> str:
    """The newest commit, by first parents, that made a document what it is."""
    at = desk.tree.revision
    oid = desk.makings.commits.lies(at, path)
    while True:
        parents = desk.makings.commits.commit(at).parents
        if not parents or desk.makings.commits.lies(parents[0], path) != oid:
            return at
        at = parents[0]


def _evidence(desk: Desk, filled: Effective, why: str) -> Sequence[str]:
    """What was seen, for whoever has to decide what becomes of it."""
    change = _change(desk, filled)
    since = format_timestamp(change.ended) if change else "nobody knows when"
    return [f"wrong: {why}", f"applied: {since}, as {desk.tree.revision[:12]} has it"]


def _text(tree: RepoTree, path: str) -> bytes:
    entry = find(tree, path)
    return (tree.read(entry, DOCUMENT_LIMIT) or b"") if entry is not None else b""
