"""The engine: encodings, base64, sizes, masking, fingerprints, cost."""

from __future__ import annotations

import base64
import gzip
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.secrets import engine, match
from reconciler.core.secrets.engine import SIZE_LIMIT, entropy, fingerprint, masked, scanner
from reconciler.core.secrets.rules import BY_ID, RULES
from tests.core.secrets.samples import key, sample

TOKEN = sample("secret-github-token")
ID = "secret-github-token"
ids = st.sampled_from([rule.id for rule in RULES])


def places(data: bytes) -> list[tuple[str, int, str]]:
    return [(hit.rule.id, hit.line, hit.how) for hit in scanner().scan(data).hits]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_any_encoding(encoding: str) -> None:
    text = f"# Schlüssel\nname: é\ntoken: {TOKEN}\n" + "text that goes on\n" * 3
    assert places(text.encode(encoding)) == [(ID, 3, "plain")]


def test_bytes_that_are_no_text_at_all() -> None:
    data = b"\xff\xfe\xfd\x80\x81\n" + TOKEN.encode() + b"\n\xc3\x28"
    assert [hit.rule.id for hit in scanner().scan(b"\x80" + data).hits] == [ID]


@pytest.mark.parametrize("head", [b"\xff\xfe", b"a\0" * 5000, b"\0a" * 5000])
def test_what_only_begins_like_utf16_hides_nothing(head: bytes) -> None:
    assert [hit.rule.id for hit in scanner().scan(head + f"\n{TOKEN}\n".encode()).hits] == [ID]


def test_binary_files_are_looked_at_as_they_are_and_said() -> None:
    report = scanner().scan(b"\x7fELF\0\0\1" + b"\0\1\2" * 500 + TOKEN.encode() + b"\0\0")
    assert [hit.rule.id for hit in report.hits] == [ID]
    assert report.problems == ()
    assert "binary" in report.notes[0]


@pytest.mark.parametrize(
    "data", [gzip.compress(b"x", mtime=0), b"PK\x03\x04" + b"\0" * 40], ids=["gzip", "zip"]
)
def test_compressed_files_cannot_be_looked_into_and_that_is_said(data: bytes) -> None:
    report = scanner().scan(data)
    assert report.hits == ()
    assert "compressed" in report.problems[0]


