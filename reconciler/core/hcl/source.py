"""Rendered Terraform files -> what policies look at: resources, providers, modules, functions.

Static: nothing is downloaded, nothing runs. A file that cannot be read is an error, never nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from posixpath import dirname, normpath
from typing import Any

from reconciler.core.hcl.evaluate import UNKNOWN_KEY, Budget, Scope, unknown
from reconciler.core.hcl.parse import HclError, parse_hcl, parse_template
from reconciler.core.hcl.syntax import (
    Binary,
    Block,
    Body,
    Call,
    Conditional,
    Expression,
    ListOf,
    Literal,
    ObjectOf,
    Opaque,
    Reference,
    Template,
    Unary,
)

_KNOWN = frozenset(
    {
        "check",
        "data",
        "ephemeral",
        "import",
        "locals",
        "module",
        "moved",
        "output",
        "provider",
        "removed",
        "resource",
        "terraform",
        "variable",
    }
)
"""Blocks that are read, or that make nothing. What is new to us may run anything."""
_PREFIXES = {"resource": "", "data": "data.", "ephemeral": "ephemeral."}
"""By block, what its address begins with. Ephemeral ones are read in each run, as data is."""
_BUILT_IN = "terraform"
"""The provider that Terraform carries in itself."""
_BUILT_IN_FUNCTIONS = "core::"
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
class Function:
    """A function that is called, by its name without `core::`."""

    name: str
    address: str
    path: str
    line: int
    own: bool
    """Whether it is certain that it looks at nothing but files that the blueprint brings."""


@dataclass(frozen=True, slots=True)
class Named:
    """A provisioner."""

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
    functions: tuple[Function, ...]
    imports: tuple[Thing, ...]
    """Blocks that take over what is there; the address is what it becomes."""


def read_source(files: Sequence[tuple[str, bytes]]) -> TerraformSource:
    """All `.tf` files together; HclError when one is not HCL, or takes too much to work out.

    Each folder has its own names: a file of another one must not change what rules see of this one.
    """
    bodies = [(path, _parsed(path, data)) for path, data in files if path.endswith(".tf")]
    scopes = _scopes(bodies)
    resources: list[Thing] = []
    data_sources: list[Thing] = []
    modules: list[Thing] = []
    required: list[Provider] = []
    set_up: list[tuple[str, Block, dict[str, Any]]] = []
    provisioners: list[Named] = []
    functions: list[Function] = []
    imports: list[Thing] = []
    contents = dict(files)
    used: dict[str, tuple[str, int]] = {}
    for path, body in bodies:
        scope = scopes[dirname(path)]
        with _placed(path):
            for block in _blocks(path, body):
                labels = block.labels
                if block.type in _PREFIXES and len(labels) == 2:  # noqa: PLR2004  # type and name
                    address = f"{_PREFIXES[block.type]}{labels[0]}.{labels[1]}"
                    things = resources if block.type == "resource" else data_sources
                    things.append(_thing(scope, path, block, labels[0], labels[1], address))
                    provisioners += _provisioners(path, block, address)
                    used.setdefault(_provider_of(block), (path, block.line))
                elif block.type == "import":
                    imports.append(_import(scope, path, block))
                elif block.type == "removed":
                    provisioners += _provisioners(path, block, "")
                elif block.type == "module" and len(labels) == 1:
                    address = f"module.{labels[0]}"
                    modules.append(_thing(scope, path, block, "module", labels[0], address))
                elif block.type == "terraform":
                    _refuse_own_state(path, block.body)
                    required += _required(scope, path, block.body)
                elif block.type == "provider" and len(labels) == 1:
                    set_up.append((path, block, _values(scope, block.body, top=False)))
            functions += _functions(path, _calls(body), contents)
    return TerraformSource(
        tuple(resources),
        tuple(data_sources),
        tuple(modules),
        tuple(_providers(required, set_up, used)),
        tuple(provisioners),
        tuple(functions),
        tuple(imports),
    )


def _import(scope: Scope, path: str, block: Block) -> Thing:
    """`to` names a resource and is no value; all of it, with a key, stays among the values."""
    values = _values(scope, block.body, top=False)
    to = values.get("to", "")
    if isinstance(to, dict):
        values["to"] = to = str(to.get(UNKNOWN_KEY, to))
    kind, name = (*str(to).partition("[")[0].split("."), "")[:2]
    return Thing(kind, name, f"{kind}.{name}", path, block.line, values)


def _refuse_own_state(path: str, body: Body) -> None:
    """A source that says where its state is kept could read or overwrite another one's."""
    for inner in body.blocks:
        if inner.type in ("backend", "cloud"):
            err = HclError(inner.line, 1, "state is kept where reconciler.yaml says, by no source")
            err.path = path
            raise err


@contextmanager
def _placed(path: str) -> Iterator[None]:
    """An error says its file. The stack's end is one too: it comes where our bounds are wrong."""
    try:
        yield
    except HclError as err:
        err.path = err.path or path
        raise
    except RecursionError:
        deep = HclError(1, 1, "nested too deeply")
        deep.path = path
        raise deep from None


def _parsed(path: str, data: bytes) -> Body:
    with _placed(path):
        return parse_hcl(data)


def _scopes(bodies: Sequence[tuple[str, Body]]) -> dict[str, Scope]:
    """By folder; what may be spent is for all of them, or many folders would take long."""
    budget = Budget()
    scopes: dict[str, Scope] = {}
    for path, body in bodies:
        with _placed(path):
            scopes.setdefault(dirname(path), Scope(budget=budget)).add(body)
    return scopes


