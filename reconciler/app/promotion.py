"""Promotion: what runs in one environment is proposed for the one that follows it.

What is carried is what *runs* in the source, read from the commit that was applied, and not what
somebody declared there meanwhile. A source that does not do well, or not for long enough, is not
promoted. The merge request is judged like any other.
"""

from dataclasses import replace

from reconciler.app.environment import whole
from reconciler.app.moving import (
    Desk,
    branch_for,
    propose_alone,
    record_once,
    same_document,
    text_of,
)
from reconciler.app.proposing import Wish
from reconciler.core.edit_document import edit_document
from reconciler.core.load import lazy_shared, load_environment
from reconciler.core.moves import differing_texts
from reconciler.core.promotion import carried, green, missing
from reconciler.core.records.facts import promotion_body
from reconciler.core.suggest import listed
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError, UsageError, WaitingError
from reconciler.model.base import format_duration, format_timestamp
from reconciler.model.blueprint import BlueprintSpec
from reconciler.model.desired import Effective, Loaded
from reconciler.model.environment import Environment, EnvironmentSpec
from reconciler.model.move import Green, Promoted
from reconciler.model.tree import DOCUMENT_LIMIT
from reconciler.ports import RepoTree
from reconciler.report import moves as words


def promote(desk: Desk, name: str, to: str = "") -> Promoted:
    """Propose what runs in an environment for the one that follows it.

    `to`: a stage, or an environment's name where several follow at that stage. Asked for twice it
    is proposed and recorded once.
    """
    source, target = whole(desk.tree, name), _follower(desk.tree, name, to)
    standing = health_of(desk, source)
    rules = target.profile.document.spec
    _wait_for_green(desk, name, standing, target)
    runs = whole(desk.recorder.commits.snapshot(standing.commit), name)
    spec, before = runs.environment.document.spec, target.environment.document.spec
    blueprint = _blueprint(desk.tree, spec)
    path = target.environment.path
    text = text_of(desk.tree, path)
    after = edit_document(text, carried(spec, before, blueprint, target.rollout))
    found = Promoted(
        name,
        target.environment.document.metadata.name,
        before.stage,
        standing,
        differing_texts(text, after),
        missing(spec, before, blueprint, rules),
        newer=runs.environment.oid != source.environment.oid,
    )
    if not found.moves:
        return found
    about = found.target
    request = propose_alone(
        desk,
        Wish(
            branch_for("promote", about, target.environment.oid, after.decode()),
            words.promotion_title(found),
            words.promotion(found),
            {path: after},
            desk.author,
        ),
    )
    body = promotion_body(name, standing.commit, f"!{request.number}")
    record_once(desk, about, body)
    return replace(found, request=request)


def health_of(desk: Desk, source: Effective) -> Green:
    """Whether an environment does well, by its records."""
    name, records = source.environment.document.metadata.name, desk.recorder.records
    status = records.status(name)
    commit = (status.get("applied") or {}).get("commit") or ""
    history = (kept.record for kept in records.of_environment(name))
    return green(status, history, same_document(desk, source.environment.path, commit))


def _wait_for_green(desk: Desk, name: str, standing: Green, target: Effective) -> None:
    asked = target.profile.document.spec.promotion.green_for
    if standing.since is None:
        why = "; ".join(standing.why_not) or "nobody knows since when"
        raise WaitingError(
            "not-green",
            f"{name} is not promoted, since it does not do well: {why}",
            hint=f"`reconciler drift {name}` and `reconciler audit log {name}` tell more",
            subject=name,
        )
    now = desk.recorder.clock()
    if asked is not None and now - standing.since < asked:
        profile = target.profile.document.metadata.name
        raise WaitingError(
            "not-green-long",
            f"{name} does well since {format_timestamp(standing.since)}, and the track {profile}"
            f" asks for {format_duration(asked)} of it",
            hint=f"from {format_timestamp(standing.since + asked)} on it may be promoted",
            subject=name,
        )


def _follower(tree: RepoTree, name: str, to: str) -> Effective:
    """The one environment that follows, of that stage or name."""
    all_of_them = _followers(tree, name)
    found = [
        one
        for one in all_of_them
        if not to or to in (one.document.spec.stage, one.document.metadata.name)
    ]
    if len(found) == 1:
        return whole(tree, found[0].document.metadata.name)
    names = sorted(one.document.metadata.name for one in found or all_of_them)
    if not all_of_them:
        raise UsageError(
            "nothing-follows",
            f"no environment is promoted from {name}",
            hint=f"`promotedFrom: {name}` in the next one's document says that it follows",
            subject=name,
        )
    raise UsageError(
        "which-environment",
        f"{len(found) or 'no'} environments{f' at `{to}`' if to else ''} follow {name}",
        hint=f"name one with `--to`: {listed(names)}",
        subject=name,
    )


def _followers(tree: RepoTree, name: str) -> list[Loaded[Environment]]:
    """Read are only those whose text names it."""
    found, own = [], name.encode()
    for entry in files_below(tree, "environments"):
        if entry.path.endswith(".yaml") and own in (tree.read(entry, DOCUMENT_LIMIT) or b""):
            one = load_environment(tree, entry, [])
            if one is not None and one.document.spec.promoted_from == name:
                found.append(one)
    return found


def _blueprint(tree: RepoTree, spec: EnvironmentSpec) -> BlueprintSpec:
    """As the target branch has it, in the version that runs."""
    wanted = (spec.blueprint.name, spec.blueprint.version)
    folder = lazy_shared(tree).blueprints.get(wanted)
    if folder is None:
        raise ReconcilerError(
            "no-blueprint",
            f"the target branch has no blueprint {wanted[0]} {wanted[1]} any more",
            hint="apply a version that is there, and promote that",
            subject=wanted[0],
        )
    return folder.document.spec
