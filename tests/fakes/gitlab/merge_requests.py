"""The paths of merge requests: listing, editing, approving, merging."""

from __future__ import annotations

from typing import Any

from tests.fakes.gitlab import show
from tests.fakes.gitlab.notes import obeyed
from tests.fakes.gitlab.routing import Answer, Call, RefusedError, may_write, page, route
from tests.fakes.gitlab.state import DEVELOPER, MAINTAINER, Agreed, Lab, Merge

_AT = "/projects/*/merge_requests"
_ONE = f"{_AT}/*"
_TITLE = 255
_DESCRIPTION = 1_048_576


@route("GET", _AT)
def listed(call: Call) -> Answer:
    call.lab.notice()
    query = call.query
    state = query.get("state", "all")
    rows = [
        one
        for one in call.lab.merges.values()
        if state in ("all", one.state)
        and query.get("target_branch", one.target) == one.target
        and query.get("source_branch", one.source) == one.source
    ]
    key = "updated" if query.get("order_by") == "updated_at" else "created"
    rows.sort(key=lambda one: (getattr(one, key), one.iid), reverse=query.get("sort") != "asc")
    return page(call, rows, lambda one: show.merge(call.lab, one), "merge_requests")


@route("GET", "/projects/*/repository/commits/*/merge_requests")
def of_commit(call: Call) -> Answer:
    """Those that brought the commit, or have it among their own: merged or not."""
    lab, commit = call.lab, call.words[1]
    if not lab.git.has(commit):
        raise RefusedError(404, "404 Commit Not Found")
    rows = [
        one
        for one in lab.merges.values()
        if commit in (one.merge_commit, one.squash_commit)
        or any(lab.git.between(each.base, each.head, commit) for each in one.versions)
    ]
    return page(call, rows, lambda one: show.merge(lab, one), "merge_requests")


@route("GET", _ONE)
def one(call: Call) -> Answer:
    """Looking at it makes somebody find out whether it can be merged; the next look tells."""
    found = call.merge(call.words[1])
    if found.state == "opened" and found.status == "unchecked":
        found.status = "checking"
        call.lab.later(lambda: check(call.lab, found))
    # Of a fork that is gone GitLab has no number, and its schema does not know that.
    orphan = found.fork is not None and found.fork_id is None
    return Answer(200, show.merge_whole(call.lab, found), schema="" if orphan else "merge_request")


def check(lab: Lab, found: Merge) -> None:
    tip = lab.git.tip(found.target)
    whole = bool(tip) and isinstance(lab.git.merged_tree(tip, found.head), str)
    found.status = "can_be_merged" if whole else "cannot_be_merged"


@route("POST", _AT)
def made(call: Call) -> Answer:
    may_write(call)
    lab, source, target = call.lab, call.text("source_branch"), call.text("target_branch")
    _fits(call, title=call.text("title"))
    for branch in (source, target):
        if not lab.git.tip(branch):
            which = "Source" if branch == source else "Target"
            raise RefusedError(400, [f'{which} branch "{branch}" does not exist'])
    if source == target:
        raise RefusedError(409, ["You can't use same project/branch for source and target"])
    lab.notice()
    if any(one.source == source and one.target == target for one in lab.open_merges()):
        text = "Another open merge request already exists for this source branch"
        raise RefusedError(409, [text])
    found = lab.opened(
        call.user,
        source,
        target,
        call.text("title"),
        description=obeyed(call, call.body.get("description") or ""),
        labels=_names(call.body.get("labels")),
    )
    return Answer(201, show.merge_whole(lab, found), schema="merge_request")


def _names(value: Any) -> list[str]:
    words = value.split(",") if isinstance(value, str) else value or []
    return [word.strip() for word in words if word.strip()]


def _fits(call: Call, title: str = "") -> None:
    if len(title or call.body.get("title") or "") > _TITLE:
        raise RefusedError(400, {"title": ["is too long (maximum is 255 characters)"]})
    if len(call.body.get("description") or "") > _DESCRIPTION:
        raise RefusedError(400, {"description": ["is too long (maximum is 1048576 characters)"]})


@route("PUT", _ONE)
def edited(call: Call) -> Answer:
    may_write(call)
    found, body = call.merge(call.words[1]), call.body
    _fits(call)
    _moved(call, found)
    for name in ("title", "description"):
        if body.get(name) is not None:
            setattr(found, name, obeyed(call, body[name]) if name == "description" else body[name])
    if body.get("target_branch"):
        if not call.lab.git.tip(body["target_branch"]):
            raise RefusedError(400, ["Target branch does not exist"])
        found.target, found.status = body["target_branch"], "unchecked"
    given = [name for name in _names(body.get("add_labels")) if name not in found.labels]
    taken = set(_names(body.get("remove_labels")))
    found.labels = [name for name in found.labels + given if name not in taken]
    if "reviewer_ids" in body:
        people = [call.lab.users[id_] for id_ in body["reviewer_ids"] if id_ in call.lab.users]
        found.reviewers = people[:1] if call.lab.tier == "Free" else people
    found.updated = call.lab.now()
    return Answer(200, show.merge_whole(call.lab, found), schema="merge_request")


