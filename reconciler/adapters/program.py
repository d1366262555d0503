"""What this program is, as a digest: results of another version are never taken for this one's."""

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import reconciler

_LIBRARIES = ("jinja2", "pydantic", "pydantic_core", "PyYAML", "gordon-to-regorus")


@lru_cache(maxsize=1)
def program_digest() -> str:
    """Changes with any line of the program and any library that results rest on."""
    state = hashlib.sha256(platform.python_version().encode())
    for library in _LIBRARIES:
        state.update(f"{library} {version(library)}\n".encode())
    root = Path(reconciler.__file__).parent
    for file in sorted(root.rglob("*.py")):
        state.update(str(file.relative_to(root)).encode())
        state.update(file.read_bytes())
    return state.hexdigest()
