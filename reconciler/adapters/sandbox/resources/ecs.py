"""Clusters, task definitions and services of ECS."""

import json
from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values, is_empty

TASK: Final = {
    "cpu": "cpu",
    "execution_role_arn": "executionRoleArn",
    "family": "family",
    "ipc_mode": "ipcMode",
    "memory": "memory",
    "network_mode": "networkMode",
    "pid_mode": "pidMode",
    "requires_compatibilities": "requiresCompatibilities",
    "task_role_arn": "taskRoleArn",
}


def _tags(call: Call, prior: Values, planned: Values) -> None:
    ecs, arn = call.client("ecs"), prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: ecs.tag_resource(resourceArn=arn, tags=tag_list(tags, "key", "value")),
        lambda keys: ecs.untag_resource(resourceArn=arn, tagKeys=keys),
    )


def _create_cluster(call: Call, values: Values) -> str:
    made = call.client("ecs").create_cluster(
        clusterName=values["name"],
        settings=values["setting"],
        tags=tag_list(values["tags_all"], "key", "value"),
    )
    return str(made["cluster"]["clusterArn"])


def _read_cluster(call: Call, identity: str, _values: Values) -> Values | None:
    found = call.client("ecs").describe_clusters(clusters=[identity], include=["SETTINGS", "TAGS"])
    for cluster in found["clusters"]:
        if cluster["status"] != "INACTIVE":
            return {
                "arn": cluster["clusterArn"],
                "name": cluster["clusterName"],
                "setting": [
                    {"name": one["name"], "value": one["value"]}
                    for one in cluster.get("settings", [])
                ],
                "tags_all": tag_map(cluster.get("tags", []), "key", "value"),
            }
    return None


def _update_cluster(call: Call, prior: Values, planned: Values) -> None:
    if changed(prior, planned, "setting"):
        call.client("ecs").update_cluster(cluster=prior["id"], settings=planned["setting"])
    _tags(call, prior, planned)


def _delete_cluster(call: Call, values: Values) -> None:
    call.client("ecs").delete_cluster(cluster=values["id"])


def _cluster_seed(call: Call, identity: str) -> Values:
    arn = identity if identity.startswith("arn:") else call.arn("ecs", f"cluster/{identity}")
    return {"id": arn}


def _register(call: Call, values: Values) -> str:
    platform = [
        drop_none(
            cpuArchitecture=one.get("cpu_architecture"),
            operatingSystemFamily=one.get("operating_system_family"),
        )
        for one in values["runtime_platform"]
    ]
    made = call.client("ecs").register_task_definition(
        containerDefinitions=json.loads(values["container_definitions"]),
        tags=tag_list(values["tags_all"], "key", "value"),
        **drop_none(**{api: values.get(name) for name, api in TASK.items()}),
        **drop_none(runtimePlatform=platform[0] if platform else None),
    )
    call.made = made["taskDefinition"]["taskDefinitionArn"]
    # The id is the family, so the revision goes with the values.
    values["arn"] = call.made
    return str(values["family"])


def _read_task(call: Call, identity: str, values: Values) -> Values | None:
    which = values.get("arn") or identity
    answer = call.client("ecs").describe_task_definition(taskDefinition=which, include=["TAGS"])
    task = answer["taskDefinition"]
    if task["status"] != "ACTIVE":
        return None
    arn, platform = task["taskDefinitionArn"], task.get("runtimePlatform")
    containers = task["containerDefinitions"]
    text = values.get("container_definitions")
    same = text is not None and _essence(json.loads(text)) == _essence(containers)
    return {
        **{name: task.get(api) for name, api in TASK.items()},
        "arn": arn,
        "arn_without_revision": arn.rpartition(":")[0],
        "container_definitions": text if same else json.dumps(containers),
        "enable_fault_injection": False,
        "revision": task["revision"],
        "runtime_platform": [
            {
                "cpu_architecture": platform.get("cpuArchitecture"),
                "operating_system_family": platform.get("operatingSystemFamily"),
            }
        ]
        if platform
        else [],
        "tags_all": tag_map(answer.get("tags", []), "key", "value"),
    }


