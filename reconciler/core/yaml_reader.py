"""A strict YAML reader: plain data only, bounded, without surprises.

What YAML can do beyond data is refused: tags, merge keys, duplicate keys, keys that are not
strings, several documents in a file. A plain scalar is `null`, `true`, `false` or a JSON number,
else it is a string: `no`, `12:30:00`, `0123` and `2026-01-01` stay what somebody typed. Depth,
nodes, aliases and the size that aliases expand to are bounded while reading, so that a hostile
file costs no more than an honest one of its size.

libyaml's C parser does the scanning of what `plain_yaml` leaves. Positions are found by reading
again, and only when there is something to say about a place.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from yaml import YAMLError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs hide it
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.core.plain_yaml import ATOMS, NUMBER, NUMBER_START, UNREAD, number, read_plain

MAX_DEPTH: Final = 24
MAX_NODES: Final = 20_000
MAX_ALIASES: Final = 50
MAX_SCALAR: Final = 64 * 1024

_UNSET: Final[Any] = object()

Path = tuple[str | int, ...]
Style = Literal["plain", "single", "double", "text", "alias", "flow", "block"]
"""A scalar's way of being written (`text`: lines under `|` or `>`), an alias's, or a map's or
list's."""
_STYLES: Final[dict[str, Style]] = {"'": "single", '"': "double", "|": "text", ">": "text"}


