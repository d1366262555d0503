"""Listeners of load balancers: where a request goes."""

from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, tag_list
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.resources.elb import attributes, retag_elb, tags_of
from reconciler.adapters.sandbox.values import Values

_HEADER: Final = "routing.http.response.{}.header_value"
HEADERS: Final[dict[str, tuple[str, Any]]] = {
    **{
        f"routing_http_response_{name}_header_value": (_HEADER.format(name), "")
        for name in (
            "access_control_allow_credentials",
            "access_control_allow_headers",
            "access_control_allow_methods",
            "access_control_allow_origin",
            "access_control_expose_headers",
            "access_control_max_age",
            "content_security_policy",
            "strict_transport_security",
            "x_content_type_options",
            "x_frame_options",
        )
    },
    "routing_http_response_server_enabled": ("routing.http.response.server.enabled", True),
}
REDIRECT: Final = {
    "host": ("Host", "#{host}"),
    "path": ("Path", "/#{path}"),
    "port": ("Port", "#{port}"),
    "protocol": ("Protocol", "#{protocol}"),
    "query": ("Query", "#{query}"),
    "status_code": ("StatusCode", None),
}
FIXED: Final = {
    "content_type": "ContentType",
    "message_body": "MessageBody",
    "status_code": "StatusCode",
}


def _one(blocks: Any) -> Values | None:
    return blocks[0] if blocks else None


def _action(block: Values) -> Values:
    action: Values = drop_none(Type=block["type"], Order=block.get("order") or None)
    if block.get("target_group_arn"):
        action["TargetGroupArn"] = block["target_group_arn"]
    if forward := _one(block["forward"]):
        action["ForwardConfig"] = _forward(forward)
    if redirect := _one(block["redirect"]):
        action["RedirectConfig"] = {
            api: redirect[name] for name, (api, _) in REDIRECT.items() if redirect.get(name)
        }
    if fixed := _one(block["fixed_response"]):
        action["FixedResponseConfig"] = drop_none(
            **{api: fixed.get(name) for name, api in FIXED.items()}
        )
    for unknown in ("authenticate_cognito", "authenticate_oidc", "jwt_validation"):
        if block[unknown]:
            raise ValueError(f"the sandbox does not know {unknown}")
    return action


def _forward(block: Values) -> Values:
    groups = [
        {"TargetGroupArn": one["arn"], "Weight": one["weight"]} for one in block["target_group"]
    ]
    sticky = _one(block["stickiness"])
    config: Values = {"TargetGroups": groups}
    if sticky:
        config["TargetGroupStickinessConfig"] = {
            "Enabled": bool(sticky["enabled"]),
            "DurationSeconds": sticky["duration"],
        }
    return config


def _seen_action(action: Values, before: Values | None) -> Values:
    forward, redirect = action.get("ForwardConfig"), action.get("RedirectConfig")
    fixed, single = action.get("FixedResponseConfig"), action.get("TargetGroupArn")
    groups = forward["TargetGroups"] if forward else []
    if len(groups) == 1 and not (before or {}).get("forward"):
        # One group in a forward block is the same as one group named directly.
        single, forward = groups[0]["TargetGroupArn"], None
    return {
        "type": action["Type"],
        "order": action.get("Order"),
        "target_group_arn": None if forward else single,
        "forward": [_seen_forward(forward)] if forward else [],
        "redirect": [{name: redirect.get(api, std) for name, (api, std) in REDIRECT.items()}]
        if redirect
        else [],
        "fixed_response": [{name: fixed.get(api) for name, api in FIXED.items()}] if fixed else [],
        "authenticate_cognito": [],
        "authenticate_oidc": [],
        "jwt_validation": [],
    }


def _seen_forward(config: Values) -> Values:
    sticky = config.get("TargetGroupStickinessConfig") or {}
    enabled = sticky.get("Enabled", False)
    return {
        "target_group": [
            {"arn": one["TargetGroupArn"], "weight": one.get("Weight", 1)}
            for one in config["TargetGroups"]
        ],
        "stickiness": [{"enabled": enabled, "duration": sticky["DurationSeconds"]}]
        if "DurationSeconds" in sticky
        else [],
    }


def _settings(values: Values) -> Values:
    return drop_none(
        Port=values.get("port"),
        Protocol=values.get("protocol"),
        SslPolicy=values.get("ssl_policy") or None,
        Certificates=[{"CertificateArn": values["certificate_arn"]}]
        if values.get("certificate_arn")
        else None,
        DefaultActions=[_action(one) for one in values["default_action"]],
    )


def _create(call: Call, values: Values) -> str:
    elb = call.client("elbv2")
    made = elb.create_listener(
        LoadBalancerArn=values["load_balancer_arn"],
        Tags=tag_list(values["tags_all"]),
        **_settings(values),
    )
    arn = call.made = made["Listeners"][0]["ListenerArn"]
    headers = attributes(values, HEADERS)
    if headers:
        elb.modify_listener_attributes(ListenerArn=arn, Attributes=headers)
    return str(arn)


def _read(call: Call, identity: str, values: Values) -> Values | None:
    elb = call.client("elbv2")
    found = elb.describe_listeners(ListenerArns=[identity])["Listeners"]
    if not found:
        return None
    listener = found[0]
    answer = elb.describe_listener_attributes(ListenerArn=identity)["Attributes"]
    have = {one["Key"]: one["Value"] for one in answer}
    certificate = _one(listener.get("Certificates")) or {}
    old = values.get("default_action") or []
    secure = listener["Protocol"] in ("HTTPS", "TLS")
    return {
        **{name: have.get(api, std) for name, (api, std) in HEADERS.items()},
        "arn": identity,
        "certificate_arn": certificate.get("CertificateArn"),
        "default_action": [
            _seen_action(one, old[index] if index < len(old) else None)
            for index, one in enumerate(listener["DefaultActions"])
        ],
        "load_balancer_arn": listener["LoadBalancerArn"],
        "mutual_authentication": [
            {
                "advertise_trust_store_ca_names": "",
                "ignore_client_certificate_expiry": False,
                "mode": "off",
                "trust_store_arn": "",
            }
        ]
        if secure
        else [],
        "port": listener["Port"],
        "protocol": listener["Protocol"],
        "ssl_policy": listener.get("SslPolicy") or "" if secure else "",
        "tags_all": tags_of(call, identity),
    }


def _update(call: Call, prior: Values, planned: Values) -> None:
    elb, arn = call.client("elbv2"), prior["id"]
    names = ("port", "protocol", "ssl_policy", "certificate_arn", "default_action")
    if changed(prior, planned, *names):
        elb.modify_listener(ListenerArn=arn, **_settings(planned))
    if changed(prior, planned, *HEADERS):
        elb.modify_listener_attributes(ListenerArn=arn, Attributes=attributes(planned, HEADERS))
    retag_elb(call, prior, planned)


def _delete(call: Call, values: Values) -> None:
    call.client("elbv2").delete_listener(ListenerArn=values["id"])


KINDS = {
    "aws_lb_listener": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset({"load_balancer_arn"}),
        defaults={
            "default_action.forward.target_group.weight": 1,
            "default_action.forward.stickiness.enabled": False,
            **{
                f"default_action.redirect.{name}": std
                for name, (_, std) in REDIRECT.items()
                if std is not None
            },
        },
        computed_blocks=frozenset({"mutual_authentication"}),
        kept=frozenset({"alpn_policy", "mutual_authentication", "tcp_idle_timeout_seconds"}),
    ),
}
