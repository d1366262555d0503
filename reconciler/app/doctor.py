"""Whether everything that work needs is there; each part is looked at for itself.

A program and a machine, variables, a repository and its forge, tools, and what proves who we are.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from pydantic import BaseModel

from reconciler.app.records import Records
from reconciler.core.approve import key_fingerprint
from reconciler.core.suggest import did_you_mean
from reconciler.errors import ReconcilerError
from reconciler.model.doctor import Part
from reconciler.model.merge_request import Advice
from reconciler.model.overview import Row
from reconciler.model.scan import Tool
from reconciler.model.settings import SettingsSpec
from reconciler.model.work import Standing
from reconciler.ports import Forge, Signer

_NO_KEY: Final = "name the file of an SSH private key in RECONCILER_SIGNING_KEY"
_NAMED: Final = 3
"""So many environments of an account are named."""


def looked_at(name: str, look: Callable[[], Iterable[Advice]]) -> Part:
    """A part. What breaks off is told beside what was found before."""
    found: list[Advice] = []
    try:
        found.extend(look())
    except ReconcilerError as err:
        found.append(_failed(name, err))
    return Part(name, tuple(found))


def configured(given: Collection[str], known: Collection[str], spec: SettingsSpec | None) -> Part:
    """The variables of this process. A name that nobody reads says nothing, and is not noticed."""
    names = {*known, *(_variables(spec) if spec is not None else ())}
    odd = [name for name in given if name not in names]
    found = [
        Advice(
            name,
            good=False,
            told="nothing reads this variable",
            hint=" ".join(filter(None, (did_you_mean(name, names), f"`unset {name}`"))),
        )
        for name in odd
    ]
    good = sorted(set(given) - set(odd))
    told = f"set here: {', '.join(good)}" if good else "none of ours is set; defaults hold"
    return Part("variables", (*found, Advice("variables", good=True, told=told)))


def remembered(records: Records, branch: str) -> Iterator[Advice]:
    """Whether records are what this machine saw of them; a remote is not asked."""
    wrong = records.gone_back()
    if wrong is not None:
        yield _failed("records so far", wrong)
    elif records.store.seen():
        told = f"everything that was seen of `{branch}` here is behind it"
        yield Advice("records so far", good=True, told=told)


def sandboxed(running: str, standings: Callable[[], Iterable[Standing]]) -> Part:
    """The sandbox. `running`: where and since when; empty: none runs."""

    def look() -> Iterator[Advice]:
        if running:
            yield Advice("sandbox", good=True, told=running)
        else:
            yield Advice("sandbox", None, "it does not run", "`reconciler sandbox start`")
        gone = [one for one in standings() if one.lost]
        if gone:
            told = f"nothing of {len(gone)} of them is there any more: {gone[0].lost}"
            hint = "`reconciler run --sandbox` makes them again"
            yield Advice("environments", good=False, told=told, hint=hint)
        yield Advice("credentials", good=True, told="none are needed")

    return looked_at("sandbox", look)


def _variables(spec: BaseModel, path: str = "") -> Mapping[str, str]:
    """The variables that settings name for what must not stand in git, with where they do."""
    found: dict[str, str] = {}
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        where = ".".join(filter(None, (path, field.alias or name)))
        many = value if isinstance(value, tuple) else (value,)
        for one in many:
            if isinstance(one, BaseModel):
                found.update(_variables(one, where))
            elif isinstance(one, str) and name.endswith("_from"):
                found.setdefault(one, where)
    return found


def entered(
    spec: SettingsSpec, rows: Iterable[Row], secret: Callable[[str], str | None], aws: str
) -> Part:
    """What proves who we are: there or not, and never what it is. Nobody is asked."""
    found = [
        Advice(
            name,
            good=True if secret(name) else None,
            told=f"is {'set' if secret(name) else 'not set'}: `{where}` of reconciler.yaml",
            hint="" if secret(name) else f"`export {name}=...`, where it is needed",
        )
        for name, where in sorted(_variables(spec).items())
    ]
    accounts: dict[str, list[str]] = {}
    for row in rows:
        accounts.setdefault(row.account, []).append(row.name)
    for account, names in sorted(accounts.items()):
        found.append(_account(spec, account, sorted(names), secret, aws))
    return Part("credentials", tuple(found))


def _account(
    spec: SettingsSpec,
    account: str,
    names: list[str],
    secret: Callable[[str], str | None],
    aws: str,
) -> Advice:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    whose = f"{', '.join(names[:_NAMED])}{more}"
    roles = spec.aws
    via = f", as {roles.plan_role} and {roles.apply_role}" if roles is not None else ""
    token = roles.web_identity_from if roles is not None else None
    source = (token if secret(token) else "") if token is not None else aws
    if source:
        return Advice(account, good=True, told=f"{whose}: entered with {source}{via}")
    hint = f"`export {token}=...` (a pipeline's id token)" if token else "`aws sso login`, or"
    rest = " `--sandbox`, which needs none" if not token else ""
    told = f"{whose}: there are no credentials here{via}; to check needs none, to plan does"
    return Advice(account, None, told, hint + rest)


def examined(forge: Callable[[], Forge], spec: SettingsSpec) -> Part:
    """The forge. What breaks off is told beside what was found before."""
    found: list[Advice] = []
    name: str = spec.forge.kind
    try:
        reached = forge()
        name = reached.name
        branches = spec.branches
        found.extend(reached.examine(branches.target, branches.records))
    except ReconcilerError as err:
        found.append(_failed("connection", err))
    return Part(f"forge: {name}", tuple(found))


def equipped(
    spec: SettingsSpec | None,
    engine: Callable[[], str],
    tools: Callable[[], Iterable[Tool]],
    opa: Callable[[], str],
    signer: Callable[[], Signer | None],
) -> Part:
    """The tools on this machine."""
    return Part("tools", tuple(_tools(spec, engine, tools, opa, signer)))


def _tools(
    spec: SettingsSpec | None,
    engine: Callable[[], str],
    tools: Callable[[], Iterable[Tool]],
    opa: Callable[[], str],
    signer: Callable[[], Signer | None],
) -> Iterator[Advice]:
    try:
        yield Advice("terraform", good=True, told=engine())
    except ReconcilerError as err:
        yield _failed("terraform", err)
    try:
        for one in tools():
            told = f"{one.name} {one.version} is {'' if one.installed else 'not '}installed"
            hint = "" if one.installed else "`reconciler tools install`"
            yield Advice(one.name, one.installed, told, hint)
    except ReconcilerError as err:
        yield _failed("tools", err)
    if spec is None:
        return
    yield _opa(spec, opa)
    try:
        key = signer()
    except ReconcilerError as err:
        yield _failed("signing key", err)
        return
    yield _key(spec, key)
    yield _own(spec, key)


def _opa(spec: SettingsSpec, opa: Callable[[], str]) -> Advice:
    wanted = spec.policy
    if wanted.engine != "opa":
        return Advice("opa", None, "not needed: the embedded engine evaluates policies")
    if wanted.url is not None:
        return Advice("opa", None, "policies are evaluated by a server, which `check` asks")
    program = opa()
    if program:
        return Advice("opa", good=True, told=program)
    hint = "install it, or name a server with `spec.policy.url`"
    return Advice("opa", good=False, told="there is no `opa` on PATH", hint=hint)


def _key(spec: SettingsSpec, signer: Signer | None) -> Advice:
    if signer is not None:
        told = f"what is recorded here is signed with {signer.public_key.fingerprint}"
        return Advice("signing key", good=True, told=told)
    if spec.records.signed:
        told = "records have to be signed, and there is no key here"
        return Advice("signing key", good=False, told=told, hint=_NO_KEY)
    return Advice("signing key", None, "there is none; records are not signed", _NO_KEY)


def _own(spec: SettingsSpec, signer: Signer | None) -> Advice:
    """Whether what the program proposes is known to be its own."""
    what, needed = "own proposals", "merge requests of our own need a signing key"
    if signer is None:
        told = f"{needed}, else they are judged as any stranger's"
        return Advice(what, None, told, _NO_KEY)
    own = signer.public_key.fingerprint
    writer = next(
        (one for one in spec.records.writers if own in map(key_fingerprint, one.keys)), None
    )
    if writer is None:
        told = f"{needed} of `records.writers`, and the one here is none of those"
        return Advice(what, None, told, "name the controller's key there, in reconciler.yaml")
    if spec.forge.kind != "local" and writer.forge_id is None:
        told = f"nobody knows the account that {writer.name} has at the forge"
        hint = "name its numeric id as `forgeId` in `records.writers`"
        return Advice(what, good=False, told=told, hint=hint)
    told = f"merge requests of our own are known as {writer.name}'s"
    return Advice(what, good=True, told=told)


def _failed(what: str, err: ReconcilerError) -> Advice:
    return Advice(what, good=False, told=err.message, hint=err.hint)
