"""A repository that people share, a clone of it, and people with keys who run commands."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.cli.main import main
from reconciler.core.load import load
from tests.check.project import base_files
from tests.repos import Files, GitRepo
from tests.verify.history import key


@dataclass
class Yard:
    """A shared repository, a clone of it, and people with keys."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def origin(self) -> GitSource:
        return GitSource(self.folder / "origin.git")

    def be(self, name: str, email: str, signs: str = "") -> None:
        self.patch.setenv("RECONCILER_ACTOR_NAME", name)
        self.patch.setenv("RECONCILER_ACTOR_EMAIL", email)
        if signs:
            key(signs, self.folder)
            self.patch.setenv("RECONCILER_SIGNING_KEY", str(self.folder / f"key-{signs}"))
        else:
            self.patch.delenv("RECONCILER_SIGNING_KEY", raising=False)

    def run(self, *argv: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = 0
        try:
            group = 2 if argv[0] in ("agent", "audit", "mr", "removal") else 1
            main([*argv[:group], "-C", str(self.clone), *argv[group:]])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        said = self.capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    def ada_says(self, text: str) -> None:
        self.be("Ada Berg", "ada@example.com", "ada")
        code, _, err = self.run("mr", "comment", "1", text)
        assert code == 0, err

    def watched(self) -> str:
        self.be("controller", "reconciler@example.com")
        code, out, err = self.run("mr", "watch", "--once")
        assert code == 0, err
        return out + err

    @property
    def answers(self) -> list[str]:
        shown = self.run("mr", "show", "1", "--format", "json")[1]
        notes = json.loads(shown)["notes"]
        return [one["text"] for one in notes if "reconciler:answered" in one["text"]]

    @property
    def freezes(self) -> list[str]:
        return sorted(load(self.origin.snapshot("main"))[0].shared.freezes)

    @property
    def recorded(self) -> list[str]:
        command = ["git", "log", "--format=%s", "--reverse", "records"]
        done = subprocess.run(command, cwd=self.clone, capture_output=True, text=True, check=False)
        return [one for one in done.stdout.splitlines() if not one.startswith("policy")]

    @property
    def actors(self) -> list[tuple[str, str]]:
        """Who is written down for each, oldest first."""
        command = ["git", "log", "--format=%s%x00%an%x00%ae", "--reverse", "records"]
        done = subprocess.run(command, cwd=self.clone, capture_output=True, text=True, check=False)
        rows = [one.split("\0") for one in done.stdout.splitlines()]
        return [(row[1], row[2]) for row in rows if not row[0].startswith("policy")]


def files_with_keys(folder: Path) -> Files:
    files = base_files()
    path = "profiles/teams/team-platform.yaml"
    text = key("ada", folder).public_key.text
    files[path] = re.sub(r'keys: \["[^"]+ ada@example\.com"\]', f'keys: ["{text}"]', files[path])
    files["reconciler.yaml"] = files["reconciler.yaml"].replace("poll: 1m", "poll: 900000s")
    return files


def make_yard(
    folder: Path,
    files: Files,
    capsys: pytest.CaptureFixture[str],
    patch: pytest.MonkeyPatch,
) -> tuple[Yard, GitRepo]:
    """The clone of a shared repository; what this machine keeps is a folder of the test."""
    patch.setenv("RECONCILER_STATE_DIR", str(folder / "state"))
    origin = GitRepo.make(folder / "origin.git")
    origin.commit(dict(files))
    made = Yard(folder, capsys, patch)
    git = ["git", "-c", "protocol.file.allow=always"]
    subprocess.run([*git, "clone", "-q", str(folder / "origin.git"), str(made.clone)], check=True)
    return made, origin
