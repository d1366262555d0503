"""RepoTree -> Desired and Problems: every document parsed and checked, all problems at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

from reconciler.core.check import check
from reconciler.core.documents import parse, salvage
from reconciler.core.faults import Fault, located
from reconciler.core.many import uncollected
from reconciler.core.parameters import BadSchema, defaults, validator
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import files_below, find
from reconciler.model.base import Document
from reconciler.model.blueprint import Blueprint
from reconciler.model.desired import BlueprintFolder, Desired, Effective, Loaded, Shared
from reconciler.model.documents import BY_NAME, Kind
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.tree import DOCUMENT_LIMIT, Entry, EntryKind
from reconciler.ports import RepoTree

D = TypeVar("D", bound=Document)
K = TypeVar("K")
V = TypeVar("V")
Found = list[Fault | Problem]

ROOTS = frozenset({"policies", "profiles", "templates"})
"""Folders whose documents `shared` reads; one that is a link is told, and not followed."""
_FOLDERS = {"profiles": ("agents", "teams", "tracks")}
"""Where only these are looked into: what lies elsewhere would be skipped in silence."""
INCLUDES = "_shared"
"""The folder of `templates/` whose files every blueprint may include."""


@uncollected()
def load(tree: RepoTree) -> tuple[Desired, tuple[Problem, ...]]:
    """What the tree wants, and everything that is wrong with it, sorted by place.

    A document with broken fields is checked without them, so that all problems come at once; what
    is returned holds whole documents only.
    """
    found: Found = []
    loader = _Loader(tree, found, salvaging=True)
    shared = loader.shared()
    environments = tuple(loader.documents(BY_NAME["Environment"]))
    complete, faults = check(environments, shared)
    broken = _broken(tree, environments, shared) if found else frozenset()
    found += [fault for fault in faults if fault.refers not in broken]
    desired = Desired(
        tuple(one for one in environments if one.whole),
        _whole(shared),
        tuple(one for one in complete if _is_whole(one)),
    )
    return desired, as_problems(tree, found)


def check_some(
    tree: RepoTree, paths: Iterable[str], others: Collection[str], *, shared_too: bool
) -> tuple[Problem, ...]:
    """What is wrong with some environments, as `load` would tell it, and no other is read.

    `paths` must hold all that the answer rests on (`affected.neighbours`); `others` are the names
    of the rest. `shared_too`: also what documents beside environments say of environments.
    """
    found: Found = []
    loader = _Loader(tree, found, salvaging=True)
    shared = lazy_shared(tree)
    entries = tuple(entry for path in sorted(paths) if (entry := find(tree, path)) is not None)
    environments = tuple(loader.in_files(entries, BY_NAME["Environment"]))
    _, faults = check(environments, shared, others, shared_too=shared_too)
    read = {one.path for one in environments}
    unread = {entry.name.removesuffix(".yaml") for entry in entries if entry.path not in read}
    found += [fault for fault in faults if not _refers_to_broken(tree, fault, shared, unread)]
    return as_problems(tree, found)


def _refers_to_broken(
    tree: RepoTree, fault: Fault, shared: Shared, unread: Collection[str]
) -> bool:
    """Whether a document that was looked for is there and cannot be read."""
    if fault.refers is None:
        return False
    kind, name = fault.refers
    if kind == "Environment":
        return name in unread or any(
            entry.name == f"{name}.yaml" for entry in files_below(tree, "environments")
        )
    if kind == "Blueprint":
        return any(
            key[0] == name and key not in shared.blueprints for key in blueprint_folders(tree)
        )
    return find(tree, f"{BY_NAME[kind].folder}{name}.yaml") is not None


def _broken(
    tree: RepoTree, environments: tuple[Loaded[Environment], ...], shared: Shared
) -> frozenset[tuple[str, str]]:
    """Documents that are there and could not be read at all: (kind, name)."""
    groups: tuple[tuple[str, Iterable[Loaded[Any]]], ...] = (
        ("Environment", environments),
        ("Profile", shared.profiles.values()),
        ("Team", shared.teams.values()),
        ("Agent", shared.agents.values()),
    )
    found = set()
    for kind, loaded in groups:
        read = {one.path for one in loaded}
        for entry in files_below(tree, BY_NAME[kind].folder.rstrip("/")):
            if entry.path not in read:
                found.add((kind, entry.name.removesuffix(".yaml")))
    for family, version in blueprint_folders(tree):
        if (family, version) not in shared.blueprints:
            found.add(("Blueprint", family))
    return frozenset(found)


def _is_whole(one: Effective) -> bool:
    parts = (one.environment, one.profile, one.team, one.blueprint.loaded)
    return all(part.whole for part in parts)


def load_environments(tree: RepoTree, found: Found) -> tuple[Loaded[Environment], ...]:
    """All whole environments, by path."""
    return tuple(_Loader(tree, found).documents(BY_NAME["Environment"]))


def load_environment(tree: RepoTree, entry: Entry, found: Found) -> Loaded[Environment] | None:
    """The environment in one file, when it is whole."""
    return next(_Loader(tree, found).in_files((entry,), BY_NAME["Environment"]), None)


def load_shared(tree: RepoTree, found: Found) -> Shared:
    """Every whole document that is not an environment."""
    return _Loader(tree, found).shared()


def lazy_shared(tree: RepoTree) -> Shared:
    """The same as `load_shared`, each document read when it is asked for, problems not collected.

    One environment needs one profile, one team and one blueprint, however many there are.
    """
    loader = _Loader(tree, [])
    settings = find(tree, "reconciler.yaml")
    folders = blueprint_folders(tree)
    return Shared(
        next(loader.in_files((settings,), BY_NAME["Settings"]), None) if settings else None,
        _Lazy(*loader.by_path("Profile")),
        _Lazy(*loader.by_path("Team")),
        _Lazy(*loader.by_path("Agent")),
        _Lazy(*loader.by_path("Waiver")),
        _Lazy(*loader.by_path("Freeze")),
        _Lazy(*loader.by_path("Suppression")),
        _Lazy(folders, lambda key: loader.blueprint(folders[key], key)),
        loader.includes(),
    )


def blueprint_folders(tree: RepoTree) -> dict[tuple[str, str], Entry]:
    """The folder of each version of each blueprint, whether it is usable or not."""
    root = find(tree, "templates")
    if root is None or root.kind is not EntryKind.FOLDER:
        return {}
    return {
        (family.name, version.name): version
        for family in tree.children(root)
        if family.kind is EntryKind.FOLDER and family.name != INCLUDES
        for version in tree.children(family)
        if version.kind is EntryKind.FOLDER
    }


class _Lazy(Mapping[K, V]):
    """Values that are read on demand, once. A key whose value cannot be read is not in it."""

    def __init__(self, keys: Collection[K], read: Callable[[K], V | None]) -> None:
        self._keys = keys
        self._read = read
        self._known: dict[K, V | None] = {}

    def __getitem__(self, key: K) -> V:
        if key not in self._known:
            self._known[key] = self._read(key) if key in self._keys else None
        value = self._known[key]
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[K]:
        return (key for key in self._keys if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


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
        suppressions=only(shared.suppressions),
        blueprints={key: one for key, one in shared.blueprints.items() if one.loaded.whole},
    )


_MANY = BY_NAME["Environment"]
_FEW = 256


@lru_cache(_FEW)
def _parsed(
    path: str, data: bytes, kind: Kind
) -> tuple[Document | None, Sequence[Fault | Problem]]:
    """A document that many environments share: several trees hold the same one."""
    document, found = parse(path, data, kind)
    return document, tuple(found)


_VALIDATORS: dict[int, tuple[Blueprint, type[BaseModel]]] = {}


def _validated(blueprint: Blueprint) -> type[BaseModel]:
    """Its parameters' model, made once for each blueprint that is remembered."""
    found = _VALIDATORS.get(id(blueprint))
    if found is None:
        while len(_VALIDATORS) >= _FEW:
            _VALIDATORS.pop(next(iter(_VALIDATORS)), None)
        # The blueprint is kept beside it: an id is one's own only as long as one lives.
        found = _VALIDATORS[id(blueprint)] = (blueprint, validator(blueprint))
    return found[1]


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
        self._tell_links()
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
            self._by_name("Suppression"),
            self._blueprints(),
            self.includes(),
        )

    def includes(self) -> tuple[Entry, ...]:
        """The templates that every blueprint may include."""
        return tuple(self._plain_files(files_below(self.tree, f"templates/{INCLUDES}")))

    def by_path(self, kind: str) -> tuple[Collection[str], Callable[[str], Loaded[Any] | None]]:
        """The names for which there is a file, and how to read one."""
        folder = BY_NAME[kind].folder
        entries = {
            entry.path.removeprefix(folder).removesuffix(".yaml"): entry
            for entry in files_below(self.tree, folder.rstrip("/"))
        }
        return entries.keys(), lambda name: next(
            self.in_files((entries[name],), BY_NAME[kind]), None
        )

    def _by_name(self, kind: str) -> dict[str, Any]:
        return {loaded.document.metadata.name: loaded for loaded in self.documents(BY_NAME[kind])}

    def documents(self, kind: Kind) -> Iterator[Loaded[Any]]:
        """All documents of a kind, by path."""
        entries = files_below(self.tree, kind.folder.rstrip("/"))
        return self.in_files(tuple(sorted(entries, key=lambda entry: entry.path)), kind)

    def _plain_files(self, entries: tuple[Entry, ...]) -> Iterator[Entry]:
        for entry in entries:
            if entry.kind is EntryKind.FILE:
                yield entry
            elif entry.kind is EntryKind.BAD_NAME:
                self._problem(
                    entry.path,
                    "file-name",
                    "the name is not allowed in a path",
                    "letters, digits and - _ .",
                    "rename it",
                )
            else:
                self._problem(
                    entry.path,
                    "not-a-file",
                    f"a {entry.kind.value} is never followed",
                    "plain files and folders",
                    "put what it leads to here",
                )

    def _tell_links(self) -> None:
        """Links where a folder belongs. Files beside such folders are nobody's business."""
        tops = [entry for entry in self.tree.children(None) if entry.path in ROOTS]
        families = [entry for top in tops if top.path == "templates" for entry in self._in(top)]
        versions = [entry for family in families for entry in self._in(family)]
        for entry in (one for top in tops for one in self._in(top)):
            known = _FOLDERS.get(entry.path.partition("/")[0], ())
            if known and entry.kind is EntryKind.FOLDER and entry.name not in known:
                self._problem(
                    entry.path,
                    "unknown-folder",
                    f"nothing looks into the folder `{entry.path}`",
                    f"one of: {listed(known)}",
                    did_you_mean(entry.name, known),
                )
        for entry in (*tops, *families, *versions):
            if entry.kind not in (EntryKind.FOLDER, EntryKind.FILE):
                list(self._plain_files((entry,)))

    def _in(self, folder: Entry) -> Sequence[Entry]:
        is_folder = folder.kind is EntryKind.FOLDER and folder.name != INCLUDES
        return self.tree.children(folder) if is_folder else ()

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
        if loaded.path == kind.place.replace("<name>", name):
            return True
        if kind.file.startswith("**") and loaded.path.endswith(f"/{name}.yaml"):
            return True
        self.found.append(
            Fault(
                loaded.path,
                ("metadata", "name"),
                "file-name",
                f"the file of `{name}` is not named after it",
                f"`{kind.place.replace('<name>', name)}`",
            )
        )
        return False

    def _document(self, entry: Entry, kind: Kind) -> Loaded[Any] | None:
        data = self._read(entry)
        if data is None:
            return None
        document, faults = (parse if kind is _MANY else _parsed)(entry.path, data, kind)
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
        read = {
            key: self.blueprint(version, key)
            for key, version in blueprint_folders(self.tree).items()
        }
        return {key: folder for key, folder in read.items() if folder is not None}

    def blueprint(self, version: Entry, key: tuple[str, str]) -> BlueprintFolder | None:
        """The blueprint in a version's folder."""
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
        if loaded is None or not self._is_placed(loaded, *key):
            return None
        try:
            parameters = _validated(loaded.document)
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
            version.path,
            loaded,
            tuple(file for file in files if file.path != entry.path),
            parameters,
            defaults(loaded.document),
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
