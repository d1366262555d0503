"""The end of what does not live for ever: announced, then taken out by a commit, then told as gone.

Nothing here deletes anything in the cloud: what has no document any more is destroyed by whoever
goes by `app/removal.py`. Every step follows from documents and records, so it may be asked for as
often as anybody likes, and whoever died on the way has lost nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.app.freezes import frozen
from reconciler.app.judge import Unreadable, read_terraform
from reconciler.app.law import Law
from reconciler.app.proposing import Wish
from reconciler.app.render import Rendering
from reconciler.app.steward import Caller, Steward, actor_of, mark_of, owner_of
from reconciler.app.world import World
from reconciler.core.chat_subjects import sound
from reconciler.core.edit_document import edit_document
from reconciler.core.expiry import (
    Life,
    expiry_body,
    instant_of,
    life_of,
    lives_for,
    step,
    to_announce,
)
from reconciler.core.load import load_environment
from reconciler.core.saved import holders, unsaved
from reconciler.core.suggest import did_you_mean
from reconciler.core.tree import files_below
from reconciler.errors import NotAllowedError, ReconcilerError, UsageError
from reconciler.model.author import Author
from reconciler.model.base import format_duration, format_timestamp
from reconciler.model.desired import Loaded
from reconciler.model.environment import Environment
from reconciler.model.life import Expired
from reconciler.model.merge_request import MergeRequest
from reconciler.model.profile import Profile
from reconciler.model.tree import DOCUMENT_LIMIT

_SHOWN: Final = 5
_UNREAD: Final = "what it is made of cannot be read, and may hold any"


def lives(
    law: Law, names: Iterable[str], status: Callable[[str], Mapping[str, Any]]
) -> tuple[Life, ...]:
    """Those of the environments that come to an end; the rest is not looked at any further."""
    found = (_life(law, name, status(name)) for name in names)
    return tuple(one for one in found if one is not None)


def expire(at: Steward, names: Iterable[str], rendering: Rendering) -> tuple[Expired, ...]:
    """Do what is due: announce, or take out. `names`: environments that have a time to live."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    records = at.recorder(None).records
    made = []
    for name in names:
        status = records.status(name)
        life = _life(law, name, status)
        if life is None:
            continue
        _put_off(at, law, life, status)
        what = step(life, now)
        if what == "warn":
            made.append(_announced(at, law, life, now))
        elif what == "end" and frozen(law.tree, name, now) is None:
            ended = _ended(at, law, life, status, rendering)
            made += [ended] if ended is not None else []
    return tuple(made)


def _announced(at: Steward, law: Law, life: Life, now: datetime) -> Expired:
    ends = to_announce(life, now)
    mark = mark_of("warned", life.name, format_timestamp(life.ends))
    at.record(mark, law.commit, expiry_body(ends, "warned"), None, life.name)
    return Expired(life.name, "warned", ends)


def _put_off(at: Steward, law: Law, life: Life, status: Mapping[str, Any]) -> None:
    """What was announced and is not so any more is recorded, whoever put it off."""
    known = status.get("expiry") or {}
    announced = instant_of(known.get("expires"))
    if known.get("step") in ("warned", "kept", "ended") and announced and announced < life.ends:
        opened = at.bot.open_ones().get(f"expire/{life.name}")
        if opened is not None:
            at.bot.withdraw(opened, f"Its end was put off until {format_timestamp(life.ends)}.")
        mark = mark_of("extended", life.name, format_timestamp(life.ends))
        at.record(mark, law.commit, expiry_body(life.ends, "extended"), None, life.name)


def _ended(
    at: Steward, law: Law, life: Life, status: Mapping[str, Any], rendering: Rendering
) -> Expired | None:
    loaded, profile = _documents(law, life.name)
    ends = life.announced or life.ends
    known = (status.get("expiry") or {}).get("step")
    kept = _loses(law, loaded, profile, rendering)
    if kept:
        if known == "kept":
            return None
        shown = ", ".join(kept[:_SHOWN])
        why = f"it holds data that would be lost: {shown}"
        mark = mark_of("kept", life.name, format_timestamp(ends))
        at.record(mark, law.commit, expiry_body(ends, "kept", why), None, life.name)
        return Expired(life.name, "kept", ends, holds=kept)
    if known != "ended":
        # Before the deed: whoever destroys it must see that nobody has to agree.
        mark = mark_of("ended", life.name, format_timestamp(ends))
        at.record(mark, law.commit, expiry_body(ends, "ended"), None, life.name)
    when = format_timestamp(ends)
    wish = Wish(
        f"expire/{life.name}",
        f"Take out {life.name}: its time is over",
        f"It came to its end at {when}, as was announced. `reconciler extend` puts an end off.",
        {loaded.path: None},
        at.bot.me,
    )
    put = at.bot.put(wish, lambda _tip: _still_over(at, life.name, status))
    if isinstance(put, MergeRequest):
        return Expired(life.name, "ended", ends, proposed=put)
    return Expired(life.name, "ended", ends, put)


