"""What the program proposes: its own by its signature alone, and only what it is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.app.branches import Change, Edits, replaced
from reconciler.cli.checking import Asked, judged
from reconciler.core.git_objects import with_signature
from reconciler.model.approval import Given, Person
from reconciler.model.author import Author
from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from tests.check.project import INES, NOW, PORTAL, Project, about
from tests.repos import Files, edited
from tests.verify.history import FREEZE, key

NAME = "acme-portal"
US = Author("reconciler@example.com", "controller")
ADA = Author("ada@example.com", "Ada Berg")
EVE = Author("eve@elsewhere.example.com", "Eve")
ACCOUNT = 4711
NUMBERS = count()
"""Of branches: all tests have one repository."""
AGENT = "profiles/agents/scout.yaml"
STOP = "policies/freezes/stop.yaml"
HELD = "  quarantine: {reason: Too much, since: 2026-11-21}\n"
WRITERS = """\
  records:
    writers:
      - name: controller
        email: reconciler@example.com
        keys: ["{key}"]
        forgeId: 4711
"""


@dataclass
class Office:
    """A repository with a target branch, where the program has a key."""

    project: Project
    files: Files
    folder: Path
    base: str = ""

    def begin(self, files: Files) -> None:
        self.files = files
        self.base = self.project.commit(files)

    def text(self, *change: str) -> bytes:
        """The portal's document with something else in it."""
        return edited({PORTAL: self.files[PORTAL]}, PORTAL, *change)[PORTAL].encode()

    def proposed(
        self,
        edits: Edits,
        signer: str = "controller",
        author: Author = US,
        onto: str = "",
        committer: Author = US,
    ) -> str:
        """A commit as the program makes them; signed by nobody where the signer is empty."""
        own = key(signer, self.folder) if signer else None
        name = f"reconciler/ours-{next(NUMBERS)}"
        change = Change(edits, "Ours", author, committer, NOW - timedelta(hours=1), own)
        return replaced(GitRecords(self.project.repo.path, name), onto or self.base, change, name)

    def check(
        self,
        head: str,
        *,
        base: str = "",
        merged: bool = False,
        openers: Iterable[Person] = (),
    ) -> CheckReport:
        asked = Asked(self.project.repo.path, base or self.base, head, everything=False,
                      environments=(), now=NOW, merged=merged)  # fmt: skip
        said = {"": Given(authors=tuple(openers))}
        with judged(self.project.ports, asked, approvals=said) as done:
            return done.checked.report


@pytest.fixture
def office(project: Project, files: Files, tmp_path: Path) -> Office:
    made = Office(project, files, tmp_path)
    text = WRITERS.format(key=key("controller", tmp_path).public_key.text)
    files = {**files, "reconciler.yaml": files["reconciler.yaml"] + text}
    expires = "  expires: 2026-11-20\n"
    scope = "{environment: identity}"
    made.begin({**files, STOP: FREEZE.format(scope=scope, expires=expires)})
    return made


def told(report: CheckReport) -> list[str]:
    """What the rule of authors says."""
    return [
        one.finding.message
        for decision in report.decisions
        for one in decision.findings
        if one.finding.rule == "AUT008"
    ]


MORE = ("desired_count: 4", "desired_count: 5")


def test_what_it_signed_waits_for_people_as_anything_does(office: Office) -> None:
    report = office.check(office.proposed({PORTAL: office.text(*MORE)}))
    assert told(report) == []
    decision = about(report, NAME)
    assert decision.verdict is Verdict.NEEDS_APPROVAL
    by_ines = office.project.commit(edited(office.files, PORTAL, *MORE), office.base, INES)
    assert about(office.check(by_ines), NAME).approvals == decision.approvals


@pytest.mark.parametrize("signer", ["", "eve"])
def test_its_name_alone_is_nobodys(office: Office, signer: str) -> None:
    report = office.check(office.proposed({PORTAL: office.text(*MORE)}, signer))
    (message,) = told(report)
    assert message.startswith("controller <reconciler@example.com> is a name of the program")
    assert about(report, "").verdict is Verdict.DENY


