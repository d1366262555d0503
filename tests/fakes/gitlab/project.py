"""The paths of the project's own settings, of people, and of the server."""

from __future__ import annotations

from typing import Any

from tests.fakes.gitlab import show
from tests.fakes.gitlab.routing import Answer, Call, RefusedError, page, route
from tests.fakes.gitlab.state import MAINTAINER

_PAID = {"Free": 0, "Premium": 1, "Ultimate": 2}


def _tier(call: Call, least: str) -> None:
    """What a tier lacks answers as if it were not there."""
    if _PAID[call.lab.tier] < _PAID[least]:
        raise RefusedError(404, "404 Not Found", "error")


@route("GET", "/user")
def me(call: Call) -> Answer:
    found = show.user(call.user) | {"email": call.user.email, "bot": "bot" in call.user.username}
    return Answer(200, found)


@route("GET", "/users")
def users(call: Call) -> Answer:
    wanted = call.query.get("username")
    rows = [one for one in call.lab.users.values() if wanted in (None, one.username)]
    return page(call, rows, show.user)


@route("GET", "/metadata")
def metadata(call: Call) -> Answer:
    kas = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}
    kas.pop("externalK8sProxyUrl")
    body = {
        "version": call.lab.version + ("-ee" if call.lab.tier != "Free" else ""),
        "revision": "0f1e2d3c4b5",
        "kas": kas,
        "enterprise": call.lab.tier != "Free",
    }
    return Answer(200, body, schema="metadata")


@route("GET", "/license")
def licence(call: Call) -> Answer:
    if not call.user.admin:
        raise RefusedError(403, "403 Forbidden")
    _tier(call, "Premium")
    return Answer(200, {"id": 1, "plan": call.lab.tier.lower(), "expired": False})


@route("GET", "/personal_access_tokens/self")
def token(call: Call) -> Answer:
    body = {
        "id": call.user.id,
        "name": "reconciler",
        "revoked": False,
        "created_at": show.at(call.lab.now()),
        "scopes": list(call.user.scopes),
        "user_id": call.user.id,
        "active": True,
        "expires_at": "2027-06-30",
    }
    return Answer(200, body)


@route("GET", "/projects/*")
def project(call: Call) -> Answer:
    own = call.lab.project
    body: dict[str, Any] = {
        "id": own.id,
        "name": own.path.rpartition("/")[2],
        "path": own.path.rpartition("/")[2],
        "path_with_namespace": own.path,
        "default_branch": own.default_branch,
        "web_url": f"{call.lab.url}/{own.path}",
        "http_url_to_repo": f"{call.lab.url}/{own.path}.git",
        "visibility": "private",
        "merge_method": own.merge_method,
        "only_allow_merge_if_pipeline_succeeds": own.pipeline_must_succeed,
        "allow_merge_on_skipped_pipeline": own.skipped_is_success,
        "only_allow_merge_if_all_discussions_are_resolved": own.discussions_must_be_resolved,
        "permissions": {
            "project_access": {"access_level": call.user.level, "notification_level": 3},
            "group_access": None,
        },
    }
    if call.lab.tier != "Free":
        body |= {"approvals_before_merge": 0, "mirror": False, "merge_requests_template": None}
    if call.lab.tier == "Ultimate":
        body["only_allow_merge_if_all_status_checks_passed"] = False
    if call.user.level >= MAINTAINER:
        body["ci_config_path"] = own.ci_config_path
    return Answer(200, body)


@route("GET", "/projects/*/members/all/*")
def member(call: Call) -> Answer:
    found = call.lab.users.get(int(call.words[1]))
    if found is None or found.level == 0:
        raise RefusedError(404, "404 Not found")
    body = show.user(found) | {"access_level": found.level, "expires_at": None}
    return Answer(200, body)


@route("GET", "/projects/*/protected_branches")
def protected_branches(call: Call) -> Answer:
    call.needs(MAINTAINER, write=False)
    return page(call, list(call.lab.project.protected.values()), lambda one: one)


@route("GET", "/projects/*/protected_branches/*")
def protected_branch(call: Call) -> Answer:
    call.needs(MAINTAINER, write=False)
    found = call.lab.project.protected.get(call.words[1])
    if found is None:
        raise RefusedError(404, "404 Not found")
    return Answer(200, found)


@route("GET", "/projects/*/repository/branches/*")
def branch(call: Call) -> Answer:
    name, lab = call.words[1], call.lab
    tip = lab.git.tip(name)
    if not tip:
        raise RefusedError(404, "404 Branch Not Found")
    rule = lab.project.protected.get(name)
    can = rule is not None and rule["push_access_levels"]
    levels = [one["access_level"] for one in can] if can else []
    body = {
        "name": name,
        "merged": False,
        "protected": rule is not None,
        "default": name == lab.project.default_branch,
        "developers_can_push": 30 in levels,
        "developers_can_merge": False,
        "can_push": True,
        "web_url": f"{lab.url}/{lab.project.path}/-/tree/{name}",
        "commit": {"id": tip},
    }
    return Answer(200, body)


@route("GET", "/projects/*/merge_request_approval_setting")
def approval_setting(call: Call) -> Answer:
    _tier(call, "Premium")
    call.needs(MAINTAINER, write=False)
    own = call.lab.project
    values = {
        "allow_author_approval": own.author_may_approve,
        "allow_committer_approval": own.committers_may_approve,
        "retain_approvals_on_push": own.keeps_approvals_on_push,
        "allow_overrides_to_approver_list_per_merge_request": True,
        "selective_code_owner_removals": False,
        "require_password_to_approve": False,
    }
    rest = {"locked": False, "inherited_from": None}
    return Answer(200, {name: {"value": value, **rest} for name, value in values.items()})


@route("GET", "/projects/*/approval_rules")
def approval_rules(call: Call) -> Answer:
    _tier(call, "Premium")
    return page(call, call.lab.project.approval_rules, lambda one: one)


@route("GET", "/projects/*/external_status_checks")
def status_checks(call: Call) -> Answer:
    if _PAID[call.lab.tier] < _PAID["Ultimate"] or call.user.level < MAINTAINER:
        raise RefusedError(401, "401 Unauthorized")
    return page(call, [], lambda one: one)


@route("GET", "/projects/*/hooks")
def hooks(call: Call) -> Answer:
    call.needs(MAINTAINER, write=False)
    rows = call.lab.hooks.hooks
    return page(call, rows, lambda one: {"id": 1, "url": one.url, "merge_requests_events": True})
