"""What goes wrong on the way to GitLab: nothing is done twice or lost, and the person is told."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from reconciler.adapters.gitlab.client import Client, Pace
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.merge_request import Deployment, MergeRequest, Proposal, Status
from reconciler.ports import Forge
from tests.fakes.gitlab.faults import Kind
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges

LOST: list[Kind] = ["502", "503", "cut", "500"]


@pytest.fixture
def forges(tmp_path: Path) -> Iterator[GitLabForges]:
    with gitlab_forges(tmp_path) as made:
        yield made


def opened(forges: GitLabForges) -> tuple[Forge, MergeRequest]:
    forges.push("feature", {"feature.txt": "1\n2\n3\n"})
    ada = forges.as_user("ada")
    return ada, ada.open(Proposal("A change", "", "feature", "main"))


def texts(forges: GitLabForges) -> list[str]:
    return [one.text for one in forges.as_user("ada").notes(1)]


# --------------------------------------------------------------------------- rate limits


def test_a_busy_server_is_waited_for_as_long_as_it_asks(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.lab.faults.add("429", "POST", "/discussions", times=2, retry_after="7")
    ada.say(made.number, "hello")
    assert forges.clock.paused == [7.0, 7.0]
    assert texts(forges) == ["hello"]


@pytest.mark.parametrize("seconds", ["3600", "99999999999999999999"])
def test_a_server_that_asks_for_too_long_is_left_alone(forges: GitLabForges, seconds: str) -> None:
    ada, made = opened(forges)
    forges.lab.faults.add("429", retry_after=seconds)
    with pytest.raises(WaitingError) as failed:
        ada.merge_request(made.number)
    assert (failed.value.reason, forges.clock.paused) == ("forge-busy", [])


def test_a_server_that_is_busy_for_ever_is_not_asked_for_ever(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.lab.asked.clear()
    forges.lab.faults.add("429", times=100, retry_after="soon")
    with pytest.raises(WaitingError):
        ada.merge_request(made.number)
    assert len(forges.lab.asked) == 3


def test_what_somebody_else_works_on_is_tried_again(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.lab.faults.add("locked", "PUT", times=2)
    assert ada.close(made.number).state == "closed"
    forges.lab.faults.add("locked", "PUT", times=3)
    with pytest.raises(WaitingError):
        ada.reopen(made.number)
    forges.lab.faults.add("locked", "POST", "/discussions")
    ada.say(made.number, "hello")
    assert texts(forges) == ["hello"]


# ------------------------------------------------------------------------- lost answers


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("kind", LOST)
def test_a_note_is_said_once(forges: GitLabForges, kind: Kind, after: bool) -> None:  # noqa: FBT001
    ada, made = opened(forges)
    forges.lab.faults.add(kind, "POST", "/discussions", after=after)
    note = ada.say(made.number, "hello")
    assert texts(forges) == ["hello"]
    assert note.id == forges.as_user("ada").notes(1)[0].id


@pytest.mark.parametrize("kind", LOST)
def test_an_answer_in_a_thread_is_said_once(forges: GitLabForges, kind: Kind) -> None:
    ada, made = opened(forges)
    first = ada.say(made.number, "why?")
    forges.lab.faults.add(kind, "POST", "/notes", after=True)
    assert ada.say(made.number, "so.", thread=first.thread).thread == first.thread
    assert texts(forges) == ["why?", "so."]


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("kind", LOST)
def test_a_status_is_shown_once(forges: GitLabForges, kind: Kind, after: bool) -> None:  # noqa: FBT001
    ada, made = opened(forges)
    forges.lab.faults.add(kind, "POST", "/statuses", after=after)
    ada.show_status(made, Status("x", "failed", "no"))
    assert [(one.name, one.status) for one in forges.lab.statuses] == [("x", "failed")]
    forges.lab.faults.add("503", "POST", "/statuses", times=9)
    with pytest.raises(TransientError):
        ada.show_status(made, Status("x", "success", "yes"))


@pytest.mark.parametrize("kind", LOST)
def test_a_merge_request_is_opened_once(forges: GitLabForges, kind: Kind) -> None:
    forges.push("feature", {"a.txt": "a"})
    forges.lab.faults.add(kind, "POST", "/merge_requests$", after=True)
    made = forges.as_user("ada").open(Proposal("A change", "", "feature", "main"))
    assert list(forges.lab.merges) == [made.number]


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("kind", [*LOST, "hang"])
def test_a_merge_is_asked_for_once_and_then_looked_at(
    forges: GitLabForges,
    kind: Kind,
    after: bool,  # noqa: FBT001
) -> None:
    opened(forges)
    ada = forges.as_user("ada", request=0.5)
    made = ada.merge_request(1)
    came_through = after or kind == "cut"  # what is cut off was done
    forges.lab.asked.clear()
    forges.lab.faults.add(kind, "PUT", "/merge$", after=after)
    if came_through:
        assert ada.merge(1, made.head) == forges.tip("main")
    else:
        with pytest.raises(TransientError):
            ada.merge(1, made.head)
        assert ada.merge_request(1).state == "open"
    assert [path for method, path in forges.lab.asked if method == "PUT"] == [
        "/api/v4/projects/acme%2Fenvironments/merge_requests/1/merge"
    ]


@pytest.mark.parametrize(
    "act",
    [
        lambda forge, made: forge.close(made.number),
        lambda forge, made: forge.edit(made.number, title="Other"),
        lambda forge, made: forge.labelled(made.number, ["a"], []),
        lambda forge, made: forge.approve(made.number, made.head),
        lambda forge, made: forge.unapprove(made.number),
        lambda forge, _made: list(forge.open_ones("main")),
        lambda forge, made: forge.consents(made.number),
    ],
)
@pytest.mark.parametrize("kind", LOST)
def test_what_can_be_repeated_is(
    forges: GitLabForges, kind: Kind, act: Callable[[Forge, MergeRequest], object]
) -> None:
    _, made = opened(forges)
    fresh = forges.as_user("ada")
    forges.lab.faults.add(kind, after=True, times=2)
    act(fresh, made)
    assert len(forges.clock.paused) == 2


def test_a_deployment_whose_answer_got_lost_is_not_made_again(forges: GitLabForges) -> None:
    ada, tip = forges.as_user("ada"), forges.tip("main")
    forges.lab.faults.add("502", "POST", "/deployments", after=True)
    with pytest.raises(TransientError):
        ada.deployed(Deployment("shop", tip, "main", "running"))
    ada.deployed(Deployment("shop", tip, "main", "running"))
    assert len(forges.lab.deployments) == 1


def test_a_server_that_says_nothing_is_not_waited_for_long(forges: GitLabForges) -> None:
    opened(forges)
    impatient = forges.as_user("ada", request=0.2)
    forges.lab.faults.add("hang", times=3)
    with pytest.raises(TransientError) as failed:
        impatient.merge_request(1)
    assert "in time" in failed.value.message


def test_a_server_that_drips_is_not_listened_to_for_ever(forges: GitLabForges) -> None:
    """Each byte comes in time; all of them would never."""
    opened(forges)
    patient = forges.using("glpat-ada", whole=0.3)
    forges.lab.faults.add("drip", times=3)
    with pytest.raises(TransientError) as failed:
        patient.merge_request(1)
    assert failed.value.reason == "forge-away"
    assert "in time" in failed.value.message
    assert len(forges.clock.paused) == 2
    assert patient.merge_request(1).number == 1


def test_a_body_without_an_end_is_not_read(forges: GitLabForges) -> None:
    opened(forges)
    small = forges.using("glpat-ada", size=1024 * 1024)
    forges.lab.faults.add("huge")
    with pytest.raises(TransientError) as failed:
        small.merge_request(1)
    assert failed.value.reason == "forge-large"
    assert "1 MiB" in failed.value.message
    assert failed.value.hint
    assert forges.clock.paused == []
    assert small.merge_request(1).number == 1


@pytest.mark.parametrize("kind", ["drip", "huge"])
def test_a_note_whose_answer_has_no_end_is_said_once(forges: GitLabForges, kind: Kind) -> None:
    opened(forges)
    bound = forges.using("glpat-ada", whole=0.3, size=1024 * 1024)
    forges.lab.faults.add(kind, "POST", "/discussions", after=True)
    bound.say(1, "hello")
    assert texts(forges) == ["hello"]


def test_headers_that_drip_and_answers_that_unpack_to_much_are_bound_too() -> None:
    """From a bare socket, since no web server sends such things."""
    bomb = gzip.compress(b" " * (8 * 1024 * 1024))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    packed = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answers: dict[str, Iterator[bytes]] = {
        "in time": iter([head, *(b"X-%d: y\r\n" % one for one in range(90))]),
        "more than": iter([head + packed + bomb]),
    }
    for said, parts in answers.items():
        with answering(parts) as port:
            pace = Pace(request=5, whole=0.3, size=1024 * 1024, wait=0, pause=lambda _: None)
            client = Client(f"http://127.0.0.1:{port}", "a/b", "glpat-x", "GITLAB_TOKEN", pace)
            with pytest.raises(TransientError, match=said):
                client.get("/user")
            client.close()


@contextmanager
def answering(parts: Iterator[bytes]) -> Iterator[int]:
    """One connection, and these bytes, each a moment after the one before."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65_536)
                for part in parts:
                    connection.sendall(part)
                    if over.wait(0.02):
                        return
                over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join(10)


