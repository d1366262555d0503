"""Lines of the log: one each, whole, without secrets, as JSON or for people."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.log import Log


def written(**words: Any) -> dict[str, Any]:
    stream = io.StringIO()
    Log(as_json=True, stream=stream).bound(run="r-1").said("applied", **words)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def test_a_line_says_when_what_and_of_which_run() -> None:
    stream = io.StringIO()
    log = Log(as_json=True, stream=stream)
    log.bound(run="r-1", environment="pitch").said("applied", seconds=1.5, resources=3)
    log.warned("late")
    log.failed("gone", why=None)
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    assert list(first)[:4] == ["at", "level", "event", "run"]
    assert datetime.fromisoformat(first.pop("at")).tzinfo is not None
    assert first == {
        "level": "info",
        "event": "applied",
        "run": "r-1",
        "environment": "pitch",
        "seconds": 1.5,
        "resources": 3,
    }
    assert (second["level"], "run" in second) == ("warning", False)
    assert (third["level"], third["why"]) == ("error", None)


def test_for_people_it_is_one_plain_line() -> None:
    stream = io.StringIO()
    Log(as_json=False, stream=stream).bound(run="r-1").warned("late", why="no\nanswer")
    at, rest = stream.getvalue().split(" ", 1)
    assert datetime.fromisoformat(at).tzinfo is not None
    assert rest == 'warning: late run=r-1 why="no answer"\n'


@given(st.dictionaries(st.sampled_from(("because", "environment", "why")), st.text(min_size=1)))
def test_for_people_too_it_can_be_told_where_a_value_ends(words: dict[str, str]) -> None:
    stream = io.StringIO()
    Log(as_json=False, stream=stream).said("applied", **words)
    _, _, rest = stream.getvalue().rstrip("\n").partition(" applied")
    found = re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|[^\s="]+)', rest)
    assert [name for name, _ in found] == sorted(words)
    assert "".join(f" {name}={value}" for name, value in found) == rest


@given(st.text(), st.text())
def test_nothing_in_a_value_begins_a_line_or_moves_a_cursor(event: str, value: str) -> None:
    for as_json in (True, False):
        stream = io.StringIO()
        Log(as_json=as_json, stream=stream).said(event, word=value)
        text = stream.getvalue()
        assert text.endswith("\n")
        assert text[:-1].isprintable()


def test_what_looks_like_a_secret_is_not_written() -> None:
    secret = "glpat-" + "Zx9kLm2Qw8Er4Ty6Ui1O"
    assert secret not in json.dumps(written(why=f"the server said {secret}"))


def test_a_long_value_is_cut() -> None:
    assert len(written(why="x" * 100_000)["why"]) <= 2000


def test_a_stream_that_is_gone_is_no_failure() -> None:
    stream = io.StringIO()
    log = Log(as_json=True, stream=stream)
    stream.close()
    log.said("applied")
