"""A change of environments: one decision for each, one for the change, by the target's rules."""

from __future__ import annotations

import pygit2
import pytest

from reconciler.errors import UsageError
from reconciler.model.decision import Verdict
from tests.check.project import (
    ADA,
    CUSTOMER,
    DEMO,
    FAIR,
    IDENTITY,
    INES,
    MINA,
    NOW,
    PITCH,
    PLATFORM,
    PORTAL,
    PORTAL_DEV,
    PORTAL_STAGING,
    SARA,
    SCOUT,
    SERVERLESS,
    SETTINGS,
    STRANGER,
    Project,
    about,
    every,
    rules,
    signature,
    without,
)
from tests.repos import Files, edited, environment

ALLOW, NEEDS, UNKNOWN, DENY = (
    Verdict.ALLOW,
    Verdict.NEEDS_APPROVAL,
    Verdict.INDETERMINATE,
    Verdict.DENY,
)
BIGGER = (PITCH, "size: small", "size: medium")
TOO_BIG = (PITCH, "size: small", "size: large")
WAIVER = """\
apiVersion: reconciler/v1
kind: Waiver
metadata: {{name: {name}, owner: team-security}}
spec:
  rule: {rule}
  subject: {{{subject}}}
  reason: It is quite right here, says the test.
  expires: {until}
"""
FREEZE = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {{name: stop, owner: team-platform}}
spec:
  scope: {{{scope}}}
  reason: It burns.
  since: 2026-01-01
