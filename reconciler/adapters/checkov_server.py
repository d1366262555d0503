"""Checkov, warm: runs inside Checkov's own environment and forks for each scan.

This file is a program, not a module of reconciler: it is started by path with the Python of
Checkov's environment, and imports nothing but the standard library and Checkov.

Standard input and output carry frames: four bytes of length, big-endian, then JSON. The first frame
that goes out says who is there; then each request `{"id", "framework", "seconds", "files"}` (files:
path -> text) is answered by one frame with the same id, in any order.

A scan runs in a fork: what one scan leaves in memory, no other one sees. The fork has no network,
starts no program, reads nothing but its own folder and Python's, and ends when its time is over.
Checkov's configuration files are never read, because its command line is never run.
"""

import ast
import concurrent.futures
import ctypes
import gc
import json
import logging
import os
import re
import resource
import selectors
import shutil
import signal
import struct
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

LIMIT = 256 << 20
"""Bytes of one frame."""
_HEAD = 4
_MEMORY = 4 << 30
_FILE = 64 << 20
_NEW_NETWORK = 0x40000000
_NEW_USER = 0x10000000
_SAFE_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_SKIP = re.compile(
    r"(checkov|bridgecrew|cortex):skip=[ ]*([A-Za-z_\d-]+(?:,[A-Za-z_\d-]+)*)?(:[^\n]*)?"
)
_IGNORED = frozenset({"node_modules", ".terraform", ".serverless"})
"""Folders that Checkov passes by without a word."""

_FORBIDDEN = frozenset(
    {
        "ctypes.dlopen",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "shutil.chown",
        "subprocess.Popen",
        "urllib.Request",
    }
)
_CHANGES = frozenset(
    {"os.chmod", "os.chown", "os.link", "os.remove", "os.rename", "os.rmdir", "os.symlink"}
)


class Refused(Exception):  # noqa: N818  # it is what happened, and no error of ours
    """The scan cannot give an answer that may be trusted; the message says why."""


def without_network() -> str:
    """Leave the network for good, where the kernel lets us; how it was done."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_NEW_NETWORK) == 0 or libc.unshare(_NEW_USER | _NEW_NETWORK) == 0:
            return "namespace"
    return "hook"


class Guard:
    """Sees whatever Python opens, connects or starts, and stops what a scan has no need of."""

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root) + os.sep
        places = {sys.prefix, sys.base_prefix, str(Path(os.__file__).parent), *sys.path}
        self._readable = tuple(
            os.path.realpath(place).rstrip(os.sep) + os.sep for place in places if place
        )
        self.denied = ""

    def _deny(self, what: str) -> None:
        self.denied = self.denied or what
        msg = f"a scan may not {what}"
        raise PermissionError(msg)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook."""
        if event.startswith("socket.") and event != "socket.__new__":
            self._deny("use the network")
        elif event in _FORBIDDEN:
            self._deny(f"call {event}")
        elif event == "open":
            self._open(arguments)
        elif event in _CHANGES:
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith(self._root):
                self._deny("change files outside its folder")

    def _open(self, arguments: tuple[Any, ...]) -> None:
        name, mode, flags = arguments
        if isinstance(name, int):
            return
        path = os.path.realpath(os.fsdecode(name))
        if path.startswith(self._root) or path == os.devnull:
            return
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if writes:
            self._deny("write outside its folder")
        if not path.startswith(self._readable):
            self._deny("read outside its folder")


