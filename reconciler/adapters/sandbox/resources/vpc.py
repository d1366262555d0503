"""Networks: VPCs, subnets, routes and flow logs."""

import zlib
from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.resources.ec2 import (
    filtered,
    first,
    retag_ec2,
    specification,
    tags_of,
)
from reconciler.adapters.sandbox.values import Values

VPC_ATTRIBUTES: Final = {
    "enable_dns_support": ("enableDnsSupport", "EnableDnsSupport"),
    "enable_dns_hostnames": ("enableDnsHostnames", "EnableDnsHostnames"),
}
TARGETS: Final = {
    "carrier_gateway_id": "CarrierGatewayId",
    "egress_only_gateway_id": "EgressOnlyInternetGatewayId",
    "gateway_id": "GatewayId",
    "nat_gateway_id": "NatGatewayId",
    "network_interface_id": "NetworkInterfaceId",
    "transit_gateway_id": "TransitGatewayId",
    "vpc_peering_connection_id": "VpcPeeringConnectionId",
}


def _create_vpc(call: Call, values: Values) -> str:
    ec2 = call.client("ec2")
    made = ec2.create_vpc(
        CidrBlock=values["cidr_block"],
        InstanceTenancy=values["instance_tenancy"],
        TagSpecifications=specification("vpc", values),
    )
    identity = call.made = made["Vpc"]["VpcId"]
    _set_vpc(ec2, identity, values, {"enable_dns_support": True, "enable_dns_hostnames": False})
    return str(identity)


def _set_vpc(ec2: Any, identity: str, values: Values, have: Values) -> None:
    for name, (_, api) in VPC_ATTRIBUTES.items():
        if values.get(name) is not None and changed(have, values, name):
            ec2.modify_vpc_attribute(VpcId=identity, **{api: {"Value": values[name]}})


def _read_vpc(call: Call, identity: str, values: Values) -> Values | None:
    ec2 = call.client("ec2")
    vpc = ec2.describe_vpcs(VpcIds=[identity])["Vpcs"][0]
    seen: Values = {}
    for name, (attribute, api) in VPC_ATTRIBUTES.items():
        answer = ec2.describe_vpc_attribute(VpcId=identity, Attribute=attribute)
        seen[name] = answer[api]["Value"]
    if not values.get("main_route_table_id"):
        seen.update(_defaults_of_vpc(ec2, identity))
    return {
        **seen,
        "arn": call.arn("ec2", f"vpc/{identity}"),
        "cidr_block": vpc["CidrBlock"],
        "dhcp_options_id": vpc["DhcpOptionsId"],
        "enable_network_address_usage_metrics": False,
        "instance_tenancy": vpc["InstanceTenancy"],
        "ipv6_association_id": "",
        "ipv6_cidr_block": "",
        "ipv6_cidr_block_network_border_group": "",
        "owner_id": call.account,
        "tags_all": tags_of(vpc),
    }


