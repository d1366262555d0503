"""One file's problems: all at once, at their places, with what would have been right."""

from __future__ import annotations

import pytest

from reconciler.core.documents import parse
from reconciler.core.faults import Fault, located
from reconciler.model.documents import BY_NAME, KINDS
from reconciler.model.problem import Problem
from tests.repos import (
    BLUEPRINT,
    BOX,
    LAB,
    Files,
    edited,
    place,
    placed,
    problems,
    shipped,
    small,
)

SETTINGS = "reconciler.yaml"
TEAM = "profiles/teams/team-b.yaml"
WAIVER = "policies/waivers/no-vpc.yaml"
FREEZE = "policies/freezes/stop-box.yaml"
AGENT = "profiles/agents/robot.yaml"


def told(path: str, text: str, kind: str) -> list[Problem]:
    """What is wrong with one file, as the user sees it."""
    document, found = parse(path, text.encode(), BY_NAME[kind])
    assert (document is None) == bool(found)
    faults = [one for one in found if isinstance(one, Fault)]
    return sorted(
        [
            *(one for one in found if isinstance(one, Problem)),
            *located(faults, lambda _path: text.encode()),
        ]
    )


def only(files: Files, path: str, kind: str) -> Problem:
    (problem,) = told(path, files[path], kind)
    return problem


def kind_of(path: str) -> str:
    matching = [kind for kind in KINDS if path.startswith(kind.folder)]
    return max(matching, key=lambda kind: len(kind.folder)).name


def test_the_shipped_samples_are_accepted() -> None:
    seen = set()
    for path, text in shipped().items():
        if path.endswith(".yaml"):
            kind = kind_of(path)
            assert told(path, text, kind) == [], path
            seen.add(kind)
    assert {kind.name for kind in KINDS} - seen == {"Freeze"}
    assert told(FREEZE, small()[FREEZE], "Freeze") == []


def test_the_small_repository_has_no_problems() -> None:
    assert problems(small()) == ()


# --------------------------------------------------------------------------------- misspelt


@pytest.mark.parametrize(
    "path, old, new, code, suggestion",
    [
        (BOX, "  owner: team-a", "  ower: team-a", "unknown-field", "owner"),
        (BOX, "  stage: dev", "  Stage: dev", "unknown-field", "stage"),
        (BOX, "parameters:", "params:", "unknown-field", "parameters"),
        (BOX, "version: 1.0.0", "verison: 1.0.0", "unknown-field", "version"),
        (LAB, "allowedOverrides", "allowed_overrides", "unknown-field", "allowedOverrides"),
        (LAB, "environmentsPerTeam", "environmentPerTeam", "unknown-field", "environmentsPerTeam"),
        (LAB, "perEnvironment", "perEnviroment", "unknown-field", "perEnvironment"),
        (LAB, "risks: [L3]", "risk: [L3]", "unknown-field", "risks"),
        (SETTINGS, "urlFrom", "urlform", "unknown-field", "urlFrom"),
        (SETTINGS, "      tracks: [lab]", "      track: [lab]", "unknown-field", "tracks"),
        (TEAM, "email:", "e-mail:", "unknown-field", "email"),
        (WAIVER, "expires:", "expire:", "unknown-field", "expires"),
        (FREEZE, "scope: {environment:", "scope: {enviroment:", "unknown-field", "environment"),
        (AGENT, "highestRisk", "highestrisk", "unknown-field", "highestRisk"),
        (BLUEPRINT, "rollouts:", "rollout:", "unknown-field", "rollouts"),
        (BLUEPRINT, "      format: cidr", "      fromat: cidr", "unknown-field", "format"),
        (BOX, "stage: dev", "stage: develop", "value", None),
        (BOX, "stage: dev", "stage: Dev", "value", "dev"),
        (LAB, "strategy: rolling", "strategy: roling", "value", "rolling"),
        (LAB, "isolation: shared", "isolation: share", "value", "shared"),
        (LAB, "mode: automated", "mode: automatic", "value", "automated"),
        (SETTINGS, "kind: slack", "kind: slak", "value", "slack"),
        (SETTINGS, "forge: {kind: local}", "forge: {kind: gitlb}", "value", "gitlab"),
        (SETTINGS, "backend: local", "backend: S3", "value", "s3"),
        (SETTINGS, "events: [drift]", "events: [drifts]", "value", "drift"),
        (BLUEPRINT, "type: boolean", "type: bolean", "value", "boolean"),
    ],
)  # fmt: skip
def test_a_misspelt_word_gets_a_suggestion(
    path: str, old: str, new: str, code: str, suggestion: str | None
) -> None:
    files = edited(small(), path, old, new)
    found = [one for one in told(path, files[path], kind_of(path)) if one.code == code]
    assert len(found) == 1
    assert found[0].suggestion == ("" if suggestion is None else f"did you mean `{suggestion}`?")
    assert found[0].expected.startswith("one of: ")
    assert "none is defined" not in found[0].expected


