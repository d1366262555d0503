"""The secret scan: bytes a second on one core, on ordinary and on hostile text, and how cost grows.

Time is the processor's, so that a busy machine does not change what is measured.
"""

import base64
import random
import statistics
import string
import time
from pathlib import Path

from benchmarks.measure import Result, show
from reconciler.core.secrets.engine import scanner
from reconciler.core.secrets.rules import RULES

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "environments", "profiles", "reconciler", "templates")
MIB = 1 << 20
FLOOR = 15
GROWTH = 2.3


def ordinary(size: int) -> bytes:
    """This project's own text, as often as it takes; without the rules, which name every vendor."""
    files = [
        file.read_bytes()
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*"))
        if file.is_file()
        and "secrets" not in file.relative_to(ROOT).as_posix()
        and file.suffix in (".py", ".md", ".yaml", ".j2", ".json")
    ]
    text = b"\n".join(files)
    return (text * (size // len(text) + 1))[:size]


def hostile(size: int) -> dict[str, bytes]:
    """Lines as long as the file, each made to be dear for one part of the engine."""
    chance = random.Random(5)
    words = [word for rule in RULES for word in rule.keywords]
    letters = (string.ascii_letters + string.digits).encode()
    units = {
        "one letter": b"a",
        "a token's beginning, over and over": b"AKIA",
        "open addresses": b"http://a:",
        "open keys": b"-----BEGIN RSA PRIVATE KEY-----",
    }
    return {
        **{name: (unit * (size // len(unit) + 1))[:size] for name, unit in units.items()},
        # The first is one that makes the engine look for tokens at all.
        "open JSON Web Tokens": (b"." + b"eyJ" * (size // 3))[:size],
        "random letters and digits": bytes(chance.choices(letters, k=size)),
        "base64 of this project": base64.b64encode(ordinary(size * 3 // 4))[:size],
        "random keywords": " ".join(chance.choices(words, k=size // 6)).encode()[:size],
    }


def processor_seconds(text: bytes) -> float:
    start = time.process_time()
    scanner().scan(text)
    return max(time.process_time() - start, 1e-6)


def run(size: int = 8 * MIB, rounds: int = 5) -> list[Result]:
    """Speed of each text, and the cost of twice as much of it."""
    results = []
    texts = {"ordinary text": ordinary(size), **hostile(size)}
    for name, text in texts.items():
        processor_seconds(text)  # the warm-up
        times = [
            (processor_seconds(text[: size // 2]), processor_seconds(text)) for _ in range(rounds)
        ]
        half, whole = (statistics.median(column) for column in zip(*times, strict=True))
        growth = statistics.median(second / first for first, second in times)
        rate = size / whole / 1e6
        label = name if name == "ordinary text" else f"one long line: {name}"
        megabytes = f"{size / 1e6:.1f} MB"
        results += [
            Result(
                f"scan, {label}",
                show(whole),
                f"{megabytes}, one core",
                rate,
                FLOOR,
                "MB/s",
                at_least=True,
            ),
            Result(
                f"scan, {label}",
                show(whole),
                f"half as much: {show(half)}",
                growth,
                GROWTH,
            ),
        ]
    return results
