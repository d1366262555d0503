"""Rules' own tests, asked one by one: a test passes when it is true, and nothing else is."""

from collections.abc import Iterator, Sequence

from reconciler.model.policy import (
    AWAY,
    Answered,
    Indeterminate,
    Lines,
    Pack,
    RuleTest,
    RuleTestRun,
    Tested,
)
from reconciler.ports import PolicyEngine, RegoReader


def run_tests(
    pack: Pack, engine: PolicyEngine, reader: RegoReader, *, coverage: bool = False
) -> RuleTestRun | Indeterminate:
    """Every test of the pack. An engine that fails makes tests fail, never pass.

    One that is away is told once: nothing is known of any test then.
    """
    results = []
    for result in _run(pack, engine, reader):
        if isinstance(result, Indeterminate):
            return result
        results.append(result)
    lines: tuple[Lines, ...] | None = None
    if coverage:
        found = reader.coverage(pack.with_tests, [test.query for test in pack.tests])
        if isinstance(found, Indeterminate):
            return found
        lines = tuple(one for one in found if not one.path.endswith("_test.rego"))
    return RuleTestRun(engine.name, pack.digest, tuple(results), lines)


def _run(pack: Pack, engine: PolicyEngine, reader: RegoReader) -> Iterator[Tested | Indeterminate]:
    sources = {one.path: one.source.splitlines() for one in pack.with_tests.files}
    good = _all_at_once(pack, engine)
    for test in pack.tests:
        if test.query in good:
            yield Tested(test, passed=True)
            continue
        answer = engine.ask(pack.with_tests, test.query, {})
        if isinstance(answer, Indeterminate) and answer.reason == AWAY:
            yield answer
        elif isinstance(answer, Answered):
            if answer.value is True:
                yield Tested(test, passed=True)
            else:
                yield Tested(test, passed=False, why=f"it is {answer.value!r}", line=test.line)
        elif answer.reason == "undefined":
            yield _stopped(test, reader.coverage(pack.with_tests, [test.query]), sources[test.path])
        else:
            why = f"{answer.reason}: {answer.message}"
            yield Tested(test, passed=False, why=why, line=test.line)


def _all_at_once(pack: Pack, engine: PolicyEngine) -> set[str]:
    """Tests that are true when all are asked in one query: a server is slow with each new one.

    Whatever is not true here is asked again by itself, for its own error.
    """
    answer = engine.ask(pack.with_tests, "data.reconciler.rules", {})
    if not isinstance(answer, Answered):
        return set()
    good = set()
    for test in pack.tests:
        value = answer.value
        for part in test.query.split(".")[3:]:
            value = value.get(part) if isinstance(value, dict) else None
        if value is True:
            good.add(test.query)
    return good


def _stopped(
    test: RuleTest, lines: Sequence[Lines] | Indeterminate, source: Sequence[str]
) -> Tested:
    """The last line of the test that was reached is the one that did not hold."""
    reached = [
        number
        for one in (() if isinstance(lines, Indeterminate) else lines)
        if one.path == test.path
        for number in one.covered
        if test.line <= number <= test.end
    ]
    line = max(reached, default=test.line)
    return Tested(test, passed=False, why=f"did not hold: {source[line - 1].strip()}", line=line)
