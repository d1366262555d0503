"""Rendered Terraform files -> what policies look at: resources, providers, modules, functions.

Static: nothing is downloaded, nothing runs. A file that cannot be read is an error, never nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.hcl.evaluate import Scope, Unknown, plain
from reconciler.core.hcl.parse import parse_hcl
from reconciler.core.hcl.syntax import (
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    ListOf,
    ObjectOf,
    Opaque,
    Reference,
    Template,
    Unary,
)

META = frozenset({"count", "for_each", "depends_on", "provider", "providers"})


@dataclass(frozen=True, slots=True)
class Thing:
    """A resource, a data source or a module call."""

    type: str
    name: str
    address: str
    path: str
    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A provisioner, or a function that is called."""

    name: str
    address: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that is required or set up; `values` is how it is set up."""

    name: str
    path: str
    line: int
    source: str
    version: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TerraformSource:
    """One folder of Terraform source, as far as it is known before a plan."""

    resources: tuple[Thing, ...]
    data: tuple[Thing, ...]
    modules: tuple[Thing, ...]
    providers: tuple[Provider, ...]
    provisioners: tuple[Named, ...]
    functions: tuple[Named, ...]


def read_source(files: Sequence[tuple[str, bytes]]) -> TerraformSource:
    """All `.tf` files of a folder together; HclError when one is not HCL."""
    bodies = [(path, parse_hcl(data)) for path, data in files if path.endswith(".tf")]
    scope = Scope([body for _, body in bodies])
    resources: list[Thing] = []
    data_sources: list[Thing] = []
    modules: list[Thing] = []
    required: list[Provider] = []
    set_up: list[tuple[str, Block]] = []
    provisioners: list[Named] = []
    functions: list[Named] = []
    for path, body in bodies:
        for block in body.blocks:
            labels = block.labels
            if block.type == "resource" and len(labels) == 2:  # noqa: PLR2004  # type and name
                address = f"{labels[0]}.{labels[1]}"
                resources.append(_thing(scope, path, block, labels[0], labels[1], address))
                provisioners += _provisioners(path, block, address)
            elif block.type == "data" and len(labels) == 2:  # noqa: PLR2004  # type and name
                address = f"data.{labels[0]}.{labels[1]}"
                data_sources.append(_thing(scope, path, block, labels[0], labels[1], address))
            elif block.type == "module" and len(labels) == 1:
                address = f"module.{labels[0]}"
                modules.append(_thing(scope, path, block, "module", labels[0], address))
            elif block.type == "terraform":
                required += _required(scope, path, block.body)
            elif block.type == "provider" and len(labels) == 1:
                set_up.append((path, block))
        functions += [Named(call.name, "", path, call.line) for call in _calls(body)]
    return TerraformSource(
        tuple(resources),
        tuple(data_sources),
        tuple(modules),
        tuple(_providers(scope, required, set_up)),
        tuple(provisioners),
        tuple(functions),
    )


def _thing(scope: Scope, path: str, block: Block, kind: str, name: str, address: str) -> Thing:
    return Thing(kind, name, address, path, block.line, _values(scope, block.body, top=True))


def _values(scope: Scope, body: Body, *, top: bool) -> dict[str, Any]:
    """Attributes by name, nested blocks as lists, as in a plan's JSON."""
    values: dict[str, Any] = {}
    for attribute in body.attributes:
        if not (top and attribute.name in META):
            values[attribute.name] = plain(scope.value(attribute.value))
    for block in body.blocks:
        if block.type == "dynamic" and len(block.labels) == 1:
            values[block.labels[0]] = plain(Unknown(f"dynamic {block.labels[0]}"))
        elif not (top and block.type in ("lifecycle", "provisioner", "connection", "timeouts")):
            found = values.setdefault(block.type, [])
            if isinstance(found, list):
                found.append(_values(scope, block.body, top=False))
    return values


def _provisioners(path: str, block: Block, address: str) -> Iterator[Named]:
    for inner in block.body.blocks:
        if inner.type == "provisioner":
            yield Named(inner.labels[0] if inner.labels else "", address, path, inner.line)


def _providers(
    scope: Scope, required: Sequence[Provider], set_up: Sequence[tuple[str, Block]]
) -> Iterator[Provider]:
    """Each set-up with what is required of it; a provider that nobody requires has no source."""
    known = {one.name: one for one in required}
    for path, block in set_up:
        name = block.labels[0]
        wanted = known.get(name)
        source, version = (wanted.source, wanted.version) if wanted else ("", "")
        values = _values(scope, block.body, top=False)
        yield Provider(name, path, block.line, source, version, values)
    names = {block.labels[0] for _, block in set_up}
    yield from (one for one in required if one.name not in names)


def _required(scope: Scope, path: str, body: Body) -> Iterator[Provider]:
    for block in body.blocks:
        if block.type != "required_providers":
            continue
        for attribute in block.body.attributes:
            value = scope.value(attribute.value)
            wanted = value if isinstance(value, dict) else {}
            yield Provider(
                attribute.name,
                path,
                attribute.line,
                str(wanted.get("source", "")),
                str(wanted.get("version", "")),
                {},
            )


def _calls(body: Body) -> Iterator[Call]:
    for attribute in body.attributes:
        yield from _calls_in(attribute.value)
    for block in body.blocks:
        yield from _calls(block.body)


def _calls_in(expression: Expression) -> Iterator[Call]:
    if isinstance(expression, Call):
        yield expression
    for inner in _inner(expression):
        yield from _calls_in(inner)


def _inner(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Template(parts) | ListOf(parts):
            return parts
        case Reference(_, steps):
            return steps
        case Call(_, arguments):
            return arguments
        case Unary(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Conditional(test, then, otherwise):
            return (test, then, otherwise)
        case ObjectOf(items):
            return tuple(one for item in items for one in item)
        case Opaque(_, inner):
            return inner
    return ()
