"""Topics of SNS, who may publish to them, and who is told."""

from typing import Final

from reconciler.adapters.sandbox.call import Call, changed, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

ATTRIBUTES: Final = {
    "content_based_deduplication": "ContentBasedDeduplication",
    "delivery_policy": "DeliveryPolicy",
    "display_name": "DisplayName",
    "fifo_topic": "FifoTopic",
    "kms_master_key_id": "KmsMasterKeyId",
}
SUBSCRIPTION: Final = {
    "delivery_policy": "DeliveryPolicy",
    "filter_policy": "FilterPolicy",
    "filter_policy_scope": "FilterPolicyScope",
    "raw_message_delivery": "RawMessageDelivery",
    "redrive_policy": "RedrivePolicy",
    "subscription_role_arn": "SubscriptionRoleArn",
}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create_topic(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in ATTRIBUTES.items()}
    made = call.client("sns").create_topic(
        Name=values["name"],
        Attributes={api: _word(value) for api, value in given.items() if value},
        Tags=tag_list(values["tags_all"]),
    )
    if values.get("policy"):
        _set_policy(call, made["TopicArn"], values["policy"])
    return str(made["TopicArn"])


def _set_policy(call: Call, arn: str, policy: str) -> None:
    call.client("sns").set_topic_attributes(
        TopicArn=arn, AttributeName="Policy", AttributeValue=policy
    )


def _read_topic(call: Call, identity: str, values: Values) -> Values | None:
    sns = call.client("sns")
    have = sns.get_topic_attributes(TopicArn=identity)["Attributes"]
    tags = sns.list_tags_for_resource(ResourceArn=identity)["Tags"]
    seen: Values = {name: have.get(api) for name, api in ATTRIBUTES.items()}
    seen["fifo_topic"] = have.get("FifoTopic") == "true"
    seen["content_based_deduplication"] = have.get("ContentBasedDeduplication") == "true"
    if values.get("policy") is None:
        # Afterwards aws_sns_topic_policy may set another one, which is no change of the topic.
        seen["policy"] = have["Policy"]
    return {
        **seen,
        "arn": identity,
        "beginning_archive_time": "",
        "name": identity.rpartition(":")[2],
        "owner": have["Owner"],
        "signature_version": values.get("signature_version") or 0,
        "tags_all": tag_map(tags),
        "tracing_config": values.get("tracing_config") or "",
        "fifo_throughput_scope": values.get("fifo_throughput_scope") or "",
    }


def _update_topic(call: Call, prior: Values, planned: Values) -> None:
    sns, arn = call.client("sns"), prior["id"]
    for name, api in ATTRIBUTES.items():
        if changed(prior, planned, name):
            value = planned.get(name)
            sns.set_topic_attributes(
                TopicArn=arn,
                AttributeName=api,
                AttributeValue="" if value is None else _word(value),
            )
    if changed(prior, planned, "policy") and planned.get("policy"):
        _set_policy(call, arn, planned["policy"])
    retag(
        prior,
        planned,
        lambda tags: sns.tag_resource(ResourceArn=arn, Tags=tag_list(tags)),
        lambda keys: sns.untag_resource(ResourceArn=arn, TagKeys=keys),
    )


def _delete_topic(call: Call, values: Values) -> None:
    call.client("sns").delete_topic(TopicArn=values["id"])


def _create_policy(call: Call, values: Values) -> str:
    _set_policy(call, values["arn"], values["policy"])
    return str(values["arn"])


def _read_policy(call: Call, identity: str, _values: Values) -> Values | None:
    have = call.client("sns").get_topic_attributes(TopicArn=identity)["Attributes"]
    return {"arn": identity, "owner": have["Owner"], "policy": have["Policy"]}


def _update_policy(call: Call, prior: Values, planned: Values) -> None:
    _set_policy(call, prior["id"], planned["policy"])


def _delete_policy(call: Call, values: Values) -> None:
    # As the real provider does: the policy that a new topic has.
    owner = f"arn:{call.partition}:iam::{values['owner']}:root"
    _set_policy(
        call,
        values["id"],
        '{"Version":"2008-10-17","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",'
        f'"Principal":{{"AWS":"{owner}"}},"Action":"SNS:*","Resource":"{values["id"]}"}}]}}',
    )


def _subscribe(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in SUBSCRIPTION.items()}
    made = call.client("sns").subscribe(
        TopicArn=values["topic_arn"],
        Protocol=values["protocol"],
        Endpoint=values["endpoint"],
        Attributes={api: _word(value) for api, value in given.items() if value},
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _read_subscription(call: Call, identity: str, _values: Values) -> Values | None:
    have = call.client("sns").get_subscription_attributes(SubscriptionArn=identity)["Attributes"]
    seen: Values = {name: have.get(api) for name, api in SUBSCRIPTION.items()}
    return {
        **seen,
        "arn": identity,
        "confirmation_was_authenticated": have.get("ConfirmationWasAuthenticated") == "true",
        "endpoint": have["Endpoint"],
        "owner_id": have["Owner"],
        "pending_confirmation": have.get("PendingConfirmation") == "true",
        "protocol": have["Protocol"],
        "raw_message_delivery": have.get("RawMessageDelivery") == "true",
        "topic_arn": have["TopicArn"],
    }


def _update_subscription(call: Call, prior: Values, planned: Values) -> None:
    for name, api in SUBSCRIPTION.items():
        if changed(prior, planned, name):
            value = planned.get(name)
            call.client("sns").set_subscription_attributes(
                SubscriptionArn=prior["id"],
                AttributeName=api,
                AttributeValue="" if value is None else _word(value),
            )


def _unsubscribe(call: Call, values: Values) -> None:
    call.client("sns").unsubscribe(SubscriptionArn=values["id"])


KINDS = {
    "aws_sns_topic": Kind(
        _create_topic,
        _read_topic,
        _delete_topic,
        _update_topic,
        replace=frozenset({"name", "name_prefix", "fifo_topic"}),
        defaults={"content_based_deduplication": False, "fifo_topic": False},
        documents=frozenset({"delivery_policy", "policy"}),
        kept=frozenset({"policy", "signature_version", "tracing_config", "fifo_throughput_scope"}),
    ),
    "aws_sns_topic_policy": Kind(
        _create_policy,
        _read_policy,
        _delete_policy,
        _update_policy,
        replace=frozenset({"arn"}),
        documents=frozenset({"policy"}),
    ),
    "aws_sns_topic_subscription": Kind(
        _subscribe,
        _read_subscription,
        _unsubscribe,
        _update_subscription,
        replace=frozenset({"endpoint", "protocol", "topic_arn"}),
        defaults={
            "confirmation_timeout_in_minutes": 1,
            "endpoint_auto_confirms": False,
            "raw_message_delivery": False,
        },
        documents=frozenset({"delivery_policy", "filter_policy", "redrive_policy"}),
        kept=frozenset({"confirmation_timeout_in_minutes", "endpoint_auto_confirms"}),
    ),
}
