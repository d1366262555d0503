"""Accounts are entered for a short time and one purpose; what the cloud says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config

from reconciler.adapters import aws
from reconciler.adapters.aws import AwsAccounts, AwsCloud, AwsSession
from reconciler.adapters.building import real
from reconciler.app.terraform import Site, apply, planning
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.place import Place
from reconciler.model.run import Engine
from reconciler.model.settings import AwsAccess, SettingsSpec
from reconciler.settings import ProcessSettings
from tests.sandbox.conftest import endpoint  # noqa: F401  # a fixture
from tests.terraform.conftest import source
from tests.terraform.lab import ACCOUNT, REGION, client, remains

TOKEN = "eyJhbGciOi-a-token-of-a-pipeline"
OTHER = "444444444444"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of this process; nothing of the developer's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-hush-hush")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "nowhere")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


def access(**fields: Any) -> AwsAccess:
    return AwsAccess.model_validate(fields)


def nothing(_name: str) -> str | None:
    return None


def whose(variables: dict[str, str], at: str) -> str:
    """The ARN that the cloud sees."""
    sts = boto3.client(
        "sts",
        region_name=variables["AWS_REGION"],
        endpoint_url=at,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=variables["AWS_SESSION_TOKEN"],
    )
    return str(sts.get_caller_identity()["Arn"])


def test_each_account_is_entered_by_the_role_of_the_purpose(endpoint: str) -> None:  # noqa: F811
    accounts = AwsAccounts(access(applyRole="deployers/writer"), nothing, endpoint)
    for account in (ACCOUNT, OTHER):
        for purpose, role in (("plan", "reconciler-plan"), ("apply", "deployers/writer")):
            given = accounts.enter(account, REGION, purpose, "pitch-acme")  # type: ignore[arg-type]
            found = whose(given, endpoint)
            assert found.startswith(
                f"arn:aws:sts::{account}:assumed-role/{role.rpartition('/')[2]}/"
            )
            assert found.endswith(f"/reconciler-{purpose}-pitch-acme")
            assert given["AWS_REGION"] == given["AWS_DEFAULT_REGION"] == REGION


def test_without_roles_the_credentials_of_this_process_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = AwsAccounts(None, nothing).enter(ACCOUNT, REGION, "plan", "shop")
    assert given["AWS_ACCESS_KEY_ID"] == "AKIAEXAMPLEEXAMPLE00"
    assert "AWS_SESSION_TOKEN" not in given
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    with pytest.raises(ReconcilerError, match="no AWS credentials"):
        AwsAccounts(None, nothing).enter(ACCOUNT, REGION, "plan", "shop")


# --- a security token service that says no, or that tells what it was asked


class Sts(BaseHTTPRequestHandler):
    """Answers as it is told, and remembers what it was asked."""

    asked: ClassVar[list[dict[str, str]]] = []
    answer: ClassVar[tuple[int, str]] = (200, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Sts.asked.append({name: many[0] for name, many in parse_qs(body).items()})
        status, code = Sts.answer
        action = Sts.asked[-1]["Action"]
        until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = (
            f"<{action}Response><{action}Result><Credentials><AccessKeyId>ASIAGIVEN"
            "</AccessKeyId><SecretAccessKey>given-hush-hush</SecretAccessKey><SessionToken>"
            f"given-token</SessionToken><Expiration>{until}</Expiration></Credentials>"
            f"</{action}Result></{action}Response>"
            if status == 200
            else f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>No, not with {TOKEN}</Message></Error></ErrorResponse>"
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@pytest.fixture
def sts() -> Iterator[str]:
    Sts.asked.clear()
    Sts.answer = (200, "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pipeline_enters_with_its_own_token(sts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    tokens = {"RECONCILER_ID_TOKEN": TOKEN}
    wanted = access(webIdentityFrom="RECONCILER_ID_TOKEN", session="30m")
    given = AwsAccounts(wanted, tokens.get, sts).enter(ACCOUNT, REGION, "plan", "shop" * 30)
    (asked,) = Sts.asked
    assert asked["Action"] == "AssumeRoleWithWebIdentity"
    assert asked["WebIdentityToken"] == TOKEN
    assert asked["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/reconciler-plan"
    assert asked["DurationSeconds"] == "1800"
    assert len(asked["RoleSessionName"]) == 64
    assert TOKEN not in json.dumps(given)
    assert given["AWS_SESSION_TOKEN"] == "given-token"


def test_the_shortest_session_is_15_minutes_and_the_external_id_is_sent(sts: str) -> None:
    wanted = access(session="1m", externalIdFrom="EXTERNAL_ID")
    AwsAccounts(wanted, {"EXTERNAL_ID": "ours"}.get, sts).enter(ACCOUNT, REGION, "apply", "shop")
    (asked,) = Sts.asked
    assert (asked["DurationSeconds"], asked["ExternalId"]) == ("900", "ours")


@pytest.mark.parametrize("field", ["webIdentityFrom", "externalIdFrom"])
def test_a_variable_that_is_not_set_is_named(sts: str, field: str) -> None:
    with pytest.raises(ReconcilerError, match="SOME_TOKEN is not set") as caught:
        AwsAccounts(access(**{field: "SOME_TOKEN"}), nothing, sts).enter(
            ACCOUNT, REGION, "plan", "x"
        )
    assert caught.value.reason == "credentials"
    assert Sts.asked == []


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (403, "AccessDenied", ReconcilerError),
        (400, "ExpiredTokenException", ReconcilerError),
        (400, "InvalidIdentityToken", ReconcilerError),
        (400, "Throttling", TransientError),
    ],
)
def test_a_refusal_says_where_and_what_and_no_secret(
    sts: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    kind: type[ReconcilerError],
) -> None:
    monkeypatch.setattr(aws, "_CONFIG", Config(retries={"total_max_attempts": 1}))
    Sts.answer = (status, code)
    accounts = AwsAccounts(access(webIdentityFrom="T"), {"T": TOKEN}.get, sts)
    with pytest.raises(ReconcilerError) as caught:
        accounts.enter(OTHER, REGION, "apply", "shop")
    said = caught.value
    assert type(said) is kind
    assert (OTHER in said.message, code in said.message, "to apply" in said.message) == (True,) * 3
    assert TOKEN not in said.message + said.hint
    assert "own-hush" not in said.message + said.hint


def test_no_network_is_said() -> None:
    accounts = AwsAccounts(access(webIdentityFrom="T"), {"T": TOKEN}.get, "http://127.0.0.1:9")
    with pytest.raises(ReconcilerError, match="EndpointConnectionError") as caught:
        accounts.enter(OTHER, REGION, "plan", "shop")
    assert TOKEN not in str(caught.value)


# --- credentials reach terraform, and no file

SEEN = """
resource "terraform_data" "a" {
  input = "x"
  provisioner "local-exec" {
    command = "test \\"$AWS_ACCESS_KEY_ID\\" = ASIAGIVEN && test -z \\"$@NAME@\\""
  }
}
resource "terraform_data" "bad" {
  input = terraform_data.a.id
  provisioner "local-exec" { command = "exit 4" }
}
"""


def test_credentials_are_in_no_file_that_remains(
    sts: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
    monkeypatch.setenv("PIPELINE_TOKEN", TOKEN)
    spec = SettingsSpec.model_validate(
        {
            "forge": {"kind": "local"},
            "state": {"backend": "local"},
            "aws": {"webIdentityFrom": "PIPELINE_TOKEN"},
        }
    )
    built = real(ProcessSettings(), tmp_path, engine, Place("box", ACCOUNT, REGION), spec, 1)
    site = Site(built.runs, built.open, built.backend, b"key", simulated=False)
    with planning(site, source(SEEN.replace("@NAME@", "PIPELINE_TOKEN"))) as planned:
        assert [one["RoleArn"].rpartition("/")[2] for one in Sts.asked] == ["reconciler-plan"]
        outcome = apply(planned, planned.plan.digest)
        assert (outcome.done, outcome.failed) == (("terraform_data.a",), ("terraform_data.bad",))
        assert [one["RoleArn"].rpartition("/")[2] for one in Sts.asked] == [
            "reconciler-plan",
            "reconciler-apply",
        ]
        assert (planned.run.path / "home" / "stderr.txt").exists()
        for secret in ("given-hush-hush", "given-token", TOKEN, "own-hush-hush"):
            assert remains(tmp_path, secret) == []
            assert secret not in repr(outcome)


# --- what the cloud says of itself


def cloud_of(at: str, account: str) -> AwsCloud:
    variables = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "someone",
        "AWS_REGION": REGION,
    }
    return AwsCloud(AwsSession(variables, at, {"x-moto-account-id": account}))


def test_what_carries_our_tags_is_found_page_by_page(endpoint: str) -> None:  # noqa: F811
    sns = client(endpoint, "sns")
    ours = {"managed-by": "reconciler", "environment": "pages"}
    for number in range(120):
        tags = ours if number < 110 else {**ours, "environment": "other"}
        rows = [{"Key": name, "Value": value} for name, value in tags.items()]
        sns.create_topic(Name=f"pages-{number:03}", Tags=rows)
    account = sns.create_topic(Name="pages-none")["TopicArn"].split(":")[4]
    found = cloud_of(endpoint, account).tagged("pages")
    assert len(found) == 110
    assert list(found) == sorted(found)


def test_keys_that_only_wait_for_their_last_day_are_left_out(endpoint: str) -> None:  # noqa: F811
    kms = client(endpoint, "kms")
    rows = [
        {"TagKey": "managed-by", "TagValue": "reconciler"},
        {"TagKey": "environment", "TagValue": "keys"},
    ]
    alive, going = (kms.create_key(Tags=rows)["KeyMetadata"] for _ in range(2))
    kms.schedule_key_deletion(KeyId=going["KeyId"])
    assert cloud_of(endpoint, alive["AWSAccountId"]).tagged("keys") == [alive["Arn"]]


def test_a_cloud_that_does_not_answer_is_no_empty_cloud() -> None:
    with pytest.raises(TransientError, match="does not say what carries the tags of shop"):
        cloud_of("http://127.0.0.1:9", ACCOUNT).tagged("shop")


class Trail(BaseHTTPRequestHandler):
    """CloudTrail's own words over HTTP: moto has no events to look up."""

    asked: ClassVar[list[dict[str, Any]]] = []
    answers: ClassVar[list[tuple[int, Any]]] = []
    """One for each request; the last one is given for ever."""

    def do_POST(self) -> None:
        assert self.headers["X-Amz-Target"].endswith("CloudTrail_20131101.LookupEvents")
        Trail.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        many = Trail.answers
        status, told = many.pop(0) if len(many) > 1 else many[0]
        data = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@pytest.fixture
