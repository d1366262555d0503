"""What a promotion carries along, and whether what it comes from does well. Pure.

Nothing else tells whether something did well for long enough: what is foretold on a merge request
is what is refused right before the apply.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from reconciler.core.authority import EARLY, too_early
from reconciler.core.edit_document import GONE, Changes
from reconciler.core.fingerprint import fingerprint
from reconciler.core.parameters import has_default
from reconciler.core.records.standing import Status
from reconciler.core.rollout import IMAGE, STEP, TRIAL, trial
from reconciler.model.base import format_duration, format_timestamp, parse_start
from reconciler.model.blueprint import BlueprintSpec
from reconciler.model.environment import EnvironmentSpec
from reconciler.model.finding import Finding
from reconciler.model.move import Early, Green
from reconciler.model.profile import ProfileSpec, Rollout
from reconciler.model.record import ApplyEnded, DriftGone, DriftSeen, Record

PROMOTION: Final = "promotion"
"""The input of a decision that rests on how something did before: the newest record of it."""


def carried(
    source: EnvironmentSpec,
    target: EnvironmentSpec,
    blueprint: BlueprintSpec,
    rollout: Rollout,
) -> Changes:
    """The changes of the target's document that make it follow its source.

    The version, and the parameters that the blueprint names in `promotes`: what the source does
    not say for itself, the target says no more. Parameters that this version does not have go.
    Where changes reach the target's users by a canary, a new image goes on trial first.
    `blueprint`: in the source's version; `rollout`: the target's.
    """
    changes: dict[tuple[str, ...], object] = {}
    if source.blueprint.version != target.blueprint.version:
        changes["spec", "blueprint", "version"] = source.blueprint.version
    given, own = source.parameters, target.parameters
    for name in blueprint.promotes:
        if name in given and (name not in own or given[name] != own[name]):
            changes["spec", "parameters", name] = given[name]
        elif name in own and name not in given:
            changes["spec", "parameters", name] = GONE
    for name in own:
        if name not in blueprint.parameters:
            changes["spec", "parameters", name] = GONE
    image = ("spec", "parameters", IMAGE)
    if rollout.strategy == "canary" and {TRIAL, STEP} <= set(blueprint.parameters) and IMAGE in own:
        wanted = changes.get(image, GONE)
        if wanted is not GONE:
            del changes[image]
            if own.get(TRIAL) != wanted:
                changes.update(trial(wanted))
    return changes


def release(spec: EnvironmentSpec, blueprint: BlueprintSpec) -> tuple[object, ...]:
    """What a promotion would carry of an environment: its version, and what that promotes.

    An image that is on trial is what it is to run. `blueprint`: in the version that is looked for.
    """
    given = dict(spec.parameters)
    if TRIAL in given and IMAGE in blueprint.promotes:
        given[IMAGE] = given[TRIAL]
    carries = tuple((name, given.get(name, GONE)) for name in sorted(blueprint.promotes))
    return (spec.blueprint.name, spec.blueprint.version, carries)


def digest_of(brought: tuple[object, ...]) -> str:
    """One word for what `release` gave."""
    name, version, carries = brought
    assert isinstance(carries, tuple)  # noqa: S101  # as `release` makes it
    values = {key: value for key, value in carries if value is not GONE}
    return fingerprint(str(name), str(version), json.dumps(values, sort_keys=True, default=str))


def did_well(
    history: Iterable[Record], same: Callable[[str], bool], now: datetime
) -> tuple[timedelta, datetime | None] | None:
    """How long at most something did well in a row, and since when it does; None: it never ran.

    `history`: the environment's records, oldest first. `same`: whether a commit has it.
    """
    found, since, runs = None, None, False
    for record in history:
        body, at = record.body, parse_start(record.at)
        if isinstance(body, ApplyEnded):
            good = body.result == "done" and body.action == "apply" and body.commit is not None
            goes_on = good and same(str(body.commit))
            if goes_on and since is None:
                since = at
            elif not goes_on:
                found, since = _longer(found, since, at), None
            runs = goes_on
        elif isinstance(body, DriftSeen):
            found, since = _longer(found, since, at), None
        elif isinstance(body, DriftGone) and runs:
            since = since or at
    found = _longer(found, since, now)
    return None if found is None else (found, since)


def as_finding(early: Early, path: str) -> Finding:
    """What is brought too early, as the gate of authority says it of a document.

    Nothing in it moves with the clock: it is the same until something becomes of it.
    """
    words = f"{early.source}, which {early.environment} follows, never ran what this brings"
    fix = f"let it run in {early.source} first; `reconciler promote {early.source}` brings it then"
    asks = f"the track {early.track} asks for {format_duration(early.asked)} in a row"
    if early.due is not None and early.since is not None:
        since = format_timestamp(early.since)
        words = f"what this brings does well in {early.source} since {since}, and {asks}"
        words += f": it is not applied before {format_timestamp(early.due)}"
        fix = f"wait: the controller looks again at {format_timestamp(early.due)} by itself"
    elif early.longest is not None:
        words = f"what this brings did well in {early.source} for {span(early.longest)}, and {asks}"
        fix = f"let it do well in {early.source}; the controller looks again by itself"
    fix += (
        f". In an emergency `/reconciler override {EARLY} until DAY because REASON` proposes a"
        " waiver for just this"
    )
    return too_early(path, early.environment, words, fix, early.brings)


def span(time: timedelta) -> str:
    """How long, in whole seconds."""
    return format_duration(timedelta(seconds=time // timedelta(seconds=1)))


def _longer(found: timedelta | None, since: datetime | None, until: datetime) -> timedelta | None:
    if since is None:
        return found
    return max(found or timedelta(), until - since)


def missing(
    source: EnvironmentSpec, target: EnvironmentSpec, blueprint: BlueprintSpec, rules: ProfileSpec
) -> tuple[str, ...]:
    """Parameters without a default that nobody gives the target: somebody has to say them."""
    carries = set(source.parameters) & set(blueprint.promotes)
    given = carries | set(target.parameters) | set(rules.defaults.parameters)
    return tuple(
        name
        for name, one in blueprint.parameters.items()
        if not has_default(one) and name not in given
    )


def green(status: Status, history: Iterable[Record], same: Callable[[str], bool]) -> Green:
    """Whether an environment does well, and since when.

    `history`: its records, newest first; read only as far as it takes. `same`: whether a commit
    declares the environment as the one that runs does.
    """
    applied = status.get("applied") or {}
    commit, record = applied.get("commit") or "", applied.get("record", -1)
    wrong = tuple(_wrong(status))
    if wrong or not commit:
        return Green(commit, record, None, wrong or ("nothing was applied to it yet",))
    return Green(commit, record, _since(history, same))


def _wrong(status: Status) -> Iterable[str]:
    last, open_one, drift = (status.get(key) or {} for key in ("lastApply", "applying", "drift"))
    if open_one:
        yield f"an apply began at {open_one['at']} and goes on (record {open_one['record']})"
    if last and last["result"] != "done":
        yield f"its last apply {last['result']} at {last['at']} (record {last['record']})"
    if drift:
        yield f"it has drifted since {drift['since']} (record {drift['first']})"
    back, applied = status.get("rollback") or {}, status.get("applied") or {}
    if back and applied and back["bad"] == applied.get("commit"):
        yield f"what runs in it is to be taken back (record {back['record']})"


def _since(history: Iterable[Record], same: Callable[[str], bool]) -> datetime | None:
    since = ""
    for record in history:
        body = record.body
        if isinstance(body, ApplyEnded):
            good = body.result == "done" and body.action == "apply"
            if not good or body.commit is None or not same(body.commit):
                break
            since = record.at
        elif isinstance(body, DriftGone):
            since = record.at
            break
        elif isinstance(body, DriftSeen):
            break
    return parse_start(since) if since else None