class Inline:
    """An executor that does each thing at once: threads give nothing where one runs at a time."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @staticmethod
    def submit(function: Any, *arguments: Any, **named: Any) -> "concurrent.futures.Future[Any]":
        """What it came to, as a thread would have told it."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as err:  # noqa: BLE001  # whoever asks for the result gets it
            future.set_exception(err)
        return future

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Nothing is left to wait for."""


def make_quick() -> None:
    """What Checkov works out the long way, done the short way or kept.

    All of them are functions of their arguments and give what they gave, so no verdict differs; a
    test compares.
    """
    _keep_tables()
    _evaluate_shortly()
    _place_shortly()
    _compare_shortly()
    _copy_shortly()


def _keep_tables() -> None:
    """The tables of a grammar, made once."""
    import ply.yacc

    tables: dict[Any, Any] = {}
    make_tables = ply.yacc.yacc

    def yacc(**wanted: Any) -> Any:
        key = (type(wanted.get("module")), wanted.get("start"))
        if key not in tables:
            tables[key] = make_tables(**wanted)
        return tables[key]

    ply.yacc.yacc = yacc


def _evaluate_shortly() -> None:
    """What an expression comes to, without an interpreter where none is needed."""
    from checkov.terraform.graph_builder.variable_rendering import (
        evaluate_terraform,
        safe_eval_functions,
    )

    known: dict[Any, Any] = {}
    evaluate_again = safe_eval_functions.evaluate

    def evaluate(text: Any) -> object:
        """Kept where it cannot be changed afterwards."""
        kept = known.get(text)
        if kept is None:
            if isinstance(text, str) and _PLAIN_TEXT.fullmatch(text):
                return text[1:-1]
            try:
                if _is_no_python(text):
                    msg = "Safe evaluation error"
                    raise ValueError(msg)  # noqa: TRY301  # it is kept like any other
                value = evaluate_again(text)
            except ValueError as err:
                value = err
            if not isinstance(value, str | int | float | ValueError):
                return value
            kept = known[text] = (value,)
        value = kept[0]
        if not isinstance(value, ValueError):
            return value
        raise ValueError(*value.args)

    evaluate_terraform.find_brackets_pairs = bracket_pairs
    for module in (safe_eval_functions, evaluate_terraform):
        if getattr(module, "evaluate", None) is evaluate_again:
            module.evaluate = evaluate


_PLAIN_TEXT = re.compile(r'"[ !#-\[\]-~]{1,2000}"')
"""A text of Python without anything that it would read in another way."""
_OTHERWISE = re.compile(r"try|continue$|\.\.\.$|\d+-\d+$|\s*$")
"""What Checkov itself treats in another way than Python does."""


def _is_no_python(text: Any) -> bool:
    """Whether Checkov's interpreter would refuse to read it, which is dear to find out there."""
    if not isinstance(text, str) or _OTHERWISE.match(text):
        return False
    try:
        compile(text, "<unknown>", "exec", ast.PyCF_ONLY_AST)
    except SyntaxError:
        return True
    except Exception:  # noqa: BLE001  # let it find out
        return False
    return False


def bracket_pairs(text: str, starting: str, closing: str) -> list[dict[str, int]]:
    """Where each bracket that is closed, with something in it, begins and ends."""
    opened: list[int] = []
    found = []
    if starting in text:
        for match in re.finditer("[" + re.escape(starting + closing) + "]", text):
            place = match.start()
            if match[0] == starting:
                opened.append(place)
            elif opened:
                start = opened.pop()
                if place - start > 1:
                    found.append((start, place))
    return [{"start": start, "end": end} for start, end in sorted(found)]


def _place_shortly() -> None:
    """Where each node of a parsed file begins and ends: as lark tells it, in fewer steps."""
    from lark import Tree
    from lark.parse_tree_builder import PropagatePositions

    before: Any = PropagatePositions.__call__

    def call(self: Any, children: Any) -> Any:
        if self.node_filter is not None:
            return before(self, children)
        made = self.node_builder(children)
        if isinstance(made, Tree):
            first = _meta_of(children, Tree)
            if first is not None:
                own = made.meta.__dict__
                _begin(own, first)
                _end(own, _meta_of(reversed(children), Tree))
        return made

    setattr(PropagatePositions, "__call__", call)  # noqa: B010  # mypy knows no other way


def _meta_of(children: Any, tree: type) -> Any:
    """The first of them that has a place: a token is its own, and a text."""
    for one in children:
        if isinstance(one, tree):
            meta: Any = one.meta  # type: ignore[attr-defined]  # lark's
            if not meta.empty:
                return meta
        elif hasattr(one, "end_pos"):
            return one
        elif hasattr(one, "__lark_meta__"):
            return one.__lark_meta__()
    return None


