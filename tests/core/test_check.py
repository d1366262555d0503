"""Checks between documents: each fires at the right place, and not on what is right.

The small repository is valid (test_documents holds that), so what a test sees comes from its edit.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.problem import Problem
from tests.repos import (
    BLUEPRINT,
    BOX,
    LAB,
    LIVE,
    SHOP,
    Files,
    edited,
    environment,
    place,
    placed,
    problems,
    small,
)

TWO = "environments/lab/box-two.yaml"
STAGING = "environments/live/shop-staging.yaml"
SETTINGS = "reconciler.yaml"
AGENT = "profiles/agents/robot.yaml"
WAIVER = "policies/waivers/no-vpc.yaml"
FREEZE = "policies/freezes/stop-box.yaml"


def only(files: Files) -> Problem:
    found = problems(files)
    assert len(found) == 1, [(one.place, one.code, one.message) for one in found]
    return found[0]


# ------------------------------------------------------------------------- unknown references


@pytest.mark.parametrize(
    "path, old, new, code, suggestion",
    [
        (BOX, "owner: team-a", "owner: team-aa", "unknown-team", "team-a"),
        (LAB, "owner: team-a", "owner: taem-a", "unknown-team", "team-a"),
        (LAB, "teams: [team-b]", "teams: [tea-b]", "unknown-team", "team-b"),
        (WAIVER, "owner: team-a", "owner: taem-a", "unknown-team", "team-a"),
        (FREEZE, "owner: team-a", "owner: taem-a", "unknown-team", "team-a"),
        (SETTINGS, "owner: team-a", "owner: taem-a", "unknown-team", "team-a"),
        (BLUEPRINT, "owner: team-a", "owner: taem-a", "unknown-team", "team-a"),
        (AGENT, "tracks: [lab]", "tracks: [lib]", "unknown-track", "lab"),
        (SETTINGS, "tracks: [lab]", "tracks: [labs]", "unknown-track", "lab"),
        (WAIVER, "tracks: [lab]", "tracks: [live, lba]", "unknown-track", "lab"),
        (FREEZE, "{environment: box-one}", "{track: lief}", "unknown-track", "live"),
        (FREEZE, "{environment: box-one}", "{agent: robto}", "unknown-agent", "robot"),
        (FREEZE, "environment: box-one", "environment: box-on", "unknown-environment", "box-one"),
        (WAIVER, "[box-one]", "[box-two, box-oen]", "unknown-environment", "box-one"),
        (LAB, "  blueprints: [box]", "  blueprints: [box, boxx]", "unknown-blueprint", "box"),
        (LAB, "    blueprint: box\n", "    blueprint: boxes\n", "blueprint-not-allowed", "box"),
        (LAB, "region: eu-central-1", "region: eu-centrl-1", "region-not-allowed",
         "eu-central-1"),
    ],
)  # fmt: skip
def test_a_name_that_nobody_has_is_told_with_the_nearest(
    path: str, old: str, new: str, code: str, suggestion: str
) -> None:
    files = edited(small(), path, old, new)
    (problem,) = [one for one in problems(files) if one.path == path]
    assert (problem.code, problem.suggestion) == (code, f"did you mean `{suggestion}`?")
    wrong = problem.message.split("`")[1]
    assert wrong in new
    line = files[path].splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith(wrong)
    assert problem.expected.startswith("one of: ")


def test_a_stage_that_merges_by_itself_is_one_that_the_track_has() -> None:
    said = ("  allowedOverrides: [drift.mode]\n", "  autoMerge: {stages: [dev, staging]}\n")
    files = edited(small(), LAB, *said)
    assert not problems(files)
    files = edited(files, LAB, "stages: [dev, staging, production]", "stages: [dev]")
    (problem,) = [one for one in problems(files) if one.path == LAB]
    assert (problem.code, problem.message, problem.expected) == (
        "stage-not-allowed",
        "the stage `staging` is not in `allowed.stages`",
        "one of: dev",
    )
    assert placed(problem) == place(files, LAB, "staging")


def test_an_unknown_track_lists_those_that_there_are() -> None:
    files = edited(small(), BOX, "track: lab", "track: warehouse")
    (problem,) = [one for one in problems(files) if one.path == BOX]
    assert (problem.code, problem.expected, problem.suggestion) == (
        "unknown-track",
        "one of: lab, live",
        "",
    )
    assert placed(problem) == place(files, BOX, "warehouse")


@pytest.mark.parametrize(
    "old, new, code, at, suggestion",
    [
        ("name: box,", "name: bx,", "unknown-blueprint", "bx,", "did you mean `box`?"),
        ("version: 1.0.0", "version: 1.0.1", "unknown-version", "1.0.1", "did you mean `1.0.0`?"),
    ],
)
def test_a_blueprint_or_version_that_is_not_there(
    old: str, new: str, code: str, at: str, suggestion: str
) -> None:
    files = edited(small(), BOX, old, new)
    (problem,) = [one for one in problems(files) if one.path == BOX]
    assert (problem.code, problem.suggestion) == (code, suggestion)
    assert placed(problem) == place(files, BOX, at)


def test_an_environment_with_several_wrong_references_has_each_told() -> None:
    files = edited(small(), BOX, "owner: team-a", "owner: x")
    files = edited(files, BOX, "track: lab", "track: y")
    files = edited(files, BOX, "version: 1.0.0", "version: 9.0.0")
    assert [one.code for one in problems(files) if one.path == BOX] == [
        "unknown-team",
        "unknown-track",
        "unknown-version",
    ]


def test_a_region_must_come_from_somewhere() -> None:
    files = edited(small(), LIVE, "  defaults: {region: eu-central-1}\n", "")
    found = problems(files)
    assert {(one.path, one.code) for one in found} == {
        (f"environments/live/{name}.yaml", "missing-field")
        for name in ("shop-dev", "shop-staging", "shop")
    }
    for path in ("shop-dev", "shop-staging", "shop"):
        name = f"environments/live/{path}.yaml"
        files = edited(files, name, "  stage:", "  region: eu-central-1\n  stage:")
    assert problems(files) == ()


# ----------------------------------------------------------------------------------- promotion


def test_a_promotion_from_nowhere() -> None:
    files = edited(small(), TWO, "promotedFrom: box-one", "promotedFrom: box-oen")
    problem = only(files)
    assert (problem.code, problem.suggestion) == ("unknown-environment", "did you mean `box-one`?")
    assert placed(problem) == place(files, TWO, "box-oen")


def test_a_promotion_from_another_track_or_blueprint() -> None:
    files = edited(small(), TWO, "promotedFrom: box-one", "promotedFrom: shop-dev")
    problem = only(files)
    assert problem.code == "promotion-mismatch"
    assert placed(problem) == place(files, TWO, "shop-dev")


def test_a_promotion_goes_forward() -> None:
    files = edited(small(), BOX, "stage: dev", "stage: staging")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("promotion-order", place(files, TWO, "box-one"))


def test_production_comes_from_staging_where_the_track_wants_it() -> None:
    files = edited(small(), SHOP, "promotedFrom: shop-staging", "promotedFrom: shop-dev")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("promotion-order", place(files, SHOP, "shop-dev"))
    relaxed = edited(files, LIVE, "  promotionRequired: true\n", "")
    assert problems(relaxed) == ()


def test_production_without_a_promotion_where_the_track_wants_one() -> None:
    files = edited(small(), SHOP, "  promotedFrom: shop-staging\n", "")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("promotion-missing", place(files, SHOP, "spec:"))
    relaxed = edited(files, LIVE, "  promotionRequired: true\n", "")
    assert problems(relaxed) == ()
    assert problems(edited(small(), STAGING, "  promotedFrom: shop-dev\n", "")) == ()


def test_a_loop_of_three_is_told_once_at_its_first_by_path() -> None:
    files = edited(
        small(), "environments/live/shop-dev.yaml", "  stage: dev\n",
        "  stage: dev\n  promotedFrom: shop\n",
    )  # fmt: skip
    loops = [one for one in problems(files) if one.code == "promotion-loop"]
    assert [placed(one) for one in loops] == [
        place(files, "environments/live/shop-dev.yaml", "shop\n  blueprint")
    ]
    assert "shop-dev <- shop <- shop-staging <- shop-dev" in loops[0].message


def test_an_environment_promoted_from_itself_is_a_loop() -> None:
    files = edited(small(), TWO, "promotedFrom: box-one", "promotedFrom: box-two")
    assert "promotion-loop" in {one.code for one in problems(files)}


@given(st.lists(st.integers(0, 7) | st.none(), min_size=1, max_size=8))
def test_every_loop_is_told_exactly_once_whatever_hangs_on_it(sources: list[int | None]) -> None:
    """Promotion is a function on names: its cycles are known, and each gets one problem."""
    sources = [None if to is None or to >= len(sources) else to for to in sources]
    files = small()
    for path in [path for path in files if path.startswith("environments/lab/")]:
        del files[path]
    files = edited(files, LAB, "environmentsPerTeam: 4", "environmentsPerTeam: 40")
    files = edited(files, WAIVER, ", environments: [box-one]", "")
    files = edited(files, FREEZE, "{environment: box-one}", "{track: lab}")
    for number, source in enumerate(sources):
        more = "" if source is None else f"  promotedFrom: e{source}\n"
        files[f"environments/lab/e{number}.yaml"] = environment(f"e{number}", more=more)
    loops = set()
    for start in range(len(sources)):
        trail: list[int] = []
        at: int | None = start
        while at is not None and at not in trail:
            trail.append(at)
            at = sources[at]
        if at is not None:
            loops.add(min(trail[trail.index(at) :]))
    told = [one.path for one in problems(files) if one.code == "promotion-loop"]
    assert told == [f"environments/lab/e{number}.yaml" for number in sorted(loops)]


# ----------------------------------------------------------------------------------- one name


def test_a_name_is_one_environment_s_whatever_the_folder() -> None:
    other = "environments/other/deep/box-one.yaml"
    files = {**small(), other: small()[BOX]}
    problem = only(files)
    assert (problem.code, placed(problem)) == ("duplicate-name", place(files, other, "box-one"))
    assert BOX in problem.message


# --------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    "line, at, expected",
    [
        ("size: huge", "huge", "one of: small, medium, large"),
        ("replicas: 0", "0\n    image", "at least 1"),
        ("replicas: 10", "10\n", "at most 9"),
        ("replicas: 1.5", "1.5", "a whole number"),
        ('replicas: "2"', '"2"', "a whole number"),
        ("replicas: true", "true", "a whole number"),
        ("share: 2", "2\n", "at most 1"),
        ("share: lots", "lots", "a number"),
        ("share: true", "true", "a number"),
        ("open: yes", "yes", "true or false"),
        ("open: 1", "1\n    image", "true or false"),
        ("zone: A", "A\n", "text that matches ^[a-z]$"),
        ("zone: 1", "1\n    image", "text"),
        ("network: 10.0.0.1/16", "10.0.0.1/16", "a network such as 10.0.0.0/16"),
        ("network: home", "home", "a network such as 10.0.0.0/16"),
        ("machine: big", "big\n", "text that matches"),
        ("machine: [db.t4g.small]", "[db", "text"),
        ("friends: ann", "ann", "a list"),
        ("friends: [ann, 7]", "7]", "text"),
        ("friends: [a, b, c, d]", "[a, b", "at most 3 of them"),
        ("notes: [a]", "[a]", "a map of fields"),
        ("notes: {a: 1}", "1}", "text"),
        ("image: '-x'\n    size: small", "'-x'", "text that matches"),
        ("size: null", "null", "one of: small, medium, large"),
    ],
)  # fmt: skip
def test_a_parameter_that_does_not_fit_is_told_at_its_value(
    line: str, at: str, expected: str
) -> None:
    name = line.partition(":")[0]
    new = line if name == "size" else f"{line}\n    size: small"
    files = edited(small(), BOX, "size: small\n", f"{new}\n")
    if name == "image":
        files = edited(files, BOX, "    image: box:1\n", "")
        files = edited(files, BOX, "    size: small\n    size: small\n", "    size: small\n")
    at = at.replace("\n    image", "\n    size" if name != "size" else "\n    image")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("parameter", place(files, BOX, at))
    assert problem.expected.startswith(expected)
    assert f"`{name}`" in problem.message or name == "notes"


@pytest.mark.parametrize(
    "line",
    ["size: medium", "replicas: 9", "share: 0", "share: 0.25", "open: true", "zone: z",
     "network: 192.168.0.0/24", "network: 'fd00::/8'", "machine: db.t4g.large",
     "machine: t4g.nano", "friends: []", "friends: [a, b, c]", "notes: {}", "notes: {a: b}",
     "image: 'r.example.com/a/b:1.0@sha256:" + "a" * 64 + "'"],
)  # fmt: skip
def test_a_parameter_that_fits_is_taken(line: str) -> None:
    name = line.partition(":")[0]
    files = edited(small(), BOX, "    size: small\n    image: box:1\n", f"    {line}\n")
    if name != "image":
        files = edited(files, BOX, line, f"{line}\n    image: box:1")
    assert problems(files) == ()


def test_a_missing_parameter_is_told_with_what_it_is_for() -> None:
    files = edited(small(), BOX, "    image: box:1\n", "")
    problem = only(files)
    assert (problem.code, problem.expected) == ("missing-parameter", "string: What runs in it")
    assert placed(problem) == place(files, BOX, "parameters:")


def test_a_misspelt_parameter_is_told_at_its_name() -> None:
    files = edited(small(), BOX, "size: small", "sise: small")
    problem = only(files)
    assert (problem.code, problem.suggestion) == ("unknown-parameter", "did you mean `size`?")
    assert placed(problem) == place(files, BOX, "sise")


def test_a_wrong_default_of_a_profile_is_told_in_the_profile() -> None:
    files = edited(small(), LAB, "{replicas: 1}", "{replicas: 99}")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("parameter", place(files, LAB, "99"))
    overridden = edited(files, BOX, "size: small", "replicas: 3")
    overridden = edited(overridden, TWO, "size: small", "replicas: 3")
    assert problems(overridden) == ()


def test_a_profile_s_default_for_another_blueprint_does_not_matter() -> None:
    assert problems(edited(small(), LAB, "{replicas: 1}", "{replicas: 1, colour: red}")) == ()


@pytest.mark.parametrize(
    "old, new, at",
    [
        ("default: 0.5", "default: 5", "5\n      description: How large"),
        ("default: false", "default: no", "no\n"),
        ("default: small", "default: tiny", "tiny"),
        ("default: 10.0.0.0/16", "default: 10.0.0.0/99", "10.0.0.0/99"),
        ("default: []", "default: [a, b, c, d]", "[a, b"),
    ],
)
def test_a_default_that_its_own_schema_refuses_is_told_in_the_blueprint_alone(
    old: str, new: str, at: str
) -> None:
    files = edited(small(), BLUEPRINT, old, new)
    for path in [path for path in files if path.startswith("environments/")]:
        files[path] = files[path].replace("    size: small\n", "")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("default", place(files, BLUEPRINT, at))
    assert problem.message.startswith("the default of `")


def test_a_default_may_be_nothing() -> None:
    files = edited(small(), BLUEPRINT, "default: db.t4g.medium", "default: null")
    assert problems(files) == ()


def test_a_cost_for_a_size_that_there_is_not() -> None:
    files = edited(small(), BLUEPRINT, "large: 80}", "huge: 80}")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("value", place(files, BLUEPRINT, "huge"))


# ------------------------------------------------------------------- what the profile allows


@pytest.mark.parametrize(
    "old, new, code, at",
    [
        ("  stage: dev", "  region: us-east-1\n  stage: dev", "region-not-allowed", "us-east-1"),
        ("size: small", "size: large", "size-not-allowed", "large"),
        ("size: small", "machine: db.r7g.large", "family-not-allowed", "db.r7g"),
        ("  stage: dev", "  ttl: 15d\n  stage: dev", "ttl-too-long", "15d"),
    ],
)
def test_what_a_track_does_not_allow(old: str, new: str, code: str, at: str) -> None:
    files = edited(small(), BOX, old, new)
    found = {one.code: one for one in problems(files)}
    assert placed(found[code]) == place(files, BOX, at)
    assert found[code].expected


def test_a_stage_that_the_track_does_not_have() -> None:
    files = edited(small(), LAB, "[dev, staging, production]", "[dev]")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("stage-not-allowed", place(files, TWO, "staging"))


def test_a_blueprint_that_the_track_does_not_allow() -> None:
    files = edited(small(), LAB, "  blueprints: [box]", "  blueprints: [crate]")
    files = edited(files, LAB, "    blueprint: box\n", "")
    for path, text in list(files.items()):
        if path.startswith("templates/box/"):
            renamed = text.replace("name: box,", "name: crate,")
            files[path.replace("/box/", "/crate/")] = renamed
    found = problems(files)
    assert {(one.path, one.code) for one in found} == {
        (BOX, "blueprint-not-allowed"),
        (TWO, "blueprint-not-allowed"),
    }
    assert placed(found[0]) == place(files, BOX, "box,")


def test_families_are_checked_wherever_an_instance_class_stands() -> None:
    """Also in a list, in a map, and where the blueprint has a pattern of its own."""
    listed = edited(
        small(), BLUEPRINT, "    friends:\n      type: list\n      items: string\n",
        "    friends:\n      type: list\n      items: string\n      format: instance-class\n",
    )  # fmt: skip
    files = edited(listed, BOX, "size: small", "friends: [t4g.nano, r7g.large]")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("family-not-allowed", place(files, BOX, "r7g.large"))
    free = edited(
        small(), BLUEPRINT, "      format: instance-class\n",
        '      format: instance-class\n      pattern: "^.+$"\n',
    )  # fmt: skip
    files = edited(free, BOX, "size: small", "machine: huge")
    assert {one.path for one in problems(files)} == {BOX}


def test_no_list_of_families_means_any() -> None:
    files = edited(small(), LAB, "    instanceFamilies: [t4g]\n", "")
    assert problems(edited(files, BOX, "size: small", "machine: db.r7g.large")) == ()


@pytest.mark.parametrize(
    "override, code, at",
    [
        ("{drift: {interval: 1h}}", "override-not-allowed", "interval"),
        ("{rollout: {strategy: rolling}}", "override-not-allowed", "rollout"),
        ("{drift: {mode: advisory}}", None, ""),
        ("{}", None, ""),
    ],
)
def test_overrides_are_those_that_the_profile_names(
    override: str, code: str | None, at: str
) -> None:
    files = edited(small(), BOX, "  stage: dev", f"  overrides: {override}\n  stage: dev")
    found = problems(files)
    assert [one.code for one in found] == ([] if code is None else [code])
    for one in found:
        assert placed(one) == place(files, BOX, at)


def test_a_rollout_that_the_blueprint_cannot_do() -> None:
    files = edited(small(), LAB, "[drift.mode]", "[rollout]")
    files = edited(
        files, BOX, "  stage: dev", "  overrides: {rollout: {strategy: blue-green}}\n  stage: dev"
    )
    problem = only(files)
    assert (problem.code, placed(problem)) == (
        "rollout-not-supported",
        place(files, BOX, "blue-green"),
    )
    files = edited(small(), LAB, "{strategy: rolling}", "{strategy: blue-green}")
    found = problems(files)
    assert [(one.code, placed(one)) for one in found] == [
        ("rollout-not-supported", place(files, BOX, "box,")),
        ("rollout-not-supported", place(files, TWO, "box,")),
    ]


def test_an_environment_lives_as_long_as_its_track_allows() -> None:
    assert problems(edited(small(), BOX, "  stage: dev", "  ttl: 14d\n  stage: dev")) == ()
    files = edited(small(), SHOP, "  stage: prod", "  ttl: 1d\n  stage: prod")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("ttl-not-allowed", place(files, SHOP, "1d"))


# --------------------------------------------------------------------------- quotas and money


def more_boxes(files: Files, count: int, size: str = "small") -> Files:
    added = {
        f"environments/lab/more-{n}.yaml": environment(f"more-{n}").replace("small", size)
        for n in range(count)
    }
    return {**files, **added}


def test_a_team_has_as_many_environments_as_the_track_gives_it() -> None:
    assert problems(more_boxes(small(), 2)) == ()
    files = more_boxes(small(), 3)
    problem = only(files)
    assert problem.code == "quota-exceeded"
    assert problem.message == "team-a has 5 environments on the track lab"
    assert placed(problem) == place(files, "environments/lab/more-2.yaml", "team-a")


def test_a_quota_is_a_team_s_own() -> None:
    files = more_boxes(small(), 3)
    files = edited(files, "environments/lab/more-0.yaml", "team-a", "team-b")
    assert problems(files) == ()


def test_an_environment_costs_no_more_than_its_track_gives() -> None:
    files = edited(small(), LAB, "perEnvironment: 50", "perEnvironment: 39")
    files = edited(files, BOX, "size: small", "size: medium")
    problem = only(files)
    assert (problem.code, placed(problem)) == ("budget-exceeded", place(files, BOX, "medium"))
    assert "$40" in problem.message
    assert problems(edited(files, LAB, "perEnvironment: 39", "perEnvironment: 40")) == ()


def test_a_team_spends_no_more_than_its_track_gives() -> None:
    files = more_boxes(small(), 2, "medium")
    assert problems(files) == ()  # 5 + 5 + 40 + 40 of 100
    files = edited(files, LAB, "perTeam: 100", "perTeam: 89")
    problem = only(files)
    assert (problem.code, placed(problem)) == (
        "budget-exceeded",
        place(files, "environments/lab/more-1.yaml", "team-a"),
    )
    assert "$90" in problem.message


# ----------------------------------------------------------------------------------- accounts


def test_a_dedicated_account_holds_nothing_else() -> None:
    files = edited(small(), BOX, "111111111111", "222222222222")
    problem = only(files)
    assert (problem.code, placed(problem)) == (
        "account-dedicated",
        place(files, BOX, '"222222222222"'),
    )
    files = edited(small(), SHOP, "team-a", "team-b")
    assert (
        only(files).code,
        placed(only(files)),
    ) == ("account-dedicated", place(files, SHOP, '"222222222222"'))


def test_a_team_s_own_stages_share_its_dedicated_account() -> None:
    assert problems(small()) == ()
    files = edited(small(), SHOP, '"222222222222"', '"333333333333"')
    assert problems(files) == ()


def test_the_verdict_does_not_depend_on_the_order_of_files() -> None:
    files = more_boxes(edited(small(), BOX, "111111111111", "222222222222"), 3)
    expected = problems(files)
    assert expected
    for order in itertools.islice(itertools.permutations(sorted(files)), 0, 2000, 400):
        assert problems({path: files[path] for path in order}) == expected