def _moved(call: Call, found: Merge) -> None:
    event = call.body.get("state_event")
    if event == "close" and found.state == "opened":
        found.state, found.closed_at = "closed", call.lab.now()
        call.lab.hooks.event(call.lab, "merge_request", found, "close")
    elif event == "reopen" and found.state == "closed":
        same = (found.source, found.target)
        if any((one.source, one.target) == same for one in call.lab.open_merges()):
            text = "Another open merge request already exists for this source branch"
            raise RefusedError(409, [text])
        found.state, found.closed_at, found.status = "opened", None, "unchecked"
        call.lab.look(found.iid)
        call.lab.hooks.event(call.lab, "merge_request", found, "reopen")


@route("PUT", f"{_ONE}/merge")
def merged(call: Call) -> Answer:
    """401, then 405, then 422, then 409, in this order."""
    lab, found = call.lab, call.merge(call.words[1])
    protected = lab.project.protected.get(found.target)
    least = DEVELOPER
    if protected:
        levels = [one["access_level"] for one in protected["merge_access_levels"]]
        least = max([*levels, DEVELOPER]) or MAINTAINER
    if call.user.level < least:
        raise RefusedError(401, "401 Unauthorized")
    if found.state != "opened" or show.failing(lab, found) != "mergeable":
        raise RefusedError(405, "405 Method Not Allowed")
    check(lab, found)
    if found.status != "can_be_merged":
        raise RefusedError(422, "Branch cannot be merged")
    if call.body.get("sha") not in (None, found.head):
        raise RefusedError(409, "SHA does not match HEAD of source branch: " + found.head)
    _merge(lab, found, call.body.get("merge_commit_message") or "")
    return Answer(200, show.merge_whole(lab, found), schema="merge_request")


def _merge(lab: Lab, found: Merge, message: str) -> None:
    target = lab.git.tip(found.target)
    ref = f"refs/heads/{found.target}"
    tree = lab.git.merged_tree(target, found.head)
    assert isinstance(tree, str)
    text = message or f"Merge branch '{found.source}' into '{found.target}'\n\n{found.title}"
    if lab.project.merge_method == "ff":
        lab.git.point(ref, found.head)
    elif lab.project.squash:
        found.squash_commit = lab.git.commit(tree, [target], found.title, None)
        parents = [target, found.squash_commit]
        found.merge_commit = lab.git.commit(tree, parents, text, ref)
    else:
        found.merge_commit = lab.git.commit(tree, [target, found.head], text, ref)
    found.state, found.merged_at = "merged", lab.now()
    found.updated = found.merged_at
    for other in lab.open_merges():
        if other.target == found.target:
            other.status = "unchecked"
    lab.hooks.event(lab, "merge_request", found, "merge")


@route("GET", f"{_ONE}/versions")
def versions(call: Call) -> Answer:
    return page(call, call.merge(call.words[1]).versions, show.version)


@route("GET", f"{_ONE}/diffs")
def diffs(call: Call) -> Answer:
    found = call.merge(call.words[1])
    newest = found.versions[0]
    return page(call, call.lab.git.diffs(newest.base, newest.head), lambda one: one)


@route("GET", f"{_ONE}/pipelines")
def pipelines(call: Call) -> Answer:
    return page(call, call.merge(call.words[1]).pipelines, show.pipeline)


@route("GET", f"{_ONE}/approvals")
def approvals(call: Call) -> Answer:
    return Answer(200, _approvals(call, call.merge(call.words[1])))


def _approvals(call: Call, found: Merge) -> dict[str, Any]:
    """Without any rule the paid tiers say that it is approved, by nobody."""
    by = [{"user": show.user(one.user), "approved_at": show.at(one.at)} for one in _agreed(found)]
    answer: dict[str, Any] = {
        "user_has_approved": call.user.id in found.agreed,
        "user_can_approve": call.user.id not in found.agreed,
        "approved": bool(by),
        "approved_by": by,
    }
    if call.lab.tier != "Free":
        wanted = sum(one["approvals_required"] for one in call.lab.project.approval_rules)
        answer |= {
            "approved": len(by) >= wanted,
            "approvals_required": wanted,
            "approvals_left": max(0, wanted - len(by)),
            "title": found.title,
            "state": found.state,
        }
    return answer


def _agreed(found: Merge) -> list[Agreed]:
    return sorted(found.agreed.values(), key=lambda one: one.at)


@route("POST", f"{_ONE}/approve")
def approve(call: Call) -> Answer:
    lab, found = call.lab, call.merge(call.words[1])
    own = call.user.id == found.author.id and not lab.project.author_may_approve
    late = found.state == "merged"  # whoever it is: its ApprovalService ends there
    if call.user.level < DEVELOPER or call.user.id in found.agreed or own or late:
        raise RefusedError(401, "401 Unauthorized")
    if call.body.get("sha") not in (None, found.head):
        raise RefusedError(409, "SHA does not match HEAD of source branch: " + found.head)
    lab.approved(found, call.user)
    return Answer(201, _approvals(call, found))


@route("POST", f"{_ONE}/unapprove")
def unapprove(call: Call) -> Answer:
    found = call.merge(call.words[1])
    if found.agreed.pop(call.user.id, None) is None:
        raise RefusedError(404, "404 Not found")
    return Answer(201, _approvals(call, found))
