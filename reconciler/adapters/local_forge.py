"""The local forge: merge requests in a git repository, without a server.

Anybody who may push may write anything, in anybody's name. So nothing of it is trusted: a merge is
what git shows, and who agreed is told with the key that signed it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

import pygit2

from reconciler.adapters.merge_request_refs import Chain, MergeRequestRefs, Tips
from reconciler.core.forge.events import NotAnEvent, event_of
from reconciler.core.forge.fold import DRAFT, Entry, Folded, after, begun, same
from reconciler.core.git_objects import Who, commit_bytes
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
_NAMED: Final = 1000


class LocalForge:
    """Merge requests as refs, in a repository or at its remote."""

    def __init__(self, refs: MergeRequestRefs, me: Person, clock: Callable[[], datetime]) -> None:
        self._refs = refs
        # An id that nobody checked must not pass for one that a forge knows.
        self._me = replace(me, forge_id=None)
        self._clock = clock

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
            if state.target == target and state.state != "closed":
                found = self._told(state, tips)
                if found.state == "open":
                    yield found

    def merge_request(self, number: int) -> MergeRequest:
        """One of them, as it is now."""
        chain, tips = self._now(number)
        return self._told(chain.state, tips)

    def odd(self, number: int) -> tuple[str, ...]:
        """What somebody wrote to it that changes nothing, and why."""
        return self._now(number)[0].odd

    def fetched(self, request: MergeRequest) -> str:
        """Its last commit, which is in the repository now; and its target, as it is."""
        tips = self._refs.tips()
        wanted = [one for one in (request.source, request.target) if one in tips.branches]
        self._refs.bring(*wanted)
        head = tips.branches.get(request.source, "") or request.head
        if request.state != "merged" and request.source not in tips.branches:
            raise _no_source(request.number, request.source)
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
                self._write(
                    there,
                    lambda state, _tips: (
                        kinds.Labelled.model_construct(
                            add=sorted(set(proposal.labels) - set(state.labels)), remove=[]
                        )
                        if set(proposal.labels) - set(state.labels)
                        else None
                    ),
                )
                return self.edit(there, title=title, description=proposal.description)
            if self._has(base, head):
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
            lambda state, _tips: None if state.state == "closed" else kinds.Closed(),
        )
        return self.merge_request(number)

    def reopen(self, number: int) -> MergeRequest:
        """Take it up again; also when it is open."""

        def body(state: Folded, tips: Tips) -> Body | None:
            if state.state == "open":
                return None
            if state.state == "closed":
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
            found = self._told(chain.state, tips)
            if found.state == "merged":
                if found.head != head:
                    raise WaitingError(
                        "head-moved",
                        f"!{number} was merged with {found.head[:12]}, not with {head[:12]}",
                        hint=f"`reconciler mr show {number}`",
                    )
                self._note_merged(number, head, found.merged)
                return found.merged
            self._ready(found, head)
            target = tips.branches.get(found.target, "")
            if not target:
                raise _no_branch(found.target)
            made = self._refs.move_branch(
                found.target, target, self._merged(found, target, message)
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
            found = self._told(state, tips)
            if found.state == "open" and found.head != head:
                raise _moved(number, found.head, head)
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
            known = self._told(state, tips)
            if known.state == "merged" and state.state != "merged":
                state = replace(state, state="merged", merged=known.merged, head=known.head)
            body = body_of(state, tips)
            if body is None:
                return chain, ""
            event = self._event(number, body)
            why = after(state, Entry("0" * 40, event, ""))
            if isinstance(why, str) and not _only_unsigned(why):
                raise UsageError(
                    "makes-no-sense",
                    f"nothing was written to !{number}: {why}",
                    hint=f"`reconciler mr show {number}` shows how it stands",
                )
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
        try:
            return event_of(number, self._me, self._clock(), body)
        except NotAnEvent as err:
            raise UsageError(
                "does-not-fit",
                f"nothing was written: {err}",
                hint=f"words have at most {LONGEST_TEXT:,} characters, a title 255",
            ) from err

    def _note_merged(self, number: int, head: str, commit: str) -> None:
        def body(state: Folded, _tips: Tips) -> Body | None:
            return None if state.merged == commit else kinds.Merged(head=head, commit=commit)

        for _ in range(_ATTEMPTS):
            chain, tips = self._now(number)
            made = body(chain.state, tips)
            if made is None or chain.state.state == "merged":
                return
            if self._refs.add(self._event(number, made), tips.requests[number]):
                return

    def _told(self, state: Folded, tips: Tips) -> MergeRequest:
        head = tips.branches.get(state.source, "")
        merged = self._brought(state, head or state.head, tips)
        known: str = state.state
        if known != "closed":
            known = "merged" if merged else "open"
        return MergeRequest(
            state.number,
            state.title,
            state.description,
            state.author,
            state.source,
            state.target,
            (state.head if state.state == "merged" else head or state.head) if merged else head,
            "merged" if known == "merged" else "closed" if known == "closed" else "open",
            state.opened,
            state.updated,
            state.draft,
            labels=state.labels,
            merged=merged if known == "merged" else "",
        )

    def _brought(self, state: Folded, head: str, tips: Tips) -> str:
        """The commit that brought it into its target; empty: none did, whatever anybody says."""
        target = tips.branches.get(state.target, "")
        if state.state == "merged":
            if not target:
                return state.merged  # that branch is long gone
            if self._has(target, state.merged) and self._has(state.merged, state.head):
                return state.merged
            return ""
        if not target or not self._has(target, head) or self._has(state.base, head):
            return ""
        return self._first_with(target, head)

    def _first_with(self, target: str, head: str) -> str:
        """The oldest commit of a branch, by first parents, that has another behind it."""
        found = target
        repository = self._refs.repository
        with suppress(KeyError, ValueError, pygit2.GitError):
            while parents := repository[found].peel(pygit2.Commit).parent_ids:
                if not self._has(str(parents[0]), head):
                    break
                found = str(parents[0])
        return found

    def _has(self, later: str, earlier: str) -> bool:
        if later == earlier:
            return bool(later)
        try:
            return self._refs.repository.descendant_of(later, earlier)
        except (KeyError, ValueError, pygit2.GitError):
            return False

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
                raise _no_branch(one, pushed=self._refs.elsewhere)
        return tips.branches[source], tips.branches[target]

    def _open_from(self, source: str, target: str, tips: Tips) -> int | None:
        for number, tip in sorted(tips.requests.items()):
            with suppress(ReconcilerError):  # a broken one is no reason not to work
                state = self._refs.chain(number, tip).state
                if (state.source, state.target, state.state) == (source, target, "open") and (
                    self._told(state, tips).state == "open"
                ):
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

    def _ready(self, found: MergeRequest, head: str) -> None:
        number = found.number
        if found.state != "open":
            raise UsageError(
                "not-open",
                f"!{number} is {found.state}",
                hint=f"`reconciler mr reopen {number}` takes it up again",
            )
        if not found.head:
            raise _no_source(number, found.source)
        if found.head != head:
            raise _moved(number, found.head, head)
        if found.draft:
            raise UsageError(
                "draft",
                f"!{number} is a draft: its author does not want it merged yet",
                hint=f"when it is ready: `reconciler mr open --title ...` with a title without"
                f" `Draft:`, from `{found.source}`",
            )

    def _merged(self, found: MergeRequest, target: str, message: str) -> bytes:
        """The merge commit; UsageError names every file that both sides changed."""
        repository = self._refs.repository
        try:
            if repository.merge_base(target, found.head) is None:
                raise UsageError(
                    "no-common-history",
                    f"`{found.source}` and `{found.target}` have no commit in common",
                    hint="begin the branch at the target branch",
                )
            index = repository.merge_commits(pygit2.Oid(hex=target), pygit2.Oid(hex=found.head))
            conflicts = _conflicts(index)
            if conflicts:
                raise _conflicting(found, conflicts)
            tree = str(index.write_tree(repository))
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise ReconcilerError(
                "not-merged",
                f"!{found.number} could not be merged: {line(str(err), 200)}",
                hint="`git fsck` says whether something is missing",
            ) from err
        me = Who(self._me.name, self._me.email, int(self._clock().timestamp()))
        words = message.strip() or (
            f"Merge !{found.number}: {line(found.title, 200)}\n\n{found.description.strip()}"
        )
        words = f"{words.strip()}\n\nMerge-Request: {found.number}\n".replace("\0", "")
        return commit_bytes(tree, (target, found.head), me, me, words)


def _only_unsigned(why: str) -> bool:
    """Whether it may make sense once it is signed, which comes last."""
    return why.endswith("not signed with that key")


def _conflicts(index: pygit2.Index) -> list[str]:
    found: set[str] = set()
    for sides in index.conflicts or ():
        found.update(
            one.path if one.path.isprintable() else ascii(one.path)[1:-1]
            for one in sides
            if one is not None
        )
    return sorted(found)


def _conflicting(found: MergeRequest, paths: Sequence[str]) -> UsageError:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return UsageError(
        "merge-conflict",
        f"!{found.number} and `{found.target}` changed the same: {', '.join(paths[:_NAMED])}{more}",
        hint=f"`git merge {found.target}` on `{found.source}`, mend these files, commit and push",
        subject=f"!{found.number}",
    )


def _moved(number: int, now: str, said: str) -> WaitingError:
    return WaitingError(
        "head-moved",
        f"the last commit of !{number} is {now[:12] or 'gone'}, and not {said[:12]} any more",
        hint=f"look at what is there now: `reconciler mr diff {number}`",
        subject=f"!{number}",
    )


def _no_source(number: int, source: str) -> UsageError:
    return UsageError(
        "no-source",
        f"!{number} has no commits: its branch `{source}` is gone",
        hint=f"push the branch again, or `reconciler mr close {number}`",
    )


def _no_branch(name: str, *, pushed: bool = False) -> UsageError:
    where = " at the remote" if pushed else ""
    return UsageError(
        "no-such-branch",
        f"there is no branch `{line(name, 200)}`{where}",
        hint=f"push it: `git push origin {line(name, 200)}`"
        if pushed
        else "`git branch` lists them",
    )


def _busy() -> TransientError:
    return TransientError(
        "merge-requests-busy", "others write all the time, and ours found no place", hint="again"
    )
