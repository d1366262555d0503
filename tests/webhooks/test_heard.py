"""What a webhook says, and what is made of it: signatures, tokens, clocks, odd bodies."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.webhook import (
    LARGEST,
    BadSecret,
    Heard,
    Hint,
    Refusal,
    Secrets,
    admitted,
    heard,
    sign,
)

NOW: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY, OLD_KEY = b"k" * 32, b"o" * 32
TOKEN: Final = "a-token-of-some-length"
PROJECT: Final = {"id": 5, "path_with_namespace": "gitlab-org/gitlab-test"}
MERGE_REQUEST: Final = {
    "object_kind": "merge_request",
    "project": PROJECT,
    "object_attributes": {"id": 93, "iid": 16, "target_branch": "main", "action": "open"},
}
NOTE: Final = {
    "object_kind": "note",
    "project": PROJECT,
    "object_attributes": {"id": 1244, "noteable_type": "MergeRequest", "note": "/reconciler check"},
    "merge_request": {"id": 7, "iid": 1},
}


def secret(key: bytes) -> str:
    return "whsec_" + b64encode(key).decode()


SIGNED: Final = Secrets.read(secret(KEY))
TOKENS: Final = Secrets.read(TOKEN)


def body_of(value: object) -> bytes:
    return json.dumps(value).encode()


def signed(
    body: bytes, when: datetime = NOW, key: bytes = KEY, name: str = "id-1"
) -> dict[str, str]:
    seconds = str(int(when.timestamp()))
    return {
        "webhook-id": name,
        "webhook-timestamp": seconds,
        "webhook-signature": sign(key, name, seconds, body),
    }


def by_token(body: bytes, token: str = TOKEN) -> Heard | Refusal:
    return heard({"x-gitlab-token": token}, body, TOKENS, NOW)


def test_the_signature_is_the_one_of_the_standard() -> None:
    # The example of the specification of standard webhooks.
    key = Secrets.read("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").keys[0]
    body = b'{"test": 2432232314}'
    name, when = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
    assert sign(key, name, when, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signed_merge_request_is_looked_at() -> None:
    body = body_of(MERGE_REQUEST)
    assert admitted(signed(body), SIGNED, NOW) is None
    assert heard(signed(body), body, SIGNED, NOW) == Heard(
        Hint(16, "gitlab-org/gitlab-test", 5), "id-1"
    )


def test_any_of_several_signatures_and_any_of_several_keys_will_do() -> None:
    body = body_of(NOTE)
    headers = signed(body, key=OLD_KEY)
    headers["webhook-signature"] = f"v1,bm8= v2,x {headers['webhook-signature']}"
    both = Secrets.read(f"{secret(KEY)} {secret(OLD_KEY)}")
    assert isinstance(heard(headers, body, both, NOW), Heard)
    assert isinstance(heard(headers, body, SIGNED, NOW), Refusal)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1,\xe9"},
        {"webhook-id": "id-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "٣"},
    ],
)
def test_a_signature_covers_id_time_and_body(change: dict[str, str]) -> None:
    body = body_of(MERGE_REQUEST)
    headers = signed(body) | change
    found = heard(headers, body, SIGNED, NOW)
    assert isinstance(found, Refusal)
    assert found.status == 401
    assert heard(signed(body), body + b" ", SIGNED, NOW) == Refusal(401, "the signature is wrong")


@pytest.mark.parametrize("apart", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_an_hour_off_is_told_and_nothing_is_heard(apart: timedelta) -> None:
    body = body_of(MERGE_REQUEST)
    found = admitted(signed(body, NOW + apart), SIGNED, NOW)
    assert found is not None
    assert "clock" in found.why
    assert heard(signed(body, NOW + apart), body, SIGNED, NOW) == found


def test_a_wrong_signature_is_not_mended_by_a_token() -> None:
    both = Secrets.read(f"{secret(KEY)} {TOKEN}")
    body = body_of(MERGE_REQUEST)
    headers = signed(body, key=OLD_KEY) | {"x-gitlab-token": TOKEN}
    assert heard(headers, body, both, NOW) == Refusal(401, "the signature is wrong")
    assert isinstance(heard({"x-gitlab-token": TOKEN}, body, both, NOW), Heard)


@pytest.mark.parametrize("token", ["", "a-token-of-some-lengt", TOKEN + "x", "\xff" * 22])
def test_a_wrong_token_is_refused_before_the_body_is_looked_at(token: str) -> None:
    found = by_token(b"\xff not even text", token)
    assert isinstance(found, Refusal)
    assert found.status == 401
    assert admitted({"x-gitlab-token": token}, TOKENS, NOW) == found


def test_a_token_does_for_no_key() -> None:
    found = heard({"x-gitlab-token": secret(KEY)}, body_of(NOTE), SIGNED, NOW)
    assert isinstance(found, Refusal)


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "empty"),
        ("   ", "empty"),
        ("short", "guessed"),
        ("whsec_", "guessed"),
        ("whsec_****", "Base64"),
        (f"{TOKEN} short", "guessed"),
    ],
)
def test_a_secret_that_protects_nothing_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadSecret, match=why):
        Secrets.read(text)


def test_secrets_are_never_shown() -> None:
    assert TOKEN not in repr(TOKENS)
    assert "kkkk" not in repr(SIGNED)


@pytest.mark.parametrize(
    "value, hint",
    [
        (NOTE, Hint(1, "gitlab-org/gitlab-test", 5)),
        ({**NOTE, "object_attributes": {"noteable_type": "Issue"}}, None),
        ({"object_kind": "push", "ref": "refs/heads/main"}, Hint()),
        ({"object_kind": "pipeline", "merge_request": {"iid": 4}}, Hint(4)),
        ({"object_kind": "pipeline", "merge_request": None}, None),
        ({"object_kind": "build"}, None),
        ({"object_kind": ["merge_request"]}, None),
        ({}, None),
        ({"object_kind": "merge_request"}, Hint()),
        ({"object_kind": "merge_request", "object_attributes": {"iid": "7"}}, Hint()),
        ({"object_kind": "merge_request", "object_attributes": {"iid": True}}, Hint()),
        ({"object_kind": "merge_request", "object_attributes": {"iid": -7}}, Hint()),
        ({"object_kind": "push", "project": {"id": [], "path_with_namespace": 3}}, Hint()),
    ],
)
def test_only_where_to_look_is_taken_from_it(value: Any, hint: Hint | None) -> None:
    assert by_token(body_of(value)) == Heard(hint)


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"nothing", 400),
        (b'{"a": 1, "a": 2}', 400),
        (b'{"a": NaN}', 400),
        (b"\xff\xfe{}", 400),
        (b'{"a":' * 30 + b"1" + b"}" * 30, 400),
        (b"[" * 500_000, 400),
        (b'{"a": ' + b"9" * 5000 + b"}", 400),
        (b" " * (LARGEST + 1), 413),
    ],
    ids=range(11),
)
def test_what_is_no_small_json_is_refused(body: bytes, status: int) -> None:
    found = by_token(body)
    assert isinstance(found, Refusal)
    assert found.status == status


@pytest.mark.parametrize(
    "project, about",
    [
        ("gitlab-org/gitlab-test", True),
        ("GitLab-Org/GitLab-Test", True),
        ("5", True),
        ("6", False),
        ("gitlab-org/other", False),
    ],
)
def test_another_project_is_none_of_ours(project: str, *, about: bool) -> None:
    hint = Hint(1, "gitlab-org/gitlab-test", 5)
    assert hint.about(project) is about
    assert Hint().about(project)


@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=20), st.text(max_size=60)))
def test_whatever_is_sent_is_answered(body: bytes, headers: dict[str, str]) -> None:
    both = Secrets.read(f"{secret(KEY)} {TOKEN}")
    for sent in (
        headers,
        headers | {"x-gitlab-token": TOKEN},
        headers | {"webhook-signature": "v1,"},
    ):
        found = heard(sent, body, both, NOW)
        if "x-gitlab-token" in sent and "webhook-signature" not in sent:
            assert isinstance(found, Heard) or found.status == 400
        else:
            assert isinstance(found, Refusal)
            assert found.status == 401


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(["merge_request", "note", "pipeline", "push", "x"]),
    st.dictionaries(
        st.sampled_from(["project", "object_attributes", "merge_request", "ref"]), JSON
    ),
)
def test_odd_forms_lead_nowhere_else(kind: str, parts: dict[str, Any]) -> None:
    found = by_token(body_of({**parts, "object_kind": kind}))
    assert isinstance(found, Heard)
    if found.hint is not None:
        assert 0 <= found.hint.number < 2**31