def test_a_misspelt_field_is_shown_at_its_name_and_one_with_a_wrong_value_at_the_value() -> None:
    files = edited(small(), BOX, "  stage: dev", "  stgae: dev")
    unknown, missing = told(BOX, files[BOX], "Environment")[::-1]
    assert (unknown.code, placed(unknown)) == ("unknown-field", place(files, BOX, "stgae"))
    assert (missing.code, placed(missing)) == ("missing-field", place(files, BOX, "spec:"))
    files = edited(small(), BOX, "  stage: dev", "  stage: live")
    assert placed(only(files, BOX, "Environment")) == place(files, BOX, "live")


# ------------------------------------------------------------------------------- wrong types


@pytest.mark.parametrize(
    "path, old, new, at, expected, suggestion",
    [
        (BOX, '"111111111111"', "111111111111", "111111111111", "text", 'quote it: "111111111111"'),
        (BOX, "team-a", "true", "true", "text", 'quote it: "true"'),
        (BOX, "team-a", "null", "null", "text", ""),
        (BOX, "owner: team-a", "owner: [team-a]", "[team-a]", "text", ""),
        (LAB, "count: 1", 'count: "1"', '"1"', "a whole number", ""),
        (LAB, "count: 1", "count: 1.5", "1.5", "a whole number", ""),
        (LAB, "stages: [dev]", "stages: dev", "dev, r", "a list", ""),
        (LAB, "drift: {mode: automated, interval: 6h}", "drift: yes", "yes", "a map of fields", ""),
        (LAB, "interval: 6h", "interval: 6", "6}", "a duration such as 90s, 15m, 72h or 14d", ""),
        (LAB, "interval: 6h", "interval: 6w", "6w", "a duration such as 90s, 15m, 72h or 14d", ""),
        (BOX, "name: box-one", "name: Box", "Box", None, ""),
        (BOX, "version: 1.0.0", "version: 1.0", "1.0}", "text", 'quote it: "1.0"'),
        (LAB, "count: 1", "count: 0", "0, teams", "at least 1", ""),
        (LAB, "count: 1", "count: 11", "11,", "at most 10", ""),
        (WAIVER, "2030-01-01", "01.01.2030", "01.01.2030",
         "a day such as 2026-12-31 or an instant such as 2026-12-31T18:00:00Z", ""),
        (WAIVER, "2030-01-01", "2030-02-30", "2030-02-30",
         "a day such as 2026-12-31 or an instant such as 2026-12-31T18:00:00Z", ""),
        (WAIVER, "Holds public data only, so nobody loses anything.", "because", "because",
         "at least 15 characters", ""),
        (LAB, "regions: [eu-central-1, eu-west-1]", "regions: []", "[]", "at least 1 of them", ""),
    ],
)  # fmt: skip
def test_a_wrong_value_says_what_was_expected(
    path: str, old: str, new: str, at: str, expected: str | None, suggestion: str
) -> None:
    files = edited(small(), path, old, new)
    problem = only(files, path, kind_of(path))
    assert placed(problem) == place(files, path, at)
    if expected is not None:
        assert problem.expected == expected
    assert problem.suggestion == suggestion


