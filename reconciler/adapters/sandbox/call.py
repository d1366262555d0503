"""One provider's way to the cloud: clients, the account that every request names, and tags.

It must not reach anything but loopback: whoever makes a Session has checked the endpoint.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from reconciler.adapters.sandbox.faults import Faults
from reconciler.adapters.sandbox.values import Values

_GONE = re.compile(r"NotFound|NoSuch|NotExist|Nonexistent|\b404\b|ServiceNotActive")


def is_gone(error: ClientError) -> bool:
    """Whether the cloud says that it does not have the thing."""
    said = error.response["Error"]
    if said["Code"] == "ClientException":
        # ECS has no code of its own for a task definition that is not there.
        return "Unable to describe task definition" in said.get("Message", "")
    return _GONE.search(said["Code"]) is not None


class Session:
    """Clients of one provider configuration; each is made once, whoever asks first."""

    def __init__(self, endpoint: str, region: str, account: str | None, faults: Faults) -> None:
        self.endpoint = endpoint
        self.region = region
        self.account = account
        self.faults = faults
        self.credentials: dict[str, str | None] = {
            "aws_access_key_id": "sandbox",
            "aws_secret_access_key": "sandbox",
        }
        self.default_tags: dict[str, str] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._botocore: Any = None

    def client(self, service: str, region: str | None = None) -> Any:
        # terraform asks for ten resources at once: without the lock each would make a client.
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._made(*key)
            return self._clients[key]

    def _made(self, service: str, region: str) -> Any:
        import botocore.config
        import botocore.session

        if self._botocore is None:
            self._botocore = botocore.session.Session()
        client = self._botocore.create_client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            **self.credentials,
            # An error is shown as it is: a fault that a test injects must not vanish in a retry.
            config=botocore.config.Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                max_pool_connections=10,
                proxies={},
            ),
        )
        client.meta.events.register("before-sign", self._name_account)
        client.meta.events.register("before-call", self.faults.before_call)
        return client

    def _name_account(self, request: Any, **_: Any) -> None:
        if self.account:
            request.headers["x-moto-account-id"] = self.account


class Call:
    """What a handler gets: the cloud of one account and region."""

    def __init__(self, session: Session, region: str | None = None) -> None:
        self._session = session
        self.region = region or session.region
        self.made: str | None = None
        """The id of what a create has made so far, in case the rest of it fails."""

    @property
    def account(self) -> str:
        return self._session.account or "123456789012"

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account}:{resource}"

    def client(self, service: str) -> Any:
        return self._session.client(service, self.region)

    def global_client(self, service: str) -> Any:
        """A client of a service that knows no regions."""
        home = {"aws": "us-east-1", "aws-cn": "cn-north-1"}.get(self.partition, "us-gov-west-1")
        return self._session.client(service, home)

    def all_tags(self, tags: Mapping[str, str] | None) -> dict[str, str]:
        return {**self._session.default_tags, **(tags or {})}

    def own_tags(self, tags: Mapping[str, str], before: Mapping[str, str] | None) -> Values:
        """The tags that are not there by default, or that the source repeats."""
        default = self._session.default_tags
        return {
            key: value
            for key, value in tags.items()
            if default.get(key) != value or key in (before or {})
        }


def tag_list(
    tags: Mapping[str, str] | None, key: str = "Key", value: str = "Value"
) -> list[Values]:
    return [{key: name, value: text} for name, text in sorted((tags or {}).items())]


def tag_map(tags: Iterable[Values], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {one[key]: one[value] for one in tags if not one[key].startswith("aws:")}


def retag(
    prior: Values,
    planned: Values,
    put: Callable[[dict[str, str]], Any],
    drop: Callable[[list[str]], Any],
) -> None:
    """Bring the tags of a thing from what they are to what they should be."""
    have, want = prior.get("tags_all") or {}, planned.get("tags_all") or {}
    if gone := sorted(set(have) - set(want)):
        drop(gone)
    if new := {key: value for key, value in want.items() if have.get(key) != value}:
        put(new)


def found(ask: Callable[[], Any]) -> Any:
    """What the cloud answers, or None when it does not have the thing."""
    try:
        return ask()
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def drop_none(**arguments: Any) -> Values:
    """Arguments of a request without those that are not set."""
    return {key: value for key, value in arguments.items() if value is not None}


def changed(prior: Values, planned: Values, *names: str) -> bool:
    return any(prior.get(name) != planned.get(name) for name in names)
