"""The kinds of documents, and where in a repository each lives.

A new kind is a model, a line here and a page in `docs/documents/`.
"""

from dataclasses import dataclass
from typing import Final

from reconciler.model.agent import Agent
from reconciler.model.base import Document
from reconciler.model.blueprint import Blueprint
from reconciler.model.environment import Environment
from reconciler.model.freeze import Freeze
from reconciler.model.profile import Profile
from reconciler.model.settings import Settings
from reconciler.model.suppression import Suppression
from reconciler.model.team import Team
from reconciler.model.waiver import Waiver


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its model, the folder of its documents and how a document's file is named."""

    model: type[Document]
    folder: str
    file: str

    @property
    def name(self) -> str:
        """The word that stands in `kind:`."""
        return self.model.__name__

    @property
    def place(self) -> str:
        """Where a document of this kind belongs, for messages."""
        return f"{self.folder}{self.file}"


KINDS: Final = (
    Kind(Environment, "environments/", "**/<name>.yaml"),
    Kind(Profile, "profiles/tracks/", "<name>.yaml"),
    Kind(Team, "profiles/teams/", "<name>.yaml"),
    Kind(Agent, "profiles/agents/", "<name>.yaml"),
    Kind(Waiver, "policies/waivers/", "<name>.yaml"),
    Kind(Freeze, "policies/freezes/", "<name>.yaml"),
    Kind(Suppression, "policies/suppressions/", "<name>.yaml"),
    Kind(Blueprint, "templates/", "<name>/<version>/blueprint.yaml"),
    Kind(Settings, "", "reconciler.yaml"),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}
