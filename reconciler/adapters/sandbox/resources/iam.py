"""Roles of IAM, their own policies, and the managed policies attached to them."""

import json
from typing import Any

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _create_role(call: Call, values: Values) -> str:
    made = call.global_client("iam").create_role(
        **drop_none(
            RoleName=values["name"],
            Path=values["path"],
            AssumeRolePolicyDocument=values["assume_role_policy"],
            Description=values.get("description"),
            MaxSessionDuration=values["max_session_duration"],
            PermissionsBoundary=values.get("permissions_boundary"),
        ),
        Tags=tag_list(values["tags_all"]),
    )
    return str(made["Role"]["RoleName"])


def _read_role(call: Call, identity: str, values: Values) -> Values | None:
    iam = call.global_client("iam")
    role = iam.get_role(RoleName=identity)["Role"]
    seen = {
        "arn": role["Arn"],
        "assume_role_policy": _text(role["AssumeRolePolicyDocument"]),
        "create_date": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "description": role.get("Description"),
        "max_session_duration": role.get("MaxSessionDuration"),
        "name": role["RoleName"],
        "path": role["Path"],
        "permissions_boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
        "tags_all": tag_map(role.get("Tags", [])),
        "unique_id": role["RoleId"],
    }
    if values.get("managed_policy_arns") is None:
        seen["managed_policy_arns"] = []
    return seen


def _update_role(call: Call, prior: Values, planned: Values) -> None:
    iam, name = call.global_client("iam"), prior["id"]
    if changed(prior, planned, "assume_role_policy"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=planned["assume_role_policy"])
    if changed(prior, planned, "description", "max_session_duration"):
        iam.update_role(
            RoleName=name,
            Description=planned.get("description") or "",
            MaxSessionDuration=planned["max_session_duration"],
        )
    if changed(prior, planned, "permissions_boundary"):
        if boundary := planned.get("permissions_boundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    retag(
        prior,
        planned,
        lambda tags: iam.tag_role(RoleName=name, Tags=tag_list(tags)),
        lambda keys: iam.untag_role(RoleName=name, TagKeys=keys),
    )


def _delete_role(call: Call, values: Values) -> None:
    iam, name = call.global_client("iam"), values["id"]
    if values.get("force_detach_policies"):
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def _put_policy(call: Call, values: Values) -> str:
    role, name = values["role"], values["name"]
    call.global_client("iam").put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=values["policy"]
    )
    return f"{role}:{name}"


def _read_policy(call: Call, identity: str, _values: Values) -> Values | None:
    role, _, name = identity.partition(":")
    found = call.global_client("iam").get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": _text(found["PolicyDocument"])}


def _update_policy(call: Call, _prior: Values, planned: Values) -> None:
    _put_policy(call, planned)


def _delete_policy(call: Call, values: Values) -> None:
    call.global_client("iam").delete_role_policy(RoleName=values["role"], PolicyName=values["name"])


def _attach(call: Call, values: Values) -> str:
    role, policy = values["role"], values["policy_arn"]
    call.global_client("iam").attach_role_policy(RoleName=role, PolicyArn=policy)
    return f"{role}/{policy}"


def _read_attachment(call: Call, identity: str, _values: Values) -> Values | None:
    role, _, policy = identity.partition("/")
    iam = call.global_client("iam")
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
        if any(one["PolicyArn"] == policy for one in page["AttachedPolicies"]):
            return {"role": role, "policy_arn": policy}
    return None


def _detach(call: Call, values: Values) -> None:
    call.global_client("iam").detach_role_policy(
        RoleName=values["role"], PolicyArn=values["policy_arn"]
    )


KINDS = {
    "aws_iam_role": Kind(
        _create_role,
        _read_role,
        _delete_role,
        _update_role,
        replace=frozenset({"name", "name_prefix", "path"}),
        defaults={"force_detach_policies": False, "max_session_duration": 3600, "path": "/"},
        documents=frozenset({"assume_role_policy"}),
        computed_blocks=frozenset({"inline_policy"}),
        # What other resources attach to a role would show as a change of the role itself.
        kept=frozenset({"force_detach_policies", "inline_policy", "managed_policy_arns"}),
    ),
    "aws_iam_role_policy": Kind(
        _put_policy,
        _read_policy,
        _delete_policy,
        _update_policy,
        replace=frozenset({"name", "name_prefix", "role"}),
        documents=frozenset({"policy"}),
    ),
    "aws_iam_role_policy_attachment": Kind(_attach, _read_attachment, _detach, replace_all=True),
}