def _begin(own: dict[str, Any], first: Any) -> None:
    if isinstance(first, str):
        line, column, position = first.line, first.column, first.start_pos  # type: ignore[attr-defined]  # a token
    else:
        of = first.__dict__
        line = of.get("container_line", of["line"])
        column = of.get("container_column", of["column"])
        position = of.get("container_start_pos", of["start_pos"])
    if "line" not in own:
        own["line"], own["column"], own["start_pos"] = line, column, position
        own["empty"] = False
    own["container_line"], own["container_column"] = line, column
    own["container_start_pos"] = position


def _end(own: dict[str, Any], last: Any) -> None:
    if isinstance(last, str):
        line, column, position = last.end_line, last.end_column, last.end_pos  # type: ignore[attr-defined]  # a token
    else:
        of = last.__dict__
        line = of.get("container_end_line", of["end_line"])
        column = of.get("container_end_column", of["end_column"])
        position = of.get("container_end_pos", of["end_pos"])
    if "end_line" not in own:
        own["end_line"], own["end_column"], own["end_pos"] = line, column, position
        own["empty"] = False
    own["container_end_line"], own["container_end_column"] = line, column
    own["container_end_pos"] = position


def _compare_shortly() -> None:
    """Edges of the graph, by what they are instead of by their text."""
    from checkov.common.graph.graph_builder.graph_components.edge import Edge

    def same(self: Any, other: Any) -> bool:
        return isinstance(other, Edge) and (
            (self.origin, self.dest, self.label) == (other.origin, other.dest, other.label)
        )

    Edge.__hash__ = lambda self: hash((self.origin, self.dest, self.label))
    Edge.__eq__ = same


def _copy_shortly() -> None:
    """A copy of what cannot change is the thing itself."""
    from checkov.common.graph.graph_builder.variable_rendering import renderer as edges
    from checkov.terraform.graph_builder import local_graph
    from checkov.terraform.graph_builder.variable_rendering import renderer

    def copied(value: Any) -> Any:
        return value if type(value) in _FIXED else before(value)

    before = renderer.pickle_deepcopy
    for module in (edges, local_graph, renderer):
        if getattr(module, "pickle_deepcopy", None) is before:
            module.pickle_deepcopy = copied


_FIXED = (str, int, float, bool, type(None))


