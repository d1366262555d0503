"""A GitOps policy-as-code engine: commits become environments, and git keeps the audit trail."""

__version__ = "0.1.0"
