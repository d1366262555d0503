"""A Terraform provider that knows what the AWS provider accepts, and can do nothing else.

It serves the schema file given as its only argument, so that `terraform validate` checks rendered
source against the real names and types of attributes and blocks without a download of 700 MB, and
`terraform plan` evaluates every expression of a new environment. It never talks to AWS: what AWS
would fill in stays unknown, and applying is an error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.iface import DataSource, Provider, Resource
from tf.runner import run_provider
from tf.schema import Attribute, Block, NestedBlock, NestMode, Schema
from tf.types import TfType

PREFIX = "aws_"
ONLY_SCHEMA = "this provider only knows the schema; it cannot apply"
NESTING = {
    "list": pb.Schema.NestedBlock.NestingMode.LIST,
    "set": pb.Schema.NestedBlock.NestingMode.SET,
    "single": pb.Schema.NestedBlock.NestingMode.SINGLE,
}
# The schema file holds resources and data sources. This is what the blueprints configure.
PROVIDER_BLOCK: dict[str, Any] = {
    "attributes": {
        "allowed_account_ids": {"type": ["set", "string"], "optional": True},
        "region": {"type": "string", "optional": True},
    },
    "blocks": {
        "default_tags": {
            "nesting": "list",
            "max": 1,
            "attributes": {"tags": {"type": ["map", "string"], "optional": True}},
        },
    },
}


class AnyType(TfType):  # type: ignore[misc]  # tf has no type information
    """A type as the schema file writes it, which is Terraform's own notation."""

    def __init__(self, notation: Any) -> None:
        self._notation = json.dumps(notation).encode()

    def encode(self, value: Any) -> Any:
        return value

    def decode(self, value: Any) -> Any:
        return value

    def tf_type(self) -> bytes:
        return self._notation


class AnyBlock(NestedBlock):  # type: ignore[misc]  # tf has no type information
    """A nested block of any nesting; `tf` itself knows sets only."""

    def __init__(self, name: str, facts: dict[str, Any]) -> None:
        # NestMode lacks LIST; to_pb puts the true nesting in.
        super().__init__(name, NestMode.Set, block(facts), facts.get("min"), facts.get("max"))
        self._nesting = facts["nesting"]

    def to_pb(self) -> Any:
        message = super().to_pb()
        message.nesting = NESTING[self._nesting]
        return message

    def encode(self, value: Any) -> Any:
        return value

    def decode(self, value: Any) -> Any:
        return value

    def semantically_equal(self, a_decoded: Any, b_decoded: Any) -> bool:
        return bool(a_decoded == b_decoded)


def attributes(facts: dict[str, Any]) -> list[Attribute]:
    return [
        Attribute(
            name,
            AnyType(fact["type"]),
            required=fact.get("required", False),
            optional=fact.get("optional", False),
            computed=fact.get("computed", False),
        )
        for name, fact in facts.get("attributes", {}).items()
    ]


def blocks(facts: dict[str, Any]) -> list[NestedBlock]:
    return [AnyBlock(name, fact) for name, fact in facts.get("blocks", {}).items()]


def block(facts: dict[str, Any]) -> Block:
    return Block(attributes=attributes(facts), block_types=blocks(facts))


def schema(facts: dict[str, Any]) -> Schema:
    return Schema(version=0, attributes=attributes(facts), block_types=blocks(facts))


def type_class(base: type[Any], name: str, facts: dict[str, Any]) -> type[Any]:
    """Make the class that `tf` wants for each type."""

    def refuse(*_: Any) -> Any:
        raise NotImplementedError(ONLY_SCHEMA)

    members = dict.fromkeys(("create", "read", "update", "delete", "import_"), refuse)
    return type(
        name,
        (base,),
        {
            **members,
            "__init__": lambda _self, _provider: None,
            "get_name": classmethod(lambda _cls: name.removeprefix(PREFIX)),
            "get_schema": classmethod(lambda _cls: schema(facts)),
        },
    )


class SchemaProvider(Provider):  # type: ignore[misc]  # tf has no type information
    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def get_model_prefix(self) -> str:
        return PREFIX

    def full_name(self) -> str:
        return str(self._facts["_meta"]["provider"])

    def get_provider_schema(self, _diags: Any) -> Schema:
        return schema(PROVIDER_BLOCK)

    def validate_config(self, diags: Any, config: Any) -> None:
        pass

    def configure_provider(self, diags: Any, config: Any) -> None:
        pass

    def get_data_sources(self) -> list[type[DataSource]]:
        return self._classes(DataSource, "data_sources")

    def get_resources(self) -> list[type[Resource]]:
        return self._classes(Resource, "resources")

    def _classes(self, base: type[Any], section: str) -> list[type[Any]]:
        return [type_class(base, name, facts) for name, facts in self._facts[section].items()]


if __name__ == "__main__":
    run_provider(SchemaProvider(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
