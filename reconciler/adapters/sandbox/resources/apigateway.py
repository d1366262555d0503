"""HTTP and WebSocket APIs of API Gateway, with their integrations, routes and stages."""

from typing import Any, Final
from urllib.parse import quote

from reconciler.adapters.sandbox.call import Call, drop_none, retag
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

API: Final = {
    "api_key_selection_expression": "ApiKeySelectionExpression",
    "description": "Description",
    "disable_execute_api_endpoint": "DisableExecuteApiEndpoint",
    "name": "Name",
    "protocol_type": "ProtocolType",
    "route_selection_expression": "RouteSelectionExpression",
    "version": "Version",
}
CORS: Final = {
    "allow_credentials": "AllowCredentials",
    "allow_headers": "AllowHeaders",
    "allow_methods": "AllowMethods",
    "allow_origins": "AllowOrigins",
    "expose_headers": "ExposeHeaders",
    "max_age": "MaxAge",
}
INTEGRATION: Final = {
    "connection_id": "ConnectionId",
    "connection_type": "ConnectionType",
    "content_handling_strategy": "ContentHandlingStrategy",
    "credentials_arn": "CredentialsArn",
    "description": "Description",
    "integration_method": "IntegrationMethod",
    "integration_subtype": "IntegrationSubtype",
    "integration_type": "IntegrationType",
    "integration_uri": "IntegrationUri",
    "passthrough_behavior": "PassthroughBehavior",
    "payload_format_version": "PayloadFormatVersion",
    "request_parameters": "RequestParameters",
    "request_templates": "RequestTemplates",
    "template_selection_expression": "TemplateSelectionExpression",
    "timeout_milliseconds": "TimeoutInMillis",
}
ROUTE: Final = {
    "api_key_required": "ApiKeyRequired",
    "authorization_scopes": "AuthorizationScopes",
    "authorization_type": "AuthorizationType",
    "authorizer_id": "AuthorizerId",
    "model_selection_expression": "ModelSelectionExpression",
    "operation_name": "OperationName",
    "request_models": "RequestModels",
    "route_key": "RouteKey",
    "route_response_selection_expression": "RouteResponseSelectionExpression",
    "target": "Target",
}
STAGE: Final = {
    "auto_deploy": "AutoDeploy",
    "client_certificate_id": "ClientCertificateId",
    "description": "Description",
    "stage_variables": "StageVariables",
}
SETTINGS: Final = {
    "data_trace_enabled": "DataTraceEnabled",
    "detailed_metrics_enabled": "DetailedMetricsEnabled",
    "logging_level": "LoggingLevel",
    "throttling_burst_limit": "ThrottlingBurstLimit",
    "throttling_rate_limit": "ThrottlingRateLimit",
}


def _given(values: Values, names: dict[str, str]) -> Values:
    return drop_none(**{api: values.get(name) for name, api in names.items()})


def _seen(answer: Values, names: dict[str, str]) -> Values:
    return {name: answer.get(api) for name, api in names.items()}


def _client(call: Call) -> Any:
    return call.client("apigatewayv2")


def _retag(call: Call, prior: Values, planned: Values) -> None:
    client, arn = _client(call), prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: client.tag_resource(ResourceArn=arn, Tags=tags),
        lambda keys: client.untag_resource(ResourceArn=arn, TagKeys=keys),
    )


def _cors(values: Values) -> Values | None:
    return next((_given(one, CORS) for one in values["cors_configuration"]), None)


def _create_api(call: Call, values: Values) -> str:
    made = _client(call).create_api(
        **_given(values, API),
        **drop_none(CorsConfiguration=_cors(values)),
        Tags=values["tags_all"],
    )
    return str(made["ApiId"])


def _read_api(call: Call, identity: str, values: Values) -> Values | None:
    api = _client(call).get_api(ApiId=identity)
    cors = api.get("CorsConfiguration")
    return {
        **_seen(api, API),
        "api_endpoint": api["ApiEndpoint"],
        "arn": f"arn:{call.partition}:apigateway:{call.region}::/apis/{identity}",
        "cors_configuration": [_seen(cors, CORS)] if cors else [],
        "execution_arn": call.arn("execute-api", identity),
        "ip_address_type": values.get("ip_address_type") or "ipv4",
        "tags_all": api.get("Tags", {}),
    }


def _update_api(call: Call, prior: Values, planned: Values) -> None:
    client, cors = _client(call), _cors(planned)
    given = {**_given(planned, API), "Description": planned.get("description") or ""}
    del given["ProtocolType"]
    client.update_api(ApiId=prior["id"], **given, **drop_none(CorsConfiguration=cors))
    if prior["cors_configuration"] and not cors:
        client.delete_cors_configuration(ApiId=prior["id"])
    _retag(call, prior, planned)


def _delete_api(call: Call, values: Values) -> None:
    _client(call).delete_api(ApiId=values["id"])


def _create_integration(call: Call, values: Values) -> str:
    made = _client(call).create_integration(ApiId=values["api_id"], **_given(values, INTEGRATION))
    return str(made["IntegrationId"])


def _read_integration(call: Call, identity: str, values: Values) -> Values | None:
    have = _client(call).get_integration(ApiId=values["api_id"], IntegrationId=identity)
    expression = have.get("IntegrationResponseSelectionExpression", "")
    return {
        **_seen(have, INTEGRATION),
        "api_id": values["api_id"],
        "integration_response_selection_expression": expression,
    }


