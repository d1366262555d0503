"""Change single values in a document's text, and leave the rest as somebody wrote it.

People keep comments and an order of their own in their documents, and a merge request that carries
one version along has to show one changed line. So a value is changed where it stands. Whatever
comes out is read again: a text that does not say just what was wanted is thrown away, and the next
wider thing is written anew instead. So the result always says what was wanted; only its beauty
depends on how odd the text was.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.compose import WORDS, scalar
from reconciler.core.yaml_reader import Path, Span, Spans, YamlError, find_spans, read_yaml

GONE: Final[Any] = object()
"""Instead of a value: the field is to be taken away."""
Changes = Mapping[tuple[str, ...], object]
"""Path of field names -> its value from now on, or GONE."""
_BOM: Final = "\ufeff"
_BARE = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./@:+-]*[A-Za-z0-9_./@+-])?")
_WORDLIKE = re.compile(r"[A-Za-z/]")


def edit_document(data: bytes, changes: Changes) -> bytes:
    """The text with these changes, in this order; the same bytes where nothing changes.

    A map is changed field by field: those it has not any more are taken away. Fields on the way
    that are not there are made. `data` has to be acceptable YAML.
    """
    for path, value in changes.items():
        for one, what in _small(_at(read_yaml(data), path), path, value):
            data = _changed(data, one, what)
    return data


def _small(old: object, path: Path, new: object) -> Iterator[tuple[Path, object]]:
    """A change of a map as changes of its fields: what comes first, then what goes."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping) and old and new):
        yield path, new
        return
    for key, value in new.items():
        yield from _small(old.get(key, GONE), (*path, key), value)
    for key in old:
        if key not in new:
            yield (*path, key), GONE


def _at(document: object, path: Path) -> object:
    for key in path:
        if not isinstance(document, Mapping):
            return GONE
        document = document.get(key, GONE)
    return document


def _changed(data: bytes, path: Path, value: object) -> bytes:
    document = read_yaml(data)
    wanted = _with(document, path, value)
    goal = _said(wanted)
    if _said(document) == goal:
        return data
    whole = data.decode()
    bom, text = (_BOM, whole[1:]) if whole.startswith(_BOM) else ("", whole)
    page = _Page(text, find_spans(data), document, wanted)
    for candidate in page.candidates(path):
        made = (bom + candidate).encode()
        if _reads_as(made) == goal:
            return made
    raise ValueError(f"YAML cannot hold {value!r}")


def _with(document: object, path: Path, value: object) -> object:
    """The document as it has to be."""
    if not path:
        return value
    if document is None or document is GONE:
        document = {}
    if not isinstance(document, Mapping):
        raise TypeError(f"`{path[0]}` cannot be set: what is to hold it is no map")
    key, fields = path[0], dict(document)
    if len(path) == 1 and value is GONE:
        fields.pop(key, None)
    elif len(path) == 1 or value is not GONE or key in fields:
        fields[key] = _with(fields.get(key, GONE), path[1:], value)
    return fields


def _said(document: object) -> str:
    """What it says, to the type and the order."""
    return json.dumps(document)


def _reads_as(data: bytes) -> str | None:
    try:
        return _said(read_yaml(data))
    except YamlError:
        return None


