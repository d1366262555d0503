"""SNS through boto3: tell a topic, with the credentials that this process has."""

from collections.abc import Mapping
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.notice import Notice

_CONFIG: Final = Config(
    connect_timeout=5, read_timeout=10, retries={"max_attempts": 2, "mode": "standard"}
)
_SUBJECT: Final = 99
_PASSING: Final = ("Throttl", "RequestLimitExceeded", "ServiceUnavailable", "Internal")


class SnsSpeaker:
    """Speaks to one topic."""

    def __init__(self, topic: str, endpoint: str | None = None) -> None:
        self._topic = topic
        self._endpoint = endpoint

    def tell(self, notice: Notice) -> None:
        """Say it."""
        more = f"\n\n{notice.link}" if notice.link else ""
        try:
            self._client().publish(
                TopicArn=self._topic,
                Subject=subject(notice.title),
                Message=f"{notice.title}\n\n{notice.text}{more}\n",
                MessageAttributes=_attributes(
                    {
                        "event": notice.event,
                        "environment": notice.environment,
                        "track": notice.track,
                        "owner": notice.owner,
                    }
                ),
            )
        except ClientError as err:
            code = str(err.response.get("Error", {}).get("Code", ""))
            kind = TransientError if code.startswith(_PASSING) else ReconcilerError
            raise kind(
                "notice-refused",
                f"the topic {self._topic} does not take it: {code}",
                hint="may the credentials of this process use sns:Publish there?",
                subject=self._topic,
            ) from err
        except (BotoCoreError, ResponseParserError) as err:
            raise TransientError(
                "notice-unsent",
                f"the topic {self._topic} cannot be told: {type(err).__name__}",
                hint="is there a network, and are there credentials?",
                subject=self._topic,
            ) from err

    def _client(self) -> Any:
        region = self._topic.split(":")[3]
        # The endpoint that is named is on this machine: no proxy reaches it.
        config = _CONFIG.merge(Config(proxies={})) if self._endpoint else _CONFIG
        return boto3.client("sns", region_name=region, endpoint_url=self._endpoint, config=config)


def subject(title: str) -> str:
    """As SNS takes it: few characters, of ASCII, on one line, beginning with none of its own."""
    plain = "".join(char if char.isascii() and char.isprintable() else "?" for char in title)
    return plain.strip()[:_SUBJECT].strip() or "reconciler"


def _attributes(words: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What subscribers filter by."""
    return {
        name: {"DataType": "String", "StringValue": value} for name, value in words.items() if value
    }
