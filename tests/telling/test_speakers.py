"""Speakers, against real receivers on loopback: what they send, and what they never do."""

from __future__ import annotations

import email
import email.policy
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.aws_sns import SnsSpeaker, subject
from reconciler.adapters.speakers.mail import MailServer, MailSpeaker
from reconciler.adapters.speakers.post import Poster
from reconciler.adapters.speakers.slack import SlackSpeaker, mrkdwn
from reconciler.adapters.speakers.webhook import WebhookSpeaker, key_of
from reconciler.core.webhook import Heard, Refusal, Secrets, heard
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.notice import Notice
from tests.sandbox.conftest import endpoint  # noqa: F401  # a fixture
from tests.telling.servers import PostOffice, Receiver, certificate, post_office, receiving

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + "bWFkZS11cC1zZWNyZXQtb2YtdGhlLXRlc3Rz"
NOTICE = Notice(
    "failed",
    "failed:pitch:apply",
    "pitch could not be applied: failed after 2 of 5",
    "pitch was to be made.\nNext: mend it",
    "pitch",
    "demo",
    "team-sales",
    "2026-11-21T11:59:58Z",
    "https://gitlab.example.com/platform/environments/-/commit/abc",
)
Tls = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(tls: Tls) -> Iterator[Receiver]:
    with receiving(tls[0]) as ours:
        yield ours


@pytest.fixture
def office(tls: Tls) -> Iterator[PostOffice]:
    with post_office(tls[0]) as ours:
        yield ours


def poster(receiver: Receiver, tls: Tls, seconds: float = 10.0) -> Poster:
    return Poster(receiver.url, "SLACK_URL", {}, tls[1], seconds)


# -- over HTTPS -----------------------------------------------------------------------------------


def test_a_chat_hears_it_escaped(receiver: Receiver, tls: Tls) -> None:
    odd = replace(NOTICE, title="<!channel> @all *x* <https://evil.example.com|click>")
    SlackSpeaker(poster(receiver, tls)).tell(odd)
    ((path, headers, body),) = receiver.posts
    assert path == "/hook/T0-secret-path"
    assert headers["Content-Type"] == "application/json"
    text = json.loads(body)["text"]
    assert "<!channel>" not in text
    assert "@all" not in text
    assert "<https://evil" not in text
    assert text.endswith("/-/commit/abc|look at it>")


@given(st.text(max_size=5000), st.text(max_size=5000))
def test_nothing_that_somebody_chose_is_obeyed_by_a_chat(title: str, words: str) -> None:
    text = mrkdwn(replace(NOTICE, title=title, text=words, link=""))
    assert "<" not in text
    assert ">" not in text
    assert "@a" not in text
    assert text.count("```") in (0, 2)


def test_a_receiver_knows_who_sent_it_and_when(receiver: Receiver, tls: Tls) -> None:
    WebhookSpeaker(poster(receiver, tls), key_of(SECRET, "HOOK"), lambda: NOW).tell(NOTICE)
    ((_, headers, body),) = receiver.posts
    small = {name.lower(): value for name, value in headers.items()}
    assert isinstance(heard(small, body, Secrets.read(SECRET), NOW), Heard)
    forged = heard(small, body.replace(b"pitch", b"other"), Secrets.read(SECRET), NOW)
    assert isinstance(forged, Refusal)
    assert json.loads(body) == {
        "at": "2026-11-21T11:59:58Z",
        "environment": "pitch",
        "event": "failed",
        "link": NOTICE.link,
        "owner": "team-sales",
        "schema": "reconciler.notice/v1",
        "text": NOTICE.text,
        "title": NOTICE.title,
        "track": "demo",
    }


def test_one_that_came_twice_has_the_same_id_and_another_has_another(
    receiver: Receiver, tls: Tls
) -> None:
    speaker = WebhookSpeaker(poster(receiver, tls), key_of(SECRET, "HOOK"), lambda: NOW)
    for one in (NOTICE, NOTICE, replace(NOTICE, at="2026-11-22T00:00:00Z")):
        speaker.tell(one)
    first, second, third = (headers["Webhook-Id"] for _, headers, _ in receiver.posts)
    assert first == second != third


