"""Environments to render the shipped blueprints for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
PROVIDER_FACTS = REPOSITORY / "reconciler/adapters/sandbox/aws-6.25.0.json"
TRIM = REPOSITORY / "tests/data/aws-provider/trim.py"
TRACKS = {"serverless-demo": "demo", "web-service": "customer", "platform-core": "platform"}
STEPS = (
    {"traffic": 5, "wait": "5m"},
    {"traffic": 25, "wait": "10m"},
    {"traffic": 100, "wait": "30m"},
)

_IMAGE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + "a" * 64
_CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/0f1e2d3c"
REQUIRED: dict[str, dict[str, Any]] = {
    "serverless-demo": {"image": _IMAGE, "ci_image": _IMAGE},
    "web-service": {
        "image": _IMAGE,
        "ci_image": _IMAGE,
        "certificate_arn": _CERTIFICATE,
        "domain_name": "shop.example.com",
    },
    "platform-core": {"image": _IMAGE, "ci_image": _IMAGE, "certificate_arn": _CERTIFICATE},
}


@dataclass(frozen=True)
class Case:
    """An environment to render: what differs from a plain one in dev."""

    blueprint: str
    stage: str = "dev"
    isolation: str = "shared"
    strategy: str = "rolling"
    name: str = "shop"
    region: str = "eu-central-1"
    ttl: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = "+".join(self.parameters)
        parts = (self.blueprint, self.stage, self.isolation, self.strategy, self.name, given)
        return "-".join(part for part in parts if part)


Render = Callable[[Case], dict[str, str]]
Terraform = Callable[..., subprocess.CompletedProcess[str]]
