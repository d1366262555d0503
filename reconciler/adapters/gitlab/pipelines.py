"""What is shown beside a merge request: commit statuses, environments, deployments."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.adapters.gitlab import reading
from reconciler.adapters.gitlab.client import Client, RefusedError, UnsureError
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError
from reconciler.model.merge_request import Deployment, MergeRequest, Status

_TRIES: Final = 2
_WORDS: Final = 255
_BAD: Final = 400
_NOT_THERE: Final = 404
_OVER: Final = frozenset({"success", "failed", "canceled"})

Pipeline = tuple[str, int | None]
"""The commit that a pipeline runs on, which is not the branch's where results are merged first; and
its id, if there is one that is ours."""


class Pipelines:
    """Signals: GitLab lets anybody who may push say the same."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[int, str], Pipeline] = {}

    def statuses(self, request: MergeRequest, body: Mapping[str, Any]) -> Mapping[str, Status]:
        """What was said about the newest pipeline; from now on that one is spoken about."""
        return {one.name: one for one in self._shown(self._remember(request, body))}

    def _shown(self, pipeline: Pipeline) -> list[Status]:
        sha, number = pipeline
        path = self._client.below("repository", "commits", sha, "statuses")
        more = {"pipeline_id": number} if number is not None else {}
        try:
            return [reading.status(one) for one in self._client.rows(path, **more)]
        except RefusedError as err:
            if err.status == _NOT_THERE:
                return []
            raise self._client.refusal(err, "commit statuses") from None

    def show(
        self, request: MergeRequest, status: Status, look: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Show one, on the pipeline that was seen last."""
        key = (request.number, request.head)
        known = self._known.get(key) or self._remember(request, look())
        try:
            self._post(request, known, status)
        except RefusedError as err:
            if err.status != _NOT_THERE:
                raise self._unshown(request, status, err) from None
            try:
                self._post(request, self._remember(request, look()), status)
            except RefusedError as again:
                raise self._unshown(request, status, again) from None

    def _remember(self, request: MergeRequest, body: Mapping[str, Any]) -> Pipeline:
        found = body.get("head_pipeline")
        head = found if isinstance(found, dict) else {}
        own = head.get("project_id") in (None, body.get("project_id"))
        about = head.get("sha") == request.head or self._merged_result(request, head)
        ours = isinstance(head.get("id"), int) and own and about
        seen: Pipeline = (str(head["sha"]), head["id"]) if ours else (request.head, None)
        if body.get("sha") == request.head:
            self._known = {
                key: value for key, value in self._known.items() if key[0] != request.number
            }
            self._known[request.number, request.head] = seen
            return seen
        return request.head, None

    def _merged_result(self, request: MergeRequest, head: Mapping[str, Any]) -> bool:
        """Whether a pipeline is about what merging the last commit would give.

        GitLab tells only that commit of its own, and goes on showing the pipeline of an older push
        until the next one begins: one that began after the last push is about that.
        """
        if not head.get("sha") or not str(head.get("ref") or "").endswith("/merge"):
            return False
        path = self._client.below("merge_requests", request.number, "versions")
        with self._client.about(f"!{request.number}"):
            newest = next(self._client.rows(path), None)
        if newest is None or newest.get("head_commit_sha") != request.head:
            return False
        began = reading.moment(head.get("created_at"))
        return began >= reading.moment(newest.get("created_at"))

    def _post(self, request: MergeRequest, pipeline: Pipeline, status: Status) -> None:
        sha, number = pipeline
        body: dict[str, object] = {
            "state": status.state,
            "name": line(status.name, _WORDS),
            "description": line(status.text, _WORDS),
        }
        if number is not None:
            body["pipeline_id"] = number
        else:
            # A fork's branch may be called as one of ours is.
            ref = f"refs/merge-requests/{request.number}/head"
            body["ref"] = ref if request.fork else request.source
        if status.link.startswith(("https://", "http://")) and len(status.link) <= _WORDS:
            body["target_url"] = status.link
        for turn in range(1, _TRIES + 1):
            try:
                self._client.post(self._client.below("statuses", sha), body)
            except UnsureError:
                # One that is over would stand there twice.
                if self._is_shown(pipeline, body):
                    return
                if turn == _TRIES:
                    raise
            except RefusedError as err:
                if err.status != _BAD or "cannot transition status" not in err.said.lower():
                    raise
                return
            else:
                return

    def _is_shown(self, pipeline: Pipeline, body: Mapping[str, object]) -> bool:
        wanted = body["name"], body["state"], body["description"]
        return any((one.name, one.state, one.text) == wanted for one in self._shown(pipeline))

    def _unshown(self, request: MergeRequest, status: Status, err: RefusedError) -> ReconcilerError:
        if err.status == _BAD and "already been taken" in err.said:
            return ReconcilerError(
                "status-name-taken",
                f"the status `{line(status.name, 60)}` is not shown on !{request.number}: a job of"
                " the pipeline has that name",
                hint="give the job another name; the verdict stands in the note",
                subject=f"!{request.number}",
            )
        return self._client.refusal(err, f"a status on !{request.number}")

    # --------------------------------------------------------------------------- applies

    def deployed(self, deployment: Deployment) -> None:
        """Show an apply: moved on where it was begun, made where it was not."""
        with self._client.about(f"a deployment of {line(deployment.environment, 60)}"):
            newest = self._newest(deployment)
            if newest is not None:
                state = str(newest.get("status"))
                if state == deployment.state:
                    return
                if state not in _OVER:
                    self._moved(newest, deployment)
                    return
            if deployment.production:
                self._environment(deployment.environment)
            body = {
                "environment": deployment.environment,
                "sha": deployment.commit,
                "ref": deployment.branch,
                "tag": False,
                "status": deployment.state,
            }
            # Not again by itself: whoever asks again is answered by what is there by then.
            self._client.post(self._client.below("deployments"), body)

    def _newest(self, deployment: Deployment) -> dict[str, Any] | None:
        rows = self._client.rows(
            self._client.below("deployments"),
            environment=deployment.environment,
            order_by="id",
            sort="desc",
        )
        found = next(rows, None)
        return found if found is not None and found.get("sha") == deployment.commit else None

    def _moved(self, newest: Mapping[str, Any], deployment: Deployment) -> None:
        try:
            path = self._client.below("deployments", reading.field(newest, "id", int))
            self._client.put(path, status=deployment.state)
        except RefusedError as err:
            if err.status != _BAD or "cannot transition" not in err.said.lower():
                raise

    def _environment(self, name: str) -> None:
        """GitLab guesses by the name what is production; we know."""
        path = self._client.below("environments")
        if next(self._client.rows(path, name=name), None) is not None:
            return
        try:
            self._client.post(path, {"name": name, "tier": "production"}, again=True)
        except RefusedError as err:
            if err.status != _BAD or "already been taken" not in err.said:
                raise