def test_a_plain_secret_signs_too_and_a_short_one_does_not() -> None:
    assert key_of("a-plain-secret-that-is-long x-the-old-one-also-long", "HOOK") == (
        b"a-plain-secret-that-is-long"
    )
    with pytest.raises(UsageError, match="HOOK holds no good secret") as error:
        key_of("glpat-short", "HOOK")
    assert "glpat" not in str(error.value) + error.value.hint


@pytest.mark.parametrize(
    "status, kind",
    [
        (500, TransientError),
        (503, TransientError),
        (429, TransientError),
        (404, ReconcilerError),
        (403, ReconcilerError),
        (302, ReconcilerError),
        (308, ReconcilerError),
    ],
)
def test_what_is_not_taken_is_told_by_kind_and_without_the_address(
    receiver: Receiver, tls: Tls, status: int, kind: type[ReconcilerError]
) -> None:
    receiver.status, receiver.location = status, receiver.url.replace("hook", "elsewhere")
    with pytest.raises(ReconcilerError) as error:
        poster(receiver, tls).post(b"{}", {})
    assert type(error.value) is kind
    assert "T0-secret-path" not in str(error.value) + error.value.hint + error.value.subject
    assert "words" not in str(error.value)
    assert len(receiver.posts) == 1  # a redirect is not followed


def test_who_says_nothing_is_not_waited_for(receiver: Receiver, tls: Tls) -> None:
    receiver.silent.set()
    with pytest.raises(TransientError, match="SLACK_URL"):
        poster(receiver, tls, 0.2).post(b"{}", {})


def test_a_server_that_nobody_vouches_for_gets_nothing(receiver: Receiver) -> None:
    with pytest.raises(TransientError, match="SSLCertVerificationError"):
        Poster(receiver.url, "SLACK_URL", {}).post(b"secret", {})
    assert receiver.posts == []


def test_nobody_there_is_told_in_words(tls: Tls) -> None:
    with receiving(tls[0]) as gone:
        pass
    with pytest.raises(TransientError, match="ConnectionRefusedError") as error:
        poster(gone, tls).post(b"{}", {})
    assert "T0-secret-path" not in str(error.value) + error.value.hint
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/x",
        "file:///etc/passwd",
        "hooks.example.com",
        "https://",
        "https://a b",
        "https://example.com/\r\nX: y",
        "https://exämple.com",
        "https://example.com:99999",
        "",
    ],
)
def test_only_https_addresses_are_spoken_to(address: str) -> None:
    with pytest.raises(UsageError, match="SLACK_URL holds no address") as error:
        Poster(address, "SLACK_URL", {})
    assert "example" not in str(error.value) + error.value.hint


# -- SNS ------------------------------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own-hush-hush")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.usefixtures("own")
def test_a_topic_hears_it_and_its_subscribers_can_choose(endpoint: str) -> None:  # noqa: F811  # a fixture
    def client(service: str) -> Any:
        return boto3.client(service, region_name="eu-central-1", endpoint_url=endpoint)

    topic = client("sns").create_topic(Name="news")["TopicArn"]
    queue = client("sqs").create_queue(QueueName="ears")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
        Attributes={"FilterPolicy": json.dumps({"event": ["failed"]})},
    )
    speaker = SnsSpeaker(topic, endpoint)
    speaker.tell(replace(NOTICE, event="applied", environment="", track="", owner=""))
    speaker.tell(NOTICE)
    (message,) = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["Subject"] == NOTICE.title
    assert body["Message"] == f"{NOTICE.title}\n\n{NOTICE.text}\n\n{NOTICE.link}\n"
    assert body["MessageAttributes"]["owner"]["Value"] == "team-sales"


@pytest.mark.usefixtures("own")
def test_a_topic_that_is_not_there_is_for_a_human(endpoint: str) -> None:  # noqa: F811  # a fixture
    gone = SnsSpeaker("arn:aws:sns:eu-central-1:123456789012:gone", endpoint)
    with pytest.raises(ReconcilerError, match="NotFound") as error:
        gone.tell(NOTICE)
    assert not isinstance(error.value, TransientError)


@pytest.mark.usefixtures("own")
def test_a_cloud_that_is_away_is_tried_again() -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:news"
    with pytest.raises(TransientError, match="cannot be told"):
        SnsSpeaker(topic, "http://127.0.0.1:9").tell(NOTICE)


