"""A GitOps policy-as-code engine: commits become environments, and git keeps the audit trail."""


def __getattr__(name: str) -> str:
    """`__version__`, read when somebody wants to know: `--help` does not."""
    if name != "__version__":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from reconciler.version import program_version  # noqa: PLC0415

    found = globals()[name] = program_version()
    return found
