"""SSH keys and signatures, as values. What is done with them is in core and in an adapter."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signed, as far as a signature can say. Whether that key is trusted is not said here."""

    kind: str
    """As SSH names it, `ssh-ed25519` for one."""
    blob: bytes
    """The key as SSH sends it, its kind included: two keys are the same when these bytes are."""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + b64encode(digest).decode().rstrip("=")

    @property
    def text(self) -> str:
        """As it stands in an authorized_keys file, without a comment."""
        return f"{self.kind} {b64encode(self.blob).decode()}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature claims. Nobody has checked it yet."""

    public_key: PublicKey
    namespace: str
    """What it was made for, so that a signature of a file is not taken for one of a commit."""
    hash_name: str
    format: str
    """The algorithm: an RSA key has several, any other key has the one of its kind."""
    blob: bytes
    flags: int = 0
    """Of a hardware key: what the person did (1: touched it). Other keys have none."""
    counter: int = 0
    """Of a hardware key: how many signatures it had made."""
