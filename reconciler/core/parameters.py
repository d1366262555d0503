"""A blueprint's parameter schema as a validator of the values that an environment gives."""

import ipaddress
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, create_model
from pydantic_core import SchemaError

from reconciler.model.blueprint import Blueprint, Parameter

_INSTANCE_CLASS = r"^([a-z]+\.)?[a-z][a-z0-9-]*\.[a-z0-9-]+$"
_IMAGE = r"^[a-z0-9][a-z0-9._:/-]*(@sha256:[0-9a-f]{64})?$"


class BadSchema(Exception):  # noqa: N818  # says what it is
    """A parameter's schema cannot be used: which one, and why."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message


@lru_cache(maxsize=4096)
def _cidr(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as err:
        msg = f"expected a network such as 10.0.0.0/16 ({err})"
        raise ValueError(msg) from None
    return value


def _one_of(choices: tuple[Any, ...]) -> AfterValidator:
    def check(value: Any) -> Any:
        if value not in choices:
            msg = f"expected one of: {', '.join(map(str, choices))}"
            raise ValueError(msg)
        return value

    return AfterValidator(check)


def _annotated(base: Any, *extras: Any) -> Any:
    return Annotated[(base, *extras)] if extras else base


def _element(parameter: Parameter, kind: str) -> Any:
    extras: list[Any] = []
    wanted = {"string": str, "integer": int}.get(kind)
    if parameter.enum and all(type(choice) is wanted for choice in parameter.enum):
        return Literal.__getitem__(parameter.enum)
    if kind == "string":
        scalar = parameter.type == "string"
        extras.append(
            StringConstraints(
                min_length=parameter.min_length if scalar else None,
                max_length=parameter.max_length if scalar else None,
                pattern=parameter.pattern
                or {"instance-class": _INSTANCE_CLASS, "image": _IMAGE}.get(parameter.format or ""),
            )
        )
        if parameter.format == "cidr":
            extras.append(AfterValidator(_cidr))
    elif kind in ("integer", "number"):
        extras.append(Field(ge=parameter.minimum, le=parameter.maximum))
    if parameter.enum:
        extras.append(_one_of(parameter.enum))
    base: Any = {"string": str, "integer": int, "number": int | float, "boolean": bool}[kind]
    return _annotated(base, *extras)


def _annotation(parameter: Parameter) -> Any:
    size: Any = Field(min_length=parameter.min_length, max_length=parameter.max_length)
    element: Any = _element(parameter, parameter.items)
    if parameter.type == "list":
        return _annotated(GenericAlias(tuple, (element, ...)), size)
    if parameter.type == "map":
        return _annotated(GenericAlias(dict, (str, element)), size)
    return _element(parameter, parameter.type)


def has_default(parameter: Parameter) -> bool:
    """Whether the environment may leave it out; `default: null` counts."""
    return "default" in parameter.model_fields_set


def validator(blueprint: Blueprint) -> type[BaseModel]:
    """A model of the blueprint's parameters; BadSchema when a parameter's schema is unusable."""
    fields: dict[str, Any] = {}
    for name, parameter in blueprint.spec.parameters.items():
        _refuse_nonsense(name, parameter)
        annotation = _annotation(parameter)
        if has_default(parameter) and parameter.default is None:
            annotation = annotation | None
        fields[f"p_{name}"] = (annotation, Field(alias=name))
    config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    try:
        return create_model("Parameters", __config__=config, **fields)
    except SchemaError as err:
        raise _which(fields, err) from None


_FITS: Final = {
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
    "pattern": ("string",),
    "format": ("string",),
}


def _refuse_nonsense(name: str, parameter: Parameter) -> None:
    """A constraint that the type ignores would be believed to hold."""
    given = parameter.model_fields_set
    element = parameter.items if parameter.type in ("list", "map") else parameter.type
    for constraint, kinds in _FITS.items():
        if constraint in given and element not in kinds:
            raise BadSchema(name, f"`{constraint}` of `{name}` means nothing for {element}")
    if "items" in given and parameter.type not in ("list", "map"):
        raise BadSchema(name, f"`items` of `{name}` goes with list and map")
    if given & {"min_length", "max_length"} and parameter.type in ("integer", "number", "boolean"):
        raise BadSchema(name, f"a length of `{name}` means nothing for {parameter.type}")
    for low, high in (
        (parameter.minimum, parameter.maximum),
        (parameter.min_length, parameter.max_length),
    ):
        if low is not None and high is not None and low > high:
            raise BadSchema(name, f"nothing can be at least {low} and at most {high} (`{name}`)")


def _which(fields: dict[str, Any], together: SchemaError) -> BadSchema:
    """The parameter at fault: all of them together do not tell, each alone does."""
    for field, (annotation, _) in fields.items():
        try:
            create_model("Probe", value=(annotation, ...))
        except SchemaError as err:
            name, words = field.removeprefix("p_"), " ".join(str(err).split())
            where = words.rfind("error: ")
            return BadSchema(name, f"the `pattern` of `{name}` cannot be used: {words[where:]}")
    raise together


def defaults(blueprint: Blueprint) -> dict[str, Any]:
    """The values that the blueprint gives by itself."""
    parameters = blueprint.spec.parameters
    return {name: one.default for name, one in parameters.items() if has_default(one)}


def family(instance_class: str) -> str:
    """`db.t4g.medium` -> `t4g`."""
    return instance_class.rpartition(".")[0].rpartition(".")[2]
