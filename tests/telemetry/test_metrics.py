"""Numbers as Prometheus reads them: right, bounded, and never a reason to fail."""

from __future__ import annotations

import ast
from pathlib import Path
from secrets import token_hex
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import record_store
from reconciler.adapters.telemetry import LiveTelemetry
from reconciler.app.record import Recorder
from reconciler.app.records import Records
from reconciler.app.telemetry import Gathering, NullTelemetry, passed_on, step
from reconciler.core.measures import counted_in, weighed
from reconciler.model.metric import BY_NAME, METRICS, MOST_SERIES
from reconciler.model.record import RecordKind
from reconciler.model.work import Condition, Standing
from reconciler.ports import Telemetry
from tests.records.drafts import ADA, BODIES, NOW, PROGRAM
from tests.repos import GitRepo

ROOT: Final = Path(__file__).parents[2]
ConditionName = Literal["Ready", "Reconciling", "Stalled", "Drifted", "Frozen", "Expiring"]
CALLS: Final = {"counted": "counter", "took": "histogram", "stands": "gauge"}


def sample(telemetry: LiveTelemetry, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(telemetry.metrics().decode()):
        for one in family.samples:
            if one.name == name and one.labels == labels:
                return one.value
    return None


@pytest.fixture
def telemetry() -> LiveTelemetry:
    return LiveTelemetry()


def test_what_is_counted_timed_and_weighed_is_scraped(telemetry: LiveTelemetry) -> None:
    telemetry.counted("deeds", job="apply", result="done")
    telemetry.counted("deeds", 2, job="apply", result="done")
    telemetry.took("deed", 0.5, job="apply", result="done")
    telemetry.stands("queue", 7, job="look")
    assert sample(telemetry, "reconciler_deeds_total", job="apply", result="done") == 3
    assert sample(telemetry, "reconciler_deed_seconds_sum", job="apply", result="done") == 0.5
    assert sample(telemetry, "reconciler_queue", job="look") == 7
    assert sample(telemetry, "reconciler_process_resident_memory_bytes")


def test_every_metric_of_the_list_takes_a_measure(telemetry: LiveTelemetry) -> None:
    calls = {"counter": "counted", "histogram": "took", "gauge": "stands"}
    for one in METRICS:
        getattr(telemetry, calls[one.kind])(one.name, 1, **dict.fromkeys(one.labels, "x"))
    text = telemetry.metrics().decode()
    for one in METRICS:
        assert f"# HELP {one.shown} {one.meaning}" in text
    assert sample(telemetry, "reconciler_measures_refused_total", why="unknown") is None


@pytest.mark.parametrize(
    "kind, name, value, labels",
    [
        ("counted", "nothing-of-ours", 1, {}),
        ("counted", "deeds", 1, {"job": "apply"}),
        ("counted", "deeds", 1, {"job": "apply", "result": "done", "environment": "x"}),
        ("counted", "queue", 1, {}),
        ("counted", "refusals", -1, {}),
        ("counted", "refusals", float("nan"), {}),
        ("stands", "environment", 0, {"environment": "x"}),
    ],
)
def test_what_fits_nowhere_is_dropped_and_counted(
    telemetry: LiveTelemetry, kind: str, name: str, value: float, labels: dict[str, str]
) -> None:
    getattr(telemetry, kind)(name, value, **labels)
    why = "value" if name == "refusals" else "unknown"
    assert sample(telemetry, "reconciler_measures_refused_total", why=why) == 1


def test_names_of_environments_cannot_grow_without_end(telemetry: LiveTelemetry) -> None:
    for number in range(MOST_SERIES + 5):
        telemetry.stands("environment", 1, environment=f"e{number}", condition="Stalled")
    text = telemetry.metrics().decode()
    assert text.count("\nreconciler_environment{") == MOST_SERIES
    assert sample(telemetry, "reconciler_measures_refused_total", why="too-many") == 5


def test_a_condition_that_is_gone_leaves_no_series_and_makes_room(
    telemetry: LiveTelemetry,
) -> None:
    for number in range(MOST_SERIES):
        telemetry.stands("environment", 1, environment=f"e{number}", condition="Stalled")
    telemetry.stands("environment", 0, environment="e0", condition="Stalled")
    telemetry.stands("environment", 0, environment="e0", condition="Stalled")
    telemetry.stands("environment", 1, environment="new", condition="Stalled")
    named = {"environment": "new", "condition": "Stalled"}
    assert sample(telemetry, "reconciler_environment", **named) == 1
    assert sample(telemetry, "reconciler_environment", **(named | {"environment": "e0"})) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CALLS)),
            st.sampled_from([*BY_NAME, "?"]),
            st.floats(),
            st.dictionaries(
                st.sampled_from(["job", "result", "environment", "condition", "track"]),
                st.text(max_size=200),
                max_size=3,
            ),
        ),
        max_size=20,
    )
)
def test_no_measure_fails_and_what_is_scraped_can_be_read(
    calls: list[tuple[str, str, float, dict[str, str]]],
) -> None:
    telemetry = LiveTelemetry()
    for call, name, value, labels in calls:
        getattr(telemetry, call)(name, value, **labels)
    assert list(text_string_to_metric_families(telemetry.metrics().decode()))


