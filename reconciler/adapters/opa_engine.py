"""OPA as a server: one that runs somewhere, or an `opa` that is started for us and stopped again.

A server's policies are shared and change under our feet. Ours go below a package that carries
their digest, so that two versions can be asked at once and an answer is of the version that it
says. All requests want builtin errors as errors; what has no `result` is no answer.
"""

import json
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from opa_client.errors import RegoParseError
from opa_client.opa import OpaClient

from reconciler.errors import ReconcilerError
from reconciler.model.policy import AWAY, Answered, Indeterminate, Modules

_ROOT = re.compile(r"\bdata\.reconciler\b|^package reconciler\b", re.MULTILINE)
_READY: Final = 10.0
_STRICT: Final = {"strict-builtin-errors": "true"}
_AUTHZ: Final = """package system.authz

default allow := false

allow if input.identity == %s
"""


class OpaEngine:
    """Asks a server by HTTP."""

    def __init__(self, url: str, timeout: float, token: str | None = None) -> None:
        parts = urlsplit(url)
        self._where = f"{parts.scheme}://{parts.netloc}"
        secure = parts.scheme == "https"
        self._client = OpaClient(
            host=parts.hostname or "localhost",
            port=parts.port or (443 if secure else 80),
            version=f"{parts.path.strip('/')}/v1".lstrip("/"),
            ssl=secure,
            retries=0,  # who asks decides what to try again
            timeout=timeout,
            token=token,
        )
        # A proxy from the environment would see the policies and could change the answers.
        self._client._session.trust_env = False  # noqa: SLF001  # the client offers no other way
        self._timeout = timeout
        self._pushed: set[str] = set()
        self._lock = threading.Lock()
        self._version = ""

    @property
    def name(self) -> str:
        """With the version that the server tells."""
        return f"opa ({self._where})"

    def ask(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        """A rule's value for an input. Policies that the server has lost are sent once more."""
        with self._lock:  # the client's session is not made for threads
            fresh = modules.digest not in self._pushed
            if fresh and (failed := self._push(modules)):
                return failed
            answer = self._query(modules, query, document)
            if not fresh and isinstance(answer, Indeterminate) and answer.reason == "undefined":
                # The server may have been started anew since.
                self._pushed.discard(modules.digest)
                return self._push(modules) or self._query(modules, query, document)
            return answer

    def close(self) -> None:
        """End the connections. What was sent stays: another process may be asking it."""
        self._client.close_connection()

    def config(self) -> Any:
        """What the server was started with."""
        return self._client.get_config()

    def _push(self, modules: Modules) -> Indeterminate | None:
        root = _root(modules)
        for file in modules.files:
            source = _ROOT.sub(lambda match: match[0].replace("reconciler", root), file.source)
            try:
                self._client.update_policy_from_string(
                    source, f"{root}/{file.path}", rego_compat=False
                )
            except RegoParseError as err:
                return Indeterminate("error", f"OPA refuses {file.path}: {_short(err)}")
            except (requests.RequestException, ValueError, TypeError) as err:
                return self._failed(err)
        self._pushed.add(modules.digest)
        return None

    def _query(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        path = query.removeprefix("data.").split(".")
        path[0] = _root(modules)
        try:
            reply: Any = self._client.query_rule(
                dict(document), "/".join(path[:-1]), path[-1], query_params=_STRICT
            )
        except (requests.RequestException, ValueError, TypeError) as err:
            return self._failed(err)
        if not isinstance(reply, dict):
            return Indeterminate("wrong-type", "the server's answer is not an object")
        if "result" not in reply:
            return Indeterminate("undefined", f"`{query}` has no value")
        return Answered(reply["result"])

    def _failed(self, err: Exception) -> Indeterminate:
        """`requests` and the client share no base of errors; each becomes words here."""
        if isinstance(err, requests.Timeout):
            return Indeterminate(
                "timeout",
                f"{self._where} did not answer within {self._timeout:g} s",
                "a rule may loop; `policy.timeout` in reconciler.yaml gives more time",
            )
        if isinstance(err, requests.HTTPError) and err.response is not None:
            code = err.response.status_code
            return Indeterminate("error", f"OPA answered {code}: {_message(err.response)}")
        if isinstance(err, requests.ConnectionError):
            return Indeterminate(
                AWAY,
                f"no OPA answers at {self._where}",
                "start it, or mend `policy.url` in reconciler.yaml, or take `engine: embedded`",
            )
        return Indeterminate("error", f"{self._where} talks nonsense: {_short(err)}")


def _root(modules: Modules) -> str:
    """The package that carries the digest."""
    return f"reconciler_{modules.digest.removeprefix('sha256:')[:32]}"


def _short(err: Exception) -> str:
    return " ".join(str(err).split())[:500]


def _message(response: requests.Response) -> str:
    """OPA's own words, with those of its inner errors."""
    try:
        data = response.json()
        inner = [str(one.get("message", "")) for one in data.get("errors", ())]
        return " ".join("; ".join([str(data["message"]), *inner]).split())[:500]
    except (ValueError, KeyError, AttributeError, TypeError):
        return response.reason or "no message"


class PrivateOpa(OpaEngine):
    """An `opa` that only we talk to: on the loopback interface, with a token made for this run.

    Whoever took the port before it did would not know the word in its configuration; the answer of
    such a server is not listened to.
    """

    def __init__(self, program: str, timeout: float) -> None:
        token, word = secrets.token_urlsafe(32), secrets.token_hex(16)
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-opa-")
        folder = Path(self._folder.name)
        (folder / "authz.rego").write_text(_AUTHZ % json.dumps(token), encoding="utf-8")
        (folder / "config.json").write_text(
            json.dumps({"labels": {"word": word}}), encoding="utf-8"
        )
        port = _free_port()
        try:
            self._process = subprocess.Popen(
                [
                    program,
                    "run",
                    "--server",
                    "--addr",
                    f"127.0.0.1:{port}",
                    "--authentication=token",
                    "--authorization=basic",
                    "--log-level=error",
                    "--disable-telemetry",
                    "--config-file",
                    str(folder / "config.json"),
                    str(folder / "authz.rego"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={},
                start_new_session=True,
            )
        except OSError as err:
            self._folder.cleanup()
            raise _no_start(f"{program}: {err.strerror}") from err
        super().__init__(f"http://127.0.0.1:{port}", timeout, token)
        try:
            self._wait(word)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """Not by its port, which changes."""
        return "opa (private server)"

    def _wait(self, word: str) -> None:
        deadline = time.monotonic() + _READY
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise _no_start(f"it ended with exit code {self._process.returncode}")
            with suppress(requests.RequestException, ValueError, KeyError, TypeError):
                if self.config()["result"]["labels"]["word"] == word:
                    return
                raise _no_start("another program answers at its port")
            time.sleep(0.02)
        raise _no_start(f"it was not ready after {_READY:g} s")

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def close(self) -> None:
        """Stop the server."""
        super().close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()


def _no_start(why: str) -> ReconcilerError:
    return ReconcilerError(
        "opa-not-started",
        f"a private OPA could not be started: {why}",
        hint="set `policy.url` in reconciler.yaml to a server, or take `engine: embedded`",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def opa_program() -> str | None:
    """The `opa` on PATH."""
    return shutil.which("opa")
