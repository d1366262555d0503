"""The syntax tree of HCL, as frozen values."""

from dataclasses import dataclass
from typing import Union

Expression = Union[
    "Literal",
    "Template",
    "Reference",
    "Call",
    "Unary",
    "Binary",
    "Conditional",
    "ListOf",
    "ObjectOf",
    "Opaque",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a truth value, null, or a string without anything to work out."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """A string with expressions in it."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """`local.name`, `aws_vpc.main.id`, `var.x[0]`: a root and what is looked up in it."""

    root: str
    steps: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function's call."""

    name: str
    arguments: tuple[Expression, ...]
    spread: bool
    line: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`!a`, `-a`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """`a + b`, `a == b`, `a && b` ..."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Conditional:
    """`a ? b : c`."""

    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """`{a = b}`."""

    items: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """What is read and not worked out: `for` expressions, splats, template directives.

    The expressions inside are kept, so that whoever looks for functions and references finds them.
    """

    text: str
    inner: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name = expression`."""

    name: str
    value: Expression
    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" { ... }`."""

    type: str
    labels: tuple[str, ...]
    body: "Body"
    line: int


@dataclass(frozen=True, slots=True)
class Body:
    """What stands between braces, or in a file."""

    attributes: tuple[Attribute, ...]
    blocks: tuple[Block, ...]

    def get(self, name: str) -> Attribute | None:
        """The attribute of that name."""
        return next((one for one in self.attributes if one.name == name), None)
