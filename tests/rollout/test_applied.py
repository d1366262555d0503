"""A step of a trial in a real apply: by what was agreed when the trial began, and audited."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.app.branches import Change, commit_to
from reconciler.model.author import Author
from tests.check.project import CUSTOMER, PORTAL
from tests.repos import edited
from tests.terraform.lab import SERVICE
from tests.terraform.test_agreed import NAME, TOM, Place, place, ports  # noqa: F401  # fixtures
from tests.verify.history import RECORDS, key

US = Author("reconciler@example.com", "controller")
BLUEPRINT = "templates/web-service/1.0.0/blueprint.yaml"
PARAMETERS = """\
    canary_image:
      type: string
      default: ""
      description: On trial
    canary_step:
      type: integer
      minimum: 0
      default: 0
      description: How far
"""
CANARY = """\
    strategy: canary
    steps:
      - {traffic: 10, wait: 15m}
      - {traffic: 100, wait: 15m}
"""


@pytest.fixture
def trial(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:  # noqa: F811  # a fixture
    """On a track whose changes reach users by canary; our key signs records and steps."""
    signer = key("controller", place.folder)
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(place.folder / "key-controller"))
    files = dict(place.files)
    files["reconciler.yaml"] += RECORDS.format(key=signer.public_key.text)
    files = edited(files, CUSTOMER, "    strategy: blue-green\n", CANARY)
    files = edited(files, BLUEPRINT, "rollouts: [rolling, blue-green]", "rollouts: [canary]")
    files = edited(files, BLUEPRINT, "  parameters:\n", f"  parameters:\n{PARAMETERS}")
    count = "{{ parameters.desired_count }}"
    files = edited(files, SERVICE, count, f"{count}, {{{{ parameters.canary_step }}}}")
    place.run.repo.commit(files)
    begun = "    canary_image: shop:2\n    canary_step: 1\n    desired_count: 4"
    made = replace(place, files=edited(files, PORTAL, "    desired_count: 4", begun))
    request = made.opened(made.change(5))
    made.agrees(request, TOM)
    made.merge(request)
    done = made.apply()
    assert done.code == 0, done.out + done.err
    return made


def step(trial: Place, name: str) -> None:
    """The next step, signed with somebody's key."""
    repository = trial.run.repo.repository
    text = repository.revparse_single(f"main:{PORTAL}").data  # type: ignore[attr-defined]
    after = text.replace(b"canary_step: 1", b"canary_step: 2")
    at = trial.as_user(TOM).merge_request(1).updated
    change = Change({PORTAL: after}, "On", US, US, at, key(name, trial.folder))
    assert commit_to(GitRecords(trial.run.repo.path, "main"), change, lambda _tip: True)


def test_our_step_is_applied_and_stands_in_every_audit(trial: Place) -> None:
    step(trial, "controller")
    done = trial.apply()
    assert done.code == 0, done.out + done.err
    for verb in (("verify",), ("replay", "--all")):
        process = trial.run.process("audit", *verb, RECONCILER_SANDBOX="0")
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err


def test_a_step_of_somebody_elses_is_no_step_of_ours(trial: Place) -> None:
    step(trial, "tom")
    refused = trial.apply()
    assert refused.code == 10
    assert "AUT008" in refused.err
