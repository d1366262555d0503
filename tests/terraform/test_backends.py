"""States that another machine keeps, for real: HTTP as GitLab does it, S3, PostgreSQL."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.app.terraform import Site, apply, look_at_state, planning, unlock
from reconciler.core.backend import backend
from reconciler.errors import ReconcilerError, WaitingError
from reconciler.model.settings import HttpState, PgState, S3State
from tests.sandbox.conftest import endpoint  # noqa: F401  # a fixture
from tests.terraform.conftest import TWO, Machine, source
from tests.terraform.lab import REGION, client
from tests.terraform.test_runs import Slow, StateServer, run, served, terraform_of, wait_for, zombie

BUCKET = "states"


@dataclass(frozen=True)
class Elsewhere:
    """A place for states, and what can go wrong there."""

    kind: str
    fields: dict[str, Any]
    environment: dict[str, str]
    lose: Callable[[], object]
    """Somebody deletes the state."""
    fail: Callable[[], object]
    """Nothing can be saved any more."""
    mend: Callable[[], object]
    lock_stays: bool
    """Whether the lock of a dead process has to be taken away by hand."""

    def site(self, machine: Machine) -> Site:
        own = replace(machine, environment=tuple(self.environment.items()))
        return own.site(where=lambda _name: self.fields)


@contextmanager
def over_http() -> Iterator[Elsewhere]:
    def put(name: str, value: object) -> Callable[[], None]:
        return lambda: setattr(StateServer, name, value)

    with served() as address:
        state = HttpState.model_validate({"backend": "http", "address": address})
        yield Elsewhere(
            "http",
            backend(state, "box", Path()),
            {},
            put("state", b""),
            put("broken", value=True),
            put("broken", value=False),
            lock_stays=True,
        )


def in_s3(at: str) -> Elsewhere:
    s3 = client(at, "s3")

    def make() -> None:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def empty() -> None:
        for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=one["Key"])

    def drop() -> None:
        empty()
        s3.delete_bucket(Bucket=BUCKET)

    if BUCKET in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        drop()
    make()
    state = S3State.model_validate({"backend": "s3", "bucket": BUCKET, "region": REGION})
    (fields,) = backend(state, "box", Path()).values()
    loopback = {
        "endpoints": {"s3": at},
        "use_path_style": True,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_requesting_account_id": True,
        "skip_region_validation": True,
    }
    keys = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "someone"}
    whole = {"s3": {**fields, **loopback}}
    return Elsewhere("s3", whole, keys, empty, drop, make, lock_stays=True)


@dataclass
class Postgres:
    """A server of our own, in a folder of its own, on a socket."""

    folder: Path
    user: str
    programs: Path

    def call(self, program: str, *arguments: str) -> None:
        own = {"user": self.user} if os.geteuid() == 0 else {}
        subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **own,  # type: ignore[call-overload]
        )

    def start(self) -> None:
        options = f"-c listen_addresses= -c fsync=off -k {self.folder}"
        log = str(self.folder / "log")
        data = str(self.folder / "data")
        self.call("pg_ctl", "start", "-w", "-D", data, "-o", options, "-l", log)

    def stop(self) -> None:
        self.call("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder / "data"))

    def ask(self, words: str) -> None:
        self.call("psql", "-q", "-h", str(self.folder), "-d", "postgres", "-c", words)


@contextmanager
def in_postgres() -> Iterator[Elsewhere]:
    program = shutil.which("pg_ctl") or shutil.which("postgres")
    if program is None:
        pytest.skip("there is no PostgreSQL server on PATH")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        os.chown(folder, account.pw_uid, account.pw_gid)
        server = Postgres(folder, user, Path(program).resolve().parent)
        server.call("initdb", "-A", "trust", "-N", "-D", str(folder / "data"))
        server.start()
        try:
            state = PgState.model_validate({"backend": "pg", "connectionFrom": "PG"})
            fields = backend(state, "box", Path())
            schema = fields["pg"]["schema_name"]
            yield Elsewhere(
                "pg",
                fields,
                {"PG_CONN_STR": f"postgres://{user}@/postgres?host={folder}&sslmode=disable"},
                lambda: server.ask(f"TRUNCATE {schema}.states"),
                server.stop,
                server.start,
                lock_stays=False,
            )
        finally:
            server.stop()


@pytest.fixture(params=["http", "s3", "pg"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    if request.param == "http":
        with over_http() as found:
            yield found
    elif request.param == "s3":
        yield in_s3(request.getfixturevalue("endpoint"))
    else:
        with in_postgres() as found:
            yield found


@pytest.fixture
def slow(machine: Machine, tmp_path: Path, elsewhere: Elsewhere) -> Iterator[Slow]:
    one = Slow(machine, tmp_path, elsewhere.fields, elsewhere.environment)
    yield one
    one.close()


def other(machine: Machine, tmp_path: Path) -> Machine:
    """Another machine that knows the same state."""
    root = tmp_path / "other"
    root.mkdir(mode=0o700)
    return replace(machine, root=root)


def test_it_is_kept_there_and_a_state_that_is_lost_stops_everything(
    machine: Machine, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    site = elsewhere.site(machine)
    assert run(site, source(TWO)).result == "done"
    with planning(elsewhere.site(other(machine, tmp_path)), source(TWO)) as planned:
        assert planned.plan.empty
    elsewhere.lose()
    with pytest.raises(ReconcilerError, match="no state any more"), planning(site, source(TWO)):
        pass


def test_a_lock_holds_others_off_and_the_lock_of_the_dead_can_be_taken_away(
    machine: Machine, tmp_path: Path, elsewhere: Elsewhere, slow: Slow
) -> None:
    rendered = source(slow.text)
    site = elsewhere.site(machine)
    there = elsewhere.site(other(machine, tmp_path))
    with pytest.raises(WaitingError, match="is locked") as caught, planning(there, rendered):
        pass
    assert caught.value.reason == "state-locked"
    with pytest.raises(WaitingError, match="being worked on"):
        unlock(site, rendered, "any")
    # The power goes: nobody ends what he began.
    pid = terraform_of(machine)
    slow.process.send_signal(signal.SIGKILL)
    slow.process.wait()
    with pytest.raises(WaitingError, match="caller is gone"):
        unlock(site, rendered, "any")
    os.killpg(pid, signal.SIGKILL)
    wait_for(lambda: zombie(pid))
    slow.finish()
    if elsewhere.lock_stays:
        with pytest.raises(WaitingError, match="is locked") as caught, planning(site, rendered):
            pass
        found = re.search(r"--unlock (\S+)`", caught.value.hint)
        assert found is not None
        assert found[1] != "ID", "the holder's lock is named"
        if elsewhere.kind == "s3":  # over HTTP terraform does not say which lock it means
            with pytest.raises(ReconcilerError, match="could not be taken away"):
                unlock(site, rendered, "11111111-2222-3333-4444-555555555555")
        unlock(site, rendered, found[1])
    with planning(site, rendered) as planned:
        (before,) = planned.before
        assert before.done == ()
        # It was made, and the state that would know it was never saved.
        assert set(before.unknown) == {"terraform_data.first", "terraform_data.slow"}
        assert before.left == ("terraform_data.last",)
        planned.told()
        assert apply(planned, planned.plan.digest).result == "done"
    state = look_at_state(site, rendered)
    assert state is not None
    assert len(state.resources) == 3


@pytest.mark.parametrize(
    "elsewhere",
    ["s3", "pg", pytest.param("http", marks=pytest.mark.soak)],  # test_runs has a shorter one
    indirect=True,
)
def test_a_state_that_cannot_be_saved_is_kept_and_brought_back(
    machine: Machine, elsewhere: Elsewhere, slow: Slow
) -> None:
    rendered, site = source(slow.text), elsewhere.site(machine)
    elsewhere.fail()
    slow.finish()
    assert slow.process.wait(timeout=60) == 0
    (left,) = (machine.root / "runs" / "box").glob("*/terraform/errored.tfstate")
    with pytest.raises(ReconcilerError), planning(site, rendered):
        pass
    assert left.exists()
    elsewhere.mend()
    with planning(site, rendered) as planned:
        assert planned.plan.empty, "what was made is known again, and not made twice"
        assert [one.brought_back for one in planned.before] == [True]
    assert not left.exists()


def test_a_token_is_never_sent_in_clear_text() -> None:
    """Whoever made the settings, and however: it is looked at again before use."""
    state = HttpState.model_construct(backend="http", address="http://states.example.com")
    with pytest.raises(ReconcilerError) as refused:
        backend(state, "box", Path())
    assert refused.value.reason == "clear-text"
    assert "token" in refused.value.message
    assert "https://" in refused.value.hint