@dataclass(frozen=True, slots=True)
class _Page:
    """A text, where everything stands in it, what it says and what it has to say."""

    text: str
    spans: Spans
    document: object
    wanted: object

    def candidates(self, path: Path) -> Iterator[str]:
        """Texts that may say it, the least changed first; the last one always does."""
        if path[:-1] in self.spans.values:
            if _at(self.wanted, path) is GONE:
                yield from self._without(path)
            elif path in self.spans.values:
                yield from self._replaced(path)
            else:
                yield from self._added(path)
        for size in range(len(path) - 1, 0, -1):
            if path[:size] in self.spans.values:
                yield from self._replaced(path[:size])
            elif path[: size - 1] in self.spans.values:
                yield from self._added(path[:size])
        if isinstance(self.wanted, Mapping):
            lines = (f"{scalar(key)}: {scalar(value)}" for key, value in self.wanted.items())
            yield "\n".join((*lines, "")) if self.wanted else "{}\n"
        yield scalar(self.wanted) + "\n"

    def _fields(self, path: Path) -> list[Path]:
        """The fields of a map, in their order."""
        found = _at(self.document, path)
        return [(*path, key) for key in found] if isinstance(found, Mapping) else []

    def _replaced(self, path: Path) -> Iterator[str]:
        """Another value where one stands."""
        span, value = self.spans.values[path], _at(self.wanted, path)
        start, end = span.start, span.end
        if span.style == "text":
            end = start + len(self.text[start:end].rstrip())
        name = self.spans.names.get(path)
        if name is not None and self.text[name.end : start].strip() == ":":
            if span.style == "block" and isinstance(value, tuple | list) and value:
                yield self._rows(span, value, _light)
                yield self._rows(span, value, scalar)
            start = name.end
            for words in _written(span, value):
                yield f"{self.text[:start]}: {words}{self.text[end:]}"
        for words in _written(span, value):
            yield f"{self.text[: span.start]}{words}{self.text[end:]}"

    def _rows(self, span: Span, value: Sequence[object], write: Callable[[object], str]) -> str:
        """A list with an item on each line, as it was before."""
        indent = " " * (span.start - self._line_start(span.start))
        rows = f"{self._break()}{indent}".join(f"- {write(item)}" for item in value)
        return f"{self.text[: span.start]}{rows}{self.text[span.end :]}"

    def _added(self, path: Path) -> Iterator[str]:
        """One field more, after the last one."""
        holder, fields = self.spans.values[path[:-1]], self._fields(path[:-1])
        if not fields or any(one not in self.spans.values for one in fields):
            return
        last, value = self.spans.values[fields[-1]], _at(self.wanted, path)
        for words in (f"{scalar(path[-1])}: {write(value)}" for write in (_light, scalar)):
            yield self._with_field(holder, fields[0], last, words)

    def _with_field(self, holder: Span, beside: Path, last: Span, words: str) -> str:
        if holder.style == "flow":
            return f"{self.text[: last.end]}, {words}{self.text[last.end :]}"
        first = self.spans.names[beside].start
        indent = " " * (first - self._line_start(first))
        end = self._line_end(last)
        return f"{self.text[:end]}{self._break()}{indent}{words}{self.text[end:]}"

    def _without(self, path: Path) -> Iterator[str]:
        """One field less."""
        holder, fields = self.spans.values[path[:-1]], self._fields(path[:-1])
        at = fields.index(path)
        if len(fields) == 1 or path not in self.spans.values:
            return
        name, value = self.spans.names[path], self.spans.values[path]
        following = fields[at + 1] if at + 1 < len(fields) else None
        line = self._line_start(name.start)
        if holder.style == "block" and not self.text[line : name.start].strip():
            end = self._line_end(value)
            rest = self.text[end:].removeprefix("\r").removeprefix("\n")
            yield self.text[:line] + rest
        elif following is not None:
            yield self.text[: name.start] + self.text[self.spans.names[following].start :]
        else:
            before = self.spans.values[fields[at - 1]]
            yield self.text[: before.end] + self.text[value.end :]

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self, span: Span) -> int:
        """Where the line ends on which something ends, before its break."""
        end = span.end
        if span.style == "text" or self.text[span.start : end].endswith("\n"):
            end = span.start + len(self.text[span.start : end].rstrip())
        at = self.text.find("\n", end)
        end = len(self.text) if at < 0 else at
        return end - 1 if self.text[end - 1 : end] == "\r" else end

    def _break(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


def _written(span: Span, value: object) -> Iterator[str]:
    """A value as YAML: in the way in which the one before it was written, then in a safe one."""
    if isinstance(value, str):
        if span.style == "plain" and _BARE.fullmatch(value):
            yield value
        elif span.style == "single" and value.isprintable():
            yield "'" + value.replace("'", "''") + "'"
        elif span.style == "double" and value.isprintable():
            yield json.dumps(value, ensure_ascii=False)
    yield _light(value)
    yield scalar(value)


def _light(value: object) -> str:
    """With few quotes, as people write: `3d`, `[10.0.0.0/8]`."""
    if isinstance(value, str):
        bare = _BARE.fullmatch(value) and _WORDLIKE.search(value) and value.lower() not in WORDS
        return value if bare else scalar(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_light, value)) + "]"
    if isinstance(value, Mapping):
        fields = (f"{scalar(key)}: {_light(item)}" for key, item in value.items())
        return "{" + ", ".join(fields) + "}"
    return scalar(value)
