"""The engines that are present here, each made the same way as the program makes it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reconciler.adapters.opa_engine import OpaEngine
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.core.policy.pack import load_pack
from reconciler.model.policy import Pack

ROOT: Final = Path(__file__).parents[2]
SERVER: Final = Path(__file__).with_name("opa_server.py")
HAS_OPA: Final = find_spec("opa_bindings") is not None
NO_OPA: Final = "the oracle is not installed: scripts/install-oracle.sh"


@contextmanager
def opa_server(*options: str) -> Iterator[str]:
    """A genuine OPA on a loopback port; its address."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@contextmanager
def engine(name: str, timeout: float = 20) -> Iterator[EmbeddedEngine | OpaEngine]:
    """One of `embedded` and `opa`."""
    if name == "embedded":
        found: EmbeddedEngine | OpaEngine = EmbeddedEngine(timeout)
        try:
            yield found
        finally:
            found.close()
        return
    with opa_server() as url:
        found = OpaEngine(url, timeout)
        try:
            yield found
        finally:
            found.close()


def files() -> dict[str, bytes]:
    """The policies of this repository."""
    return {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in sorted((ROOT / "policies").rglob("*.rego"))
    }


def pack_of(content: dict[str, bytes]) -> Pack:
    """A pack, read by the embedded engine."""
    with engine("embedded") as reader:
        assert isinstance(reader, EmbeddedEngine)
        pack = load_pack(content, reader)
    assert isinstance(pack, Pack), pack
    return pack
