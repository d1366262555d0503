"""Bytes of a file -> one document, or everything that is wrong with it."""

from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.faults import Fault
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.yaml_reader import MAX_DEPTH, Path, YamlError, read_yaml
from reconciler.model.base import API_VERSION, WORDS, Document
from reconciler.model.documents import BY_NAME, Kind
from reconciler.model.problem import Problem

D = TypeVar("D", bound=Document)

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "dict": "a map of fields",
    "NoneType": "nothing",
}
_EXPECTED_TYPE = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a map of fields",
    "model_type": "a map of fields",
    "model_attributes_type": "a map of fields",
}


def parse(path: str, data: bytes, kind: Kind) -> tuple[Document | None, list[Fault | Problem]]:
    """The document in a file that ought to hold one of this kind, or what is wrong."""
    try:
        raw = read_yaml(data)
    except YamlError as err:
        return None, [Problem(path, err.line, err.column, "yaml", err.message, err.expected)]
    envelope = _envelope(path, raw, kind)
    if envelope:
        return None, [*envelope]
    try:
        return kind.model.model_validate(raw), []
    except ValidationError as err:
        return None, [explain(path, raw, detail, kind.model) for detail in details_of(err)]


def salvage(data: bytes, kind: Kind) -> Document | None:
    """A broken document without its broken fields, so that the rest of it can be checked too.

    Only for finding more problems: nothing is ever rendered or decided from what this returns.
    """
    try:
        raw: Any = read_yaml(data)
    except YamlError:
        return None
    for _ in range(MAX_DEPTH):
        try:
            return kind.model.model_validate(raw)
        except ValidationError as err:
            # What lacks a required field afterwards goes next, and so on outwards.
            for detail in reversed(details_of(err)):
                raw = _without(raw, _yaml_path(raw, detail["loc"]))
    return None


def _without(value: Any, path: Path) -> Any:
    if not path:
        return value
    step, *rest = path
    if isinstance(value, dict) and step in value:
        if rest:
            return {**value, step: _without(value[step], tuple(rest))}
        return {key: inner for key, inner in value.items() if key != step}
    if isinstance(value, tuple) and isinstance(step, int) and step < len(value):
        inner = (_without(value[step], tuple(rest)),) if rest else ()
        return (*value[:step], *inner, *value[step + 1 :])
    return value


def details_of(err: ValidationError) -> list[ErrorDetails]:
    """pydantic's errors, one for each fault.

    A list counts only its good members, so that one bad member also makes it "too short"; and where
    a number may be whole or not, a wrong value is told once for each.
    """
    details = err.errors(include_url=False)
    inside = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
    numbers = {one["loc"][:-1] for one in details if _is_branch(one, "float")}
    found: list[ErrorDetails] = []
    for detail in details:
        location = detail["loc"]
        if detail["type"] == "too_short" and location in inside:
            continue
        if location[:-1] in numbers and _is_branch(detail, "int"):
            continue
        if _is_branch(detail, "float"):
            detail["loc"] = location[:-1]
        found.append(detail)
    return found


def _is_branch(detail: ErrorDetails, of: str) -> bool:
    """Whether an error tells of one type of a union: `(..., "int")` is not a path in the file."""
    return detail["loc"][-1:] == (of,) and detail["type"].startswith(f"{of}_")


def _envelope(path: str, raw: object, kind: Kind) -> list[Fault]:
    if not isinstance(raw, dict):
        return [Fault(path, (), "type", f"the document is {describe(raw)}", "a map of fields")]
    version, word = raw.get("apiVersion"), raw.get("kind")
    if version != API_VERSION:
        what = "is missing" if version is None else f"is `{str(version)[:40]}`"
        return [
            Fault(path, ("apiVersion",), "api-version", f"`apiVersion` {what}", f"`{API_VERSION}`")
        ]
    if word == kind.name:
        return []
    if isinstance(word, str) and word in BY_NAME:
        other = BY_NAME[word]
        return [
            Fault(
                path,
                ("kind",),
                "misplaced",
                f"{_a(word)} does not belong here",
                f"`kind: {kind.name}`",
                f"move the file to `{other.place}`",
            )
        ]
    what = "is missing" if word is None else f"`{str(word)[:40]}` is not known"
    return [
        Fault(
            path,
            ("kind",),
            "kind",
            f"`kind` {what}",
            f"`kind: {kind.name}`",
            did_you_mean(word, BY_NAME),
        )
    ]


def _a(word: str) -> str:
    return f"an {word}" if word[:1] in "AEIOU" else f"a {word}"


def describe(value: object) -> str:
    """A value's type in words that a person uses."""
    word = _WORDS.get(type(value).__name__, type(value).__name__)
    if isinstance(value, str):
        return f"text (`{value[:40]}`)"
    if isinstance(value, bool):
        return f"{word} (`{str(value).lower()}`)"
    return f"{word} (`{value}`)" if isinstance(value, int | float) else word


