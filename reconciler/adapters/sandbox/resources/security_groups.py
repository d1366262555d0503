"""Security groups, and their rules one by one."""

from functools import partial
from typing import Any

from reconciler.adapters.sandbox.call import Call, drop_none
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.resources.ec2 import retag_ec2, specification, tags_of
from reconciler.adapters.sandbox.values import Values


def _create_group(call: Call, values: Values) -> str:
    if values.get("ingress") or values.get("egress"):
        raise ValueError("the sandbox knows rules of a group as resources of their own only")
    ec2 = call.client("ec2")
    made = ec2.create_security_group(
        GroupName=values["name"],
        Description=values["description"],
        TagSpecifications=specification("security-group", values),
        **drop_none(VpcId=values.get("vpc_id")),
    )
    identity = call.made = made["GroupId"]
    # As the real provider does: the rule that lets everything out goes.
    group = ec2.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0]
    if group["IpPermissionsEgress"]:
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.revoke_security_group_egress(GroupId=identity, IpPermissions=everything)
    return str(identity)


def _read_group(call: Call, identity: str, values: Values) -> Values | None:
    found = call.client("ec2").describe_security_groups(GroupIds=[identity])["SecurityGroups"]
    if not found:
        return None
    group = found[0]
    return {
        "arn": call.arn("ec2", f"security-group/{identity}"),
        "description": group["Description"],
        # Rules that are resources of their own would show as a change of the group itself.
        "egress": values.get("egress") or [],
        "ingress": values.get("ingress") or [],
        "name": group["GroupName"],
        "owner_id": group["OwnerId"],
        "tags_all": tags_of(group),
        "vpc_id": group.get("VpcId", ""),
    }


def _delete_group(call: Call, values: Values) -> None:
    call.client("ec2").delete_security_group(GroupId=values["id"])


def _permission(values: Values) -> Values:
    said = drop_none(Description=values.get("description"))
    permission: Values = drop_none(
        IpProtocol=values["ip_protocol"],
        FromPort=values.get("from_port"),
        ToPort=values.get("to_port"),
    )
    for name, api, key in (
        ("cidr_ipv4", "IpRanges", "CidrIp"),
        ("cidr_ipv6", "Ipv6Ranges", "CidrIpv6"),
        ("prefix_list_id", "PrefixListIds", "PrefixListId"),
        ("referenced_security_group_id", "UserIdGroupPairs", "GroupId"),
    ):
        if values.get(name):
            permission[api] = [{key: values[name], **said}]
    return permission


def _create_rule(way: str, call: Call, values: Values) -> str:
    ec2 = call.client("ec2")
    authorize: Any = getattr(ec2, f"authorize_security_group_{way}")
    made = authorize(
        GroupId=values["security_group_id"],
        IpPermissions=[_permission(values)],
        TagSpecifications=specification("security-group-rule", values),
    )
    return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])


def _read_rule(way: str, call: Call, identity: str, _values: Values) -> Values | None:
    found = call.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[identity])
    rules = [one for one in found["SecurityGroupRules"] if one["IsEgress"] == (way == "egress")]
    if not rules:
        return None
    rule = rules[0]
    port = rule.get("FromPort")
    return {
        "arn": call.arn("ec2", f"security-group-rule/{identity}"),
        "cidr_ipv4": rule.get("CidrIpv4"),
        "cidr_ipv6": rule.get("CidrIpv6"),
        "description": rule.get("Description"),
        "from_port": None if rule["IpProtocol"] == "-1" else port,
        "ip_protocol": rule["IpProtocol"],
        "prefix_list_id": rule.get("PrefixListId"),
        "referenced_security_group_id": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
        "security_group_id": rule["GroupId"],
        "security_group_rule_id": identity,
        "tags_all": tags_of(rule),
        "to_port": None if rule["IpProtocol"] == "-1" else rule.get("ToPort"),
    }


def _update_rule(call: Call, prior: Values, planned: Values) -> None:
    names = (
        "cidr_ipv4",
        "cidr_ipv6",
        "description",
        "from_port",
        "ip_protocol",
        "prefix_list_id",
        "referenced_security_group_id",
        "to_port",
    )
    if any(prior.get(name) != planned.get(name) for name in names):
        call.client("ec2").modify_security_group_rules(
            GroupId=prior["security_group_id"],
            SecurityGroupRules=[
                {
                    "SecurityGroupRuleId": prior["id"],
                    "SecurityGroupRule": drop_none(
                        IpProtocol=planned["ip_protocol"],
                        FromPort=planned.get("from_port"),
                        ToPort=planned.get("to_port"),
                        CidrIpv4=planned.get("cidr_ipv4"),
                        CidrIpv6=planned.get("cidr_ipv6"),
                        PrefixListId=planned.get("prefix_list_id"),
                        ReferencedGroupId=planned.get("referenced_security_group_id"),
                        Description=planned.get("description") or "",
                    ),
                }
            ],
        )
    retag_ec2(call, prior, planned)


def _delete_rule(way: str, call: Call, values: Values) -> None:
    revoke: Any = getattr(call.client("ec2"), f"revoke_security_group_{way}")
    revoke(GroupId=values["security_group_id"], SecurityGroupRuleIds=[values["id"]])


def _rule(way: str) -> Kind:
    return Kind(
        partial(_create_rule, way),
        partial(_read_rule, way),
        partial(_delete_rule, way),
        _update_rule,
        replace=frozenset({"security_group_id"}),
    )


KINDS = {
    "aws_security_group": Kind(
        _create_group,
        _read_group,
        _delete_group,
        retag_ec2,
        replace=frozenset({"description", "name", "name_prefix", "vpc_id"}),
        defaults={"description": "Managed by Terraform", "revoke_rules_on_delete": False},
        kept=frozenset({"egress", "ingress", "revoke_rules_on_delete"}),
    ),
    "aws_vpc_security_group_egress_rule": _rule("egress"),
    "aws_vpc_security_group_ingress_rule": _rule("ingress"),
}
