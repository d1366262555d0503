"""Values as Terraform means them: what equals what, what is empty, what type a thing has.

The cloud answers in another shape than the one the source is written in: lists in any order,
policies with their spaces gone, an empty text where nothing was set. Nothing here talks to anyone.
"""

import json
from typing import Any, Final

Values = dict[str, Any]


class _Unknown:
    """Stands where Terraform will only know the value after the apply."""

    def __repr__(self) -> str:
        return "Unknown"


UNKNOWN: Final = _Unknown()


def is_empty(value: Any) -> bool:
    """Whether Terraform's older providers take this for "not set"."""
    return value is None or value in ("", 0, 0.0, False) or value in ([], {})


def has_unknown(value: Any) -> bool:
    if value is UNKNOWN:
        return True
    if isinstance(value, dict):
        return any(has_unknown(one) for one in value.values())
    return isinstance(value, list) and any(has_unknown(one) for one in value)


def known(value: Any) -> Any:
    """The same value with nothing in the place of what is not known."""
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {key: known(one) for key, one in value.items()}
    return [known(one) for one in value] if isinstance(value, list) else value


def coerce(notation: Any, value: Any) -> Any:
    """Bring what the cloud says into the type that the schema asks for."""
    if value is None or value is UNKNOWN:
        return value
    if isinstance(notation, str):
        return _scalar(notation, value)
    kind, inner = notation
    if kind == "map":
        return {key: coerce(inner, one) for key, one in value.items()}
    if kind == "object":
        return {key: coerce(one, value.get(key)) for key, one in inner.items()}
    return [coerce(inner, one) for one in value]


def _scalar(notation: str, value: Any) -> Any:
    if notation == "string":
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    if notation == "bool":
        return value == "true" if isinstance(value, str) else bool(value)
    if isinstance(value, str):
        value = float(value)
    return int(value) if value == int(value) else value


def same(notation: Any, left: Any, right: Any, *, as_json: bool = False) -> bool:
    """Whether two values of a type mean the same."""
    if as_json and isinstance(left, str) and isinstance(right, str):
        return same_document(left, right)
    if isinstance(notation, list) and notation[0] == "set":
        return same_set(left, right)
    return bool(left == right)


def same_set(left: Any, right: Any) -> bool:
    if not isinstance(left, list) or not isinstance(right, list):
        return bool(left == right)
    return sorted(map(_key, left)) == sorted(map(_key, right))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def same_document(left: str, right: str) -> bool:
    """Whether two JSON documents mean the same, as IAM sees it: one item equals a list of it."""
    if left == right:
        return True
    try:
        return bool(_plain(json.loads(left)) == _plain(json.loads(right)))
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        items = [_plain(one) for one in value]
        if len(items) == 1:
            return items[0]
        return sorted(items, key=_key)
    return value


def null_object(facts: dict[str, Any]) -> Values:
    """A block in which nothing is set."""
    return {
        **dict.fromkeys(facts.get("attributes", {})),
        **{
            name: None if fact["nesting"] == "single" else []
            for name, fact in facts.get("blocks", {}).items()
        },
    }