def _yaml_path(raw: Any, location: tuple[int | str, ...]) -> Path:
    """pydantic's location without what is not in the file: union tags, key markers."""
    path: list[str | int] = []
    here: Any = raw
    for step in location:
        in_map = isinstance(here, dict) and step in here
        in_list = isinstance(here, tuple) and isinstance(step, int) and step < len(here)
        if in_map or in_list:
            here = here[step]
            path.append(step)
    return tuple(path)


def explain(path: str, raw: object, detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    """One of pydantic's errors as a fault in our words, with what would have been right."""
    location, kind = detail["loc"], detail["type"]
    field = _yaml_path(raw, location)
    last = str(location[-1]) if location else ""
    subject = _subject(field)
    context = detail.get("ctx", {})
    found = detail.get("input")
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return Fault(
            path,
            field,
            "unknown-field",
            f"the field `{last}` is not known here",
            f"one of: {listed(known, 12)}",
            did_you_mean(last, known),
            at_name=True,
        )
    if kind == "missing":
        return Fault(
            path,
            field,
            "missing-field",
            f"the field `{last}` is missing",
            f"`{last}: ...`",
            at_name=True,
        )
    if location and location[-1] == "[key]":
        return Fault(
            path,
            field,
            "name",
            f"the name `{str(found)[:40]}` is not allowed",
            _rule(detail),
            at_name=True,
        )
    if kind in _EXPECTED_TYPE:
        suggestion = ""
        if kind == "string_type" and isinstance(found, int | float):
            suggestion = f'quote it: "{str(found).lower() if isinstance(found, bool) else found}"'
        if kind == "bool_type" and isinstance(found, str):
            suggestion = {
                "yes": "write true",
                "on": "write true",
                "no": "write false",
                "off": "write false",
            }.get(
                found.lower(),
                f"write {found.lower()}" if found.lower() in ("true", "false") else "",
            )
        return Fault(
            path, field, "type", f"{subject} is {describe(found)}", _EXPECTED_TYPE[kind], suggestion
        )
    if kind == "literal_error":
        choices = [
            word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")
        ]
        return Fault(
            path,
            field,
            "value",
            f"{subject} is `{str(found)[:40]}`",
            f"one of: {', '.join(choices)}",
            did_you_mean(found, choices),
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = str(context["discriminator"]).strip("'")
        choices = [
            word.strip("'") for word in str(context.get("expected_tags", "")).split(", ") if word
        ]
        given = context.get("tag")
        message = (
            f"`{tag}` is `{str(given)[:40]}`"
            if given is not None
            else f"the field `{tag}` is missing"
        )
        return Fault(
            path,
            (*field, tag) if given is not None else field,
            "value" if given is not None else "missing-field",
            message,
            f"one of: {listed(choices)}" if choices else f"`{tag}: ...`",
            did_you_mean(given, choices),
        )
    if kind == "value_error":
        words = str(context["error"])
        if words.startswith("expected "):
            shown = f"{subject} is {describe(found)}"
            return Fault(path, field, "value", shown, words.removeprefix("expected "))
        return Fault(path, field, "value", words)
    shown = "is not a name" if last.endswith("From") else f"is {describe(found)}"
    return Fault(path, field, "value", f"{subject} {shown}", _rule(detail))


def _subject(field: Path) -> str:
    name = next((step for step in reversed(field) if isinstance(step, str)), "the document")
    return f"`{name}`" if not field or field[-1] == name else f"a member of `{name}`"


def _rule(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "string_pattern_mismatch":
            return WORDS.get(context["pattern"], f"text that matches {context['pattern']}")
        case "string_too_short":
            return f"at least {context['min_length']} characters"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "too_short":
            return f"at least {context['min_length']} of them"
        case "too_long":
            return f"at most {context['max_length']} of them"
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "less_than_equal":
            return f"at most {context['le']}"
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, tuple, dict) or hasattr(
        annotation, "__metadata__"
    ):
        return [model for argument in get_args(annotation) for model in _models_in(argument)]
    return []


def _tags_of(model: type[BaseModel]) -> set[str]:
    return {
        str(tag)
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal
        for tag in get_args(field.annotation)
    }


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The field names that the models at a location know."""
    here = [model]
    in_map = False
    for step in location:
        tagged = [candidate for candidate in here if len(here) > 1 and step in _tags_of(candidate)]
        if tagged:
            here = tagged
            continue
        if isinstance(step, int):
            continue
        if in_map:
            in_map = False
            continue
        fields = [
            field
            for candidate in here
            for field in candidate.model_fields.values()
            if field.alias == step
        ]
        in_map = any(get_origin(field.annotation) is dict for field in fields)
        here = [inner for field in fields for inner in _models_in(field.annotation)]
    return [
        field.alias or name for candidate in here for name, field in candidate.model_fields.items()
    ]
