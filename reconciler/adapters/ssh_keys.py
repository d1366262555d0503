"""SSH keys: signs commits and tags, and verifies what others signed. Alone imports cryptography.

Nothing here starts a process: `ssh-keygen` takes milliseconds for each signature, and records have
thousands. No message here holds anything of a private key, nor what the library said about one.
"""

import binascii
import hashlib
import os
import re
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from struct import pack
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from reconciler.core.ssh_signature import (
    HARDWARE,
    NAMESPACE,
    BadKey,
    BadSignature,
    armored,
    ecdsa_blob,
    ecdsa_numbers,
    formats,
    key_parts,
    parse_public_key,
    parse_signature,
    private_key_header,
    to_sign,
)
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.ssh import PublicKey, Signature

_Private = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey
_Public = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

_HASH = "sha512"
_LEAST_RSA = 3072
"""Bits of a key that we sign with."""
_LEAST_FOREIGN_RSA = 2048
"""Bits of a key that others sign with: below that, their key can be found by who tries."""
_KEYS = 4096
"""How many public keys stay loaded: more than there are people and agents."""
_TOUCHED = 1
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_FILE = 64 * 1024
_ARMOR = re.compile(
    rb"\s*-----BEGIN OPENSSH PRIVATE KEY-----\s(.*)-----END OPENSSH PRIVATE KEY-----\s*", re.DOTALL
)
_PUBLIC = re.compile(rb"\s*(?:ssh-|ecdsa-|sk-|---- BEGIN SSH2 PUBLIC|-----BEGIN [A-Z ]*PUBLIC KEY)")
_OF_CURVE: MappingProxyType[str, tuple[type, hashes.HashAlgorithm]] = MappingProxyType(
    {
        "nistp256": (SECP256R1, hashes.SHA256()),
        "nistp384": (SECP384R1, hashes.SHA384()),
        "nistp521": (SECP521R1, hashes.SHA512()),
    }
)
_OF_RSA = MappingProxyType({"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()})
_MAKE_ONE = "make a key for this: `ssh-keygen -t ed25519 -f <file>`"


class Signer:
    """A private key that signs commits and tags. It does not show what it is made of."""

    __slots__ = ("_format", "_public_key", "_sign")

    def __init__(self, public_key: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        self._public_key = public_key
        self._format = formats(public_key.kind)[0]
        self._sign = sign

    def __repr__(self) -> str:
        return f"Signer({self._public_key.fingerprint})"

    @property
    def public_key(self) -> PublicKey:
        """Whose signatures these are."""
        return self._public_key

    def sign(self, message: bytes) -> str:
        """A signature of a commit or a tag, as it stands in one."""
        made = self._sign(to_sign(message, NAMESPACE, _HASH))
        return armored(Signature(self._public_key, NAMESPACE, _HASH, self._format, made))


# ------------------------------------------------------------------------------------ verifying


def verify(message: bytes, armored: str) -> PublicKey:
    """The key that signed a message as git does; BadSignature when none did.

    A good signature says nothing about trust: anybody can make a key.
    """
    signature = parse_signature(armored)
    if signature.namespace != NAMESPACE:
        raise BadSignature(f"the signature was made for {signature.namespace}, not for {NAMESPACE}")
    signed = to_sign(message, signature.namespace, signature.hash_name)
    try:
        key, application = _loaded(signature.public_key)
        if application is not None:
            if not signature.flags & _TOUCHED:
                raise BadSignature("the security key signed without anybody touching it")
            signed = (
                application
                + pack(">BI", signature.flags, signature.counter)
                + hashlib.sha256(signed).digest()
            )
        _check(key, signature, signed)
    except BadKey as wrong:
        raise BadSignature(f"the key in the signature cannot be used: {wrong}") from None
    except InvalidSignature:
        raise BadSignature(
            f"the key {signature.public_key.fingerprint} did not sign this, or it was changed since"
        ) from None
    return signature.public_key


def _check(key: _Public, signature: Signature, signed: bytes) -> None:
    match key:
        case Ed25519PublicKey():
            key.verify(signature.blob, signed)
        case EllipticCurvePublicKey():
            _, hashed = _OF_CURVE[_curve(signature.public_key)]
            pair = encode_dss_signature(*ecdsa_numbers(signature))
            key.verify(pair, signed, ECDSA(hashed))
        case RSAPublicKey():
            key.verify(signature.blob, signed, PKCS1v15(), _OF_RSA[signature.format])


@lru_cache(maxsize=_KEYS)
def _loaded(public_key: PublicKey) -> tuple[_Public, bytes | None]:
    """A key made ready, and for a hardware key the digest of what it was made for."""
    parts = key_parts(public_key)
    application = None
    if public_key.kind.startswith(HARDWARE):
        parts, made_for = parts[:-1], parts[-1]
        application = hashlib.sha256(made_for).digest()
    try:
        return _load(public_key, *parts), application
    except BadKey:
        raise
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey(f"there is no such key of kind {public_key.kind}") from None


def _load(public_key: PublicKey, first: bytes, second: bytes = b"") -> _Public:
    if not second:
        return Ed25519PublicKey.from_public_bytes(first)
    if public_key.kind != "ssh-rsa":
        curve, _ = _OF_CURVE[_curve(public_key)]
        return EllipticCurvePublicKey.from_encoded_point(curve(), second)
    exponent, modulus = int.from_bytes(first, "big"), int.from_bytes(second, "big")
    if modulus.bit_length() < _LEAST_FOREIGN_RSA:
        raise BadKey(
            f"RSA with {modulus.bit_length()} bits is too weak, {_LEAST_FOREIGN_RSA} are needed"
        )
    return RSAPublicNumbers(exponent, modulus).public_key()


def _curve(public_key: PublicKey) -> str:
    return key_parts(public_key)[0].decode()


# -------------------------------------------------------------------------------------- signing


def load_signer(path: Path, passphrase: str | None) -> Signer:
    """The private key in a file, as `ssh-keygen` makes it.

    A key that cannot sign without a person, that is too weak, or that others can read, is refused.
    """
    data = _read(path)
    found = _ARMOR.fullmatch(data)
    if found is None:
        raise UsageError(
            "not-a-private-key",
            f"{path} is no private key as OpenSSH keeps it",
            hint=f"`ssh-keygen -p -f {path}` writes other private keys anew, in that form",
            subject=str(path),
        )
    try:
        kind, cipher = private_key_header(binascii.a2b_base64(found[1]))
    except ValueError:
        raise _damaged(path) from None
    if kind.startswith(HARDWARE):
        raise UsageError(
            "hardware-key",
            f"{path} belongs to a security key, which signs nothing unless a person touches it",
            hint=_MAKE_ONE,
            subject=str(path),
        )
    if kind not in _SIGNS:
        raise UsageError(
            "weak-key" if kind == "ssh-dss" else "unknown-key",
            f"{path} holds a key of kind {kind}, which signs nothing here",
            hint=_MAKE_ONE,
            subject=str(path),
        )
    key = _unlocked(path, data, cipher, passphrase)
    if isinstance(key, RSAPrivateKey) and key.key_size < _LEAST_RSA:
        raise UsageError(
            "weak-key",
            f"{path} holds an RSA key with {key.key_size} bits; {_LEAST_RSA} are needed",
            hint=_MAKE_ONE,
            subject=str(path),
        )
    written = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    public_key = parse_public_key(written.decode())
    return Signer(public_key, _signing(key, public_key))


def make_key(path: Path, comment: str) -> str:
    """A new private key in a file that nobody else reads, as `ssh-keygen` would; the public one."""
    key = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding, serialization.PublicFormat.OpenSSH
    data = key.private_bytes(
        encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    return f"{key.public_key().public_bytes(encoding.OpenSSH, form).decode()} {comment}"


_SIGNS = frozenset({"ssh-ed25519", "ssh-rsa", *(f"ecdsa-sha2-{curve}" for curve in _OF_CURVE)})


def _read(path: Path) -> bytes:
    try:
        # Not blocking: somebody may have put a pipe there.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UsageError(
            "no-key",
            f"there is no key {path}",
            hint=f"name another file, or make one: `ssh-keygen -t ed25519 -f {path}`",
            subject=str(path),
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise ReconcilerError(
            "unreadable-key",
            f"the key {path} cannot be read: {why}",
            hint="it must belong to who runs this",
            subject=str(path),
        ) from None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LONGEST_FILE:
            raise UsageError(
                "not-a-private-key",
                f"{path} is no private key: it is no file, or far too large",
                hint="name the file with the private key",
                subject=str(path),
            )
        data = os.read(file, _LONGEST_FILE)
    finally:
        os.close(file)
    if _PUBLIC.match(data):
        raise UsageError(
            "public-key",
            f"{path} is a public key, which cannot sign",
            hint=f"name the private one: {path.with_suffix('')}"
            if path.suffix == ".pub"
            else "name the private one",
            subject=str(path),
        )
    if about.st_mode & _OTHERS_MAY:
        raise ReconcilerError(
            "open-key",
            f"others on this machine may use the key {path}: its mode is "
            f"{stat.S_IMODE(about.st_mode):04o}",
            hint=f"`chmod 600 {path}`; if others were on this machine, make a new key",
            subject=str(path),
        )
    return data


def _unlocked(path: Path, data: bytes, cipher: str, passphrase: str | None) -> _Private:
    locked = cipher != "none"
    if locked and not passphrase:
        raise UsageError(
            "no-passphrase",
            f"the key {path} is locked with a passphrase, and none was given",
            hint="give it, or use a key without one that only this program can read",
            subject=str(path),
        )
    try:
        password = (passphrase or "").encode(errors="surrogateescape") if locked else None
        key = serialization.load_ssh_private_key(data, password)
    except UnsupportedAlgorithm:
        raise UsageError(
            "unknown-cipher",
            f"the key {path} is locked in a way that is not known here ({cipher})",
            hint=f"`ssh-keygen -p -Z aes256-ctr -f {path}` locks it anew",
            subject=str(path),
        ) from None
    except (ValueError, TypeError, InvalidTag):
        if not locked:
            raise _damaged(path) from None
        raise UsageError(
            "wrong-passphrase",
            f"the passphrase does not open the key {path}",
            hint=f"try it: `ssh-keygen -y -f {path}`; if that fails too, the file may be damaged",
            subject=str(path),
        ) from None
    if not isinstance(key, _Private):
        raise _damaged(path)
    return key


def _damaged(path: Path) -> ReconcilerError:
    return ReconcilerError(
        "damaged-key",
        f"the private key {path} is damaged",
        hint="take it from where it was copied from, or make a new one",
        subject=str(path),
    )


def _signing(key: _Private, public_key: PublicKey) -> Callable[[bytes], bytes]:
    match key:
        case Ed25519PrivateKey():
            return key.sign
        case EllipticCurvePrivateKey():
            _, hashed = _OF_CURVE[_curve(public_key)]
            algorithm = ECDSA(hashed)
            return lambda data: ecdsa_blob(*decode_dss_signature(key.sign(data, algorithm)))
        case RSAPrivateKey():
            return lambda data: key.sign(data, PKCS1v15(), _OF_RSA["rsa-sha2-512"])