class Checkov:
    """The three Runners that we use, imported once."""

    def __init__(self) -> None:
        logging.disable(logging.CRITICAL)
        concurrent.futures.ThreadPoolExecutor = Inline  # type: ignore[assignment,misc]  # as said
        from checkov.common.checks_infra.registry import get_graph_checks_registry
        from checkov.gitlab_ci.runner import Runner as GitLabRunner
        from checkov.runner_filter import RunnerFilter
        from checkov.terraform import parser_utils
        from checkov.terraform.checks.utils.base_cloudsplaining_iam_scanner import (
            BaseTerraformCloudsplainingIAMScanner,
        )
        from checkov.terraform.plan_runner import Runner as PlanRunner
        from checkov.terraform.runner import Runner as TerraformRunner
        from checkov.version import version

        self.version = version
        self._filter = RunnerFilter
        self._runners = {
            "terraform": TerraformRunner,
            "terraform_plan": PlanRunner,
            "gitlab_ci": GitLabRunner,
        }
        self._iam = BaseTerraformCloudsplainingIAMScanner
        self._parser = parser_utils
        self.dropped = ""
        self._watch_parser()
        make_quick()
        for framework in ("terraform", "gitlab_ci"):
            get_graph_checks_registry(framework).load_checks()

    def _watch_parser(self) -> None:
        """Checkov drops blocks that it does not understand, without a word: take note of them."""
        for name in ("validate_malformed_definitions", "clean_bad_definitions"):
            before = getattr(self._parser, name)

            def watched(raw: dict[str, Any], before: Any = before) -> dict[str, Any]:
                count = sum(len(blocks) for blocks in raw.values() if isinstance(blocks, list))
                after: dict[str, Any] = before(raw)
                left = sum(len(blocks) for blocks in after.values() if isinstance(blocks, list))
                if left < count:
                    self.dropped = "a block that is not understood"
                return after

            setattr(self._parser, name, watched)

    def warm(self, work: str) -> None:
        """One scan of each kind, so that forks begin with everything loaded."""
        root = Path(work, "warm")
        samples = {"terraform": _WARM_HCL, "terraform_plan": _WARM_PLAN, "gitlab_ci": _WARM_CI}
        for framework, files in samples.items():
            folder = root / framework
            write(folder, files)
            self.scan(framework, folder, files)
        shutil.rmtree(root)

    def scan(self, framework: str, folder: Path, files: dict[str, Any]) -> dict[str, Any]:
        """One scan in this process; only ever called in a fork, and for warming."""
        self.dropped = ""
        self._iam.policy_document_cache.clear()
        runner = self._runners[framework]()
        chosen = self._filter(
            framework=[framework],
            show_progress_bar=False,
            download_external_modules=False,
            run_image_referencer=False,
        )
        if framework == "terraform":
            report = runner.run(root_folder=str(folder), runner_filter=chosen)
        else:
            paths = [str(folder / path) for path in sorted(files)]
            report = runner.run(files=paths, root_folder=None, runner_filter=chosen)
        if isinstance(report, list):
            msg = f"Checkov gave {len(report)} reports instead of one"
            raise Refused(msg)
        if report.parsing_errors:
            names = sorted(os.path.relpath(path, folder) for path in report.parsing_errors)
            raise Refused("Checkov cannot parse " + ", ".join(names))
        if self.dropped:
            msg = f"Checkov left out {self.dropped}"
            raise Refused(msg)
        self._looked_at_everything(framework, runner, folder, files)
        if report.skipped_checks:
            msg = f"Checkov skipped {report.skipped_checks[0].check_id} though it was not asked to"
            raise Refused(msg)
        return {
            "failed": [self._failed(record, framework, folder) for record in report.failed_checks],
            "passed": sorted({(one.check_id, str(one.resource)) for one in report.passed_checks}),
        }

    def _looked_at_everything(
        self, framework: str, runner: Any, folder: Path, files: dict[str, str]
    ) -> None:
        seen = {
            os.path.relpath(getattr(key, "file_path", key), folder) for key in runner.definitions
        }
        for path, text in files.items():
            if path in seen or (framework == "terraform" and not path.endswith(".tf")):
                continue
            if framework == "terraform" and not self._parser_finds_blocks(text):
                continue
            msg = f"Checkov did not look at {path}"
            raise Refused(msg)

    @staticmethod
    def _parser_finds_blocks(text: str) -> bool:
        import hcl2

        return bool(hcl2.loads(text if text.endswith("\n") else text + "\n"))

    @staticmethod
    def _failed(record: Any, framework: str, folder: Path) -> dict[str, Any]:
        first, last = (*record.file_line_range, 0, 0)[:2]
        path = os.path.relpath(record.file_abs_path, folder)
        if path.startswith(".."):
            path = record.file_path.lstrip("/")
        keys = record.check_result.get("evaluated_keys") or []
        address = str(getattr(record, "resource_address", None) or record.resource)
        return {
            "check": record.check_id,
            "name": record.check_name,
            "path": path,
            "line": 0 if framework == "terraform_plan" else max(int(first), 0),
            "end": max(int(last), 0),
            "resource": address,
            "keys": sorted({str(key) for key in keys if isinstance(key, str)})[:8],
            "link": str(record.guideline or ""),
        }


_WARM_HCL = {
    "main.tf": """
locals {
  name = "a-${lower("B")}"
}
variable "n" {
  type    = number
  default = 2
}
resource "aws_s3_bucket" "a" {
  bucket = local.name
}
resource "aws_security_group" "a" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
data "aws_iam_policy_document" "a" {
  statement {
    actions   = ["s3:*"]
    resources = ["*"]
  }
}
resource "aws_iam_policy" "a" {
  count  = var.n > 1 ? 1 : 0
  policy = data.aws_iam_policy_document.a.json
}
"""
}
_WARM_PLAN = {
    "plan.json": json.dumps(
        {
            "format_version": "1.2",
            "terraform_version": "1.9.0",
            "planned_values": {
                "root_module": {
                    "resources": [
                        {
                            "address": "aws_s3_bucket.a",
                            "mode": "managed",
                            "type": "aws_s3_bucket",
                            "name": "a",
                            "values": {"bucket": "a"},
                        }
                    ]
                }
            },
            "resource_changes": [],
            "configuration": {"root_module": {"resources": []}},
        }
    )
}
_WARM_CI = {".gitlab-ci.yml": "job:\n  script:\n    - make\n"}


