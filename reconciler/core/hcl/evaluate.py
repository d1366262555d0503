"""What is known before a plan: constants, locals, defaults of variables, simple functions.

Everything else is Unknown, with the gist of its text. A condition that is unknown has no value, a
template with an unknown part is unknown. Nothing here touches a file: functions that read files are
never called, only named. `jsonencode` of a value that is known in part keeps what is known.

Source may be hostile: time, memory, depth, texts and numbers are bounded, and beyond a bound there
is an error, never an Unknown, since rules would let an Unknown pass.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NoReturn

from reconciler.core.hcl.parse import HclError
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

UNKNOWN_KEY: Final = "__unknown__"
"""The one key of what JSON has for a value that only a plan can tell."""
MAX_VALUES: Final = 100_000
"""Values that working out a source may make; more is an error."""
MAX_TEXT: Final = 1024 * 1024
"""Characters of a text."""
_MAX_BITS: Final = 1024
"""Of a whole number; Terraform keeps 512."""
_MAX_CALLS: Final = 150
"""Values that are worked out for one another, well below what Python's stack can hold."""
_MAX_NESTED: Final = 100
"""Lists and maps in one another; who writes the values as JSON must be able to."""
_STEPS: Final = 4
"""Looking at a value costs one step, working it out costs this many."""
_CHARACTERS: Final = 16
"""Of a text, for one step."""


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


def _concat(*lists: list[Value]) -> list[Value]:
    return [item for one in lists for item in one]


def _merge(*maps: dict[str, Value] | None) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for one in maps:
        merged.update(one or {})
    return merged


def _flatten(items: list[Value]) -> list[Value]:
    return [inner for one in items for inner in (_flatten(one) if isinstance(one, list) else [one])]


def _join(between: str, items: Iterable[Value]) -> str:
    """OverflowError before the text is made, as a long separator makes any text huge."""
    parts = [_text(one) for one in items]
    if len(between) * len(parts) + sum(len(one) for one in parts) > MAX_TEXT:
        raise OverflowError
    return between.join(parts)