@pytest.mark.parametrize(
    "value, suggestion", [("yes", "write true"), ("Off", "write false"), ("TRUE", "write true")]
)
def test_a_word_that_yaml_took_for_a_boolean_once_gets_told(value: str, suggestion: str) -> None:
    files = edited(
        small(), LAB, "isolation: shared", f"isolation: shared\n  promotionRequired: {value}"
    )
    problem = only(files, LAB, "Profile")
    assert problem.message == f"`promotionRequired` is text (`{value}`)"
    assert (problem.expected, problem.suggestion) == ("true or false", suggestion)


def test_a_boolean_is_shown_as_yaml_writes_it() -> None:
    files = edited(small(), BOX, "team-a", "true")
    assert "`true`" in only(files, BOX, "Environment").message
    assert "True" not in only(files, BOX, "Environment").message


def test_a_number_that_may_be_whole_or_not_is_told_once_and_by_its_name() -> None:
    files = edited(small(), BLUEPRINT, "minimum: 1", "minimum: few")
    problem = only(files, BLUEPRINT, "Blueprint")
    assert problem.message == "`minimum` is text (`few`)"
    assert problem.expected == "a number"
    assert placed(problem) == place(files, BLUEPRINT, "few")


def test_a_member_of_a_list_is_told_with_the_list_s_name() -> None:
    files = edited(small(), AGENT, "tracks: [lab]", "tracks: [lab, 7]")
    problem = only(files, AGENT, "Agent")
    assert "`tracks`" in problem.message
    assert placed(problem) == place(files, AGENT, "7]")


def test_a_list_whose_members_must_differ() -> None:
    files = edited(small(), AGENT, "tracks: [lab]", "tracks: [lab, lab]")
    problem = only(files, AGENT, "Agent")
    assert "listed twice" in problem.message
    assert placed(problem) == place(files, AGENT, "[lab, lab]")


@pytest.mark.parametrize(
    "path, old, new, words",
    [
        (LAB, "{strategy: rolling}", "{strategy: canary}", "rises and ends at 100"),
        (LAB, "{strategy: rolling}", "{strategy: rolling, steps: [{traffic: 100, wait: 1m}]}",
         "`steps` go with canary"),
        (LAB, "{strategy: rolling}",
         "{strategy: canary, steps: [{traffic: 50, wait: 1m}, {traffic: 20, wait: 1m}]}", "rises"),
        (LAB, "default: 3d", "default: 15d", "`default` is longer than `maximum`"),
        (FREEZE, "{environment: box-one}", "{}", "exactly one of"),
        (FREEZE, "{environment: box-one}", "{everything: true, track: lab}", "exactly one of"),
        (FREEZE, "{environment: box-one}", "{everything: false}", "exactly one of"),
        (FREEZE, "since: 2026-01-01", "since: 2026-01-01\n  expires: 2025-01-01", "later"),
        (WAIVER, "{tracks: [lab], environments: [box-one]}", "{resources: [x]}", "would be no rule"),  # noqa: E501  # a table
    ],
)  # fmt: skip
def test_fields_that_do_not_go_together(path: str, old: str, new: str, words: str) -> None:
    files = edited(small(), path, old, new)
    problem = only(files, path, kind_of(path))
    assert words in problem.message
    assert problem.line > 1


@pytest.mark.parametrize(
    "window",
    ['start: "8:00", end: "09:00"', 'start: "08:00", end: "24:00"', 'start: "08+01", end: "09:00"',
     'start: "T0800", end: "09:00"', "start: 08:00, end: 9", 'start: "09:00", end: "08:00"'],
)  # fmt: skip
def test_a_change_window_wants_two_times_of_day(window: str) -> None:
    more = f"isolation: shared\n  changeWindows: [{{days: [mon], {window}}}]"
    files = edited(small(), LAB, "isolation: shared", more)
    problem = only(files, LAB, "Profile")
    assert problem.code == "value"
    assert problem.line == place(files, LAB, "changeWindows")[1]


@pytest.mark.parametrize("digits", ["\uff11" * 12, "\u0661" * 12])
def test_an_account_is_written_in_plain_digits(digits: str) -> None:
    files = edited(small(), BOX, "111111111111", digits)
    assert placed(only(files, BOX, "Environment")) == place(files, BOX, f'"{digits}"')


def test_a_duration_is_written_in_plain_digits() -> None:
    files = edited(small(), LAB, "interval: 6h", "interval: 1\u0663h")
    assert only(files, LAB, "Profile").code == "value"


