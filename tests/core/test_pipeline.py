"""A pipeline's jobs with what they extend, merged as GitLab merges."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from reconciler.core.pipeline import read_pipeline
from reconciler.core.yaml_reader import YamlError


def jobs(text: str) -> dict[str, Any]:
    read = read_pipeline("ci.yml", text.encode())
    assert read["path"] == "ci.yml"
    found: dict[str, Any] = json.loads(json.dumps(read["jobs"]))  # as rules get it
    return found


def test_jobs_are_what_is_no_keyword_and_no_template() -> None:
    text = (
        "stages: [a]\nvariables: {A: b}\ndefault: {image: x}\n.t: {script: [a]}\nj: {script: [b]}\n"
    )
    assert jobs(text) == {"j": {"script": ["b"]}}
    assert jobs("pages: {script: [a]}\nodd: words\n") == {"pages": {"script": ["a"]}}


def test_maps_are_merged_and_everything_else_is_replaced() -> None:
    text = """\
.one: {script: [a], variables: {A: '1', B: '1'}, image: x}
.two: {extends: .one, script: [b], variables: {B: '2'}}
job: {extends: [.two], variables: {C: '3'}, after_script: [c]}
"""
    assert jobs(text)["job"] == {
        "extends": [".two"],
        "script": ["b"],
        "image": "x",
        "variables": {"A": "1", "B": "2", "C": "3"},
        "after_script": ["c"],
    }


def test_of_several_parents_the_last_one_wins() -> None:
    text = ".a: {image: a, tags: [a]}\n.b: {image: b}\njob: {extends: [.a, .b]}\n"
    assert jobs(text)["job"] == {"extends": [".a", ".b"], "image": "b", "tags": ["a"]}


def test_a_template_from_elsewhere_adds_nothing() -> None:
    assert jobs("job: {extends: .far, script: [a]}\n") == {
        "job": {"extends": ".far", "script": ["a"]}
    }
    assert jobs("job: {extends: [1, {a: b}], script: [a]}\n")["job"]["script"] == ["a"]


def chain(length: int, order: int = 1) -> str:
    """A job that extends a chain of templates."""
    names = [f".t{number}" for number in range(length)][::order]
    lines = [f"{name}: {{extends: {other}}}" for name, other in pairwise(names)]
    return "\n".join((*lines, f"{names[-1]}: {{script: [end]}}", f"job: {{extends: {names[0]}}}"))


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_may_be_as_long_as_gitlab_takes_it(order: int) -> None:
    assert jobs(chain(11, order))["job"]["script"] == ["end"]
    with pytest.raises(YamlError, match="longer than GitLab takes"):
        jobs(chain(12, order))
    with pytest.raises(YamlError, match="longer than GitLab takes"):
        jobs(chain(2000, order))


@pytest.mark.parametrize(
    "text",
    [
        "a: {extends: a}\n",
        "a: {extends: b}\nb: {extends: a}\n",
        "a: {extends: [.b]}\n.b: {extends: [a]}\n",
    ],
)
def test_a_circle_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        jobs(text)


def test_many_parents_of_many_parents_cost_what_they_are() -> None:
    # Eleven levels of twenty: each is made once, not 20**11 times.
    text = "".join(f".t{n}: {{extends: [{', '.join([f'.t{n + 1}'] * 20)}]}}\n" for n in range(10))
    assert jobs(text + ".t10: {script: [end]}\njob: {extends: .t0}\n")["job"]["script"] == ["end"]


@pytest.mark.parametrize("text", ["", "- a\n", "words\n", "a: [\n", "1: {script: [a]}\n"])
def test_what_is_no_pipeline_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        jobs(text)