def _essence(containers: Any) -> Any:
    """Containers without what ECS adds by itself: empty lists, zeros, the host's port."""
    if isinstance(containers, dict):
        kept = {
            key: _essence(value)
            for key, value in containers.items()
            if not is_empty(value) and (key, value) != ("protocol", "tcp")
        }
        if kept.get("hostPort") == kept.get("containerPort"):
            kept.pop("hostPort", None)
        return kept
    if isinstance(containers, list):
        return sorted((_essence(one) for one in containers), key=json.dumps)
    return containers


def _update_task(call: Call, prior: Values, planned: Values) -> None:
    _tags(call, prior, planned)


def _deregister(call: Call, values: Values) -> None:
    if not values.get("skip_destroy"):
        call.client("ecs").deregister_task_definition(taskDefinition=values["arn"])


def _service(values: Values) -> Values:
    """What can be changed after a service is made, too."""
    network = [
        {
            "awsvpcConfiguration": drop_none(
                subnets=one["subnets"],
                securityGroups=one.get("security_groups"),
                assignPublicIp="ENABLED" if one["assign_public_ip"] else "DISABLED",
            )
        }
        for one in values["network_configuration"]
    ]
    breaker = [
        {"enable": one["enable"], "rollback": one["rollback"]}
        for one in values["deployment_circuit_breaker"]
    ]
    deployment = drop_none(
        maximumPercent=values["deployment_maximum_percent"],
        minimumHealthyPercent=values["deployment_minimum_healthy_percent"],
        deploymentCircuitBreaker=breaker[0] if breaker else None,
    )
    return drop_none(
        taskDefinition=values.get("task_definition"),
        desiredCount=values.get("desired_count"),
        availabilityZoneRebalancing=values.get("availability_zone_rebalancing"),
        deploymentConfiguration=deployment,
        enableECSManagedTags=values["enable_ecs_managed_tags"],
        enableExecuteCommand=values["enable_execute_command"],
        healthCheckGracePeriodSeconds=values.get("health_check_grace_period_seconds"),
        loadBalancers=_balancers(values) or None,
        networkConfiguration=network[0] if network else None,
        platformVersion=values.get("platform_version"),
        propagateTags=values.get("propagate_tags"),
    )


def _balancers(values: Values) -> list[Values]:
    return [
        drop_none(
            containerName=one["container_name"],
            containerPort=one["container_port"],
            loadBalancerName=one.get("elb_name") or None,
            targetGroupArn=one.get("target_group_arn"),
        )
        for one in values["load_balancer"]
    ]


def _create_service(call: Call, values: Values) -> str:
    controller = [{"type": one["type"]} for one in values["deployment_controller"]]
    made = call.client("ecs").create_service(
        cluster=values.get("cluster") or "default",
        serviceName=values["name"],
        schedulingStrategy=values["scheduling_strategy"],
        tags=tag_list(values["tags_all"], "key", "value"),
        **_service(values),
        **drop_none(
            launchType=values.get("launch_type"),
            deploymentController=controller[0] if controller else None,
        ),
    )
    return str(made["service"]["serviceArn"])