def _defaults_of_vpc(ec2: Any, identity: str) -> Values:
    """What AWS makes with each VPC; it stays the same for the VPC's whole life."""
    tables = ec2.describe_route_tables(
        Filters=[*filtered(vpc_id=identity), {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"]
    acls = ec2.describe_network_acls(Filters=filtered(vpc_id=identity, default="true"))
    groups = ec2.describe_security_groups(Filters=filtered(vpc_id=identity, group_name="default"))
    table = tables[0]["RouteTableId"] if tables else ""
    return {
        "default_network_acl_id": (first(acls["NetworkAcls"]) or {}).get("NetworkAclId", ""),
        "default_route_table_id": table,
        "default_security_group_id": (first(groups["SecurityGroups"]) or {}).get("GroupId", ""),
        "main_route_table_id": table,
    }


def _update_vpc(call: Call, prior: Values, planned: Values) -> None:
    _set_vpc(call.client("ec2"), prior["id"], planned, prior)
    retag_ec2(call, prior, planned)


def _delete_vpc(call: Call, values: Values) -> None:
    call.client("ec2").delete_vpc(VpcId=values["id"])


def _create_subnet(call: Call, values: Values) -> str:
    ec2 = call.client("ec2")
    made = ec2.create_subnet(
        VpcId=values["vpc_id"],
        TagSpecifications=specification("subnet", values),
        **drop_none(
            AvailabilityZone=values.get("availability_zone"),
            AvailabilityZoneId=values.get("availability_zone_id"),
            CidrBlock=values.get("cidr_block"),
        ),
    )
    identity = call.made = made["Subnet"]["SubnetId"]
    if values["map_public_ip_on_launch"]:
        ec2.modify_subnet_attribute(SubnetId=identity, MapPublicIpOnLaunch={"Value": True})
    return str(identity)


def _read_subnet(call: Call, identity: str, _values: Values) -> Values | None:
    subnet = call.client("ec2").describe_subnets(SubnetIds=[identity])["Subnets"][0]
    return {
        "arn": call.arn("ec2", f"subnet/{identity}"),
        "assign_ipv6_address_on_creation": subnet.get("AssignIpv6AddressOnCreation", False),
        "availability_zone": subnet["AvailabilityZone"],
        "availability_zone_id": subnet.get("AvailabilityZoneId", ""),
        "cidr_block": subnet["CidrBlock"],
        "ipv6_cidr_block_association_id": "",
        "map_public_ip_on_launch": subnet["MapPublicIpOnLaunch"],
        "owner_id": subnet["OwnerId"],
        "private_dns_hostname_type_on_launch": "ip-name",
        "tags_all": tags_of(subnet),
        "vpc_id": subnet["VpcId"],
    }


def _update_subnet(call: Call, prior: Values, planned: Values) -> None:
    if changed(prior, planned, "map_public_ip_on_launch"):
        call.client("ec2").modify_subnet_attribute(
            SubnetId=prior["id"], MapPublicIpOnLaunch={"Value": planned["map_public_ip_on_launch"]}
        )
    retag_ec2(call, prior, planned)


def _delete_subnet(call: Call, values: Values) -> None:
    call.client("ec2").delete_subnet(SubnetId=values["id"])


def _create_table(call: Call, values: Values) -> str:
    if values.get("route"):
        raise ValueError("the sandbox knows routes as aws_route, not inside of a route table")
    made = call.client("ec2").create_route_table(
        VpcId=values["vpc_id"], TagSpecifications=specification("route-table", values)
    )
    return str(made["RouteTable"]["RouteTableId"])


def _table(call: Call, identity: str) -> Values | None:
    tables = call.client("ec2").describe_route_tables(RouteTableIds=[identity])["RouteTables"]
    return first(tables)


def _read_table(call: Call, identity: str, values: Values) -> Values | None:
    table = _table(call, identity)
    if table is None:
        return None
    return {
        "arn": call.arn("ec2", f"route-table/{identity}"),
        "owner_id": call.account,
        "propagating_vgws": [],
        # Routes of aws_route would show as a change of the table itself.
        "route": values.get("route") or [],
        "tags_all": tags_of(table),
        "vpc_id": table["VpcId"],
    }


def _delete_table(call: Call, values: Values) -> None:
    call.client("ec2").delete_route_table(RouteTableId=values["id"])


def _destination(values: Values) -> Values:
    return drop_none(
        DestinationCidrBlock=values.get("destination_cidr_block"),
        DestinationIpv6CidrBlock=values.get("destination_ipv6_cidr_block"),
        DestinationPrefixListId=values.get("destination_prefix_list_id"),
    )


def _target(values: Values) -> Values:
    return {api: values[name] for name, api in TARGETS.items() if values.get(name)}


def _create_route(call: Call, values: Values) -> str:
    table, where = values["route_table_id"], _destination(values)
    call.client("ec2").create_route(RouteTableId=table, **where, **_target(values))
    (place,) = where.values()
    return f"r-{table}{zlib.crc32(place.encode())}"


def _read_route(call: Call, _identity: str, values: Values) -> Values | None:
    table, where = _table(call, values["route_table_id"]), _destination(values)
    for route in table["Routes"] if table else ():
        if all(route.get(key) == value for key, value in where.items()):
            return {
                **{name: route.get(api) for name, api in TARGETS.items()},
                "route_table_id": values["route_table_id"],
                "destination_cidr_block": route.get("DestinationCidrBlock"),
                "destination_ipv6_cidr_block": route.get("DestinationIpv6CidrBlock"),
                "destination_prefix_list_id": route.get("DestinationPrefixListId"),
                "instance_id": "",
                "instance_owner_id": "",
                "network_interface_id": route.get("NetworkInterfaceId", ""),
                "origin": route.get("Origin", "CreateRoute"),
                "state": route.get("State", "active"),
            }
    return None


def _update_route(call: Call, prior: Values, planned: Values) -> None:
    call.client("ec2").replace_route(
        RouteTableId=prior["route_table_id"], **_destination(prior), **_target(planned)
    )


def _delete_route(call: Call, values: Values) -> None:
    table = values["route_table_id"]
    call.client("ec2").delete_route(RouteTableId=table, **_destination(values))


def _route_seed(_call: Call, identity: str) -> Values:
    table, _, place = identity.partition("_")
    return {
        "id": f"r-{table}{zlib.crc32(place.encode())}",
        "route_table_id": table,
        "destination_cidr_block": place,
    }


def _associate(call: Call, values: Values) -> str:
    made = call.client("ec2").associate_route_table(
        RouteTableId=values["route_table_id"], SubnetId=values["subnet_id"]
    )
    return str(made["AssociationId"])


def _read_association(call: Call, identity: str, _values: Values) -> Values | None:
    which = [{"Name": "association.route-table-association-id", "Values": [identity]}]
    for table in call.client("ec2").describe_route_tables(Filters=which)["RouteTables"]:
        for one in table["Associations"]:
            if one["RouteTableAssociationId"] == identity:
                return {
                    "route_table_id": table["RouteTableId"],
                    "subnet_id": one.get("SubnetId"),
                    "gateway_id": one.get("GatewayId"),
                }
    return None


def _disassociate(call: Call, values: Values) -> None:
    call.client("ec2").disassociate_route_table(AssociationId=values["id"])


def _create_flow_log(call: Call, values: Values) -> str:
    kinds = {"vpc_id": "VPC", "subnet_id": "Subnet", "eni_id": "NetworkInterface"}
    ((kind, target),) = [(api, values[name]) for name, api in kinds.items() if values.get(name)]
    made = call.client("ec2").create_flow_logs(
        ResourceIds=[target],
        ResourceType=kind,
        TagSpecifications=specification("vpc-flow-log", values),
        **drop_none(
            TrafficType=values.get("traffic_type"),
            LogDestinationType=values["log_destination_type"],
            LogDestination=values.get("log_destination"),
            DeliverLogsPermissionArn=values.get("iam_role_arn"),
            MaxAggregationInterval=values["max_aggregation_interval"],
            LogFormat=values.get("log_format"),
        ),
    )
    return str(made["FlowLogIds"][0])


def _read_flow_log(call: Call, identity: str, values: Values) -> Values | None:
    logs = call.client("ec2").describe_flow_logs(FlowLogIds=[identity])["FlowLogs"]
    if not logs:
        return None
    log = logs[0]
    return {
        "arn": call.arn("ec2", f"vpc-flow-log/{identity}"),
        "iam_role_arn": log.get("DeliverLogsPermissionArn"),
        "log_destination": log.get("LogDestination") or values.get("log_destination"),
        "log_destination_type": log["LogDestinationType"],
        "log_format": log["LogFormat"],
        "max_aggregation_interval": log["MaxAggregationInterval"],
        "tags_all": tags_of(log),
        "traffic_type": log["TrafficType"],
        "vpc_id": log["ResourceId"] if log["ResourceId"].startswith("vpc-") else None,
        "subnet_id": log["ResourceId"] if log["ResourceId"].startswith("subnet-") else None,
    }


def _delete_flow_log(call: Call, values: Values) -> None:
    call.client("ec2").delete_flow_logs(FlowLogIds=[values["id"]])


_SUBNET_FLAGS = (
    "assign_ipv6_address_on_creation",
    "enable_dns64",
    "enable_resource_name_dns_a_record_on_launch",
    "enable_resource_name_dns_aaaa_record_on_launch",
    "ipv6_native",
    "map_public_ip_on_launch",
)

KINDS = {
    "aws_flow_log": Kind(
        _create_flow_log,
        _read_flow_log,
        _delete_flow_log,
        retag_ec2,
        replace_all=True,
        defaults={"log_destination_type": "cloud-watch-logs", "max_aggregation_interval": 600},
        kept=frozenset({"destination_options", "log_destination"}),
    ),
    "aws_route": Kind(
        _create_route,
        _read_route,
        _delete_route,
        _update_route,
        replace=frozenset(
            {
                "destination_cidr_block",
                "destination_ipv6_cidr_block",
                "destination_prefix_list_id",
                "route_table_id",
            }
        ),
        import_seed=_route_seed,
    ),
    "aws_route_table": Kind(
        _create_table,
        _read_table,
        _delete_table,
        retag_ec2,
        replace=frozenset({"vpc_id"}),
        kept=frozenset({"propagating_vgws", "route"}),
    ),
    "aws_route_table_association": Kind(
        _associate, _read_association, _disassociate, replace_all=True
    ),
    "aws_subnet": Kind(
        _create_subnet,
        _read_subnet,
        _delete_subnet,
        _update_subnet,
        replace=frozenset({"availability_zone", "availability_zone_id", "cidr_block", "vpc_id"}),
        defaults=dict.fromkeys(_SUBNET_FLAGS, False),
        kept=frozenset(_SUBNET_FLAGS) - {"map_public_ip_on_launch"},
    ),
    "aws_vpc": Kind(
        _create_vpc,
        _read_vpc,
        _delete_vpc,
        _update_vpc,
        replace=frozenset({"cidr_block", "instance_tenancy"}),
        defaults={"enable_dns_support": True, "instance_tenancy": "default"},
        kept=frozenset({"enable_network_address_usage_metrics", "ipv6_cidr_block"}),
    ),
}
