"""All of ten thousand environments, checked: nobody waits for a night."""

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.check import FLOOR, serving
from benchmarks.generate import Generated
from reconciler.adapters.tools import Toolbox
from reconciler.settings import ProcessSettings

COUNT = int(os.environ.get("SOAK_ENVIRONMENTS", "10000"))


@pytest.mark.soak
@pytest.mark.skipif(
    Toolbox(ProcessSettings().tools_folder(), {}).python("checkov") is None,
    reason="Checkov is not installed: reconciler tools install",
)
def test_all_are_checked_faster_than_the_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = Generated(tmp_path / "repository", COUNT)
    with serving(tmp_path / "cache") as server:
        start = time.perf_counter()
        report = server.all(everything.path, ())
        first = time.perf_counter() - start
        start = time.perf_counter()
        again = server.all(everything.path, ())
        second = time.perf_counter() - start
    rate = COUNT / first * 60
    told = f"{COUNT:,} in {first:.0f} s, {rate:.0f} a minute; again in {second:.1f} s"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n")
    assert {one.environment for one in report.decisions} == {
        Path(path).stem for path in everything.documents
    }
    assert [one.verdict for one in again.decisions] == [one.verdict for one in report.decisions]
    assert second < first / 10
    assert rate >= FLOOR, f"{rate:.0f} a minute; a busy machine?"
