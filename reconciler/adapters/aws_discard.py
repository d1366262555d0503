"""Take single things away, of the few kinds that hold nothing; their own tags say whose they are.

The search for tags may be some seconds behind, so it is no ground to delete anything on: each kind
is asked itself. What is in use is told, and left alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from reconciler.adapters.aws import NO_ANSWER, AwsSession
from reconciler.core.drift import identity_of, kind_of
from reconciler.errors import ReconcilerError

_GONE: Final = frozenset(
    {
        "InvalidGroup.NotFound",
        "NotFound",
        "NotFoundException",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "TargetGroupNotFound",
    }
)


class _Gone(Exception):  # noqa: N818  # a state of what was asked about
    """There is no such thing."""


class _Kind(NamedTuple):
    """How things of one type are asked about and taken away. Each is given a client, ARN, name."""

    service: str
    tags: Callable[[Any, str, str], Mapping[str, str]]
    used: Callable[[Any, str, str], bool]
    """Whether it holds something, or somebody may be using it."""
    remove: Callable[[Any, str, str], object]


def _pairs(rows: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    return {one["Key"]: one["Value"] for one in rows}


def _tags_of_group(client: Any, arn: str, name: str) -> Mapping[str, str]:
    """Tags may be told of one that is gone."""
    groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if not any(one["logGroupName"] == name for one in groups):
        raise _Gone
    found = client.list_tags_for_resource(resourceArn=arn.removesuffix(":*"))
    return dict(found["tags"])


def _never(_client: Any, _arn: str, _name: str) -> bool:
    """The cloud itself refuses to delete one that is used."""
    return False


def _may_be_called(client: Any, arn: str, _name: str) -> bool:
    """Whether anybody was given the right to call it, or something feeds it."""
    if client.list_event_source_mappings(FunctionName=arn)["EventSourceMappings"]:
        return True
    try:
        client.get_policy(FunctionName=arn)
    except ClientError as err:
        if _code(err) in _GONE:
            return False
        raise
    return True


_KINDS: Final[Mapping[str, _Kind]] = {
    "aws_cloudwatch_log_group": _Kind(
        "logs",
        _tags_of_group,
        lambda at, _, name: bool(at.describe_log_streams(logGroupName=name, limit=1)["logStreams"]),
        lambda at, _, name: at.delete_log_group(logGroupName=name),
    ),
    "aws_lambda_function": _Kind(
        "lambda",
        lambda at, arn, _: at.list_tags(Resource=arn)["Tags"],
        _may_be_called,
        lambda at, arn, _: at.delete_function(FunctionName=arn),
    ),
    "aws_lb_target_group": _Kind(
        "elbv2",
        lambda at, arn, _: _pairs(
            at.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        ),
        _never,
        lambda at, arn, _: at.delete_target_group(TargetGroupArn=arn),
    ),
    "aws_security_group": _Kind(
        "ec2",
        lambda at, _, name: _pairs(
            at.describe_security_groups(GroupIds=[name])["SecurityGroups"][0].get("Tags", ())
        ),
        _never,
        lambda at, _, name: at.delete_security_group(GroupId=name),
    ),
    "aws_sns_topic": _Kind(
        "sns",
        lambda at, arn, _: _pairs(at.list_tags_for_resource(ResourceArn=arn)["Tags"]),
        lambda at, arn, _: bool(at.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]),
        lambda at, arn, _: at.delete_topic(TopicArn=arn),
    ),
}


def _code(err: ClientError) -> str:
    return str(err.response.get("Error", {}).get("Code", ""))


class AwsDiscard:
    """Takes things of one account away, with the credentials of an apply."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def tags(self, arn: str) -> Mapping[str, str] | None:
        """Those that it has now; None: it is not there."""
        try:
            return dict(self._asked(arn, "tags"))
        except _Gone:
            return None

    def used(self, arn: str) -> bool:
        """Whether it holds something, or somebody may be using it."""
        try:
            return bool(self._asked(arn, "used"))
        except _Gone:
            return False

    def remove(self, arn: str) -> None:
        """Delete it; what is gone already is no error."""
        try:
            self._asked(arn, "remove")
        except _Gone:
            return

    def _asked(self, arn: str, what: str) -> Any:
        kind = _KINDS.get(kind_of(arn))
        if kind is None:
            raise ReconcilerError(
                "not-removable",
                f"{arn} is of a kind that is never removed by this program",
                hint="a human does it where it is",
                subject=arn,
            )
        try:
            client = self._session.client(kind.service)
            return getattr(kind, what)(client, arn, identity_of(arn))
        except ClientError as err:
            if _code(err) in _GONE:
                raise _Gone from err
            raise ReconcilerError(
                "not-removed",
                f"the cloud refuses to {_WORDS[what]} {arn}: {_code(err)}",
                hint="a human looks at it where it is",
                subject=arn,
            ) from err
        except (*NO_ANSWER, KeyError, IndexError) as err:
            raise ReconcilerError(
                "not-removed",
                f"the cloud does not say what is with {arn}: {type(err).__name__}",
                hint="it is tried again after the next look",
                subject=arn,
            ) from err


_WORDS: Final = {"tags": "tell the tags of", "used": "tell who uses", "remove": "delete"}
