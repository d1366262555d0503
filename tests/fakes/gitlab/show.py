"""What the fake knows, as GitLab's JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.fakes.gitlab.state import (
    CommitStatus,
    Deployment,
    Discussion,
    Environment,
    Lab,
    Merge,
    Note,
    Pipeline,
    User,
    Version,
)


def at(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def user(one: User) -> dict[str, Any]:
    return {
        "id": one.id,
        "username": one.username,
        "public_email": one.email,
        "name": one.name,
        "state": "active",
        "locked": False,
        "avatar_url": None,
        "web_url": f"https://gitlab.example.com/{one.username}",
    }


def link(lab: Lab, one: Merge) -> str:
    return f"{lab.url}/{lab.project.path}/-/merge_requests/{one.iid}"


def merge(lab: Lab, one: Merge) -> dict[str, Any]:
    """As in a list."""
    source = lab.project.id if one.fork is None else one.fork_id
    notes = [note for found in one.discussions for note in found.notes]
    return {
        "id": 1000 + one.iid,
        "iid": one.iid,
        "project_id": lab.project.id,
        "title": one.title,
        "description": one.description,
        "state": one.state,
        "created_at": at(one.created),
        "updated_at": at(one.updated),
        "merged_by": None,
        "merge_user": None,
        "merged_at": at(one.merged_at) if one.merged_at else None,
        "closed_by": None,
        "closed_at": at(one.closed_at) if one.closed_at else None,
        "target_branch": one.target,
        "source_branch": one.source,
        "user_notes_count": sum(not note.system for note in notes),
        "upvotes": 0,
        "downvotes": 0,
        "author": user(one.author),
        "assignees": [],
        "assignee": None,
        "reviewers": [user(person) for person in one.reviewers],
        "source_project_id": source,
        "target_project_id": lab.project.id,
        "labels": list(one.labels),
        "draft": one.draft,
        "work_in_progress": one.draft,
        "milestone": None,
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged" if one.status == "can_be_merged" else "unchecked",
        "detailed_merge_status": detailed(lab, one),
        "sha": one.head,
        "merge_commit_sha": one.merge_commit,
        "squash_commit_sha": one.squash_commit,
        "discussion_locked": None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": False,
        "reference": f"!{one.iid}",
        "references": {
            "short": f"!{one.iid}",
            "relative": f"!{one.iid}",
            "full": f"{lab.project.path}!{one.iid}",
        },
        "web_url": link(lab, one),
        "time_stats": {
            "time_estimate": 0,
            "total_time_spent": 0,
            "human_time_estimate": None,
            "human_total_time_spent": None,
        },
        "squash": False,
        "has_conflicts": one.status == "cannot_be_merged",
        "blocking_discussions_resolved": not unresolved(one),
    }


def merge_whole(lab: Lab, one: Merge) -> dict[str, Any]:
    """As by itself: with what is looked up for one only."""
    newest = one.versions[0] if one.versions else None
    return merge(lab, one) | {
        "changes_count": "1",
        "head_pipeline": pipeline(one.head_pipeline) if one.head_pipeline else None,
        "diff_refs": refs(newest) if newest else None,
        "merge_error": one.merge_error,
        "user": {"can_merge": True},
    }


def unresolved(one: Merge) -> bool:
    return any(not found.individual and not found.resolved for found in one.discussions)


def detailed(lab: Lab, one: Merge) -> str:
    """The first check that fails; before anything was checked, that."""
    if one.state != "opened":
        return "not_open"
    if one.status in ("preparing", "unchecked", "checking"):
        return one.status
    return failing(lab, one)


def failing(lab: Lab, one: Merge) -> str:
    """The first check that fails, whatever was found out before."""
    rules = lab.project
    newest = one.head_pipeline
    pipeline_state = newest.status if newest and newest.head == one.head else "none"
    checks = (
        ("commits_status", not (one.fork or lab.git).tip(one.source)),
        ("draft_status", one.draft),
        ("conflict", one.status == "cannot_be_merged"),
        (
            "ci_still_running",
            rules.pipeline_must_succeed and pipeline_state in ("running", "pending"),
        ),
        ("ci_must_pass", rules.pipeline_must_succeed and not passes(lab, pipeline_state)),
        ("discussions_not_resolved", rules.discussions_must_be_resolved and unresolved(one)),
        ("need_rebase", rules.merge_method == "ff" and not fast(lab, one)),
    )
    return next((name for name, failed in checks if failed), "mergeable")


def passes(lab: Lab, status: str) -> bool:
    return status == "success" or (status == "skipped" and lab.project.skipped_is_success)


def fast(lab: Lab, one: Merge) -> bool:
    tip = lab.git.tip(one.target)
    return lab.git.base(tip, one.head) == tip


def refs(version: Version) -> dict[str, str]:
    return {"base_sha": version.base, "head_sha": version.head, "start_sha": version.start}


def version(one: Version) -> dict[str, Any]:
    return {
        "id": one.id,
        "head_commit_sha": one.head,
        "base_commit_sha": one.base,
        "start_commit_sha": one.start,
        "created_at": at(one.created),
        "merge_request_id": 1,
        "state": "collected",
        "real_size": "1",
        "patch_id_sha": None,
    }


def pipeline(one: Pipeline) -> dict[str, Any]:
    return {
        "id": one.id,
        "iid": one.id,
        "project_id": 7,
        "sha": one.sha,
        "ref": one.ref,
        "status": one.status,
        "source": one.source,
        "created_at": at(one.created),
        "updated_at": at(one.created),
        "web_url": f"https://gitlab.example.com/-/pipelines/{one.id}",
    }


def note(lab: Lab, one: Note, within: Merge, found: Discussion) -> dict[str, Any]:
    shown = {
        "id": one.id,
        "type": "DiffNote" if one.position else None if found.individual else "DiscussionNote",
        "body": one.body,
        "author": user(one.author),
        "created_at": at(one.created),
        "updated_at": at(one.updated),
        "system": one.system,
        "noteable_id": 1000 + within.iid,
        "noteable_iid": within.iid,
        "noteable_type": "MergeRequest",
        "project_id": lab.project.id,
        "resolvable": not found.individual and not one.system,
        "confidential": False,
        "internal": False,
        "imported": False,
        "imported_from": "none",
        "commands_changes": {},
    }
    if shown["resolvable"]:
        by = user(found.resolved_by) if found.resolved_by else None
        shown |= {"resolved": found.resolved, "resolved_by": by, "resolved_at": None}
    if one.position:
        shown |= {"position": one.position, "commit_id": one.position.get("head_sha")}
    return shown


def discussion(lab: Lab, one: Discussion, within: Merge) -> dict[str, Any]:
    return {
        "id": one.id,
        "individual_note": one.individual,
        "notes": [note(lab, each, within, one) for each in one.notes],
    }


def status(one: CommitStatus) -> dict[str, Any]:
    return {
        "id": one.id,
        "sha": one.sha,
        "ref": None,
        "status": one.status,
        "name": one.name,
        "target_url": one.target_url,
        "description": one.description,
        "created_at": at(one.created),
        "started_at": None,
        "finished_at": None,
        "allow_failure": False,
        "coverage": None,
        "pipeline_id": one.pipeline,
        "author": user(one.author),
    }


def environment(one: Environment) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "slug": one.name,
        "tier": one.tier,
        "external_url": None,
        "state": "available",
        "created_at": at(one.created),
        "updated_at": at(one.created),
    }


def deployment(one: Deployment) -> dict[str, Any]:
    return {
        "id": one.id,
        "iid": one.id,
        "ref": one.ref,
        "sha": one.sha,
        "created_at": at(one.created),
        "updated_at": at(one.updated),
        "status": one.status,
        "user": user(one.user),
        "environment": {"id": 1, "name": one.environment, "slug": one.environment},
        "deployable": None,
    }
