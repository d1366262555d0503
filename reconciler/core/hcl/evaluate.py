"""What is known before a plan: constants, locals, defaults of variables, simple functions.

Everything else is Unknown, with the gist of its text. A condition that is unknown has no value, a
template with an unknown part is unknown. Nothing here touches a file: functions that read files are
never called, only named. `jsonencode` of a value that is known in part keeps what is known.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.hcl.syntax import (
    Attribute,
    Binary,
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

MAX_VALUES: Final = 100_000
"""Values that working out one folder may make; more is Unknown."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only a plan can tell."""

    text: str


Value = Any
"""Unknown, None, bool, int, float, str, list or dict of these."""


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_known(value: Value) -> bool:
    if isinstance(value, Unknown):
        return False
    if isinstance(value, dict):
        return all(_is_known(one) for one in value.values())
    if isinstance(value, list):
        return all(_is_known(one) for one in value)
    return True


def _concat(*lists: list[Value]) -> list[Value]:
    return [item for one in lists for item in one]


def _merge(*maps: dict[str, Value] | None) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for one in maps:
        merged.update(one or {})
    return merged


def _flatten(items: list[Value]) -> list[Value]:
    return [inner for one in items for inner in (_flatten(one) if isinstance(one, list) else [one])]


def _lookup(within: dict[str, Value], key: str, default: Value = None) -> Value:
    return within.get(key, default)


_FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "abs": abs,
    "compact": lambda items: [one for one in items if one not in ("", None)],
    "concat": _concat,
    "contains": lambda items, one: one in items,
    "distinct": lambda items: [one for n, one in enumerate(items) if one not in items[:n]],
    "endswith": lambda text, end: text.endswith(end),
    "flatten": _flatten,
    "join": lambda between, items: between.join(_text(one) for one in items),
    "jsondecode": json.loads,
    "jsonencode": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "keys": sorted,
    "length": len,
    "lookup": _lookup,
    "lower": lambda text: text.lower(),
    "max": max,
    "merge": _merge,
    "min": min,
    "sort": sorted,
    "split": lambda between, text: text.split(between),
    "startswith": lambda text, start: text.startswith(start),
    "substr": lambda text, at, size: text[at:] if size < 0 else text[at : at + size],
    "tobool": lambda value: (
        value if isinstance(value, bool) else {"true": True, "false": False}[value]
    ),
    "tolist": list,
    "tomap": dict,
    "tonumber": lambda value: value if isinstance(value, int | float) else json.loads(value),
    "toset": lambda items: sorted({*items}),
    "tostring": _text,
    "trimprefix": lambda text, start: text.removeprefix(start),
    "trimspace": lambda text: text.strip(),
    "trimsuffix": lambda text, end: text.removesuffix(end),
    "upper": lambda text: text.upper(),
    "values": lambda value: [value[key] for key in sorted(value)],
}
_LAZY: Final = frozenset({"try", "coalesce", "can"})


