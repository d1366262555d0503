"""RepoTree -> Desired and Problems: every document parsed and checked, all problems at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from reconciler.core.check import check
from reconciler.core.documents import parse, salvage
from reconciler.core.faults import Fault, located
from reconciler.core.parameters import BadSchema, validator
from reconciler.core.tree import files_below, find
from reconciler.model.base import Document
from reconciler.model.blueprint import Blueprint
from reconciler.model.desired import BlueprintFolder, Desired, Loaded, Shared
from reconciler.model.documents import BY_NAME, Kind
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.tree import DOCUMENT_LIMIT, Entry, EntryKind
from reconciler.ports import RepoTree

D = TypeVar("D", bound=Document)
Found = list[Fault | Problem]

INCLUDES = "_shared"
"""The folder of `templates/` whose files every blueprint may include."""


def load(tree: RepoTree) -> tuple[Desired, tuple[Problem, ...]]:
    """What the tree wants, and everything that is wrong with it, sorted by place.

    A document with broken fields is checked without them, so that all problems come at once; what
    is returned holds whole documents only.
    """
    found: Found = []
    loader = _Loader(tree, found, salvaging=True)
    desired = Desired(tuple(loader.documents(BY_NAME["Environment"])), loader.shared())
    found += check(desired)
    environments = tuple(loaded for loaded in desired.environments if loaded.whole)
    return Desired(environments, _whole(desired.shared)), as_problems(tree, found)


def load_environments(tree: RepoTree, found: Found) -> tuple[Loaded[Environment], ...]:
    """All whole environments, by path."""
    return tuple(_Loader(tree, found).documents(BY_NAME["Environment"]))


def load_environment(tree: RepoTree, entry: Entry, found: Found) -> Loaded[Environment] | None:
    """The environment in one file, when it is whole."""
    return next(_Loader(tree, found).in_files((entry,), BY_NAME["Environment"]), None)


def load_shared(tree: RepoTree, found: Found) -> Shared:
    """Every whole document that is not an environment."""
    return _Loader(tree, found).shared()


def as_problems(tree: RepoTree, found: Found) -> tuple[Problem, ...]:
    """Faults with their lines, and problems, sorted and each once."""

    def read(path: str) -> bytes | None:
        entry = find(tree, path)
        return tree.read(entry, DOCUMENT_LIMIT) if entry and entry.kind is EntryKind.FILE else None

    faults = [one for one in found if isinstance(one, Fault)]
    problems = [one for one in found if isinstance(one, Problem)]
    return tuple(sorted({*problems, *located(faults, read)}))


def _whole(shared: Shared) -> Shared:
    def only(documents: Mapping[str, Loaded[D]]) -> dict[str, Loaded[D]]:
        return {name: loaded for name, loaded in documents.items() if loaded.whole}

    return replace(
        shared,
        settings=shared.settings if shared.settings and shared.settings.whole else None,
        profiles=only(shared.profiles),
        teams=only(shared.teams),
        agents=only(shared.agents),
        waivers=only(shared.waivers),
        freezes=only(shared.freezes),
        blueprints={key: one for key, one in shared.blueprints.items() if one.loaded.whole},
    )


@dataclass(frozen=True, slots=True)
class _Loader:
    """Reads documents of one tree and collects what is wrong with them."""

    tree: RepoTree
    found: Found
    salvaging: bool = False

    def _problem(
        self, path: str, code: str, message: str, expected: str, suggestion: str = ""
    ) -> None:
        self.found.append(Problem(path, 0, 0, code, message, expected, suggestion))

    def shared(self) -> Shared:
        """Everything but environments."""
        root = find(self.tree, "reconciler.yaml")
        settings = None
        if root is None:
            self._problem(
                "reconciler.yaml",
                "missing-settings",
                "the settings of the repository are missing",
                "a Settings document",
                "`reconciler init` writes one",
            )
        else:
            settings = next(self.in_files((root,), BY_NAME["Settings"]), None)
        return Shared(
            settings,
            self._by_name("Profile"),
            self._by_name("Team"),
            self._by_name("Agent"),
            self._by_name("Waiver"),
            self._by_name("Freeze"),
            self._blueprints(),
            tuple(self._plain_files(files_below(self.tree, f"templates/{INCLUDES}"))),
        )

    def _by_name(self, kind: str) -> dict[str, Any]:
        return {loaded.document.metadata.name: loaded for loaded in self.documents(BY_NAME[kind])}

    def documents(self, kind: Kind) -> Iterator[Loaded[Any]]:
        """All documents of a kind, by path."""
        return self.in_files(files_below(self.tree, kind.folder.rstrip("/")), kind)

    def _plain_files(self, entries: tuple[Entry, ...]) -> Iterator[Entry]:
        for entry in entries:
            if entry.kind is EntryKind.FILE:
                yield entry
            else:
                self._problem(
                    entry.path,
                    "not-a-file",
                    f"a {entry.kind.value} is never followed",
                    "a plain file",
                    "put the file itself here",
                )

    def in_files(self, entries: tuple[Entry, ...], kind: Kind) -> Iterator[Loaded[Any]]:
        """The documents in these files."""
        for entry in self._plain_files(entries):
            if entry.path.endswith(".yml"):
                self._problem(
                    entry.path, "file-name", "documents end in .yaml", kind.place, "rename the file"
                )
            elif entry.path.endswith(".yaml"):
                loaded = self._document(entry, kind)
                if loaded is not None and self._is_named(loaded, kind):
                    yield loaded

    def _is_named(self, loaded: Loaded[Any], kind: Kind) -> bool:
        name = loaded.document.metadata.name
        if "<name>" not in kind.file or loaded.path.endswith(f"/{name}.yaml"):
            return True
        self.found.append(
            Fault(
                loaded.path,
                ("metadata", "name"),
                "file-name",
                f"the file of `{name}` is not named after it",
                f"a file named `{name}.yaml`",
            )
        )
        return False

    def _document(self, entry: Entry, kind: Kind) -> Loaded[Any] | None:
        data = self._read(entry)
        if data is None:
            return None
        document, faults = parse(entry.path, data, kind)
        self.found.extend(faults)
        if document is not None:
            return Loaded(entry.path, entry.oid, document)
        document = salvage(data, kind) if self.salvaging else None
        return None if document is None else Loaded(entry.path, entry.oid, document, whole=False)

    def _read(self, entry: Entry) -> bytes | None:
        data = self.tree.read(entry, DOCUMENT_LIMIT)
        if data is None:
            self._problem(
                entry.path,
                "too-large",
                "the file is too large to be a document",
                f"at most {DOCUMENT_LIMIT // 1024} KiB",
            )
        return data

    def _blueprints(self) -> dict[tuple[str, str], BlueprintFolder]:
        root = find(self.tree, "templates")
        if root is None or root.kind is not EntryKind.FOLDER:
            return {}
        folders = {}
        for family in self.tree.children(root):
            if family.kind is not EntryKind.FOLDER or family.name == INCLUDES:
                continue
            for version in self.tree.children(family):
                if version.kind is not EntryKind.FOLDER:
                    continue
                folder = self._blueprint(family, version)
                if folder is not None:
                    folders[family.name, version.name] = folder
        return folders

    def _blueprint(self, family: Entry, version: Entry) -> BlueprintFolder | None:
        entry = find(self.tree, f"{version.path}/blueprint.yaml")
        if entry is None:
            self._problem(
                version.path,
                "missing-blueprint",
                "the folder of a blueprint's version has no `blueprint.yaml`",
                BY_NAME["Blueprint"].place,
            )
            return None
        if next(self._plain_files((entry,)), None) is None:
            return None
        loaded = self._document(entry, BY_NAME["Blueprint"])
        if loaded is None or not self._is_placed(loaded, family.name, version.name):
            return None
        try:
            parameters = validator(loaded.document)
        except BadSchema as err:
            self.found.append(
                Fault(
                    entry.path,
                    ("spec", "parameters", err.parameter),
                    "parameter-schema",
                    err.message,
                    "a usable schema",
                )
            )
            return None
        files = self._plain_files(files_below(self.tree, version.path))
        return BlueprintFolder(
            version.path, loaded, tuple(f for f in files if f.path != entry.path), parameters
        )

    def _is_placed(self, loaded: Loaded[Blueprint], family: str, version: str) -> bool:
        document = loaded.document
        wrong = [
            (field, is_value, want)
            for field, is_value, want in (
                (("metadata", "name"), document.metadata.name, family),
                (("spec", "version"), document.spec.version, version),
            )
            if is_value != want
        ]
        self.found.extend(
            Fault(
                loaded.path,
                field,
                "file-name",
                f"`{field[-1]}` is `{is_value}`, the folder `{want}`",
                f"`{want}`, or another folder",
            )
            for field, is_value, want in wrong
        )
        return not wrong
