"""What policies are made of, and what an engine may answer."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from reconciler.model.base import Category
from reconciler.model.finding import Severity
from reconciler.model.problem import Problem

AWAY: Final = "unreachable"
"""The reason of an Indeterminate when there is no engine to ask: no question would help."""
ENTRYPOINT: Final = "data.reconciler.main.violations"
"""The one rule that is asked: an object of sets of violations, by rule."""

EngineChoice = Literal["auto", "embedded", "opa"]


@dataclass(frozen=True, slots=True, order=True)
class Module:
    """One Rego file."""

    path: str
    source: str


@dataclass(frozen=True, slots=True)
class Modules:
    """What an engine compiles, once for each digest."""

    digest: str
    files: tuple[Module, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What the METADATA of a rule says, and where the rule lives."""

    id: str
    key: str
    """`category/name`, as the entrypoint names it."""
    title: str
    description: str
    severity: Severity
    category: Category
    fix: str
    unknown: str
    """What the rule makes of a value that is not known before a plan."""
    link: str
    path: str
    test_path: str

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.key.partition("/")[2]

    @property
    def package(self) -> str:
        """As Rego names it, without `data.`."""
        return f"reconciler.rules.{self.key.replace('/', '.')}"

    @property
    def query(self) -> str:
        """What asks this rule alone."""
        return f"data.{self.package}.violations"


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test: a rule whose name begins with `test_`, in a rule's test file."""

    rule: str
    name: str
    path: str
    line: int
    end: int

    @property
    def query(self) -> str:
        """What must be true."""
        return f"data.reconciler.rules.{self.rule.replace('/', '.')}_test.{self.name}"


@dataclass(frozen=True, slots=True)
class Pack:
    """All policies of a tree. With problems it must not be asked."""

    digest: str
    rules: tuple[Rule, ...]
    tests: tuple[RuleTest, ...]
    modules: Modules
    """Without tests."""
    with_tests: Modules
    problems: tuple[Problem, ...] = ()

    def rule(self, name: str) -> Rule | None:
        """By id, key or name."""
        return next((one for one in self.rules if name in (one.id, one.key, one.name)), None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's syntax tree, as the embedded engine gives it."""

    path: str
    source: str
    tree: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """An engine's answer to a query: any JSON value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """No verdict. It is never taken for a pass."""

    reason: str
    """A word: undefined, error, timeout, dead-worker, unreachable, wrong-type, broken-pack ..."""
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """What one rule found, before title, severity and fix are added."""

    rule: str
    """The rule's key."""
    path: str
    line: int
    resource: str
    message: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Every rule answered; these are the violations, sorted."""

    violations: tuple[Violation, ...]
    engine: str
    digest: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Of one file: lines that were reached, and lines that were not."""

    path: str
    covered: tuple[int, ...]
    missed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """The outcome of one test."""

    test: RuleTest
    passed: bool
    why: str = ""
    """Of a failure: where it stopped, or the error."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class RuleTestRun:
    """The outcome of all tests."""

    engine: str
    digest: str
    results: tuple[Tested, ...]
    coverage: tuple[Lines, ...] | None = None

    @property
    def failed(self) -> tuple[Tested, ...]:
        """Those that did not pass."""
        return tuple(one for one in self.results if not one.passed)
