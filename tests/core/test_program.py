"""Which commits are the program's: those that its key signed, and a name only with all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.ssh_keys import verify
from reconciler.core.approve import NOBODY
from reconciler.core.git_objects import Who, commit_bytes, with_signature
from reconciler.core.program import ours_among
from reconciler.model.author import Author
from reconciler.model.settings import RecordWriter
from reconciler.ports import Signer
from tests.verify.history import key

US = Author("reconciler@example.com", "controller")
INES = Author("ines@example.com", "Ines Duarte")
EVE = Author("eve@elsewhere.example.com", "Eve")

Commit = tuple[Author, bytes]
Kinds = list[tuple[Author, str]]
"""Who a commit says made it, and the name of the key that signed it; empty: none."""

KINDS = st.lists(
    st.tuples(st.sampled_from((US, INES, EVE)), st.sampled_from(("controller", "eve", ""))),
    max_size=5,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Signer]:
    folder: Path = tmp_path_factory.mktemp("keys")
    return {name: key(name, folder) for name in ("controller", "eve")}


def made(author: Author, signer: Signer | None) -> Commit:
    who = Who(author.name, author.email, 0)
    data = commit_bytes("1" * 40, ["2" * 40], who, Who(US.name, US.email, 0), "More\n")
    return author, with_signature(data, signer.sign(data)) if signer is not None else data


def writer(keys: dict[str, Signer]) -> RecordWriter:
    own = keys["controller"].public_key.text
    return RecordWriter(name=US.name, email=US.email.upper(), keys=(own,))


@given(kinds=KINDS)
def test_a_name_is_ours_only_where_each_commit_in_it_is_signed(
    keys: dict[str, Signer], kinds: Kinds
) -> None:
    commits = [made(author, keys.get(name)) for author, name in kinds]
    found = ours_among(commits, (writer(keys),), NOBODY, verify)
    own = [name for author, name in kinds if author == US]
    proven = bool(own) and set(own) == {"controller"}
    assert found.authors == (frozenset({US}) if proven else frozenset())
    assert found.whole == (bool(kinds) and {name for _, name in kinds} == {"controller"})


def test_a_signature_holds_for_one_commit(keys: dict[str, Signer]) -> None:
    """Also what looks like ours in everything but one byte is nobody's."""
    _, data = made(US, keys["controller"])
    for bad in (data.replace(b"More", b"Less"), data.replace(b"2" * 40, b"3" * 40), b"", data[:99]):
        found = ours_among([(US, bad)], (writer(keys),), NOBODY, verify)
        assert (found.authors, found.whole) == (frozenset(), False)
