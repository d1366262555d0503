"""Do what notes on a merge request order, each once, and answer it where it was said.

Answered is what has an answer of ours with the note's mark: so whoever comes next, also beside us,
does nothing twice. What an order makes is called after its note: whoever died between doing and
answering does the same again, which changes nothing, and then answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.app.branches import Change, commit_to, propose
from reconciler.app.late import Heard
from reconciler.app.law import Law
from reconciler.app.record import Recorder
from reconciler.core.chat_documents import FREEZES, WAIVERS, Asked, freeze, name_of, parts, waiver
from reconciler.core.chat_subjects import (
    absent,
    freezes_at,
    member_of,
    scope_words,
    sound,
    standing,
    subject_of,
)
from reconciler.core.chatops import Allowed, mark_of, may, orders, sender, waits
from reconciler.core.fingerprint import fingerprint
from reconciler.core.records.facts import override_body, refusal_body, stop_body
from reconciler.errors import ReconcilerError, TransientError, WaitingError
from reconciler.model.author import Author
from reconciler.model.base import format_timestamp
from reconciler.model.check import CheckReport
from reconciler.model.freeze import Scope
from reconciler.model.merge_request import MergeRequest, Note, Proposal
from reconciler.model.order import POWERS, Agrees, Misread, Order
from reconciler.model.policy import Rule
from reconciler.model.record import Actor
from reconciler.ports import Forge, RecordStore
from reconciler.report import chat

_OPEN: Final = (
    "it is not merged: what is open is agreed to with an approval; write a new note when it is"
    " merged and waits"
)
_MERGED: Final = "it is merged: only what waits for an agreement is heard here"
_MOST: Final = 20
"""Environments that one order stops: more are a track, or everything."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that answering takes."""

    forge: Forge
    target: str
    """The target branch."""
    law: Callable[[], Law]
    branch: Callable[[str], RecordStore]
    """A branch that everybody shares, by its name."""
    report: Callable[[MergeRequest], CheckReport]
    """What the target branch's rules say of a merge request."""
    again: Callable[[MergeRequest], str]
    """Look at it again, and say in few words what came of it."""
    rule: Callable[[str], Rule | None]
    """A rule of the target branch's policies."""
    recorder: Callable[[Actor], Recorder]
    """What records that somebody did something."""
    committer: Callable[[], Author]
    """As we commit."""
    clock: Callable[[], datetime]
    heard: Callable[[MergeRequest, Note, Agrees], Heard | None]
    """Whether a note agrees to what is merged and waits; None: nobody knows yet."""
    agreed: Callable[[str], None]
    """Told which environment somebody agreed to: it need not wait any longer."""


def answer(desk: Desk, number: int) -> int:
    """Do and answer everything that was ordered and not answered; how many notes that were.

    Of what is merged only agreements are: there is nothing else to do there.
    """
    notes = desk.forge.notes(number)
    waiting = [one for one in notes if waits(one, notes)]
    if not waiting:
        return 0
    request = desk.forge.merge_request(number)
    done = 0
    for note in waiting:
        if request.state == "merged":
            done += _agreed(desk, request, note)
        elif request.state == "open":
            said = [(one, _said(desk, request, note, one)) for one in orders(note.text)]
            done += _answered(desk, number, note, said, taken=False)
    return done


def _answered(
    desk: Desk, number: int, note: Note, said: Sequence[tuple[Order | Misread, str]], *, taken: bool
) -> bool:
    # Somebody else may have been faster: they did the same, and answered.
    if not waits(note, desk.forge.notes(number)):
        return False
    text = chat.answer(said, mark_of(note.id, taken=taken), desk.forge.writes_size)
    desk.forge.say(number, text, thread=note.thread)
    return True


def _agreed(desk: Desk, request: MergeRequest, note: Note) -> bool:
    """Answer agreements to what is merged; the apply reads them by itself."""
    said: list[tuple[Order | Misread, str]] = []
    names: list[str] = []
    for one in orders(note.text):
        agrees = one.agrees if isinstance(one, Order) else None
        if isinstance(one, Misread):
            said.append((one, chat.misread(one)))
        elif agrees is None:
            said.append((one, chat.refused(_MERGED)))
        else:
            found = desk.heard(request, note, agrees)
            if found is None:
                return False
            if not found.why_not:
                names.append(agrees.environment)
                said.append((one, chat.heard(agrees.environment)))
                continue
            doing = _Doing(desk, request, note, one, desk.law())
            said.append((one, doing.refused(found.why_not, kept=found.by_whom)))
    if not any(isinstance(one, Order) and one.agrees for one, _ in said):
        return False
    answered = _answered(desk, request.number, note, said, taken=bool(names))
    for name in names:
        desk.agreed(name)
    return answered


def _said(desk: Desk, request: MergeRequest, note: Note, order: Order | Misread) -> str:
    """Do one order, and say what came of it."""
    if isinstance(order, Misread):
        return chat.misread(order)
    doing = _Doing(desk, request, note, order, desk.law())
    try:
        return doing.done()
    except (TransientError, WaitingError):
        raise
    except ReconcilerError as error:
        told = f"{error.message}; {error.hint}" if error.hint else error.message
        return chat.refused(told)


