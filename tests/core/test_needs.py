"""What environments need of one another: declared, known, and never in a circle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.repos import LAB, Files, edited, environment, placed, problems, small

FREEZE = "policies/freezes/stop-box.yaml"
WAIVER = "policies/waivers/no-vpc.yaml"


def lab(needs: list[list[int]], more: str = "") -> Files:
    """So many environments, each after some."""
    files = small()
    for path in [path for path in files if path.startswith("environments/lab/")]:
        del files[path]
    files = edited(files, LAB, "environmentsPerTeam: 4", "environmentsPerTeam: 40")
    files = edited(files, WAIVER, ", environments: [box-one]", "")
    files = edited(files, FREEZE, "{environment: box-one}", "{track: lab}")
    for number, others in enumerate(needs):
        after = f"  after: [{', '.join(f'e{other}' for other in others)}]\n" if others else ""
        text = environment(f"e{number}", more=after + (more if number == 0 else ""))
        files[f"environments/lab/e{number}.yaml"] = text
    return files


def test_what_is_needed_is_declared() -> None:
    assert problems(lab([[1], []])) == ()
    (one,) = problems(lab([[7], []]))
    assert (one.code, one.path) == ("unknown-environment", "environments/lab/e0.yaml")


def test_what_is_taken_is_a_parameter_and_comes_from_somewhere() -> None:
    wrong = "  takes: {colour: {environment: e1, output: colour}}\n"
    (one,) = problems(lab([[], []], wrong))
    assert one.code == "taken-unknown"
    assert "colour" in one.message
    assert placed(one)
    lost = "  takes: {size: {environment: e9, output: size}}\n"
    assert {one.code for one in problems(lab([[], []], lost))} >= {"unknown-environment"}


@given(st.lists(st.lists(st.integers(0, 5), max_size=3, unique=True), min_size=1, max_size=6))
def test_whatever_waits_for_itself_is_told(needs: list[list[int]]) -> None:
    needs = [[other for other in others if other < len(needs)] for others in needs]
    told = [one for one in problems(lab(needs)) if one.code == "needs-loop"]
    reached = [{*others} for others in needs]
    for _ in needs:
        reached = [{*own, *(far for one in own for far in reached[one])} for own in reached]
    assert bool(told) == any(number in own for number, own in enumerate(reached))
