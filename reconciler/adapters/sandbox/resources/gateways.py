"""Ways out of a network: internet and NAT gateways, addresses, endpoints of AWS's services."""

from typing import Any

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


def _create_eip(call: Call, values: Values) -> str:
    made = call.client("ec2").allocate_address(
        Domain=values.get("domain") or "vpc",
        TagSpecifications=specification("elastic-ip", values),
    )
    return str(made["AllocationId"])


def _read_eip(call: Call, identity: str, values: Values) -> Values | None:
    found = call.client("ec2").describe_addresses(AllocationIds=[identity])["Addresses"]
    if not found:
        return None
    address = found[0]
    dashed = address["PublicIp"].replace(".", "-")
    seen: Values = {
        "allocation_id": identity,
        "arn": call.arn("ec2", f"elastic-ip/{identity}"),
        "domain": address["Domain"],
        "network_border_group": call.region,
        "public_dns": f"ec2-{dashed}.{call.region}.compute.amazonaws.com",
        "public_ip": address["PublicIp"],
        "public_ipv4_pool": "amazon",
        "tags_all": tags_of(address),
    }
    if values.get("association_id") is None:
        # What uses the address later on would show as a change of the address itself.
        unused = ("association_id", "carrier_ip", "customer_owned_ip", "instance")
        more = ("network_interface", "private_dns", "private_ip", "ptr_record", "ipam_pool_id")
        seen.update(dict.fromkeys((*unused, *more), ""))
    return seen


def _delete_eip(call: Call, values: Values) -> None:
    call.client("ec2").release_address(AllocationId=values["id"])


def _create_igw(call: Call, values: Values) -> str:
    ec2 = call.client("ec2")
    made = ec2.create_internet_gateway(TagSpecifications=specification("internet-gateway", values))
    identity = call.made = made["InternetGateway"]["InternetGatewayId"]
    if values.get("vpc_id"):
        ec2.attach_internet_gateway(InternetGatewayId=identity, VpcId=values["vpc_id"])
    return str(identity)


def _read_igw(call: Call, identity: str, _values: Values) -> Values | None:
    found = call.client("ec2").describe_internet_gateways(InternetGatewayIds=[identity])
    gateway = first(found["InternetGateways"])
    if gateway is None:
        return None
    return {
        "arn": call.arn("ec2", f"internet-gateway/{identity}"),
        "owner_id": call.account,
        "tags_all": tags_of(gateway),
        "vpc_id": next((one["VpcId"] for one in gateway["Attachments"]), ""),
    }


def _update_igw(call: Call, prior: Values, planned: Values) -> None:
    ec2, identity = call.client("ec2"), prior["id"]
    if changed(prior, planned, "vpc_id"):
        if prior.get("vpc_id"):
            ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=prior["vpc_id"])
        if planned.get("vpc_id"):
            ec2.attach_internet_gateway(InternetGatewayId=identity, VpcId=planned["vpc_id"])
    retag_ec2(call, prior, planned)


def _delete_igw(call: Call, values: Values) -> None:
    ec2 = call.client("ec2")
    if values.get("vpc_id"):
        ec2.detach_internet_gateway(InternetGatewayId=values["id"], VpcId=values["vpc_id"])
    ec2.delete_internet_gateway(InternetGatewayId=values["id"])


def _create_nat(call: Call, values: Values) -> str:
    made = call.client("ec2").create_nat_gateway(
        SubnetId=values["subnet_id"],
        ConnectivityType=values["connectivity_type"],
        TagSpecifications=specification("natgateway", values),
        **drop_none(AllocationId=values.get("allocation_id")),
    )
    return str(made["NatGateway"]["NatGatewayId"])


def _read_nat(call: Call, identity: str, _values: Values) -> Values | None:
    found = call.client("ec2").describe_nat_gateways(NatGatewayIds=[identity])["NatGateways"]
    if not found or found[0]["State"] in ("deleted", "deleting"):
        return None
    gateway = found[0]
    address = first(gateway.get("NatGatewayAddresses", [])) or {}
    return {
        "allocation_id": address.get("AllocationId"),
        "association_id": address.get("AssociationId", ""),
        "auto_provision_zones": "",
        "auto_scaling_ips": "",
        "availability_mode": "zonal",
        "connectivity_type": gateway["ConnectivityType"],
        "network_interface_id": address.get("NetworkInterfaceId", ""),
        "private_ip": address.get("PrivateIp", ""),
        "public_ip": address.get("PublicIp", ""),
        "regional_nat_gateway_address": [],
        "regional_nat_gateway_auto_mode": "",
        "route_table_id": "",
        "secondary_allocation_ids": [],
        "secondary_private_ip_address_count": 0,
        "secondary_private_ip_addresses": [],
        "subnet_id": gateway["SubnetId"],
        "tags_all": tags_of(gateway),
        "vpc_id": gateway["VpcId"],
    }


def _delete_nat(call: Call, values: Values) -> None:
    call.client("ec2").delete_nat_gateway(NatGatewayId=values["id"])


