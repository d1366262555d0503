"""What a scan for secrets found, and what it could not look at. No value here holds a secret."""

from dataclasses import dataclass
from typing import Literal

from reconciler.model.finding import Location, Severity


@dataclass(frozen=True, slots=True, order=True)
class SecretFound:
    """One secret: what type, where, masked. The secret itself is left behind in the engine."""

    location: Location
    rule: str
    title: str
    severity: Severity
    advice: bool
    """Shown, but never a reason to deny: the rule is a guess, or the change only removes it."""
    masked: str
    fix: str
    fingerprint: str
    """A keyed hash of secret, rule and path: the same when lines move, useless for guessing."""
    how: Literal["plain", "base64"] = "plain"
    """Whether it stood there as it is, or encoded."""
    removed: bool = False
    """Whether the change takes it away: it stays in the history, so it has to be renewed."""


@dataclass(frozen=True, slots=True, order=True)
class Unscanned:
    """What could not be looked at, in whole or in part. A scan with one of these proves nothing."""

    location: Location
    reason: str
    fingerprint: str
    """Of path and content: accepted for this content only."""


@dataclass(frozen=True, slots=True, order=True)
class ScanNote:
    """What was looked at in a lesser way, and is no reason to stop."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class SecretScan:
    """Everything that one scan has to say."""

    subject: str
    """A range of commits, `staged`, or `files`."""
    found: tuple[SecretFound, ...]
    unscanned: tuple[Unscanned, ...]
    notes: tuple[ScanNote, ...]
    accepted: int
    """How many more there are that the baseline accepts."""
    commits: int
    files: int
    size: int
    """Bytes that were looked at; a blob that many commits share counts once."""

    @property
    def denied(self) -> bool:
        """Whether a rule that blocks has fired."""
        return any(not one.advice for one in self.found)


@dataclass(frozen=True, slots=True, order=True)
class Blob:
    """A file's content by object id: what a change adds or takes away."""

    path: str
    oid: str


@dataclass(frozen=True, slots=True)
class ContentChange:
    """What one commit (or the index) does to files, compared with all its parents."""

    commit: str
    """Empty: the index."""
    message: bytes
    added: tuple[Blob, ...]
    """What no parent has at this path."""
    removed: tuple[Blob, ...]
    """What stood at those paths before, or at paths that are gone."""
    notes: tuple[ScanNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """The beginning of a file, and how long the whole is."""

    data: bytes
    size: int
