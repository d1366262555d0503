"""One remote, and controllers on machines of their own that share nothing else but states.

They work in earnest, not in the sandbox: only where the provider finds its cloud is simulated. So
records and leases are at the remote, and the gates of the real world hold.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.building import repository_name
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.sandbox import mirror
from tests.check.project import SETTINGS
from tests.controller.real import Real
from tests.repos import Files, GitRepo
from tests.terraform.lab import ACCOUNT, lab
from tests.verify.history import key

SHARING: Final = """\
  records: {remote: origin}
  controller: {removalLimit: 2}
"""
PEOPLE: Final[Mapping[str, tuple[str, str]]] = {
    "ada": ("Ada Berg", "team-platform"),
    "omar": ("Omar Haddad", "team-sales"),
    "sara": ("Sara Lind", "team-sales"),
}


def sharing(folder: Path) -> Files:
    """What is declared otherwise: records are at the remote, and people have keys here."""
    files = lab()
    found = {SETTINGS: files[SETTINGS].replace("poll: 1m", "poll: 1s") + SHARING}
    found[SETTINGS] = found[SETTINGS].replace("retry: 5m", "retry: 1s")
    for name, (_, team) in PEOPLE.items():
        path, text = f"profiles/teams/{team}.yaml", key(name, folder).public_key.text
        pattern = rf'keys: \["[^"]+ {name}@example\.com"\]'
        found[path] = re.sub(pattern, f'keys: ["{text}"]', found.get(path, files[path]))
    return found


def person(folder: Path, name: str) -> dict[str, str]:
    """Who runs a command, and signs."""
    key(name, folder)
    return {
        "RECONCILER_ACTOR_NAME": PEOPLE[name][0],
        "RECONCILER_ACTOR_EMAIL": f"{name}@example.com",
        "RECONCILER_SIGNING_KEY": str(folder / f"key-{name}"),
    }


def machine(real: Real, number: int) -> Real:
    """A clone, with a state folder of its own but for the states, which all reach."""
    clone, own = real.top / f"clone-{number}", real.top / f"state-{number}"
    git = ["git", "-c", "protocol.file.allow=always", "clone", "-q"]
    subprocess.run([*git, str(real.repo.path), str(clone)], check=True)
    kept = own / repository_name(GitHistory(clone).root, clone) / "real"
    kept.mkdir(parents=True, mode=0o700)
    states = real.top / "states"
    states.mkdir(exist_ok=True)
    (kept / "states").symlink_to(states)
    told = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE00",
        "AWS_SECRET_ACCESS_KEY": "hush-hush-hush",
        "AWS_ENDPOINT_URL": real.endpoint,
        "RECONCILER_SANDBOX": "0",
        "RECONCILER_CACHE_DIR": str(real.top / f"cache-{number}"),
        "RECONCILER_ACTOR_NAME": "controller",
        "RECONCILER_ACTOR_EMAIL": "reconciler@example.com",
        "TF_CLI_CONFIG_FILE": str(provider(real)),
    }
    repo = GitRepo(clone, pygit2.Repository(str(clone)))
    return replace(
        real, repo=repo, state=own, cloud=None, told=told, world=(), branch="origin/records"
    )


def provider(real: Real) -> Path:
    """Terraform's settings: its provider, which knows where its cloud is."""
    program = real.top / "python"
    cloud = f"AWS_ENDPOINT_URL={real.endpoint} RECONCILER_SANDBOX_ACCOUNT={ACCOUNT}"
    program.write_text(f'#!/bin/sh\nexport {cloud}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return mirror.prepare(real.top / "provider", program)
