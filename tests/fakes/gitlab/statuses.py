"""The paths of commit statuses, environments and deployments."""

from __future__ import annotations

import re

from tests.fakes.gitlab import show
from tests.fakes.gitlab.routing import Answer, Call, RefusedError, may_write, page, route
from tests.fakes.gitlab.state import CommitStatus, Deployment, Environment, Pipeline

_VERBS = {
    "pending": "enqueue",
    "running": "run",
    "success": "success",
    "failed": "drop",
    "canceled": "cancel",
    "skipped": "skip",
}
_OPEN = ("pending", "running")
_NAME = re.compile(r"[a-zA-Z0-9_/.\-${} ]{1,255}")
_LONGEST = 255


@route("GET", "/projects/*/repository/commits/*/statuses")
def statuses(call: Call) -> Answer:
    rows = [
        one
        for one in call.lab.statuses
        if one.sha == call.words[1]
        and call.query.get("name", one.name) == one.name
        and call.query.get("pipeline_id", str(one.pipeline)) == str(one.pipeline)
        and (not one.retried or call.query.get("all") == "true")
    ]
    return page(call, rows, show.status)


@route("POST", "/projects/*/statuses/*")
def post(call: Call) -> Answer:
    """Whoever may push may say anything under any name."""
    may_write(call)
    lab, sha = call.lab, call.words[1]
    state = call.text("state")
    if state not in _VERBS:
        raise RefusedError(400, "state does not have a valid value", "error")
    if not lab.git.has(sha):
        raise RefusedError(404, "404 Commit Not Found")
    name = call.body.get("name") or call.body.get("context") or "default"
    words = call.body.get("description") or ""
    link = call.body.get("target_url")
    if len(words) > _LONGEST:
        raise RefusedError(400, {"description": ["is too long (maximum is 255 characters)"]})
    if link and not re.match(r"https?://", link):
        raise RefusedError(
            400, {"target_url": ["is blocked: Only allowed schemes are http, https"]}
        )
    line = _pipeline(call, sha)
    if name in line.jobs:
        raise RefusedError(400, {"name": ["has already been taken"]})
    there = [
        one
        for one in lab.statuses
        if one.pipeline == line.id and one.name == name and not one.retried
    ]
    if there and there[0].status in _OPEN:
        return _moved(there[0], state, words, link)
    for one in there:
        one.retried = True
    made = CommitStatus(lab.number(), name, state, sha, words, link, call.user, lab.now(), line.id)
    lab.statuses.append(made)
    return Answer(201, show.status(made))


def _moved(one: CommitStatus, state: str, words: str, link: str | None) -> Answer:
    if one.status == state or (state == "pending" and one.status == "running"):
        verb = _VERBS[state]
        raise RefusedError(
            400,
            f"Cannot transition status via :{verb} from :{one.status} "
            f'(Reason(s): Status cannot transition via "{verb}")',
        )
    one.status, one.description, one.target_url = state, words, link
    return Answer(201, show.status(one))


def _pipeline(call: Call, sha: str) -> Pipeline:
    """The one that is named, the newest of the commit, or a new one for what comes from outside."""
    wanted = call.body.get("pipeline_id")
    known = call.lab.pipelines.values()
    if wanted:
        found = [one for one in known if one.id == int(wanted) and one.sha == sha]
        if not found:
            raise RefusedError(404, "404 Pipeline for pipeline_id, sha and ref Not Found")
        return found[0]
    found = sorted((one for one in known if one.sha == sha), key=lambda one: -one.id)
    if found:
        return found[0]
    lab = call.lab
    ref = call.body.get("ref") or lab.git.branch_with(sha)
    if not ref:
        raise RefusedError(404, "404 References for commit Not Found")
    made = Pipeline(lab.number(), sha, ref, "running", "external", lab.now(), sha)
    lab.pipelines[made.id] = made
    for merge in lab.open_merges():
        if merge.head == sha:
            merge.pipelines.insert(0, made)
    return made


@route("GET", "/projects/*/environments")
def environments(call: Call) -> Answer:
    rows = [one for one in call.lab.environments if call.query.get("name", one.name) == one.name]
    return page(call, rows, show.environment, "environments")


@route("POST", "/projects/*/environments")
def new_environment(call: Call) -> Answer:
    may_write(call)
    name = call.text("name")
    if not re.fullmatch(r"[a-zA-Z0-9_\\/${}. -]{1,255}", name):
        raise RefusedError(400, {"name": ["can contain only letters, digits"]})
    if any(one.name == name for one in call.lab.environments):
        raise RefusedError(400, {"name": ["has already been taken"]})
    tier = call.body.get("tier") or "other"
    made = Environment(call.lab.number(), name, tier, call.lab.now())
    call.lab.environments.append(made)
    return Answer(201, show.environment(made), schema="environment")


@route("GET", "/projects/*/deployments")
def deployments(call: Call) -> Answer:
    rows = [
        one
        for one in call.lab.deployments
        if call.query.get("environment", one.environment) == one.environment
        and call.query.get("status", one.status) == one.status
    ]
    rows.sort(key=lambda one: one.id, reverse=call.query.get("sort") == "desc")
    return page(call, rows, show.deployment)


@route("POST", "/projects/*/deployments")
def deploy(call: Call) -> Answer:
    """It makes the environment, too."""
    may_write(call)
    lab, name, sha = call.lab, call.text("environment"), call.text("sha")
    if not lab.git.has(sha):
        raise RefusedError(404, "404 Commit Not Found")
    if call.text("status") not in ("running", "success", "failed", "canceled"):
        raise RefusedError(400, "status does not have a valid value", "error")
    if not any(one.name == name for one in lab.environments):
        lab.environments.append(Environment(lab.number(), name, "other", lab.now()))
    now = lab.now()
    ref, state = call.text("ref"), call.text("status")
    made = Deployment(lab.number(), name, sha, ref, state, call.user, now, now)
    lab.deployments.append(made)
    return Answer(201, show.deployment(made), schema="deployment")


@route("PUT", "/projects/*/deployments/*")
def deployed(call: Call) -> Answer:
    may_write(call)
    state = call.text("status")
    for one in call.lab.deployments:
        if str(one.id) == call.words[1]:
            if one.status == state or one.status in ("success", "failed", "canceled"):
                verb = _VERBS[state]
                text = f"Cannot transition status via :{verb} from :{one.status}"
                raise RefusedError(400, {"status": [text]})
            one.status, one.updated = state, call.lab.now()
            return Answer(200, show.deployment(one), schema="deployment")
    raise RefusedError(404, "404 Not found")
