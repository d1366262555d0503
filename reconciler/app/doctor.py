"""What a repository needs to work: its forge, set up so that nobody gets around it, and tools."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from reconciler.core.approve import key_fingerprint
from reconciler.errors import ReconcilerError
from reconciler.model.doctor import Part
from reconciler.model.merge_request import Advice
from reconciler.model.scan import Tool
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Forge, Signer

_NO_KEY: Final = "name the file of an SSH private key in RECONCILER_SIGNING_KEY"


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
    spec: SettingsSpec,
    engine: Callable[[], str],
    tools: Callable[[], Iterable[Tool]],
    opa: Callable[[], str],
    signer: Callable[[], Signer | None],
) -> Part:
    """The tools on this machine."""
    return Part("tools", tuple(_tools(spec, engine, tools, opa, signer)))


def _tools(
    spec: SettingsSpec,
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