def test_a_huge_file_is_looked_at_in_part_and_said() -> None:
    size = 50 * 1024 * 1024
    data = TOKEN.encode() + b"\n" + b"plain text\n" * (size // 11)
    report = scanner().scan(data[:SIZE_LIMIT], len(data))
    assert [hit.rule.id for hit in report.hits] == [ID]
    (problem,) = report.problems
    assert f"{SIZE_LIMIT:,}" in problem
    assert "too large" in problem


def test_a_keyword_across_blocks_is_seen() -> None:
    for before in range(match._BLOCK - 8, match._BLOCK + 2):
        assert places(b" " * before + TOKEN.encode()) == [(ID, 1, "plain")]


def test_too_many_findings_are_said_not_dropped() -> None:
    lines = "\n".join(sample(ID, seed) for seed in range(210))
    report = scanner().scan(lines.encode())
    assert len(report.hits) == 200
    assert "more than 200" in report.problems[0]


def test_base64_is_read_twice_over_with_the_outer_line() -> None:
    once = base64.b64encode(f"user: ada\ntoken: {TOKEN}\n".encode())
    twice = base64.b64encode(b"data: " + once)
    thrice = base64.b64encode(b"data: " + twice)
    assert places(b"a\nb\ndata: " + once) == [(ID, 3, "base64")]
    assert places(b"a\ndata: " + twice) == [(ID, 2, "base64")]
    assert places(b"a\ndata: " + thrice) == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n    ", b"\\n"])
def test_base64_in_lines(end: bytes) -> None:
    text = base64.b64encode(b"configuration of ada's machine, and then " + TOKEN.encode() * 1)
    lines = end.join(text[at : at + 40] for at in range(0, len(text), 40))
    assert places(b"x:\n    " + lines + b"\n") == [(ID, 2, "base64")]


def test_base64_of_utf16_as_shells_take_it() -> None:
    text = base64.b64encode(f"$token = '{TOKEN}'; run something with it".encode("utf-16-le"))
    assert places(b"powershell -enc " + text) == [(ID, 1, "base64")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\n      "])
def test_a_private_key_is_one_secret_however_its_lines_end(end: str) -> None:
    (hit,) = scanner().scan(key("RSA PRIVATE KEY", end).encode()).hits
    (same,) = scanner().scan(key("RSA PRIVATE KEY").encode()).hits
    assert hit.secret == same.secret
    assert hit.rule.id == "secret-private-key-rsa"


def test_a_private_key_in_json_and_in_base64() -> None:
    text = key("PRIVATE KEY")
    account = json.dumps({"type": "service_account", "private_key": text})
    assert places(account.encode()) == [("secret-private-key-pkcs8", 1, "plain")]
    assert places(base64.b64encode(text.encode())) == [("secret-private-key-pkcs8", 1, "base64")]


def test_lines_are_those_of_the_file_with_any_line_end() -> None:
    assert places(f"a\r\nb\r\n{TOKEN}\r\n".encode()) == [(ID, 3, "plain")]
    assert places(f"{TOKEN}".encode()) == [(ID, 1, "plain")]


def test_a_comment_does_not_allow_anything() -> None:
    for words in ("# gitleaks:allow", "# pragma: allowlist secret", "# nosec", "# noqa"):
        assert places(f"{TOKEN}  {words}\n".encode()) == [(ID, 1, "plain")]


def test_one_text_is_one_finding_of_the_most_certain_rule() -> None:
    assert places(f'github_token = "{TOKEN}"'.encode()) == [(ID, 1, "plain")]
    url = f"https://oauth2:{TOKEN}@git.corp.internal/a.git"
    assert places(url.encode()) == [(ID, 1, "plain")]


def test_escapes_before_a_token_do_not_hide_it() -> None:
    for before in ("\\n", "%3D", "_", "=", "'", "\t", "\\t"):
        assert places(f"x{before}{TOKEN}".encode()) == [(ID, 1, "plain")], before


# ------------------------------------------------------------------- what leaves the engine


@given(rule=ids, seed=st.integers(0, 10_000))
def test_masking_never_reveals(rule: str, seed: int) -> None:
    for hit in scanner().scan(sample(rule, seed).encode()).hits:
        text = masked(hit.rule, hit.secret)
        shown = text.removesuffix("****")
        assert len(shown) <= min(4, len(hit.secret) // 4)
        assert hit.secret.decode().startswith(shown)
        heads = (*hit.rule.keywords, hit.rule.pattern.lower().replace("\\", ""))
        assert not shown or any(shown.lower() in head for head in heads)


@given(rule=ids, seed=st.integers(0, 10_000), above=st.lists(st.sampled_from("ab é\n"), max_size=9))
def test_fingerprints_stay_when_lines_move(rule: str, seed: int, above: list[str]) -> None:
    text = sample(rule, seed)
    (one,) = scanner().scan(text.encode()).hits
    (other,) = scanner().scan(("".join(above) + "\n" + text + "\nmore\n").encode()).hits
    mark = fingerprint(b"key", one.rule.id, "a.yaml", one.secret)
    assert fingerprint(b"key", other.rule.id, "a.yaml", other.secret) == mark
    assert len(mark) == 40
    others = {
        fingerprint(b"other", one.rule.id, "a.yaml", one.secret),
        fingerprint(b"key", one.rule.id, "b.yaml", one.secret),
        fingerprint(b"key", "other", "a.yaml", one.secret),
        fingerprint(b"key", one.rule.id, "a.yaml", one.secret + b"x"),
    }
    assert len(others | {mark}) == 5


@given(st.binary(max_size=2000))
def test_no_bytes_break_it(data: bytes) -> None:
    scanner().scan(data)


@given(st.text(alphabet="AKIAghp_-./=\"'\\\r\n\0 eyJé+:@", max_size=400))
def test_no_text_breaks_it(text: str) -> None:
    scanner().scan(text.encode("utf-16" if text.startswith("A") else "utf-8"))


@given(st.binary(max_size=500))
def test_entropy_is_between_none_and_eight_bits(data: bytes) -> None:
    assert 0 <= entropy(data) <= 8
    assert entropy(b"a" * len(data)) == 0


# ------------------------------------------------------------------------------------- the cost

HOSTILE = {
    "one letter": "a",
    "a token's beginning": "AK" + "IA",
    "a keyword": "ghp" + "_",
    "an open assignment": "token=",
    "an open address": "http://a:",
    "an open key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "an open JWT": "." + "eyJ" * 40,
    "base64": "QUJDREVGR0hJSktM",
    "nested base64 of itself": "UVVKRFJFVkdSMGhK",
    "brackets": '{"auth":"',
    "all keywords": " ".join(word for rule in RULES for word in rule.keywords) + " ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_cost_of_a_hostile_line_is_linear(name: str) -> None:
    unit = HOSTILE[name].encode()

    def cost(size: int) -> float:
        data = unit * (size // len(unit))
        times = []
        for _ in range(3):
            start = time.process_time()
            scanner().scan(data)
            times.append(time.process_time() - start)
        return min(times)

    cost(100_000)
    small, large = cost(500_000), cost(2_000_000)
    assert large <= max(0.2, small * 4 * 1.8)


def test_limits_are_what_the_page_says() -> None:
    assert SIZE_LIMIT == 32 * 1024 * 1024
    assert engine._FOUND == 200
    assert engine._CANDIDATES == 10_000
    assert BY_ID[ID].shown == 4