def _loses(
    law: Law, loaded: Loaded[Environment], profile: Profile, rendering: Rendering
) -> tuple[str, ...]:
    """What holds data that its end would lose, though the profile does not want that."""
    ttl = profile.spec.ttl
    if ttl is None or ttl.data == "destroy":
        return ()
    rendered = World(law.tree, rendering).see(loaded).rendered
    if rendered is None:
        return (_UNREAD,)
    try:
        source = read_terraform(rendered)
    except Unreadable:
        return (_UNREAD,)
    return holders(source) if ttl.data == "keep" else unsaved(source)


def _still_over(at: Steward, name: str, status: Mapping[str, Any]) -> bool:
    """Nobody took it out, put it off or stopped it meanwhile."""
    law, now = at.law(), at.clock()
    life = _life(law, name, status)
    return life is not None and step(life, now) == "end" and frozen(law.tree, name, now) is None


def settle(at: Steward, names: Iterable[str]) -> tuple[Expired, ...]:
    """Record what has come to its end and is destroyed. `names`: what has no document any more."""
    law, made = at.law(), []
    records = at.recorder(None).records
    for name in names:
        status = records.status(name)
        known, last = status.get("expiry") or {}, status.get("lastApply") or {}
        ends = instant_of(known.get("expires"))
        gone = last.get("action") == "destroy" and last.get("result") == "done"
        if law.has(name) or known.get("step") != "ended" or not gone or ends is None:
            continue
        mark = mark_of("destroyed", name, format_timestamp(ends))
        at.record(mark, law.commit, expiry_body(ends, "destroyed"), None, name)
        made.append(Expired(name, "destroyed", ends))
    return tuple(made)


# -- putting it off


def extend(at: Steward, caller: Caller, name: str, by: timedelta, because: str) -> Expired:
    """Let it live longer, within what its profile allows, by a human of the team that owns it."""
    law, now = at.law(), at.clock().replace(microsecond=0)
    loaded, profile = _documents(law, name)
    member = owner_of(at, caller, "extend", loaded, law)
    own = actor_of(member)
    recorder = at.recorder(own)
    has, ttl = lives_for(loaded.document, profile), profile.spec.ttl
    if has is None or ttl is None:
        raise UsageError(
            "no-ttl",
            f"{name} lives for ever: the track {profile.metadata.name} ends nothing",
            subject=name,
        )
    longer = has + by
    if longer > ttl.maximum:
        room = ttl.maximum - has
        most = f"by at most {format_duration(room)}" if room else "no longer"
        raise NotAllowedError(
            "ttl-too-long",
            f"{name} may live {format_duration(ttl.maximum)}, and has {format_duration(has)}",
            hint=f"extend it {most}: the profile {profile.metadata.name} says so",
            subject=name,
        )
    text = _read(law, loaded.path)
    changed = edit_document(text, {("spec", "ttl"): format_duration(longer)})
    sound(loaded.path, changed.decode(), "Environment")
    wish = Wish(
        f"extend/{name}",
        f"Let {name} live {format_duration(longer)}",
        because,
        {loaded.path: changed},
        Author(own.email, own.name),
    )
    put = at.bot.put(wish, lambda _tip: _read(at.law(), loaded.path) == text)
    status = recorder.records.status(name)
    life = _life(law, name, status)
    ends = (life.begins if life else now) + longer
    if isinstance(put, MergeRequest):
        return Expired(name, "extended", ends, proposed=put)
    if not put:
        raise ReconcilerError(
            "moved-meanwhile", f"somebody changed {name} meanwhile", hint="look, and try again"
        )
    if life is not None:  # what was never applied has no end yet
        mark = mark_of("extended", name, format_timestamp(ends))
        body = expiry_body(ends, "extended", because)
        again = "not needed: the commit stands, and the controller records it"
        at.record(mark, put, body, own, name, hint=again)
    return Expired(name, "extended", ends, put)


# -- what they read


def _life(law: Law, name: str, status: Mapping[str, Any]) -> Life | None:
    if not law.has(name) or not status.get("applied"):
        return None
    try:
        loaded, profile = _documents(law, name)
    except ReconcilerError:
        return None  # what cannot be read ends nothing
    return life_of(loaded.document, profile, status)


def _documents(law: Law, name: str) -> tuple[Loaded[Environment], Profile]:
    """An environment's document and its profile's."""
    entries = [one for one in files_below(law.tree, "environments") if one.name == f"{name}.yaml"]
    if not entries:
        raise UsageError(
            "unknown-environment",
            f"there is no environment {name}",
            hint=did_you_mean(name, law.environments),
            subject=name,
        )
    loaded = load_environment(law.tree, entries[0], []) if len(entries) == 1 else None
    profile = law.shared.profiles.get(loaded.document.spec.track) if loaded else None
    if loaded is None or profile is None:
        raise ReconcilerError(
            "broken",
            f"{name} cannot be read",
            hint="`reconciler validate` shows all problems",
            subject=name,
        )
    return loaded, profile.document


def _read(law: Law, path: str) -> bytes:
    entries = [one for one in files_below(law.tree, path) if one.path == path]
    return (law.tree.read(entries[0], DOCUMENT_LIMIT) or b"") if entries else b""