class Scope:
    """The names of one folder of Terraform source: locals, and variables with defaults."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self._locals: dict[str, Attribute] = {}
        self._variables: dict[str, Attribute] = {}
        for body in bodies:
            for block in body.blocks:
                if block.type == "locals":
                    self._locals.update({one.name: one for one in block.body.attributes})
                elif block.type == "variable" and len(block.labels) == 1:
                    default = block.body.get("default")
                    if default is not None:
                        self._variables[block.labels[0]] = default
        self._known: dict[tuple[str, str], Value] = {}
        self._open: set[tuple[str, str]] = set()
        self._made = 0

    def value(self, expression: Expression) -> Value:  # noqa: C901, PLR0912  # a case for each form
        """What an expression comes to, or Unknown."""
        self._made += 1
        if self._made > MAX_VALUES:
            return Unknown("too much to work out")
        match expression:
            case Literal(value):
                return value
            case Template(parts):
                values = [self.value(part) for part in parts]
                if all(isinstance(one, str | int | float) for one in values):
                    joined = "".join(_text(one) for one in values)
                    self._made += len(joined) // 100
                    return joined
                return Unknown(gist(expression))
            case Reference(root, steps):
                return self._reference(root, steps, expression)
            case ListOf(items):
                return [self.value(item) for item in items]
            case ObjectOf(items):
                return self._object(items, expression)
            case Conditional(test, then, otherwise):
                known = self.value(test)
                if isinstance(known, bool):
                    return self.value(then if known else otherwise)
                return Unknown(gist(expression))
            case Unary(operator, operand):
                known = self.value(operand)
                if operator == "!" and isinstance(known, bool):
                    return not known
                if operator == "-" and isinstance(known, int | float):
                    return -known
                return Unknown(gist(expression))
            case Binary(operator, left, right):
                return self._binary(operator, left, right, expression)
            case Call(name, arguments, spread):
                return self._call(name, arguments, expression, spread=spread)
            case Opaque():
                return Unknown(gist(expression))

    def _object(self, items: tuple[tuple[Expression, Expression], ...], whole: Expression) -> Value:
        made: dict[str, Value] = {}
        for key, item in items:
            name = self.value(key)
            if not isinstance(name, str | int | float):
                return Unknown(gist(whole))
            made[_text(name)] = self.value(item)
        return made

    def _reference(self, root: str, steps: tuple[Expression, ...], whole: Expression) -> Value:
        names = {"local": self._locals, "var": self._variables}.get(root)
        first = steps[0] if steps else None
        if names is None or not isinstance(first, Literal) or first.value not in names:
            return Unknown(gist(whole))
        key = (root, str(first.value))
        if key not in self._known:
            if key in self._open:
                return Unknown(gist(whole))
            self._open.add(key)
            self._known[key] = self.value(names[key[1]].value)
            self._open.discard(key)
        value = self._known[key]
        for step in steps[1:]:
            index = self.value(step)
            in_map = isinstance(value, dict) and isinstance(index, str) and index in value
            in_list = isinstance(value, list) and type(index) is int and 0 <= index < len(value)
            if not (in_map or in_list):
                return Unknown(gist(whole))
            value = value[index]
        return value

    def _binary(
        self, operator: str, left: Expression, right: Expression, whole: Expression
    ) -> Value:
        one = self.value(left)
        if operator in ("&&", "||"):
            decided = operator == "||"
            if one is decided:
                return decided
            other = self.value(right)
            if other is decided:
                return decided
            return (
                other if isinstance(one, bool) and isinstance(other, bool) else Unknown(gist(whole))
            )
        other = self.value(right)
        if not (_is_known(one) and _is_known(other)):
            return Unknown(gist(whole))
        if operator in ("==", "!="):
            numbers = {type(one), type(other)} <= {int, float}
            same = one == other and (numbers or type(one) is type(other))
            return same if operator == "==" else not same
        if isinstance(one, bool) or isinstance(other, bool):
            return Unknown(gist(whole))
        if isinstance(one, int | float) and isinstance(other, int | float):
            return _arithmetic(operator, one, other, whole)
        return Unknown(gist(whole))

    def _call(
        self, name: str, arguments: tuple[Expression, ...], whole: Expression, *, spread: bool
    ) -> Value:
        if name in _LAZY and not spread:
            for argument in arguments if name != "can" else ():
                value = self.value(argument)
                if isinstance(value, Unknown):
                    break
                if name == "try" or value not in (None, ""):
                    return value
            return Unknown(gist(whole))
        values = [self.value(argument) for argument in arguments]
        if spread and values and isinstance(values[-1], list):
            values = [*values[:-1], *values[-1]]
        known = all(_is_known(one) for one in values)
        if name in ("merge", "concat") and not any(isinstance(one, Unknown) for one in values):
            known = True
        if name == "jsonencode" and len(values) == 1 and not known:
            return values[0]  # what is known of it, as the value that it encodes
        function = _FUNCTIONS.get(name)
        if function is None or not known:
            return Unknown(gist(whole))
        self._made += sum(len(one) for one in values if isinstance(one, str | list | dict)) // 10
        try:
            return function(*values)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            return Unknown(gist(whole))


def _arithmetic(operator: str, one: float, other: float, whole: Expression) -> Value:
    try:
        match operator:
            case "+":
                return one + other
            case "-":
                return one - other
            case "*":
                return one * other
            case "/":
                exact = one / other
                return int(exact) if exact == int(exact) else exact
            case "%":
                return one % other
            case "<":
                return one < other
            case ">":
                return one > other
            case "<=":
                return one <= other
            case ">=":
                return one >= other
    except (ZeroDivisionError, OverflowError):
        pass
    return Unknown(gist(whole))


_LONG: Final = 120


def gist(expression: Expression) -> str:
    """An expression in short, for messages and for rules that look at what is referred to."""
    text = _gist(expression)
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def _gist(expression: Expression) -> str:
    match expression:
        case Literal(value):
            return json.dumps(value)
        case Template(parts):
            inner = (
                str(part.value) if isinstance(part, Literal) else f"${{{_gist(part)}}}"
                for part in parts
            )
            return '"' + "".join(inner) + '"'
        case Reference(root, steps):
            return root + "".join(_step(step) for step in steps)
        case Call(name, arguments):
            return f"{name}({', '.join(_gist(one) for one in arguments)})"
        case Unary(operator, operand):
            return operator + _gist(operand)
        case Binary(operator, left, right):
            return f"{_gist(left)} {operator} {_gist(right)}"
        case Conditional(test, then, otherwise):
            return f"{_gist(test)} ? {_gist(then)} : {_gist(otherwise)}"
        case ListOf(items):
            return "[" + ", ".join(_gist(one) for one in items) + "]"
        case ObjectOf(items):
            return "{" + ", ".join(f"{_gist(key)} = {_gist(one)}" for key, one in items) + "}"
        case Opaque(text):
            return re.sub(r"\s+", " ", text)


def _step(step: Expression) -> str:
    if isinstance(step, Literal) and isinstance(step.value, str):
        return f".{step.value}"
    return f"[{_gist(step)}]"


def plain(value: Value) -> Any:
    """For JSON: Unknown as `{"__unknown__": text}`."""
    if isinstance(value, Unknown):
        return {"__unknown__": value.text}
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
