"""The cloud as a process: found again, noticed when dead, never two of one folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reconciler.adapters.sandbox.cloud import Cloud
from tests.sandbox.conftest import Aws
from tests.terraform.test_runs import wait_for


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path / "cloud")
    yield cloud
    cloud.stop()


def test_a_cloud_lives_until_it_is_stopped(cloud: Cloud, tmp_path: Path) -> None:
    assert not cloud.status().running
    endpoint = cloud.start()
    assert endpoint.startswith("http://127.0.0.1:")
    first = Cloud(tmp_path / "cloud").status()
    assert first.running
    assert first.endpoint == endpoint
    assert os.getpgid(first.pid) == first.pid
    assert cloud.start() == endpoint
    assert cloud.status() == first

    cloud.stop()
    cloud.stop()
    assert not cloud.status().running
    address = urlsplit(endpoint)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=5)


def test_a_dead_cloud_is_noticed_and_the_next_one_is_another(cloud: Cloud) -> None:
    cloud.start()
    before = cloud.status()
    os.kill(before.pid, signal.SIGKILL)
    os.waitpid(before.pid, 0)
    assert not cloud.status().running
    cloud.start()
    after = cloud.status()
    assert after.cloud_id != before.cloud_id
    aws = Aws(after.endpoint, "123456789012", "eu-west-1")
    assert aws.client("sns").list_topics()["Topics"] == []


def test_a_pid_that_is_someone_elses_is_no_cloud(cloud: Cloud, tmp_path: Path) -> None:
    cloud.start()
    path = tmp_path / "cloud" / "cloud.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "pid": os.getpid()}))
    assert not cloud.status().running
    cloud.stop()
    os.killpg(record["pid"], signal.SIGTERM)
    os.waitpid(record["pid"], 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', "null"])
def test_a_damaged_file_is_no_cloud(text: str, cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud" / "cloud.json").write_text(text)
    assert not cloud.status().running


def test_many_start_one(tmp_path: Path, cloud: Cloud) -> None:
    with ThreadPoolExecutor(4) as pool:
        ends = set(pool.map(lambda _: Cloud(tmp_path / "cloud").start(), range(4)))
    assert ends == {cloud.status().endpoint}


def test_a_start_that_is_interrupted_leaves_none_running(tmp_path: Path) -> None:
    folder = tmp_path / "cloud"
    start = "import sys, pathlib; from reconciler.adapters.sandbox.cloud import Cloud;"
    with subprocess.Popen(
        [sys.executable, "-c", f"{start} Cloud(pathlib.Path(sys.argv[1])).start()", str(folder)],
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for(lambda: at_work_in(folder))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
    wait_for(lambda: not at_work_in(folder))


def at_work_in(folder: Path) -> list[str]:
    """Processes that have it as their folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if (one / "cwd").readlink() == folder:
                found.append(one.name)
        except OSError:
            continue
    return found