"""
PUBLIC = """\
resource "aws_s3_bucket_acl" "open" {
  bucket = "pitch-acme-x"
  acl    = "public-read"
}
"""
BUCKET = SERVERLESS + "terraform/open.tf.j2"
POLICY = "policies/security/s3_public_acl/s3_public_acl.rego"


def waiver(rule: str, subject: str, until: str = "2027-01-01", name: str = "w") -> Files:
    text = WAIVER.format(name=name, rule=rule, subject=subject, until=until)
    return {f"policies/waivers/{name}.yaml": text}


def freeze(scope: str) -> Files:
    return {"policies/freezes/stop.yaml": FREEZE.format(scope=scope)}


# ------------------------------------------------------------------------------- the main story


def test_a_change_of_one_environment_has_its_decision_and_the_change_its_own(
    project: Project, files: Files
) -> None:
    report = project.change(files, edited(files, *BIGGER), SARA)
    assert [one.environment for one in report.decisions] == ["pitch-acme", ""]
    assert report.verdict is ALLOW
    assert about(report, "pitch-acme").risk == "L1"
    assert about(report).subject == "the change itself"
    inputs = dict(about(report, "pitch-acme").inputs)
    wanted = {
        "commit.target", "commit.head", "commit.began", "policies", "waivers", "freezes",
        "settings", "program", "profile", "team", "blueprint", "environment", "rendered",
        "rendered.before", "effect", "gate.policy", "engine.policy", "engine.secrets",
    }  # fmt: skip
    assert wanted <= inputs.keys()
    assert all(inputs[name] for name in wanted)


def test_what_does_not_change_anything_that_runs_touches_nothing(
    project: Project, files: Files
) -> None:
    report = project.change(files, {**files, "README.md": "words\n"}, SARA)
    assert [one.environment for one in report.decisions] == [""]
    assert report.verdict is ALLOW
    base = project.commit(files)
    assert project.check(base, base).decisions == ()


@pytest.mark.parametrize(
    "change,author,name,verdict,risk",
    [
        ((PITCH, "ttl: 72h", "ttl: 60h"), SARA, "pitch-acme", ALLOW, "L1"),
        ((PITCH, "the meeting with", "meeting"), SARA, "pitch-acme", ALLOW, "L0"),
        (TOO_BIG, SARA, "pitch-acme", DENY, "L1"),
        ((PORTAL, "desired_count: 4", "desired_count: 5"), INES, "acme-portal", NEEDS, "L2"),
        ((IDENTITY, "size: large", "size: medium"), ADA, "identity", NEEDS, "L3"),
    ],
)
def test_verdicts(
    project: Project,
    files: Files,
    change: tuple[str, str, str],
    author: object,
    name: str,
    verdict: Verdict,
    risk: str,
) -> None:
    report = project.change(files, edited(files, *change), author)  # type: ignore[arg-type]
    decision = about(report, name)
    assert (decision.verdict, decision.risk) == (verdict, risk), decision
    assert decision.reasons or verdict is ALLOW


def test_an_environment_that_goes_is_decided_about_too(project: Project, files: Files) -> None:
    decision = about(project.change(files, without(files, PITCH), SARA), "pitch-acme")
    assert decision.risk == "L3"  # its table goes with it
    assert decision.verdict is NEEDS
    assert dict(decision.inputs)["effect"] == "removed"


def test_a_new_environment(project: Project, files: Files) -> None:
    new = files[PITCH].replace("pitch-acme", "pitch-globex")
    report = project.change(files, {**files, "environments/demo/pitch-globex.yaml": new}, SARA)
    assert about(report, "pitch-globex").verdict is ALLOW
    assert len(report.decisions) == 2


def test_only_some_environments(project: Project, files: Files) -> None:
    base = project.commit(files)
    changed = edited(edited(files, *TOO_BIG), FAIR, "10d", "9d")
    head = project.commit(changed, base, SARA)
    names = [one.environment for one in project.check(base, head, "trade-fair").decisions]
    assert names == ["trade-fair", ""]
    assert [one.environment for one in project.check(base, head, "identity").decisions] == [""]
    with pytest.raises(UsageError, match="no environment `trade-fare`") as err:
        project.check(base, head, "trade-fare")
    assert "trade-fair" in err.value.hint
    with pytest.raises(UsageError, match="no environment"):
        project.all(base, "trade-fare")
    assert [one.environment for one in project.all(head, "pitch-acme").decisions] == ["pitch-acme"]


def test_who_may_change_what_rests_on_the_whole_change(project: Project, files: Files) -> None:
    base = project.commit(files)
    changed = without(edited(files, FAIR, "size: medium", "size: small"), PITCH)
    head = project.commit(changed, base, SCOUT)  # a table goes, and scout may not do that
    report = project.check(base, head, "trade-fair")
    assert [one.environment for one in report.decisions] == ["trade-fair", ""]
    assert "AUT005" in rules(about(report))
    assert about(report).risk == "L3"


def test_all_of_a_sound_repository_is_allowed(project: Project, files: Files) -> None:
    report = project.all(project.commit(files))
    assert report.verdict is ALLOW
    assert len(report.decisions) == 11
    assert not report.changing
    assert report.notes


def test_all_tells_every_environment_that_is_broken_by_its_name(
    project: Project, files: Files
) -> None:
    files = edited(files, *TOO_BIG)
    files = {**files, FAIR: "spec: [", IDENTITY: files[IDENTITY].replace("size: large", "sizes: 1")}
    report = project.all(project.commit(files))
    denied = {one.environment for one in report.decisions if one.verdict is DENY}
    assert denied == {"pitch-acme", "trade-fair", "identity"}
    for name in denied:
        assert project.all(project.commit(files), name).verdict is DENY
    assert project.all(project.commit(files), "acme-portal").verdict is ALLOW


# ------------------------------------------------------------------------- who judges whom


def loosened(files: Files) -> Files:
    return edited(files, DEMO, "dev: {security: hard", "dev: {security: advisory")


def test_a_change_that_loosens_a_level_is_judged_by_the_old_one(
    project: Project, files: Files
) -> None:
    report = project.change(files, {**loosened(files), BUCKET: PUBLIC})
    for name in ("pitch-acme", "hackathon-booking"):
        assert "SEC001" in rules(about(report, name), "hard")
        assert about(report, name).verdict is DENY
    assert report.impact is not None
    # By the new rules too it stands against the stage that was not loosened.
    (fair,) = [one for one in report.impact.differing if one.environment == "trade-fair"]
    assert {one.finding.rule for one in fair.newly_failing} == {"SEC001"}


def test_a_change_that_brings_its_own_waiver_is_not_excepted(
    project: Project, files: Files
) -> None:
    own = waiver("SEC001", "tracks: [demo]")
    report = project.change(files, {**files, **own, BUCKET: PUBLIC})
    assert "SEC001" in rules(about(report, "pitch-acme"), "hard")
    before = {**files, **own}
    report = project.change(before, {**before, BUCKET: PUBLIC})
    assert "SEC001" not in rules(about(report, "pitch-acme"))
    late = {**files, **waiver("SEC001", "tracks: [demo]", "2026-11-20")}
    report = project.change(late, {**late, BUCKET: PUBLIC})
    assert "SEC001" in rules(about(report, "pitch-acme"), "hard")


def test_a_change_that_lifts_a_freeze_stays_frozen(project: Project, files: Files) -> None:
    for scope in ("everything: true", "track: demo", "environment: pitch-acme"):
        frozen = {**files, **freeze(scope)}
        report = project.change(frozen, edited(files, *BIGGER), SARA)
        decision = about(report, "pitch-acme")
        assert decision.verdict is DENY
        assert any("frozen" in why for why in decision.reasons)
    decision = about(project.change({**files, **freeze("track: demo")}, files, ADA))
    # Its owners may ask for it, and one of them has to agree; nothing is lifted until then.
    assert decision.verdict is NEEDS
    decision = about(project.change({**files, **freeze("track: demo")}, files, MINA))
    assert decision.verdict is NEEDS


def test_a_freeze_of_an_agent_stops_the_agent(project: Project, files: Files) -> None:
    frozen = {**files, **freeze("agent: scout")}
    report = project.change(frozen, edited(frozen, *BIGGER), SCOUT)
    assert "AUT007" in rules(about(report))
    report = project.change(frozen, edited(frozen, *BIGGER), SARA)
    assert report.verdict is ALLOW, [one.reasons for one in report.decisions]


@pytest.mark.parametrize("how", ["edited", "deleted", "all", "entrypoint"])
def test_a_change_that_takes_a_policy_away_is_judged_by_it(
    project: Project, files: Files, how: str
) -> None:
    after = {**files, BUCKET: PUBLIC}
    if how == "edited":
        after[POLICY] = after[POLICY].replace('public := {"public-read", ', "public := {")
    elif how == "deleted":
        after = without(after, "policies/security/s3_public_acl")
    elif how == "all":
        after = without(after, "policies")
    else:
        after = edited(after, "policies/main.rego", "violations[key] :=", "other[key] :=")
    report = project.change(files, after, MINA)
    assert "SEC001" in rules(about(report, "pitch-acme"), "hard")
    assert about(report).verdict is DENY  # the templates are team-platform's
    report = project.change(files, without(after, BUCKET), MINA)
    assert about(report).verdict in (NEEDS, DENY)
    if how in ("edited", "all"):  # a test of it fails, or nothing is left to ask
        assert about(report).verdict is DENY
    if how == "entrypoint":  # no rule's own test notices; the preview does
        assert report.impact is not None
        assert {one.after for one in report.impact.differing} == {UNKNOWN}
        assert len(report.impact.differing) == 11


def test_a_change_of_the_settings_is_judged_with_the_old_engine(
    project: Project, files: Files
) -> None:
    after = edited(edited(files, *TOO_BIG), SETTINGS, "engine: auto", "engine: opa")
    report = project.change(files, after)
    assert "COST004" in rules(about(report, "pitch-acme"))
    assert about(report).risk == "L3"
    assert [need.teams for need in about(report).approvals] == [("team-platform",)]


def test_nobody_adds_himself_to_a_team(project: Project, files: Files) -> None:
    eve = "    - name: Eve\n      email: eve@elsewhere.example.com\n  owns:"
    after = edited(files, "profiles/teams/team-platform.yaml", "  owns:", eve)
    found = about(project.change(files, after, STRANGER))
    assert found.verdict is DENY
    assert rules(found) == {"AUT008"}
    after = edited(
        files, "profiles/agents/scout.yaml", "tracks: [demo]", "tracks: [demo, platform]"
    )
    found = about(project.change(files, after, SCOUT))
    assert {"AUT004", "AUT005"} <= rules(found)


def test_an_environment_that_moves_is_judged_by_both_laws(project: Project, files: Files) -> None:
    # Where it goes security is advice; where it comes from it is not.
    files = edited(files, DEMO, "staging: {security: hard", "staging: {security: advisory")
    files = {**files, BUCKET: PUBLIC}
    after = edited(files, PITCH, "stage: dev", "stage: staging")
    decision = about(project.change(files, after, SARA), "pitch-acme")
    assert "SEC001" in rules(decision, "hard")
    back = about(project.change(after, files, SARA), "pitch-acme")
    assert "SEC001" in rules(back, "hard")
    stays = about(project.change(after, edited(after, *BIGGER), SARA), "pitch-acme")
    assert "SEC001" in rules(stays, "advisory")


def test_production_of_the_platform_does_not_get_safe_by_moving(
    project: Project, files: Files
) -> None:
    after = edited(files, IDENTITY, "stage: production", "stage: dev")
    after = edited(after, IDENTITY, "  promotedFrom: identity-staging\n", "")
    decision = about(project.change(files, after, ADA), "identity")
    assert decision.risk == "L3"
    assert any(need.count == 2 for need in decision.approvals)


def test_what_only_the_rules_of_the_change_allow_waits_for_them(
    project: Project, files: Files
) -> None:
    wider = edited(files, DEMO, "sizes: [small, medium]", "sizes: [small, medium, large]")
    wider = edited(wider, DEMO, "perEnvironment: 50", "perEnvironment: 500")
    wider = edited(wider, DEMO, "perTeam: 200", "perTeam: 2000")
    decision = about(project.change(files, edited(wider, *TOO_BIG)), "pitch-acme")
    assert decision.verdict is DENY
    (first, *_) = [
        one.finding for one in decision.findings if one.finding.rule == "size-not-allowed"
    ]
    assert first.message.startswith("by the rules of the target branch: ")
    assert first.fix == "let the change of the rules be merged first"
    blueprint = {
        path.replace("1.0.0", "2.0.0"): text.replace("version: 1.0.0", "version: 2.0.0")
        for path, text in files.items()
        if path.startswith(SERVERLESS)
    }
    after = {**files, **blueprint}
    after = edited(after, PITCH, "version: 1.0.0", "version: 2.0.0")
    decision = about(project.change(files, after), "pitch-acme")
    assert decision.verdict is DENY
    assert any("by the rules of the target" in one.finding.message for one in decision.findings)


def test_a_new_track_in_the_same_change_has_no_law_yet(project: Project, files: Files) -> None:
    free = (
        files[DEMO].replace("name: demo", "name: free").replace("security: hard", "security: soft")
    )
    after = edited(
        {**files, "profiles/tracks/free.yaml": free}, PITCH, "track: demo", "track: free"
    )
    decision = about(project.change(files, after), "pitch-acme")
    assert decision.verdict is DENY
    new = files[PITCH].replace("pitch-acme", "pitch-two").replace("track: demo", "track: free")
    after = {**files, "profiles/tracks/free.yaml": free, "environments/free/pitch-two.yaml": new}
    decision = about(project.change(files, after), "pitch-two")
    assert decision.verdict is DENY
    assert any("the target branch has no profile for it" in why for why in decision.reasons)


# ------------------------------------------------------------ a target that went on meanwhile


def test_a_branch_from_before_a_rule_is_judged_by_the_rule(project: Project, files: Files) -> None:
    began = project.commit(files)
    head = project.commit(edited(files, *BIGGER), began, SARA)
    stricter = edited(files, DEMO, "sizes: [small, medium]", "sizes: [small]")
    stricter = edited(stricter, FAIR, "size: medium", "size: small")
    target = project.commit(stricter, began)
    assert project.check(began, head).verdict is ALLOW
    report = project.check(target, head)
    decision = about(report, "pitch-acme")
    assert {"COST004", "size-not-allowed"} <= rules(decision)
    assert decision.verdict is DENY
    (found, *_) = [one.finding for one in decision.findings if one.finding.gate == "documents"]
    assert found.fix == "bring the branch up to date with the target branch"


def test_an_environment_that_was_given_away_meanwhile_is_no_longer_ones_own(
    project: Project, files: Files
) -> None:
    began = project.commit(files)
    head = project.commit(edited(files, *BIGGER), began, SARA)
    target = project.commit(edited(files, PITCH, "owner: team-sales", "owner: team-web"), began)
    decision = about(project.check(target, head), "pitch-acme")
    assert "AUT001" in rules(decision)


def test_an_environment_that_moved_to_a_stricter_law_meanwhile_is_judged_by_it(
    project: Project, files: Files
) -> None:
    files = edited(files, DEMO, "dev: {security: hard", "dev: {security: advisory")
    files = {**files, BUCKET: PUBLIC}
    began = project.commit(files)
    head = project.commit(edited(files, *BIGGER), began, SARA)
    target = project.commit(edited(files, PITCH, "stage: dev", "stage: staging"), began)
    assert "SEC001" in rules(about(project.check(began, head), "pitch-acme"), "advisory")
    assert "SEC001" in rules(about(project.check(target, head), "pitch-acme"), "hard")


# ------------------------------------------------------------------------------------- impact


def impact(project: Project, before: Files, after: Files) -> dict[str, tuple[set[str], set[str]]]:
    found = project.change(before, after).impact
    assert found is not None
    assert found.looked_at == 11
    return {
        one.environment: (
            {f"{judged.finding.rule} {judged.level}" for judged in one.newly_failing},
            {f"{judged.finding.rule} {judged.level}" for judged in one.newly_passing},
        )
        for one in found.differing
    }


def test_the_preview_says_who_would_newly_fail_and_pass(project: Project, files: Files) -> None:
    bad = {**files, BUCKET: PUBLIC}
    demos = {"pitch-acme", "hackathon-booking", "trade-fair"}
    assert impact(project, files, bad) == dict.fromkeys(demos, ({"SEC001 hard"}, set()))
    assert impact(project, bad, files) == dict.fromkeys(demos, (set(), {"SEC001 hard"}))
    gone = without(bad, "policies/security/s3_public_acl")
    assert impact(project, bad, gone) == dict.fromkeys(demos, (set(), {"SEC001 hard"}))
    assert impact(project, gone, bad) == dict.fromkeys(demos, ({"SEC001 hard"}, set()))
    soft = edited(bad, DEMO, "dev: {security: hard", "dev: {security: soft")
    devs = demos - {"trade-fair"}
    assert impact(project, bad, soft) == dict.fromkeys(devs, (set(), {"SEC001 hard"}))
    assert impact(project, soft, bad) == dict.fromkeys(devs, ({"SEC001 hard"}, set()))
    waived = {**bad, **waiver("SEC001", "environments: [trade-fair]")}
    assert impact(project, bad, waived) == {"trade-fair": (set(), {"SEC001 hard"})}
    assert impact(project, waived, bad) == {"trade-fair": ({"SEC001 hard"}, set())}
    longer = edited(files, DEMO, "logDays: 7", "logDays: 60")
    assert impact(project, files, longer) == {"trade-fair": ({"OPS004 soft"}, set())}
    smaller = edited(files, DEMO, "sizes: [small, medium]", "sizes: [small]")
    assert impact(project, files, smaller) == {"trade-fair": ({"COST004 hard"}, set())}
    assert project.change(files, edited(files, *BIGGER), SARA).impact is None


def test_the_preview_of_a_change_that_breaks_an_environment(project: Project, files: Files) -> None:
    broken = {**files, SERVERLESS + "terraform/more.tf.j2": "{{ parameters.nothing }}\n"}
    found = project.change(files, broken).impact
    assert found is not None
    assert {one.environment: one.after for one in found.differing} == dict.fromkeys(
        ("pitch-acme", "hackathon-booking", "trade-fair"), DENY
    )


# -------------------------------------------------------------- problems here and elsewhere


def test_a_problem_that_was_there_does_not_deny_a_change_elsewhere(
    project: Project, files: Files
) -> None:
    old = edited(files, FAIR, "size: medium", "size: large")
    old = {**old, "environments/demo/odd.yaml": "spec: [", "policies/waivers/odd.yaml": "a: 1\n"}
    report = project.change(old, edited(old, *BIGGER), SARA)
    assert report.verdict is ALLOW
    assert every(report) == []
    assert project.change(old, edited(old, FAIR, "10d", "9d"), SARA).verdict is DENY


@pytest.mark.parametrize("what", ["promoted", "quota", "account", "waiver", "name", "loop"])
def test_a_problem_that_the_change_makes_elsewhere_denies(
    project: Project, files: Files, what: str
) -> None:
    if what == "promoted":
        after, author = without(files, PORTAL_DEV), INES
    elif what == "quota":
        more = {
            f"environments/demo/a-{n}.yaml": files[PITCH].replace("pitch-acme", f"a-{n}")
            for n in range(9)
        }
        after, author = {**files, **more}, SARA
    elif what == "account":
        after, author = edited(files, PITCH, '"111111111111"\n', '"444444444444"\n'), SARA
    elif what == "waiver":
        files = {**files, **waiver("SEC001", "environments: [pitch-acme]")}
        after, author = without(files, PITCH), SARA
    elif what == "name":
        copy = {"environments/customer/pitch-acme.yaml": files[PITCH]}
        after, author = {**files, **copy}, SARA
    else:
        after = edited(
            files, PORTAL_DEV, "  stage: dev\n", "  stage: dev\n  promotedFrom: acme-portal\n"
        )
        author = INES
    report = project.change(files, after, author)
    assert report.verdict is DENY
    said = {one.finding.rule for one in every(report) if one.finding.gate == "documents"}
    assert (
        said
        & {
            "promoted": {"unknown-environment"},
            "quota": {"quota-exceeded"},
            "account": {"account-dedicated"},
            "waiver": {"unknown-environment"},
            "name": {"duplicate-name"},
            "loop": {"promotion-loop"},
        }[what]
    ), said


# ---------------------------------------------------------------------------------- authority


def test_authors_and_what_they_may(project: Project, files: Files) -> None:
    bigger = edited(files, *BIGGER)
    report = project.change(files, bigger, INES)
    assert rules(about(report, "pitch-acme")) == {"AUT001"}
    assert report.verdict is DENY
    report = project.change(files, bigger, STRANGER)
    assert rules(about(report)) == {"AUT008"}
    report = project.change(files, bigger, SCOUT)
    assert report.verdict is ALLOW
    report = project.change(files, edited(files, PORTAL_STAGING, "count: 2", "count: 3"), SCOUT)
    assert {"AUT004"} <= rules(about(report, "acme-portal-staging")) | rules(about(report))
    assert report.verdict is DENY
    report = project.change(files, without(files, PITCH), SCOUT)  # L3: its table goes
    assert "AUT005" in rules(about(report, "pitch-acme"))
    quarantine = "spec:\n  quarantine: {reason: It ran wild, since: 2026-01-01}\n"
    bad = edited(files, "profiles/agents/scout.yaml", "spec:\n", quarantine)
    report = project.change(bad, edited(bad, *BIGGER), SCOUT)
    assert "AUT007" in rules(about(report))


def test_every_author_of_every_commit_counts(project: Project, files: Files) -> None:
    base = project.commit(files)
    first = project.commit(edited(files, *TOO_BIG), base, STRANGER)
    head = project.commit(edited(files, *BIGGER), first, SARA)
    assert rules(about(project.check(base, head))) == {"AUT008"}


def test_an_agent_makes_only_so_many_changes_a_day(project: Project, files: Files) -> None:
    files = edited(files, "profiles/agents/scout.yaml", "changesPerDay: 30", "changesPerDay: 2")
    target = project.commit(files)
    sizes = (edited(files, *BIGGER), files)
    for done in range(3):
        head = project.commit(edited(files, FAIR, "10d", f"{done + 5}d"), target, SCOUT)
        report = project.check(target, head)
        assert ("AUT006" in rules(about(report))) == (done >= 2)
        tomorrow = project.check(target, head, now=NOW.replace(day=22))
        assert "AUT006" not in rules(about(tomorrow))
        # The target takes in one more of the agent's changes, as a merge by somebody else.
        side = project.commit(sizes[done % 2], target, SCOUT)
        repository = project.repo.repository
        tree = repository[side].peel(pygit2.Commit).tree.id
        target = str(repository.create_commit(None, ADA, ADA, "Merge", tree, [target, side]))


def test_a_change_of_rules_wants_the_agreement_of_their_owners(
    project: Project, files: Files
) -> None:
    report = project.change(files, edited(files, CUSTOMER, "logDays: 30", "logDays: 60"))
    decision = about(report)
    assert decision.risk == "L3"
    assert decision.verdict is NEEDS
    (need,) = decision.approvals
    assert (need.teams, need.humans_only) == (("team-platform",), True)
    report = project.change(files, edited(files, PLATFORM, "logDays: 90", "logDays: 30"), INES)
    assert "AUT002" in rules(about(report))


def test_whose_mail_is_written_otherwise_is_the_same_person(project: Project, files: Files) -> None:
    author = signature("Sara", "SARA@Example.com")
    assert project.change(files, edited(files, *BIGGER), author).verdict is ALLOW


def test_a_document_that_is_none(project: Project, files: Files) -> None:
    for text in ("spec: [", "a: 1\n", environment("other"), "\x00\xff"):
        report = project.change(files, {**files, PITCH: text}, SARA)
        assert about(report, "pitch-acme").verdict is DENY
        assert about(report, "pitch-acme").risk == "L3"
