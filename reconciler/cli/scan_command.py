"""`reconciler scan`."""

import json
from pathlib import Path

import click

from reconciler.app.scan import fingerprint_key, scan_files, scan_range, scan_staged
from reconciler.cli.screen import format_option, out, progress, repo_option, stop_with
from reconciler.errors import Exit, UsageError
from reconciler.model.secret import SecretScan
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("scan")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@repo_option
@format_option
@click.option(
    "--range",
    "revisions",
    metavar="A..B",
    help="Every commit of B that is not in A, one by one; `B` alone: the whole history.",
)
@click.option("--staged", is_flag=True, help="What the next commit would add.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What an earlier `scan --format json` printed: its findings are accepted.",
)
def command(
    paths: tuple[Path, ...],
    repo: Path,
    form: str,
    revisions: str | None,
    staged: bool,
    baseline: Path | None,
) -> None:
    """Look for secrets in files, in what is staged, or in every commit of a range.

    Without a path: the files of the repository as they lie there, except those that git ignores.
    No output ever shows a secret.

    \b
    Examples:
      reconciler scan                       the files here
      reconciler scan --staged              before a commit; also as a pre-commit hook
      reconciler scan --range main..HEAD    a merge request, also what it deleted again

    Exit code 0: nothing that blocks; 10: a secret; 13: something could not be scanned.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if (revisions is not None) + staged + bool(paths) > 1:
        raise UsageError(
            "usage",
            "give paths, `--range` or `--staged`: one of them",
            hint="reconciler scan --range main..HEAD",
        )
    ports = build()
    accepted = _accepted(baseline)
    own = ports.settings.secret_key.get_secret_value() if ports.settings.secret_key else ""
    if revisions is not None or staged:
        history = ports.history(repo)
        key = fingerprint_key(own, history.root)
        if revisions is None:
            scan = scan_staged(history, key, accepted)
        else:
            scan = scan_range(history, revisions, key, accepted)
    else:
        files, root = ports.files(repo)
        with progress("scanning") as step:
            scan = scan_files(files, paths or (repo,), fingerprint_key(own, root), accepted, step)
    if form == "json":
        click.echo(as_json.scanned(scan))
    else:
        text.scanned(out(), scan)
    stop_with(_verdict(scan))


def _verdict(scan: SecretScan) -> Exit:
    if scan.denied:
        return Exit.DENIED
    return Exit.INDETERMINATE if scan.unscanned else Exit.OK


def _accepted(baseline: Path | None) -> frozenset[str]:
    if baseline is None:
        return frozenset()
    try:
        document = json.loads(baseline.read_bytes())
        return frozenset(
            str(one["fingerprint"]) for name in ("findings", "unscanned") for one in document[name]
        )
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise UsageError(
            "bad-baseline",
            f"{baseline} is not what `reconciler scan --format json` prints",
            hint="reconciler scan --format json > baseline.json",
            subject=str(baseline),
        ) from err
