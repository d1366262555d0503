"""Budgets, and who is told when they are exceeded."""

from datetime import UTC, datetime
from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

_MOMENT: Final = "%Y-%m-%d_%H:%M"
COST_TYPES: Final = {
    "include_credit": ("IncludeCredit", True),
    "include_discount": ("IncludeDiscount", True),
    "include_other_subscription": ("IncludeOtherSubscription", True),
    "include_recurring": ("IncludeRecurring", True),
    "include_refund": ("IncludeRefund", True),
    "include_subscription": ("IncludeSubscription", True),
    "include_support": ("IncludeSupport", True),
    "include_tax": ("IncludeTax", True),
    "include_upfront": ("IncludeUpfront", True),
    "use_amortized": ("UseAmortized", False),
    "use_blended": ("UseBlended", False),
}


def _number(text: Any) -> str:
    """An amount as AWS writes it: 25 and 25.0 are the same."""
    return f"{float(text):g}" if float(text) != int(float(text)) else str(int(float(text)))


def _budget(values: Values) -> Values:
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    period = drop_none(
        Start=_moment(values.get("time_period_start")) or month,
        End=_moment(values.get("time_period_end")),
    )
    costs = {
        api: block[name] for block in values["cost_types"] for name, (api, _) in COST_TYPES.items()
    }
    return drop_none(
        BudgetName=values["name"],
        BudgetType=values["budget_type"],
        TimeUnit=values["time_unit"],
        BudgetLimit={"Amount": str(values["limit_amount"]), "Unit": values["limit_unit"]},
        CostFilters={one["name"]: one["values"] for one in values["cost_filter"]} or None,
        CostTypes=costs or None,
        TimePeriod=period,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC) if text else None


def _notification(block: Values) -> Values:
    return {
        "NotificationType": block["notification_type"],
        "ComparisonOperator": block["comparison_operator"],
        "Threshold": block["threshold"],
        "ThresholdType": block["threshold_type"],
    }


def _subscribers(block: Values) -> list[Values]:
    return [
        *(
            {"SubscriptionType": "SNS", "Address": one}
            for one in block.get("subscriber_sns_topic_arns") or ()
        ),
        *(
            {"SubscriptionType": "EMAIL", "Address": one}
            for one in block.get("subscriber_email_addresses") or ()
        ),
    ]


def _arn(call: Call, name: str) -> str:
    return call.arn("budgets", f"budget/{name}", "")


def _create(call: Call, values: Values) -> str:
    budgets, name = call.global_client("budgets"), values["name"]
    budgets.create_budget(
        AccountId=call.account,
        Budget=_budget(values),
        NotificationsWithSubscribers=[
            {"Notification": _notification(one), "Subscribers": _subscribers(one)}
            for one in values["notification"]
        ],
    )
    call.made = f"{call.account}:{name}"
    tags = tag_list(values["tags_all"])
    if tags:
        budgets.tag_resource(ResourceARN=_arn(call, name), ResourceTags=tags)
    return f"{call.account}:{name}"


def _read(call: Call, identity: str, _values: Values) -> Values | None:
    budgets, (account, _, name) = call.global_client("budgets"), identity.partition(":")
    budget = budgets.describe_budget(AccountId=account, BudgetName=name)["Budget"]
    notifications = budgets.describe_notifications_for_budget(AccountId=account, BudgetName=name)
    tags = budgets.list_tags_for_resource(ResourceARN=_arn(call, name))["ResourceTags"]
    costs = budget.get("CostTypes", {})
    period = budget["TimePeriod"]
    return {
        "account_id": account,
        "arn": _arn(call, name),
        "budget_type": budget["BudgetType"],
        "cost_filter": [
            {"name": key, "values": values} for key, values in budget.get("CostFilters", {}).items()
        ],
        "cost_types": [{key: costs.get(api, std) for key, (api, std) in COST_TYPES.items()}],
        "limit_amount": _number(budget["BudgetLimit"]["Amount"]),
        "limit_unit": budget["BudgetLimit"]["Unit"],
        "name": name,
        "notification": [
            _read_notification(budgets, account, name, one)
            for one in notifications["Notifications"]
        ],
        "tags_all": tag_map(tags),
        "time_period_end": period["End"].astimezone(UTC).strftime(_MOMENT),
        "time_period_start": period["Start"].astimezone(UTC).strftime(_MOMENT),
        "time_unit": budget["TimeUnit"],
    }


def _read_notification(budgets: Any, account: str, name: str, one: Values) -> Values:
    told = budgets.describe_subscribers_for_notification(
        AccountId=account, BudgetName=name, Notification=one
    )["Subscribers"]

    def addresses(kind: str) -> list[str]:
        return [who["Address"] for who in told if who["SubscriptionType"] == kind]

    return {
        "comparison_operator": one["ComparisonOperator"],
        "notification_type": one["NotificationType"],
        "threshold": one["Threshold"],
        "threshold_type": one["ThresholdType"],
        "subscriber_sns_topic_arns": addresses("SNS"),
        "subscriber_email_addresses": addresses("EMAIL"),
    }


def _update(call: Call, prior: Values, planned: Values) -> None:
    budgets, name = call.global_client("budgets"), prior["name"]
    budgets.update_budget(AccountId=call.account, NewBudget=_budget(planned))
    if changed(prior, planned, "notification"):
        target: Values = {"AccountId": call.account, "BudgetName": name}
        for one in prior["notification"]:
            budgets.delete_notification(**target, Notification=_notification(one))
        for one in planned["notification"]:
            budgets.create_notification(
                **target, Notification=_notification(one), Subscribers=_subscribers(one)
            )
    arn = _arn(call, name)
    retag(
        prior,
        planned,
        lambda tags: budgets.tag_resource(ResourceARN=arn, ResourceTags=tag_list(tags)),
        lambda keys: budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=keys),
    )


def _delete(call: Call, values: Values) -> None:
    call.global_client("budgets").delete_budget(
        AccountId=values["account_id"], BudgetName=values["name"]
    )


def _customize(_call: Call, _prior: Values | None, planned: Values) -> None:
    if isinstance(planned["limit_amount"], str):
        planned["limit_amount"] = _number(planned["limit_amount"])


KINDS = {
    "aws_budgets_budget": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset({"account_id", "budget_type", "name", "name_prefix"}),
        defaults={
            "time_period_end": "2087-06-15_00:00",
            **{f"cost_types.{name}": std for name, (_, std) in COST_TYPES.items()},
        },
        computed_blocks=frozenset({"auto_adjust_data", "cost_filter", "cost_types"}),
        kept=frozenset({"auto_adjust_data", "billing_view_arn", "planned_limit"}),
        customize=_customize,
    ),
}