# ------------------------------------------------------------------------- the envelope


def test_the_api_version_must_be_ours() -> None:
    files = edited(small(), BOX, "reconciler/v1", "reconciler/v2")
    problem = only(files, BOX, "Environment")
    assert (problem.code, problem.expected) == ("api-version", "`reconciler/v1`")
    assert placed(problem) == place(files, BOX, "reconciler/v2")


def test_without_an_api_version_nothing_else_is_said() -> None:
    files = edited(small(), BOX, "apiVersion: reconciler/v1\n", "")
    problem = only(files, BOX, "Environment")
    assert problem.message == "`apiVersion` is missing"


def test_a_document_of_another_kind_is_told_where_it_belongs() -> None:
    files = edited(small(), BOX, "kind: Environment", "kind: Waiver")
    problem = only(files, BOX, "Environment")
    assert problem.code == "misplaced"
    assert problem.suggestion == "move the file to `policies/waivers/<name>.yaml`"
    assert placed(problem) == place(files, BOX, "Waiver")


def test_a_misspelt_kind_gets_a_suggestion() -> None:
    files = edited(small(), BOX, "kind: Environment", "kind: Enviroment")
    problem = only(files, BOX, "Environment")
    assert (problem.code, problem.suggestion) == ("kind", "did you mean `Environment`?")


@pytest.mark.parametrize("value", ["[a]", "{a: b}", "7", "true"])
def test_a_kind_that_is_no_word_is_told(value: str) -> None:
    files = edited(small(), BOX, "kind: Environment", f"kind: {value}")
    assert only(files, BOX, "Environment").code == "kind"


@pytest.mark.parametrize("text", ["- a\n", "just words\n", "7\n", "null\n", "---\n"])
def test_a_document_that_is_no_map_is_told(text: str) -> None:
    (problem,) = told(BOX, text, "Environment")
    assert (problem.code, problem.expected) == ("type", "a map of fields")
    assert problem.line <= text.count("\n") + 1


def test_yaml_that_cannot_be_read_is_told_with_its_place() -> None:
    files = edited(small(), BOX, "  stage: dev", "  stage: dev\n  stage: dev")
    problem = only(files, BOX, "Environment")
    assert (problem.code, problem.column) == ("yaml", 3)
    assert problem.line == 9


# -------------------------------------------------------------------------------- all at once


def test_five_faults_are_five_problems_each_at_its_place() -> None:
    text = """\
apiVersion: reconciler/v1
kind: Environment
metadata:
  name: Box_One
  ownr: team-a
spec:
  track: lab
  stage: prod
  blueprint: {name: box, version: 1.0.0}
  account: 111111111111
  ttl: soon
"""
    found = told(BOX, text, "Environment")
    assert [(one.line, one.column, one.code) for one in found] == [
        (3, 1, "missing-field"),
        (4, 9, "value"),
        (5, 3, "unknown-field"),
        (8, 10, "value"),
        (10, 12, "type"),
        (11, 8, "value"),
    ]
    assert all(one.path == BOX and one.message and one.expected for one in found)


def test_faults_of_many_files_are_told_together() -> None:
    files = edited(small(), BOX, "stage: dev", "stage: prod")
    files = edited(files, TEAM, "costCentre", "costCenter")
    files = edited(files, SETTINGS, "kind: slack", "kind: pigeon")
    files = edited(files, BLUEPRINT, "description: Its addresses", "description: 7")
    paths = {one.path for one in problems(files)}
    assert {BOX, TEAM, SETTINGS, BLUEPRINT} <= paths


# ---------------------------------------------------------------------- unions by tag


@pytest.mark.parametrize(
    "old, new, ok",
    [
        ("{kind: local}", "{kind: gitlab, project: group/environments}", True),
        ("{backend: local}", "{backend: s3, bucket: state, region: eu-central-1}", True),
        ("{kind: slack, urlFrom: SLACK_URL}", "{kind: email, to: [a@example.com]}", True),
        ("{kind: slack, urlFrom: SLACK_URL}",
         "{kind: sns, topic: 'arn:aws:sns:eu-central-1:111111111111:t'}", True),
        ("{kind: slack, urlFrom: SLACK_URL}",
         "{kind: webhook, url: 'https://example.com/', secretFrom: HOOK}", True),
        ("{kind: slack, urlFrom: SLACK_URL}", "{kind: slack, url: 'https://example.com'}", False),
    ],
)  # fmt: skip
def test_targets_of_each_kind(old: str, new: str, ok: bool) -> None:  # noqa: FBT001  # a column
    files = edited(small(), SETTINGS, old, new)
    assert (told(SETTINGS, files[SETTINGS], "Settings") == []) is ok