def trail() -> Iterator[AwsCloud]:
    Trail.asked.clear()
    Trail.answers.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Trail)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield cloud_of(f"http://127.0.0.1:{server.server_address[1]}", ACCOUNT)
    server.shutdown()
    thread.join()
    server.server_close()


WHEN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/shop-items"
THROTTLED = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})


def event(name: str, who: str, *, reads: bool) -> dict[str, Any]:
    return {
        "EventId": f"event-{name}",
        "EventName": name,
        "EventSource": "dynamodb.amazonaws.com",
        **({"Username": who} if who else {}),
        "ReadOnly": "true" if reads else "false",
        "EventTime": WHEN.timestamp(),
        "Resources": [{"ResourceType": "AWS::DynamoDB::Table", "ResourceName": "shop-items"}],
    }


LOOKS = event("DescribeTable", "bob", reads=True)
TAGS = event("TagResource", "eve", reads=False)


def test_who_changed_a_thing_last_is_told(trail: AwsCloud) -> None:
    older = event("CreateTable", "sara", reads=False)
    Trail.answers.append((200, {"Events": [LOOKS, TAGS, older]}))
    found = trail.culprit(ARN)
    assert found is not None
    assert (found.who, found.what, found.when.astimezone(UTC)) == ("eve", "TagResource", WHEN)
    (asked,) = Trail.asked
    assert asked["LookupAttributes"] == [
        {"AttributeKey": "ResourceName", "AttributeValue": "shop-items"}
    ]
    trail.culprit("shop-items", WHEN)
    assert Trail.asked[-1]["StartTime"] == WHEN.timestamp()


