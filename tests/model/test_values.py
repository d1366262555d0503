"""Durations, timestamps, names, and the JSON Schemas that editors read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reconciler.app.schema import editor_settings, schemas
from reconciler.core.yaml_reader import read_yaml
from reconciler.model.base import (
    Account,
    Label,
    Name,
    PathGlob,
    Region,
    Version,
    format_duration,
    format_timestamp,
    parse_duration,
    parse_end,
    parse_start,
)
from reconciler.model.documents import BY_NAME, KINDS
from tests.repos import ROOT, small


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_a_duration_survives_being_written(count: int, unit: str) -> None:
    value = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(value)) == value


# a table
@pytest.mark.parametrize(
    "text",
    ["", "1", "h", "0h", "-1h", "1.5h", "1h30m", "1 h", "1H", "01h", "1000000s", "1w", " 1h", "1h\n",  # noqa: E501  # a table
     "\u0661h"],
)  # fmt: skip
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text, value",
    [("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("72h", timedelta(days=3)),
     ("14d", timedelta(days=14))],
)  # fmt: skip
def test_durations(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  # made aware below
def test_an_instant_survives_being_written(value: datetime) -> None:
    value = value.replace(microsecond=0, tzinfo=UTC)
    assert parse_end(format_timestamp(value)) == value


def test_a_day_begins_and_ends_where_it_is_a_start_or_an_end() -> None:
    assert parse_start("2026-12-31") == datetime(2026, 12, 31, tzinfo=UTC)
    assert parse_end("2026-12-31") == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-12-31T18:00:00", "2026-12-31T18:00:00+01:00", "2026-02-30", "2026-13-01", "26-01-01",
     "2026-12-31 18:00:00Z", "2026-12-31T25:00Z", "2026-1-1", "", "tomorrow", "\u0662\u0660\u0662\u0666-01-01",  # noqa: E501  # a table
     "2026-12-31\n"],
)  # fmt: skip
def test_what_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError, match="expected a day such as"):
        parse_end(text)


@pytest.mark.parametrize(
    "kind, good, bad",
    [
        (Name, ["a", "a-b", "a1-2b", "x" * 28],
         ["", "A", "1a", "a-", "-a", "a--b", "a_b", "a.b", "a b", "x" * 29, "ä", "a\n", "a/b", 7]),
        (Version, ["1.0.0", "0.10.2"], ["1.0", "1", "v1.0.0", "01.0.0", "1.0.0-rc", "1.0.0\n", 1.0, "1.\u0660.0"]),  # noqa: E501  # a table
        (Account, ["123456789012"], ["12345678901", "1234567890123", "12345678901a", 123456789012]),
        (Region, ["eu-central-1", "us-gov-west-1"], ["eu", "eu-central", "EU-central-1", "eu-central-1a"]),  # noqa: E501  # a table
        (PathGlob, ["a", "a/**", "a/*.yaml"], ["", "/a", "a/", "a//b", "../a b", "a b"]),
        (Label, ["a", "a b", "x:y/z=1+2@3"], ["", " a", "a ", "a\nb", "a\x1bb", "${x}", '"', "x" * 129]),  # noqa: E501  # a table
    ],
)  # fmt: skip
def test_small_values(kind: Any, good: list[object], bad: list[object]) -> None:
    assert [one for one in good if not accepts(kind, one)] == []
    assert [one for one in bad if accepts(kind, one)] == []


# ----------------------------------------------------------------------------------- schemas


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def documents() -> list[tuple[str, str, Any]]:
    found = []
    for path, text in small().items():
        for kind in KINDS:
            inside = path.startswith(kind.folder) and (kind.folder or path == "reconciler.yaml")
            if path.endswith(".yaml") and inside:
                found.append((path, kind.name, plain(read_yaml(text.encode()))))
    return found


def test_every_kind_has_a_schema_that_is_one() -> None:
    files = schemas()
    names = {f"{kind.name.lower()}.schema.json" for kind in KINDS}
    assert set(files) == names | {"record.schema.json"}
    for text in files.values():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("path, kind, document", documents())
def test_a_schema_accepts_what_the_program_accepts(path: str, kind: str, document: Any) -> None:
    schema = json.loads(schemas()[f"{kind.lower()}.schema.json"])
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "extra": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "kind": "Other"}, schema)
    assert path.startswith(BY_NAME[kind].folder)


def test_the_schemas_in_docs_are_current() -> None:
    for name, text in schemas().items():
        assert (ROOT / "docs/schemas" / name).read_text() == text, (
            "run `reconciler schema docs/schemas`"
        )


def test_an_editor_finds_the_schema_of_every_document() -> None:
    places: dict[str, str] = json.loads(editor_settings("./schemas"))["yaml.schemas"]

    def matches(glob: str, path: str) -> bool:
        parts = [
            ".*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*")
            for part in glob.split("/")
        ]
        return re.fullmatch("/".join(parts).replace(".*/", "(.*/)?"), path) is not None

    for path, kind, _ in documents():
        found = [schema for schema, glob in places.items() if matches(glob, path)]
        assert found == [f"./schemas/{kind.lower()}.schema.json"]
