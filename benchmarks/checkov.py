"""A warm scan of one environment's rendered files, beside the `checkov` command on the same files.

`python -m benchmarks.checkov` measures; it needs Checkov: `reconciler tools install`.
"""

import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from benchmarks.measure import Result, pairs, show
from reconciler.adapters.checkov import Checkov
from reconciler.adapters.tools import Toolbox
from reconciler.model.rendered import RenderedFile
from reconciler.model.scan import Scanned, ScanRequest
from reconciler.settings import ProcessSettings

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"


def measure(environment: str, rounds: int, bound: float) -> Result:
    """One environment: what the command takes, by what our scan takes."""
    box = Toolbox(ProcessSettings().tools_folder(), {})
    python = box.python("checkov")
    if python is None:
        sys.exit("Checkov is not installed: reconciler tools install")
    source = GOLDEN / environment / "terraform"
    contents = {f"terraform/{one.name}": one.read_bytes() for one in source.glob("*.tf")}
    checkov = Checkov(box)
    change = count()

    def ours() -> None:
        # Another comment each time: nothing may be remembered of the scan before.
        more = {**contents, "terraform/zz.tf": b"# %d\n" % next(change)}
        files = tuple(RenderedFile(path, data) for path, data in more.items())
        answer = checkov.scan(ScanRequest("terraform", environment, files))
        assert isinstance(answer, Scanned), answer

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for path, data in contents.items():
            file = Path(name, path)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)

        def command() -> None:
            done = subprocess.run(
                [
                    *(str(python), "-m", "checkov.main", "-d", name, "--framework", "terraform"),
                    *("-o", "json", "--compact", "--quiet", "--skip-download", "--soft-fail"),
                ],
                cwd=name,
                env={"PATH": "/usr/bin:/bin", "HOME": name, "LOG_LEVEL": "CRITICAL"},
                capture_output=True,
                check=True,
            )
            assert b"check_type" in done.stdout

        theirs, mine, ratio = pairs(command, ours, rounds)
    checkov.close()
    size = sum(map(len, contents.values())) >> 10
    return Result(
        f"checkov command, {environment} ({size} KiB)",
        show(theirs),
        f"a warm scan: {show(mine)}",
        ratio,
        bound,
        at_least=True,
    )


def run(rounds: int = 5) -> list[Result]:
    """A small environment and a large one."""
    return [measure("pitch-acme", rounds, 10), measure("acme-portal", rounds, 4)]


if __name__ == "__main__":
    print("\n".join(one.row for one in run()))