def test_one_commit_in_its_name_without_its_key_spoils_all(office: Office) -> None:
    first = office.proposed({PORTAL: office.text(*MORE)})
    for head in (
        office.proposed({PORTAL: office.text("_count: 4", "_count: 6")}, "", onto=first),
        office.proposed({PORTAL: office.text(*MORE)},
                        onto=office.proposed({PORTAL: office.text("_count: 4", "_count: 6")}, "")),
    ):  # fmt: skip
        assert len(told(office.check(head))) == 1


def test_its_key_lends_nobody_a_name(office: Office) -> None:
    for author in (EVE, Author("controller@example.com", "controller")):
        first = office.proposed({PORTAL: office.text(*MORE)})
        after = {PORTAL: office.text("_count: 4", "_count: 6")}
        (message,) = told(office.check(office.proposed(after, author=author, onto=first)))
        assert message == f"{author.name} <{author.email}> is in no team and is no agent"


def test_a_merge_in_its_name_brings_nothing(office: Office) -> None:
    """It never makes one: what a merge brings was made by others."""
    repository = office.project.repo.repository
    first = office.proposed({PORTAL: office.text(*MORE)})
    tree = repository[first].peel(pygit2.Commit).tree_id
    parents = [pygit2.Oid(hex=one) for one in (office.base, first)]
    us = pygit2.Signature(US.name, US.email, 0, 0)
    data = repository[repository.create_commit(None, us, us, "M", tree, parents)].read_raw()
    signed = with_signature(data, key("controller", office.folder).sign(data))
    head = str(repository.odb.write(pygit2.enums.ObjectType.COMMIT, signed))
    assert len(told(office.check(head))) == 1


def test_a_key_of_a_person_is_that_persons_also_where_it_writes_records(office: Office) -> None:
    text = key("controller", office.folder).public_key.text
    path = "profiles/teams/team-web.yaml"
    before = office.files[path]
    line = next(one for one in before.splitlines() if "ines@example.com" in one and "keys" in one)
    start = line.index('keys: ["')
    end = line.index('"]', start)
    office.begin({**office.files, path: before.replace(line[start:end], f'keys: ["{text}')})
    assert len(told(office.check(office.proposed({PORTAL: office.text(*MORE)})))) == 1


@pytest.mark.parametrize(
    "path, old, new",
    [
        (AGENT, "  changesPerDay:", f"{HELD}  changesPerDay:"),
        (STOP, "2026-11-20", "2026-11-19"),
        (STOP, None, None),
        ("environments/demo/pitch-acme.yaml", None, None),
    ],
)
def test_it_does_what_it_is_for(
    office: Office, path: str, old: str | None, new: str | None
) -> None:
    if path == AGENT:
        assert old is not None
        assert new is not None
    after = office.files[path].replace(old, new).encode() if old and new else None
    assert after != office.files[path].encode()
    assert told(office.check(office.proposed({path: after}))) == []


@pytest.mark.parametrize(
    "path, old, new, why",
    [
        (AGENT, "  changesPerDay:", f"{HELD}  highestRisk: L3\n  changesPerDay:", "quarantine"),
        (AGENT, None, None, "quarantine"),
        (STOP, "2026-11-20", "2027-11-20", "end"),
        (STOP, "It burns money.", "Something else.", "end"),
        ("policies/freezes/other.yaml", "", FREEZE.format(scope="{everything: true}", expires=""),
         "end"),
        ("templates/_shared/naming.tf.j2", "", "# more\n", "it is for"),
        ("reconciler.yaml", "forgeId: 4711", "forgeId: 4712", "it is for"),
        ("profiles/teams/team-web.yaml", "", "# more\n", "it is for"),
        ("policies/waivers/x.yaml", "", "# more\n", "it is for"),
        ("environments/README.md", "", "more\n", "it is for"),
        ("README.md", "", "more\n", "it is for"),
    ],
)  # fmt: skip
def test_it_does_nothing_else(
    office: Office, path: str, old: str | None, new: str | None, why: str
) -> None:
    text = office.files.get(path, "")
    if path == AGENT and new:
        text = "\n".join(one for one in text.split("\n") if "highestRisk" not in one)
    after = None if new is None else text.replace(old, new) if old else text + new
    edits = {path: after.encode() if after is not None else None}
    report = office.check(office.proposed({**edits, PORTAL: office.text(*MORE)}))
    (message,) = told(report)
    assert message.startswith(f"the program (controller) may not change {path}: ")
    assert why in message


