"""What is wrong with policies is said, all of it, with its place, before any of them runs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.adapters import regorus_engine
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.core.policy.pack import collect, digest_of, load_pack
from reconciler.core.policy.testing import run_tests
from reconciler.model.policy import Indeterminate, Pack, RuleTestRun
from reconciler.model.problem import Problem
from tests.memory_tree import MemoryTree
from tests.policy.small import (
    FILES,
    LIB,
    MAIN,
    META,
    RULE,
    TEST,
    TESTS,
    WHERE,
    small,
    with_body,
)


def load(files: Mapping[str, bytes], reader: EmbeddedEngine) -> Pack:
    pack = load_pack(files, reader)
    assert isinstance(pack, Pack)
    return pack


def only(pack: Pack) -> Problem:
    (problem,) = pack.problems
    return problem


def test_a_pack_in_order(embedded: EmbeddedEngine) -> None:
    pack = load(small(), embedded)
    assert pack.problems == ()
    (rule,) = pack.rules
    assert (rule.id, rule.key, rule.severity) == ("SEC900", "security/short", "high")
    assert rule.title == "Names are short"
    assert rule.link == "https://docs.example.com/names"
    assert [test.name for test in pack.tests] == ["test_deny_long", "test_allow_short"]
    assert all(not one.path.endswith("_test.rego") for one in pack.modules.files)
    assert pack.rule("SEC900") is pack.rule("short") is pack.rule("security/short") is rule


def test_the_digest_is_of_paths_and_contents(embedded: EmbeddedEngine) -> None:
    digests = {
        digest_of(files.items())
        for files in (
            small(),
            small({WHERE: RULE + "\n"}),
            small({"policies/lib/more.rego": "package reconciler.lib\n"}),
        )
    }
    assert len(digests) == 3
    shuffled = dict(reversed(small().items()))
    assert digest_of(shuffled.items()) == load(small(), embedded).digest
    assert digest_of([("a", b"bc")]) != digest_of([("ab", b"c")])


@pytest.mark.parametrize(
    "changes, path, line, code, words",
    [
        ({WHERE: RULE.replace("# METADATA", "# meta")}, WHERE, 1, "no-metadata", "METADATA"),
        ({WHERE: RULE.replace("#   id: SEC900\n", "")}, WHERE, 1, "metadata", "no `id`"),
        ({WHERE: RULE.replace("SEC900", "COST1")}, WHERE, 7, "metadata", "no id for security"),
        ({WHERE: RULE.replace("high", "dire")}, WHERE, 8, "metadata", "no severity"),
        ({WHERE: RULE.replace(": security", ": cost")}, WHERE, 9, "metadata", "category is `cost`"),
        ({WHERE: RULE.replace("# title", "# titel")}, WHERE, 2, "metadata", "no field `titel`"),
        ({WHERE: RULE.replace("#   fix", "#  fix")}, WHERE, 10, "metadata", ""),
        ({WHERE: RULE.replace("https:", "http:")}, WHERE, 4, "metadata", "no link"),
        ({WHERE: RULE.replace(".short\n", ".shorter\n")}, WHERE, 11, "wrong-package", "shorter"),
        ({WHERE: RULE.replace("violations contains", "found contains")}, WHERE, 11, "no-violations", ""),  # noqa: E501 - a table
        ({WHERE: RULE + "\nx if {\n"}, WHERE, 18, "rego", ""),
        ({WHERE: RULE + '\nx := $"a {1}"\n'}, WHERE, 17, "rego", "invalid character"),
        ({WHERE: RULE + "\nx := y\n"}, WHERE, 17, "rego", "unsafe"),
        ({WHERE: RULE.encode() + b"# \xff\n"}, WHERE, 0, "encoding", "UTF-8"),
        ({TESTS: None}, WHERE, 0, "no-test", "no tests"),
        ({TESTS: TEST.replace("test_deny_", "test_")}, TESTS, 0, "no-test", "test_deny_"),
        ({TESTS: TEST.replace("test_allow_", "test_")}, TESTS, 0, "no-test", "test_allow_"),
        (
            {TESTS: TEST.replace("test_allow_short", "test_deny_long")},
            TESTS,
            7,
            "duplicate-test",
            "twice",
        ),
        ({"policies/main.rego": None}, "policies/main.rego", 0, "no-entrypoint", ""),
        ({"policies/security/a.rego": "package a\n"}, "policies/security/a.rego", 0, "misplaced-policy", ""),  # noqa: E501 - a table
        ({"policies/style/a/a.rego": "package a\n"}, "policies/style/a/a.rego", 0, "misplaced-policy", ""),  # noqa: E501 - a table
        ({"policies/security/short/data.json": "{}"}, "policies/security/short/data.json", 0, "unexpected-file", ""),  # noqa: E501 - a table
    ],
)  # fmt: skip
def test_one_thing_wrong(
    changes: dict[str, str | bytes | None],
    path: str,
    line: int,
    code: str,
    words: str,
    embedded: EmbeddedEngine,
) -> None:
    pack = load(small(changes), embedded)
    found = [
        one
        for one in pack.problems
        if one.code == code and words in one.message + one.expected and one.path == path
    ]
    assert found, pack.problems
    assert found[0].line == line


def test_two_rules_with_one_id(embedded: EmbeddedEngine) -> None:
    other = {
        "policies/security/also/also.rego": RULE.replace(".short\n", ".also\n"),
        "policies/security/also/also_test.rego": TEST.replace("short", "also"),
    }
    problem = only(load(small(other), embedded))
    assert problem.code == "duplicate-id"
    assert (problem.path, problem.line) == (WHERE, 1)
    assert "policies/security/also/also.rego" in problem.message


def test_no_policies_at_all(embedded: EmbeddedEngine) -> None:
    assert "no-policies" in {one.code for one in load({}, embedded).problems}


def test_all_problems_at_once(embedded: EmbeddedEngine) -> None:
    files = small(
        {
            WHERE: RULE.replace("high", "dire")
            + '\nx := http.send({})\n\ny := rand.intn("a", 2)\n',
            TESTS: None,
            "policies/lib/lib.rego": LIB + "\nx if {\n",
        }
    )
    codes = [one.code for one in load(files, embedded).problems]
    assert {"metadata", "no-test", "rego", "forbidden-builtin"} <= set(codes)
    assert codes.count("forbidden-builtin") == 2


def test_waivers_and_freezes_are_not_policies() -> None:
    documents = {"policies/waivers/a.yaml": "kind: Waiver\n", "policies/freezes/b.yaml": "b\n"}
    tree = MemoryTree({**FILES, **documents})
    files, problems = collect(tree)
    assert files == small()
    assert problems == []


def test_a_huge_policy_is_not_read() -> None:
    files, problems = collect(MemoryTree({**FILES, WHERE: RULE + "#" * 300_000}))
    assert WHERE not in files
    assert [one.code for one in problems] == ["too-large"]


# -------------------------------------------------------------------------------- the guard


@pytest.mark.parametrize(
    "body, line, code, words",
    [
        ('x := http.send({"url": "a"})', 17, "forbidden-builtin", "http.send"),
        ("x if {\n\tfalse\n\thttp.send({})\n}", 19, "forbidden-builtin", "http.send"),
        ('x := http["send"]({})', 17, "forbidden-builtin", "http.send"),
        ("x := [y | y := opa.runtime()]", 17, "forbidden-builtin", "opa.runtime"),
        ("f(a) := time.now_ns() if a", 17, "forbidden-builtin", "time.now_ns"),
        ('x if {\n\tevery a in [1] { uuid.rfc4122("x") == a }\n}', 18, "forbidden-builtin", "uuid"),
        ("x if count([1]) == 1 with count as http.send", 17, "forbidden-builtin", "http.send"),
        ("x if count([1]) == 1 with count as f\n\nf(_) := 1", 17, "replaced-function", "count"),
        ("x if lib.twice(1) == 2 with http.send as lib.twice", 17, "replaced-function", "http.send"),  # noqa: E501 - a table
        ('default x := false\n\nx if net.lookup_ip_addr("a")', 19, "forbidden-builtin", "net."),
        ('x := io.jwt.decode("a")', 17, "unsupported-builtin", "io.jwt.decode"),
        ('x := crypto.hmac.sha256("a", "b")', 17, "unsupported-builtin", "crypto"),
        ('x := net.cidr_intersects("10.0.0.0/8", "10.0.0.0/9")', 17, "unsupported-builtin", "net"),
        ("x := json.match_schema({}, {})", 17, "unsupported-builtin", "json"),
        ("x := rego.metadata.rule()", 17, "unsupported-builtin", "rego"),
        ('x := regex.globs_match("a", "b")', 17, "unsupported-builtin", "regex"),
        ("x := array.flatten([])", 17, "unsupported-builtin", "array"),
        ('x := strings.render_template("a", {})', 17, "unsupported-builtin", "strings"),
        ('print("a")\n\nx := 1', 17, "", ""),
        ('x := sprintf("%5s", ["a"])', 17, "unsupported-format", "sprintf"),
        ('x := sprintf("%8.3f", [1.5])', 17, "unsupported-format", "sprintf"),
        ('x := sprintf("%d", [1.5])', 17, "unsupported-format", "sprintf"),
        ("x := nothing(1)", 17, "unknown-function", "nothing"),
        ("x := lib.thrice(1)", 17, "unknown-function", "lib.thrice"),
        ("x := lib.thrice", 17, "unknown-reference", "lib.thrice"),
        ("x := data.reconciler.lob", 17, "unknown-reference", "lob"),
        ("x := data.other.secret", 17, "outside-data", "data.other"),
        ('x := data["reconciler"].lib', 17, "outside-data", "data.reconciler"),
        ("x := [y | y := data[_]]", 17, "outside-data", "data"),
        ('x := "data.reconciler.lib"', 17, "outside-data", "text"),
        ("x := input.terrafrom.resources", 17, "unknown-input", "terrafrom"),
        ("x := input.terraform.resource", 17, "unknown-input", "resource"),
        ('x := input["enviroment"]', 17, "unknown-input", "enviroment"),
    ],
)  # fmt: skip
def test_the_guard_refuses(
    body: str, line: int, code: str, words: str, embedded: EmbeddedEngine
) -> None:
    pack = load(with_body(body), embedded)
    if not code:
        assert pack.problems
        return
    found = [one for one in pack.problems if one.code == code]
    assert found, pack.problems
    assert (found[0].path, found[0].line) == (WHERE, line)
    assert found[0].column > 0
    assert words in found[0].message


@pytest.mark.parametrize(
    "body",
    [
        "x := lib.twice(2)",
        "f(a) := a\n\nx := f(1)",
        'x := net.cidr_contains("10.0.0.0/8", "10.0.0.1")',
        "x := time.parse_rfc3339_ns(input.now)",
        'x := sprintf("%s %v 100%%", ["a", 1])',
        'x if count(input.environment.name) > 1 with input.environment.name as "abc"',
        "x if {\n\tsome lower in [1]\n\tlower == 1\n}",
        "x := walked if walk({}, walked)",
    ],
)
def test_the_guard_lets_pass(body: str, embedded: EmbeddedEngine) -> None:
    assert load(with_body(body), embedded).problems == ()


def test_an_alias_may_not_hide_a_builtin(embedded: EmbeddedEngine) -> None:
    rule = RULE.replace("import data.reconciler.lib\n", "import data.reconciler.lib as http\n")
    rule = rule.replace("lib.violation", "http.violation")
    codes = {one.code for one in load(small({WHERE: rule}), embedded).problems}
    assert "shadowed-builtin" in codes


def test_an_import_from_elsewhere_is_refused(embedded: EmbeddedEngine) -> None:
    rule = RULE.replace(
        "import data.reconciler.lib\n", "import data.reconciler.lib\nimport data.x\n"
    )
    assert only(load(small({WHERE: rule}), embedded)).code == "outside-data"


def test_the_guard_looks_at_tests_and_helpers_too(embedded: EmbeddedEngine) -> None:
    for path, text in ((TESTS, TEST), ("policies/lib/lib.rego", LIB), ("policies/main.rego", MAIN)):
        problem = only(load(small({path: text + "\nx := opa.runtime()\n"}), embedded))
        assert (problem.path, problem.code) == (path, "forbidden-builtin")


def test_a_policy_that_kills_its_reader_gives_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.policy.engines import engine

    monkeypatch.setattr(regorus_engine, "_LOADING", 2.0)
    deep = META + "package reconciler.rules.security.short\n\nx := " + "[" * 100_000
    with engine("embedded") as reader:
        assert isinstance(reader, EmbeddedEngine)
        found = load_pack(small({WHERE: deep}), reader)
    assert isinstance(found, Indeterminate) or "rego" in {one.code for one in found.problems}


# ------------------------------------------------------------------------------- rules' tests


def run(
    files: Mapping[str, bytes], engine: EmbeddedEngine, *, coverage: bool = False
) -> RuleTestRun:
    found = run_tests(load(files, engine), engine, engine, coverage=coverage)
    assert isinstance(found, RuleTestRun)
    return found


def test_a_failing_test_says_where_it_stopped(embedded: EmbeddedEngine) -> None:
    (failed,) = run(small({TESTS: TEST.replace("== 0 with", "== 3 with")}), embedded).failed
    assert failed.test.name == "test_allow_short"
    assert failed.line == 8
    assert failed.why == (
        'did not hold: count(short.violations) == 3 with input as {"environment": {"name": "abc"}}'
    )


@pytest.mark.parametrize("value", ["1", '"true"', "[]"])
def test_only_true_passes(value: str, embedded: EmbeddedEngine) -> None:
    (failed,) = run(small({TESTS: TEST + f"\ntest_more := {value}\n"}), embedded).failed
    assert failed.test.name == "test_more"
    assert failed.why.startswith("it is ")


def test_a_test_that_errs_fails(embedded: EmbeddedEngine) -> None:
    # regorus takes the file's other tests down with it: they fail too, which is the safe side
    found = run(small({TESTS: TEST + '\ntest_bad if to_number("a")\n'}), embedded)
    why = {one.test.name: one.why for one in found.failed}
    assert why["test_bad"].startswith("error: ")


def test_coverage_names_lines_that_no_test_reaches(embedded: EmbeddedEngine) -> None:
    files = with_body("never if {\n\tfalse\n\ttrue\n}")
    (rule,) = [
        one for one in run(files, embedded, coverage=True).coverage or () if one.path == WHERE
    ]
    assert rule.missed
    assert min(rule.missed) >= 17
    assert 15 in rule.covered
