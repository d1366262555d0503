"""Merging on GitLab: asked for once, with the commit that was judged; then it is looked at."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from reconciler.adapters.gitlab import reading
from reconciler.adapters.gitlab.client import Client, RefusedError, UnsureError
from reconciler.adapters.remote_fetch import RemoteFetch
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, UsageError, WaitingError

_SHORT: Final = 12
_UNAUTHORISED: Final = (401, 403)
_REFUSED: Final = (400, 404, 405, 406, 409, 422)
_SOON: Final = frozenset(
    {"approvals_syncing", "checking", "ci_still_running", "preparing", "unchecked"}
)
_WHY: Final = {
    "ci_must_pass": "its pipeline has not succeeded",
    "commits_status": "its branch is gone, or has no commit of its own",
    "conflict": "it conflicts with its target",
    "discussions_not_resolved": "threads are not resolved",
    "draft_status": "it is a draft",
    "jira_association_missing": "it names no Jira issue",
    "locked_paths": "somebody locked files that it changes",
    "merge_request_blocked": "another merge request has to be merged first",
    "merge_time": "it is not to be merged before its time",
    "need_rebase": "the project merges by fast-forward, and it has to be rebased",
    "not_approved": "GitLab's own approval rules are not met",
    "not_open": "it is not open",
    "requested_changes": "a reviewer asked for changes",
    "security_policy_violations": "a security policy forbids it",
    "status_checks_must_pass": "an external status check has not passed",
}


class Merging:
    """One attempt."""

    def __init__(
        self, client: Client, fetch: RemoteFetch, look: Callable[[], dict[str, Any]]
    ) -> None:
        self._client = client
        self._fetch = fetch
        self._look = look

    def merge(self, number: int, head: str, message: str) -> str:
        """The commit that did it."""
        body: dict[str, object] = {"sha": head}
        if message:
            body["merge_commit_message"] = message
        path = self._client.below("merge_requests", number, "merge")
        try:
            # Not again by itself: the first time may have come through.
            answer = reading.thing(self._client.put_once(path, body))
        except UnsureError as err:
            found = self._look()
            if _merged(found, head):
                return reading.merged(found)
            raise err from None
        except RefusedError as err:
            found = self._look()
            if _merged(found, head):
                return reading.merged(found)
            raise self._not_merged(number, head, found, err) from None
        if _merged(answer, head):
            return reading.merged(answer)
        raise WaitingError(
            "merging",
            f"GitLab is still merging !{number}",
            hint="it is looked at again",
            subject=f"!{number}",
        )

    def _not_merged(
        self, number: int, head: str, found: dict[str, Any], err: RefusedError
    ) -> ReconcilerError:
        """Why, in the order in which it helps to know."""
        name = f"!{number}"
        state, now = str(found.get("state")), str(found.get("sha") or "")
        if state in ("closed", "merged"):
            why = f"{name} is {state}" + (", with another last commit" if state == "merged" else "")
            hint = "reopen it first" if state == "closed" else "open a new one for the rest"
            return UsageError("not-open", why, hint=hint, subject=name)
        if now != head:
            return WaitingError(
                "head-moved",
                f"{name} has another last commit than was judged: {now[:_SHORT] or 'none'} instead"
                f" of {head[:_SHORT]}",
                hint="somebody pushed meanwhile: it is judged again",
                subject=name,
            )
        if err.status in _UNAUTHORISED:
            return ReconcilerError(
                "forge-denied",
                f"{self._client.host} does not let us merge {name} into"
                f" `{line(str(found.get('target_branch')), 100)}`: {err.said}",
                hint="the protected branch has to allow the account of the token to merge:"
                " Settings > Repository > Protected branches, or make the account a Maintainer",
                subject=name,
            )
        if err.status not in _REFUSED:
            return self._client.refusal(err, f"to merge {name}")
        return self._blocked(number, found, err)

    def _blocked(self, number: int, found: dict[str, Any], err: RefusedError) -> ReconcilerError:
        name, detail = f"!{number}", str(found.get("detailed_merge_status"))
        if found.get("draft"):
            detail = "draft_status"  # also while GitLab is still looking at everything else
        target = str(found.get("target_branch"))
        if detail == "conflict" or found.get("has_conflicts") or err.status in (406, 422):
            paths = self._fetch.conflicts(number, target)
            if paths:
                return conflict(name, target, paths)
        if detail in _SOON or detail == "mergeable":
            return WaitingError(
                "not-yet-mergeable",
                f"GitLab does not merge {name} now: {err.said} (it is `{detail}`)",
                hint="it is tried again",
                subject=name,
            )
        # An unknown word is one more way to be blocked.
        why = _WHY.get(detail, f"GitLab calls it `{line(detail, 60)}`")
        return ReconcilerError(
            "not-mergeable",
            f"{name} cannot be merged: {why}",
            hint="mend that on its page; it is merged when it can be",
            subject=name,
        )


def conflict(name: str, target: str, paths: Sequence[str]) -> UsageError:
    """File by file."""
    told = ", ".join(line(one, 200) for one in paths)
    return UsageError(
        "conflict",
        f"{name} conflicts with `{line(target, 100)}` in {told}",
        hint=f"merge {line(target, 100)} into its branch, mend these files, and push",
        subject=name,
    )


def _merged(found: dict[str, Any], head: str) -> bool:
    return bool(found.get("state") == "merged" and found.get("sha") == head)
