"""Load balancers and their target groups."""

from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

BALANCER: Final[dict[str, tuple[str, Any]]] = {
    "client_keep_alive": ("client_keep_alive.seconds", 3600),
    "desync_mitigation_mode": ("routing.http.desync_mitigation_mode", "defensive"),
    "drop_invalid_header_fields": ("routing.http.drop_invalid_header_fields.enabled", False),
    "enable_cross_zone_load_balancing": ("load_balancing.cross_zone.enabled", True),
    "enable_deletion_protection": ("deletion_protection.enabled", False),
    "enable_http2": ("routing.http2.enabled", True),
    "enable_tls_version_and_cipher_suite_headers": (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        False,
    ),
    "enable_waf_fail_open": ("waf.fail_open.enabled", False),
    "enable_xff_client_port": ("routing.http.xff_client_port.enabled", False),
    "enable_zonal_shift": ("zonal_shift.config.enabled", False),
    "idle_timeout": ("idle_timeout.timeout_seconds", 60),
    "preserve_host_header": ("routing.http.preserve_host_header.enabled", False),
    "xff_header_processing_mode": ("routing.http.xff_header_processing.mode", "append"),
}
GROUP: Final[dict[str, tuple[str, Any]]] = {
    "deregistration_delay": ("deregistration_delay.timeout_seconds", "300"),
    "load_balancing_algorithm_type": ("load_balancing.algorithm.type", "round_robin"),
    "load_balancing_anomaly_mitigation": ("load_balancing.algorithm.anomaly_mitigation", "off"),
    "load_balancing_cross_zone_enabled": (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
    ),
    "slow_start": ("slow_start.duration_seconds", 0),
}
HEALTH: Final = {
    "enabled": "HealthCheckEnabled",
    "healthy_threshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthy_threshold": "UnhealthyThresholdCount",
}


def word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def attributes(values: Values, names: dict[str, tuple[str, Any]]) -> list[Values]:
    return [
        {"Key": api, "Value": word(values[name])}
        for name, (api, _) in names.items()
        if values.get(name) is not None
    ]


def retag_elb(call: Call, prior: Values, planned: Values) -> None:
    elb, arn = call.client("elbv2"), prior["id"]
    retag(
        prior,
        planned,
        lambda tags: elb.add_tags(ResourceArns=[arn], Tags=tag_list(tags)),
        lambda keys: elb.remove_tags(ResourceArns=[arn], TagKeys=keys),
    )


def tags_of(call: Call, arn: str) -> dict[str, str]:
    described = call.client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return tag_map(described[0]["Tags"] if described else [])


def _logs(values: Values) -> list[Values]:
    logs = next(iter(values["access_logs"]), None)
    if logs is None:
        return [{"Key": "access_logs.s3.enabled", "Value": "false"}]
    return [
        {"Key": "access_logs.s3.enabled", "Value": word(logs["enabled"])},
        {"Key": "access_logs.s3.bucket", "Value": logs["bucket"]},
        {"Key": "access_logs.s3.prefix", "Value": logs.get("prefix") or ""},
    ]


def _create_balancer(call: Call, values: Values) -> str:
    elb = call.client("elbv2")
    made = elb.create_load_balancer(
        Name=values["name"],
        Type=values["load_balancer_type"],
        Scheme="internal" if values.get("internal") else "internet-facing",
        Tags=tag_list(values["tags_all"]),
        **drop_none(
            Subnets=values.get("subnets"),
            SecurityGroups=values.get("security_groups"),
            IpAddressType=values.get("ip_address_type"),
        ),
    )
    arn = call.made = made["LoadBalancers"][0]["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[*attributes(values, BALANCER), *_logs(values)]
    )
    return str(arn)


def _read_balancer(call: Call, identity: str, values: Values) -> Values | None:
    elb = call.client("elbv2")
    found = elb.describe_load_balancers(LoadBalancerArns=[identity])["LoadBalancers"]
    if not found:
        return None
    balancer = found[0]
    answer = elb.describe_load_balancer_attributes(LoadBalancerArn=identity)["Attributes"]
    have = {one["Key"]: one["Value"] for one in answer}
    logged = have.get("access_logs.s3.enabled") == "true"
    return {
        **{name: have.get(api, std) for name, (api, std) in BALANCER.items()},
        "access_logs": [
            {
                "bucket": have.get("access_logs.s3.bucket", ""),
                "enabled": logged,
                "prefix": have.get("access_logs.s3.prefix", ""),
            }
        ]
        if logged or values.get("access_logs")
        else [],
        "arn": identity,
        "arn_suffix": identity.rpartition(":loadbalancer/")[2],
        "dns_name": balancer["DNSName"],
        "dns_record_client_routing_policy": values.get("dns_record_client_routing_policy"),
        "enforce_security_group_inbound_rules_on_private_link_traffic": "",
        "internal": balancer["Scheme"] == "internal",
        "ip_address_type": balancer["IpAddressType"],
        "load_balancer_type": balancer["Type"],
        "name": balancer["LoadBalancerName"],
        "secondary_ips_auto_assigned_per_subnet": 0,
        "security_groups": balancer.get("SecurityGroups", []),
        "subnets": [one["SubnetId"] for one in balancer["AvailabilityZones"]],
        "tags_all": tags_of(call, identity),
        "vpc_id": balancer["VpcId"],
        "zone_id": balancer["CanonicalHostedZoneId"],
    }


