"""From a tree to documents: what is refused, what is not a document, and what is found together."""

from __future__ import annotations

import pytest

from reconciler.model.problem import Problem
from reconciler.model.tree import DOCUMENT_LIMIT, EntryKind
from tests.repos import (
    BLUEPRINT,
    BOX,
    LAB,
    MemoryTree,
    edited,
    loaded,
    place,
    placed,
    problems,
    shipped,
    small,
    team,
)


def codes(found: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in found]


def test_the_shipped_repository_is_loaded_whole() -> None:
    desired, found = loaded(shipped())
    assert found == ()
    assert len(desired.environments) >= 9
    assert {one.document.spec.track for one in desired.environments} == {
        "demo",
        "customer",
        "platform",
    }
    assert {one.document.spec.stage for one in desired.environments} == {
        "dev",
        "staging",
        "production",
    }
    assert desired.shared.settings is not None
    assert {"demo", "customer", "platform"} <= desired.shared.profiles.keys()


def test_environments_come_by_path_whatever_order_their_folders_have() -> None:
    files = small()
    one, two = files.pop(BOX), files.pop("environments/lab/box-two.yaml")
    files |= {"environments/a/box-two.yaml": two, "environments/a-b/box-one.yaml": one}
    desired, found = loaded(files)
    assert found == ()
    paths = [one.path for one in desired.environments]
    assert paths == sorted(paths)


def test_an_empty_repository_lacks_its_settings_and_nothing_else() -> None:
    (problem,) = problems({"README.md": "hello"})
    assert (problem.path, problem.code) == ("reconciler.yaml", "missing-settings")
    assert problem.place == "reconciler.yaml"
    assert "reconciler init" in problem.suggestion


@pytest.mark.parametrize("kind", [EntryKind.LINK, EntryKind.SUBMODULE, EntryKind.OTHER])
@pytest.mark.parametrize(
    "path",
    [
        "environments/lab/box-three.yaml",
        "environments/more",
        "profiles/tracks/other.yaml",
        "profiles/teams/deep/other",
        "policies/waivers/other.yaml",
        "templates/_shared/part.tf.j2",
        "templates/other",
        "templates/box/2.0.0",
        "templates/box/1.0.0/terraform/more.tf",
    ],
)
def test_what_is_not_a_plain_file_is_told_and_never_read(kind: EntryKind, path: str) -> None:
    tree = MemoryTree(small(), {path: kind})
    found = problems(small(), {path: kind})
    assert codes(found) == [(path, "not-a-file")]
    assert found[0].message == f"a {kind.value} is never followed"
    assert path not in tree.read_paths


@pytest.mark.parametrize("root", ["environments", "profiles", "policies", "templates"])
def test_a_root_that_is_a_link_is_told(root: str) -> None:
    files = {path: text for path, text in small().items() if not path.startswith(f"{root}/")}
    assert (root, "not-a-file") in codes(problems(files, {root: EntryKind.LINK}))


@pytest.mark.parametrize("path", ["reconciler.yaml", BLUEPRINT])
def test_a_document_that_is_a_link_is_told(path: str) -> None:
    files = small()
    del files[path]
    assert (path, "not-a-file") in codes(problems(files, {path: EntryKind.LINK}))


@pytest.mark.parametrize("path", [BOX, LAB, BLUEPRINT, "reconciler.yaml"])
def test_a_document_over_the_limit_is_told(path: str) -> None:
    files = {**small(), path: small()[path] + "#" * DOCUMENT_LIMIT}
    found = [one for one in problems(files) if one.code == "too-large"]
    assert [(one.path, one.line, one.expected) for one in found] == [(path, 0, "at most 256 KiB")]


def test_a_document_that_is_not_utf8_is_told_with_its_place() -> None:
    files: dict[str, str | bytes] = {**small()}
    files[BOX] = small()[BOX].encode() + b"# caf\xe9\n"
    (problem,) = [one for one in problems(files) if one.path == BOX]
    assert (problem.code, problem.line, problem.column) == ("yaml", 14, 6)


def test_yml_is_not_yaml() -> None:
    files = {**small(), "environments/lab/box-three.yml": small()[BOX]}
    (problem,) = problems(files)
    assert (problem.path, problem.code) == ("environments/lab/box-three.yml", "file-name")
    assert problem.suggestion == "rename the file"


def test_other_files_beside_documents_are_nobodys_business() -> None:
    notes = {
        "environments/README.md": "# hello",
        "environments/.gitkeep": "",
        "templates/README.md": "# hello",
        "templates/box/CHANGELOG.md": "# hello",
        "profiles/tracks/notes.txt": "\x00",
    }
    assert problems({**small(), **notes}) == ()


def test_a_file_is_named_after_its_document() -> None:
    files = small()
    files["environments/lab/box-uno.yaml"] = files.pop(BOX)
    found = [one for one in problems(files) if one.code == "file-name"]
    assert [placed(one) for one in found] == [
        place(files, "environments/lab/box-uno.yaml", "box-one")
    ]
    assert found[0].expected == "`environments/**/box-one.yaml`"


