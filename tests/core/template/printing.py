"""Prints one template, as a blueprint would."""

from __future__ import annotations

from typing import Any

from reconciler.core.template.engine import Templates, check_template, print_template

HCL = "box/1.0.0/terraform/main.tf.j2"
YAML = "box/1.0.0/terraform/values.yaml.j2"
PIPELINE = "box/1.0.0/pipeline/.gitlab-ci.yml.j2"


def printed(source: str, name: str = HCL, limit: int = 100_000, **context: Any) -> str:
    """What a template prints; it is refused as it would be in a blueprint."""
    misplaced = check_template(name, source)
    assert not misplaced, misplaced
    return print_template(Templates({name: source}), name, context, limit)
