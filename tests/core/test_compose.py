"""A new environment's text: whatever is asked for stands in it as data, never as YAML."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.app.new import Asked, Drafted, draft
from reconciler.core.compose import BadValue, read_value, scalar
from reconciler.core.yaml_reader import read_yaml
from reconciler.errors import UsageError
from reconciler.model.blueprint import Parameter
from tests.repos import BLUEPRINT, LAB, LIVE, Files, MemoryTree, edited, problems, small

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_VALUES = st.recursive(
    st.booleans() | st.integers(-(10**17), 10**17) | _TEXT,
    lambda inner: st.tuples(inner, inner) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


def asked(**options: Any) -> Asked:
    base: dict[str, Any] = {
        "track": "lab", "name": "box-new", "owner": "team-a", "description": None, "stage": None,
        "blueprint": None, "account": None, "promoted_from": None, "settings": ("image=box:1",),
        "author": None,
    }  # fmt: skip
    return Asked(**{**base, **options})


def drafted(files: Files | None = None, **options: Any) -> Drafted:
    return draft(MemoryTree(small() if files is None else files), asked(**options))


def document(one: Drafted) -> Any:
    return read_yaml(one.text.encode())


@given(_VALUES)
@example("\x85")
@example("\u2028\u2029\ufeff\x7f\x9b")
@example("\U0001f600 \\ud83d")
@example("no")
@example({"null": "~", "<<": "*a"})
def test_a_value_written_is_the_value_read(value: Any) -> None:
    assert read_yaml(f"a: {scalar(value)}  # and more\n".encode()) == {"a": value}


@given(_TEXT.filter(lambda text: 1 <= len(text) <= 500))
@example("a\x85b\u2028c")
@example("x # y")
@example("x: {y}")
@example("\x9b31m")
def test_any_description_arrives_as_it_was_given(text: str) -> None:
    made = drafted(description=text)
    assert made.problems == ()
    assert document(made)["metadata"]["description"] == text


@given(_TEXT)
@example("good  # c")
@example("x\n#/../../../tmp/evil")
@example("x\n  labels: {a: b}")
@example("../../evil")
def test_a_name_is_a_name_or_a_problem(name: str) -> None:
    try:
        made = drafted(name=name)
    except UsageError as err:
        assert err.reason == "bad-name"  # noqa: PT017  # both are right, by the name
        return
    if not made.problems:
        assert document(made)["metadata"]["name"] == name
        assert made.path == f"environments/lab/{name}.yaml"


@given(_TEXT.filter(bool))
@example("dev # x")
@example("dev\n  region: x")
def test_a_stage_is_a_stage_or_a_problem(stage: str) -> None:
    made = drafted(stage=stage)
    assert bool(made.problems) == (stage not in ("dev", "staging", "production"))


def test_descriptions_of_many_lines_stay_in_their_comments() -> None:
    files = edited(small(), LAB, "description: To try things out", 'description: "a\\nb: [\\u009b"')
    files = edited(files, BLUEPRINT, "description: How many\n", 'description: "x\\ny: {"\n')
    files = edited(files, BLUEPRINT, "description: What runs in it", 'description: "x\\n- y"')
    made = drafted(files)
    assert made.problems == ()
    assert "# An environment on the track lab: a b: [." in made.text


def test_what_was_drafted_is_valid_among_the_others() -> None:
    made = drafted(settings=("image=box:1", "replicas=3", "friends=ann,bob"))
    assert problems({**small(), made.path: made.text}) == ()
    assert document(made)["spec"]["parameters"] == {
        "image": "box:1",
        "replicas": 3,
        "friends": ("ann", "bob"),
    }


def test_what_has_a_default_stands_there_as_a_comment() -> None:
    text = drafted().text
    assert "    # size: small  # How much of it\n" in text
    assert "  # region: eu-central-1  # one of: eu-central-1, eu-west-1\n" in text
    assert "  ttl: 3d  # how long it lives; at most 14d\n" in text
    assert "# replicas" not in text  # the profile gives it


@pytest.mark.parametrize(
    "options, code",
    [
        ({"track": "live", "stage": "production", "account": "222222222222"}, "promotion-missing"),
        ({"stage": "staging", "promoted_from": "nobody"}, "unknown-environment"),
        ({"stage": "dev", "promoted_from": "box-two"}, "promotion-order"),
        ({"account": "222222222222"}, "account-dedicated"),
        ({"settings": ("image=box:1", "size=large")}, "budget-exceeded"),
        ({"settings": ("image=box:1", "replicas=77")}, "parameter"),
        ({"account": "7"}, "value"),
    ],
)
def test_what_validate_would_refuse_is_refused_now(options: dict[str, Any], code: str) -> None:
    made = drafted(**options)
    assert code in {one.code for one in made.problems}
    told = problems({**small(), made.path: made.text})
    assert set(made.problems) == set(told)


def test_a_quota_that_it_would_break_is_told() -> None:
    files = edited(small(), LAB, "environmentsPerTeam: 4", "environmentsPerTeam: 2")
    assert {one.code for one in drafted(files).problems} == {"quota-exceeded"}


def test_problems_that_were_there_before_do_not_stop_it() -> None:
    files = edited(small(), "environments/lab/box-two.yaml", "size: small", "size: huge")
    assert drafted(files).problems == ()


@pytest.mark.parametrize(
    "options, reason, hint",
    [
        ({"track": "lib"}, "unknown-track", "did you mean `lab`?"),
        ({"track": "warehouse"}, "unknown-track", "there are: lab, live"),
        ({"owner": "team-aa"}, "unknown-team", "did you mean `team-a`?"),
        ({"blueprint": "bax"}, "unknown-blueprint", "did you mean `box`?"),
        ({"blueprint": "box@9.9.9"}, "unknown-version", "1.0.0"),
        ({"settings": ("image=b", "sise=small")}, "unknown-parameter", "did you mean `size`?"),
        ({"settings": ("image=b", "replicas=few")}, "bad-value", "How many"),
        ({"settings": ("image=b", "open=yes")}, "bad-value", "Whether it is open"),
        ({"settings": ("image=b", "share=half")}, "bad-value", "How large a part"),
        ({"settings": ("image=b", "size")}, "usage", "--set size=small"),
        ({"settings": ()}, "missing-parameter", "--set image=..."),
        ({"name": "box-one"}, "name-taken", "take another name"),
        ({"owner": None}, "no-owner", "team-a, team-b"),
        ({"track": "live"}, "no-account", "--account"),
        ({"description": "\udcff"}, "bad-value", "type it again"),
    ],
)
def test_what_cannot_even_be_begun(options: dict[str, Any], reason: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        drafted(**options)
    assert caught.value.reason == reason
    assert hint in caught.value.hint


def test_the_owner_is_the_team_of_who_asks() -> None:
    made = drafted(owner=None, author="ada@team-b.example.com")
    assert document(made)["metadata"]["owner"] == "team-b"


def test_the_newest_version_is_taken_and_10_is_newer_than_9() -> None:
    files = small()
    for version in ("1.9.0", "1.10.0"):
        for path in [path for path in files if path.startswith("templates/box/1.0.0/")]:
            text = files[path].replace("version: 1.0.0", f"version: {version}")
            files[path.replace("1.0.0", version)] = text
    assert document(drafted(files))["spec"]["blueprint"]["version"] == "1.10.0"
    older = drafted(files, blueprint="box@1.9.0")
    assert document(older)["spec"]["blueprint"]["version"] == "1.9.0"


def test_a_track_without_a_default_region_gets_its_first() -> None:
    files = edited(small(), LIVE, "  defaults: {region: eu-central-1}\n", "")
    made = drafted(files, track="live", account="222222222222")
    assert document(made)["spec"]["region"] == "eu-central-1"


@pytest.mark.parametrize(
    "kind, items, text, value",
    [
        ("string", "string", "8080", "8080"), ("string", "string", "", ""),
        ("string", "string", "no", "no"), ("string", "string", "a=b", "a=b"),
        ("integer", "string", "-7", -7), ("number", "string", "2", 2), ("number", "string", "0.5", 0.5),  # noqa: E501  # a table
        ("number", "string", "1e3", 1000.0), ("boolean", "string", "true", True),
        ("list", "string", "a, b,c", ("a", "b", "c")), ("list", "string", "", ()),
        ("list", "integer", "1,2", (1, 2)), ("map", "string", "a=1,b=x=y", {"a": "1", "b": "x=y"}),
        ("map", "boolean", "a=true", {"a": True}), ("map", "string", "", {}),
    ],
)  # fmt: skip
def test_text_from_the_command_line_by_the_parameter_s_type(
    kind: str, items: str, text: str, value: object
) -> None:
    parameter = Parameter.model_validate({"type": kind, "items": items, "description": "x"})
    read = read_value(parameter, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "kind, text",
    [("integer", "1.5"), ("integer", "x"), ("integer", "9" * 5000), ("number", "x"),
     ("number", "nan"), ("boolean", "True"), ("boolean", "1"), ("map", "a"), ("map", "a=1,b")],
)  # fmt: skip
def test_text_that_is_not_of_the_type(kind: str, text: str) -> None:
    parameter = Parameter.model_validate({"type": kind, "description": "x"})
    with pytest.raises(BadValue):
        read_value(parameter, text)