def _read_service(call: Call, identity: str, values: Values) -> Values | None:
    _, cluster, name = identity.rsplit("/", 2)
    found = call.client("ecs").describe_services(cluster=cluster, services=[name], include=["TAGS"])
    active = [one for one in found["services"] if one["status"] == "ACTIVE"]
    if not active:
        return None
    service = active[0]
    vpc = service.get("networkConfiguration", {}).get("awsvpcConfiguration")
    deployment = service.get("deploymentConfiguration") or {}
    breaker = deployment.get("deploymentCircuitBreaker")
    role = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    return {
        "arn": service["serviceArn"],
        "availability_zone_rebalancing": service.get("availabilityZoneRebalancing", "DISABLED"),
        "cluster": service["clusterArn"],
        "deployment_circuit_breaker": [
            {"enable": breaker["enable"], "rollback": breaker["rollback"]}
        ]
        if breaker and (breaker["enable"] or values.get("deployment_circuit_breaker"))
        else [],
        "deployment_controller": [{"type": service["deploymentController"]["type"]}],
        "deployment_maximum_percent": deployment.get("maximumPercent", 200),
        "deployment_minimum_healthy_percent": deployment.get("minimumHealthyPercent", 100),
        "desired_count": service["desiredCount"],
        "enable_ecs_managed_tags": service.get("enableECSManagedTags", False),
        "enable_execute_command": service.get("enableExecuteCommand", False),
        "health_check_grace_period_seconds": service.get("healthCheckGracePeriodSeconds"),
        "iam_role": f"arn:{call.partition}:iam::{call.account}:role/{role}",
        "launch_type": service.get("launchType", ""),
        "load_balancer": [
            {
                "container_name": one["containerName"],
                "container_port": one["containerPort"],
                "elb_name": one.get("loadBalancerName", ""),
                "target_group_arn": one.get("targetGroupArn"),
                "advanced_configuration": [],
            }
            for one in service["loadBalancers"]
        ],
        "name": service["serviceName"],
        "network_configuration": [
            {
                "assign_public_ip": vpc.get("assignPublicIp") == "ENABLED",
                "security_groups": vpc.get("securityGroups", []),
                "subnets": vpc["subnets"],
            }
        ]
        if vpc
        else [],
        "platform_version": service.get("platformVersion", ""),
        "propagate_tags": service.get("propagateTags", "NONE"),
        "scheduling_strategy": service["schedulingStrategy"],
        "tags_all": tag_map(service.get("tags", []), "key", "value"),
        "task_definition": _named_like(values.get("task_definition"), service["taskDefinition"]),
        "triggers": values.get("triggers") or {},
    }


def _named_like(before: str | None, arn: str) -> str:
    """A task definition may be named without its ARN; then it is compared without it."""
    return arn if before is None or before.startswith("arn:") else arn.rpartition("/")[2]


def _update_service(call: Call, prior: Values, planned: Values) -> None:
    want, have = _service(planned), _service(prior)
    new = {key: value for key, value in want.items() if have.get(key) != value}
    if new:
        call.client("ecs").update_service(cluster=prior["cluster"], service=prior["name"], **new)
    _tags(call, prior, planned)


def _delete_service(call: Call, values: Values) -> None:
    call.client("ecs").delete_service(cluster=values["cluster"], service=values["name"], force=True)


def _service_seed(call: Call, identity: str) -> Values:
    return {"id": call.arn("ecs", f"service/{identity}")}


KINDS = {
    "aws_ecs_cluster": Kind(
        _create_cluster,
        _read_cluster,
        _delete_cluster,
        _update_cluster,
        replace=frozenset({"name"}),
        computed_blocks=frozenset({"setting"}),
        import_seed=_cluster_seed,
        kept=frozenset({"configuration", "service_connect_defaults"}),
    ),
    "aws_ecs_service": Kind(
        _create_service,
        _read_service,
        _delete_service,
        _update_service,
        replace=frozenset({"cluster", "launch_type", "name", "scheduling_strategy"}),
        defaults={
            "deployment_maximum_percent": 200,
            "deployment_minimum_healthy_percent": 100,
            "enable_ecs_managed_tags": False,
            "enable_execute_command": False,
            "network_configuration.assign_public_ip": False,
            "scheduling_strategy": "REPLICA",
            "wait_for_steady_state": False,
            "deployment_controller.type": "ECS",
        },
        computed_blocks=frozenset({"deployment_configuration", "deployment_controller"}),
        import_seed=_service_seed,
        kept=frozenset(
            {
                "alarms",
                "capacity_provider_strategy",
                "deployment_configuration",
                "ordered_placement_strategy",
                "placement_constraints",
                "service_connect_configuration",
                "service_registries",
                "triggers",
                "volume_configuration",
                "wait_for_steady_state",
            }
        ),
    ),
    "aws_ecs_task_definition": Kind(
        _register,
        _read_task,
        _deregister,
        _update_task,
        replace=frozenset(
            {
                *TASK,
                "container_definitions",
                "enable_fault_injection",
                "ephemeral_storage",
                "placement_constraints",
                "proxy_configuration",
                "runtime_platform",
                "volume",
            }
        ),
        defaults={"skip_destroy": False, "track_latest": False},
        documents=frozenset({"container_definitions"}),
        kept=frozenset(
            {
                "enable_fault_injection",
                "ephemeral_storage",
                "placement_constraints",
                "proxy_configuration",
                "skip_destroy",
                "track_latest",
                "volume",
            }
        ),
    ),
}
