"""Draft + place -> the bytes of a record's document; and back, strictly."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from reconciler.core.canonical import NotCanonical, canonical, plain, read_canonical
from reconciler.model.base import format_timestamp
from reconciler.model.record import VERSION, Chain, Draft, Record


class NotARecord(ValueError):  # noqa: N818  # a state of what was read, told in words
    """It is no record that this program knows."""


class FutureRecord(NotARecord):
    """A newer program wrote it."""


def fields_of(draft: Draft, chain: Chain) -> dict[str, Any]:
    """The document, but for the files that it changes."""
    return {
        "schema": VERSION,
        "id": draft.id,
        "at": format_timestamp(draft.at),
        "environment": draft.environment or None,
        "simulated": draft.simulated,
        "chain": chain.model_dump(mode="json"),
        "actor": plain(draft.actor.model_dump(mode="json")),
        "program": plain(draft.program.model_dump(mode="json")),
        "run": plain(draft.run) or None,
        "files": {},
        "body": plain(dict(draft.body)),
    }


def record_of(fields: dict[str, Any]) -> Record:
    """The record that such fields make."""
    return _checked(canonical(fields))


def with_files(
    fields: dict[str, Any], files: Mapping[str, str | None], record: Record
) -> tuple[Record, bytes]:
    """The whole document, as a value and as its bytes. Paths and digests are our own."""
    whole = dict(files)
    return record.model_copy(update={"files": whole}), canonical(fields | {"files": whole})


def read_record(data: bytes) -> Record:
    """The record; NotARecord says why it is none."""
    try:
        value: Any = read_canonical(data)
    except NotCanonical as err:
        raise NotARecord(str(err)) from err
    version = value.get("schema") if isinstance(value, dict) else None
    if version != VERSION:
        if isinstance(version, str) and version.startswith("reconciler.records/"):
            msg = f"it has the form {version}, which this program does not know; use a newer one"
            raise FutureRecord(msg)
        msg = "it is no record"
        raise NotARecord(msg)
    return _checked(data)


def _checked(data: bytes) -> Record:
    try:
        return Record.model_validate_json(data)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        msg = f"its field `{place}` is wrong: {first['msg']}"
        raise NotARecord(msg) from err
