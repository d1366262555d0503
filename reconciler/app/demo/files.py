"""What the demonstration's repository begins with: the shipped files, people, and four pages.

The shipped blueprints are whole services, and take their time. So the environments are of a small
one, which belongs to the demonstration: `reconciler/demo/`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from reconciler.errors import ReconcilerError
from reconciler.model.demo import PROGRAM

_TRACKS: Final = {
    "demo": ("serverless-demo", "6h"),
    "customer": ("web-service", "1h"),
    "platform": ("platform-core", "15m"),
}
"""The blueprint of each, and how often it is looked for drift, as shipped."""
_DEV: Final = (
    "    dev: {security: hard, cost: soft, compliance: soft, operational: soft, pipeline: hard,"
)
_EDITS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "reconciler.yaml": (("    poll: 1m\n", "    poll: 1s\n"),),
    # Who is on call takes an incident back at once; somebody else agrees afterwards.
    "profiles/tracks/customer.yaml": (
        (
            "promotionRequired: true\n",
            "promotionRequired: true\n  rollback: {fast: {stages: [production]}}\n",
        ),
    ),
    # What an agent may not do by itself waits for a human where nothing is lost yet.
    "profiles/tracks/platform.yaml": (
        ("sizes: [medium, large]", "sizes: [small, medium, large]"),
        (f"{_DEV} authority: hard}}", f"{_DEV} authority: soft}}"),
    ),
}
_AGENT: Final = """\
# Keeps the platform's pages current.
apiVersion: reconciler/v1
kind: Agent
metadata:
  name: caretaker
  owner: team-platform
  description: Proposes new releases of the platform's pages
spec:
  identity:
    email: caretaker@agents.example.com
  tracks: [platform]
  paths: [environments/platform/**]
  kinds: [Environment]
  highestRisk: L2
  changesPerDay: 10
"""
_WAIVER: Final = """\
apiVersion: reconciler/v1
kind: Waiver
metadata:
  name: page-keeps-no-access-log
  owner: team-security
  description: Buckets of pages keep no access logs
spec:
  rule: CKV_AWS_18
  subject:
    tracks: [demo, customer, platform]
    resources: [aws_s3_bucket.files]
  reason: What a page shows is meant to be read, and who read it is nobody's business.
  expires: @END@
"""
_ENVIRONMENT: Final = """\
apiVersion: reconciler/v1
kind: Environment
metadata:
  name: @NAME@
  owner: @OWNER@
spec:
  track: @TRACK@
  stage: @STAGE@
  blueprint: {name: page, version: 1.0.0}
  account: "@ACCOUNT@"
@MORE@  parameters:
    image: @RELEASE@.releases.example.com
    keep_days: 30
"""
_CANARY: Final = """\
  promotedFrom: shop-staging
  overrides:
    rollout:
      strategy: canary
      steps: [{traffic: 10, wait: 15m}, {traffic: 100, wait: 1h}]
"""
_PAGES: Final = (
    ("demo", "fair-kiosk", "team-sales", "dev", "111111111111", "  ttl: 72h\n", "v1"),
    (
        "customer",
        "shop-staging",
        "team-web",
        "staging",
        "222222222222",
        "  overrides:\n    rollout: {strategy: rolling}\n",
        "v2",
    ),
    ("customer", "shop", "team-web", "production", "333333333333", _CANARY, "v1"),
    ("platform", "sign-in-dev", "team-platform", "dev", "444444444444", "", "v1"),
)


def repository_files(
    started: Mapping[str, bytes],
    own: Mapping[str, bytes],
    keys: Mapping[str, str],
    today: date,
) -> dict[str, bytes]:
    """Path -> bytes. `started`: what `reconciler init` wrote; `keys`: public ones by address."""
    files = dict(started)
    files.update({path: data for path, data in own.items() if path.startswith("templates/")})
    edits = {path: list(pairs) for path, pairs in _EDITS.items()}
    for track, (shipped, interval) in _TRACKS.items():
        edits.setdefault(f"profiles/tracks/{track}.yaml", []).extend(
            (
                (f"blueprints: [{shipped}]", f"blueprints: [{shipped}, page]"),
                (f"    interval: {interval}\n", "    interval: 365d\n"),
                # Checkov takes its seconds: here one stage asks it, as shipped all of them do.
                # And people of the story look for drift, so that the controller need not.
                (
                    "\n  gates:\n",
                    "\n  scanners: {dev: [], staging: [checkov], production: []}\n  gates:\n",
                ),
            )
        )
    for path, pairs in edits.items():
        files[path] = _edited(path, files[path].decode(), pairs).encode()
    files["reconciler.yaml"] += _signed(keys[PROGRAM.email]).encode()
    for path in [one for one in files if one.startswith("profiles/teams/")]:
        files[path] = _with_keys(files[path].decode(), keys).encode()
    files["profiles/agents/caretaker.yaml"] = _AGENT.encode()
    end = (today + timedelta(days=90)).isoformat()
    files["policies/waivers/page-keeps-no-access-log.yaml"] = _WAIVER.replace("@END@", end).encode()
    for track, name, owner, stage, account, more, release in _PAGES:
        words = (
            ("@NAME@", name),
            ("@OWNER@", owner),
            ("@TRACK@", track),
            ("@STAGE@", stage),
            ("@ACCOUNT@", account),
            ("@MORE@", more),
            ("@RELEASE@", release),
        )
        text = _ENVIRONMENT
        for mark, word in words:
            text = text.replace(mark, word)
        files[f"environments/{track}/{name}.yaml"] = text.encode()
    return files


def _edited(path: str, text: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        if old not in text:
            raise ReconcilerError(
                "demo-does-not-fit", f"{path} as shipped does not say {old.strip()!r} any more"
            )
        text = text.replace(old, new, 1)
    return text


def _signed(key: str) -> str:
    return (
        "  records:\n    signed: true\n    writers:\n"
        f'      - {{name: {PROGRAM.name}, email: {PROGRAM.email}, keys: ["{key}"]}}\n'
    )


def _with_keys(text: str, keys: Mapping[str, str]) -> str:
    """The same people, with the keys that were made for them: nobody has those of the samples."""
    for email, key in keys.items():
        text = re.sub(rf'keys: \["[^"]* {re.escape(email)}"\]', f'keys: ["{key}"]', text)
    return text
