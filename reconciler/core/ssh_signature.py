"""SSH signatures as bytes and as text: the format SSHSIG (OpenSSH's PROTOCOL.sshsig).

Everything in it is read in one form only, but for the width of the lines. Yet a signature does not
tell one commit from another: anybody can turn round the second of ECDSA's two numbers, and it stays
good. What must be the same is what was signed.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import lru_cache
from struct import pack
from types import MappingProxyType

from reconciler.model.ssh import PublicKey, Signature

NAMESPACE = "git"
HASHES = MappingProxyType({"sha256": hashlib.sha256, "sha512": hashlib.sha512})
HARDWARE = "sk-"
"""Kinds that begin so belong to a security key, which a person has to touch."""
CURVES = MappingProxyType({"nistp256": 32, "nistp384": 48, "nistp521": 66})
"""The elliptic curves, with the bytes of one coordinate."""

_MAGIC = b"SSHSIG"
_BEGIN = "-----BEGIN SSH SIGNATURE-----\n"
_END = "-----END SSH SIGNATURE-----"
_PRIVATE = b"openssh-key-v1\0"
_WIDTH = 70
_LONGEST = 16 * 1024
"""Characters. The largest key that OpenSSH makes, RSA with 16384 bits, needs 5,700."""
_LINES = re.compile(r"(?:[A-Za-z0-9+/=]+\n)+")
_WORD = re.compile(r"[!-~]{1,255}")
_REMEMBERED = 1024
"""So many keys' signatures are read by what the last one had; a few hundred bytes for each."""
_ED25519_KEY = 32
_ED25519_SIGNATURE = 64
_ED25519_PRIME = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _ED25519_PRIME - 1, _ORDER_8, _ED25519_PRIME - _ORDER_8})
"""With these points (their y) as a key, anybody can make signatures that are good."""
_UNCOMPRESSED = 4
_SIGN_BIT = 0x80


class BadKey(ValueError):  # noqa: N818  # says what it is
    """Text or bytes that are no public key that can be used here, and why not."""


class BadSignature(ValueError):  # noqa: N818  # says what it is
    """Not a signature, or not a good one, and why not."""


class _Damaged(ValueError):  # noqa: N818  # says what it is
    """Bytes that do not have the form they should have."""


class _Reader:
    """Fields one after the other, as SSH writes them."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self._at + size
        if end > len(self._data):
            raise _Damaged("it is cut off")
        found = self._data[self._at : end]
        self._at = end
        return found

    def number(self) -> int:
        """32 bits."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Bytes with their length before them."""
        return self.take(self.number())

    def word(self) -> str:
        """A name: printable, without spaces."""
        found = self.string()
        try:
            text = found.decode("ascii")
        except UnicodeDecodeError:
            text = ""
        if not _WORD.fullmatch(text):
            raise _Damaged("a name in it is no printable word")
        return text

    def positive(self) -> bytes:
        """A number above zero of any size, written as short as can be."""
        found = self.string()
        if not found or found[0] & _SIGN_BIT:
            raise _Damaged("a number in it is not above zero")
        if found[0] == 0 and (len(found) == 1 or not found[1] & _SIGN_BIT):
            raise _Damaged("a number in it is zero, or has zeros before it")
        return found

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise _Damaged("something follows its end")


def _string(data: bytes) -> bytes:
    return pack(">I", len(data)) + data


# ---------------------------------------------------------------------------------- public keys


def _ed25519(reader: _Reader) -> tuple[bytes, ...]:
    key = reader.string()
    if len(key) != _ED25519_KEY:
        raise _Damaged("an Ed25519 key has 32 bytes")
    # The last bit tells x from -x; and a number at or above the prime is another way to write one.
    if (int.from_bytes(key, "little") % 2**255) % _ED25519_PRIME in _SMALL_ORDER:
        raise BadKey("an Ed25519 key of small order: anybody can sign with it")
    return (key,)


def _ecdsa(curve: str) -> Callable[[_Reader], tuple[bytes, ...]]:
    def read(reader: _Reader) -> tuple[bytes, ...]:
        named = reader.string()
        if named != curve.encode():
            raise _Damaged("its curve is another one than its kind says")
        point = reader.string()
        if len(point) != 1 + 2 * CURVES[curve] or point[0] != _UNCOMPRESSED:
            raise _Damaged("its point does not fit its curve")
        return named, point

    return read


def _rsa(reader: _Reader) -> tuple[bytes, ...]:
    return reader.positive(), reader.positive()


def _hardware(read: Callable[[_Reader], tuple[bytes, ...]]) -> Callable[..., tuple[bytes, ...]]:
    def read_more(reader: _Reader) -> tuple[bytes, ...]:
        return *read(reader), reader.string()

    return read_more