def _thing(scope: Scope, path: str, block: Block, kind: str, name: str, address: str) -> Thing:
    return Thing(kind, name, address, path, block.line, _values(scope, block.body, top=True))


def _values(scope: Scope, body: Body, *, top: bool) -> dict[str, Any]:
    """Attributes by name, nested blocks as lists, as in a plan's JSON."""
    values: dict[str, Any] = {}
    for attribute in body.attributes:
        if not (top and attribute.name in META):
            values[attribute.name] = scope.plain(attribute)
    nested: dict[str, list[Any]] = {}
    literal: set[str] = set()
    for block in body.blocks:
        if block.type == "dynamic" and len(block.labels) == 1:
            name = block.labels[0]
            found: Any = unknown(f"dynamic {name}")
        elif top and block.type in ("lifecycle", "provisioner", "connection", "timeouts"):
            continue
        else:
            name = block.type
            found = _values(scope, block.body, top=False)
            literal.add(name)
        if name in values:  # one would hide the other
            raise HclError(block.line, 1, f"`{name}` is an argument and a block")
        nested.setdefault(name, []).append(found)
    for name, many in nested.items():
        values[name] = many if name in literal else many[0]
    return values


def _provisioners(path: str, block: Block, address: str) -> Iterator[Named]:
    for inner in block.body.blocks:
        if inner.type == "provisioner":
            yield Named(inner.labels[0] if inner.labels else "", address, path, inner.line)


def _blocks(path: str, body: Body) -> Iterator[Block]:
    """All that something is made of; a check may hold a data source of its own."""
    for block in body.blocks:
        if block.type not in _KNOWN:
            words = f"nothing here knows what a block `{block.type}` does"
            err = HclError(block.line, 1, words)
            err.path = path
            raise err
        yield block
        if block.type == "check":
            yield from (inner for inner in block.body.blocks if inner.type == "data")


def _provider_of(block: Block) -> str:
    """The local name of the provider that makes it: `provider`, else what its type begins with."""
    for attribute in block.body.attributes:
        if attribute.name == "provider":
            match attribute.value:
                case Reference(root, _):
                    return root
                case Literal(str(root)):
                    return root.partition(".")[0]
    return block.labels[0].partition("_")[0]


def _providers(
    required: Sequence[Provider],
    set_up: Sequence[tuple[str, Block, dict[str, Any]]],
    used: Mapping[str, tuple[str, int]],
) -> Iterator[Provider]:
    """Each set-up with what is required of it; a provider that nobody requires has no source.

    Terraform also downloads those that are only used.
    """
    known = {one.name: one for one in required}
    for path, block, values in set_up:
        name = block.labels[0]
        wanted = known.get(name)
        source, version = (wanted.source, wanted.version) if wanted else ("", "")
        yield Provider(name, path, block.line, source, version, values)
    names = {block.labels[0] for _, block, _ in set_up}
    yield from (one for one in required if one.name not in names)
    for name, (path, line) in used.items():
        if name not in names and name not in known and name != _BUILT_IN:
            yield Provider(name, path, line, "", "", {})


def _required(scope: Scope, path: str, body: Body) -> Iterator[Provider]:
    for block in body.blocks:
        if block.type != "required_providers":
            continue
        for attribute in block.body.attributes:
            value = scope.known(attribute)
            wanted = value if isinstance(value, dict) else {}
            yield Provider(
                attribute.name,
                path,
                attribute.line,
                str(wanted.get("source", "")),
                str(wanted.get("version", "")),
                {},
            )


def _functions(
    path: str, calls: Iterable[Call], contents: Mapping[str, bytes]
) -> Iterator[Function]:
    """All that are called, also by the templates that a call fills in."""
    for call in calls:
        name = call.name.removeprefix(_BUILT_IN_FUNCTIONS)
        file = _file_of(path, name, call)
        own = file in contents or (file is not None and name in ("fileset", "fileexists"))
        yield Function(name, "", path, call.line, own)
        if name == "templatefile" and file in contents:
            with _placed(str(file)):
                inner = parse_template(contents[str(file)])
            yield from _functions(str(file), _calls_in(inner), {})  # there is no `path` in it


def _file_of(path: str, name: str, call: Call) -> str | None:
    """What a call reads, when it is written as `${path.module}/...` and cannot lead elsewhere."""
    match call.arguments:
        case (Template((Reference("path", (Literal("module"),)), Literal(str(rest)))), *more):
            pass
        case _:
            return None
    patterns = [one.value if isinstance(one, Literal) else ".." for one in more]
    if name == "fileset" and any(".." in str(one) for one in (rest, *patterns)):
        return None
    if not rest.startswith("/") or ".." in rest.split("/"):
        return None
    return normpath(f"{dirname(path)}{rest}")


def _calls(body: Body) -> Iterator[Call]:
    for attribute in body.attributes:
        yield from _calls_in(attribute.value)
    for block in body.blocks:
        yield from _calls(block.body)


def _calls_in(expression: Expression) -> Iterator[Call]:
    """In the order of the text; without recursion, as a sum may be as deep as it is long."""
    rest = [expression]
    while rest:
        one = rest.pop()
        if isinstance(one, Call):
            yield one
        rest.extend(reversed(_inner(one)))


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
