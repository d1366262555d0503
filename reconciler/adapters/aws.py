"""AWS through boto3: short-lived credentials for a run, what carries our tags, who changed what.

Credentials go into the environment of one process and nowhere else: no file, no log, no state.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache, lru_cache
from threading import Lock
from typing import Any, Final, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.drift import Culprit
from reconciler.model.settings import AwsAccess

Purpose = Literal["plan", "apply"]
_CONFIG: Final = Config(
    connect_timeout=5, read_timeout=30, retries={"max_attempts": 4, "mode": "standard"}
)
_MAKING: Final = Lock()
"""Sessions make one client at a time."""
_GIVEN: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
_SHORTEST: Final = 900
_EVENTS: Final = 50
"""As many events as one answer of CloudTrail holds: most of them only look at a thing."""
NO_ANSWER: Final = (BotoCoreError, ResponseParserError)
"""Nobody answers, or something that is not AWS: a proxy's page."""
_BUSY: Final = ("Throttling", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure")


class AwsAccounts:
    """Enters accounts. `secret` reads a variable of this process by its name."""

    def __init__(
        self,
        access: AwsAccess | None,
        secret: Callable[[str], str | None],
        endpoint: str | None = None,
    ) -> None:
        self._access = access
        self._secret = secret
        self._endpoint = endpoint

    def enter(self, account: str, region: str, purpose: Purpose, who: str) -> dict[str, str]:
        """The variables that a process in that account needs, good for a short time."""
        place = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        try:
            if self._access is None:
                return place | self._own()
            return place | self._assumed(self._access, account, region, purpose, who)
        except ClientError as err:
            code = str(err.response.get("Error", {}).get("Code", ""))
            kind = TransientError if code in _BUSY else ReconcilerError
            raise kind(
                "credentials",
                f"the account {account} cannot be entered to {purpose}: {code}",
                hint="does the role trust whoever runs this, and is the token fresh?",
                subject=account,
            ) from err
        except NO_ANSWER as err:
            raise ReconcilerError(
                "credentials",
                f"the account {account} cannot be entered to {purpose}: {type(err).__name__}",
                hint="is there a network, and are there credentials?",
                subject=account,
            ) from err

    def _own(self) -> dict[str, str]:
        found = boto3.Session().get_credentials()
        if found is None:
            raise ReconcilerError(
                "credentials",
                "this process has no AWS credentials",
                hint="log in, or set `aws` in reconciler.yaml; `--sandbox` needs none",
            )
        frozen = found.get_frozen_credentials()
        return _variables(frozen.access_key, frozen.secret_key, frozen.token)

    def _assumed(
        self, access: AwsAccess, account: str, region: str, purpose: Purpose, who: str
    ) -> dict[str, str]:
        role = access.plan_role if purpose == "plan" else access.apply_role
        asked: dict[str, Any] = {
            "RoleArn": f"arn:aws:iam::{account}:role/{role}",
            "RoleSessionName": f"reconciler-{purpose}-{who}"[:64],
            "DurationSeconds": max(int(access.session.total_seconds()), _SHORTEST),
        }
        sts = boto3.client("sts", region_name=region, endpoint_url=self._endpoint, config=_CONFIG)
        if access.web_identity_from is not None:
            token = self._needed(access.web_identity_from)
            answer = sts.assume_role_with_web_identity(**asked, WebIdentityToken=token)
        else:
            if access.external_id_from is not None:
                asked["ExternalId"] = self._needed(access.external_id_from)
            answer = sts.assume_role(**asked)
        given = answer["Credentials"]
        return _variables(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def _needed(self, name: str) -> str:
        value = self._secret(name)
        if not value:
            raise ReconcilerError(
                "credentials",
                f"the environment variable {name} is not set",
                hint="reconciler.yaml names it under `aws`; a pipeline sets it by `id_tokens`",
                subject=name,
            )
        return value


def _variables(key: str, secret: str, token: str | None) -> dict[str, str]:
    found = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    return found | ({"AWS_SESSION_TOKEN": token} if token else {})


@cache
def _descriptions() -> Loader:
    """What boto knows of services: reading it takes longer than asking one."""
    return create_loader()


def _new_session(
    key: str | None, secret: str | None, token: str | None, region: str | None
) -> boto3.Session:
    with _MAKING:
        inner = get_session()
        inner.register_component("data_loader", _descriptions())
        made = boto3.Session(key, secret, token, region, botocore_session=inner)
        places = _descriptions().search_paths
        places[:] = dict.fromkeys(places)  # each session adds the same one
    return made


_session = lru_cache(maxsize=8)(_new_session)
"""The same for the same credentials."""


class AwsSession:
    """Clients of one account in one region. `variables`: the credentials of one run."""

    def __init__(
        self,
        variables: Mapping[str, str],
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        given = tuple(variables.get(one) for one in _GIVEN)
        # Without a key boto looks for one itself, anew each time.
        self._session = (_session if given[0] else _new_session)(*given)
        self._endpoint = endpoint
        self._headers = dict(headers or {})

    def client(self, service: str) -> Any:
        """A client of one service."""
        # The endpoint that is named is the sandbox's, on this machine: no proxy reaches it.
        config = _CONFIG.merge(Config(proxies={})) if self._endpoint else _CONFIG
        with _MAKING:
            client = self._session.client(service, endpoint_url=self._endpoint, config=config)
        if self._headers:

            def add(params: dict[str, Any], **_: object) -> None:
                params["headers"].update(self._headers)

            client.meta.events.register("before-call", add)
        return client


class AwsCloud:
    """What an account says of itself."""

    def __init__(self, session: AwsSession) -> None:
        self._client = session.client
        self._silent = False
        """Whether CloudTrail did not answer once."""

    def tagged(self, environment: str) -> Sequence[str]:
        """The ARNs of all resources that carry the environment's tags, and ours."""
        filters = [
            {"Key": "managed-by", "Values": ["reconciler"]},
            {"Key": "environment", "Values": [environment]},
        ]
        try:
            pages = self._client("resourcegroupstaggingapi").get_paginator("get_resources")
            found = sorted(
                str(row["ResourceARN"])
                for page in pages.paginate(TagFilters=filters)
                for row in page["ResourceTagMappingList"]
            )
            return [arn for arn in found if not self._going(arn)]
        except (*NO_ANSWER, ClientError, KeyError) as err:
            raise TransientError(
                "unmanaged-unknown",
                f"the cloud does not say what carries the tags of {environment}:"
                f" {type(err).__name__}",
                hint="may the role for planning use tag:GetResources?"
                if isinstance(err, ClientError)
                else "is there a network, and does it reach the account's region?",
                subject=environment,
            ) from err

    def _going(self, arn: str) -> bool:
        """Whether it is deleted already, and only waits for its last day, as keys do."""
        if ":kms:" not in arn or ":key/" not in arn:
            return False
        with suppress(*NO_ANSWER, ClientError, KeyError):
            key = self._client("kms").describe_key(KeyId=arn)["KeyMetadata"]
            return bool(key["KeyState"] == "PendingDeletion")
        return False

    def culprit(self, identity: str, since: datetime | None = None) -> Culprit | None:
        """Who changed a thing last, where CloudTrail answers; None where it does not."""
        if self._silent:
            return None
        name = identity.rpartition(":")[2].rpartition("/")[2]
        asked: dict[str, Any] = {
            "LookupAttributes": [{"AttributeKey": "ResourceName", "AttributeValue": name}],
            "MaxResults": _EVENTS,
        }
        if since is not None:
            asked["StartTime"] = since
        try:
            events = self._client("cloudtrail").lookup_events(**asked)["Events"]
        except (*NO_ANSWER, ClientError, KeyError):
            # It answers few questions in a second, and what it refuses once it refuses again.
            self._silent = True
            return None
        changed = (one for one in events if one.get("ReadOnly") != "true")
        return next((_culprit(one) for one in changed), None)


def _culprit(event: Mapping[str, Any]) -> Culprit | None:
    """None where it does not say enough."""
    when, what = event.get("EventTime"), event.get("EventName")
    if not isinstance(when, datetime) or not what:
        return None
    # What a service of AWS does by itself has no user.
    who = event.get("Username") or event.get("EventSource") or "unknown"
    return Culprit(str(who), str(what), when)