_ED25519 = "ssh-ed25519"
_SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
_KINDS = MappingProxyType(
    {
        _ED25519: _ed25519,
        **{f"ecdsa-sha2-{curve}": _ecdsa(curve) for curve in CURVES},
        "ssh-rsa": _rsa,
        _SK_ED25519: _hardware(_ed25519),
        _SK_ECDSA: _hardware(_ecdsa("nistp256")),
    }
)
_RSA_FORMATS = ("rsa-sha2-512", "rsa-sha2-256")


def key_parts(key: PublicKey) -> tuple[bytes, ...]:
    """What a key consists of, by its kind.

    Ed25519: the key. ECDSA: the curve, the point. RSA: exponent, modulus. A hardware key has behind
    that what it was made for (`ssh:`).
    """
    try:
        return _parts(key)
    except _Damaged as wrong:
        raise BadKey(f"this is no key of kind {key.kind}: {wrong}") from None


def _parts(key: PublicKey) -> tuple[bytes, ...]:
    reader = _Reader(key.blob)
    kind = reader.word()
    if kind != key.kind:
        raise _Damaged(f"it says {kind} inside")
    if kind not in _KINDS:
        raise BadKey(_unknown(kind))
    parts = _KINDS[kind](reader)
    reader.end()
    return parts


def public_key(blob: bytes) -> PublicKey:
    """A key from its bytes alone."""
    try:
        kind = _Reader(blob).word()
    except _Damaged as wrong:
        raise BadKey(f"this is no public key: {wrong}") from None
    key = PublicKey(kind, blob)
    key_parts(key)
    return key


def parse_public_key(text: str) -> PublicKey:
    """A key from a line as `ssh-keygen` writes it into a .pub file; a comment is left out."""
    if len(text) > _LONGEST:
        raise BadKey(f"this is no public key: it has more than {_LONGEST} characters")
    if "PRIVATE KEY" in text:
        raise BadKey("this is a private key: give the public one, which ends in .pub")
    line = text.strip(" \t\r\n")
    if not line:
        raise BadKey("there is no public key: the text is empty")
    if "\n" in line or "\r" in line:
        raise BadKey("a public key is one line, and this is several")
    kind, _, rest = line.replace("\t", " ").partition(" ")
    if kind not in _KINDS:
        raise BadKey(_unknown(kind))
    written = rest.strip(" ").partition(" ")[0]
    try:
        key = public_key(_from_base64(written))
    except _Damaged as wrong:
        raise BadKey(f"this is no public key: {wrong}") from None
    if key.kind != kind:
        raise BadKey(f"the line says {kind}, and the key inside it is of kind {key.kind}")
    return key


def _unknown(kind: str) -> str:
    if not _WORD.fullmatch(kind):
        kind = "its first word"
    if "-cert-v0" in kind:
        return f"{kind} is a certificate: give the key that it was made for"
    if kind == "ssh-dss":
        return "ssh-dss is DSA, which is broken: make a key with `ssh-keygen -t ed25519`"
    return f"{kind} is no kind of key that is known here; known are {', '.join(_KINDS)}"


def private_key_header(data: bytes) -> tuple[str, str]:
    """Of a private key as OpenSSH keeps it: its kind, and the cipher that locks it, or `none`."""
    try:
        return _header(_Reader(data))
    except _Damaged as wrong:
        raise BadKey(f"this is no private key of OpenSSH: {wrong}") from None


def _header(reader: _Reader) -> tuple[str, str]:
    if reader.take(len(_PRIVATE)) != _PRIVATE:
        raise _Damaged("its first words are not OpenSSH's")
    cipher = reader.word()
    reader.string()  # how a passphrase becomes a key
    reader.string()
    if reader.number() != 1:
        raise _Damaged("it holds several keys")
    return _Reader(reader.string()).word(), cipher


# ----------------------------------------------------------------------------------- signatures


def formats(kind: str) -> tuple[str, ...]:
    """The algorithms that a kind of key may sign with, the best one first. Never with SHA-1."""
    return _RSA_FORMATS if kind == "ssh-rsa" else (kind,)


def to_sign(message: bytes, namespace: str = NAMESPACE, hash_name: str = "sha512") -> bytes:
    """The bytes that a key signs in a message's stead."""
    if not _WORD.fullmatch(namespace):
        raise BadSignature("a namespace is a printable word")
    if hash_name not in HASHES:
        raise BadSignature(f"{hash_name!r} is no hash for a signature; {' and '.join(HASHES)} are")
    digest = HASHES[hash_name](message).digest()
    fields = (namespace.encode(), b"", hash_name.encode(), digest)
    return _MAGIC + b"".join(map(_string, fields))


