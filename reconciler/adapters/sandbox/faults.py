"""Faults on demand, so that tests see a cloud that is slow, throttles or fails half-way.

RECONCILER_SANDBOX_FAULTS holds JSON, or the path of a file with it:

    {"delays": {"aws_sns_topic": 2.5},
     "errors": [{"operation": "s3:PutBucketPolicy", "nth": 2, "times": 1, "kind": "throttle"}]}

A delay holds up each create of a type, after the cloud has made the thing and before terraform
hears of it: a kill in that time leaves what no state knows. An error answers the nth call (1 is the
first, and the default) of an operation and the calls after it, `times` in all (0: every one), with
"error" (a 500, the default) or "throttle". Calls are counted anew by each process of the provider.
The provider runs on loopback only, so no other cloud can meet these faults.
"""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ANSWERS: Final = {
    "error": (500, "InternalError", "The sandbox was told to fail here."),
    "throttle": (429, "ThrottlingException", "Rate exceeded: the sandbox was told to throttle."),
}


@dataclass
class Faults:
    """What is to go wrong in this process."""

    delays: dict[str, float] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    _calls: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Raises ValueError or OSError when it is neither JSON nor the path of such a file."""
        if not text:
            return cls()
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        told = json.loads(text)
        for error in told.get("errors", ()):
            if error.get("kind", "error") not in ANSWERS or ":" not in error["operation"]:
                raise ValueError(f"not a fault: {error}")
        return cls(dict(told.get("delays", {})), list(told.get("errors", ())))

    def after_create(self, kind: str) -> None:
        if seconds := self.delays.get(kind):
            time.sleep(seconds)

    def before_call(self, model: Any, **_: Any) -> Any:
        """botocore asks this before each request; an answer stands for the cloud's."""
        if not self.errors:
            return None
        operation = f"{model.service_model.service_name}:{model.name}"
        with self._lock:
            count = self._calls[operation] = self._calls.get(operation, 0) + 1
        for error in self.errors:
            first, times = error.get("nth", 1), error.get("times", 1)
            if error["operation"] == operation and count >= first:
                if times and count >= first + times:
                    continue
                return _answer(error.get("kind", "error"))
        return None


def _answer(kind: str) -> tuple[Any, dict[str, Any]]:
    from botocore.awsrequest import AWSResponse

    status, code, message = ANSWERS[kind]
    parsed = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "sandbox"},
    }
    return AWSResponse("", status, {}, None), parsed
