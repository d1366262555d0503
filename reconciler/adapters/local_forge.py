"""The local forge: merge requests in a git repository, without a server.

Anybody who may push may write anything, in anybody's name. So nothing of it is trusted: a merge is
what git shows, and who agreed is told with the key that signed it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.adapters.local_merges import moved, no_branch, no_source, target_moved
from reconciler.adapters.local_writing import ATTEMPTS, Writing, busy
from reconciler.adapters.merge_request_refs import MergeRequestRefs, Tips
from reconciler.core.forge.fold import DRAFT, OTHER_KEY, Folded, same
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import LONGEST_TEXT, Body, plan_file
from reconciler.model.merge_request import (
    NO_FILES,
    Advice,
    Consent,
    Deployment,
    MergeRequest,
    Note,
    Place,
    Proposal,
    Status,
    Unreadable,
)

_ASKED_FOR: Final = 100


class LocalForge:
    """Merge requests as refs, in a repository or at its remote."""

    def __init__(self, refs: MergeRequestRefs, me: Person, clock: Callable[[], datetime]) -> None:
        self._at = Writing(refs, me, clock)
        self._refs = refs
        self._merges = self._at.merges
        self._me = self._at.me

    @property
    def name(self) -> str:
        """Which forge it is."""
        return "the local forge"

    @property
    def writes_size(self) -> int:
        """How many characters a note may have."""
        return LONGEST_TEXT

    @property
    def takes_late(self) -> bool:
        """Whether it takes approvals of what is merged."""
        return True

    def me(self) -> Person:
        """Who acts."""
        return self._me

    # -- reading ------------------------------------------------------------------------------

    def open_ones(self, target: str) -> Iterator[MergeRequest]:
        """Every open one to a branch, by number. A broken one hides no other."""
        tips = self._refs.tips()
        for number in sorted(tips.requests):
            try:
                state = self._refs.of(number, tips).state
            except ReconcilerError:
                continue  # told by `unreadable`
            if state.target == target and not state.closed:
                found = self._merges.told(state, tips)
                if found.state == "open":
                    yield found

    def unreadable(self) -> Iterator[Unreadable]:
        """Those whose history was rewritten, or is broken."""
        tips = self._refs.tips()
        for number in sorted(tips.requests):
            try:
                self._refs.of(number, tips)
            except ReconcilerError as err:
                yield Unreadable(number, err.message, err.hint)

    def merge_request(self, number: int) -> MergeRequest:
        """One of them, as it is now."""
        chain, tips = self._at.now(number)
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

    def brought(self, commit: str) -> MergeRequest | None:
        """The merged one that this commit is the merge of, or the last commit of."""
        tips = self._refs.tips()
        ends = self._merges.ends(commit)
        for number in sorted(tips.requests, reverse=True):
            try:
                found = self._merges.told(self._refs.of(number, tips).state, tips)
            except ReconcilerError:
                continue  # a broken one brings nothing
            if found.merged and commit in (found.merged, found.head) and found.head in ends:
                return found
        return None

    def consents(self, number: int) -> tuple[Consent, ...]:
        """Who agrees to it now."""
        return self._at.now(number)[0].state.consents

    def notes(self, number: int) -> Sequence[Note]:
        """Everything that was said, oldest first."""
        notes = self._at.now(number)[0].state.notes.values()
        return tuple(replace(one, ours=self._mine(one)) for one in notes)

    def _mine(self, note: Note) -> bool:
        """Whether it was said in our name, and with our key where we have one.

        Else anybody could answer an order in our name, so that nobody does it.
        """
        return same(note.by, self._me) and note.signed_by == self._refs.signs_with

    def statuses(self, request: MergeRequest) -> Mapping[str, Status]:
        """What the gates said last about its last commit."""
        statuses = self._at.now(request.number)[0].state.statuses
        return {name: one for (head, name), one in statuses.items() if head == request.head}

    def examine(self, target: str, records: str) -> Iterator[Advice]:
        """Whether a push can get around it, as far as the repository here says."""
        del records
        signs = bool(self._refs.signs_with)
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
        for one in self.unreadable():
            yield Advice(f"!{one.number}", good=False, told=one.why, hint=one.hint)
        tips = self._refs.tips()
        for number in sorted(tips.requests):
            with suppress(ReconcilerError):  # told above
                odd = self._refs.of(number, tips).odd
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
        missed: set[int] = set()
        for _ in range(ATTEMPTS):
            tips = self._refs.tips()
            last = self._at.last(tips)
            gaps = set(range(1, last)) - set(tips.requests)
            if gaps - missed:
                missed |= gaps  # one that was opened while we listed could be the same proposal
                continue
            head, base = self._at.ends(proposal.source, proposal.target, tips)
            there = self._at.open_from(proposal.source, proposal.target, tips)
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
            if self._at.begin(last + 1, body):
                return self.merge_request(last + 1)
        raise busy()

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
                _, base = self._at.ends(state.source, other, tips)
                self._at.only_one(state, other, tips)
            new_title = title if title != state.title else None
            words = description if description != state.description else None
            if new_title is None and words is None and other is None:
                return None
            return kinds.Edited.model_construct(
                title=new_title, description=words, target=other, base=base
            )

        self._at.write(number, body)
        return self.merge_request(number)

    def close(self, number: int) -> MergeRequest:
        """Give it up; also when it is closed already."""
        self._at.write(
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
                self._at.only_one(state, state.target, tips)
            return kinds.Reopened()

        self._at.write(number, body)
        return self.merge_request(number)

    def merge(self, number: int, head: str, message: str = "", *, onto: str = "") -> str:
        """Bring it into its target when its last commit is still this one, and so is the target.

        Killed in between, the next who looks finds it merged: git shows it.
        """
        self._at.somebody()
        for _ in range(ATTEMPTS):
            chain, tips = self._at.now(number)
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
            if onto not in ("", target):
                raise target_moved(number, found.target)
            made = self._refs.move_branch(
                found.target,
                target,
                self._merges.commit(found, target, self._me, self._at.clock(), message),
            )
            if made:
                with suppress(TransientError):  # it is merged, and git shows it
                    self._note_merged(number, head, made)
                return made
        raise busy()

    # -- agreeing and speaking ----------------------------------------------------------------

    def approve(
        self,
        number: int,
        head: str,
        plans: Sequence[tuple[str, str]] = (),
        policies: str = "",
        kept: Mapping[str, bytes] = NO_FILES,
        *,
        late: bool = False,
    ) -> None:
        """Agree, as who acts, to this commit and these plans; keep those that are at hand."""

        def body(state: Folded, tips: Tips) -> Body | None:
            found = self._merges.told(state, tips)
            if (found.state == "open" or late) and found.head != head:
                raise moved(number, found.head, head)
            own = self._refs.signs_with
            said = dict(plans)
            for one in state.consents:
                if one.signed_by != own or not same(one.by, self._me):
                    continue
                if late and (one.head, one.policies) == (head, policies):
                    # Of the others that it brought, what was agreed to goes on to hold.
                    said = {**dict(one.plans or ()), **said}
                if (one.head, one.plans, one.policies) == (
                    head,
                    (*sorted(said.items()),),
                    policies,
                ):
                    return None
            return kinds.Approved.model_construct(
                head=head,
                plans=[
                    kinds.PlanOf.model_construct(environment=name, digest=digest)
                    for name, digest in sorted(said.items())
                ],
                policies=policies,
            )

        named = {digest for _, digest in plans}
        files = {plan_file(digest): data for digest, data in kept.items() if digest in named}
        self._at.write(number, body, files, late=late)

    def unapprove(self, number: int) -> None:
        """Agree no more; also when it did not."""
        chain, _ = self._at.write(
            number,
            lambda state, _tips: (
                kinds.Unapproved()
                if any(same(one.by, self._me) for one in state.consents)
                else None
            ),
        )
        left = [one for one in chain.state.consents if same(one.by, self._me)]
        if left:
            raise UsageError(
                "signed-with-another-key",
                f"an approval of yours of !{number} stands: {OTHER_KEY}",
                hint=f"name the key {left[0].signed_by} in RECONCILER_SIGNING_KEY",
            )

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        """Say something: by itself, in a thread, or about a line."""
        at = kinds.Line.model_construct(path=place.path, line=place.line) if place else None
        body = kinds.Said.model_construct(text=text, thread=thread or None, place=at)
        chain, commit = self._at.write(number, lambda _state, _tips: body)
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

        self._at.write(number, body)
        return not gone

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        """Mark a thread as settled, or not; a thread that is gone needs nothing."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            root = state.notes.get(thread)
            if root is None or root.resolved is None or root.resolved == resolved:
                return None
            return kinds.Settled.model_construct(thread=thread, resolved=resolved)

        self._at.write(number, body)

    def labelled(self, number: int, add: Collection[str], remove: Collection[str]) -> None:
        """Give and take labels."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            new = sorted(set(add) - set(state.labels))
            old = sorted((set(remove) - set(add)) & set(state.labels))
            return kinds.Labelled.model_construct(add=new, remove=old) if new or old else None

        self._at.write(number, body)

    def suggest(self, number: int, people: Sequence[Person]) -> None:
        """Ask these to look at it, beside those who are asked already."""

        def body(state: Folded, _tips: Tips) -> Body | None:
            new = [
                kinds.By.model_construct(name=one.name, email=one.email)
                for one in people
                if one.email and not any(same(one, old) for old in state.invited)
            ]
            return kinds.Invited.model_construct(people=new[:_ASKED_FOR]) if new else None

        self._at.write(number, body)

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

        self._at.write(request.number, body)

    def deployed(self, deployment: Deployment) -> None:
        """Nothing: the records tell of every apply, and they are in the same repository."""

    def _note_merged(self, number: int, head: str, commit: str) -> None:
        self._at.write(
            number,
            lambda state, _tips: (
                None
                if any(one.commit == commit for one in state.claims)
                else kinds.Merged(head=head, commit=commit)
            ),
        )
