"""Whether what was destroyed is gone, by what the cloud itself says."""

from reconciler.ports import Cloud


def left_over(cloud: Cloud, environment: str) -> tuple[str, ...]:
    """The ARNs of what still carries the environment's tags, and ours; none: it is gone.

    What waits for its last day, as a key of KMS does, counts as gone. An error where the cloud does
    not say: then nobody knows.
    """
    return tuple(cloud.tagged(environment))
