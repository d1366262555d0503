"""The command line as a person and a program meet it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS, main
from tests.done import Done
from tests.repos import BOX, LAB, SHOP, GitRepo, edited, environment, place, small, write

Run = Callable[..., Done]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A clone with the small repository committed and checked out."""
    repo = GitRepo.make(tmp_path / "repo", bare=False)
    repo.commit(small())
    write(repo.path, small())
    return repo


@pytest.fixture
def run(repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the repository."""
    monkeypatch.chdir(repo.path)

    def call(*argv: str) -> Done:
        capsys.readouterr()
        try:
            main(list(argv))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err
        assert "\x1b" not in said.out + said.err
        return Done(code, said.out, said.err)

    return call


def process(*argv: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "reconciler", *argv],
        cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=60,  # noqa: E501  # a table
    )  # fmt: skip


# ---------------------------------------------------------------------------------- the whole


def test_help_lists_every_command(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    assert all(name in done.out for name in COMMANDS)
    assert "Exit codes" in done.out


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert "Examples:" in done.out
    assert f"reconciler {command}" in done.out


def test_a_misspelt_command_gets_a_suggestion(run: Run) -> None:
    done = run("validat")
    assert done.code == 2
    assert "there is no command `validat`; did you mean `validate`?" in done.err


def test_what_is_a_command_elsewhere_is_shown_as_what_it_is_here(run: Run) -> None:
    for word, here in (("help", "`reconciler check --help`"), ("version", "--version`")):
        done = run(word)
        assert done.code == 2
        assert here in done.err


@pytest.mark.parametrize(
    "argv",
    [["nonsense"], ["validate", "--nonsense"], ["show"], ["list", "--stage", "prod"],
     ["affected"], ["new"], ["validate", "--format", "xml"], ["render", "a", "b"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(run: Run, argv: list[str]) -> None:
    done = run(*argv)
    assert done.code == 2
    assert done.out == ""
    assert done.err


@pytest.mark.parametrize(
    "argv",
    [["validate"], ["list"], ["show", "x"], ["render"], ["affected", "--base", "main"],
     ["new", "--track", "lab", "--name", "x"]],
)  # fmt: skip
def test_outside_of_a_repository(
    run: Run, argv: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = str(tmp_path_factory.mktemp("outside"))
    done = run(*argv, "--repo", outside)
    assert done.code == 2
    assert f"error: {outside} is not in a git repository" in done.err
    assert "try: go to a clone" in done.err
    as_data = run(*argv, "--repo", outside, "--format", "json")
    assert as_data.code == 2
    assert as_data.json["kind"] == "Error"
    assert (as_data.json["reason"], as_data.json["exitCode"]) == ("not-a-repository", 2)


def test_json_may_be_asked_for_by_the_environment_also_for_failures(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_FORMAT", "json")
    assert run("list").json["kind"] == "EnvironmentList"
    assert run("show", "nobody").json["kind"] == "Error"


@pytest.mark.parametrize(
    "name, value", [("RECONCILER_JOBS", "lots"), ("RECONCILER_RENDER_SECONDS", "-1")]
)
def test_a_setting_of_the_process_that_is_wrong_is_a_users_mistake(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    done = run("validate")
    assert done.code == 2
    assert name in done.err


@pytest.mark.parametrize("name", ["RECONCILER_JOBS", "RECONCILER_SIGNING_KEY"])
def test_a_setting_of_the_process_that_is_empty_is_not_set(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # As pipelines and shells take a variable away for one command.
    monkeypatch.setenv(name, "")
    assert run("validate").code == 0
    assert "signing key: there is none" in run("doctor").out


def test_a_bug_gives_no_traceback_but_a_file_to_send(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def broken() -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("reconciler.wiring.build", broken)
    monkeypatch.delitem(sys.modules, "reconciler.cli.validate_command", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["validate"])
    # Gone for good: monkeypatch would put the broken module back when nothing was there before.
    sys.modules.pop("reconciler.cli.validate_command", None)
    assert stop.value.code == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "bug: RuntimeError: it broke" in said.err
    (log,) = tmp_path.glob("reconciler-*.log")
    assert "Traceback" in log.read_text()


# ----------------------------------------------------------------------------------- validate


def test_a_valid_repository(run: Run) -> None:
    done = run("validate")
    assert done.code == 0
    assert done.out.startswith("VALID: 5 environments, 2 profiles, 1 blueprint, 2 teams, 1 agent")
    assert done.err == ""


def test_problems_are_shown_as_places_that_an_editor_opens(run: Run, repo: GitRepo) -> None:
    files = edited(small(), BOX, "size: small", "sise: small")
    files = edited(files, LAB, "count: 1", "count: one")
    write(repo.path, files)
    done = run("validate")
    assert done.code == 1
    assert done.out.startswith("NOT VALID: ")
    assert f"{BOX}:12:5: box has no parameter `sise` [unknown-parameter]" in done.out
    assert "try: did you mean `size`?" in done.out
    line, column = place(files, LAB, "one, teams")[1:]
    assert f"{LAB}:{line}:{column}: `count` is text (`one`) [type]" in done.out
    assert "expected: a whole number" in done.out


def test_what_is_committed_and_what_lies_there_are_two_things(run: Run, repo: GitRepo) -> None:
    write(repo.path, {BOX: "{"})
    assert run("validate").code == 1
    assert run("validate", "--rev", "main").code == 0
    assert run("validate").code == 1


def test_the_shape_of_json(run: Run, repo: GitRepo) -> None:
    commit = run("validate", "--rev", "main", "--format", "json").json
    assert commit == {
        "apiVersion": "reconciler/v1",
        "kind": "Validation",
        "revision": str(repo.repository.references["refs/heads/main"].target),
        "valid": True,
        "documents": {
            "Environment": 5, "Profile": 2, "Blueprint": 1, "Team": 2, "Agent": 1, "Waiver": 1,
            "Suppression": 0, "Freeze": 1, "Settings": 1,
        },
        "problems": [],
    }  # fmt: skip
    write(repo.path, edited(small(), BOX, "size: small", "sise: small"))
    here = run("validate", "--format", "json")
    assert here.code == 1
    assert here.json["valid"] is False
    assert here.json["problems"] == [
        {
            "path": BOX, "line": 12, "column": 5, "code": "unknown-parameter",
            "message": "box has no parameter `sise`",
            "expected": "one of: friends, image, machine, network, notes, open, replicas, share, size, zone",  # noqa: E501  # a table
            "suggestion": "did you mean `size`?",
        }
    ]  # fmt: skip


def test_the_second_time_and_without_a_cache_it_says_the_same(
    run: Run, repo: GitRepo, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(repo.path, edited(small(), BOX, "size: small", "sise: small"))
    first = run("validate")
    assert list(own_cache.iterdir())
    assert run("validate") == first
    for file in own_cache.iterdir():
        file.write_bytes(b"garbage")
    assert run("validate") == first
    monkeypatch.setenv("RECONCILER_CACHE_DIR", "none")
    assert run("validate") == first


def test_a_bare_repository_is_taken_at_its_head(run: Run, tmp_path: Path) -> None:
    bare = GitRepo.make(tmp_path / "bare.git")
    commit = bare.commit(small())
    done = run("validate", "--repo", str(bare.path), "--format", "json")
    assert (done.code, done.json["revision"]) == (0, commit)


def test_an_unknown_revision(run: Run) -> None:
    done = run("validate", "--rev", "nothing")
    assert done.code == 2
    assert "`nothing` does not name one commit here" in done.err


def test_a_template_that_cannot_be_read_is_a_problem(run: Run, repo: GitRepo) -> None:
    write(repo.path, {"templates/box/1.0.0/terraform/more.tf.j2": "a = {{ \n"})
    done = run("validate")
    assert done.code == 1
    assert "templates/box/1.0.0/terraform/more.tf.j2:1" in done.out


def test_nothing_in_a_document_reaches_the_terminal_as_a_command(run: Run, repo: GitRepo) -> None:
    """The `run` fixture refuses any escape character; here are more that move or hide text."""
    nasty = r'"\e[2J\e]0;owned\a\x9b31m\u202e\u2066\u200b\x7f\b\r hello"'
    files = edited(small(), BOX, "  owner: team-a", f"  owner: team-a\n  description: {nasty}")
    files = edited(files, SHOP, "owner: team-a", f"owner: {nasty}")
    files["environments/lab/box-two.yaml"] = files["environments/lab/box-two.yaml"].replace(
        "size: small", f"size: {nasty}"
    )
    write(repo.path, files)
    (repo.path / "environments/lab/a\x1b[2Jb\u202e.yaml").write_text("{")
    for argv in (["validate"], ["list"], ["show", "box-one"], ["show", "shop"], ["render"],
                 ["render", "box-one"], ["affected", "--base", "main"], ["show", "\x1b[2J"]):  # fmt: skip  # noqa: E501  # a table
        done = run(*argv)
        for char in "\x1b\x9b\u202e\u2066\u200b\x7f\x07\x08\r":
            assert char not in done.out + done.err, (argv, char)
    shown = run("show", "box-one")
    assert "hello" in shown.out


# --------------------------------------------------------------------------------------- list


def names(done: Done) -> list[str]:
    return [one["name"] for one in done.json["environments"]]


def test_all_environments_by_name(run: Run) -> None:
    done = run("list")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["NAME", "TRACK", "STAGE", "OWNER", "BLUEPRINT", "REGION", "$/MONTH"]
    assert [line.split()[0] for line in lines[1:]] == [
        "box-one", "box-two", "shop", "shop-dev", "shop-staging",
    ]  # fmt: skip
    assert lines[1].split() == [
        "box-one", "lab", "dev", "team-a", "box", "1.0.0", "eu-central-1", "~5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--track", "live"], ["shop", "shop-dev", "shop-staging"]),
        (["--stage", "staging"], ["box-two", "shop-staging"]),
        (["--track", "lab", "--stage", "dev"], ["box-nine", "box-one"]),
        (["--owner", "team-b"], ["box-nine"]),
        (["--label", "tier=gold"], ["box-nine"]),
        (["--label", "tier=gold", "--label", "x=y"], []),
        (["--label", "tier=tin"], []),
        (["--track", "nothing"], []),
    ],
)
def test_filters(run: Run, repo: GitRepo, options: list[str], expected: list[str]) -> None:
    text = environment("box-nine").replace("owner: team-a", "owner: team-b\n  labels: {tier: gold}")
    write(repo.path, {"environments/lab/box-nine.yaml": text})
    assert names(run("list", *options, "--format", "json")) == expected


def test_the_shape_of_a_row(run: Run) -> None:
    done = run("list", "--stage", "production", "--format", "json")
    assert done.json == {
        "apiVersion": "reconciler/v1",
        "kind": "EnvironmentList",
        "revision": "working tree",
        "environments": [
            {
                "name": "shop", "path": SHOP, "track": "live", "stage": "production",
                "owner": "team-a", "blueprint": {"name": "box", "version": "1.0.0"},
                "region": "eu-central-1", "account": "222222222222",
                "promotedFrom": "shop-staging", "description": "", "monthlyCost": 5, "labels": {},
            }
        ],
        "problemCount": 0,
    }  # fmt: skip


def test_an_empty_list_says_so(run: Run, tmp_path: Path) -> None:
    assert run("list", "--track", "nothing").out == "No environment matches.\n"
    GitRepo.make(tmp_path / "empty", bare=False)
    done = run("list", "--repo", str(tmp_path / "empty"))
    assert "No environments here." in done.out
    assert "reconciler new" in done.out


def test_a_list_of_a_broken_repository_says_that_some_may_be_missing(
    run: Run, repo: GitRepo
) -> None:
    write(repo.path, {BOX: "{"})
    done = run("list")
    assert "box-one" not in done.out.split("problem")[0]
    assert "some documents may be missing above" in done.out


# --------------------------------------------------------------------------------------- show


def test_one_environment_with_where_each_value_comes_from(run: Run) -> None:
    done = run("show", "box-one")
    assert done.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.split()}
    assert rows["size"] == ["small", "environment"]
    assert rows["replicas"] == ["1", "profile"]
    assert rows["zone"] == ["a", "blueprint"]
    assert rows["lives"][:2] == ["72", "hours"]


def test_the_shape_of_one_environment(run: Run) -> None:
    view = run("show", "box-one", "--format", "json").json
    assert view["kind"] == "EnvironmentView"
    assert view["path"] == BOX
    assert view["document"]["metadata"]["name"] == "box-one"
    assert view["effective"]["region"] == "eu-central-1"
    assert view["effective"]["parameters"]["replicas"] == {"value": 1, "from": "profile"}
    assert view["rendered"]["digest"].startswith("sha256:")
    assert view["problems"] == []
    assert view["templateContext"]["environment"]["name"] == "box-one"


def test_an_environment_that_is_not_there(run: Run) -> None:
    done = run("show", "box-onne")
    assert done.code == 2
    assert "there is no environment `box-onne` in the working tree" in done.err
    assert "did you mean `box-one`?" in done.err
    far = run("render", "qqqqqq")
    assert "there are: box-one" in far.err
    assert "not in that commit" not in far.err


def test_an_environment_that_is_not_committed_yet(repo: GitRepo, run: Run) -> None:
    document = (repo.path / "environments/lab/box-one.yaml").read_text(encoding="utf-8")
    write(repo.path, {"environments/lab/far-away.yaml": document.replace("box-one", "far-away")})
    assert run("render", "far-away").code == 0
    done = run("render", "far-away", "--rev", "HEAD")
    assert done.code == 2
    assert "what lies in your files, or on another branch, is not in that commit" in done.err


def test_an_environment_with_problems(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), BOX, "size: small", "size: huge"))
    done = run("show", "box-one")
    assert (done.code, done.out) == (1, "")
    assert f"{BOX}:12:11: `size` is `huge`" in done.err
    view = run("show", "box-one", "--format", "json")
    assert view.code == 1
    assert [one["code"] for one in view.json["problems"]] == ["parameter"]


def test_a_life_is_counted_in_hours_and_no_life_is_less_than_one(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), BOX, "  stage: dev", "  ttl: 2d\n  stage: dev"))
    assert run("show", "box-one", "--format", "json").json["effective"]["ttlHours"] == 48
    write(repo.path, edited(small(), BOX, "  stage: dev", "  ttl: 30m\n  stage: dev"))
    assert f"{BOX}:8:8: `ttl` is text (`30m`)" in run("show", "box-one").err


def test_one_name_in_two_files(run: Run, repo: GitRepo) -> None:
    write(repo.path, {"environments/other/box-one.yaml": small()[BOX]})
    done = run("show", "box-one")
    assert done.code == 2
    assert "stands in 2 files" in done.err


# ------------------------------------------------------------------------------------- render


def test_the_files_of_one_environment(run: Run) -> None:
    done = run("render", "box-one")
    assert done.code == 0
    assert "# --- terraform/main.tf" in done.out
    assert 'name  = "box-one"' in done.out
    assert "# --- pipeline/.gitlab-ci.yml" in done.out
    assert "# box-one: 2 files" in done.out


def test_the_shape_of_rendered_files(run: Run) -> None:
    one = run("render", "box-one", "--format", "json").json
    assert one["kind"] == "Rendered"
    assert one["environment"] == "box-one"
    assert [file["path"] for file in one["files"]] == [
        "pipeline/.gitlab-ci.yml",
        "terraform/main.tf",
    ]
    every = run("render", "--format", "json").json
    assert every["kind"] == "RenderedList"
    (mine,) = [item for item in every["environments"] if item["name"] == "box-one"]
    assert mine["rendered"]["digest"] == one["digest"]
    assert mine["problems"] == []


def test_all_in_short_and_the_same_the_second_time(run: Run) -> None:
    first = run("render")
    assert first.code == 0
    assert "5 environments rendered" in first.out
    assert run("render") == first


def test_all_but_the_broken_one(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), BOX, "size: small", "size: huge"))
    done = run("render")
    assert done.code == 1
    assert "1 environment cannot be rendered, 4 environments rendered" in done.out
    assert f"{BOX}:12:11" in done.out
    one = run("render", "box-one")
    assert (one.code, one.out) == (1, "")
    assert f"{BOX}:12:11" in one.err


def test_a_revision_is_rendered_and_not_what_lies_there(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), BOX, "image: box:1", "image: box:2"))
    assert '"box:2"' in run("render", "box-one").out
    assert '"box:1"' in run("render", "box-one", "--rev", "main").out


def test_the_difference_to_a_revision(run: Run, repo: GitRepo) -> None:
    assert "No difference" in run("render", "box-one", "--diff", "main").out
    write(repo.path, edited(small(), BOX, "image: box:1", "image: box:2"))
    done = run("render", "box-one", "--diff", "main")
    assert done.code == 0
    assert "--- a/terraform/main.tf" in done.out
    assert '-    image = "box:1"' in done.out
    assert '+    image = "box:2"' in done.out
    data = run("render", "box-one", "--diff", "main", "--format", "json").json
    assert (data["kind"], [file["path"] for file in data["files"]]) == (
        "RenderedDiff",
        ["terraform/main.tf"],
    )


def test_the_difference_of_a_new_environment_is_all_of_it(run: Run, repo: GitRepo) -> None:
    write(repo.path, {"environments/lab/box-new.yaml": environment("box-new")})
    done = run("render", "box-new", "--diff", "main")
    assert done.code == 0
    assert "--- /dev/null" in done.out
    assert "\n-" not in done.out.replace("\n---", "")


def test_a_difference_of_all_is_not_offered(run: Run) -> None:
    assert run("render", "--diff", "main").code == 2
    assert run("render", "box-one", "--diff", "main", "--out", "x").code == 2


def test_files_are_written_each_environment_in_its_own_folder(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("render", "--out", str(out))
    assert done.code == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "box-one", "box-two", "shop", "shop-dev", "shop-staging",
    ]  # fmt: skip
    assert '"box-one"' in (out / "box-one/terraform/main.tf").read_text()
    single = run("render", "shop", "--out", str(out), "--format", "json")
    assert single.json["files"] == [
        str(out / "shop/pipeline/.gitlab-ci.yml"),
        str(out / "shop/terraform/main.tf"),
    ]


@pytest.mark.parametrize("what", ["box-one", "box-one/terraform", "box-one/terraform/main.tf"])
@pytest.mark.parametrize("environments", [["box-one"], []])
def test_nothing_is_written_through_a_link(
    run: Run, tmp_path: Path, what: str, environments: list[str]
) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    (outside / "main.tf").write_text("mine")
    (out / what).parent.mkdir(parents=True)
    (out / what).symlink_to(outside / "main.tf" if what.endswith("main.tf") else outside)
    done = run("render", *environments, "--out", str(out))
    assert done.code in (1, 2)
    assert "is a link" in done.err
    assert (outside / "main.tf").read_text() == "mine"
    assert [path.name for path in outside.iterdir()] == ["main.tf"]


def test_a_folder_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert run("render", "box-one", "--out", str(tmp_path / "file")).code == 2
    done = run("render", "box-one", "--out", str(tmp_path / "file" / "below"))
    assert done.code == 1
    assert "cannot be written" in done.err


# ----------------------------------------------------------------------------------- affected


def test_what_a_range_touches(run: Run, repo: GitRepo) -> None:
    base = str(repo.repository.references["refs/heads/main"].target)
    assert "No environment is touched" in run("affected", "--base", base).out
    files = edited(small(), BOX, "image: box:1", "image: box:2")
    files["environments/lab/box-new.yaml"] = environment("box-new")
    del files[SHOP]
    repo.commit(files)
    done = run("affected", "--base", base, "--head", "main")
    assert done.code == 0
    rows = {line.split()[0]: line.split()[1] for line in done.out.splitlines()[2:]}
    assert rows == {"box-new": "added", "box-one": "changed", "shop": "removed"}
    data = run("affected", "--base", base, "--head", "main", "--format", "json").json
    assert (data["kind"], data["base"]) == ("AffectedList", base)
    assert {one["name"]: one["effect"] for one in data["environments"]} == rows
    assert all(one["reasons"] and one["path"] for one in data["environments"])


def test_what_is_not_committed_touches_too(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), LAB, "replicas: 1", "replicas: 2"))
    data = run("affected", "--base", "main", "--format", "json").json
    assert [one["name"] for one in data["environments"]] == ["box-one", "box-two"]


def test_a_broken_one_is_told(run: Run, repo: GitRepo) -> None:
    write(repo.path, edited(small(), BOX, "size: small", "size: huge"))
    done = run("affected", "--base", "main")
    assert "broken" in done.out
    assert "`reconciler validate` says why" in done.out


# ------------------------------------------------------------------------------------- schema


def test_schemas_are_written_and_held(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    missing = run("schema", str(folder), "--check")
    assert missing.code == 1
    assert run("schema", str(folder)).code == 0
    assert run("schema", str(folder), "--check").code == 0
    schema = json.loads((folder / "environment.schema.json").read_text())
    assert schema["additionalProperties"] is False
    (folder / "team.schema.json").write_text("{}")
    stale = run("schema", str(folder), "--check", "--format", "json")
    assert stale.code == 1
    assert stale.json["files"] == [str(folder / "team.schema.json")]
    assert stale.json["current"] is False


def test_schemas_are_not_written_through_a_link(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    folder.mkdir()
    (folder / "team.schema.json").symlink_to(tmp_path / "elsewhere")
    done = run("schema", str(folder))
    assert done.code in (1, 2)
    assert "is a link" in done.err
    assert not (tmp_path / "elsewhere").exists()


# ---------------------------------------------------------------------------------- processes


def test_the_first_steps_of_a_newcomer(tmp_path: Path) -> None:
    """init, new, commit, validate, list, render: as typed, in processes of their own."""
    made = process("init", "mine", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert "cd mine && reconciler validate" in made.stdout
    here = tmp_path / "mine"
    assert process("validate", cwd=here).returncode == 0
    wrote = process(
        "new", "--track", "demo", "--name", "hello", "--owner", "team-sales",
        "--set", "image=111111111111.dkr.ecr.eu-central-1.amazonaws.com/hello:1", cwd=here,
    )  # fmt: skip
    assert (wrote.returncode, wrote.stderr) == (0, "")
    assert (here / "environments/demo/hello.yaml").is_file()
    checked = process("validate", cwd=here)
    assert checked.returncode == 0, checked.stdout
    assert "1 environment," in checked.stdout
    rendered = process("render", "hello", cwd=here)
    assert rendered.returncode == 0, rendered.stdout + rendered.stderr
    assert "aws_lambda_function" in rendered.stdout
    again = process("init", ".", cwd=here)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_full_disk_is_no_bug_of_ours(repo: GitRepo) -> None:
    program = f"{sys.executable} -m reconciler render box-one > /dev/full"
    full = subprocess.run(
        ["sh", "-c", program], cwd=repo.path, capture_output=True, text=True, check=False
    )
    assert (full.returncode, "bug" in full.stderr) == (1, False)
    assert "the output cannot be written" in full.stderr


def test_a_file_that_fails_is_not_told_as_the_output(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", "some/file")

    monkeypatch.chdir(repo.path)
    # By import, as the command line does: another test may have had the module loaded anew.
    module = importlib.import_module("reconciler.cli.validate_command")
    monkeypatch.setattr(module, "validate", fail)
    with pytest.raises(SystemExit) as stop:
        main(["validate"])
    assert stop.value.code == 1
    assert capsys.readouterr().err == "error: some/file: Input/output error\n"


def test_letters_that_the_output_cannot_hold_are_escaped(repo: GitRepo) -> None:
    words = "  owner: team-a\n  description: Größe"
    write(repo.path, edited(small(), BOX, "  owner: team-a", words))
    done = process("show", "box-one", cwd=repo.path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "Gr\\xf6\\xdfe" in done.stdout