class YamlError(Exception):
    """The text is not acceptable YAML; line and column count from 1."""

    def __init__(self, line: int, column: int, message: str, expected: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Where each field's name and each value stands."""

    names: dict[Path, Position]
    values: dict[Path, Position]

    def of_value(self, path: Path) -> Position:
        """The value's place, or that of the nearest thing around it."""
        while path not in self.values and path:
            path = path[:-1]
        return self.values.get(path, Position(1, 1))

    def of_name(self, path: Path) -> Position:
        """The field name's place, or the value's where there is no name."""
        return self.names.get(path) or self.of_value(path)


@dataclass(frozen=True, slots=True)
class Span:
    """From where to where something stands, in characters after a byte order mark."""

    start: int
    end: int
    style: Style


@dataclass(frozen=True, slots=True)
class Spans:
    """From where to where each field's name and each value stands. Not inside of aliases."""

    names: dict[Path, Span]
    values: dict[Path, Span]


def _checked(data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as err:
        before = data[: err.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise YamlError(line, column, "the file is not UTF-8 text", "UTF-8") from None
    return data


def _fail(event: Any, message: str, expected: str = "") -> YamlError:
    mark = event.start_mark
    return YamlError(mark.line + 1, mark.column + 1, message, expected)


def _tagged(event: Any) -> YamlError:
    return _fail(event, f"tags such as `{event.tag}` are not allowed", "plain data")


def _too_much(event: Any) -> YamlError:
    return _fail(event, "too much in one file", f"at most {MAX_NODES} values, aliases expanded")


def _syntax(err: YAMLError) -> YamlError:
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    words = getattr(err, "problem", None) or getattr(err, "reason", None) or "not valid YAML"
    if "cannot start any token" in words:
        words += " (tabs cannot indent; quote text that starts with @, ` or %)"
    return YamlError(line, column, f"not valid YAML: {words}")


def read_yaml(data: bytes) -> object:
    """The file's single document as dicts, tuples and scalars; YamlError at the first fault."""
    found = read_plain(data)
    if found is not UNREAD:
        return found
    text = _checked(data)
    try:
        return _read(text)
    except YAMLError as err:
        raise _syntax(err) from None


def _read(text: bytes) -> object:  # noqa: C901, PLR0912, PLR0915  # one pass over the events, for speed
    next_event: Callable[[], Any] = CParser(text).get_event
    is_long = len(text) > MAX_SCALAR
    stack: list[tuple[Any, Any, int, str | None]] = []
    anchors: dict[str, tuple[object, int]] = {}
    holder: Any = None
    in_map = False
    unset = _UNSET
    key: Any = unset
    root: object = unset
    nodes = aliases = 0
    while True:
        event = next_event()
        kind = event.__class__
        if kind is ScalarEvent:
            value: Any = event.value
            if event.tag is not None:
                raise _tagged(event)
            if in_map and key is unset:
                if event.implicit[0]:
                    if value in ATOMS or (value[0] in NUMBER_START and NUMBER.fullmatch(value)):
                        raise _fail(
                            event, f"the field name `{value}` is not text", f'"{value}" in quotes'
                        )
                    if value == "<<":
                        raise _fail(
                            event, "merge keys (`<<`) are not allowed", "write the fields out"
                        )
            elif event.implicit[0]:
                if value in ATOMS:
                    value = ATOMS[value]
                elif value[0] in NUMBER_START:
                    value = number(value)
            if is_long and len(event.value) > MAX_SCALAR:
                raise _fail(event, f"a value of {len(value)} characters", f"at most {MAX_SCALAR}")
            nodes += 1
            if event.anchor is not None:
                anchors[event.anchor] = (value, 1)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.tag is not None:
                raise _tagged(event)
            if in_map and key is unset:
                raise _fail(event, "a map or list cannot be a field name", "text")
            if len(stack) >= MAX_DEPTH:
                raise _fail(event, "nested too deeply", f"at most {MAX_DEPTH} levels")
            nodes += 1
            stack.append((holder, key, nodes, event.anchor))
            in_map = kind is MappingStartEvent
            holder = {} if in_map else []
            key = unset
            if event.anchor is not None:
                anchors.pop(event.anchor, None)
            continue
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            if nodes > MAX_NODES:
                raise _too_much(event)
            value = holder if in_map else tuple(holder)
            holder, key, before, anchor = stack.pop()
            in_map = holder.__class__ is dict
            if anchor is not None:
                anchors[anchor] = (value, nodes - before + 1)
        elif kind is AliasEvent:
            aliases += 1
            if aliases > MAX_ALIASES:
                raise _fail(event, "too many aliases", f"at most {MAX_ALIASES}")
            if event.anchor not in anchors:
                inside = any(event.anchor == opened for *_, opened in stack)
                what = "contains itself" if inside else "is not defined above"
                raise _fail(event, f"the alias `*{event.anchor}` {what}")
            value, weight = anchors[event.anchor]
            nodes += weight
            if nodes > MAX_NODES:
                raise _too_much(event)
            if in_map and key is unset and value.__class__ is not str:
                raise _fail(event, "a field name must be text", "text")
        elif kind is DocumentStartEvent:
            if root is not unset:
                raise _fail(event, "a second document in the file", "one document in each file")
            if event.version or event.tags:
                raise _fail(event, "YAML directives are not allowed", "plain data")
            continue
        elif kind is StreamEndEvent:
            if root is unset:
                raise YamlError(1, 1, "the file is empty", "a document")
            return root
        else:
            continue
        if in_map:
            if key is not unset:
                holder[key] = value
                key = unset
            elif value in holder:
                raise _fail(event, f"the field `{value}` stands twice", "each field once")
            else:
                key = value
        elif holder is None:
            root = value
        else:
            holder.append(value)


def find_positions(data: bytes) -> Positions:
    """Where everything stands, for text that `read_yaml` accepted."""
    names: dict[Path, Position] = {}
    values: dict[Path, Position] = {}
    for role, path, event in _places(data):
        if role != "end":
            mark = event.start_mark
            found = names if role == "name" else values
            found[path] = Position(mark.line + 1, mark.column + 1)
    return Positions(names, values)


def find_spans(data: bytes) -> Spans:
    """From where to where everything stands, for text that `read_yaml` accepted."""
    names: dict[Path, Span] = {}
    values: dict[Path, Span] = {}
    last = 0
    for role, path, event in _places(data):
        start, end, kind = event.start_mark.index, event.end_mark.index, event.__class__
        style: Style = "alias" if kind is AliasEvent else "block"
        if kind is ScalarEvent:
            style = _STYLES.get(event.style, "plain")
        elif kind in (MappingStartEvent, SequenceStartEvent) and event.flow_style:
            style = "flow"
        if role == "name":
            names[path] = Span(start, end, style)
        elif role == "value":
            values[path] = Span(start, end, style)
            last = end
        else:
            before = values[path]
            last = end if before.style == "flow" else last
            values[path] = Span(before.start, last, before.style)
    return Spans(names, values)


def _places(data: bytes) -> Iterator[tuple[Literal["name", "value", "end"], Path, Any]]:
    """Each field's name, each value and each end of a map or list, with its event."""
    next_event: Callable[[], Any] = CParser(_checked(data)).get_event
    words: dict[str, str] = {}
    path: list[Any] = []
    holders: list[Any] = []
    while True:
        event = next_event()
        kind = event.__class__
        if kind is StreamEndEvent:
            return
        if kind in (MappingEndEvent, SequenceEndEvent):
            holders.pop()
            yield "end", tuple(path), event
        elif kind in (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent):
            if kind is ScalarEvent and event.anchor is not None:
                words[event.anchor] = event.value
            if holders and holders[-1] is _UNSET:
                holders[-1] = event.value if kind is ScalarEvent else words[event.anchor]
                yield "name", (*path, holders[-1]), event
                continue
            yield "value", (*path, holders[-1]) if holders else (), event
            if kind in (MappingStartEvent, SequenceStartEvent):
                if holders:
                    path.append(holders[-1])
                holders.append(_UNSET if kind is MappingStartEvent else 0)
                continue
        else:
            continue
        if not holders:
            continue
        if kind in (MappingEndEvent, SequenceEndEvent):
            path.pop()
        holders[-1] = holders[-1] + 1 if isinstance(holders[-1], int) else _UNSET
