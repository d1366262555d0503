"""The process in which Rego runs. It has one engine for each set of policies and nothing else.

Frames come on standard input and go out on standard output: two lengths, a header as JSON, and
bytes. Nobody but its parent talks to it, and it ends when the parent does.
"""

import json
import os
import resource
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast

import regorus

MEMORY: Final = 2 * 1024**3
"""Bytes of address space; a policy that wants more ends the process, and gives no verdict."""
_KEPT: Final = 4
"""Sets of policies that stay compiled."""
LENGTHS: Final = struct.Struct(">IQ")


def words_of(error: BaseException) -> str:
    """What went wrong, without the machine's stack."""
    return str(error).partition("\nStack backtrace:")[0].strip()


class Evaluator:
    """What the process can do."""

    def __init__(self) -> None:
        self._engines: OrderedDict[str, regorus.Engine] = OrderedDict()

    def parse(self, header: dict[str, Any], _body: bytes) -> list[Any]:
        """Each file's syntax tree, or the error."""
        return [self._parsed(path, source) for path, source in header["files"]]

    @staticmethod
    def _parsed(path: str, source: str) -> dict[str, Any]:
        engine = regorus.Engine()
        try:
            engine.add_policy(path, source)
            return {"tree": json.loads(engine.get_ast_as_json())[0]["ast"]}
        except Exception as err:  # noqa: BLE001  # the engine raises RuntimeError and others
            return {"error": words_of(err)}

    def load(self, header: dict[str, Any], _body: bytes) -> bool:
        """Compile a set of policies."""
        engine = _engine(header["files"])
        # One answer makes the engine analyse everything; what is wrong comes out here.
        engine.set_input_json("{}")
        engine.eval_query_as_json("data.reconciler.main.violations")
        self._engines[header["digest"]] = engine
        while len(self._engines) > _KEPT:
            self._engines.popitem(last=False)
        return True

    def ask(self, header: dict[str, Any], body: bytes) -> dict[str, Any]:
        """A rule's value; `undefined`: it has none, `unloaded`: the policies are not here."""
        engine = self._engines.get(header["digest"])
        if engine is None:
            return {"unloaded": True}
        self._engines.move_to_end(header["digest"])
        engine.set_input_json(body.decode())
        result = json.loads(engine.eval_query_as_json(header["query"])).get("result")
        engine.set_input_json("{}")  # do not hold the input until the next one
        if not result:
            return {"undefined": True}
        return {"value": result[0]["expressions"][0]["value"]}

    def cover(self, header: dict[str, Any], _body: bytes) -> list[Any]:
        """Which lines the queries reach."""
        engine = _engine(header["files"])
        engine.set_enable_coverage(True)
        engine.set_input_json("{}")
        for query in header["queries"]:
            engine.eval_query_as_json(query)
        files = json.loads(engine.get_coverage_report_as_json())["files"]
        return [[one["path"], one["covered"], one["not_covered"]] for one in files]


def _engine(files: list[list[str]]) -> regorus.Engine:
    engine = regorus.Engine()
    engine.set_gather_prints(True)
    for path, source in files:
        engine.add_policy(path, source)
    return engine


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame; None at the end."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, body = LENGTHS.unpack(lengths)
    return json.loads(stream.read(head)), stream.read(body)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until there are no more."""
    evaluator = Evaluator()
    actions: dict[str, Callable[[dict[str, Any], bytes], Any]] = {
        "parse": evaluator.parse,
        "load": evaluator.load,
        "ask": evaluator.ask,
        "cover": evaluator.cover,
    }
    while (frame := read_frame(source)) is not None:
        header, body = frame
        try:
            reply = {"reply": actions[header["do"]](header, body)}
        except Exception as err:  # noqa: BLE001  # an error of the policies is an answer
            reply = {"error": words_of(err)}
        data = json.dumps(reply).encode()
        sink.write(LENGTHS.pack(len(data), 0) + data)
        sink.flush()


def main() -> None:
    """Serve the parent. What the engine prints must not get between the frames."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(cast("BinaryIO", sys.stdin.buffer), sink)


if __name__ == "__main__":
    main()
