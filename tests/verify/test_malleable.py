"""Anybody can make a second good signature of ECDSA from the first, and no second record.

With (r, s) also (r, n - s) is good, so a commit has a twin of another id that says the same.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reconciler.adapters.ssh_keys import load_signer
from reconciler.core.git_objects import read_commit, with_signature
from reconciler.core.ssh_signature import armored, ecdsa_blob, ecdsa_numbers, parse_signature
from reconciler.model.author import Author
from tests.repos import GitRepo
from tests.verify.history import World, files_of

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Records that a key of ECDSA signed."""
    repo = GitRepo.make(tmp_path / "repo.git")
    found = World(tmp_path / "repo.git", tmp_path)
    private = ec.derive_private_key(7, ec.SECP256R1())
    file = tmp_path / "key-controller"
    file.touch(mode=0o600)
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    found.signers["controller"] = load_signer(file, None)
    names = ("controller", "ada", "tom", "ines", "eve")
    repo.commit(files_of({name: found.key(name).public_key.text for name in names}))
    found.applied("acme-portal")
    return found


def twin(world: World, commit: str) -> str:
    """The commit with the other signature; nothing else is another."""
    raw = read_commit(world.read(commit))
    signature = parse_signature(raw.signature)
    first, second = ecdsa_numbers(signature)
    other = replace(signature, blob=ecdsa_blob(first, ORDER - second))
    return world.put("commit", with_signature(raw.signed, armored(other)))


def test_a_twin_says_what_the_record_said_and_whoever_saw_that_names_it(world: World) -> None:
    was = world.tip
    assert world.verify().whole
    other = twin(world, was)
    assert other != was
    anchor, *_ = world.records().anchor(Author("ada@example.com", "Ada Berg"), 1_800_000_000)
    world.move(other)

    # This machine had seen the first one, and the anchor names it.
    assert world.codes() == {"rewritten", "anchor"}
    world.forget()
    world.repository.references.delete(f"refs/tags/{anchor}")
    # Who knows neither loses nothing: the same document, by the same key.
    found = world.verify()
    assert (found.whole, found.signed) == (True, found.records)
    records = world.records()
    assert records.kept(other).digest == records.kept(was).digest


def test_nothing_follows_on_a_twin_without_a_new_signature(world: World) -> None:
    *_, before, last = world.commits
    other = twin(world, before)
    world.move(world.recommit(last, lambda data: data.replace(before.encode(), other.encode())))
    world.forget()
    assert world.codes() >= {"signature", "order"}
    # The twin beside the record that it is of: the next one stands on the record.
    world.move(last)
    assert world.verify().whole


def test_git_takes_a_twin_for_good_too(world: World, tmp_path: Path) -> None:
    """So refusing it here would make an auditor with plain git come to something else."""
    signers = tmp_path / "signers"
    key = world.key("controller").public_key.text
    signers.write_text(f'reconciler@example.com namespaces="git" {key}\n')
    for commit in (world.tip, twin(world, world.tip)):
        done = subprocess.run(
            [
                *("git", "-C", str(world.path), "-c", "gpg.format=ssh"),
                *("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", commit),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