def armored(signature: Signature) -> str:
    """A signature as `ssh-keygen -Y sign` prints it."""
    made = _string(signature.format.encode()) + _string(signature.blob)
    if signature.format.startswith(HARDWARE):
        made += pack(">BI", signature.flags, signature.counter)
    fields = (
        signature.public_key.blob,
        signature.namespace.encode(),
        b"",
        signature.hash_name.encode(),
        made,
    )
    data = _MAGIC + pack(">I", 1) + b"".join(map(_string, fields))
    text = b64encode(data).decode()
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return _BEGIN + "\n".join(lines) + "\n" + _END + "\n"


def parse_signature(armored: str) -> Signature:
    """What an armored signature claims. It is well formed; whether it is good, `verify` says."""
    try:
        return _read(_unarmored(armored))
    except _Damaged as wrong:
        raise BadSignature(f"this is no SSH signature: {wrong}") from None
    except BadKey as wrong:
        raise BadSignature(f"the key in the signature cannot be used: {wrong}") from None


def _unarmored(armored: str) -> bytes:
    if len(armored) > _LONGEST:
        raise _Damaged(f"it has more than {_LONGEST} characters")
    if armored.startswith("-----BEGIN PGP"):
        raise _Damaged("it is one of OpenPGP")
    if not armored.startswith(_BEGIN):
        raise _Damaged(f"it does not begin with {_BEGIN.strip()}")
    body = armored.removesuffix("\n")
    if not body.endswith(_END):
        raise _Damaged(f"it does not end with {_END}")
    body = body[len(_BEGIN) : -len(_END)]
    if not _LINES.fullmatch(body):
        raise _Damaged("between its first and last line is something else than base64")
    return _from_base64(body.replace("\n", ""))


def _from_base64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise _Damaged("its base64 is broken") from None
    if b64encode(data).decode() != text:
        raise _Damaged("its base64 is not as it is written")
    return data


def _read(data: bytes) -> Signature:
    like = _like(data[:-_ED25519_SIGNATURE])
    if like is None:
        return _taken_apart(data)
    blob = data[-_ED25519_SIGNATURE:]
    return Signature(like.public_key, like.namespace, like.hash_name, like.format, blob)


@lru_cache(maxsize=_REMEMBERED)
def _like(front: bytes) -> Signature | None:
    """What every signature of an Ed25519 key with these bytes before its 64 says; else None.

    Those 64 stand last and say nothing about the rest, so all that a key ever made are read once.
    """
    try:
        found = _taken_apart(front + bytes(_ED25519_SIGNATURE))
    except (_Damaged, BadKey):
        return None
    return found if found.format == _ED25519 else None


def _taken_apart(data: bytes) -> Signature:
    reader = _Reader(data)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise _Damaged("SSHSIG is missing in it")
    version = reader.number()
    if version != 1:
        raise _Damaged(f"it is of version {version}, and only 1 is known")
    key = public_key(reader.string())
    namespace = reader.word()
    if reader.string():
        # No signature covers what stands here, so anybody could have put it in.
        raise _Damaged("the field that is kept for later is not empty")
    hash_name = reader.word()
    if hash_name not in HASHES:
        raise _Damaged(f"its hash is {hash_name}, and only {' and '.join(HASHES)} are taken")
    made = _Reader(reader.string())
    reader.end()

    form = made.word()
    if form == "ssh-rsa":
        raise _Damaged("it is RSA with SHA-1, which is too weak")
    if form not in formats(key.kind):
        raise _Damaged(f"a key of kind {key.kind} does not sign as {form}")
    blob = made.string()
    if form.endswith("ed25519") or form == _SK_ED25519:
        if len(blob) != _ED25519_SIGNATURE:
            raise _Damaged("an Ed25519 signature has 64 bytes")
    elif key.kind != "ssh-rsa":
        _pair(blob)
    flags, counter = 0, 0
    if form.startswith(HARDWARE):
        flags, counter = made.take(1)[0], made.number()
    made.end()
    return Signature(key, namespace, hash_name, form, blob, flags, counter)


def ecdsa_numbers(signature: Signature) -> tuple[int, int]:
    """The two numbers of an ECDSA signature."""
    try:
        return _pair(signature.blob)
    except _Damaged as wrong:
        raise BadSignature(f"this is no ECDSA signature: {wrong}") from None


def ecdsa_blob(first: int, second: int) -> bytes:
    """The two numbers of an ECDSA signature, as SSH writes them."""
    return b"".join(
        _string(number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (first, second)
    )


def _pair(blob: bytes) -> tuple[int, int]:
    reader = _Reader(blob)
    first, second = reader.positive(), reader.positive()
    reader.end()
    return int.from_bytes(first, "big"), int.from_bytes(second, "big")
