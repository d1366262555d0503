"""Merge requests on GitLab.

What is asked for twice is done once: what may be repeated is, and of what may not, we look whether
it came through before it is done again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from reconciler.adapters.gitlab import reading
from reconciler.adapters.gitlab.client import Client, RefusedError, UnsureError
from reconciler.adapters.gitlab.examine import Examination
from reconciler.adapters.gitlab.merging import Merging
from reconciler.adapters.gitlab.pipelines import Pipelines
from reconciler.adapters.gitlab.talk import LONGEST, Talk, given_up, no_such
from reconciler.adapters.remote_fetch import RemoteFetch
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, UsageError, WaitingError
from reconciler.model.approval import Person
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

_TITLE: Final = 255
_TRIES: Final = 2
_BAD: Final = 400
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_THERE: Final = 404
_CONFLICT: Final = 409
_SHORT: Final = 12


class GitLabForge:
    """One project of one GitLab, as one account."""

    def __init__(self, client: Client, fetch: RemoteFetch, accounts: Collection[int] = ()) -> None:
        self._client = client
        self._fetch = fetch
        self._pipelines = Pipelines(client)
        self._accounts = frozenset(accounts)
        self._talk = Talk(client, self.me, self._accounts)
        self._known: Person | None = None
        self._seen: tuple[MergeRequest, dict[str, Any]] | None = None
        """The last look at one, for the one question after it that needs the same answer."""

    def end(self) -> None:
        """Let go of every connection."""
        self._client.close()

    @property
    def name(self) -> str:
        """The server."""
        return self._client.host

    @property
    def writes_size(self) -> int:
        """How many characters a note may have."""
        return LONGEST

    @property
    def takes_late(self) -> bool:
        """Whether it takes approvals of what is merged."""
        return False

    def me(self) -> Person:
        """The account of the token; asked for once."""
        if self._known is None:
            with self._client.about("who we are"):
                self._known = reading.person(self._client.get("/user"))
        return self._known

    # ------------------------------------------------------------------------ reading

    def open_ones(self, target: str) -> Iterator[MergeRequest]:
        """The listing's pages, and nothing more; one that moved between two pages is told once."""
        told: set[int] = set()
        rows = self._rows(state="opened", target_branch=target, order_by="created_at", sort="asc")
        with self._client.about("its merge requests", self._client.no_project()):
            for body in rows:
                found = reading.merge_request(body)
                if found.number not in told and found.target == target:
                    told.add(found.number)
                    yield found

    def unreadable(self) -> Iterator[Unreadable]:
        """None: GitLab reads them for us."""
        return iter(())

    def merge_request(self, number: int) -> MergeRequest:
        """One of them, as it is now."""
        body = self._one(number)
        found = reading.merge_request(body)
        self._seen = found, body
        return found

    def fetched(self, request: MergeRequest) -> str:
        """Its last commit, by git from the project, where GitLab keeps those of forks too."""
        found = self._fetch.commit(request.number, request.target)
        if not found or found != request.head:
            raise WaitingError(
                "head-moved",
                f"!{request.number} has another last commit than {self.name} told:"
                f" {found[:_SHORT] or 'none'} instead of {request.head[:_SHORT] or 'none'}",
                hint="somebody pushed meanwhile: it is looked at again",
            )
        return found

    def brought(self, commit: str) -> MergeRequest | None:
        """The merged one that this commit is the merge of, or the last commit of.

        GitLab names those that have to do with the commit; which one brought it, git says.
        """
        path = self._client.below("repository", "commits", commit, "merge_requests")
        ends = self._fetch.ends(commit)
        best: MergeRequest | None = None
        with self._client.about(f"the commit {commit[:_SHORT]}"):
            for body in self._client.rows(path):
                found = reading.merge_request(body)
                if found.state != "merged" or found.head not in ends:
                    continue
                if commit in (found.merged, found.head) and (
                    best is None or found.number > best.number
                ):
                    best = found
        return best

    def consents(self, number: int) -> tuple[Consent, ...]:
        """Who agrees to it now, and to which commit, as far as that can be told."""
        with self._about(number):
            approvals = self._of(number, "approvals")
            if not reading.field(approvals, "approved_by", list):
                return ()
            # Asked for after the approvals: a version that came between them is a newer one.
            versions = list(self._rows(number, "versions"))
        return reading.consents(approvals, versions, f"{self._client.project}!{number}")

    # ---------------------------------------------------------------------- proposing

    def open(self, proposal: Proposal) -> MergeRequest:
        """Open one, or tell the one anew that is open from there to there."""
        title = _titled(proposal.title, draft=proposal.draft)
        description = reading.guarded(proposal.description)
        body = {
            "source_branch": proposal.source,
            "target_branch": proposal.target,
            "title": title,
            "description": description,
        }
        if proposal.labels:
            body["labels"] = ",".join(proposal.labels)
        failure: ReconcilerError = given_up("opened")
        for _ in range(_TRIES):
            there = self._open_from(proposal.source, proposal.target)
            if there is not None:
                changes = {"title": title, "description": description}
                given = ",".join(set(proposal.labels) - set(there.labels))
                if given:
                    changes["add_labels"] = given
                return self._changed(there.number, **changes)
            try:
                path = self._client.below("merge_requests")
                return reading.merge_request(self._client.post(path, body))
            except UnsureError as err:
                failure = err  # it may be there: the next round looks
            except RefusedError as err:
                if err.status != _CONFLICT:
                    raise self._not_opened(proposal, err) from None
                failure = self._not_opened(proposal, err)
        raise failure

    def _open_from(self, source: str, target: str) -> MergeRequest | None:
        rows = self._rows(state="opened", source_branch=source, target_branch=target)
        with self._client.about("its merge requests", self._client.no_project()):
            for body in rows:
                found = reading.merge_request(body)
                if (found.source, found.target, found.fork) == (source, target, False):
                    return found
        return None

    def _not_opened(self, proposal: Proposal, err: RefusedError) -> ReconcilerError:
        if err.status not in (_BAD, _NOT_THERE, _CONFLICT, 422):
            return self._client.refusal(err, "a new merge request")
        return UsageError(
            "not-opened",
            f"no merge request from `{line(proposal.source, 100)}` to"
            f" `{line(proposal.target, 100)}`: {err.said}",
            hint="push the branch first; does the target exist?",
            subject=proposal.source,
        )

    def edit(
        self,
        number: int,
        *,
        title: str | None = None,
        description: str | None = None,
        target: str | None = None,
    ) -> MergeRequest:
        """Say something else in it."""
        changes: dict[str, str] = {}
        if title is not None:
            changes["title"] = _titled(title)
        if description is not None:
            changes["description"] = reading.guarded(description)
        if target is not None:
            changes["target_branch"] = target
        return self._changed(number, **changes) if changes else self.merge_request(number)

    def close(self, number: int) -> MergeRequest:
        """Give it up."""
        found = self._changed(number, state_event="close")
        return _as_wanted(found, "closed", "what was merged is not closed: revert it")

    def reopen(self, number: int) -> MergeRequest:
        """Take it up again."""
        found = self._changed(number, state_event="reopen")
        return _as_wanted(found, "open", "what was merged is over: open a new one")

    def merge(self, number: int, head: str, message: str = "", *, onto: str = "") -> str:
        """Bring it into its target, if its last commit is this one: GitLab holds to no more."""
        del onto
        merging = Merging(self._client, self._fetch, lambda: self._one(number))
        return merging.merge(number, head, message)

    # ---------------------------------------------------------------------- approving

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
        """Agree to this commit. GitLab has no word for plans and policies."""
        del plans, policies, kept, late
        path = self._client.below("merge_requests", number, "approve")
        for _ in range(_TRIES):
            try:
                self._client.post(path, {"sha": head}, again=True)
            except RefusedError as err:
                if err.status == _CONFLICT:
                    raise WaitingError(
                        "head-moved",
                        f"!{number} has another last commit than {head[:_SHORT]}",
                        hint="look at what was pushed, and agree to that",
                    ) from None
                if err.status not in (_UNAUTHORISED, _FORBIDDEN):
                    what = f"an approval of !{number}"
                    raise self._client.refusal(err, what, no_such(number)) from None
                if self._agreed_to(number, head):
                    return
                if not self._agrees(number):
                    raise self._client.denied(f"approve !{number}", err.said) from None
                # Ours for an older commit stands in the way of the new one.
                self.unapprove(number)
            else:
                return
        raise self._client.denied(f"approve !{number}", "it stays as it was")

    def _agrees(self, number: int) -> bool:
        return bool(self._of(number, "approvals").get("user_has_approved"))

    def _agreed_to(self, number: int, head: str) -> bool:
        me = self.me().forge_id
        found = self.consents(number)
        return any(one.by.forge_id == me and one.head == head for one in found)

    def unapprove(self, number: int) -> None:
        """Agree no more."""
        path = self._client.below("merge_requests", number, "unapprove")
        try:
            self._client.post(path, again=True)
        except RefusedError as err:
            if err.status != _NOT_THERE:
                raise self._client.refusal(err, f"an approval of !{number}") from None
            self._one(number)

    # ----------------------------------------------------------------------- speaking

    def notes(self, number: int) -> Sequence[Note]:
        """Everything that was said, oldest first."""
        return self._talk.notes(number)

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        """Say something, once."""
        return self._talk.say(number, text, thread=thread, place=place)

    def rewrite(self, number: int, note: str, text: str) -> bool:
        """Let a note of ours say something else."""
        return self._talk.rewrite(number, note, text)

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        """Mark a thread as settled, or not."""
        self._talk.settle(number, thread, resolved=resolved)

    # ---------------------------------------------------------------- labels and people

    def labelled(self, number: int, add: Collection[str], remove: Collection[str]) -> None:
        """Give and take labels; both at once."""
        odd = [one for one in (*add, *remove) if "," in one or not one.strip()]
        if odd:
            raise UsageError("bad-label", f"{line(odd[0], 60)!r} is no label: it has a comma in it")
        changes = {"add_labels": ",".join(add), "remove_labels": ",".join(remove)}
        changes = {name: words for name, words in changes.items() if words}
        if changes:
            self._changed(number, **changes)

    def suggest(self, number: int, people: Sequence[Person]) -> None:
        """Ask these to look at it; who has no account here cannot be asked."""
        wanted = [one.forge_id for one in people if one.forge_id is not None]
        if not wanted:
            return
        now = reading.field(self._one(number), "reviewers", list)
        there = [reading.field(one, "id", int) for one in now]
        if set(wanted) - set(there):
            self._changed(number, reviewer_ids=list(dict.fromkeys([*there, *wanted])))

    # -------------------------------------------------------------------------- signals

    def statuses(self, request: MergeRequest) -> Mapping[str, Status]:
        """What the gates said last about its newest pipeline, or its last commit."""
        seen, self._seen = self._seen, None
        # The very look that this one came from told its pipeline, too.
        told = seen is not None and seen[0] is request
        body = seen[1] if seen and told else self._one(request.number)
        return self._pipelines.statuses(request, body)

    def show_status(self, request: MergeRequest, status: Status) -> None:
        """Show it."""
        self._pipelines.show(request, status, lambda: self._one(request.number))

    def deployed(self, deployment: Deployment) -> None:
        """Show what became of an apply."""
        self._pipelines.deployed(deployment)

    def examine(self, target: str, records: str) -> Iterator[Advice]:
        """Whether the project is set up so that nobody gets around it."""
        return Examination(self._client, self._accounts).everything(target, records)

    # ------------------------------------------------------------------------- asking

    def _about(self, number: int) -> AbstractContextManager[None]:
        return self._client.about(f"!{number}", no_such(number))

    def _one(self, number: int) -> dict[str, Any]:
        with self._about(number):
            return self._of(number)

    def _of(self, number: int, *parts: object) -> dict[str, Any]:
        return self._client.one(self._client.below("merge_requests", number, *parts))

    def _rows(self, *parts: object, **query: object) -> Iterator[dict[str, Any]]:
        return self._client.rows(self._client.below("merge_requests", *parts), **query)

    def _changed(self, number: int, **body: object) -> MergeRequest:
        with self._about(number):
            path = self._client.below("merge_requests", number)
            return reading.merge_request(self._client.put(path, **body))


def _titled(title: str, *, draft: bool = False) -> str:
    """On one line, and no longer than GitLab takes."""
    return line(f"Draft: {title}" if draft else title, _TITLE)


def _as_wanted(found: MergeRequest, state: str, why: str) -> MergeRequest:
    """GitLab takes an order that it cannot follow, and says nothing."""
    if found.state != state:
        raise UsageError(
            "over",
            f"!{found.number} is {found.state}: {why}",
            subject=f"!{found.number}",
        )
    return found
