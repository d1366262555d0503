"""What all documents share: the envelope, strictness, and the types of small values."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

API_VERSION: Final = "reconciler/v1"

NAME_PATTERN: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
NAME_MAX: Final = 28
"""AWS allows 32 characters for a load balancer's name; ours leave room for a short suffix."""

WORDS: Final[dict[str, str]] = {}
"""What a person calls a pattern, for messages: filled by `worded` where a type is defined."""


def worded(pattern: str, words: str, max_length: int) -> StringConstraints:
    """Text of a form that has a name; messages say the name, not the expression."""
    WORDS[pattern] = words
    return StringConstraints(pattern=pattern, max_length=max_length)


Name = Annotated[
    str,
    worded(
        NAME_PATTERN,
        f"lower-case words joined by `-`, at most {NAME_MAX} characters",
        max_length=NAME_MAX,
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Label = Annotated[
    str,
    worded(
        r"^[A-Za-z0-9_.:/=+@-]([A-Za-z0-9_ .:/=+@-]*[A-Za-z0-9_.:/=+@-])?$",
        "letters, digits, spaces inside, and . : / = + @ -",
        max_length=128,
    ),
]
LabelKey = Annotated[
    str,
    worded(r"^[a-z][a-z0-9._/-]*$", "a lower-case word with . _ / - in it", max_length=63),
]
Version = Annotated[
    str,
    worded(
        r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$",
        "a semantic version such as 1.0.0",
        max_length=32,
    ),
]
Account = Annotated[
    str, worded(r"^[0-9]{12}$", "a 12-digit AWS account id, in quotes", max_length=12)
]
Region = Annotated[
    str, worded(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "a region such as eu-central-1", max_length=32)
]
PathGlob = Annotated[
    str,
    worded(
        r"^[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)*$",
        "a path in the repository; `*` matches within a folder, `**` any depth",
        max_length=200,
    ),
]

Stage = Literal["dev", "staging", "production"]
Category = Literal["security", "cost", "compliance", "operational", "pipeline", "authority"]
GateLevel = Literal["advisory", "soft", "hard"]
Risk = Literal["L0", "L1", "L2", "L3"]
DriftMode = Literal["automated", "assisted", "advisory"]
Isolation = Literal["shared", "dedicated-vpc", "dedicated-account"]
Strategy = Literal["rolling", "blue-green", "canary"]

STAGES: Final[tuple[Stage, ...]] = ("dev", "staging", "production")
RISKS: Final[tuple[Risk, ...]] = ("L0", "L1", "L2", "L3")

_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(value: object) -> timedelta:
    """`90s`, `15m`, `72h` or `14d`: one number and one unit, so that nobody has to add up."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    msg = "expected a duration such as 90s, 15m, 72h or 14d"
    raise ValueError(msg)


def format_duration(value: timedelta) -> str:
    """The shortest form that `parse_duration` reads back."""
    seconds = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?", re.ASCII)


def _timestamp(value: object, of_day: time) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and (match := _TIMESTAMP.fullmatch(value)):
        try:
            found = datetime.fromisoformat(value)
            return found if match[1] else datetime.combine(found, of_day, UTC)
        except ValueError:
            pass
    msg = "expected a day such as 2026-12-31 or an instant such as 2026-12-31T18:00:00Z"
    raise ValueError(msg)


def parse_start(value: object) -> datetime:
    """A day (its beginning, UTC) or an instant in UTC. Local times are refused as ambiguous."""
    return _timestamp(value, time.min)


def parse_end(value: object) -> datetime:
    """A day (its end, UTC) or an instant in UTC. Local times are refused as ambiguous."""
    return _timestamp(value, time(23, 59, 59))


def format_timestamp(value: datetime) -> str:
    """One form for all outputs."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            msg = f"{value!r} is listed twice"
            raise ValueError(msg)
    return values


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^[1-9]\d{0,5}[smhd]$", "examples": ["15m", "72h", "14d"]}
    ),
]


def _whole_hours(value: timedelta) -> timedelta:
    if value % timedelta(hours=1):
        msg = "expected whole hours or days, such as 12h or 3d"
        raise ValueError(msg)
    return value


Lifetime = Annotated[Duration, AfterValidator(_whole_hours)]
"""How long an environment lives, in whole hours."""
_INSTANT_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$",
        "examples": ["2026-12-31", "2026-12-31T18:00:00Z"],
    }
)
_AS_TEXT = PlainSerializer(format_timestamp, return_type=str)
Start = Annotated[datetime, BeforeValidator(parse_start), _AS_TEXT, _INSTANT_SCHEMA]
"""From when: a day means its beginning."""
End = Annotated[datetime, BeforeValidator(parse_end), _AS_TEXT, _INSTANT_SCHEMA]
"""Until when: a day means its end."""
T = TypeVar("T")
Items = Annotated[tuple[T, ...], AfterValidator(_unique)]
"""A list whose members differ."""


class Model(BaseModel):
    """A part of a document: frozen, strict, and closed to unknown fields.

    What stands below a field describes it. Only schemas tell that, so only they read it: pydantic
    would read the source of every model at every start.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )


class Metadata(Model):
    """Who something is and whose it is."""

    name: Name
    """Unique among documents of its kind, and the file's name without `.yaml`."""
    description: Text = ""
    """One sentence for people."""
    labels: dict[LabelKey, Label] = Field(default={}, max_length=30)
    """Free keys and values; an environment's labels become tags of its resources."""


class OwnedMetadata(Metadata):
    """Metadata of what belongs to a team."""

    owner: Name
    """The team that answers for it and may change it."""


class Document(Model):
    """The envelope of every document."""

    api_version: Literal["reconciler/v1"]
    """The version of the document format."""
    kind: str
    """What the document is."""
    metadata: Metadata
    """Who it is and whose."""
