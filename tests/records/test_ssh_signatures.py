"""SSH signatures, against the genuine ssh-keygen and git: each takes what the other made."""

from __future__ import annotations

import os
import shutil
import subprocess
import traceback
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from struct import pack

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from reconciler import ports
from reconciler.adapters.ssh_keys import load_signer, verify
from reconciler.core.ssh_signature import (
    BadKey,
    BadSignature,
    armored,
    ecdsa_blob,
    parse_public_key,
    parse_signature,
    private_key_header,
    public_key,
    to_sign,
)
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.ssh import PublicKey, Signature

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None or shutil.which("git") is None,
    reason="ssh-keygen or git is not on PATH",
)

PASSPHRASE = "a made-up passphrase, ä"
MESSAGE = b"tree 0\n\na record\n"
BITS = {
    "ed25519": ("ed25519", "256"),
    "nistp256": ("ecdsa", "256"),
    "nistp384": ("ecdsa", "384"),
    "nistp521": ("ecdsa", "521"),
    "rsa": ("rsa", "3072"),
}
KINDS = sorted(BITS)
ALL_KEYS = [*KINDS, *(f"{kind}-locked" for kind in KINDS)]
QUIET = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


def run(*command: str | Path, given: bytes = b"", cwd: Path | None = None) -> bytes:
    done = subprocess.run(
        [str(word) for word in command],
        input=given,
        cwd=cwd,
        env=QUIET,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def keygen(file: Path, *options: str, passphrase: str = "") -> Path:
    run("ssh-keygen", "-q", "-C", "a comment", "-N", passphrase, "-f", file, *options)
    return file


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key of each kind, and the same with a passphrase."""
    folder = tmp_path_factory.mktemp("keys")
    for name, (kind, bits) in BITS.items():
        file = keygen(folder / name, "-t", kind, "-b", bits)
        locked = folder / f"{name}-locked"
        shutil.copy2(file, locked)
        shutil.copy2(f"{file}.pub", f"{locked}.pub")
        run("ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", locked)
    return folder


@pytest.fixture(scope="session")
def ed25519(keys: Path) -> ports.Signer:
    return load_signer(keys / "ed25519", None)


def signer(keys: Path, name: str) -> ports.Signer:
    return load_signer(keys / name, PASSPHRASE if name.endswith("-locked") else None)


def key_of(keys: Path, name: str) -> PublicKey:
    return parse_public_key((keys / f"{name}.pub").read_text(encoding="utf-8"))


def their_signature(
    keys: Path, name: str, message: bytes = MESSAGE, namespace: str = "git", hash_name: str = ""
) -> str:
    options = ["-O", f"hashalg={hash_name}"] if hash_name else []
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, *options, "-f", str(keys / name)]
    return run(*words, given=message).decode()


def they_accept(folder: Path, key: PublicKey, message: bytes, text: str) -> bool:
    allowed = folder / "allowed"
    allowed.write_text(f"ada@example.com {key.text}\n", encoding="utf-8")
    (folder / "signature").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            *("ssh-keygen", "-Y", "verify", "-n", "git", "-I", "ada@example.com"),
            *("-f", str(allowed), "-s", str(folder / "signature")),
        ],
        input=message,
        env=QUIET,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


class Repository:
    """A real one, in which a key is allowed to sign."""

    def __init__(self, folder: Path, allowed: PublicKey) -> None:
        self.folder = folder
        run("git", "init", "-q", folder)
        (folder / ".git" / "allowed").write_text(f"ada@example.com {allowed.text}\n")
        for name, value in {
            "gpg.format": "ssh",
            "gpg.ssh.allowedSignersFile": str(folder / ".git" / "allowed"),
            "user.name": "Ada Berg",
            "user.email": "ada@example.com",
        }.items():
            self.git("config", name, value)

    def git(self, *words: str | Path, given: bytes = b"") -> bytes:
        return run("git", *words, given=given, cwd=self.folder)

    def unsigned_commit(self) -> bytes:
        tree = self.git("mktree").decode().strip()
        oid = self.git("commit-tree", "-m", "A record", tree).decode().strip()
        return self.git("cat-file", "commit", oid)

    def put(self, kind: str, data: bytes) -> str:
        return self.git("hash-object", "-t", kind, "-w", "--stdin", given=data).decode().strip()

    def verifies(self, kind: str, oid: str) -> bool:
        done = subprocess.run(
            ["git", f"verify-{kind}", "-v", oid],
            cwd=self.folder,
            env=QUIET,
            capture_output=True,
            check=False,
        )
        assert (b'Good "git" signature for ada@example.com' in done.stderr) == (not done.returncode)
        return done.returncode == 0


def with_signature(commit: bytes, text: str) -> bytes:
    head, _, message = commit.partition(b"\n\n")
    header = text.rstrip("\n").replace("\n", "\n ")
    return head + b"\ngpgsig " + header.encode() + b"\n\n" + message


def without_signature(commit: bytes) -> tuple[bytes, str]:
    head, _, message = commit.partition(b"\n\n")
    before, _, text = head.partition(b"\ngpgsig ")
    return before + b"\n\n" + message, text.replace(b"\n ", b"\n").decode()


# --------------------------------------------------------------------------- what we sign


@pytest.mark.parametrize("name", ALL_KEYS)
def test_ssh_keygen_and_we_accept_what_we_sign(keys: Path, name: str, tmp_path: Path) -> None:
    made = signer(keys, name)
    text = made.sign(MESSAGE)
    assert made.public_key == key_of(keys, name)
    assert verify(MESSAGE, text) == made.public_key
    assert they_accept(tmp_path, made.public_key, MESSAGE, text)
    assert not they_accept(tmp_path, made.public_key, MESSAGE + b".", text)


@pytest.mark.parametrize("name", KINDS)
def test_git_accepts_commits_and_tags_that_we_sign(keys: Path, name: str, tmp_path: Path) -> None:
    made = signer(keys, name)
    repository = Repository(tmp_path / "repository", made.public_key)
    plain = repository.unsigned_commit()
    commit = repository.put("commit", with_signature(plain, made.sign(plain)))
    assert repository.verifies("commit", commit)
    changed = with_signature(plain.replace(b"record", b"rekord"), made.sign(plain))
    assert not repository.verifies("commit", repository.put("commit", changed))

    tag = f"object {commit}\ntype commit\ntag v1\ntagger Ada <a@b.c> 1700000000 +0000\n\nOne\n"
    signed = tag + made.sign(tag.encode())
    assert repository.verifies("tag", repository.put("tag", signed.encode()))
    repository.git("fsck", "--strict")


def test_git_refuses_a_key_of_ours_that_is_not_allowed(keys: Path, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", key_of(keys, "nistp256"))
    plain = repository.unsigned_commit()
    text = signer(keys, "ed25519").sign(plain)
    assert not repository.verifies("commit", repository.put("commit", with_signature(plain, text)))


@pytest.mark.parametrize("name", ["ed25519", "rsa"])
def test_we_sign_the_very_bytes_that_ssh_keygen_does(keys: Path, name: str) -> None:
    assert signer(keys, name).sign(MESSAGE) == their_signature(keys, name)


# --------------------------------------------------------------------------- what others sign


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
@pytest.mark.parametrize("message", [b"", MESSAGE, bytes(range(256)) * 1000])
def test_we_accept_what_ssh_keygen_signs(
    keys: Path, name: str, hash_name: str, message: bytes
) -> None:
    text = their_signature(keys, name, message, hash_name=hash_name)
    assert verify(message, text) == key_of(keys, name)
    assert parse_signature(text).hash_name == hash_name
    assert armored(parse_signature(text)) == text
    with pytest.raises(BadSignature, match="did not sign this"):
        verify(message + b"\n", text)


@pytest.mark.parametrize("name", KINDS)
def test_we_accept_commits_and_tags_that_git_signs(keys: Path, name: str, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", key_of(keys, name))
    repository.git("config", "user.signingKey", keys / name)
    repository.git("commit", "-q", "--allow-empty", "-S", "-m", "Theirs")
    plain, text = without_signature(repository.git("cat-file", "commit", "HEAD"))
    assert verify(plain, text) == key_of(keys, name)

    repository.git("tag", "-s", "-m", "Theirs", "v1")
    tag = repository.git("cat-file", "tag", "v1")
    at = tag.index(b"-----BEGIN SSH SIGNATURE-----")
    assert verify(tag[:at], tag[at:].decode()) == key_of(keys, name)


def test_rsa_with_sha256_is_accepted(keys: Path, tmp_path: Path) -> None:
    text = rsa_signature(keys, "rsa-sha2-256", hashes.SHA256())
    assert they_accept(tmp_path, key_of(keys, "rsa"), MESSAGE, text)
    assert verify(MESSAGE, text) == key_of(keys, "rsa")


def rsa_signature(keys: Path, form: str, hashed: hashes.HashAlgorithm) -> str:
    private = load_ssh_private_key((keys / "rsa").read_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    blob = private.sign(to_sign(MESSAGE), padding.PKCS1v15(), hashed)
    return armored(Signature(key_of(keys, "rsa"), "git", "sha512", form, blob))


# --------------------------------------------------------------------------- what is refused


def test_rsa_with_sha1_is_refused(keys: Path) -> None:
    with pytest.raises(BadSignature, match="RSA with SHA-1"):
        verify(MESSAGE, rsa_signature(keys, "ssh-rsa", hashes.SHA1()))  # noqa: S303 - the point


def test_a_signature_for_something_else_is_refused(keys: Path) -> None:
    with pytest.raises(BadSignature, match="made for file, not for git"):
        verify(MESSAGE, their_signature(keys, "ed25519", namespace="file"))


def test_a_signature_of_another_key_is_not_this_keys(keys: Path, ed25519: ports.Signer) -> None:
    keygen(keys / "other", "-t", "ed25519")
    other = key_of(keys, "other")
    text = ed25519.sign(MESSAGE)
    assert verify(MESSAGE, text) != other
    with pytest.raises(BadSignature, match=r"SHA256:\S+ did not sign this"):
        verify(MESSAGE, armored(replace(parse_signature(text), public_key=other)))


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_byte_is_never_accepted(keys: Path, name: str) -> None:
    text = signer(keys, name).sign(MESSAGE)
    data = b64decode("".join(text.splitlines()[1:-1]))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(BadSignature):
            verify(MESSAGE, armor(bytes(changed)))
    for at in range(len(MESSAGE)):
        message = bytearray(MESSAGE)
        message[at] ^= 1
        with pytest.raises(BadSignature, match="did not sign this"):
            verify(bytes(message), text)


@pytest.mark.parametrize("instead", ["A", "=", "\n", " ", "-", "\0", "é"])
def test_a_changed_character_is_never_accepted(ed25519: ports.Signer, instead: str) -> None:
    text = ed25519.sign(MESSAGE)
    for at, was in enumerate(text):
        if was != instead:
            with pytest.raises(BadSignature):
                verify(MESSAGE, text[:at] + instead + text[at + 1 :])


def armor(data: bytes, width: int = 70) -> str:
    text = b64encode(data).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def test_what_one_signature_said_is_not_said_of_a_longer_or_shorter_one(
    ed25519: ports.Signer,
) -> None:
    data = b64decode("".join(ed25519.sign(MESSAGE).split("\n")[1:-2]))
    whole = parse_signature(armor(data))
    assert parse_signature(armor(data[:-64] + bytes(64))) == replace(whole, blob=bytes(64))
    for odd in (data[:-1], data + b"x", data[:-64], data[:-65] + data[-64:]):
        with pytest.raises(BadSignature):
            parse_signature(armor(odd))


def test_other_widths_of_lines_are_read(ed25519: ports.Signer) -> None:
    text = ed25519.sign(MESSAGE)
    data = b64decode("".join(text.splitlines()[1:-1]))
    for width in (1, 64, 76, 1000):
        assert verify(MESSAGE, armor(data, width)) == ed25519.public_key
    assert verify(MESSAGE, text.rstrip("\n")) == ed25519.public_key


@pytest.mark.parametrize(
    "old,new,why",
    [
        ("-----BEGIN", "\n-----BEGIN", "does not begin with"),
        ("-----BEGIN SSH", "-----BEGIN PGP", "OpenPGP"),
        ("\n", "\r\n", "does not begin with"),
        ("SIGNATURE-----\nU", "SIGNATURE-----\n\nU", "something else than base64"),
        ("SIGNATURE-----\nU", "SIGNATURE-----\n U", "something else than base64"),
        ("SIGNATURE-----\nU", "SIGNATURE-----\n=U", "base64 is broken"),
        ("\n-----END", "-----END", "something else than base64"),
        ("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n\n", "does not end with"),
        ("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\nx", "does not end with"),
        ("-----END", "A" * 17_000 + "\n-----END", "more than 16384 characters"),
    ],
)
def test_armor_is_read_strictly(ed25519: ports.Signer, old: str, new: str, why: str) -> None:
    text = ed25519.sign(MESSAGE)
    assert old in text
    with pytest.raises(BadSignature, match=why):
        parse_signature(text.replace(old, new))


def text_of(data: bytes) -> bytes:
    return pack(">I", len(data)) + data


def raw(
    key: bytes,
    *,
    version: int = 1,
    namespace: bytes = b"git",
    reserved: bytes = b"",
    hash_name: bytes = b"sha512",
    form: bytes = b"ssh-ed25519",
    blob: bytes = bytes(64),
    behind: bytes = b"",
    end: bytes = b"",
) -> bytes:
    fields = (key, namespace, reserved, hash_name, text_of(form) + text_of(blob) + behind)
    return b"SSHSIG" + pack(">I", version) + b"".join(map(text_of, fields)) + end


KEY = text_of(b"ssh-ed25519") + text_of(bytes(range(32)))


def test_the_hand_made_signature_is_read() -> None:
    assert parse_signature(armor(raw(KEY))).public_key == PublicKey("ssh-ed25519", KEY)


@pytest.mark.parametrize(
    "data,why",
    [
        (b"SSHSIX" + raw(KEY)[6:], "SSHSIG is missing"),
        (b"SSH", "cut off"),
        (raw(KEY)[:-1], "cut off"),
        (raw(KEY, version=0), "version 0"),
        (raw(KEY, version=2), "version 2"),
        (raw(KEY, end=b"\0"), "something follows its end"),
        (raw(KEY, behind=b"\0"), "something follows its end"),
        (raw(KEY + b"\0"), "something follows its end"),
        (raw(KEY, reserved=b"x"), "kept for later"),
        (raw(KEY, namespace=b""), "no printable word"),
        (raw(KEY, namespace=b"git\0"), "no printable word"),
        (raw(KEY, namespace=b"g\xff"), "no printable word"),
        (raw(KEY, hash_name=b"sha1"), "its hash is sha1"),
        (raw(KEY, form=b"ssh-rsa"), "RSA with SHA-1"),
        (raw(KEY, form=b"rsa-sha2-512"), "does not sign as rsa-sha2-512"),
        (raw(KEY, blob=bytes(63)), "64 bytes"),
        (raw(text_of(b"ssh-ed25519") + text_of(bytes(31))), "32 bytes"),
        (raw(text_of(b"ssh-dss") + text_of(b"\1")), "DSA"),
        (raw(text_of(b"ssh-ed25519-cert-v01@openssh.com")), "certificate"),
        (raw(text_of(b"ssh-new")), "ssh-new is no kind of key"),
    ],
)
def test_what_is_inside_is_read_strictly(data: bytes, why: str) -> None:
    with pytest.raises(BadSignature, match=why):
        parse_signature(armor(data))


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        ecdsa_blob(1, 1) + b"\0",
        text_of(b"\0") + text_of(b"\1"),
        text_of(b"") + text_of(b"\1"),
        text_of(b"\x80") + text_of(b"\1"),
        text_of(b"\0\1") + text_of(b"\1"),
    ],
)
def test_numbers_of_ecdsa_have_one_form(keys: Path, blob: bytes) -> None:
    key = key_of(keys, "nistp256")
    text = armored(Signature(key, "git", "sha512", key.kind, blob))
    with pytest.raises(BadSignature, match="no SSH signature"):
        verify(MESSAGE, text)


def test_a_signature_of_ed25519_has_one_form(ed25519: ports.Signer) -> None:
    signature = parse_signature(ed25519.sign(MESSAGE))
    order = 2**252 + 27742317777372353535851937790883648493
    more = int.from_bytes(signature.blob[32:], "little") + order
    blob = signature.blob[:32] + more.to_bytes(32, "little")
    with pytest.raises(BadSignature, match="did not sign this"):
        verify(MESSAGE, armored(replace(signature, blob=blob)))


@pytest.mark.parametrize("numbers", [(1, 1), (2**256 - 1, 1), (2**20_000, 2**20_000)])
def test_numbers_of_ecdsa_that_are_none_are_refused(keys: Path, numbers: tuple[int, int]) -> None:
    key = key_of(keys, "nistp256")
    signature = Signature(key, "git", "sha512", key.kind, ecdsa_blob(*numbers))
    with pytest.raises(BadSignature, match="did not sign this"):
        verify(MESSAGE, armored(signature))


def test_a_weak_rsa_key_is_not_believed() -> None:
    key = public_key(text_of(b"ssh-rsa") + text_of(b"\1\0\1") + text_of(b"\0" + b"\xff" * 128))
    text = armored(Signature(key, "git", "sha512", "rsa-sha2-512", bytes(128)))
    with pytest.raises(BadSignature, match="RSA with 1024 bits is too weak"):
        verify(MESSAGE, text)


def test_a_point_beside_its_curve_is_no_key() -> None:
    blob = text_of(b"ecdsa-sha2-nistp256") + text_of(b"nistp256") + text_of(b"\4" + b"\1" * 64)
    key = public_key(blob)
    text = armored(Signature(key, "git", "sha512", key.kind, ecdsa_blob(1, 1)))
    with pytest.raises(BadSignature, match="there is no such key"):
        verify(MESSAGE, text)


PRIME = 2**255 - 19
EDWARDS = -121665 * pow(121666, -1, PRIME)
ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
SMALL = [0, 1, PRIME - 1, PRIME, PRIME + 1, ORDER_8, PRIME - ORDER_8]


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL)
def test_a_key_with_which_anybody_can_sign_is_none(y: int, sign: int) -> None:
    """One signature of almost only zeros is good for every eighth message at least."""
    key = (y + (sign << 255)).to_bytes(32, "little")
    blob = text_of(b"ssh-ed25519") + text_of(key)
    with pytest.raises(BadKey, match="anybody can sign"):
        public_key(blob)
    for nothing in (bytes(64), b"\1" + bytes(63)):
        with pytest.raises(BadSignature, match="anybody can sign"):
            verify(MESSAGE, armor(raw(blob, blob=nothing)))


def test_that_key_is_truly_one() -> None:
    assert (EDWARDS * ORDER_8**4 + 2 * ORDER_8**2 - 1) % PRIME == 0  # twice the point has y = 0
    for y in (1, PRIME - 1, ORDER_8):
        key = Ed25519PublicKey.from_public_bytes(y.to_bytes(32, "little"))
        good = 0
        for number in range(200):
            with suppress(InvalidSignature):
                key.verify(b"\1" + bytes(63), str(number).encode())
                good += 1
        assert good


# --------------------------------------------------------------------------- hardware keys


def hardware(kind: str, flags: int, application: bytes = b"ssh:", message: bytes = MESSAGE) -> str:
    """What a security key would sign, made in software: ssh-keygen verifies it without one."""
    signed = (
        sha256(application).digest() + pack(">BI", flags, 7) + sha256(to_sign(message)).digest()
    )
    if kind == "sk-ssh-ed25519@openssh.com":
        edwards = Ed25519PrivateKey.generate()
        parts = [edwards.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)]
        blob = edwards.sign(signed)
    else:
        curve = ec.generate_private_key(ec.SECP256R1())
        point = curve.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        parts = [b"nistp256", point]
        blob = ecdsa_blob(*decode_dss_signature(curve.sign(signed, ec.ECDSA(hashes.SHA256()))))
    key = public_key(b"".join(map(text_of, [kind.encode(), *parts, b"ssh:"])))
    return armored(Signature(key, "git", "sha512", kind, blob, flags, 7))


HARDWARE_KINDS = ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"]


@pytest.mark.parametrize("kind", HARDWARE_KINDS)
@pytest.mark.parametrize("flags", [1, 5])
def test_a_security_key_that_was_touched_is_believed(kind: str, flags: int, tmp_path: Path) -> None:
    text = hardware(kind, flags)
    key = parse_signature(text).public_key
    assert they_accept(tmp_path, key, MESSAGE, text)
    assert verify(MESSAGE, text) == key
    assert armored(parse_signature(text)) == text


@pytest.mark.parametrize("kind", HARDWARE_KINDS)
def test_a_security_key_that_was_not_touched_is_not(kind: str) -> None:
    for flags in (0, 4):
        with pytest.raises(BadSignature, match="without anybody touching it"):
            verify(MESSAGE, hardware(kind, flags))


@pytest.mark.parametrize("kind", HARDWARE_KINDS)
def test_what_a_security_key_signed_cannot_be_changed(kind: str) -> None:
    signature = parse_signature(hardware(kind, 1))
    for changed in (replace(signature, counter=8), replace(signature, flags=5)):
        with pytest.raises(BadSignature, match="did not sign this"):
            verify(MESSAGE, armored(changed))
    for text in (hardware(kind, 1, application=b"web:"), hardware(kind, 1, message=b"")):
        with pytest.raises(BadSignature, match="did not sign this"):
            verify(MESSAGE, text)


# --------------------------------------------------------------------------- public keys


@pytest.mark.parametrize("name", KINDS)
def test_a_public_key_is_written_as_ssh_keygen_does(keys: Path, name: str) -> None:
    key = key_of(keys, name)
    assert key.fingerprint == run("ssh-keygen", "-l", "-f", keys / name).decode().split()[1]
    written = (keys / f"{name}.pub").read_text(encoding="utf-8")
    assert written == f"{key.text} a comment\n"
    assert parse_public_key(key.text) == parse_public_key(f"  {key.text}\t b c\r\n") == key


GOOD = PublicKey("ssh-ed25519", KEY).text


@pytest.mark.parametrize(
    "text,why",
    [
        ("", "empty"),
        ("\n", "empty"),
        ("ssh-ed25519", "cut off"),
        ("ssh-ed25519 !!!!", "base64 is broken"),
        (GOOD[:-1], "base64 is broken"),
        (GOOD[:-4], "cut off"),
        (f"{GOOD}AAAA", "something follows"),
        (GOOD.replace("ssh-ed25519", "ssh-rsa", 1), "the key inside it is of kind ssh-ed25519"),
        (f"{GOOD}\n{GOOD}", "one line"),
        (f"ada@example.com {GOOD}", "ada@example.com is no kind of key"),
        ("ssh-dss AAAA", "DSA, which is broken"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"),
        ("-----BEGIN OPENSSH " + "PRIVATE KEY-----\nAAAA", "a private key"),
        ("\0\ud800 x", "its first word is no kind of key"),
        (f"ssh-ed25519 {'A' * 20_000}", "more than 16384 characters"),
    ],
)
def test_what_is_no_public_key_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(BadKey, match=why):
        parse_public_key(text)


# --------------------------------------------------------------------------- what is signed


@pytest.mark.parametrize("length", [1, 39, 40, 41, 255])
def test_armor_is_as_ssh_keygen_prints_it(keys: Path, length: int) -> None:
    """With 40 characters in the namespace the last line is just full."""
    text = their_signature(keys, "ed25519", namespace="n" * length)
    assert armored(parse_signature(text)) == text


@pytest.mark.parametrize("namespace,hash_name", [("", "sha512"), ("a b", "sha512"), ("git", "md5")])
def test_nothing_is_signed_for_nothing(namespace: str, hash_name: str) -> None:
    with pytest.raises(BadSignature):
        to_sign(MESSAGE, namespace, hash_name)


@given(st.binary(), st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_what_is_signed_rests_on_the_message_alone(
    one: bytes, other: bytes, hash_name: str
) -> None:
    made = to_sign(one, "git", hash_name)
    assert made == to_sign(one, "git", hash_name)
    assert (made == to_sign(other, "git", hash_name)) == (one == other)
    assert made.startswith(b"SSHSIG\0\0\0\3git\0\0\0\0\0\0\0\6" + hash_name.encode())


# --------------------------------------------------------------------------- properties


positive = st.integers(1, 2**4096).map(
    lambda number: text_of(number.to_bytes(number.bit_length() // 8 + 1, "big"))
)
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255)


def is_safe(key: bytes) -> bool:
    return int.from_bytes(key, "little") % 2**255 not in SMALL


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    kind = draw(
        st.sampled_from(
            [
                "ssh-ed25519",
                "ssh-rsa",
                *(f"ecdsa-sha2-{curve}" for curve in ("nistp256", "nistp384", "nistp521")),
                *HARDWARE_KINDS,
            ]
        )
    )
    form = kind
    blob = ecdsa_blob(draw(st.integers(1, 2**521)), draw(st.integers(1, 2**521)))
    if "ed25519" in kind:
        parts = text_of(draw(st.binary(min_size=32, max_size=32).filter(is_safe)))
        blob = draw(st.binary(min_size=64, max_size=64))
    elif kind == "ssh-rsa":
        parts = draw(positive) + draw(positive)
        form = draw(st.sampled_from(["rsa-sha2-256", "rsa-sha2-512"]))
        blob = draw(st.binary(max_size=2048))
    else:
        curve = kind.removesuffix("@openssh.com").rpartition("-")[2]
        size = {"nistp256": 64, "nistp384": 96, "nistp521": 132}[curve]
        point = b"\4" + draw(st.binary(min_size=size, max_size=size))
        parts = text_of(curve.encode()) + text_of(point)
    flags, counter = 0, 0
    if kind.startswith("sk-"):
        parts += text_of(draw(st.binary(max_size=50)))
        flags, counter = draw(st.integers(0, 255)), draw(st.integers(0, 2**32 - 1))
    key = PublicKey(kind, text_of(kind.encode()) + parts)
    hash_name = draw(st.sampled_from(["sha256", "sha512"]))
    return Signature(key, draw(words), hash_name, form, blob, flags, counter)


@given(signatures())
def test_what_is_written_is_read_again(signature: Signature) -> None:
    assert parse_signature(armored(signature)) == signature
    assert parse_public_key(signature.public_key.text) == signature.public_key


@given(signatures(), st.binary())
def test_a_made_up_signature_is_never_good(signature: Signature, message: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(message, armored(replace(signature, namespace="git")))


@given(st.text() | st.binary().map(armor))
def test_garbage_is_a_bad_signature_and_nothing_else(text: str) -> None:
    with pytest.raises(BadSignature):
        verify(b"", text)


@given(st.data())
def test_a_damaged_signature_is_read_in_one_way_or_not_at_all(data: st.DataObject) -> None:
    text = armored(data.draw(signatures()))
    inside = b64decode("".join(text.splitlines()[1:-1]))
    at = data.draw(st.integers(0, len(inside)))
    upto = data.draw(st.integers(at, len(inside)))
    damaged = armor(inside[:at] + data.draw(st.binary(max_size=8)) + inside[upto:])
    with suppress(BadSignature):
        assert armored(parse_signature(damaged)) == damaged


@given(st.binary(), st.text())
def test_garbage_is_a_bad_key_and_nothing_else(data: bytes, text: str) -> None:
    written = b64encode(data).decode()
    for line in (text, f"ssh-ed25519 {text}", f"ssh-rsa {written}", f"ssh-ed25519 {written}"):
        with pytest.raises(BadKey):
            parse_public_key(line)
    with pytest.raises(BadKey):
        public_key(data)
    for blob in (data, b"openssh-key-v1\0" + data):
        with pytest.raises(BadKey):
            private_key_header(blob)


# --------------------------------------------------------------------------- private keys


def refused(path: Path, passphrase: str | None = None) -> ReconcilerError:
    """How a key is refused; nothing of it may be in what anybody could see."""
    with pytest.raises(ReconcilerError) as caught:
        load_signer(path, passphrase)
    error = caught.value
    assert error.subject == str(path)
    assert error.hint
    shown = "".join(traceback.format_exception(error)) + error.hint
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            assert len(line) < 20 or line.startswith("-----") or line not in shown
    assert not passphrase or passphrase not in shown
    return error


def written(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def made_private(path: Path, kind: bytes) -> Path:
    """A private key file as far as its kind: nothing behind that is looked at."""
    fields = (b"none", b"none", b"")
    data = b"openssh-key-v1\0" + b"".join(map(text_of, fields)) + pack(">I", 1)
    data += text_of(text_of(kind)) + text_of(bytes(64))
    label = b"OPENSSH " + b"PRIVATE KEY-----\n"
    text = b"-----BEGIN " + label + b64encode(data) + b"\n-----END " + label
    return written(path, text)


def test_a_missing_key(tmp_path: Path) -> None:
    error = refused(tmp_path / "none")
    assert isinstance(error, UsageError)
    assert error.reason == "no-key"
    assert "ssh-keygen -t ed25519" in error.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_key_that_others_may_use(keys: Path, tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "key", (keys / "ed25519").read_bytes(), mode)
    error = refused(path)
    assert error.reason == "open-key"
    assert f"its mode is {mode:04o}" in error.message
    assert "chmod 600" in error.hint
    path.chmod(0o400)
    assert load_signer(path, None).public_key == key_of(keys, "ed25519")


@pytest.mark.parametrize("name", KINDS)
def test_a_passphrase_that_is_missing_or_wrong(keys: Path, name: str) -> None:
    path = keys / f"{name}-locked"
    for none in (None, ""):
        assert refused(path, none).reason == "no-passphrase"
    for wrong in ("not it, a made-up one", "\udcff a made-up one"):
        assert refused(path, wrong).reason == "wrong-passphrase"


def test_a_passphrase_for_a_key_that_has_none_is_not_looked_at(keys: Path) -> None:
    assert load_signer(keys / "ed25519", "any").public_key == key_of(keys, "ed25519")


@pytest.mark.parametrize(
    "cipher,reason",
    [
        ("aes256-gcm@openssh.com", ""),
        ("aes256-cbc", ""),
        ("aes128-ctr", "unknown-cipher"),
        ("chacha20-poly1305@openssh.com", "unknown-cipher"),
    ],
)
def test_ways_to_lock_a_key(tmp_path: Path, cipher: str, reason: str) -> None:
    path = keygen(tmp_path / "key", "-t", "ed25519", "-Z", cipher, passphrase=PASSPHRASE)
    if reason:
        error = refused(path, PASSPHRASE)
        assert error.reason == reason
        assert cipher in error.message
        assert "ssh-keygen -p -Z aes256-ctr" in error.hint
    else:
        assert verify(b"", load_signer(path, PASSPHRASE).sign(b"")) == key_of(tmp_path, "key")
        assert refused(path, "not it, a made-up one").reason == "wrong-passphrase"


@pytest.mark.parametrize("kind", HARDWARE_KINDS)
def test_a_key_that_needs_a_finger(tmp_path: Path, kind: str) -> None:
    error = refused(made_private(tmp_path / "key", kind.encode()))
    assert isinstance(error, UsageError)
    assert error.reason == "hardware-key"
    assert "unless a person touches it" in error.message


def test_dsa(tmp_path: Path) -> None:
    error = refused(made_private(tmp_path / "key", b"ssh-dss"))
    assert error.reason == "weak-key"
    assert "ssh-dss" in error.message


def test_a_kind_that_nobody_knows(tmp_path: Path) -> None:
    error = refused(made_private(tmp_path / "key", b"ssh-new"))
    assert error.reason == "unknown-key"


@pytest.mark.parametrize("bits", ["1024", "2048"])
def test_weak_rsa(tmp_path: Path, bits: str) -> None:
    error = refused(keygen(tmp_path / "key", "-t", "rsa", "-b", bits))
    assert isinstance(error, UsageError)
    assert error.reason == "weak-key"
    assert f"{bits} bits; 3072 are needed" in error.message


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_public_key_instead(keys: Path, name: str, mode: int) -> None:
    path = keys / f"{name}.pub"
    path.chmod(mode)
    error = refused(path)
    assert isinstance(error, UsageError)
    assert error.reason == "public-key"
    assert str(keys / name) in error.hint
    assert not error.hint.endswith(".pub")


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
def test_a_private_key_in_another_form(tmp_path: Path, form: str) -> None:
    path = keygen(tmp_path / "key", "-t", "ecdsa", "-m", form)
    error = refused(path)
    assert error.reason == "not-a-private-key"
    assert f"ssh-keygen -p -f {path}" in error.hint
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-f", path)
    assert load_signer(path, None).public_key == key_of(tmp_path, "key")


@pytest.mark.parametrize("data", [b"", b"\xff\0", b"hello\n", b"-----BEGIN OPENSSH"])
def test_what_is_no_key_at_all(tmp_path: Path, data: bytes) -> None:
    assert refused(written(tmp_path / "key", data)).reason == "not-a-private-key"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    large = written(tmp_path / "large", bytes(70_000))
    for path in (tmp_path, tmp_path / "pipe", large):
        assert refused(path).reason == "not-a-private-key"
    for path in (large / "key", Path("a\0b")):
        assert refused(path).reason == "unreadable-key"


@pytest.mark.parametrize("name", ["ed25519", "nistp256", "rsa"])
def test_a_damaged_key(keys: Path, tmp_path: Path, name: str) -> None:
    lines = (keys / name).read_bytes().splitlines(keepends=True)
    for at in range(1, len(lines) - 1):
        for damaged in (b"", b"!" * 70 + b"\n", lines[at].swapcase()):
            text = b"".join([*lines[:at], damaged, *lines[at + 1 :]])
            error = refused(written(tmp_path / "key", text))
            assert error.reason in {"damaged-key", "no-passphrase", "unknown-key"}


def test_a_signer_does_not_show_what_it_is_made_of(keys: Path) -> None:
    made = load_signer(keys / "ed25519", None)
    assert repr(made) == str(made) == f"Signer({made.public_key.fingerprint})"
    assert not hasattr(made, "__dict__")


def test_the_ports_fit(keys: Path) -> None:
    made: ports.Signer = load_signer(keys / "nistp384", None)
    check: ports.Verify = verify
    assert check(b"m", made.sign(b"m")) == made.public_key