def test_what_a_child_measured_is_as_if_its_parent_had(telemetry: LiveTelemetry) -> None:
    child = Gathering()
    with step(child, "plan", "a" * 40):
        child.counted("verdicts", verdict="ALLOW", track="demo")
        child.stands("frozen", 3)
    passed_on(child.measured, telemetry)
    assert sample(telemetry, "reconciler_verdicts_total", verdict="ALLOW", track="demo") == 1
    assert sample(telemetry, "reconciler_frozen") == 3
    assert sample(telemetry, "reconciler_step_seconds_count", step="plan") == 1


def test_a_step_that_fails_is_timed_all_the_same(telemetry: LiveTelemetry) -> None:
    with pytest.raises(ValueError, match="no"), step(telemetry, "plan", "a" * 40):
        raise ValueError("no")
    assert sample(telemetry, "reconciler_step_seconds_count", step="plan") == 1


def test_a_child_that_measures_for_ever_takes_no_memory_for_ever() -> None:
    child = Gathering()
    for _ in range(5000):
        child.counted("refusals")
    assert len(child.measured) == 1000


def test_a_command_line_tells_nobody() -> None:
    nobody: Telemetry = NullTelemetry()
    nobody.counted("anything")
    nobody.took("anything", 1)
    nobody.stands("anything", 1)
    with nobody.span("anything", "a" * 40, word="x"):
        pass


def test_code_measures_only_what_is_in_the_list() -> None:
    """By the source: a name that is not there would be dropped without a word."""
    wrong = []
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.args[0] if node.args else None
            kind = CALLS.get(node.func.attr)
            if (
                kind is None
                or not isinstance(name, ast.Constant)
                or not isinstance(name.value, str)
            ):
                continue
            metric = BY_NAME.get(name.value)
            labels = {one.arg for one in node.keywords}
            fits = metric is not None and metric.kind == kind
            if not fits or (metric and None not in labels and labels != {*metric.labels}):
                wrong.append(f"{path.name}:{node.lineno} {name.value}")
    assert wrong == []


def standing(name: str, *conditions: ConditionName) -> Standing:
    return Standing(
        name, "demo", "dev", "lab", tuple(Condition(each, None, "") for each in conditions)
    )


def test_what_is_so_of_environments_is_weighed_and_what_is_over_is_gone(
    telemetry: LiveTelemetry,
) -> None:
    first = weighed([standing("a", "Ready"), standing("b", "Stalled", "Drifted"), standing("c")])
    passed_on(first, telemetry)
    named = {"environment": "b", "condition": "Drifted"}
    assert sample(telemetry, "reconciler_environments", track="demo") == 3
    assert sample(telemetry, "reconciler_conditions", condition="Ready") == 1
    assert sample(telemetry, "reconciler_drifted", track="demo") == 1
    assert sample(telemetry, "reconciler_environment", **named) == 1
    passed_on(weighed([standing("b", "Frozen"), standing("a", "Ready")], first), telemetry)
    assert sample(telemetry, "reconciler_environments", track="demo") == 2
    assert sample(telemetry, "reconciler_drifted", track="demo") == 0
    assert sample(telemetry, "reconciler_conditions", condition="Stalled") == 0
    assert sample(telemetry, "reconciler_environment", **named) is None
    assert sample(telemetry, "reconciler_frozen") == 1


def test_only_environments_that_need_somebody_are_named(telemetry: LiveTelemetry) -> None:
    passed_on(weighed(standing(f"e{one}", "Ready") for one in range(5000)), telemetry)
    assert "\nreconciler_environment{" not in telemetry.metrics().decode()
    assert sample(telemetry, "reconciler_environments", track="demo") == 5000


@pytest.mark.parametrize("kind", sorted(RecordKind))
def test_each_record_adds_what_the_list_knows(telemetry: LiveTelemetry, kind: str) -> None:
    passed_on(counted_in({"kind": kind, **BODIES[kind]}), telemetry)
    text = telemetry.metrics().decode()
    assert "reconciler_measures_refused_total{" not in text
    if kind == "decision":
        labels = {"verdict": "NEEDS_APPROVAL", "track": "demo"}
        assert sample(telemetry, "reconciler_verdicts_total", **labels) == 1


def test_who_writes_a_record_counts_it(tmp_path: Path, telemetry: LiveTelemetry) -> None:
    home = GitRepo.make(tmp_path / "home")
    law = home.commit({"policies/x.rego": "x"})
    records = Records(record_store(home.path, "records"))
    recorder = Recorder(
        records,
        GitSource(home.path),
        ADA,
        PROGRAM,
        lambda: NOW,
        lambda: token_hex(16),
        simulated=True,
        telemetry=telemetry,
    )
    recorder.happened("box-one", law, {"kind": "expiry", **BODIES["expiry"]})
    assert sample(telemetry, "reconciler_expiries_total", step="warned") == 1