def _create_endpoint(call: Call, values: Values) -> str:
    made = call.client("ec2").create_vpc_endpoint(
        VpcId=values["vpc_id"],
        ServiceName=values["service_name"],
        VpcEndpointType=values["vpc_endpoint_type"],
        TagSpecifications=specification("vpc-endpoint", values),
        **drop_none(
            PolicyDocument=values.get("policy"),
            PrivateDnsEnabled=values.get("private_dns_enabled"),
            RouteTableIds=values.get("route_table_ids"),
            SecurityGroupIds=values.get("security_group_ids"),
            SubnetIds=values.get("subnet_ids"),
        ),
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


_OPEN = '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'


def _read_endpoint(call: Call, identity: str, values: Values) -> Values | None:
    ec2 = call.client("ec2")
    found = ec2.describe_vpc_endpoints(VpcEndpointIds=[identity])["VpcEndpoints"]
    if not found or found[0]["State"].lower() in ("deleted", "deleting"):
        return None
    endpoint = found[0]
    gateway = endpoint["VpcEndpointType"] == "Gateway"
    return {
        "arn": call.arn("ec2", f"vpc-endpoint/{identity}"),
        "cidr_blocks": [],
        "dns_entry": [
            {"dns_name": one["DnsName"], "hosted_zone_id": one["HostedZoneId"]}
            for one in endpoint.get("DnsEntries", [])
        ],
        "ip_address_type": "" if gateway else "ipv4",
        "network_interface_ids": endpoint.get("NetworkInterfaceIds", []),
        "owner_id": call.account,
        "policy": endpoint.get("PolicyDocument") or _OPEN,
        "prefix_list_id": values.get("prefix_list_id")
        or (_prefix_list(ec2, endpoint["ServiceName"]) if gateway else ""),
        "private_dns_enabled": endpoint.get("PrivateDnsEnabled", False),
        "requester_managed": False,
        "route_table_ids": endpoint.get("RouteTableIds", []),
        "security_group_ids": [one["GroupId"] for one in endpoint.get("Groups", [])],
        "service_name": endpoint["ServiceName"],
        "service_region": call.region,
        "state": endpoint["State"].lower(),
        "subnet_ids": endpoint.get("SubnetIds", []),
        "tags_all": tags_of(endpoint),
        "vpc_endpoint_type": endpoint["VpcEndpointType"],
        "vpc_id": endpoint["VpcId"],
    }


def _prefix_list(ec2: Any, service: str) -> str:
    lists = ec2.describe_managed_prefix_lists(Filters=filtered(prefix_list_name=service))
    return str((first(lists["PrefixLists"]) or {}).get("PrefixListId", ""))


def _update_endpoint(call: Call, prior: Values, planned: Values) -> None:
    given: Values = {}
    for name, api in (
        ("route_table_ids", "RouteTableIds"),
        ("security_group_ids", "SecurityGroupIds"),
        ("subnet_ids", "SubnetIds"),
    ):
        have, want = set(prior.get(name) or ()), set(planned.get(name) or ())
        if want - have:
            given[f"Add{api}"] = sorted(want - have)
        if have - want:
            given[f"Remove{api}"] = sorted(have - want)
    if changed(prior, planned, "policy"):
        given["PolicyDocument"] = planned["policy"]
    if changed(prior, planned, "private_dns_enabled"):
        given["PrivateDnsEnabled"] = planned["private_dns_enabled"]
    if given:
        call.client("ec2").modify_vpc_endpoint(VpcEndpointId=prior["id"], **given)
    retag_ec2(call, prior, planned)


def _delete_endpoint(call: Call, values: Values) -> None:
    call.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[values["id"]])


_OF_THE_USER = frozenset(
    {
        "association_id",
        "instance",
        "network_interface",
        "private_dns",
        "private_ip",
    }
)

KINDS = {
    "aws_eip": Kind(
        _create_eip,
        _read_eip,
        _delete_eip,
        retag_ec2,
        replace=frozenset({"address", "domain", "network_border_group"}),
        kept=_OF_THE_USER,
    ),
    "aws_internet_gateway": Kind(_create_igw, _read_igw, _delete_igw, _update_igw),
    "aws_nat_gateway": Kind(
        _create_nat,
        _read_nat,
        _delete_nat,
        retag_ec2,
        replace=frozenset({"allocation_id", "connectivity_type", "private_ip", "subnet_id"}),
        defaults={"connectivity_type": "public"},
        kept=frozenset({"availability_zone_address", "secondary_allocation_ids"}),
    ),
    "aws_vpc_endpoint": Kind(
        _create_endpoint,
        _read_endpoint,
        _delete_endpoint,
        _update_endpoint,
        replace=frozenset({"service_name", "vpc_endpoint_type", "vpc_id"}),
        defaults={"vpc_endpoint_type": "Gateway"},
        documents=frozenset({"policy"}),
        computed_blocks=frozenset({"dns_options", "subnet_configuration"}),
        kept=frozenset({"auto_accept", "dns_options", "subnet_configuration"}),
    ),
}