def write(folder: Path, files: dict[str, Any]) -> None:
    """The files of one scan, in a folder of their own. Comments that ask for a skip are undone."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # As long as before, so that lines and columns stay.
        undone = _SKIP.sub(lambda match: match[0].replace(":skip=", ":skip-", 1), text)
        target.write_text(undone, encoding="utf-8", newline="")


def skips(files: dict[str, Any]) -> list[dict[str, Any]]:
    """Where somebody asks Checkov to skip; it does not."""
    found = []
    for path, text in sorted(files.items()):
        for number, line in enumerate(text.split("\n"), 1):
            for match in _SKIP.finditer(line):
                reason = (match[3] or "").lstrip(":").strip()
                ids = (match[2] or "").split(",")
                found += [
                    {"path": path, "line": number, "check": one, "reason": reason} for one in ids
                ]
    return found


def refuse_unreadable(framework: str, files: dict[str, Any]) -> None:
    """What Checkov would pass by in silence."""
    if not files:
        raise Refused("there are no files to scan")
    for path in files:
        parts = path.split("/")
        if not _SAFE_PATH.fullmatch(path) or {".", ".."} & set(parts):
            msg = f"{path!r} is not a plain path"
            raise Refused(msg)
        hidden = [part for part in parts[:-1] if part.startswith(".") or part in _IGNORED]
        if framework == "terraform" and (hidden or path.endswith((".tf.json", ".tofu"))):
            msg = f"Checkov does not look at {path}"
            raise Refused(msg)
    if framework == "terraform" and not any(path.endswith(".tf") for path in files):
        raise Refused("there is no .tf file to scan")
    if framework == "gitlab_ci" and any(not path.endswith(".gitlab-ci.yml") for path in files):
        raise Refused("Checkov looks at .gitlab-ci.yml files only")
    if framework == "terraform_plan":
        for path, text in files.items():
            _refuse_plan(path, text)


def _refuse_plan(path: str, text: str) -> None:
    try:
        plan = json.loads(text)
    except ValueError as err:
        msg = f"{path} is not JSON"
        raise Refused(msg) from err
    if not isinstance(plan, dict) or not plan.get("terraform_version"):
        msg = f"{path} is not a Terraform plan"
        raise Refused(msg)
    values = plan.get("planned_values")
    if not isinstance(values, dict) or not isinstance(values.get("root_module", {}), dict):
        msg = f"{path} is not a whole Terraform plan: it has no planned values"
        raise Refused(msg)


def send(descriptor: int, message: dict[str, Any]) -> None:
    """One frame."""
    body = json.dumps(message).encode()
    data = memoryview(struct.pack(">I", len(body)) + body)
    while data:
        data = data[os.write(descriptor, data) :]


class Child:
    """One scan that is under way."""

    def __init__(self, number: int, pid: int, folder: str, until: float) -> None:
        self.number = number
        self.pid = pid
        self.folder = folder
        self.until = until
        self.answer = bytearray()


class Server:
    """Reads requests, forks, and collects the answers."""

    def __init__(self, checkov: Checkov, work: str, out: int) -> None:
        self._checkov = checkov
        self._work = work
        self._out = out
        self._selector = selectors.DefaultSelector()
        self._children: dict[Any, Any] = {}
        self._input = bytearray()

    def run(self) -> None:
        """Until the other side goes away."""
        self._selector.register(0, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            for descriptor, child in list(self._children.items()):
                if child.until <= now:
                    self._finish(descriptor, late=True)
            wait = min((one.until for one in self._children.values()), default=None)
            timeout = None if wait is None else max(0, wait - time.monotonic())
            for key, _ in self._selector.select(timeout):
                if key.fd == 0:
                    if not self._read_requests():
                        return
                elif key.fd in self._children:
                    self._read_answer(key.fd)

    def stop(self) -> None:
        """End whatever still runs."""
        for child in self._children.values():
            with suppress(OSError):
                os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)

    def _read_requests(self) -> bool:
        data = os.read(0, 1 << 20)
        if not data:
            return False
        self._input += data
        while len(self._input) >= _HEAD:
            (length,) = struct.unpack_from(">I", self._input)
            if length > LIMIT:
                return False
            if len(self._input) < 4 + length:
                break
            request = json.loads(bytes(self._input[4 : 4 + length]))
            del self._input[: 4 + length]
            self._start(request)
        return True

    def _start(self, request: dict[str, Any]) -> None:
        folder = tempfile.mkdtemp(prefix="scan-", dir=self._work)
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ours)
            self._child(request, folder, theirs)
        os.close(theirs)
        until = time.monotonic() + float(request["seconds"])
        self._children[ours] = Child(request["id"], pid, folder, until)
        self._selector.register(ours, selectors.EVENT_READ)

    def _child(self, request: dict[str, Any], folder: str, theirs: int) -> None:
        code = 0
        try:
            os.setpgid(0, 0)
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends when the server does
            for descriptor in (0, self._out, *self._children):
                os.close(descriptor)
            os.open(os.devnull, os.O_RDONLY)  # becomes standard input
            message = answer(self._checkov, request, folder)
            message["id"] = request["id"]
            send(theirs, message)
        except BaseException:  # noqa: BLE001  # whatever it was: no answer is a failure
            code = 1
        finally:
            os._exit(code)

    def _read_answer(self, descriptor: int) -> None:
        data = os.read(descriptor, 1 << 20)
        child = self._children[descriptor]
        child.answer += data
        if not data or len(child.answer) > LIMIT:
            self._finish(descriptor, late=False)

    def _finish(self, descriptor: int, *, late: bool) -> None:
        child = self._children.pop(descriptor)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        for kill in (os.killpg, os.kill):
            with suppress(OSError):
                kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        shutil.rmtree(child.folder, ignore_errors=True)
        message = None
        if not late and len(child.answer) >= _HEAD:
            with suppress(ValueError):
                message = json.loads(bytes(child.answer[4:]))
        if not isinstance(message, dict) or message.get("id") != child.number:
            reason = "out-of-time" if late else "died"
            message = {"error": reason, "message": ""}
        message["id"] = child.number
        send(self._out, message)


def answer(checkov: Checkov, request: dict[str, Any], folder: str) -> dict[str, Any]:
    """What a scan finds, or why it finds nothing."""
    seconds = int(float(request["seconds"])) + 1
    for what, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))
    framework, files = request["framework"], request["files"]
    os.chdir(folder)
    guard = Guard(folder)
    sys.addaudithook(guard)
    try:
        refuse_unreadable(framework, files)
        write(Path(folder), files)
        found = checkov.scan(framework, Path(folder), files)
    except Refused as err:
        return {"error": "refused", "message": str(err)}
    except BaseException as err:  # noqa: BLE001  # whatever it was, it is no verdict
        said = guard.denied and f"a scan may not {guard.denied}"
        return {"error": "failed", "message": said or f"{type(err).__name__}: {err}"[:500]}
    if guard.denied:
        return {"error": "failed", "message": f"a scan may not {guard.denied}"}
    return {**found, "skips": skips(files)}


def main() -> None:
    """Say who is there, then serve."""
    # What Checkov prints must not get between the frames.
    out = os.dup(1)
    os.set_inheritable(out, False)  # noqa: FBT003  # os has no names
    os.dup2(2, 1)
    network = without_network()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = sys.argv[1]
    try:
        os.chdir(work)
        checkov = Checkov()
        checkov.warm(work)
        gc.collect()
        gc.freeze()
        gc.disable()  # a fork lives for one scan
        send(out, {"checkov": checkov.version, "network": network})
        server = Server(checkov, work, out)
        try:
            server.run()
        finally:
            server.stop()
    except BrokenPipeError:
        pass
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # nobody waits until 4,000 modules are taken down one by one
