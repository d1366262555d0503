"""Applications of CodeDeploy and how they are deployed."""

from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

GROUP: Final = {
    "deployment_config_name": "deploymentConfigName",
    "outdated_instances_strategy": "outdatedInstancesStrategy",
    "service_role_arn": "serviceRoleArn",
}


def _one(blocks: Any) -> Values | None:
    return blocks[0] if blocks else None


def _tags(call: Call, arn: str) -> dict[str, str]:
    return tag_map(call.client("codedeploy").list_tags_for_resource(ResourceArn=arn)["Tags"])


def _retag(call: Call, prior: Values, planned: Values) -> None:
    client, arn = call.client("codedeploy"), prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: client.tag_resource(ResourceArn=arn, Tags=tag_list(tags)),
        lambda keys: client.untag_resource(ResourceArn=arn, TagKeys=keys),
    )


def _create_app(call: Call, values: Values) -> str:
    made = call.client("codedeploy").create_application(
        applicationName=values["name"],
        computePlatform=values["compute_platform"],
        tags=tag_list(values["tags_all"]),
    )
    return str(made["applicationId"])


def _read_app(call: Call, _identity: str, values: Values) -> Values | None:
    name = values["name"]
    app = call.client("codedeploy").get_application(applicationName=name)["application"]
    arn = call.arn("codedeploy", f"application:{name}")
    return {
        "application_id": app["applicationId"],
        "arn": arn,
        "compute_platform": app["computePlatform"],
        "github_account_name": app.get("gitHubAccountName", ""),
        "linked_to_github": app.get("linkedToGitHub", False),
        "name": name,
        "tags_all": _tags(call, arn),
    }


def _delete_app(call: Call, values: Values) -> None:
    call.client("codedeploy").delete_application(applicationName=values["name"])


def _app_seed(call: Call, identity: str) -> Values:
    app = call.client("codedeploy").get_application(applicationName=identity)["application"]
    return {"id": app["applicationId"], "name": identity}


def _group(values: Values) -> Values:
    rollback, alarms = (
        _one(values["auto_rollback_configuration"]),
        _one(values["alarm_configuration"]),
    )
    style = _one(values["deployment_style"])
    return drop_none(
        **{api: values.get(name) for name, api in GROUP.items()},
        alarmConfiguration=alarms
        and {
            "alarms": [{"name": one} for one in sorted(alarms.get("alarms") or ())],
            "enabled": bool(alarms["enabled"]),
            "ignorePollAlarmFailure": bool(alarms["ignore_poll_alarm_failure"]),
        },
        autoRollbackConfiguration=rollback
        and {
            "enabled": bool(rollback["enabled"]),
            "events": sorted(rollback.get("events") or ()),
        },
        blueGreenDeploymentConfiguration=_blue_green(values),
        deploymentStyle=style
        and {
            "deploymentOption": style["deployment_option"],
            "deploymentType": style["deployment_type"],
        },
        ecsServices=[
            {"clusterName": one["cluster_name"], "serviceName": one["service_name"]}
            for one in values["ecs_service"]
        ]
        or None,
        loadBalancerInfo=_balancer(values),
    )


def _blue_green(values: Values) -> Values | None:
    config = _one(values["blue_green_deployment_config"])
    if config is None:
        return None
    ready = _one(config["deployment_ready_option"])
    end = _one(config["terminate_blue_instances_on_deployment_success"])
    return drop_none(
        deploymentReadyOption=ready
        and drop_none(
            actionOnTimeout=ready.get("action_on_timeout"),
            waitTimeInMinutes=ready.get("wait_time_in_minutes"),
        ),
        terminateBlueInstancesOnDeploymentSuccess=end
        and drop_none(
            action=end.get("action"),
            terminationWaitTimeInMinutes=end.get("termination_wait_time_in_minutes"),
        ),
    )


def _balancer(values: Values) -> Values | None:
    pairs = [pair for one in values["load_balancer_info"] for pair in one["target_group_pair_info"]]
    if not pairs:
        return None
    return {
        "targetGroupPairInfoList": [
            drop_none(
                prodTrafficRoute=_route(pair["prod_traffic_route"]),
                testTrafficRoute=_route(pair["test_traffic_route"]),
                targetGroups=[{"name": one["name"]} for one in pair["target_group"]],
            )
            for pair in pairs
        ]
    }


def _route(blocks: list[Values]) -> Values | None:
    route = _one(blocks)
    return {"listenerArns": sorted(route["listener_arns"])} if route else None


def _create_group(call: Call, values: Values) -> str:
    made = call.client("codedeploy").create_deployment_group(
        applicationName=values["app_name"],
        deploymentGroupName=values["deployment_group_name"],
        tags=tag_list(values["tags_all"]),
        **_group(values),
    )
    return str(made["deploymentGroupId"])