@dataclass(frozen=True)
class _Doing:
    """One order that is being done."""

    desk: Desk
    request: MergeRequest
    note: Note
    order: Order
    law: Law

    def done(self) -> str:
        """Do it, if who ordered it may."""
        order, desk = self.order, self.desk
        now = desk.clock()
        may_ = may(order, self.note, self._path(), self.law.shared, now)
        if isinstance(may_, str):
            return self.refused(may_, kept=order.verb in POWERS)
        if order.verb in POWERS:
            # What could not be recorded is not begun.
            desk.recorder(self._actor(may_))
        match order.verb:
            case "check" | "retry":
                return chat.looked(desk.again(self.request))
            case "explain":
                return chat.explained(order.mark, desk.report(self.request), desk.rule(order.mark))
            case "override":
                return self._override(may_, now)
            case "freeze":
                return self._freeze(may_, now)
            case "unfreeze":
                return self._unfreeze(may_, now)
            case "approve":
                return chat.refused(_OPEN)

    def _path(self) -> str:
        """What stands for all that it would change."""
        if self.order.verb not in POWERS:
            return ""
        folder = WAIVERS if self.order.verb == "override" else FREEZES
        return f"{folder}mr{self.request.number}.yaml"

    def refused(self, why: str, *, kept: bool) -> str:
        """Why it is not done. `kept`: that somebody tried is recorded."""
        if kept:
            try:
                self.desk.recorder(self._sender())
            except (TransientError, WaitingError):
                raise
            except ReconcilerError as error:
                # Trying again mends no key: whoever may not would keep us busy for ever.
                return chat.refused(f"{why}; that could not be recorded: {error.message}")
            what = f"{self.order.verb} on merge request {self.request.number}: {self.order.line}"
            body = refusal_body(what, why, self.request.head or None, None)
            self._record("refusal", body, self._sender())
        return chat.refused(why)

    # -- override -----------------------------------------------------------------------------

    def _override(self, allowed: Allowed, now: datetime) -> str:
        rule, until = self.order.mark, self.order.until
        if until is None or until <= now:
            return chat.refused("the day is over already: name a later one")
        report = self.desk.report(self.request)
        subject = subject_of(rule, report, self.law.has)
        if isinstance(subject, str):
            return chat.refused(subject)
        asked = self._asked(allowed)
        name = name_of(asked, rule)
        text = waiver(asked, rule, subject, self.order.because, until)
        path = f"{WAIVERS}{name}.yaml"
        sound(path, text, "Waiver")
        change = self._change(allowed, {path: text.encode()}, f"Except {rule} by waiver {name}")
        opened = self._propose(f"reconciler/waiver/{name}", change, f"Waiver {name}: {rule}")
        body = override_body(
            "rule",
            f"{rule}, asked for in merge request {opened.number}",
            self.order.because,
            (),
            format_timestamp(until),
        )
        self._record("override", body, self._actor(allowed))
        return chat.proposed("The waiver", [name], opened.number, opened.link)

    # -- freeze and unfreeze ------------------------------------------------------------------

    def _scopes(self) -> tuple[Scope, ...] | str:
        """What is meant: what is named, or every environment of the merge request."""
        if self.order.scope is not None:
            wrong = absent(self.order.scope, self.law.shared, self.law.environments)
            return wrong or (self.order.scope,)
        touched = [one.name for one in self.desk.report(self.request).touched]
        names = [one for one in touched if self.law.has(one)]
        if not names:
            return "this merge request touches no environment that is there: name what is meant"
        if len(names) > _MOST:
            return f"this merge request touches {len(names)} environments: name a track"
        return tuple(Scope.model_validate({"environment": one}) for one in sorted(names))

    def _freeze(self, allowed: Allowed, now: datetime) -> str:
        scopes = self._scopes()
        if isinstance(scopes, str):
            return chat.refused(scopes)
        asked = self._asked(allowed)
        # By the note's time, so that whoever does it again writes the same.
        since = min(self.note.at, now).replace(microsecond=0)
        expires = since + self.order.lasting if self.order.lasting else None
        because = self.order.because or f"Asked for on merge request {self.request.number}"
        edits: dict[str, bytes | None] = {}
        names = []
        for scope in scopes:
            kind, subject = parts(scope)
            name = name_of(asked, subject or kind)
            text = freeze(asked, scope, because, since, expires)
            path = f"{FREEZES}{name}.yaml"
            sound(path, text, "Freeze")
            edits[path] = text.encode()
            names.append((name, f"{kind} {subject}".rstrip(), kind, subject))
        until = format_timestamp(expires) if expires else ""
        shown = [(name, what) for name, what, _, _ in names]
        change = self._change(allowed, edits, f"Freeze {', '.join(one for _, one in shown)}")
        found = self._put(change, "freeze", lambda law: edits.keys() - freezes_at(law.shared))
        if isinstance(found, MergeRequest):
            return self._only_proposed("The freeze", [name for name, _ in shown], found)
        commit, _ = found
        for name, _, kind, subject in names:
            body = stop_body("freeze", name, kind, subject, because, until or None, commit or None)
            self._record(f"freeze {name}", body, self._actor(allowed))
        return chat.stopped(shown, self.desk.target, commit, until, done=bool(commit))

    def _unfreeze(self, allowed: Allowed, now: datetime) -> str:
        scopes = self._scopes()
        if isinstance(scopes, str):
            return chat.refused(scopes)
        found = standing(scopes, self.law.shared.freezes.values(), now)
        if not found:
            return chat.refused("nothing of it is frozen")
        for one in found:
            other = may(self.order, self.note, one.path, self.law.shared, now)
            if isinstance(other, str):
                return self.refused(other, kept=True)
        because = self.order.because or f"Asked for on merge request {self.request.number}"
        shown = [(one.document.metadata.name, scope_words(one)) for one in found]
        edits: dict[str, bytes | None] = dict.fromkeys([one.path for one in found])
        change = self._change(allowed, edits, f"Unfreeze {', '.join(one for _, one in shown)}")
        put = self._put(change, "unfreeze", lambda law: edits.keys() & freezes_at(law.shared))
        if isinstance(put, MergeRequest):
            return self._only_proposed("Taking out", [name for name, _ in shown], put)
        commit, _ = put
        for one in found:
            kind, subject = parts(one.document.spec.scope)
            name = one.document.metadata.name
            body = stop_body("resume", name, kind, subject, because, None, commit or None)
            self._record(f"resume {name}", body, self._actor(allowed))
        return chat.resumed(shown, self.desk.target, commit or self.law.commit)

    def _put(
        self, change: Change, word: str, left: Callable[[Law], Any]
    ) -> tuple[str, Law] | MergeRequest:
        """On the target branch at once; where nobody may push to it, as a merge request.

        The commit, empty when somebody had done it before.
        """
        desk = self.desk

        def still(_tip: str) -> bool:
            return bool(left(desk.law()))

        try:
            return commit_to(desk.branch(desk.target), change, still), self.law
        except (TransientError, WaitingError):
            raise
        except ReconcilerError:
            mark = fingerprint(self.note.id, self.order.line)[:12]
            source = f"reconciler/{word}/mr{self.request.number}-{mark}"
            title = change.message.partition("\n")[0]
            return self._propose(source, change, title)

    def _only_proposed(self, what: str, names: Sequence[str], opened: MergeRequest) -> str:
        why = f"the branch {self.desk.target} takes no push of ours"
        return chat.proposed(what, names, opened.number, opened.link, why)

    # -- what they have in common -------------------------------------------------------------

    def _propose(self, source: str, change: Change, title: str) -> MergeRequest:
        desk = self.desk
        propose(desk.branch(source), self.law.commit, change, source)
        description = (
            f"Ordered on merge request {self.request.number} by a note; it is judged like any"
            " other change.\n"
        )
        return desk.forge.open(Proposal(title, description, source, desk.target))

    def _change(self, allowed: Allowed, edits: dict[str, bytes | None], first: str) -> Change:
        member = member_of(allowed.who, allowed.team, self.law.shared)
        because = self.order.because or "No reason was given."
        where = f"Ordered on merge request {self.request.number}."
        short = first if len(first) <= 72 else f"{first[:69]}..."  # noqa: PLR2004  # as git shows
        return Change(
            edits,
            f"{short}\n\n{because}\n\n{where}\n",
            Author(member.email, member.name),
            self.desk.committer(),
            self.desk.clock(),
        )

    def _asked(self, allowed: Allowed) -> Asked:
        return Asked(self.request.number, self.note.id, allowed.who.name, allowed.team)

    def _actor(self, allowed: Allowed) -> Actor:
        """Who ordered it, as the documents of the target branch know them."""
        member = member_of(allowed.who, allowed.team, self.law.shared)
        return Actor.model_construct(
            name=member.name,
            email=member.email,
            forge_id=member.forge_id,
            kind="human",
            agent=None,
            task=None,
        )

    def _sender(self) -> Actor:
        """Who really sent it, as far as that is proven."""
        one = sender(self.note, self.law.shared, self.desk.clock())
        return Actor.model_construct(
            name=one.by.name,
            email=one.by.email,
            forge_id=one.by.forge_id,
            kind="agent" if one.agent else "human",
            agent=one.agent or None,
            task=None,
        )

    def _record(self, what: str, body: dict[str, Any], actor: Actor) -> None:
        """Once: whoever does it again finds the record of this note."""
        forge, number = self.desk.forge.name, str(self.request.number)
        mark = fingerprint(forge, number, self.note.id, self.order.line, what)[:32]
        try:
            self.desk.recorder(actor).once(mark, self.note.at, self.law.commit, body)
        except (TransientError, WaitingError):
            raise
        except ReconcilerError as err:
            # It is done: nobody is to read that it was not. It is answered when it is recorded.
            raise TransientError(
                "not-recorded",
                f"{what} on merge request {number} cannot be recorded: {err.message}",
                hint=err.hint,
            ) from err
