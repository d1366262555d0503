"""`reconciler policy`: test, list, explain and evaluate the rules."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, get_args

import click

from reconciler.app.policy import (
    engine_settings,
    evaluate_input,
    find_rule,
    load_policies,
    run_policy_tests,
)
from reconciler.cli.screen import format_option, out, progress, repo_option, rev_option, stop_with
from reconciler.errors import Exit, UsageError
from reconciler.model.base import Category
from reconciler.model.policy import EngineChoice, Pack
from reconciler.report import policy_json, policy_text
from reconciler.wiring import Policies, build

engine_option = click.option(
    "--engine",
    type=click.Choice(get_args(EngineChoice)),
    help="Which engine to ask; by default the one of reconciler.yaml.",
)


@click.group("policy")
def command() -> None:
    """Test, list, explain and evaluate the rules.

    \b
    Examples:
      reconciler policy test --coverage
      reconciler policy list --category security
      reconciler policy explain SEC001
      reconciler policy eval --input input.json --rule SEC001
    """  # noqa: D301  # \b is click's mark for lines as they are


@dataclass(frozen=True, slots=True)
class _Loaded:
    revision: str
    pack: Pack
    policies: Policies


@contextmanager
def _loaded(repo: Path, rev: str | None, engine: EngineChoice | None = None) -> Iterator[_Loaded]:
    """The policies of a revision, and the engine to ask; ended afterwards."""
    ports = build()
    tree = ports.repository(repo).snapshot(rev)
    settings = engine_settings(tree)
    choice = engine or settings.engine
    url = str(settings.url) if settings.url and choice == "opa" else None
    policies = ports.policies(choice, url, settings.timeout.total_seconds())
    try:
        yield _Loaded(tree.revision, load_policies(tree, policies.reader, ports.kept), policies)
    finally:
        policies.close()


@contextmanager
def _read_only(repo: Path, rev: str | None) -> Iterator[_Loaded]:
    """For commands that ask no engine: the embedded one reads, and nothing else is started."""
    with _loaded(repo, rev, "embedded") as loaded:
        yield loaded


@command.command("test")
@repo_option
@rev_option
@format_option
@engine_option
@click.option("--coverage", is_flag=True, help="Also say which lines of the rules are not reached.")
def test_command(
    repo: Path, rev: str | None, form: str, engine: EngineChoice | None, *, coverage: bool
) -> None:
    """Check the policies and run the tests of all rules.

    \b
    Examples:
      reconciler policy test                 every `test_...` of every `_test.rego`
      reconciler policy test --coverage      with the lines that no test reaches
      reconciler policy test --engine opa    on an OPA

    Exit code 0: all passed; 1: not; 13: the engine gave no answer.
    """  # noqa: D301  # \b is click's mark for lines as they are
    with _loaded(repo, rev, engine) as loaded:
        pack, policies = loaded.pack, loaded.policies
        with progress("testing policies"):
            run = (
                None
                if pack.problems
                else run_policy_tests(pack, policies.engine, policies.reader, coverage=coverage)
            )
        if form == "json":
            click.echo(policy_json.tested(loaded.revision, pack, run, policies.engine.name))
        elif run is None:
            policy_text.broken(out(), pack)
        else:
            policy_text.tested(out(), run, policies.choice, len(pack.rules))
    stop_with(Exit.FAILURE if run is None or run.failed else Exit.OK)


@command.command("list")
@repo_option
@rev_option
@format_option
@click.option(
    "--category", type=click.Choice(get_args(Category)), help="Only rules of one category."
)
def list_command(repo: Path, rev: str | None, form: str, category: str | None) -> None:
    """List the rules.

    \b
    Examples:
      reconciler policy list
      reconciler policy list --category security
    """  # noqa: D301  # \b is click's mark for lines as they are
    with _read_only(repo, rev) as loaded:
        pack = loaded.pack
    rules = [one for one in pack.rules if category in (None, one.category)]
    rules.sort(key=lambda one: one.id)
    if form == "json":
        click.echo(policy_json.listed(loaded.revision, pack, rules))
    elif pack.problems:
        policy_text.broken(out(), pack)
    else:
        policy_text.listed(out(), rules)
    stop_with(Exit.FAILURE if pack.problems else Exit.OK)


@command.command("explain")
@click.argument("rule")
@repo_option
@rev_option
@format_option
def explain_command(rule: str, repo: Path, rev: str | None, form: str) -> None:
    """Tell all of one rule, by its id or name.

    \b
    Examples:
      reconciler policy explain SEC001
      reconciler policy explain s3_public_acl
    """  # noqa: D301  # \b is click's mark for lines as they are
    with _read_only(repo, rev) as loaded:
        pack = loaded.pack
    found = find_rule(pack, rule)
    tests = [test for test in pack.tests if test.rule == found.key]
    if form == "json":
        click.echo(policy_json.explained(loaded.revision, found, tests))
    else:
        policy_text.explained(out(), found, tests)


@command.command("eval")
@repo_option
@rev_option
@format_option
@engine_option
@click.option(
    "--input",
    "source",
    type=click.File("rb"),
    required=True,
    help="A JSON file with the input (docs/policies.md); - reads standard input.",
)
@click.option("--rule", help="Ask one rule only, by its id or name.")
def eval_command(
    repo: Path,
    rev: str | None,
    form: str,
    engine: EngineChoice | None,
    source: BinaryIO,
    rule: str | None,
) -> None:
    """Say what the rules find in an input.

    \b
    Examples:
      reconciler policy eval --input input.json
      reconciler policy eval --input - --rule SEC001 < input.json

    Exit code 0: no violations; 1: violations, or broken policies; 13: no answer.
    """  # noqa: D301  # \b is click's mark for lines as they are
    try:
        document = json.load(source)
    except (ValueError, RecursionError) as err:
        raise UsageError("bad-input", f"the input is not JSON: {err}") from err
    with _loaded(repo, rev, engine) as loaded:
        result, found = evaluate_input(loaded.pack, loaded.policies.engine, document, rule)
        if form == "json":
            click.echo(policy_json.evaluated(loaded.revision, result, found))
        else:
            policy_text.evaluated(out(), result, found, loaded.policies.choice)
    stop_with(Exit.FAILURE if found else Exit.OK)