def test_an_agent_is_let_go_by_people_only(office: Office) -> None:
    text = office.files[AGENT]
    office.begin(
        {**office.files, AGENT: text.replace("  changesPerDay:", f"{HELD}  changesPerDay:")}
    )
    (message,) = told(office.check(office.proposed({AGENT: text.encode()})))
    assert "it only sets an agent's `quarantine`" in message


def test_what_people_add_is_judged_as_theirs(office: Office) -> None:
    first = office.proposed({PORTAL: office.text(*MORE)})
    files = edited(office.files, PORTAL, "desired_count: 4", "desired_count: 6")
    assert told(office.check(office.project.commit(files, first, INES))) == []
    more = {**files, "templates/_shared/naming.tf.j2": "# other\n"}
    (message,) = told(office.check(office.project.commit(more, first, INES)))
    assert "templates/_shared/naming.tf.j2" in message


# --- who opens it


def test_its_account_opens_what_it_signed(office: Office) -> None:
    me = Person("reconciler-bot", "", ACCOUNT)
    head = office.proposed({PORTAL: office.text(*MORE)})
    assert told(office.check(head, openers=(me,))) == []
    asked = office.proposed({PORTAL: office.text(*MORE)}, author=Author("ines@example.com", "Ines"))
    assert told(office.check(asked, openers=(me,))) == []


def test_its_account_opens_nothing_of_others(office: Office) -> None:
    """An agent that pushes to a branch of ours under a person's name would hide behind it."""
    first = office.proposed({PORTAL: office.text(*MORE)})
    files = edited(office.files, PORTAL, "desired_count: 4", "desired_count: 6")
    head = office.project.commit(files, first, INES)
    (message,) = told(office.check(head, openers=(Person("reconciler-bot", "", ACCOUNT),)))
    assert f"number {ACCOUNT} at the forge" in message


def test_what_it_signed_is_not_brought_by_strangers(office: Office) -> None:
    head = office.proposed({PORTAL: office.text(*MORE)})
    (message,) = told(office.check(head, openers=(Person("Eve", "", 666),)))
    assert "number 666 at the forge" in message


# --- brought again


def test_an_old_proposal_is_good_for_what_it_was_made_for(office: Office) -> None:
    """Somebody brings a commit of ours again, after others changed the document."""
    old = office.proposed({PORTAL: office.text(*MORE)})
    first_line = office.files[PORTAL].split("\n", 1)[0]
    moved = {
        **office.files,
        PORTAL: office.files[PORTAL].replace(first_line, f"# on\n{first_line}"),
    }
    target = office.project.commit(moved, office.base)
    (message,) = told(office.check(old, base=target, merged=True))
    assert message.endswith(f"{PORTAL}: the target branch changed it since this was proposed")
    beside = office.project.commit({**office.files, "README.md": "on\n"}, office.base)
    report = office.check(old, base=beside, merged=True)
    assert told(report) == []
    assert about(report, NAME).verdict is Verdict.NEEDS_APPROVAL


def test_what_was_signed_lies_on_nobody_elses_work(office: Office) -> None:
    """Its commit on top of a stranger's: the stranger's is judged as such."""
    files = edited(office.files, PORTAL, "desired_count: 4", "desired_count: 9")
    mine = pygit2.Signature(EVE.name, EVE.email, 0, 0)
    theirs = office.project.commit(files, office.base, mine)
    head = office.proposed({PORTAL: office.text(*MORE)}, onto=theirs)
    (message,) = told(office.check(head))
    assert EVE.email in message


def test_the_same_commits_come_to_the_same_also_with_another_key_since(office: Office) -> None:
    """What tells that it was ours is in git: the commits, and the settings that judged them."""
    head, base = office.proposed({PORTAL: office.text(*MORE)}), office.base
    first = office.check(head)
    key_then, key_now = (key(one, office.folder).public_key.text for one in ("controller", "eve"))
    settings = office.files["reconciler.yaml"].replace(key_then, key_now)
    office.begin({**office.files, "reconciler.yaml": settings})
    assert office.check(head, base=base) == first
    assert len(told(office.check(office.proposed({PORTAL: office.text(*MORE)})))) == 1
