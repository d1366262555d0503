"""The local forge: merge requests in a git repository, without a server.

Anybody who may push may write anything, in anybody's name. So nothing of it is trusted: a merge is
what git shows, and who agreed is told with the key that signed it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.adapters.local_merges import Merges, moved, no_branch, no_source
from reconciler.adapters.merge_request_refs import Chain, MergeRequestRefs, Tips
from reconciler.core.forge.events import NotAnEvent, event_of
from reconciler.core.forge.fold import DRAFT, Entry, Folded, after, begun, same, too_late
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import LONGEST_TEXT, Body
from reconciler.model.merge_request import (
    Advice,
    Consent,
    Deployment,
    MergeRequest,
    Note,
    Place,
    Proposal,
    Status,
)

_ATTEMPTS: Final = 1000
_ASKED_FOR: Final = 100


class LocalForge:
    """Merge requests as refs, in a repository or at its remote."""

    def __init__(self, refs: MergeRequestRefs, me: Person, clock: Callable[[], datetime]) -> None:
        self._refs = refs
        # An id that nobody checked must not pass for one that a forge knows.
        self._me = replace(me, forge_id=None)
        self._clock = clock
        self._merges = Merges(refs.repository)

    @property
    def name(self) -> str:
        """Which forge it is."""
        return "the local forge"

    @property
    def writes_size(self) -> int:
        """How many characters a note may have."""
        return LONGEST_TEXT

    def me(self) -> Person:
        """Who acts."""
        return self._me

    # -- reading ------------------------------------------------------------------------------

    def open_ones(self, target: str) -> Iterator[MergeRequest]:
        """Every open one to a branch, by number. A broken one hides no other."""
        tips = self._refs.tips()
        for number, tip in sorted(tips.requests.items()):
            try:
                state = self._refs.chain(number, tip).state
            except ReconcilerError:
                continue  # whoever asks for it, or examines the forge, is told
            if state.target == target and not state.closed:
                found = self._merges.told(state, tips)
                if found.state == "open":
                    yield found

    def merge_request(self, number: int) -> MergeRequest:
        """One of them, as it is now."""
        chain, tips = self._now(number)
        return self._merges.told(chain.state, tips, chain.odd)

    def fetched(self, request: MergeRequest) -> str:
        """Its last commit, which is in the repository now; and its target, as it is."""
        tips = self._refs.tips()
        wanted = [one for one in (request.source, request.target) if one in tips.branches]
        self._refs.bring(*wanted)
        head = tips.branches.get(request.source, "") or request.head
        if request.state != "merged" and request.source not in tips.branches:
            raise no_source(request.number, request.source)
        return request.head if request.state == "merged" else head

    def consents(self, number: int) -> tuple[Consent, ...]:
        """Who agrees to it now."""
        return self._now(number)[0].state.consents

    def notes(self, number: int) -> Sequence[Note]:
        """Everything that was said, oldest first."""
        notes = self._now(number)[0].state.notes.values()
        return tuple(replace(one, ours=same(one.by, self._me)) for one in notes)

    def statuses(self, request: MergeRequest) -> Mapping[str, Status]:
        """What the gates said last about its last commit."""
        statuses = self._now(request.number)[0].state.statuses
        return {name: one for (head, name), one in statuses.items() if head == request.head}

    def examine(self, target: str, records: str) -> Iterator[Advice]:
        """Whether a push can get around it, as far as the repository here says."""
        del records
        signs = self._refs.signs
        yield Advice(
            "signatures",
            signs,
            "what you write is signed" if signs else "what you write is not signed",
            ""
            if signs
            else "name a key in RECONCILER_SIGNING_KEY: an e-mail address proves nobody",
        )
        forced = self._refs.refuses_force()
        told = {True: "are refused", False: "are taken", None: "may be taken: the server knows"}
        yield Advice(
            "forced pushes",
            forced,
            f"pushes that rewrite history {told[forced]}",
            ""
            if forced
            else "`git config receive.denyNonFastForwards true` and `receive.denyDeletes true`"
            " in the repository that everybody pushes to",
        )
        yield Advice(
            "protected branch",
            None,
            f"whoever may push may push to `{target}` past every merge request",
            "let a server's hook or rules keep pushes away from it; what was never agreed to is"
            " not applied all the same",
        )
        tips = self._refs.tips()
        for number, tip in sorted(tips.requests.items()):
            try:
                odd = self._refs.chain(number, tip).odd
            except ReconcilerError as err:
                yield Advice(f"!{number}", good=False, told=err.message, hint=err.hint)
            else:
                if odd:
                    yield Advice(
                        f"!{number}",
                        good=False,
                        told=f"somebody wrote what makes no sense: {line(odd[0], 200)}",
                        hint=f"`reconciler mr show {number}` tells all of it; it changes nothing",
                    )

    # -- opening, closing ---------------------------------------------------------------------

    def open(self, proposal: Proposal) -> MergeRequest:
        """Open one; where one is open from that source to that target, that one, told anew."""
        title = proposal.title
        if proposal.draft and not title.lower().startswith(DRAFT):
            title = f"Draft: {title}"
        for _ in range(_ATTEMPTS):
            tips = self._refs.tips()
            head, base = self._ends(proposal.source, proposal.target, tips)
            there = self._open_from(proposal.source, proposal.target, tips)
            if there is not None:
                self.labelled(there, proposal.labels, ())
                return self.edit(there, title=title, description=proposal.description)
            if self._merges.has(base, head):
                raise UsageError(
                    "nothing-to-merge",
                    f"`{proposal.target}` has everything of `{proposal.source}` already",
                    hint="commit something to it first",
                )
            body = kinds.Opened.model_construct(
                title=title,
                description=proposal.description,
                source=proposal.source,
                target=proposal.target,
                labels=list(proposal.labels),
                head=head,
                base=base,
            )
            number = max(tips.requests, default=0) + 1
            if self._begun(number, body):
                return self.merge_request(number)
        raise _busy()

    def edit(
        self,
        number: int,
        *,
        title: str | None = None,
        description: str | None = None,
        target: str | None = None,
    ) -> MergeRequest:
        """Say something else in it."""

        def body(state: Folded, tips: Tips) -> Body | None:
            other = target if target != state.target else None
            base = None
            if other is not None:
                _, base = self._ends(state.source, other, tips)
                self._only_one(state, other, tips)
            new_title = title if title != state.title else None
            words = description if description != state.description else None
            if new_title is None and words is None and other is None:
                return None
            return kinds.Edited.model_construct(
                title=new_title, description=words, target=other, base=base
            )

        self._write(number, body)
        return self.merge_request(number)

    def close(self, number: int) -> MergeRequest:
        """Give it up; also when it is closed already."""
        self._write(
            number,
            lambda state, _tips: None if state.closed else kinds.Closed(),
        )
        return self.merge_request(number)

    def reopen(self, number: int) -> MergeRequest:
        """Take it up again; also when it is open."""

        def body(state: Folded, tips: Tips) -> Body | None:
            found = self._merges.told(state, tips)
            if found.state == "open":
                return None
            if found.state == "closed":
                self._only_one(state, state.target, tips)
            return kinds.Reopened()

        self._write(number, body)
        return self.merge_request(number)

    def merge(self, number: int, head: str, message: str = "") -> str:
        """Bring it into its target when its last commit is still this one.

        Killed in between, the next who looks finds it merged: git shows it.
        """
        for _ in range(_ATTEMPTS):
            chain, tips = self._now(number)
            found = self._merges.told(chain.state, tips)
            if found.state == "merged":
                if found.head != head:
                    raise WaitingError(
                        "head-moved",
                        f"!{number} was merged with {found.head[:12]}, not with {head[:12]}",
                        hint=f"`reconciler mr show {number}`",
                    )
                self._note_merged(number, head, found.merged)
                return found.merged
            self._merges.ready(found, head)
            target = tips.branches.get(found.target, "")
            if not target:
                raise no_branch(found.target)
            made = self._refs.move_branch(
                found.target,
                target,
                self._merges.commit(found, target, self._me, self._clock(), message),
            )
            if made:
                with suppress(TransientError):  # it is merged, and git shows it
                    self._note_merged(number, head, made)
                return made
        raise _busy()

    # -- agreeing and speaking ----------------------------------------------------------------

    def approve(
        self,
        number: int,
        head: str,
        plans: Sequence[tuple[str, str]] = (),
        policies: str = "",
    ) -> None:
        """Agree, as who acts, to this commit and these plans."""

        def body(state: Folded, tips: Tips) -> Body | None:
            found = self._merges.told(state, tips)
            if found.state == "open" and found.head != head:
                raise moved(number, found.head, head)
            wanted = (head, tuple(sorted(plans)), policies)
            for one in state.consents:
                said = (one.head, one.plans, one.policies)
                if same(one.by, self._me) and said == wanted and bool(one.signed_by) == self._signs:
                    return None
            return kinds.Approved.model_construct(
                head=head,
                plans=[
                    kinds.PlanOf.model_construct(environment=name, digest=digest)
                    for name, digest in sorted(plans)
                ],
                policies=policies,
            )

        self._write(number, body)

    def unapprove(self, number: int) -> None:
        """Agree no more; also when it did not."""
        self._write(
            number,
            lambda state, _tips: (
                kinds.Unapproved()
                if any(same(one.by, self._me) for one in state.consents)
                else None
            ),
        )

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        """Say something: by itself, in a thread, or about a line."""
        at = kinds.Line.model_construct(path=place.path, line=place.line) if place else None
        body = kinds.Said.model_construct(text=text, thread=thread or None, place=at)
        chain, commit = self._write(number, lambda _state, _tips: body)
        return replace(chain.state.notes[commit], ours=True)

    def rewrite(self, number: int, note: str, text: str) -> bool:
        """Let a note of ours say something else; False: it is not there any more."""
        gone = False

        def body(state: Folded, _tips: Tips) -> Body | None:
            nonlocal gone
            known = state.notes.get(note)
            gone = known is None
            if known is None or known.text == text:
                return None
            return kinds.Rewritten.model_construct(note=note, text=text)

        self._write(number, body)
        return not gone

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        """Mark a thread as settled, or not; a thread that is gone needs nothing."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            root = state.notes.get(thread)
            if root is None or root.resolved is None or root.resolved == resolved:
                return None
            return kinds.Settled.model_construct(thread=thread, resolved=resolved)

        self._write(number, body)

    def labelled(self, number: int, add: Collection[str], remove: Collection[str]) -> None:
        """Give and take labels."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            new = sorted(set(add) - set(state.labels))
            old = sorted((set(remove) - set(add)) & set(state.labels))
            return kinds.Labelled.model_construct(add=new, remove=old) if new or old else None

        self._write(number, body)

    def suggest(self, number: int, people: Sequence[Person]) -> None:
        """Ask these to look at it, beside those who are asked already."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            new = [
                kinds.By.model_construct(name=one.name, email=one.email)
                for one in people
                if one.email and not any(same(one, old) for old in state.invited)
            ]
            return kinds.Invited.model_construct(people=new[:_ASKED_FOR]) if new else None

        self._write(number, body)

    def show_status(self, request: MergeRequest, status: Status) -> None:
        """Show it; a state that is shown already is no failure."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            if state.statuses.get((request.head, status.name)) == status:
                return None
            return kinds.Shown.model_construct(
                head=request.head,
                name=status.name,
                state=status.state,
                text=status.text,
                link=status.link,
            )

        self._write(request.number, body)

    def deployed(self, deployment: Deployment) -> None:
        """Nothing: the records tell of every apply, and they are in the same repository."""

    # -- inside -------------------------------------------------------------------------------

    @property
    def _signs(self) -> bool:
        return self._refs.signs

    def _now(self, number: int) -> tuple[Chain, Tips]:
        tips = self._refs.tips()
        tip = tips.requests.get(number)
        if tip is None:
            raise UsageError(
                "no-such-merge-request",
                f"there is no merge request !{number}",
                hint="`reconciler mr list` lists those that are open",
            )
        return self._refs.chain(number, tip), tips

    def _write(
        self, number: int, body_of: Callable[[Folded, Tips], Body | None]
    ) -> tuple[Chain, str]:
        """Write what has to happen in the state as it is; again when somebody was faster."""
        for _ in range(_ATTEMPTS):
            chain, tips = self._now(number)
            state = chain.state
            body = body_of(state, tips)
            if body is None:
                return chain, ""
            if too_late(body) and self._merges.told(state, tips).state == "merged":
                raise _no_sense(number, "it is merged, and stays so")
            event = self._event(number, body)
            why = after(state, Entry("0" * 40, event, ""))
            if isinstance(why, str) and not _only_unsigned(why):
                raise _no_sense(number, why)
            commit = self._refs.add(event, tips.requests[number])
            if commit:
                return self._refs.chain(number, commit), commit
        raise _busy()

    def _begun(self, number: int, body: kinds.Opened) -> bool:
        event = self._event(number, body)
        why = begun(Entry("0" * 40, event, ""))
        if isinstance(why, str):
            raise UsageError("makes-no-sense", f"nothing was opened: {why}")
        return bool(self._refs.add(event, ""))

    def _event(self, number: int, body: Body) -> kinds.Event:
        if not self._me.email:
            raise UsageError(
                "nobody",
                "nobody knows who does this",
                hint="`git config user.name` and `git config user.email`, or RECONCILER_ACTOR_NAME"
                " and RECONCILER_ACTOR_EMAIL",
            )
        try:
            return event_of(number, self._me, self._clock(), body)
        except NotAnEvent as err:
            raise UsageError(
                "does-not-fit",
                f"nothing was written: {err}",
                hint=f"words have at most {LONGEST_TEXT:,} characters, a title 255",
            ) from err

    def _note_merged(self, number: int, head: str, commit: str) -> None:
        self._write(
            number,
            lambda state, _tips: (
                None
                if any(one.commit == commit for one in state.claims)
                else kinds.Merged(head=head, commit=commit)
            ),
        )

    def _ends(self, source: str, target: str, tips: Tips) -> tuple[str, str]:
        """Where both branches are."""
        if source == target:
            raise UsageError(
                "one-branch",
                f"`{source}` cannot be merged into itself",
                hint="name the branch with the change: `--source`",
            )
        for one in (source, target):
            if one not in tips.branches:
                raise no_branch(one, pushed=self._refs.elsewhere)
        return tips.branches[source], tips.branches[target]

    def _open_from(self, source: str, target: str, tips: Tips) -> int | None:
        for number, tip in sorted(tips.requests.items()):
            with suppress(ReconcilerError):  # a broken one is no reason not to work
                state = self._refs.chain(number, tip).state
                ends = (state.source, state.target) == (source, target)
                if ends and self._merges.told(state, tips).state == "open":
                    return number
        return None

    def _only_one(self, state: Folded, target: str, tips: Tips) -> None:
        there = self._open_from(state.source, target, tips)
        if there is not None and there != state.number:
            raise UsageError(
                "open-already",
                f"!{there} is open from `{state.source}` to `{target}` already",
                hint=f"go on with that one: `reconciler mr show {there}`",
            )


def _only_unsigned(why: str) -> bool:
    """Whether it may make sense once it is signed, which comes last."""
    return why.endswith("not signed with that key")


def _no_sense(number: int, why: str) -> UsageError:
    return UsageError(
        "makes-no-sense",
        f"nothing was written to !{number}: {why}",
        hint=f"`reconciler mr show {number}` shows how it stands",
        subject=f"!{number}",
    )


def _busy() -> TransientError:
    return TransientError(
        "merge-requests-busy", "others write all the time, and ours found no place", hint="again"
    )