@pytest.mark.parametrize("events", [[], [LOOKS], [{"ReadOnly": "false"}]])
def test_where_nobody_changed_it_nobody_is_named(
    events: list[dict[str, Any]], trail: AwsCloud
) -> None:
    Trail.answers.append((200, {"Events": events}))
    assert trail.culprit(ARN) is None
    Trail.answers[:] = [(200, {"Events": [TAGS]})]
    assert trail.culprit(ARN) is not None, "an empty answer is an answer: it is asked of the next"


def test_what_a_service_did_by_itself_is_told_as_its_doing(trail: AwsCloud) -> None:
    Trail.answers.append((200, {"Events": [event("UpdateTable", "", reads=False)]}))
    found = trail.culprit(ARN)
    assert found is not None
    assert found.who == "dynamodb.amazonaws.com"


def test_a_trail_that_is_busy_is_asked_again(trail: AwsCloud) -> None:
    Trail.answers += [THROTTLED, (200, {"Events": [TAGS]})]
    found = trail.culprit(ARN)
    assert found is not None
    assert found.who == "eve"
    assert len(Trail.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        THROTTLED,
        (400, {"__type": "AccessDeniedException", "message": "not cloudtrail:LookupEvents"}),
        (500, {"__type": "InternalFailure"}),
        (200, {}),
        (200, b"<html>a proxy</html>"),
        (403, b"<html>a proxy</html>"),
    ],
)
def test_a_trail_that_does_not_answer_names_nobody_and_fails_nothing(
    answer: tuple[int, Any], trail: AwsCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_CONFIG", Config(retries={"total_max_attempts": 1}))
    Trail.answers.append(answer)
    assert trail.culprit(ARN) is None
    assert trail.culprit("another") is None
    assert len(Trail.asked) == 1, "it is not asked for each resource in vain"


def test_an_expired_credential_while_planning_is_said() -> None:
    from reconciler.core.diagnose import failure
    from reconciler.core.redact import Redactor
    from reconciler.model.run import Diagnostic, Ran

    said = Diagnostic("error", "operation error STS: GetCallerIdentity", "ExpiredToken: expired")
    found = failure(Ran("plan", 1, (), (said,)), "shop", Redactor())
    assert found.reason == "credentials"
    assert "get new ones" in found.hint
