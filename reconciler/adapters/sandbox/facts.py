"""What the AWS provider 6.25.0 accepts, as data, and as the message that terraform asks for.

The names, types and flags of the schema file are those of the real provider. An attribute that is
not in there is terraform's own error.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

SCHEMA_FILE: Final = Path(__file__).with_name("aws-6.25.0.json")
VERSION: Final = "6.25.0"
PROVIDER: Final = "registry.terraform.io/hashicorp/aws"

# The real provider marks these as sensitive; the schema file does not say so.
SENSITIVE: Final = frozenset(
    {
        ("aws_db_instance", "password"),
        ("aws_db_instance", "password_wo"),
        ("aws_lb_listener", "default_action.authenticate_oidc.client_secret"),
        ("aws_rds_cluster", "master_password"),
        ("aws_rds_cluster", "master_password_wo"),
    }
)

# The part of the provider's own block that means something here.
PROVIDER_BLOCK: Final[Mapping[str, Any]] = {
    "attributes": {
        "access_key": {"type": "string", "optional": True},
        "allowed_account_ids": {"type": ["set", "string"], "optional": True},
        "forbidden_account_ids": {"type": ["set", "string"], "optional": True},
        "region": {"type": "string", "optional": True},
        "secret_key": {"type": "string", "optional": True},
        "token": {"type": "string", "optional": True},
    },
    "blocks": {
        "default_tags": {
            "nesting": "list",
            "max": 1,
            "attributes": {"tags": {"type": ["map", "string"], "optional": True}},
        },
    },
}


@cache
def resources() -> dict[str, dict[str, Any]]:
    """Every resource type: its attributes and blocks, as the schema file has them."""
    loaded: dict[str, dict[str, Any]] = json.loads(SCHEMA_FILE.read_bytes())["resources"]
    return loaded


def provider_schema() -> Any:
    return _schema("", PROVIDER_BLOCK)


def resource_schema(name: str) -> Any:
    return _schema(name, resources()[name])


def _schema(name: str, facts: Mapping[str, Any]) -> Any:
    from tf.gen import tfplugin_pb2 as pb

    return pb.Schema(version=0, block=_block(name, "", facts))


def _block(name: str, path: str, facts: Mapping[str, Any]) -> Any:
    from tf.gen import tfplugin_pb2 as pb

    nestings = pb.Schema.NestedBlock.NestingMode
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=attribute,
                type=json.dumps(fact["type"]).encode(),
                required=fact.get("required", False),
                optional=fact.get("optional", False),
                computed=fact.get("computed", False),
                sensitive=(name, path + attribute) in SENSITIVE,
            )
            for attribute, fact in facts.get("attributes", {}).items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=nested,
                block=_block(name, f"{path}{nested}.", fact),
                nesting=getattr(nestings, fact["nesting"].upper()),
                min_items=fact.get("min", 0),
                max_items=fact.get("max", 0),
            )
            for nested, fact in facts.get("blocks", {}).items()
        ],
    )