def _update_balancer(call: Call, prior: Values, planned: Values) -> None:
    elb, arn = call.client("elbv2"), prior["id"]
    if changed(prior, planned, "security_groups"):
        elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=planned["security_groups"])
    if changed(prior, planned, "subnets"):
        elb.set_subnets(LoadBalancerArn=arn, Subnets=planned["subnets"])
    if changed(prior, planned, "access_logs", *BALANCER):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[*attributes(planned, BALANCER), *_logs(planned)]
        )
    retag_elb(call, prior, planned)


def _delete_balancer(call: Call, values: Values) -> None:
    call.client("elbv2").delete_load_balancer(LoadBalancerArn=values["id"])


def _health(values: Values) -> Values:
    for block in values["health_check"]:
        given = drop_none(**{api: block.get(name) for name, api in HEALTH.items()})
        given["HealthCheckPort"] = str(given["HealthCheckPort"])
        if block.get("matcher"):
            given["Matcher"] = {"HttpCode": block["matcher"]}
        return given
    return {}


def _create_group(call: Call, values: Values) -> str:
    elb = call.client("elbv2")
    made = elb.create_target_group(
        Name=values["name"],
        TargetType=values["target_type"],
        Tags=tag_list(values["tags_all"]),
        **_health(values),
        **drop_none(
            Protocol=values.get("protocol"),
            ProtocolVersion=values.get("protocol_version"),
            Port=values.get("port"),
            VpcId=values.get("vpc_id"),
            IpAddressType=values.get("ip_address_type"),
        ),
    )
    arn = call.made = made["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes(values, GROUP))
    return str(arn)


def _read_group(call: Call, identity: str, values: Values) -> Values | None:
    elb = call.client("elbv2")
    found = elb.describe_target_groups(TargetGroupArns=[identity])["TargetGroups"]
    if not found:
        return None
    group = found[0]
    answer = elb.describe_target_group_attributes(TargetGroupArn=identity)["Attributes"]
    have = {one["Key"]: one["Value"] for one in answer}
    health: Values = {name: group.get(api) for name, api in HEALTH.items()}
    seen: Values = {}
    if values.get("load_balancer_arns") is None:
        # Which balancers use the group would show as a change of the group itself.
        seen["load_balancer_arns"] = []
    return {
        **seen,
        **{name: have.get(api, std) for name, (api, std) in GROUP.items()},
        "arn": identity,
        "arn_suffix": identity.rpartition(":")[2],
        "health_check": [{**health, "matcher": group.get("Matcher", {}).get("HttpCode", "")}],
        "ip_address_type": group.get("IpAddressType") or "ipv4",
        "name": group["TargetGroupName"],
        "port": group.get("Port"),
        "preserve_client_ip": "",
        "protocol": group.get("Protocol"),
        "protocol_version": group.get("ProtocolVersion") or "HTTP1",
        "stickiness": [
            {
                "cookie_duration": int(have.get("stickiness.lb_cookie.duration_seconds", 86400)),
                "cookie_name": "",
                "enabled": have.get("stickiness.enabled") == "true",
                "type": have.get("stickiness.type", "lb_cookie"),
            }
        ],
        "tags_all": tags_of(call, identity),
        "target_type": group["TargetType"],
        "vpc_id": group.get("VpcId"),
    }


def _update_group(call: Call, prior: Values, planned: Values) -> None:
    elb, arn = call.client("elbv2"), prior["id"]
    if changed(prior, planned, "health_check"):
        elb.modify_target_group(TargetGroupArn=arn, **_health(planned))
    if changed(prior, planned, *GROUP):
        elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=attributes(planned, GROUP)
        )
    retag_elb(call, prior, planned)


def _delete_group(call: Call, values: Values) -> None:
    call.client("elbv2").delete_target_group(TargetGroupArn=values["id"])


KINDS = {
    "aws_lb": Kind(
        _create_balancer,
        _read_balancer,
        _delete_balancer,
        _update_balancer,
        replace=frozenset({"internal", "load_balancer_type", "name", "name_prefix"}),
        defaults={
            **{name: std for name, (_, std) in BALANCER.items()},
            "access_logs.enabled": False,
            "load_balancer_type": "application",
        },
        # As the real provider: these mean nothing for an application load balancer.
        computed_blocks=frozenset({"subnet_mapping"}),
        kept=frozenset(
            {
                "connection_logs",
                "dns_record_client_routing_policy",
                "health_check_logs",
                "ipam_pools",
                "minimum_load_balancer_capacity",
                "subnet_mapping",
            }
        ),
    ),
    "aws_lb_target_group": Kind(
        _create_group,
        _read_group,
        _delete_group,
        _update_group,
        replace=frozenset(
            {
                "ip_address_type",
                "name",
                "name_prefix",
                "port",
                "protocol",
                "protocol_version",
                "target_type",
                "vpc_id",
            }
        ),
        defaults={
            "deregistration_delay": "300",
            "health_check.enabled": True,
            "health_check.healthy_threshold": 3,
            "health_check.interval": 30,
            "health_check.port": "traffic-port",
            "health_check.protocol": "HTTP",
            "health_check.unhealthy_threshold": 3,
            "lambda_multi_value_headers_enabled": False,
            "proxy_protocol_v2": False,
            "slow_start": 0,
            "target_type": "instance",
        },
        computed_blocks=frozenset(
            {
                "health_check",
                "stickiness",
                "target_failover",
                "target_group_health",
                "target_health_state",
            }
        ),
        kept=frozenset(
            {
                "connection_termination",
                "lambda_multi_value_headers_enabled",
                "load_balancer_arns",
                "proxy_protocol_v2",
                "target_failover",
                "target_group_health",
                "target_health_state",
            }
        ),
    ),
}
