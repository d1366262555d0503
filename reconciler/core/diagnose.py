"""What Terraform complains of -> a failure in our words: what, where, why, what to do next."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from reconciler.errors import ReconcilerError, StoppedError, TransientError, WaitingError
from reconciler.model.run import Diagnostic, Ran, Step

Redact = Callable[[str], str]
_LOCKED: Final = "Error acquiring the state lock"
_HOLDER: Final = re.compile(r"^\s*(ID|Operation|Who|Created):\s*(\S.*?)\s*$", re.MULTILINE)
_HTTP_HOLDER: Final = re.compile(r"already locked: ID=(\S+)")
_CREDENTIALS: Final = (
    "ExpiredToken",
    "InvalidClientTokenId",
    "No valid credential sources",
    "UnrecognizedClientException",
    "security token included in the request is",
)
_PROVIDER: Final = (
    "Failed to install provider",
    "Failed to query available provider packages",
    "Missing required provider",
    "Inconsistent dependency lock file",
)
_BUSY: Final = (
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "StatusCode: 50",
    "Throttling",
    "TooManyRequests",
)
_FULL: Final = ("no space left on device", "disk quota exceeded")
_FULL_PATH: Final = re.compile(r"(/[^\s:]+):? no space left on device")
_TIMES: Final[dict[Step, str]] = {
    "plan": ": RECONCILER_PLAN_SECONDS",
    "apply": ": RECONCILER_APPLY_SECONDS",
}
_SHOWN: Final = 3
_STEPS: Final[dict[Step, str]] = {
    "init": "getting ready",
    "plan": "planning",
    "show": "reading the plan of",
    "apply": "applying",
    "state": "reading the state of",
    "push": "saving the state of",
    "unlock": "unlocking the state of",
}


def failure(ran: Ran, environment: str, redact: Redact) -> ReconcilerError:
    """Why a command did not go well."""
    step = _STEPS[ran.step]
    if ran.ended == "out-of-time":
        return TransientError(
            "out-of-time",
            f"{step} {environment} took too long and was stopped",
            hint="run it again; if the cloud is slow, give it more time" + _TIMES.get(ran.step, ""),
            subject=environment,
        )
    if ran.ended == "out-of-memory":
        return ReconcilerError(
            "out-of-memory",
            f"{step} {environment} took more memory than it may and was ended; nothing changed",
            hint="look for a loop or a range that makes very much; if it must be so large,"
            " RECONCILER_PLAN_MEGABYTES allows more",
            subject=environment,
        )
    if ran.ended == "stopped":
        changed = (
            "the state is as it was, or as it was to be"
            if ran.step in ("push", "unlock")
            else "nothing was changed"
        )
        return StoppedError(
            "stopped",
            f"{step} {environment} ended early, as it was asked to; {changed}",
            hint="run it again when you like: it begins from what is true then",
            subject=environment,
        )
    said = "\n".join(f"{one.summary}\n{one.detail}" for one in ran.errors)
    if _LOCKED in said:
        return _locked(said, environment, redact)
    words = _words(ran.errors, redact) or f"terraform ended with code {ran.code}"
    for marks, make, reason, hint in _CAUSES:
        if any(mark.lower() in said.lower() for mark in marks):
            full = _FULL_PATH.search(said) if reason == "disk-full" else None
            todo = hint.replace("the disk", f"the disk of {redact(full[1])}") if full else hint
            return make(
                reason, f"{step} {environment} failed: {words}", hint=todo, subject=environment
            )
    return ReconcilerError(
        "terraform-failed",
        f"{step} {environment} failed: {words}",
        hint=f"mend what it names; `reconciler render {environment}` shows the source",
        subject=environment,
    )


_CAUSES: Final[tuple[tuple[tuple[str, ...], type[ReconcilerError], str, str], ...]] = (
    (
        _CREDENTIALS,
        ReconcilerError,
        "credentials",
        "the credentials are missing, wrong or expired: get new ones and run it again",
    ),
    (
        _PROVIDER,
        ReconcilerError,
        "provider-missing",
        "a provider is not to be had here: is there a network, or a mirror?",
    ),
    (_FULL, ReconcilerError, "disk-full", "make room on the disk, and run it again"),
    (_BUSY, TransientError, "cloud-busy", "the cloud is busy or broken: run it again in a while"),
)


def _locked(said: str, environment: str, redact: Redact) -> WaitingError:
    holder = dict(_HOLDER.findall(said))
    http = _HTTP_HOLDER.search(said)
    lock = http[1] if http else holder.get("ID", "")
    who = holder.get("Who", "")
    parts = [
        who and not http and f"held by {who}",
        holder.get("Operation", "") and not http and f"for {holder['Operation']}",
    ]
    words = " ".join(str(part) for part in parts if part) or "held by somebody"
    since = f", since {holder['Created']}" if holder.get("Created") and not http else ""
    return WaitingError(
        "state-locked",
        redact(f"the state of {environment} is locked: {words}{since} (lock {lock or 'unknown'})"),
        hint="wait for it; if its holder is dead for certain:"
        f" `reconciler state {environment} --unlock {lock or 'ID'}`",
        subject=environment,
    )


def _words(errors: Sequence[Diagnostic], redact: Redact) -> str:
    shown = []
    for one in errors[:_SHOWN]:
        place = (
            f"{one.path}:{one.line}: " if one.path else f"{one.address}: " if one.address else ""
        )
        # Some of what it says of providers holds a backslash and an n, where a line ends.
        detail = " ".join(one.detail.replace("\\n", "\n").split())
        shown.append(redact(f"{place}{one.summary}" + (f": {detail}" if detail else "")))
    more = f"; and {len(errors) - _SHOWN} more" if errors[_SHOWN:] else ""
    return "; ".join(shown) + more
