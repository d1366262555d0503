"""One way to name a finding, so that it keeps its name when lines move.

Never made of what must stay secret: whoever knows the parts can compute it.
"""

import hashlib


def fingerprint(*parts: str) -> str:
    """The same for the same parts, on every machine."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
