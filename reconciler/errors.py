"""Failures, in few kinds that each say what to do next.

A failure is not a result: a problem in a document, a finding or a denial is a value and is
collected. What is raised here stops the step that it names.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. Scripts rely on them; a number is never given a new meaning."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    DENIED = 10
    APPROVAL_NEEDED = 11
    DRIFT = 12
    INDETERMINATE = 13


class ReconcilerError(Exception):
    """Stalled by default: a human must act; trying again changes nothing until an input does."""

    exit = Exit.FAILURE

    def __init__(self, reason: str, message: str, *, hint: str = "", subject: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.subject = subject


class UsageError(ReconcilerError):
    """The command was called with something that does not exist or does not fit."""

    exit = Exit.USAGE


class NotAllowedError(ReconcilerError):
    """Whoever asked may not, by the documents of the target branch."""

    exit = Exit.DENIED


class TransientError(ReconcilerError):
    """The same step may go well when it is tried again."""


class WaitingError(ReconcilerError):
    """Somebody else is at it: the same step may go well when they have ended."""


class StoppedError(ReconcilerError):
    """Somebody asked it to stop, and it did. Nothing is wrong."""


class IndeterminateError(ReconcilerError):
    """Something could not be judged, so it is not allowed."""

    exit = Exit.INDETERMINATE
