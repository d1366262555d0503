"""The provider's configuration: where the cloud is, whose it is, and what every resource is tagged.

Two rules stand here. The cloud is on loopback, or there is no provider. And an environment's
resources live in its own account: `allowed_account_ids` holds, as with the real provider.
"""

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from reconciler.adapters.sandbox.engine import Resource

ENDPOINT: Final = "AWS_ENDPOINT_URL"
ACCOUNT: Final = "RECONCILER_SANDBOX_ACCOUNT"
FAULTS: Final = "RECONCILER_SANDBOX_FAULTS"
KEY_OF_ANY_ACCOUNT: Final = "sandbox"
"""With this access key the account is the one that the source allows."""


class ConfigurationError(Exception):
    """The provider cannot or must not work like this; terraform shows it as it is."""

    def __init__(self, summary: str, detail: str) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail


def loopback(endpoint: str) -> str:
    """The endpoint, if it is one of this machine; else ConfigurationError."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        good = parts.scheme == "http" and not parts.username and parts.port is not None
        good = good and ipaddress.ip_address(host).is_loopback
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "This provider is a simulation and only talks to a sandbox",
            f"{ENDPOINT} is {endpoint!r}; it must be http://, a loopback address and a port, such "
            "as http://127.0.0.1:4566. Start a cloud with `reconciler sandbox start`. For a real "
            "account, use the real provider.",
        )
    return endpoint


class Configuration:
    """Set once by terraform, used by every call after it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._session: Any = None
        self._resources: dict[str, Resource] = {}

    def configure(self, given: Mapping[str, Any]) -> None:
        endpoint = loopback(self._environment.get(ENDPOINT, ""))
        # Late: most starts of a provider only ask for the schema.
        from reconciler.adapters.sandbox.call import Session
        from reconciler.adapters.sandbox.faults import Faults

        region = given.get("region") or self._environment.get("AWS_REGION") or "us-east-1"
        try:
            faults = Faults.parse(self._environment.get(FAULTS, ""))
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"{FAULTS} cannot be read", str(error)) from error
        session = Session(endpoint, str(region), None, faults)
        session.credentials = self._credentials(given)
        session.account = self._account(session, given)
        for block in given.get("default_tags") or ():
            session.default_tags = dict(block.get("tags") or {})
        self._session = session

    def _credentials(self, given: Mapping[str, Any]) -> dict[str, str | None]:
        """The keys that were given; never what else botocore might find on this machine."""
        said = self._environment
        return {
            "aws_access_key_id": given.get("access_key") or said.get("AWS_ACCESS_KEY_ID", "none"),
            "aws_secret_access_key": given.get("secret_key")
            or said.get("AWS_SECRET_ACCESS_KEY", "none"),
            "aws_session_token": given.get("token") or said.get("AWS_SESSION_TOKEN"),
        }

    def _account(self, session: Any, given: Mapping[str, Any]) -> str | None:
        allowed = sorted(given.get("allowed_account_ids") or ())
        account = self._environment.get(ACCOUNT)
        key = session.credentials["aws_access_key_id"]
        if not account and key == KEY_OF_ANY_ACCOUNT and len(allowed) == 1:
            account = allowed[0]
        if not account:
            account = self._whose(session)
        if allowed and account not in allowed:
            raise ConfigurationError(
                f"AWS account ID not allowed: {account}",
                f"The source allows {', '.join(allowed)} only. Nothing was read or changed.",
            )
        if account in (given.get("forbidden_account_ids") or ()):
            raise ConfigurationError(f"AWS account ID not allowed: {account}", "It is forbidden.")
        return account

    def _whose(self, session: Any) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return str(session.client("sts").get_caller_identity()["Account"])
        except (BotoCoreError, ClientError) as error:
            raise ConfigurationError("The sandbox does not answer", str(error)) from error

    def resource(self, name: str) -> "Resource":
        """The engine of a type, made when it is first asked for."""
        from reconciler.adapters.sandbox.engine import Resource
        from reconciler.adapters.sandbox.kinds import kind

        if self._session is None:
            raise ConfigurationError("The provider is not configured", "terraform did not say how.")
        if name not in self._resources:
            self._resources[name] = Resource(name, kind(name), self._session)
        return self._resources[name]
