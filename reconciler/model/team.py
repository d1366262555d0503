"""Team: people, and what they own."""

from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import Document, Items, Label, Metadata, Model, PathGlob, Text, worded

Email = Annotated[str, worded(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "an e-mail address", max_length=254)]
SshKey = Annotated[
    str,
    worded(
        r"^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|ssh-rsa) "
        r"[A-Za-z0-9+/]+={0,3}( .*)?$",
        "an SSH public key, as in authorized_keys",
        max_length=2000,
    ),
]
ForgeId = Annotated[int, Field(ge=1)]


class Member(Model):
    """A person. Names can be changed by anyone; ids and keys tell who acted."""

    name: Text
    """The person's name, for people."""
    email: Email
    """As in the person's commits."""
    forge_id: ForgeId | None = None
    """The person's numeric id at the forge."""
    keys: Items[SshKey] = ()
    """Public keys that the person signs with."""


class TeamSpec(Model):
    """Who is in it and what is theirs."""

    members: tuple[Member, ...] = Field(min_length=1)
    """The people."""
    contact: Text
    """Where to reach them: a channel or an address."""
    cost_centre: Label
    """Where their environments are charged; becomes a tag."""
    owns: Items[PathGlob] = ()
    """Paths beyond their environments that only they may change: profiles, policies, templates."""


class Team(Document):
    """People, and what they own."""

    kind: Literal["Team"]
    """Team"""
    metadata: Metadata
    """Name, description and labels."""
    spec: TeamSpec
    """Who is in it and what is theirs."""
