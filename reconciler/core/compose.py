"""A new environment's document as YAML with comments that teach. Pure: values in, text out."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.parameters import has_default
from reconciler.model.base import format_duration
from reconciler.model.blueprint import Parameter
from reconciler.model.desired import BlueprintFolder, Loaded
from reconciler.model.profile import Profile

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*")
_NOT_BARE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What one reader or another takes for something else than text."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person asked for, with what the profile fills in."""

    name: str
    owner: str
    description: str
    stage: str
    account: str
    promoted_from: str | None
    parameters: Mapping[str, Any]


def scalar(value: object) -> str:
    """A value as YAML: bare where nobody could misread it, quoted otherwise."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in WORDS
        return value if plain else _quoted(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(scalar(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{scalar(key)}: {scalar(item)}" for key, item in value.items()) + "}"
        )
    return json.dumps(value)


def _quoted(text: str) -> str:
    """JSON's way, but for characters that JSON leaves bare and YAML folds or refuses."""
    quoted = json.dumps(text, ensure_ascii=False)
    return _NOT_BARE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _comment(text: str) -> str:
    """One line that a comment can hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def compose(wanted: Wanted, profile: Loaded[Profile], blueprint: BlueprintFolder) -> str:
    """The document. What has a default stands there as a comment."""
    rules, plan = profile.document.spec, blueprint.document.spec
    track, about = profile.document.metadata.name, profile.document.metadata.description
    lines = [
        f"# An environment on the track {track}: {_comment(about)}.",
        f"# `reconciler show {_comment(wanted.name)}` shows everything that applies to it.",
        "apiVersion: reconciler/v1",
        "kind: Environment",
        "metadata:",
        f"  name: {scalar(wanted.name)}  # the file is named after it",
        f"  owner: {scalar(wanted.owner)}  # the team that answers for it",
        f"  description: {scalar(wanted.description)}",
        "spec:",
        f"  track: {scalar(track)}",
        f"  stage: {scalar(wanted.stage)}  # one of: {', '.join(rules.allowed.stages)}",
    ]
    if wanted.promoted_from:
        lines.append(f"  promotedFrom: {scalar(wanted.promoted_from)}")
    elif rules.promotion_required:
        lines.append(
            "  # promotedFrom: <the staging environment>  # production needs one on this track"
        )
    lines += [
        f"  blueprint: {{name: {blueprint.document.metadata.name}, version: {plan.version}}}",
        f"  account: {_quoted(wanted.account)}",
    ]
    if rules.defaults.region:
        lines.append(
            f"  # region: {rules.defaults.region}  # one of: {', '.join(rules.allowed.regions)}"
        )
    else:
        lines.append(
            f"  region: {rules.allowed.regions[0]}  # one of: {', '.join(rules.allowed.regions)}"
        )
    if rules.ttl:
        lines.append(
            f"  ttl: {format_duration(rules.ttl.default)}"
            f"  # how long it lives; at most {format_duration(rules.ttl.maximum)}"
        )
    lines.append("  parameters:")
    chosen = [name for name in plan.parameters if name in wanted.parameters]
    for name in chosen:
        described = _comment(plan.parameters[name].description)
        lines.append(f"    {name}: {scalar(wanted.parameters[name])}  # {described}")
    if not chosen:
        lines[-1] = "  parameters: {}"
    for name, parameter in plan.parameters.items():
        if name not in wanted.parameters and name not in rules.defaults.parameters:
            lines.append(
                f"    # {name}: {scalar(parameter.default)}  # {_comment(parameter.description)}"
            )
    return "\n".join(lines) + "\n"


class BadValue(Exception):  # noqa: N818  # says what it is
    """Text from the command line that is not of the parameter's type."""


def read_value(parameter: Parameter, text: str) -> Any:
    """`--set name=text` by the parameter's type: `port=8080` is a number, `no` a word."""
    match parameter.type:
        case "string":
            return text
        case "list":
            return (
                tuple(_read(parameter.items, item.strip()) for item in text.split(","))
                if text
                else ()
            )
        case "map":
            pairs = [item.partition("=") for item in text.split(",")] if text else []
            bare = next((key for key, equals, _ in pairs if not equals), None)
            if bare is not None:
                raise BadValue(f"`{bare}` has no `=`; write key=value,key=value")
            return {key.strip(): _read(parameter.items, value.strip()) for key, _, value in pairs}
        case other:
            return _read(other, text)


def _read(kind: str, text: str) -> Any:
    try:
        match kind:
            case "integer":
                return int(text)
            case "number":
                return float(text) if "." in text or "e" in text.lower() else int(text)
            case "boolean":
                return {"true": True, "false": False}[text]
    except (ValueError, KeyError):
        words = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
        raise BadValue(f"`{text}` is not {words[kind]}") from None
    return text


def required(blueprint: BlueprintFolder, profile: Loaded[Profile]) -> list[str]:
    """Parameters that an environment has to give."""
    given = profile.document.spec.defaults.parameters
    return [
        name
        for name, parameter in blueprint.document.spec.parameters.items()
        if not has_default(parameter) and name not in given
    ]
