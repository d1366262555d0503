"""A Rego file's syntax tree, as references, calls and rule heads: what the checks look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.model.policy import Parsed

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """`root.a["b"][x].c`: the root's name, the parts up to the first that is not constant."""

    root: str
    parts: tuple[str, ...]
    dots: int
    """How many of the first parts were written with a dot."""
    line: int
    column: int
    called: bool = False

    @property
    def name(self) -> str:
        """As one word with dots."""
        return ".".join((self.root, *self.parts))


@dataclass(frozen=True, slots=True)
class Text:
    """A string constant; `format_of` names the function whose first argument it is."""

    value: str
    line: int
    column: int
    format_of: str = ""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a `with` replaces."""

    target: Reference | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Head:
    """A rule by name, with the lines that it fills."""

    name: str
    line: int
    end: int
    is_set: bool


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the checks need of one file."""

    path: str
    package: str
    package_line: int
    imports: dict[str, tuple[str, int]]
    """Alias -> what it stands for, and the line."""
    heads: tuple[Head, ...]
    found: tuple[Reference | Text | Replaced, ...]


def read(parsed: Parsed) -> Syntax:
    """The file's parts. Nothing is looked up and nothing judged."""
    tree = parsed.tree
    package = _chain(tree["package"]["refr"])
    imports = {}
    for one in tree["imports"]:
        reference = _chain(one["refr"])
        if reference is None:
            continue
        given = one.get("as")
        alias = (reference.parts or (reference.root,))[-1]
        if given is not None:
            alias = parsed.source.encode()[given["start"] : given["end"]].decode()
        imports[alias] = (reference.name, reference.line)
    return Syntax(
        parsed.path,
        package.name if package else "",
        tree["package"]["span"]["line"],
        imports,
        tuple(_heads(tree["rules"])),
        tuple(_walk(tree["rules"])),
    )


def _kind(node: Any) -> tuple[str, Any]:
    if isinstance(node, dict) and len(node) == 1:
        return next(iter(node.items()))
    return "", node


def _constant(node: Any) -> str | None:
    kind, body = _kind(node)
    return str(body["value"]) if kind in ("String", "RawString") else None


def _chain(node: Any, *, called: bool = False) -> Reference | None:
    """A chain of dots and brackets as a reference; None when it does not start at a name."""
    parts: list[tuple[str | None, bool]] = []
    while True:
        kind, body = _kind(node)
        if kind == "RefDot":
            parts.append((body["field"][1], True))
        elif kind == "RefBrack":
            parts.append((_constant(body["index"]), False))
        elif kind == "Var":
            parts.reverse()
            names: list[str] = []
            dots = 0
            for part, dotted in parts:
                if part is None:
                    break
                dots += dotted and dots == len(names)
                names.append(part)
            span = body["span"]
            root = str(body["value"])
            return Reference(root, tuple(names), dots, span["line"], span["col"], called)
        else:
            return None
        node = body["refr"]


def _inside(node: Any) -> Iterator[Any]:
    """What stands in the brackets of a chain, and what the chain starts at when that is no name."""
    kind, body = _kind(node)
    while kind in ("RefDot", "RefBrack"):
        if kind == "RefBrack":
            yield body["index"]
        node = body["refr"]
        kind, body = _kind(node)
    if kind != "Var":
        yield node


def _walk(rules: Any) -> Iterator[Reference | Text | Replaced]:
    """Every reference, string and `with`, reached by evaluation or not.

    There is no recursion: a file may nest deeply.
    """
    stack: list[Any] = [rules]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += reversed(node)
            continue
        if not isinstance(node, dict):
            continue
        kind, body = _kind(node)
        if kind == "Call":
            yield from _call(body)
            stack += [*reversed(body["params"]), *_inside(body["fcn"])]
        elif kind in ("RefDot", "RefBrack", "Var"):
            reference = _chain(node)
            if reference is not None:
                yield reference
            stack += _inside(node)
        elif kind in ("String", "RawString") and isinstance(body, dict):
            yield Text(str(body["value"]), body["span"]["line"], body["span"]["col"])
        else:
            yield from _withs(node)
            stack += reversed(list(node.values()))


def _call(body: Node) -> Iterator[Reference | Text]:
    called = _chain(body["fcn"], called=True)
    if called is None:
        return
    yield called
    first = _constant(body["params"][0]) if body["params"] else None
    if first is not None:
        yield Text(first, called.line, called.column, called.name)


def _withs(node: Node) -> Iterator[Replaced]:
    for one in node.get("with_mods") or ():
        target = _chain(one["refr"])
        line, column = (target.line, target.column) if target else (0, 0)
        yield Replaced(target, line, column)


def _heads(rules: Any) -> Iterator[Head]:
    for rule in rules:
        kind, body = _kind(rule)
        if kind == "Spec":
            shape, head = _kind(body["head"])
            node = head["refr"]
        else:  # `default x := ...`
            shape, node = kind, body["refr"]
        reference = _chain(node)
        if reference is None:
            continue
        span = body["span"]
        end = span["line"] + _lines(body)
        yield Head(".".join((reference.root, *reference.parts)), span["line"], end, shape == "Set")


def _lines(body: Node) -> int:
    """How many lines below its first a rule goes on: the last line of anything in it."""
    first = last = body["span"]["line"]
    stack: list[Any] = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            last = max(last, node.get("line", 0) if isinstance(node.get("line"), int) else 0)
            stack += node.values()
    return int(last - first)
