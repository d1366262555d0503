"""The filters that templates have, within bounds: none takes memory or time without end."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.filters import do_round, do_sort
from jinja2.utils import pass_environment

from reconciler.core.template import literals

MAX_TEXT: Final = 1024 * 1024
"""Characters that one value may grow to while a template works on it."""
MAX_BUILT: Final = 16 * MAX_TEXT
"""Characters of everything that a template builds while one file is printed."""
MAX_RANGE: Final = 4096
MAX_DIGITS: Final = 30
MAX_NUMBER: Final = 2**63

_FILTERS: Final = (
    *("abs", "count", "default", "d", "dictsort", "first", "float", "int", "items", "last"),
    *("length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "round", "select"),
    *("selectattr", "sort", "sum", "trim", "unique", "upper"),
)


class Budget(Protocol):
    """What a filter asks of the sandbox that it runs in."""

    def spend(self, length: int) -> None:
        """Count what is built."""
        ...

    def built(self, text: str) -> str:
        """Count a text that is built."""
        ...

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look something up."""
        ...

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Work something out."""
        ...


def bounded(length: int) -> None:
    if length > MAX_TEXT:
        msg = f"a value grows beyond {MAX_TEXT} characters"
        raise SecurityError(msg)


def weight(value: Any) -> int:
    """Characters that a value would take, what it refers to more than once counted each time."""
    total, todo = 0, [value]
    while todo:
        one = todo.pop()
        if isinstance(one, list | tuple | dict):
            todo.extend(one)
            total += len(one)
            if isinstance(one, dict):
                todo.extend(one.values())
        elif isinstance(one, str):
            total += len(one)
        total += 1
        bounded(total)
    return total


def bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        msg = f"a range of {len(numbers)} numbers; at most {MAX_RANGE}"
        raise SecurityError(msg)
    return numbers


def _join(
    environment: Budget,
    value: Iterable[Any],
    d: str = "",
    attribute: str | None = None,
) -> str:
    between, length = as_text(d), 0
    parts: list[str] = []
    for item in value:
        part = as_text(item if attribute is None else environment.getitem(item, attribute))
        length += len(part) + len(between)
        bounded(length)
        parts.append(part)
    return environment.built(between.join(parts))


def _replace(environment: Budget, value: str, old: str, new: str) -> str:
    value, old, new = as_text(value), as_text(old), as_text(new)
    bounded(len(value) + value.count(old) * (len(new) - len(old)))
    return environment.built(value.replace(old, new))


def _list(environment: Budget, value: Iterable[Any]) -> list[Any]:
    items: list[Any] = []
    total = 0
    for item in value:
        total += weight(item) + 1
        bounded(total)
        items.append(item)
    environment.spend(total)
    return items


def _sum(
    environment: Budget,
    value: Iterable[Any],
    attribute: str | None = None,
    start: float = 0,
) -> Any:
    total: Any = start
    for item in value:
        number = item if attribute is None else environment.getitem(item, attribute)
        total = environment.call_binop(None, "+", total, number)
    return total


def _round(value: float, precision: Any = 0, method: str = "common") -> Any:
    if not isinstance(precision, int) or abs(precision) > MAX_DIGITS:
        raise SecurityError(f"rounding to more than {MAX_DIGITS} digits")
    return do_round(value, precision, method)  # type: ignore[arg-type]  # it checks the word


def _on_text(known: Callable[..., str]) -> Callable[..., str]:
    """A filter of jinja2 that makes one text of another, within the bounds."""

    @pass_environment
    def within(environment: Budget, value: Any, *more: Any) -> str:
        return environment.built(known(as_text(value), *more))

    return within


@pass_environment
def _sort(environment: Any, value: Iterable[Any], *a: Any, **k: Any) -> list[Any]:
    return do_sort(environment, _list(environment, value), *a, **k)


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)
    msg = f"a {type(value).__name__} cannot become a part of a text"
    raise SecurityError(msg)


def filters_of(known: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """What templates have of jinja2's filters, and our own."""
    return {
        **{name: known[name] for name in _FILTERS},
        "join": pass_environment(_join),
        "list": pass_environment(_list),
        "lower": _on_text(known["lower"]),
        "replace": pass_environment(_replace),
        "round": _round,
        "sort": _sort,
        "sum": pass_environment(_sum),
        "trim": _on_text(known["trim"]),
        "upper": _on_text(known["upper"]),
        "identifier": literals.identifier,
        "verbatim": literals.verbatim,
    }
