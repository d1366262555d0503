"""A promotion carries what belongs to the software and nothing else, whatever the documents say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.edit_document import edit_document
from reconciler.core.moves import differing_texts
from reconciler.core.promotion import carried, green
from reconciler.core.yaml_reader import read_yaml
from reconciler.model.blueprint import BlueprintSpec
from reconciler.model.environment import EnvironmentSpec
from reconciler.model.profile import Rollout, RolloutStep

NAMES = ("image", "size", "count", "gone", "hosts")
KNOWN = ("image", "size", "count", "hosts")
_VALUES = st.text("ab1.:/ -#", max_size=6) | st.integers(0, 9) | st.lists(st.sampled_from("xy"))
_PARAMETERS = st.dictionaries(st.sampled_from(NAMES), _VALUES)
ROLLING = Rollout(strategy="rolling")
CANARY = Rollout(strategy="canary", steps=(RolloutStep(traffic=100, wait=timedelta(minutes=1)),))
_VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])


def spec(version: str, parameters: dict[str, Any]) -> EnvironmentSpec:
    return EnvironmentSpec.model_validate(
        {
            "track": "lab",
            "stage": "dev",
            "blueprint": {"name": "box", "version": version},
            "account": "111111111111",
            "parameters": parameters,
        }
    )


def text(one: EnvironmentSpec) -> bytes:
    blueprint = f"{{name: box, version: {one.blueprint.version}}}"
    lines = ["# ours", "spec:", f"  blueprint: {blueprint}", "  parameters: {}  # here", ""]
    return edit_document("\n".join(lines).encode(), {("spec", "parameters"): dict(one.parameters)})


def blueprint(promotes: list[str]) -> BlueprintSpec:
    parameter = {"type": "string", "description": "Something"}
    return BlueprintSpec.model_validate(
        {
            "version": "1.0.0",
            "engine": {"terraform": ">= 1.9"},
            "rollouts": ("rolling",),
            "parameters": dict.fromkeys(KNOWN, parameter),
            "promotes": tuple(promotes),
        }
    )


@given(_VERSIONS, _PARAMETERS, _VERSIONS, _PARAMETERS,
       st.lists(st.sampled_from(KNOWN), unique=True))  # fmt: skip
def test_the_target_follows_its_source_and_keeps_what_is_its_own(
    version: str, given_: dict[str, Any], old: str, own: dict[str, Any], promotes: list[str]
) -> None:
    source, target = spec(version, given_), spec(old, own)
    before = text(target)
    changes = carried(source, target, blueprint(promotes), ROLLING)
    after = edit_document(before, changes)
    document: Any = read_yaml(after)
    assert document["spec"]["blueprint"] == {"name": "box", "version": version}
    wanted = {name: value for name, value in own.items() if name in KNOWN}
    for name in promotes:
        wanted.pop(name, None)
        if name in given_:
            wanted[name] = given_[name]
    found = {name: list(one) if isinstance(one, tuple) else one
             for name, one in document["spec"]["parameters"].items()}  # fmt: skip
    assert found == wanted
    assert b"# ours" in after
    moved = {one.path for one in differing_texts(before, after)}
    assert moved == {".".join(path) for path in changes}
    assert not carried(source, spec(version, wanted), blueprint(promotes), ROLLING)


@given(st.sampled_from(["v1", "v2"]), st.sampled_from(["v1", "v2"]),
       st.sampled_from([{}, {"canary_image": "v2", "canary_step": 3}]))  # fmt: skip
def test_where_changes_go_by_a_canary_a_new_image_goes_on_trial_first(
    new: str, old: str, trial: dict[str, Any]
) -> None:
    parameter = {"type": "string", "description": "Something"}
    known = ("image", "canary_image", "canary_step", "size")
    box = blueprint(["image", "size"]).model_copy(
        update={"parameters": dict.fromkeys(known, parameter)}
    )
    source = spec("1.0.0", {"image": new, "size": "large"})
    changes = carried(source, spec("1.0.0", {"image": old, **trial}), box, CANARY)
    found = {path[-1]: value for path, value in changes.items()}
    size = {"size": "large"}
    waits = new == old or trial.get("canary_image") == new
    assert found == (size if waits else {"canary_image": new, "canary_step": 1, **size})


@given(
    st.fixed_dictionaries(
        {"applied": st.just({"commit": "a" * 40, "record": 3})},
        optional={
            "applying": st.just({"at": "2026-11-02T08:00:00Z", "record": 4}),
            "lastApply": st.sampled_from(["failed", "interrupted"]).map(
                lambda result: {"result": result, "at": "2026-11-02T08:00:00Z", "record": 5}
            ),
            "drift": st.just({"since": "2026-11-02T08:00:00Z", "first": 6}),
            "rollback": st.just({"bad": "a" * 40, "record": 7}),
        },
    )
)
def test_whatever_is_wrong_is_said_and_is_not_green(status: dict[str, Any]) -> None:
    found = green(status, (), lambda _commit: True)
    assert found.since is None
    assert len(found.why_not) == len(status) - 1