def test_an_hour_without_an_answer_is_told_and_over(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.lab.faults.add("503", times=1000)
    asks: tuple[Callable[[], object], ...] = (
        lambda: ada.merge_request(made.number),
        lambda: list(ada.open_ones("main")),
        lambda: ada.say(made.number, "hello"),
        lambda: ada.rewrite(made.number, "1", "x"),
    )
    for ask in asks:
        with pytest.raises(TransientError) as failed:
            ask()
        assert failed.value.reason == "forge-away"
        assert failed.value.hint
    forges.lab.faults.waiting.clear()
    assert ada.merge_request(made.number) == made or ada.merge_request(made.number).state == "open"
    assert texts(forges) == []


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with gitlab_forges(tmp_path) as forges:
        ada = forges.as_user("ada")
    with pytest.raises(TransientError) as failed:
        ada.merge_request(1)
    assert failed.value.reason == "forge-away"
    ada.end()


# --------------------------------------------------------------------- tokens and rights


def test_a_revoked_token_is_told_and_never_shown(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    for user in forges.lab.users.values():
        user.revoked = True
    asks: tuple[Callable[[], object], ...] = (
        lambda: ada.merge_request(made.number),
        lambda: list(ada.open_ones("main")),
        lambda: ada.say(made.number, "hello"),
        lambda: list(ada.examine("main", "records")),
        lambda: ada.consents(made.number),
    )
    for ask in asks:
        with pytest.raises(ReconcilerError) as failed:
            ask()
        assert failed.value.reason == "forge-token"
        assert "GITLAB_TOKEN" in failed.value.hint
        assert not isinstance(failed.value, TransientError | WaitingError)
        assert "glpat" not in f"{failed.value.message}{failed.value.hint}{failed.value.__cause__}"


def test_a_token_that_may_only_read_is_told(forges: GitLabForges) -> None:
    _, made = opened(forges)
    forges.lab.user("reader", 40, scopes=("read_api",))
    reader = forges.using("glpat-reader")
    assert reader.merge_request(made.number).number == made.number
    with pytest.raises(ReconcilerError) as failed:
        reader.say(made.number, "hello")
    assert (failed.value.reason, "scope `api`" in failed.value.hint) == ("forge-denied", True)


def test_a_project_that_is_not_to_be_seen_is_told(forges: GitLabForges) -> None:
    with pytest.raises(UsageError) as failed:
        forges.using("glpat-ada", project="acme/elsewhere").merge_request(1)
    assert failed.value.reason == "no-such-project"
    forges.lab.user("stranger", 0)
    with pytest.raises(UsageError):
        list(forges.using("glpat-stranger").open_ones("main"))


def test_a_redirect_gets_no_token(tmp_path: Path, forges: GitLabForges) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ada, made = opened(forges)
    with gitlab_forges(other) as elsewhere:
        for method in ("GET", "PUT"):
            forges.lab.faults.add("redirect", method, target=f"{elsewhere.lab.url}/api/v4/user")
        for ask in (ada.merge_request, ada.close):
            with pytest.raises(ReconcilerError) as failed:
                ask(made.number)
            assert failed.value.reason == "forge-moved"
        assert elsewhere.lab.asked == []


def test_what_is_no_gitlab_is_told(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    forges.lab.faults.add("not json")
    with pytest.raises(ReconcilerError) as failed:
        ada.merge_request(made.number)
    assert failed.value.reason == "forge-nonsense"


def test_a_fork_that_nobody_may_see_is_still_read_by_git(forges: GitLabForges) -> None:
    head = forges.push("theirs", {"f.txt": "f"}, fork=True)
    number = forges.open_from_fork("theirs", "From outside")
    (forges.folder / "fork.git").rename(forges.folder / "gone.git")
    ada = forges.as_user("ada")
    forges.lab.merges[number].fork_id = None
    assert ada.merge_request(number).fork
    assert ada.fetched(ada.merge_request(number)) == head


def test_each_thread_has_a_connection_of_its_own(forges: GitLabForges) -> None:
    ada, made = opened(forges)
    found: list[int] = []

    def look() -> None:
        found.extend(ada.merge_request(made.number).number for _ in range(5))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [made.number] * 20
