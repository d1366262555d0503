"""What all things of EC2 have in common: tags on creation, and calls that look one thing up."""

from typing import Any

from reconciler.adapters.sandbox.call import Call, retag, tag_list, tag_map
from reconciler.adapters.sandbox.values import Values


def specification(kind: str, values: Values) -> list[Values]:
    """The tags of a new thing, as the creating call wants them."""
    tags = tag_list(values.get("tags_all"))
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def tags_of(thing: Values) -> dict[str, str]:
    return tag_map(thing.get("Tags", []))


def retag_ec2(call: Call, prior: Values, planned: Values) -> None:
    ec2, identity = call.client("ec2"), prior["id"]
    retag(
        prior,
        planned,
        lambda tags: ec2.create_tags(Resources=[identity], Tags=tag_list(tags)),
        lambda keys: ec2.delete_tags(Resources=[identity], Tags=[{"Key": key} for key in keys]),
    )


def filtered(**names: Any) -> list[Values]:
    """Filters of a describing call: underscores stand for hyphens."""
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in names.items()]


def first(things: list[Values]) -> Values | None:
    return things[0] if things else None