def _key(value: Value) -> str:
    """One text for equal values.

    A set of the values themselves could be made slow by numbers of one hash.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _distinct(items: list[Value]) -> list[Value]:
    first: dict[str, Value] = {}
    for one in items:
        first.setdefault(_key(one), one)
    return list(first.values())


def _toset(items: list[Value]) -> list[Value]:
    if any(isinstance(one, list | dict) for one in items):
        raise TypeError
    return sorted(_distinct(items))


def _lookup(within: dict[str, Value], key: str, default: Value = None) -> Value:
    return within.get(key, default)


_FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "abs": abs,
    "compact": lambda items: [one for one in items if one not in ("", None)],
    "concat": _concat,
    "contains": lambda items, one: one in items,
    "distinct": _distinct,
    "endswith": lambda text, end: text.endswith(end),
    "flatten": _flatten,
    "join": _join,
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
    "toset": _toset,
    "tostring": _text,
    "trimprefix": lambda text, start: text.removeprefix(start),
    "trimspace": lambda text: text.strip(),
    "trimsuffix": lambda text, end: text.removesuffix(end),
    "upper": lambda text: text.upper(),
    "values": lambda value: [value[key] for key in sorted(value)],
}
_LAZY: Final = frozenset({"try", "coalesce", "can"})


class Budget:
    """What is left to spend; the folders of one source share it."""

    def __init__(self) -> None:
        self.steps = MAX_VALUES * _STEPS


class Scope:
    """The names of one folder of Terraform source: locals, and variables with defaults."""

    def __init__(self, bodies: Sequence[Body] = (), budget: Budget | None = None) -> None:
        self._locals: dict[str, Attribute] = {}
        self._variables: dict[str, Attribute] = {}
        self._declared: set[str] = set()
        self._known: dict[tuple[str, str], Value] = {}
        self._open: set[tuple[str, str]] = set()
        self._budget = budget or Budget()
        self._depth = 0
        self._line = 1
        for body in bodies:
            self.add(body)

    def add(self, body: Body) -> None:
        """The names of one more file; a name twice is an error, as it is for Terraform."""
        for block in body.blocks:
            if block.type == "locals":
                for one in block.body.attributes:
                    if one.name in self._locals:
                        raise HclError(one.line, 1, f"the local `{one.name}` stands twice")
                    self._locals[one.name] = one
            elif block.type == "variable" and len(block.labels) == 1:
                name = block.labels[0]
                if name in self._declared:
                    raise HclError(block.line, 1, f"the variable `{name}` stands twice")
                self._declared.add(name)
                default = block.body.get("default")
                if default is not None:
                    self._variables[name] = default

    def known(self, attribute: Attribute) -> Value:
        """What an attribute comes to; an error names its line."""
        self._line = attribute.line
        return self.value(attribute.value)

    def plain(self, attribute: Attribute) -> Any:
        """What an attribute comes to, for JSON: Unknown as `{"__unknown__": text}`.

        JSON holds a value as often as it is referred to, so it is paid for each time.
        """
        value = self.known(attribute)
        self._look(value)
        return self._plain(value, 0)

    def _plain(self, value: Value, depth: int) -> Any:
        if depth > _MAX_NESTED:
            self._fail("nested too deeply")
        if isinstance(value, Unknown):
            return unknown(value.text)
        if isinstance(value, dict):
            return {key: self._plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [self._plain(one, depth + 1) for one in value]
        return value

    def _fail(self, message: str) -> NoReturn:
        raise HclError(self._line, 1, message)

    def _spend(self, steps: int) -> None:
        self._budget.steps -= steps
        if self._budget.steps < 0:
            self._fail("too much to work out")

    def _look(self, value: Value) -> bool:
        """Whether all of it is known; what is within is paid for, and within bounds."""
        known = True
        rest = [value]
        while rest:
            one = rest.pop()
            if isinstance(one, Unknown):
                known = False
            elif isinstance(one, str):
                self._spend(len(one) // _CHARACTERS)
                if len(one) > MAX_TEXT:
                    self._fail("a text that is too long")
            elif isinstance(one, dict):
                self._spend(len(one) + sum(len(key) for key in one) // _CHARACTERS)
                rest.extend(one.values())
            elif isinstance(one, list):
                self._spend(len(one))
                rest.extend(one)
            else:
                self._number(one)
        return known

    def _number(self, value: Value) -> Value:
        """Nor is there JSON for a number without end."""
        if (isinstance(value, int) and value.bit_length() > _MAX_BITS) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            self._fail("a number that is too big")
        return value

    def value(self, expression: Expression) -> Value:
        """What an expression comes to, or Unknown; HclError where that takes too much."""
        self._spend(_STEPS)
        if self._depth >= _MAX_CALLS:
            self._fail("nested too deeply, or names that refer to one another in too long a chain")
        self._depth += 1
        value = self._worked_out(expression)
        self._depth -= 1
        return value

    def _worked_out(self, expression: Expression) -> Value:  # noqa: PLR0912  # a case for each form
        match expression:
            case Literal(value):
                return value
            case Template(parts):
                return self._template(parts, expression)
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

    def _template(self, parts: tuple[Expression, ...], whole: Expression) -> Value:
        texts: list[str] = []
        size = 0
        known = True
        for part in parts:
            value = self.value(part)
            if isinstance(value, str | int | float):
                texts.append(_text(value))
                size += len(texts[-1])
                self._spend(len(texts[-1]) // _CHARACTERS)
                if size > MAX_TEXT:
                    self._fail("a text that is too long")
            else:
                known = False
        return "".join(texts) if known else Unknown(gist(whole))

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
        if not self._look([one, other]):
            return Unknown(gist(whole))
        if operator in ("==", "!="):
            numbers = {type(one), type(other)} <= {int, float}
            same = one == other and (numbers or type(one) is type(other))
            return same if operator == "==" else not same
        if isinstance(one, bool) or isinstance(other, bool):
            return Unknown(gist(whole))
        if isinstance(one, int | float) and isinstance(other, int | float):
            return self._number(_arithmetic(operator, one, other, whole))
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
        known = self._look(values)
        if name in ("merge", "concat") and not any(isinstance(one, Unknown) for one in values):
            known = True
        if name == "jsonencode" and len(values) == 1 and not known:
            return values[0]  # what is known of it, as the value that it encodes
        function = _FUNCTIONS.get(name)
        if function is None or not known:
            return Unknown(gist(whole))
        try:
            result = function(*values)
            self._look(result)
        except (OverflowError, RecursionError):
            self._fail(f"too much to work out in `{name}`")
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            return Unknown(gist(whole))
        return result


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
    except (ZeroDivisionError, OverflowError, ValueError):
        pass
    return Unknown(gist(whole))


_LONG: Final = 120
_READ: Final = 4096
"""Characters of a part that can matter for its gist."""


def gist(expression: Expression) -> str:
    """An expression in short, for messages and for rules that look at what is referred to.

    Only as much of it is looked at as is shown.
    """
    text = ""
    for piece in _gist(expression):
        text += piece
        if len(text) > _LONG:
            return text[: _LONG - 3] + "..."
    return text


def _gist(expression: Expression) -> Iterator[str]:  # noqa: C901, PLR0912  # a case for each form
    match expression:
        case Literal(value):
            yield json.dumps(value[:_READ] if isinstance(value, str) else value)
        case Template(parts):
            yield '"'
            for part in parts:
                if isinstance(part, Literal):
                    yield str(part.value)[:_READ]
                else:
                    yield from _around("${", (part,), "}")
            yield '"'
        case Reference(root, steps):
            yield root
            for step in steps:
                yield from _step(step)
        case Call(name, arguments):
            yield from _around(f"{name}(", arguments, ")")
        case Unary(operator, operand):
            yield from _around(operator, (operand,), "")
        case Binary(operator, left, right):
            yield from _between((left, f" {operator} ", right))
        case Conditional(test, then, otherwise):
            yield from _between((test, " ? ", then, " : ", otherwise))
        case ListOf(items):
            yield from _around("[", items, "]")
        case ObjectOf(items):
            yield "{"
            for n, (key, one) in enumerate(items):
                yield from _between((", " if n else "", key, " = ", one))
            yield "}"
        case Opaque(text):
            yield re.sub(r"\s+", " ", text[:_READ])


def _around(before: str, items: tuple[Expression, ...], after: str) -> Iterator[str]:
    yield before
    for item in islice(items, 1):
        yield from _gist(item)
    for item in islice(items, 1, None):
        yield ", "
        yield from _gist(item)
    yield after


def _between(parts: tuple[Expression | str, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        else:
            yield from _gist(part)


def _step(step: Expression) -> Iterator[str]:
    if isinstance(step, Literal) and isinstance(step.value, str):
        yield f".{step.value[:_READ]}"
    else:
        yield from _around("[", (step,), "]")


def unknown(text: str) -> dict[str, str]:
    """How JSON says that only a plan can tell."""
    return {UNKNOWN_KEY: text}
