"""The benchmarks run, and measure what they say; their bounds are held by `make bench`."""

import shutil
from importlib import import_module

import pytest

from benchmarks import check, controller, foundation, policy, records, review, secrets, terraform
from benchmarks.__main__ import TOPICS, main, page
from benchmarks.measure import Result
from reconciler.adapters.tools import Toolbox
from reconciler.settings import ProcessSettings


def test_every_benchmark_runs() -> None:
    results = foundation.run(little=12, middle=24, much=90)
    assert len({(one.name, one.against) for one in results}) == len(results)
    assert all(one.value > 0 for one in results)


@pytest.mark.skipif(
    Toolbox(ProcessSettings().tools_folder(), {}).python("checkov") is None,
    reason="Checkov is not installed: reconciler tools install",
)
@pytest.mark.soak
def test_the_check_is_measured() -> None:
    results = check.run(little=6, much=12, some=2, rounds=1)
    assert len({(one.name, one.against) for one in results}) == len(results) == 11
    assert all(one.value > 0 for one in results)


def test_the_policy_benchmark_runs() -> None:
    results = policy.run((10, 20))
    assert len(results) == 2


def test_the_scan_is_measured() -> None:
    results = secrets.run(size=40_000, rounds=1)
    assert len({(one.name, one.unit) for one in results}) == len(results) == 18
    assert all(one.value > 0 for one in results)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH")
def test_running_terraform_is_measured() -> None:
    results = terraform.run(resources=3, large=50, many=2, rounds=1)
    assert [one.at_least for one in results] == [False, False, True]


def test_records_are_measured() -> None:
    results = records.run(many=60, environments=20, some=10, rounds=1)
    assert [one.at_least for one in results] == [True, False, True, False, False, False]


def test_reviews_are_measured() -> None:
    results = review.run(many=12, rounds=1)
    assert len({one.name for one in results}) == len(results) == 3
    assert all(one.kept for one in results if one.unit == "requests")


def test_a_bound_that_is_not_kept_is_said() -> None:
    slow = Result("x", "2 s", "1 s", 2.0, 1.5)
    quick = Result("y", "1 s", "2 s", 2.0, 1.7, at_least=True)
    assert (slow.kept, quick.kept) == (False, True)
    assert "**NOT KEPT**" in slow.row
    assert page([slow, quick]).count("| ok |") == 1


def test_looks_of_the_controller_are_measured() -> None:
    results = controller.looks(30)
    # What this process weighs, other tests weigh with.
    assert [one.kept for one in results[1:3]] == [True] * 2


def test_a_storm_of_webhooks_is_measured() -> None:
    (result,) = controller.storms(50)
    assert result.value > 0


def test_each_topic_is_a_module_and_what_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(callable(import_module(f"benchmarks.{name}").run) for name in TOPICS)
    for wrong in (["recrods"], ["records", "--write"]):
        monkeypatch.setattr("sys.argv", ["benchmarks", *wrong])
        with pytest.raises(SystemExit, match="usage: make bench"):
            main()
