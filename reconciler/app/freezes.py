"""The emergency stop: whether something stands still, and who stops it and lets it move again.

A freeze is a document of the target branch and nothing else: whoever reads that branch knows it.
One that has come to its end is taken out by us, and what was stopped or let go by a merge request
is recorded as if somebody had ordered it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from reconciler.app.law import Law
from reconciler.app.proposing import Wish
from reconciler.app.record import Recorder
from reconciler.app.steward import Caller, Steward, actor_of, mark_of, member
from reconciler.core.chat_documents import FREEZES, Asked, name_of, parts
from reconciler.core.chat_documents import freeze as freeze_text
from reconciler.core.chat_subjects import absent, freezes_at, sound, standing
from reconciler.core.decide import standing_still
from reconciler.core.load import lazy_shared, load_environment
from reconciler.core.records.facts import stop_body
from reconciler.core.suggest import did_you_mean
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.author import Author
from reconciler.model.base import format_timestamp
from reconciler.model.desired import Loaded
from reconciler.model.freeze import Freeze, Frozen, Scope, Stopped
from reconciler.model.merge_request import MergeRequest
from reconciler.ports import RepoTree

_SETTLED: Final = timedelta(minutes=15)
"""Whoever orders a freeze has recorded it by then."""
_EXPIRED: Final = "unfreeze/expired"


# -- whether something stands still


def frozen(
    tree: RepoTree, environment: str, now: datetime, tracks: Collection[str] = ()
) -> Freeze | None:
    """What holds an environment by the documents of a tree; ask it right before the deed.

    `tracks`: those that it has had, where its document is gone or is another by now. In doubt it
    stands still: a freeze that cannot be read may be of everything.
    """
    files = [one for one in files_below(tree, FREEZES.rstrip("/")) if one.path.endswith(".yaml")]
    if not files:
        return None
    freezes = tuple(one.document for one in lazy_shared(tree).freezes.values())
    if len(freezes) != len(files):
        raise ReconcilerError(
            "freeze-unreadable",
            f"{len(files) - len(freezes)} documents in {FREEZES} cannot be read,"
            " and may stop everything",
            hint="`reconciler validate` says what is wrong with them",
            subject=environment,
        )
    wanted = set(tracks)
    if any(one.spec.scope.track for one in freezes):
        wanted |= _tracks(tree, environment) or (
            set() if wanted else {one.spec.scope.track for one in freezes if one.spec.scope.track}
        )
    return next(standing_still(freezes, environment, wanted, now), None)


def _tracks(tree: RepoTree, environment: str) -> set[str]:
    """The track of an environment by its document; nothing where that cannot be told."""
    entries = [
        one for one in files_below(tree, "environments") if one.name == f"{environment}.yaml"
    ]
    loaded = [load_environment(tree, one, []) for one in entries]
    return {one.document.spec.track for one in loaded if one is not None}


# -- stopping, and letting go


def freeze(
    at: Steward, caller: Caller, scopes: Sequence[Scope], because: str, lasting: timedelta | None
) -> Stopped:
    """Stop what is named, for every controller at once."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    what = _words(scopes)
    allowed = at.may(caller, "freeze", f"{FREEZES}by-hand.yaml", law, what)
    _there(scopes, law)
    own = actor_of(member(allowed, law))
    # What could not be recorded is not begun.
    at.recorder(own)
    until = now + lasting if lasting else None
    asked = Asked(0, f"{own.email} {format_timestamp(now)}", allowed.who.name, allowed.team)
    found: list[Frozen] = []
    edits: dict[str, bytes | None] = {}
    kept: list[ReconcilerError] = []
    for scope in scopes:
        known = _same(scope, because, lasting, law, now)
        if known is not None:
            found.append(known)
            continue
        kind, subject = parts(scope)
        name = name_of(asked, subject or kind)
        text = freeze_text(asked, scope, because, now, until)
        path = f"{FREEZES}{name}.yaml"
        sound(path, text, "Freeze")
        edits[path] = text.encode()
        found.append(Frozen(name, kind, subject, now, until))
    commit: str | MergeRequest = ""
    if edits:
        mark = mark_of("freeze", *sorted(edits))[:12]
        wish = _wish(
            f"freeze/{mark}", f"Freeze {what}", because, edits, Author(own.email, own.name)
        )
        commit = at.bot.put(
            wish, lambda _tip: bool(edits.keys() - freezes_at(at.law().shared)), kept.append
        )
    if isinstance(commit, MergeRequest):
        return _proposed("freeze", tuple(found), because, at.bot.target, commit, kept)
    for one in found:
        ends = format_timestamp(one.until) if one.until else None
        fields = (one.name, one.kind, one.subject, because, ends, commit or None)
        at.record(_began(one), commit or law.commit, stop_body("freeze", *fields), own)
    return Stopped("freeze", tuple(found), because, at.bot.target, commit)


