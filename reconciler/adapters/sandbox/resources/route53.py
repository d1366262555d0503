"""Records of Route 53."""

from typing import Any

from reconciler.adapters.sandbox.call import Call, drop_none
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values


def _record(values: Values) -> Values:
    alias = [
        {
            "HostedZoneId": one["zone_id"],
            "DNSName": one["name"],
            "EvaluateTargetHealth": one["evaluate_target_health"],
        }
        for one in values["alias"]
    ]
    return drop_none(
        Name=values["name"],
        Type=values["type"],
        AliasTarget=alias[0] if alias else None,
        ResourceRecords=[{"Value": one} for one in values.get("records") or ()] or None,
        SetIdentifier=values.get("set_identifier"),
        TTL=values.get("ttl"),
        Weight=next((one["weight"] for one in values["weighted_routing_policy"]), None),
    )


def _change(call: Call, action: str, values: Values) -> None:
    call.global_client("route53").change_resource_record_sets(
        HostedZoneId=values["zone_id"],
        ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": _record(values)}]},
    )


def _create(call: Call, values: Values) -> str:
    _change(call, "UPSERT" if values.get("allow_overwrite") else "CREATE", values)
    parts = (values["zone_id"], values["name"], values["type"], values.get("set_identifier"))
    return "_".join(part for part in parts if part)


def _read(call: Call, _identity: str, values: Values) -> Values | None:
    route53, name = call.global_client("route53"), values["name"]
    answer: Any = route53.list_resource_record_sets(
        HostedZoneId=values["zone_id"], StartRecordName=name, StartRecordType=values["type"]
    )
    for record in answer["ResourceRecordSets"]:
        if record["Name"].rstrip(".") != name.rstrip(".") or record["Type"] != values["type"]:
            continue
        if record.get("SetIdentifier") != (values.get("set_identifier") or None):
            continue
        alias = record.get("AliasTarget")
        return {
            "alias": [
                {
                    "name": alias["DNSName"].rstrip("."),
                    "zone_id": alias["HostedZoneId"],
                    "evaluate_target_health": alias["EvaluateTargetHealth"],
                }
            ]
            if alias
            else [],
            "fqdn": name.rstrip("."),
            "name": name,
            "records": [one["Value"] for one in record.get("ResourceRecords", [])],
            "ttl": record.get("TTL", 0),
            "type": record["Type"],
            "weighted_routing_policy": [{"weight": record["Weight"]}] if "Weight" in record else [],
            "zone_id": values["zone_id"],
        }
    return None


def _update(call: Call, _prior: Values, planned: Values) -> None:
    _change(call, "UPSERT", planned)


def _delete(call: Call, values: Values) -> None:
    _change(call, "DELETE", values)


def _seed(_call: Call, identity: str) -> Values:
    zone, name, kind, *rest = identity.split("_")
    return {
        "zone_id": zone,
        "name": name,
        "type": kind,
        "set_identifier": rest[0] if rest else None,
    }


KINDS = {
    "aws_route53_record": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset({"name", "set_identifier", "type", "zone_id"}),
        import_seed=_seed,
        kept=frozenset(
            {
                "allow_overwrite",
                "cidr_routing_policy",
                "failover_routing_policy",
                "geolocation_routing_policy",
                "geoproximity_routing_policy",
                "health_check_id",
                "latency_routing_policy",
                "multivalue_answer_routing_policy",
            }
        ),
    ),
}
