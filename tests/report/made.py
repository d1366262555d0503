"""Findings as reports get them."""

from __future__ import annotations

from typing import Any

from reconciler.model.finding import Finding, Location


def finding(rule: str = "SEC001", **fields: Any) -> Finding:
    known: dict[str, Any] = {
        "gate": "policy",
        "rule": rule,
        "title": "Buckets are private",
        "severity": "high",
        "category": "security",
        "environment": "shop",
        "message": "the bucket is public",
        "location": Location("terraform/data.tf", 7),
        "fix": "block public access",
        "link": "https://example.com/rules/sec001",
        "fingerprint": f"{rule}-1",
    }
    return Finding(**{**known, **fields})
