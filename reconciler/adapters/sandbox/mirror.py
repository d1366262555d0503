"""Where terraform finds our provider: a folder that looks like a mirror of the registry.

It holds one small script in the place of the real provider, and the configuration that makes
terraform (or tofu) look there and nowhere else. A lock file that `init` writes with it must never
be committed, since its hashes are not the real provider's.
"""

import os
import platform
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Final

from reconciler.adapters.sandbox.facts import VERSION

REGISTRIES: Final = ("registry.terraform.io", "registry.opentofu.org")
_CONFIG: Final = "terraformrc"


def mark() -> str:
    """What the provider is made of: whoever was loaded before that changed, must not answer."""
    folder = Path(__file__).parent
    files = (*folder.glob("*.py"), *folder.glob("resources/*.py"), *folder.glob("*.json"))
    return f"{max(one.stat().st_mtime_ns for one in files)}-{len(files)}-{sys.executable}"


def prepare(folder: Path, python: Path | None = None) -> Path:
    """Make what is missing, and give the CLI configuration file. Safe at any time, for many."""
    folder = folder.absolute()
    (folder / "home").mkdir(parents=True, exist_ok=True, mode=0o700)
    # Nothing of the caller's folder or environment may be imported instead of us.
    own = [str(python or Path(sys.executable)), "-I"]
    provider = [*own, "-m", "reconciler.adapters.sandbox.provider"]
    attach = [*own, "-S", str(Path(__file__).with_name("attach.py")), mark()]
    program = shlex.join([*attach, *provider])
    home = shlex.quote(str(folder / "home"))
    script = f'#!/bin/sh\nexport HOME={home}\nexec {program} "$@"\n'
    for registry in REGISTRIES:
        package = folder / "mirror" / registry / "hashicorp" / "aws" / VERSION / _platform()
        package.mkdir(parents=True, exist_ok=True)
        put(package / f"terraform-provider-aws_v{VERSION}", script, 0o755)
    include = ", ".join(f'"{registry}/hashicorp/aws"' for registry in REGISTRIES)
    mirror = str(folder / "mirror").replace("\\", "\\\\").replace('"', '\\"')
    text = (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = "{mirror}"\n    include = [{include}]\n  }}\n'
        "}\n"
    )
    put(folder / _CONFIG, text, 0o600)
    return folder / _CONFIG


def environment(folder: Path, endpoint: str, account: str = "") -> dict[str, str]:
    """What terraform's environment needs, on top of PATH and a HOME.

    Without an account, the one that the source allows is meant.
    """
    variables = {
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(folder.absolute() / _CONFIG),
    }
    if account:
        variables["RECONCILER_SANDBOX_ACCOUNT"] = account
    return variables


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{sys.platform}_{machine}"


def put(path: Path, text: str, mode: int) -> None:
    """Put a file there, whole or not at all; leave one that is right as it is."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(mode)
    Path(name).replace(path)