@given(st.text(max_size=300))
def test_a_subject_is_one_that_sns_takes(title: str) -> None:
    found = subject(title)
    assert 0 < len(found) < 100
    assert found.isascii()
    assert found.isprintable()
    assert found[0] != " "


# -- mail -----------------------------------------------------------------------------------------


def mail(office: PostOffice, trusted: Tls, **more: Any) -> MailSpeaker:
    fields: dict[str, Any] = {
        "host": "localhost",
        "port": office.port,
        "sender": "reconciler@example.com",
        "user": "bot",
        "password": "hush-hush",
        "context": trusted[1],
    }
    server = MailServer(**fields | more)
    return MailSpeaker(server, ["ops@example.com", "sec@example.com"], lambda: NOW)


def test_people_get_mail_over_tls(office: PostOffice, tls: Tls) -> None:
    mail(office, tls).tell(replace(NOTICE, text="Grüße\n.\nend"))
    (letter,) = office.letters
    message = email.message_from_string(letter, policy=email.policy.default)
    assert message["Subject"] == NOTICE.title
    assert message["To"] == "ops@example.com, sec@example.com"
    assert message["From"] == "reconciler@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
    told = [one.split(" ")[0].upper() for one in office.said]
    assert told.index("STARTTLS") < told.index("AUTH") < told.index("DATA")
    assert [one for one in office.said if one.upper().startswith("RCPT")] == [
        "rcpt TO:<ops@example.com>",
        "rcpt TO:<sec@example.com>",
    ]


def test_a_title_can_add_no_receiver(office: PostOffice, tls: Tls) -> None:
    mail(office, tls).tell(replace(NOTICE, title="x\r\nBcc: eve@example.com"))
    message = email.message_from_string(office.letters[0], policy=email.policy.default)
    assert message["Bcc"] is None
    assert message["Subject"] == "x Bcc: eve@example.com"


def test_no_password_goes_to_a_server_without_tls(office: PostOffice, tls: Tls) -> None:
    office.starttls = False
    with pytest.raises(ReconcilerError, match="lacks what is needed") as error:
        mail(office, tls).tell(NOTICE)
    assert not any(one.upper().startswith("AUTH") for one in office.said)
    assert "hush-hush" not in str(error.value) + error.value.hint


def test_nor_to_one_that_nobody_vouches_for(office: PostOffice, tls: Tls) -> None:
    with pytest.raises(ReconcilerError, match="whose server that is"):
        mail(office, tls, context=None).tell(NOTICE)
    assert not any(one.upper().startswith("AUTH") for one in office.said)


def test_in_the_clear_only_on_this_machine(office: PostOffice, tls: Tls) -> None:
    mail(office, tls, tls="none", user="").tell(NOTICE)
    assert len(office.letters) == 1
    with pytest.raises(ReconcilerError, match="in the clear"):
        mail(office, tls, tls="none", host="mail.example.com")


@pytest.mark.parametrize(
    "command, answer, kind",
    [
        ("AUTH", "535 unknown", ReconcilerError),
        ("MAIL", "451 later", TransientError),
        ("RCPT", "450 later", TransientError),
        ("RCPT", "550 nobody", ReconcilerError),
        ("DATA", "552 too much", ReconcilerError),
    ],
)
def test_what_the_server_does_not_take_is_told_by_kind(
    office: PostOffice, tls: Tls, command: str, answer: str, kind: type[ReconcilerError]
) -> None:
    office.answers[command] = answer
    with pytest.raises(ReconcilerError) as error:
        mail(office, tls).tell(NOTICE)
    assert type(error.value) is kind
    assert answer[:3] in str(error.value)
    assert answer[4:] not in str(error.value)


def test_a_password_is_not_shown_and_a_server_that_is_busy_is_asked_later(
    tls: Tls, office: PostOffice
) -> None:
    server = MailServer("localhost", office.port, "a@example.com", "bot", "hush-hush")
    assert "hush-hush" not in repr(server)
    office.answers["STARTTLS"] = "454 later"
    with pytest.raises(TransientError):
        mail(office, tls).tell(NOTICE)
