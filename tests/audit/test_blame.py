"""`audit blame`: who and what is behind the present value of an attribute."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.core.records.blame import (
    MISSING,
    Attribute,
    attribute,
    merge_request,
    value_at,
    written,
)
from tests.audit.conftest import Run
from tests.audit.story import ADA, BUCKET, CONTROLLER, FAIR, INES, PORTAL, SARA, Told, ended
from tests.repos import GitRepo

STATUS = "aws_s3_bucket_versioning.uploads.versioning_configuration.status"


# ----------------------------------------------------------------------------------------- pure


@pytest.mark.parametrize(
    "text, address, steps",
    [
        ("spec.parameters.size", "", ("spec", "parameters", "size")),
        ("spec", "", ("spec",)),
        ('metadata.labels["a.b/c"]', "", ("metadata", "labels", "a.b/c")),
        ("spec.rollout.steps[1].traffic", "", ("spec", "rollout", "steps", 1, "traffic")),
        ("aws_s3_bucket.logs.versioning", "aws_s3_bucket.logs", ("versioning",)),
        ("aws_s3_bucket.logs", "aws_s3_bucket.logs", ()),
        ("resource.aws_s3_bucket.logs.x", "aws_s3_bucket.logs", ("x",)),
        ("data.aws_ami.main.owners[0]", "data.aws_ami.main", ("owners", 0)),
        ("module.net.cidr", "module.net", ("cidr",)),
        ('aws_subnet.a["x.y"].cidr', "aws_subnet.a", ("cidr",)),
        ("aws_subnet.a[2].cidr", "aws_subnet.a", ("cidr",)),
        ('aws_x.y.tags["Name"]', "aws_x.y", ("tags", "Name")),
    ],
)
def test_what_names_an_attribute(text: str, address: str, steps: tuple[str | int, ...]) -> None:
    assert attribute(text) == Attribute(address, steps)


@pytest.mark.parametrize(
    "text",
    ["", ".", "spec.", "spec..x", "x", "a b.c", "[0]", "aws.x.", "aws_x.y[", "9.8", "a.b..c"],
)
def test_what_names_none(text: str) -> None:
    assert attribute(text) is None


@pytest.mark.parametrize(
    "value, steps, found",
    [
        ({"a": {"b": 1}}, ("a", "b"), 1),
        ({"a": None}, ("a",), None),
        ({"a": 1}, ("b",), MISSING),
        ({"a": 1}, ("a", "b"), MISSING),
        ({"a": [{"b": 1}]}, ("a", "b"), 1),
        ({"a": [{"b": 1}, {"b": 2}]}, ("a", "b"), MISSING),
        ({"a": ({"b": 1}, {"b": 2})}, ("a", 1, "b"), 2),
        ({"a": [1]}, ("a", "0"), 1),
        ({"a": [1]}, ("a", 1), MISSING),
        ({"1": "x"}, ("1",), "x"),
    ],
)
def test_the_value_that_stands_there(value: Any, steps: tuple[str | int, ...], found: Any) -> None:
    assert value_at(value, steps) is found or value_at(value, steps) == found


def test_one_and_true_are_two_values() -> None:
    assert written(1) != written(True)  # noqa: FBT003  # a value
    assert written(None) != written(MISSING)
    assert written({"a": (1,), "b": 2}) == written({"b": 2, "a": [1]})


@pytest.mark.parametrize(
    "message, found",
    [
        ("Merge branch 'x' into 'main'\n\nTitle\n\nSee merge request shop/env!12", "shop/env!12"),
        ("Merge pull request #3 from a/b\n\nTitle", "#3"),
        ("Make it larger (#77)\n\nlong", "#77"),
        ("Make it\n\nMerge-Request: local/9\n", "local/9"),
        ("Say that one may see merge request x!1 (maybe)", ""),
        ("", ""),
    ],
)
def test_the_merge_request_that_a_message_names(message: str, found: str) -> None:
    assert merge_request(message) == found


# ---------------------------------------------------------------------------------- the document


def asked(run: Run, environment: str, name: str) -> Any:
    return run("blame", environment, name, "--format", "json").json


def test_from_the_value_to_the_people_and_rules(run: Run, told: Told) -> None:
    found = asked(run, "acme-portal", "spec.parameters.desired_count")
    assert (found["value"], found["path"], found["line"]) == (6, PORTAL, 19)
    assert found["commit"]["author"] == {"name": "Ines Duarte", "email": "ines@example.com"}
    assert found["merge"]["author"]["name"] == "Ada Berg"
    assert found["mergeRequest"] == "shop/environments!12"
    assert [one["name"] for one in found["approvedBy"]] == ["Tom Weber"]
    # The first apply of that commit failed; the second one put it in place.
    assert (found["decision"]["sequence"], found["applied"]["sequence"]) == (8, 10)
    assert found["policies"].startswith("sha256:")
    assert found["notes"] == []
    assert told.text(PORTAL).splitlines()[18].endswith("desired_count: 6")


def test_what_nobody_changed_is_of_the_first_commit(run: Run, told: Told) -> None:
    found = asked(run, "acme-portal", "spec.parameters.size")
    first = told.repository[told.head].peel(pygit2.Commit)
    while first.parents:
        first = first.parents[0]
    assert found["commit"]["id"] == str(first.id)
    assert (found["merge"], found["mergeRequest"]) == (None, None)
    assert found["applied"]["sequence"] == 3


def test_a_value_that_came_went_and_came_again(run: Run, told: Told) -> None:
    last = ""
    for at, size in ((6, "small"), (7, "medium"), (8, "small")):
        text = (
            told.text(FAIR)
            .replace("size: small", "size: SIZE")
            .replace("size: medium", "size: SIZE")
        )
        last = told.commit(
            {FAIR: text.replace("SIZE", size)}, SARA, f"2026-11-0{at}T08:00:00Z", f"On {at}"
        )
    # What else changes in the file makes nobody the author of this.
    told.commit({FAIR: told.text(FAIR) + "# more\n"}, INES, "2026-11-09T08:00:00Z", "Comment")
    found = asked(run, "trade-fair", "spec.parameters.size")
    assert (found["commit"]["id"], found["commit"]["subject"]) == (last, "On 8")
    assert found["applied"] is None
    assert "no record says that it was applied" in found["notes"]


def test_a_document_that_moved(run: Run, told: Told) -> None:
    new = "environments/demo/fairs/trade-fair.yaml"
    told.commit({FAIR: None, new: told.text(FAIR)}, ADA, "2026-11-06T08:00:00Z", "Move")
    found = asked(run, "trade-fair", "spec.parameters.size")
    assert found["path"] == new
    assert found["commit"]["author"]["name"] == "Sara Lind"


def test_a_default_is_told_as_one(run: Run, told: Told) -> None:
    done = run("blame", "acme-portal", "spec.parameters.ci_image")
    assert done.code == 1
    assert "profiles/tracks/customer.yaml" in done.out
    assert "the default holds" in done.out
    found = asked(run, "acme-portal", "spec.parameters.health_check_path")
    assert found["path"].startswith("templates/web-service/")
    assert told.count == 16


def test_what_is_not_there_is_wrong_usage(run: Run, told: Told) -> None:
    assert "did you mean `size`?" in run("blame", "trade-fair", "spec.parameters.sizes").err
    assert run("blame", "trade-fair", "spec.parameters.sizes").code == 2
    assert "names no attribute" in run("blame", "trade-fair", "size").err
    assert "did you mean `trade-fair`" in run("blame", "trade-fare", "spec.parameters.size").err
    assert told.count == 16


def test_it_was_destroyed_since(run: Run, told: Told) -> None:
    body = {**ended(None, None), "action": "destroy"}
    told.write("2026-11-06T08:00:00Z", "trade-fair", CONTROLLER, body)
    found = asked(run, "trade-fair", "spec.parameters.size")
    assert found["applied"] is None
    assert "the environment was destroyed since" in found["notes"]


def test_a_history_that_is_cut_off_blames_nobody(run: Run, told: Told, tmp_path: Path) -> None:
    path = tmp_path / "shallow"
    clone = ["git", "clone", "-q", "--depth", "1", f"file://{told.path}", str(path)]
    subprocess.run(clone, check=True)
    done = run("blame", "acme-portal", "spec.parameters.size", "-C", str(path))
    assert done.code == 1
    assert "the history is cut off" in done.out


def test_a_secret_in_an_old_document_stays_hidden(run: Run, told: Told) -> None:
    token = "glpat-" + "x7Kd93mQpLz0Rt5VwYbN"
    text = told.text(FAIR) + f"    environment_variables: {{TOKEN: {token}}}\n"
    told.commit({FAIR: text}, SARA, "2026-11-06T08:00:00Z", "Add")
    done = run("blame", "trade-fair", "spec.parameters.environment_variables")
    assert token not in done.out
    assert "(sensitive)" in done.out


# ------------------------------------------------------------------------------------- Terraform


def test_an_attribute_of_what_was_applied(run: Run, told: Told) -> None:
    found = asked(run, "acme-portal", STATUS)
    assert (found["value"], found["path"]) == ("Enabled", "applied/terraform/main.tf")
    assert (found["applied"]["sequence"], found["decision"]["sequence"]) == (10, 8)
    assert found["commit"]["author"]["name"] == "Ines Duarte"
    assert found["mergeRequest"] == "shop/environments!12"
    assert told.count == 16


def test_what_was_there_from_the_beginning(run: Run, told: Told) -> None:
    done = run("blame", "acme-portal", "aws_s3_bucket_versioning.uploads.bucket")
    assert done.code == 1
    assert "since the first recorded apply" in done.out
    assert "record 3" in done.out
    assert told.count == 16


def test_several_changes_at_once_are_not_told_apart(run: Run, told: Told) -> None:
    for day in (6, 7):
        text = told.text(PORTAL) + f"# {day}\n"
        told.commit({PORTAL: text}, SARA, f"2026-11-0{day}T08:00:00Z", f"Change of {day}")
        told.commit(
            {FAIR: told.text(FAIR) + f"# {day}\n"}, SARA, f"2026-11-0{day}T09:00:00Z", "Other"
        )
    files = {"applied/terraform/main.tf": BUCKET.format(status="Disabled").encode()}
    told.deliver("2026-11-08T08:00:00Z", "acme-portal", CONTROLLER, told.head, files=files)
    found = asked(run, "acme-portal", STATUS)
    assert found["commit"] is None
    assert [one["subject"] for one in found["candidates"]] == ["Change of 7", "Change of 6"]
    assert "2 changes were applied at once" in found["notes"][0]


def test_a_rendered_file_that_cannot_be_read(run: Run, told: Told) -> None:
    files: dict[str, bytes | None] = {"applied/terraform/main.tf": b"resource {{{"}
    told.deliver("2026-11-08T08:00:00Z", "acme-portal", CONTROLLER, told.head, files=files)
    done = run("blame", "acme-portal", STATUS)
    assert done.code == 1
    assert "what was applied cannot be read" in done.out


@pytest.mark.parametrize(
    "environment, name, words",
    [
        ("trade-fair", STATUS, "holds what was applied of trade-fair"),
        ("acme-porta", STATUS, "did you mean `acme-portal`?"),
    ],
)
def test_nothing_applied_is_said(
    run: Run, told: Told, environment: str, name: str, words: str
) -> None:
    done = run("blame", environment, name)
    assert done.code == 1
    assert words in done.out
    assert told.count == 16


@pytest.mark.usefixtures("told")
def test_no_such_block(run: Run) -> None:
    done = run("blame", "acme-portal", STATUS.replace("uploads", "upload"))
    assert done.code == 2
    assert "did you mean `aws_s3_bucket_versioning.uploads`?" in done.err


def test_without_records_the_commit_is_still_told(run: Run, told: Told) -> None:
    told.repository.references.delete("refs/heads/records")
    done = run("blame", "trade-fair", "spec.parameters.size")
    assert done.code == 0
    assert "Sara Lind" in done.out
    assert "no record says that it was applied" in done.out
    assert run("blame", "acme-portal", STATUS).code == 1


def test_broken_records_are_told(run: Run, told: Told, repo: GitRepo) -> None:
    tree = told.repository[told.written[9].commit].peel(pygit2.Commit).tree
    repo.forget(str(tree["record.json"].id))
    done = run("blame", "acme-portal", "spec.parameters.size")
    assert done.code == 0
    assert "cannot be read at" in done.out
    assert run("blame", "acme-portal", "aws_s3_bucket_versioning.uploads.bucket").code == 1


@pytest.mark.parametrize("path", ["environments/acme-portal", "environments/acme-portal/applied"])
def test_lost_folders_are_told_and_no_bug(run: Run, told: Told, repo: GitRepo, path: str) -> None:
    tree = told.repository[told.tip].peel(pygit2.Commit).tree
    repo.forget(str(tree[path].id))
    assert run("blame", "acme-portal", STATUS).code == 1
    before = told.repository[told.head].peel(pygit2.Commit).parents[0]
    repo.forget(str(before.tree["environments/demo"].id))
    done = run("blame", "trade-fair", "spec.parameters.size")
    assert done.code == 1
    assert "damaged or incomplete" in done.err
