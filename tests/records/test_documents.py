"""Golden records: what was written once is read for ever, and says the same for ever.

To renew after a change that is meant: `RECONCILER_RENEW_GOLDEN=1 .venv/bin/pytest tests/records`, then
look at `git diff tests/records/golden`. A document of v1 that is there may not change at all.
"""  # noqa: E501  # the command in one line

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.app.schema import record_schema, schemas
from reconciler.core.canonical import canonical, digest
from reconciler.core.records.document import FutureRecord, NotARecord, read_record
from reconciler.core.records.standing import status_after
from reconciler.core.records.story import read_status, status_bytes
from reconciler.core.records.words import line, message
from reconciler.model.record import RecordKind
from tests.records import drafts
from tests.repos import ROOT

GOLDEN = Path(__file__).parent / "golden"
RENEW = os.environ.get("RECONCILER_RENEW_GOLDEN") == "1"
KINDS = [kind.value for kind in RecordKind]
BEFORE = {
    "environment": "box-one",
    "record": 5,
    "applying": {"record": 4},
    "applied": {"record": 2},
    "drift": {"record": 5, "since": "2026-06-01T00:00:00Z", "first": 3},
    "freezes": {"stop-all": {"record": 1}},
}


def golden(name: str, data: bytes) -> bytes:
    """What is kept under the name; the data itself when it is being renewed."""
    file = GOLDEN / name
    if RENEW:
        assert not os.environ.get("CI"), "a pipeline must not agree with itself"
        file.write_bytes(data)
    return file.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_has_the_bytes_the_words_and_the_effect_that_it_always_had(kind: str) -> None:
    record, data = drafts.document(kind)
    words = message(record, digest(data)).encode()
    status = status_bytes(status_after(BEFORE, record))
    assert data == golden(f"{kind}.json", data)
    assert words == golden(f"{kind}.txt", words)
    assert status == golden(f"{kind}.status.json", status)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_v1_is_read_for_ever(kind: str) -> None:
    data = (GOLDEN / f"{kind}.json").read_bytes()
    record = read_record(data)
    assert record.body.kind == kind
    # What was added to the form since then is not in it.
    assert canonical(record.model_dump(mode="json", exclude_unset=True)) == data
    assert message(record, digest(data)).encode() == (GOLDEN / f"{kind}.txt").read_bytes()


@given(*[st.text("a  \n\t\u2028\x1bé", max_size=8) | st.sampled_from(["b" * 400, "c" * 92])] * 3)
def test_nothing_that_somebody_wrote_begins_a_line(what: str, why: str, run: str) -> None:
    body = json.loads(drafts.document("refusal")[1])["body"]
    data = changed("refusal", run=run, body=body | {"what": what, "why": why})
    record = read_record(data)
    said, rest = message(record, digest(data)).split("\n\n", 2)[::2]
    assert said == line(f"refusal(box-one): {what}", 100)
    told = dict(one.split(": ", 1) for one in rest.splitlines())
    assert told.get("Run-Id", "") == line(run, 300)
    assert message(record, digest(data)).split("\n")[2] == line(f"It was stopped: {why}", 300)


def test_there_is_a_draft_of_every_kind() -> None:
    assert set(drafts.BODIES) == set(KINDS)
    files = {file.name for file in GOLDEN.iterdir()}
    ends = (".json", ".txt", ".status.json")
    assert files == {kind + end for kind in KINDS for end in ends}


def changed(kind: str, **changes: Any) -> bytes:
    value = json.loads(drafts.document(kind)[1])
    return canonical(value | changes)


def test_a_version_to_come_is_named_and_not_guessed_at() -> None:
    with pytest.raises(FutureRecord, match=r"reconciler\.records/v2.*newer"):
        read_record(changed("expiry", schema="reconciler.records/v2", more=1))


@pytest.mark.parametrize(
    "data, why",
    [
        (changed("expiry", schema="something/v1"), "no record"),
        (changed("expiry", schema=1), "no record"),
        (b"[]", "no record"),
        (b"1", "no record"),
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (changed("expiry")[:-1], "not JSON"),
        (changed("expiry") + b"\n", "canonical"),
        (changed("expiry", more=1), "`more`"),
        (changed("expiry", id="x"), "`id`"),
        (changed("expiry", at="2026-07-01"), "`at`"),
        (changed("expiry", at="2026-13-01T00:00:00Z"), "`at`"),
        # digits of another script are digits to some
        (changed("expiry", at="٢٠٢٦-07-01T00:00:00Z"), "`at`"),
        (changed("expiry", at="2026-07-01T00:00:00Z\n"), "`at`"),
        (changed("expiry", environment="a/b"), "`environment`"),
        (changed("expiry", environment=".."), "`environment`"),
        (changed("expiry", environment="_"), "`environment`"),
        (changed("expiry", environment=""), "`environment`"),
        (changed("expiry", simulated=0), "`simulated`"),
        (changed("expiry", body={"kind": "expiry"}), "`body"),
        (changed("expiry", body={"kind": "other"}), "`body"),
        (changed("expiry", files={"a": "sha256:"}), "`files"),
    ],
)
def test_what_is_no_record_says_why(data: bytes, why: str) -> None:
    with pytest.raises(NotARecord, match=why):
        read_record(data)


@given(st.binary(max_size=60))
def test_no_bytes_are_more_than_no_record(data: bytes) -> None:
    with pytest.raises(NotARecord):
        read_record(data)


@given(st.binary(max_size=40))
def test_a_file_that_is_no_status_says_nothing(data: bytes) -> None:
    assert isinstance(read_status(data), dict)
    assert read_status(b"[" * 100_000) == {}


# ------------------------------------------------------------------------------------- schema


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document whose form is fixed."""
    if (
        here
        and here[-1] in {"counts", "trees", "decision", "given", "files"}
        and isinstance(value, dict)
    ):
        return [here]
    if isinstance(value, dict):
        return [here, *(one for key in value for one in paths(value[key], (*here, key)))]
    if isinstance(value, list):
        return [here, *(one for key, each in enumerate(value) for one in paths(each, (*here, key)))]
    return [here]


def test_the_schema_of_records_is_one_and_is_written_with_the_others() -> None:
    schema = json.loads(record_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (ROOT / "docs/schemas/record.schema.json").read_text() == record_schema()
    assert "record.schema.json" in schemas()


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_takes_what_we_write_and_nothing_else(kind: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(record_schema()))
    text = (GOLDEN / f"{kind}.json").read_text()
    validator.validate(json.loads(text))

    def refused(path: tuple[Any, ...], what: str) -> bool:
        value = json.loads(text)
        holder, at = {"": value}, ("", *path)
        for step in at[:-1]:
            holder = holder[step]
        if what == "wrong":
            holder[at[-1]] = 1.5
        elif what == "missing":
            del holder[at[-1]]
        else:
            holder[at[-1]]["extra"] = 1
        by_us = True
        try:
            read_record(canonical(value))
        except ValueError:
            by_us = False
        assert validator.is_valid(value) == by_us, (path, what)
        return not by_us

    value = json.loads(text)
    for path in paths(value):
        inner: Any = value
        for step in path:
            inner = inner[step]
        if path:
            assert refused(path, "wrong"), path
        if path and isinstance(path[-1], str):
            refused(path, "missing")
        if isinstance(inner, dict) and path[-1:] != ("counts",):
            refused(path, "extra")
