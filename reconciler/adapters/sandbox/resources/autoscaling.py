"""How many tasks of a service may run, and what decides it."""

from typing import Final

from reconciler.adapters.sandbox.call import Call, drop_none, retag
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

WHICH: Final = {
    "resource_id": "ResourceId",
    "scalable_dimension": "ScalableDimension",
    "service_namespace": "ServiceNamespace",
}
STATE: Final = {
    "dynamic_scaling_in_suspended": "DynamicScalingInSuspended",
    "dynamic_scaling_out_suspended": "DynamicScalingOutSuspended",
    "scheduled_scaling_suspended": "ScheduledScalingSuspended",
}


def _which(values: Values) -> Values:
    return {api: values[name] for name, api in WHICH.items()}


def _register(call: Call, values: Values) -> str:
    state = [
        {api: bool(one[name]) for name, api in STATE.items()} for one in values["suspended_state"]
    ]
    call.client("application-autoscaling").register_scalable_target(
        MinCapacity=values["min_capacity"],
        MaxCapacity=values["max_capacity"],
        **_which(values),
        **drop_none(
            RoleARN=values.get("role_arn") or None, SuspendedState=state[0] if state else None
        ),
    )
    call.made = values["resource_id"]
    arn = _target(call, values)["ScalableTargetARN"]
    if values["tags_all"]:
        call.client("application-autoscaling").tag_resource(
            ResourceARN=arn, Tags=values["tags_all"]
        )
    return str(values["resource_id"])


def _target(call: Call, values: Values) -> Values:
    which = _which(values)
    resource = which.pop("ResourceId")
    answer = call.client("application-autoscaling").describe_scalable_targets(
        ResourceIds=[resource], **which
    )
    return next(iter(answer["ScalableTargets"]), {})


def _read_target(call: Call, identity: str, values: Values) -> Values | None:
    target = _target(call, values)
    if not target:
        return None
    arn = target["ScalableTargetARN"]
    tags = call.client("application-autoscaling").list_tags_for_resource(ResourceARN=arn)["Tags"]
    state = target.get("SuspendedState") or {}
    return {
        "arn": arn,
        "max_capacity": target["MaxCapacity"],
        "min_capacity": target["MinCapacity"],
        "resource_id": identity,
        "role_arn": target.get("RoleARN", ""),
        "scalable_dimension": target["ScalableDimension"],
        "service_namespace": target["ServiceNamespace"],
        "suspended_state": [{name: state.get(api, False) for name, api in STATE.items()}],
        "tags_all": tags,
    }


def _update_target(call: Call, prior: Values, planned: Values) -> None:
    client = call.client("application-autoscaling")
    client.register_scalable_target(
        MinCapacity=planned["min_capacity"],
        MaxCapacity=planned["max_capacity"],
        **_which(planned),
    )
    arn = prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: client.tag_resource(ResourceARN=arn, Tags=tags),
        lambda keys: client.untag_resource(ResourceARN=arn, TagKeys=keys),
    )


def _deregister(call: Call, values: Values) -> None:
    call.client("application-autoscaling").deregister_scalable_target(**_which(values))


def _put_policy(call: Call, values: Values) -> str:
    tracking = [
        drop_none(
            TargetValue=float(one["target_value"]),
            DisableScaleIn=bool(one["disable_scale_in"]),
            ScaleInCooldown=one.get("scale_in_cooldown"),
            ScaleOutCooldown=one.get("scale_out_cooldown"),
            PredefinedMetricSpecification=next(
                (
                    drop_none(
                        PredefinedMetricType=metric["predefined_metric_type"],
                        ResourceLabel=metric.get("resource_label"),
                    )
                    for metric in one["predefined_metric_specification"]
                ),
                None,
            ),
        )
        for one in values["target_tracking_scaling_policy_configuration"]
    ]
    if not tracking or any(
        one["customized_metric_specification"]
        for one in values["target_tracking_scaling_policy_configuration"]
    ):
        raise ValueError("the sandbox only knows target tracking of predefined metrics")
    call.client("application-autoscaling").put_scaling_policy(
        PolicyName=values["name"],
        PolicyType=values["policy_type"],
        TargetTrackingScalingPolicyConfiguration=tracking[0],
        **_which(values),
    )
    return str(values["name"])


def _read_policy(call: Call, identity: str, values: Values) -> Values | None:
    answer = call.client("application-autoscaling").describe_scaling_policies(
        PolicyNames=[identity], **_which(values)
    )
    for policy in answer["ScalingPolicies"]:
        config = policy.get("TargetTrackingScalingPolicyConfiguration")
        metric = (config or {}).get("PredefinedMetricSpecification")
        return {
            **{name: policy[api] for name, api in WHICH.items()},
            "alarm_arns": [one["AlarmARN"] for one in policy.get("Alarms", [])],
            "arn": policy["PolicyARN"],
            "name": identity,
            "policy_type": policy["PolicyType"],
            "target_tracking_scaling_policy_configuration": [
                {
                    "target_value": config["TargetValue"],
                    "disable_scale_in": config.get("DisableScaleIn", False),
                    "scale_in_cooldown": config.get("ScaleInCooldown"),
                    "scale_out_cooldown": config.get("ScaleOutCooldown"),
                    "customized_metric_specification": [],
                    "predefined_metric_specification": [
                        {
                            "predefined_metric_type": metric["PredefinedMetricType"],
                            "resource_label": metric.get("ResourceLabel", ""),
                        }
                    ]
                    if metric
                    else [],
                }
            ]
            if config
            else [],
        }
    return None


def _update_policy(call: Call, _prior: Values, planned: Values) -> None:
    _put_policy(call, planned)


def _delete_policy(call: Call, values: Values) -> None:
    call.client("application-autoscaling").delete_scaling_policy(
        PolicyName=values["id"], **_which(values)
    )


def _seed(_call: Call, identity: str) -> Values:
    """Namespace, resource, dimension, and the name of a policy: parted by slashes."""
    namespace, first, second, third, dimension, *name = identity.split("/")
    resource = f"{first}/{second}/{third}"
    return {
        "id": name[0] if name else resource,
        "resource_id": resource,
        "scalable_dimension": dimension,
        "service_namespace": namespace,
    }


KINDS = {
    "aws_appautoscaling_policy": Kind(
        _put_policy,
        _read_policy,
        _delete_policy,
        _update_policy,
        replace=frozenset({"name", *WHICH}),
        defaults={
            "policy_type": "StepScaling",
            "target_tracking_scaling_policy_configuration.disable_scale_in": False,
        },
        import_seed=_seed,
        kept=frozenset(
            {"predictive_scaling_policy_configuration", "step_scaling_policy_configuration"}
        ),
    ),
    "aws_appautoscaling_target": Kind(
        _register,
        _read_target,
        _deregister,
        _update_target,
        replace=frozenset(WHICH),
        defaults={f"suspended_state.{name}": False for name in STATE},
        computed_blocks=frozenset({"suspended_state"}),
        import_seed=_seed,
    ),
}
