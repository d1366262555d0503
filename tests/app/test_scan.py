"""What the gates take from a scan."""

from __future__ import annotations

from pathlib import Path

from reconciler.adapters.files import DiskFiles
from reconciler.app.scan import as_findings, fingerprint_key, is_advice, scan_files
from tests.core.secrets.samples import sample
from tests.repos import write

TOKEN, GUESS = sample("secret-github-token"), sample("secret-generic-password")


def test_a_scan_as_findings(tmp_path: Path) -> None:
    write(tmp_path, {"a": f"x\n{TOKEN}\n", "b": GUESS})
    files = DiskFiles(tmp_path, lambda _path: False)
    first, second = as_findings(scan_files(files, [tmp_path], b"key"))
    assert (first.gate, first.rule, first.severity) == (
        "secrets",
        "secret-github-token",
        "critical",
    )
    assert (first.location.path, first.location.line) == ("a", 2)
    assert first.message == f"GitHub personal access token (classic): {TOKEN[:4]}****"
    assert TOKEN[5:] not in repr((first, second))
    assert (second.rule, second.severity) == ("secret-generic-password", "low")
    assert [is_advice(one.rule) for one in (first, second)] == [False, True]
    again = scan_files(files, [tmp_path], b"key", {first.fingerprint})
    assert [one.rule for one in as_findings(again)] == ["secret-generic-password"]
    assert (again.accepted, again.denied) == (1, False)


def test_keys_of_fingerprints_differ() -> None:
    keys = {fingerprint_key(own, root) for own in ("", "a", "b") for root in ("", "1", "2")}
    assert len(keys) == 3 + 2