def _update_integration(call: Call, prior: Values, planned: Values) -> None:
    _client(call).update_integration(
        ApiId=prior["api_id"], IntegrationId=prior["id"], **_given(planned, INTEGRATION)
    )


def _delete_integration(call: Call, values: Values) -> None:
    _client(call).delete_integration(ApiId=values["api_id"], IntegrationId=values["id"])


def _create_route(call: Call, values: Values) -> str:
    made = _client(call).create_route(ApiId=values["api_id"], **_given(values, ROUTE))
    return str(made["RouteId"])


def _read_route(call: Call, identity: str, values: Values) -> Values | None:
    have = _client(call).get_route(ApiId=values["api_id"], RouteId=identity)
    return {**_seen(have, ROUTE), "api_id": values["api_id"]}


def _update_route(call: Call, prior: Values, planned: Values) -> None:
    _client(call).update_route(ApiId=prior["api_id"], RouteId=prior["id"], **_given(planned, ROUTE))


def _delete_route(call: Call, values: Values) -> None:
    _client(call).delete_route(ApiId=values["api_id"], RouteId=values["id"])


def _stage(values: Values) -> Values:
    logs = {"destination_arn": "DestinationArn", "format": "Format"}
    return {
        **_given(values, STAGE),
        **drop_none(
            AccessLogSettings=next(
                (_given(one, logs) for one in values["access_log_settings"]), None
            ),
            DefaultRouteSettings=next(
                (_given(one, SETTINGS) for one in values["default_route_settings"]), None
            ),
            RouteSettings={
                one["route_key"]: _given(one, SETTINGS) for one in values["route_settings"]
            }
            or None,
        ),
    }


def _create_stage(call: Call, values: Values) -> str:
    made = _client(call).create_stage(
        ApiId=values["api_id"],
        StageName=values["name"],
        Tags=values["tags_all"],
        **_stage(values),
    )
    return str(made["StageName"])


def _read_stage(call: Call, identity: str, values: Values) -> Values | None:
    api = values["api_id"]
    have = _client(call).get_stage(ApiId=api, StageName=identity)
    logs, settings = have.get("AccessLogSettings"), have.get("DefaultRouteSettings") or {}
    path = "" if identity == "$default" else f"/{quote(identity)}"
    return {
        **_seen(have, STAGE),
        "access_log_settings": [
            {"destination_arn": logs["DestinationArn"], "format": logs["Format"]}
        ]
        if logs
        else [],
        "api_id": api,
        "arn": f"arn:{call.partition}:apigateway:{call.region}::/apis/{api}/stages/{identity}",
        "default_route_settings": [{**_seen(settings, SETTINGS)}],
        "deployment_id": have.get("DeploymentId", ""),
        "execution_arn": call.arn("execute-api", f"{api}/{identity}"),
        "invoke_url": f"https://{api}.execute-api.{call.region}.amazonaws.com{path or '/'}",
        "name": identity,
        "route_settings": [
            {"route_key": key, **_seen(one, SETTINGS)}
            for key, one in (have.get("RouteSettings") or {}).items()
        ],
        "tags_all": have.get("Tags", {}),
    }


def _update_stage(call: Call, prior: Values, planned: Values) -> None:
    _client(call).update_stage(ApiId=prior["api_id"], StageName=prior["id"], **_stage(planned))
    _retag(call, prior, planned)


def _delete_stage(call: Call, values: Values) -> None:
    _client(call).delete_stage(ApiId=values["api_id"], StageName=values["id"])


def _seed(_call: Call, identity: str) -> Values:
    api, _, rest = identity.partition("/")
    return {"id": rest, "api_id": api}


KINDS = {
    "aws_apigatewayv2_api": Kind(
        _create_api,
        _read_api,
        _delete_api,
        _update_api,
        replace=frozenset({"protocol_type"}),
        defaults={
            "api_key_selection_expression": "$request.header.x-api-key",
            "disable_execute_api_endpoint": False,
            "route_selection_expression": "$request.method $request.path",
        },
        kept=frozenset(
            {
                "body",
                "credentials_arn",
                "fail_on_warnings",
                "ip_address_type",
                "route_key",
                "target",
            }
        ),
    ),
    "aws_apigatewayv2_integration": Kind(
        _create_integration,
        _read_integration,
        _delete_integration,
        _update_integration,
        replace=frozenset({"api_id", "integration_subtype", "integration_type"}),
        defaults={"connection_type": "INTERNET", "payload_format_version": "1.0"},
        import_seed=_seed,
        kept=frozenset({"response_parameters", "tls_config"}),
    ),
    "aws_apigatewayv2_route": Kind(
        _create_route,
        _read_route,
        _delete_route,
        _update_route,
        replace=frozenset({"api_id"}),
        defaults={"api_key_required": False, "authorization_type": "NONE"},
        import_seed=_seed,
        kept=frozenset({"request_parameter"}),
    ),
    "aws_apigatewayv2_stage": Kind(
        _create_stage,
        _read_stage,
        _delete_stage,
        _update_stage,
        replace=frozenset({"api_id", "name"}),
        defaults={"auto_deploy": False},
        computed_blocks=frozenset({"default_route_settings"}),
        documents=frozenset({"access_log_settings.format"}),
        import_seed=_seed,
    ),
}