@pytest.mark.parametrize(
    "address, ok",
    [
        ("https://gitlab.example.com/api/v4/projects/7/terraform/state", True),
        ("http://127.0.0.1:8080/state", True),
        ("http://localhost/state", True),
        ("http://[::1]:8080", True),
        ("http://gitlab.example.com/state", False),
        ("http://10.0.0.7/state", False),
        ("http://localhost.example.com/state", False),
        ("http://127.0.0.1.example.com/state", False),
        ("http://127.0.0.1#.example.com/state", False),
        ("HTTP://gitlab.example.com/state", False),
    ],
)
def test_a_state_server_whose_token_all_could_read_is_refused(
    address: str,
    ok: bool,  # noqa: FBT001  # a column
) -> None:
    state = f"{{backend: http, address: '{address}'}}"
    files = edited(small(), SETTINGS, "{backend: local}", state)
    if ok:
        assert told(SETTINGS, files[SETTINGS], "Settings") == []
        return
    problem = only(files, SETTINGS, "Settings")
    said = f"{problem.message} {problem.expected}"
    assert "https://" in said
    assert "token" in said


def test_a_missing_field_of_a_target_is_told_at_the_target() -> None:
    files = edited(small(), SETTINGS, "{kind: slack, urlFrom: SLACK_URL}", "{kind: slack}")
    problem = only(files, SETTINGS, "Settings")
    assert (problem.code, problem.message) == ("missing-field", "the field `urlFrom` is missing")
    assert problem.line == place(files, SETTINGS, "kind: slack")[1]


def test_a_target_without_a_kind_is_told_what_there_is() -> None:
    files = edited(small(), SETTINGS, "forge: {kind: local}", "forge: {url: 'https://x.example'}")
    problem = only(files, SETTINGS, "Settings")
    assert (problem.code, problem.message) == ("missing-field", "the field `kind` is missing")
    assert problem.line == place(files, SETTINGS, "forge")[1]


def test_an_unknown_target_lists_those_that_there_are() -> None:
    files = edited(small(), SETTINGS, "{kind: slack, urlFrom: SLACK_URL}", "{kind: pigeon}")
    problem = only(files, SETTINGS, "Settings")
    assert problem.expected == "one of: email, slack, sns, webhook"
    assert placed(problem) == place(files, SETTINGS, "pigeon")


def test_a_field_of_another_target_is_not_known_here() -> None:
    files = edited(small(), SETTINGS, "urlFrom: SLACK_URL", "urlFrom: SLACK_URL, topic: x")
    problem = only(files, SETTINGS, "Settings")
    assert problem.code == "unknown-field"
    assert problem.expected == "one of: kind, urlFrom"


def test_a_secret_in_place_of_a_variable_s_name_is_refused() -> None:
    files = edited(small(), SETTINGS, "SLACK_URL", "https://hooks.example.com/T0/B0/x")
    assert only(files, SETTINGS, "Settings").code == "value"


def test_a_label_key_that_is_not_allowed_is_shown_at_the_key() -> None:
    files = edited(small(), BOX, "  owner: team-a", "  owner: team-a\n  labels: {Bad Key: x}")
    problem = only(files, BOX, "Environment")
    assert (problem.code, problem.message) == ("name", "the name `Bad Key` is not allowed")
    assert placed(problem) == place(files, BOX, "Bad Key")


def test_a_wrong_value_of_pages_is_not_shown_whole() -> None:
    for old, new in (("stage: dev", f"stage: {'x' * 5000}"), ("kind: Env", f"kind: {'x' * 5000}")):
        files = edited(small(), BOX, old, new)
        for problem in told(BOX, files[BOX], "Environment"):
            assert len(problem.message) < 300