def _read_group(call: Call, identity: str, values: Values) -> Values | None:
    app, name = values["app_name"], values["deployment_group_name"]
    answer = call.client("codedeploy").get_deployment_group(
        applicationName=app, deploymentGroupName=name
    )
    group = answer["deploymentGroupInfo"]
    rollback, alarms = group.get("autoRollbackConfiguration"), group.get("alarmConfiguration")
    style = group.get("deploymentStyle")
    arn = call.arn("codedeploy", f"deploymentgroup:{app}/{name}")
    return {
        **{one: group.get(api) for one, api in GROUP.items()},
        "alarm_configuration": [
            {
                "alarms": [one["name"] for one in alarms.get("alarms", [])],
                "enabled": alarms.get("enabled", False),
                "ignore_poll_alarm_failure": alarms.get("ignorePollAlarmFailure", False),
            }
        ]
        if alarms
        else [],
        "app_name": app,
        "arn": arn,
        "auto_rollback_configuration": [
            {"enabled": rollback["enabled"], "events": rollback.get("events", [])}
        ]
        if rollback
        else [],
        "blue_green_deployment_config": _read_blue_green(
            group.get("blueGreenDeploymentConfiguration")
        ),
        "compute_platform": group["computePlatform"],
        "deployment_group_id": identity,
        "deployment_group_name": name,
        "deployment_style": [
            {
                "deployment_option": style["deploymentOption"],
                "deployment_type": style["deploymentType"],
            }
        ]
        if style
        else [],
        "ecs_service": [
            {"cluster_name": one["clusterName"], "service_name": one["serviceName"]}
            for one in group.get("ecsServices", [])
        ],
        "load_balancer_info": _read_balancer(group.get("loadBalancerInfo")),
        "tags_all": _tags(call, arn),
    }


def _read_blue_green(config: Values | None) -> list[Values]:
    if not config:
        return []
    ready = config.get("deploymentReadyOption")
    end = config.get("terminateBlueInstancesOnDeploymentSuccess")
    return [
        {
            "deployment_ready_option": [
                {
                    "action_on_timeout": ready.get("actionOnTimeout"),
                    "wait_time_in_minutes": ready.get("waitTimeInMinutes", 0),
                }
            ]
            if ready
            else [],
            "green_fleet_provisioning_option": [],
            "terminate_blue_instances_on_deployment_success": [
                {
                    "action": end.get("action"),
                    "termination_wait_time_in_minutes": end.get("terminationWaitTimeInMinutes", 0),
                }
            ]
            if end
            else [],
        }
    ]


def _read_balancer(info: Values | None) -> list[Values]:
    if not info:
        return []

    def route(pair: Values, name: str) -> list[Values]:
        return [{"listener_arns": pair[name]["listenerArns"]}] if pair.get(name) else []

    return [
        {
            "elb_info": [],
            "target_group_info": [],
            "target_group_pair_info": [
                {
                    "prod_traffic_route": route(pair, "prodTrafficRoute"),
                    "test_traffic_route": route(pair, "testTrafficRoute"),
                    "target_group": [{"name": one["name"]} for one in pair["targetGroups"]],
                }
                for pair in info.get("targetGroupPairInfoList", [])
            ],
        }
    ]


def _update_group(call: Call, prior: Values, planned: Values) -> None:
    if any(changed(prior, planned, name) for name in planned if name not in ("tags", "tags_all")):
        call.client("codedeploy").update_deployment_group(
            applicationName=prior["app_name"],
            currentDeploymentGroupName=prior["deployment_group_name"],
            **_group(planned),
        )
    _retag(call, prior, planned)


def _delete_group(call: Call, values: Values) -> None:
    call.client("codedeploy").delete_deployment_group(
        applicationName=values["app_name"], deploymentGroupName=values["deployment_group_name"]
    )


def _group_seed(call: Call, identity: str) -> Values:
    app, _, name = identity.partition(":")
    answer = call.client("codedeploy").get_deployment_group(
        applicationName=app, deploymentGroupName=name
    )
    found = answer["deploymentGroupInfo"]["deploymentGroupId"]
    return {"id": found, "app_name": app, "deployment_group_name": name}


KINDS = {
    "aws_codedeploy_app": Kind(
        _create_app,
        _read_app,
        _delete_app,
        _retag,
        replace=frozenset({"compute_platform", "name"}),
        defaults={"compute_platform": "Server"},
        import_seed=_app_seed,
    ),
    "aws_codedeploy_deployment_group": Kind(
        _create_group,
        _read_group,
        _delete_group,
        _update_group,
        replace=frozenset({"app_name", "deployment_group_name"}),
        defaults={
            "alarm_configuration.ignore_poll_alarm_failure": False,
            "deployment_config_name": "CodeDeployDefault.OneAtATime",
            "outdated_instances_strategy": "UPDATE",
            "termination_hook_enabled": False,
        },
        computed_blocks=frozenset({"blue_green_deployment_config"}),
        import_seed=_group_seed,
        kept=frozenset(
            {
                "autoscaling_groups",
                "ec2_tag_filter",
                "ec2_tag_set",
                "on_premises_instance_tag_filter",
                "termination_hook_enabled",
                "trigger_configuration",
            }
        ),
    ),
}