@pytest.mark.parametrize(
    "folder, name",
    [("profiles/teams", "team-a"), ("profiles/tracks", "lab"), ("profiles/agents", "robot"),
     ("policies/waivers", "no-vpc"), ("policies/freezes", "stop-box")],
)  # fmt: skip
def test_a_second_document_of_the_same_name_is_told_and_not_taken(folder: str, name: str) -> None:
    files = small()
    first, second = f"{folder}/{name}.yaml", f"{folder}/z/{name}.yaml"
    files[second] = files[first].replace("metadata: {", "metadata: {labels: {x: y}, ")
    desired, found = loaded(files)
    assert [(one.path, one.code) for one in found] == [(second, "file-name")]
    assert found[0].expected == f"`{first}`"
    shared = desired.shared
    every = (shared.teams, shared.profiles, shared.agents, shared.waivers, shared.freezes)
    assert [one[name].path for one in every if name in one] == [first]


def test_a_blueprint_s_folder_and_document_agree() -> None:
    files = edited(small(), BLUEPRINT, "name: box,", "name: bax,")
    files = edited(files, BLUEPRINT, "version: 1.0.0", "version: 1.0.1")
    found = [one for one in problems(files) if one.path == BLUEPRINT]
    assert [(placed(one), one.code) for one in found] == [
        (place(files, BLUEPRINT, "bax"), "file-name"),
        (place(files, BLUEPRINT, "1.0.1"), "file-name"),
    ]


def test_a_blueprint_s_folder_without_a_document_is_told() -> None:
    files = {**small(), "templates/box/2.0.0/terraform/main.tf.j2": ""}
    (problem,) = problems(files)
    assert (problem.path, problem.code) == ("templates/box/2.0.0", "missing-blueprint")


@pytest.mark.parametrize("pattern", ["[", "(?P<x", "(?=look)", "a{99999999}", "\\\\1"])
def test_a_pattern_that_cannot_be_used_is_told_at_its_parameter(pattern: str) -> None:
    files = edited(small(), BLUEPRINT, '"^[a-z]$"', f'"{pattern}"')
    found = [one for one in problems(files) if one.code == "parameter-schema"]
    assert [one.path for one in found] == [BLUEPRINT]
    assert found[0].line == place(files, BLUEPRINT, "    zone:")[1] + 1
    assert "`zone`" in found[0].message


def test_a_broken_document_does_not_hide_the_problems_of_others() -> None:
    files = {**small(), LAB: "{", "environments/lab/box-two.yaml": "- x", BOX: "a: [\n"}
    assert {(LAB, "yaml"), ("environments/lab/box-two.yaml", "type"), (BOX, "yaml")} <= set(
        codes(problems(files))
    )


def test_a_broken_document_is_not_in_what_is_desired() -> None:
    desired, found = loaded(edited(small(), BOX, "stage: dev", "stage: dve"))
    assert found != ()
    assert BOX not in {one.path for one in desired.environments}
    desired, _ = loaded(edited(small(), LAB, "isolation: shared", "isolation: shred"))
    assert "lab" not in desired.shared.profiles
    assert all(one.environment.document.spec.track != "lab" for one in desired.complete)


def test_one_fault_in_a_document_is_one_problem() -> None:
    """What is broken in one place must not be told again wherever somebody relies on it."""
    for path, old, new in (
        (LAB, "count: 1", "count: many"),
        (BOX, "stage: dev", "stage: dev\n  sage: dev"),
        (BOX, "  owner: team-a", "  owner: team-a\n  labels: {Bad Key: x}"),
        ("profiles/teams/team-a.yaml", "contact:", "labels: {a: 1}\n  contact:"),
        ("reconciler.yaml", "kind: slack", "kind: slak"),
        (LAB, "isolation: shared", "isolation: shred"),
        ("profiles/teams/team-a.yaml", "costCentre: ", "costCentre: {a: 1}\n  #"),
        (BOX, "stage: dev", "stage: dve"),
    ):
        assert len(problems(edited(small(), path, old, new))) == 1, (path, new)


def test_a_folder_that_nothing_looks_into_is_told() -> None:
    files = small()
    files["profiles/track/lab.yaml"] = files[LAB]
    (problem,) = problems(files)
    assert (problem.path, problem.code) == ("profiles/track", "unknown-folder")
    assert problem.suggestion == "did you mean `tracks`?"


def test_problems_are_sorted_by_place_and_told_once() -> None:
    files = edited(small(), BOX, "stage: dev", "stage: dve")
    files = edited(files, LAB, "isolation: shared", "isolation: shred")
    files["profiles/teams/team-c.yaml"] = team("team-d")
    found = problems(files)
    assert list(found) == sorted(set(found))
    assert {one.path for one in found} >= {BOX, LAB, "profiles/teams/team-c.yaml"}
