"""What git keeps."""

from typing import Literal

ObjectKind = Literal["blob", "tree", "commit", "tag"]
