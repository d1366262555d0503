"""What differs between two documents, value by value. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.redact import hidden
from reconciler.core.yaml_reader import YamlError, read_yaml
from reconciler.model.move import Move


def differing(before: object, after: object) -> tuple[Move, ...]:
    """The values that differ, by path; a list is one value."""
    return tuple(_differing("", before, after))


def differing_texts(before: bytes, after: bytes) -> tuple[Move, ...]:
    """The same of two documents; the whole is one value where one of them cannot be read."""
    try:
        return differing(read_yaml(before), read_yaml(after))
    except YamlError:
        return (Move("", None, None),)


def _differing(path: str, before: Any, after: Any) -> Iterator[Move]:
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        old = before if isinstance(before, Mapping) else {}
        new = after if isinstance(after, Mapping) else {}
        for key in dict.fromkeys((*old, *new)):
            yield from _differing(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif (type(before), before) != (type(after), after):
        yield Move(path, _safe(before), _safe(after))


def _safe(value: Any) -> Any:
    """Without what looks secret: it is told to many."""
    if isinstance(value, tuple | list):
        return tuple(map(_safe, value))
    return hidden(value) if isinstance(value, str) else value