def _same(
    scope: Scope, because: str, lasting: timedelta | None, law: Law, now: datetime
) -> Frozen | None:
    """What was asked for in these very words already: whoever was cut off asks again."""
    for one in standing((scope,), law.shared.freezes.values(), now):
        spec = one.document.spec
        lasts = spec.expires - spec.since if spec.expires else None
        if spec.reason == because and lasts == lasting:
            return _as_frozen(one)
    return None


def unfreeze(at: Steward, caller: Caller, scopes: Sequence[Scope], because: str) -> Stopped:
    """Take out every freeze of just what is named."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    what = _words(scopes)
    found = standing(scopes, law.shared.freezes.values(), now)
    paths = [one.path for one in found]
    allowed = at.may(caller, "unfreeze", f"{FREEZES}by-hand.yaml", law, what)
    for path in paths:
        allowed = at.may(caller, "unfreeze", path, law, what)
    _there(scopes, law)
    if not found:
        raise UsageError(
            "not-frozen",
            f"no freeze of just {what} stands on `{at.bot.target}`",
            hint="`reconciler audit who-could ENVIRONMENT` names what holds an environment",
        )
    own = actor_of(member(allowed, law))
    at.recorder(own)
    edits: dict[str, bytes | None] = dict.fromkeys(paths)
    mark = mark_of("unfreeze", *sorted(edits))[:12]
    wish = _wish(
        f"unfreeze/{mark}", f"Unfreeze {what}", because, edits, Author(own.email, own.name)
    )
    kept: list[ReconcilerError] = []
    commit = at.bot.put(
        wish, lambda _tip: bool(edits.keys() & freezes_at(at.law().shared)), kept.append
    )
    shown = tuple(map(_as_frozen, found))
    if isinstance(commit, MergeRequest):
        return _proposed("unfreeze", shown, because, at.bot.target, commit, kept)
    known = at.recorder(own).records.status("").get("freezes", {})
    for one in shown:
        fields = (one.name, one.kind, one.subject, because, None, commit or None)
        since = str(known.get(one.name, {}).get("record", commit))
        at.record(_ended(one.name, since), commit or law.commit, stop_body("resume", *fields), own)
    return Stopped("unfreeze", shown, because, at.bot.target, commit)


def _proposed(
    verb: Literal["freeze", "unfreeze"],
    found: tuple[Frozen, ...],
    because: str,
    branch: str,
    request: MergeRequest,
    kept: Sequence[ReconcilerError],
) -> Stopped:
    """What waits as a merge request, with what kept it from the branch."""
    why, hint = (kept[-1].message, kept[-1].hint) if kept else ("", "")
    return Stopped(verb, found, because, branch, proposed=request, kept_out=why, hint=hint)


def _there(scopes: Sequence[Scope], law: Law) -> None:
    for scope in scopes:
        wrong = absent(scope, law.shared, law.environments)
        if wrong:
            kind, name = parts(scope)
            many = {"track": law.shared.profiles, "agent": law.shared.agents}
            hint = did_you_mean(name, many.get(kind, law.environments))
            raise UsageError(f"unknown-{kind}", wrong, hint=hint, subject=name)


# -- what nobody has to order


def tidy(at: Steward) -> tuple[Stopped, ...]:
    """Take out what has come to its end, and record what came or went by merge requests.

    Asked as often as anybody likes: what is done needs nothing, and costs one look at the status.
    """
    law, now = at.law(), at.clock().replace(microsecond=0)
    freezes = law.shared.freezes
    known = _known(at.recorder(None))
    if not freezes and not known:
        return ()
    made = []
    over = [one for one in freezes.values() if _over(one, now)]
    gone = _gone(known, freezes)
    commit: str | MergeRequest = ""
    if over:
        edits: dict[str, bytes | None] = {one.path: None for one in over}
        names = ", ".join(one.document.metadata.name for one in over)
        why = f"It has come to its end: {names}"
        wish = _wish(_EXPIRED, "Take out freezes that are over", why, edits, at.bot.me)
        commit = at.bot.put(wish, lambda _tip: bool(edits.keys() & freezes_at(at.law().shared)))
        shown = tuple(map(_as_frozen, over))
        if isinstance(commit, MergeRequest):
            made.append(Stopped("unfreeze", shown, why, at.bot.target, proposed=commit))
        else:
            made.append(Stopped("unfreeze", shown, why, at.bot.target, commit))
            gone |= {one.name: "it has come to its end" for one in shown if one.name in known}
    done = commit if isinstance(commit, str) else ""
    for name, why in sorted(gone.items()):
        mark, body = _resumed(name, known[name], why, done)
        at.record(mark, done or law.commit, body, None)
    for name in sorted(freezes.keys() - (known.keys() - gone.keys())):
        found = freezes[name]
        spec = found.document.spec
        if not _over(found, now) and (name in known or spec.since + _SETTLED <= now):
            one = _as_frozen(found)
            ends = format_timestamp(one.until) if one.until else None
            body = stop_body("freeze", name, one.kind, one.subject, spec.reason, ends, None)
            at.record(_began(one), done or law.commit, body, None)
    return tuple(made)


def let_go(recorder: Recorder, law: Law) -> None:
    """Record, right before something moves, which freezes hold it no more.

    Where a merge request took them out nobody ordered it: what begins before that is recorded would
    look as if it had begun while it stood still.
    """
    known = _known(recorder)
    for name, why in sorted(_gone(known, law.shared.freezes).items() if known else ()):
        mark, body = _resumed(name, known[name], why, "")
        recorder.once(mark, recorder.clock(), law.commit, body)


def _known(recorder: Recorder) -> Mapping[str, Mapping[str, Any]]:
    """Freezes of which records know. With a slash in its name it is an agent in quarantine."""
    recorded = recorder.records.status("").get("freezes", {})
    return {name: one for name, one in recorded.items() if "/" not in name}


def _gone(
    known: Mapping[str, Mapping[str, Any]], freezes: Mapping[str, Loaded[Freeze]]
) -> dict[str, str]:
    """Those of them that are no more as they are recorded, and why."""
    gone = dict.fromkeys(known.keys() - freezes.keys(), "its document is gone")
    for name in known.keys() & freezes.keys():
        found, one = _as_frozen(freezes[name]), known[name]
        ends = format_timestamp(found.until) if found.until else None
        recorded = one.get("scope"), one.get("subject"), one.get("until")
        if recorded != (found.kind, found.subject, ends):
            gone[name] = "its document says something else"
    return gone


def _resumed(
    name: str, one: Mapping[str, Any], why: str, commit: str
) -> tuple[str, dict[str, Any]]:
    kind, subject = str(one.get("scope", "everything")), str(one.get("subject", ""))
    body = stop_body("resume", name, kind, subject, why, None, commit or None)
    return _ended(name, str(one.get("record", ""))), body


def _over(one: Loaded[Freeze], now: datetime) -> bool:
    until = one.document.spec.expires
    return until is not None and until < now


# -- what they have in common


def _as_frozen(one: Loaded[Freeze]) -> Frozen:
    spec = one.document.spec
    return Frozen(one.document.metadata.name, *parts(spec.scope), spec.since, spec.expires)


def _began(one: Frozen) -> str:
    ends = format_timestamp(one.until) if one.until else ""
    return mark_of("freeze", one.name, format_timestamp(one.since), one.kind, one.subject, ends)


def _ended(name: str, since: str) -> str:
    return mark_of("resume", name, since)


def _words(scopes: Sequence[Scope]) -> str:
    return ", ".join(" ".join(parts(one)).rstrip() for one in scopes)


def _wish(
    source: str, title: str, because: str, edits: dict[str, bytes | None], author: Author
) -> Wish:
    short = title if len(title) <= 72 else f"{title[:69]}..."  # noqa: PLR2004  # as git shows
    return Wish(source, short, because, edits, author)
