"""What a new environments repository begins with: the shipped profiles, blueprints and settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import reconciler
from reconciler.errors import ReconcilerError, UsageError

SHIPPED = ("policies", "profiles", "templates", "reconciler.yaml")


class Starter:
    """The shipped files, from the wheel or from a checkout of this project."""

    def __init__(self) -> None:
        package = Path(reconciler.__file__).parent
        self._root = package / "starter" if (package / "starter").is_dir() else package.parent

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Path and bytes of each shipped file, sorted."""
        for name in SHIPPED:
            top = self._root / name
            for file in sorted(top.rglob("*")) if top.is_dir() else (top,):
                if file.is_file() and "__pycache__" not in file.parts:
                    yield str(file.relative_to(self._root)), file.read_bytes()


def write_new(root: Path, files: dict[str, bytes]) -> None:
    """Write files that are not there yet; when one is, write none."""
    for path in files:
        for parent in Path(path).parents:
            if parent.parts and (root / parent).is_symlink():
                raise UsageError(
                    "link",
                    f"{root / parent} is a link; it is not written through",
                    hint="remove it",
                    subject=path,
                )
    standing = [path for path in files if os.path.lexists(root / path)]
    if standing:
        raise UsageError(
            "file-exists",
            f"{standing[0]} is there already"
            + (f", and {len(standing) - 1} more" if standing[1:] else ""),
            hint="nothing was written; take another folder or another name",
            subject=standing[0],
        )
    for path, data in files.items():
        target = root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(data)
        except OSError as err:
            raise ReconcilerError(
                "unwritable", f"{target} cannot be written: {err.strerror}", subject=path
            ) from err
