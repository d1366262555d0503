"""`affected` is equal to comparing full renders of both sides, whatever was edited."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.affected import Uses, affected
from reconciler.core.effective import effective
from reconciler.core.load import as_problems, load_environment, load_shared
from reconciler.core.render import Renderer
from reconciler.core.tree import files_below, find
from reconciler.model.affected import Effect
from reconciler.model.rendered import Rendered
from tests.memory_tree import MemoryTree

Files = dict[str, str]


def environment(name: str, track: str, owner: str, blueprint: str, more: str = "") -> str:
    kind, version = blueprint.split("@")
    return (
        "apiVersion: reconciler/v1\nkind: Environment\n"
        f"metadata: {{name: {name}, owner: {owner}, description: one}}\n"
        f"spec:\n  track: {track}\n  stage: dev\n  account: '111122223333'\n"
        f"  blueprint: {{name: {kind}, version: {version}}}\n{more}"
    )


def profile(name: str, region: str = "eu-central-1", limit: int = 5) -> str:
    return (
        "apiVersion: reconciler/v1\nkind: Profile\n"
        f"metadata: {{name: {name}, owner: red, description: a track}}\n"
        f"spec:\n  defaults: {{region: {region}, parameters: {{size: 2}}}}\n"
        "  allowed: {regions: [eu-central-1, eu-west-1], blueprints: [box, jar], stages: [dev]}\n"
        f"  quotas: {{environmentsPerTeam: {limit}}}\n"
        "  drift: {mode: advisory, interval: 1h}\n  rollout: {strategy: rolling}\n"
        "  isolation: shared\n  agents: {highestRisk: L0, changesPerDay: 0}\n"
    )


def team(name: str, contact: str = "here", centre: str = "cc-1") -> str:
    return (
        f"apiVersion: reconciler/v1\nkind: Team\nmetadata: {{name: {name}}}\n"
        f"spec:\n  contact: {contact}\n  costCentre: {centre}\n"
        f"  members: [{{name: Ada, email: ada@{name}.example.com}}]\n"
    )


def blueprint(which: str, default: int = 1, cost: int = 5) -> str:
    name, version = which.split("@")
    return (
        f"apiVersion: reconciler/v1\nkind: Blueprint\nmetadata: {{name: {name}, owner: red}}\n"
        f"spec:\n  version: {version}\n  engine: {{terraform: '>= 1.9'}}\n  rollouts: [rolling]\n"
        f"  monthlyCost: {{small: {cost}}}\n  parameters:\n"
        f"    size: {{type: integer, default: {default}, minimum: 0, description: how large}}\n"
    )


TEMPLATES = {
    "plain": "x = {{ parameters.size }}\n",
    "comment": "{# said to nobody #}\nx = {{ parameters.size }}\n",
    "owner": "x = {{ team.cost_centre }}\ny = {{ environment.region }}\n",
    "shared": '{% include "_shared/a.tf.j2" %}\nx = {{ environment.description }}\n',
    "choice": '{% if parameters.size > 1 %}\n{% include "_shared/b.tf.j2" %}\n{% endif %}\nx = 1\n',
    "broken": 'x = "{{ parameters.size }}"\n',
    "failing": "x = {{ parameters.gone }}\n",
    "sometimes": "x = {{ 4 / (parameters.size - 2) }}\n",
    "missing include": '{% include "_shared/gone.tf.j2" %}\n',
}
BLUEPRINTS = ("box@1.0.0", "box@1.1.0", "jar@1.0.0")
NAMES = tuple(f"env-{letter}" for letter in "abcdefgh")
START: Files = {
    "README.md": "words\n",
    "profiles/tracks/lab.yaml": profile("lab"),
    "profiles/tracks/live.yaml": profile("live", "eu-west-1"),
    "profiles/teams/red.yaml": team("red"),
    "profiles/teams/blue.yaml": team("blue", centre="cc-2"),
    "templates/_shared/a.tf.j2": "# a\na = {{ environment.name }}\n",
    "templates/_shared/b.tf.j2": "b = 1\n",
    **{f"templates/{one.replace('@', '/')}/blueprint.yaml": blueprint(one) for one in BLUEPRINTS},
    **{
        f"templates/{one.replace('@', '/')}/terraform/main.tf.j2": TEMPLATES[kind]
        for one, kind in zip(BLUEPRINTS, ("shared", "choice", "owner"), strict=True)
    },
    **{
        f"environments/{'lab' if number % 2 else 'live'}/{name}.yaml": environment(
            name,
            "lab" if number % 2 else "live",
            "red" if number % 3 else "blue",
            BLUEPRINTS[number % 3],
        )
        for number, name in enumerate(NAMES)
    },
}

names = st.sampled_from((*NAMES, "env-new", "env-z"))
tracks = st.sampled_from(("lab", "live", "lab", "live", "gone"))
owners = st.sampled_from(("red", "blue", "red", "blue", "gone"))
blueprints = st.sampled_from((*BLUEPRINTS, *BLUEPRINTS, "box@9.9.9"))
mores = st.sampled_from(
    (
        "",
        "",
        "  region: eu-west-1\n",
        "  parameters: {size: 2}\n",
        "  parameters: {size: 7}\n",
        "  parameters: {size: large}\n",
        "  # a comment\n",
    )
)
environments = st.builds(environment, names, tracks, owners, blueprints, mores)
breaking = st.sampled_from(("", "a: [b\n", "kind: Environment\n", "\x00", "# nothing\n"))


@st.composite
def edit(draw: st.DrawFn) -> Any:
    """A function that changes the files of a repository in one way."""
    kind = draw(st.integers(0, 11))
    pick = draw(st.integers(0, 1000))
    text = draw(environments)
    name = draw(names)
    folder = draw(st.sampled_from(("lab", "live", "lab/deep", "")))
    number = draw(st.integers(0, 3))
    word = draw(st.sampled_from(("here", "there")))
    broken = draw(breaking)
    body = draw(st.sampled_from((*TEMPLATES.values(), "x = 1\n")))
    which = draw(st.sampled_from(BLUEPRINTS))
    region = draw(st.sampled_from(("eu-central-1", "eu-west-1")))
    track = draw(st.sampled_from(("lab", "live")))
    owner = draw(st.sampled_from(("red", "blue")))
    shared = draw(st.sampled_from(("a", "b", "c")))

    def apply(files: Files) -> None:
        paths = sorted(files)
        path = paths[pick % len(paths)]
        own = [one for one in paths if one.startswith("environments/")]
        place = f"environments/{folder}/{name}.yaml".replace("//", "/")
        base = f"templates/{which.replace('@', '/')}"
        if kind == 0:
            files[place] = text.replace("name: env-", f"name: {name}, labels: {{}} #", 0)
        elif kind == 1:
            files[place] = environment(name, track, owner, which)
        elif kind == 2 and own:
            old = own[pick % len(own)]
            content = files.pop(old)
            files[f"environments/{folder}/{old.rpartition('/')[2]}".replace("//", "/")] = content
        elif kind == 3:
            del files[path]
        elif kind == 4:
            files[path] = files[path] + "# more\n"
        elif kind == 5:
            files[path] = broken
        elif kind == 6:
            files[f"profiles/tracks/{track}.yaml"] = profile(track, region, number)
        elif kind == 7:
            files[f"profiles/teams/{owner}.yaml"] = team(owner, word, f"cc-{number}")
        elif kind == 8:
            files[f"{base}/terraform/main.tf.j2"] = body
        elif kind == 9:
            files[f"{base}/blueprint.yaml"] = blueprint(which, number, number)
        elif kind == 10:
            files[f"templates/_shared/{shared}.tf.j2"] = f"{shared} = {number}\n"
        elif kind == 11:
            # The same name twice, or a file that is not named after its document.
            files[f"profiles/{('tracks', 'teams')[number % 2]}/old/{track}.yaml"] = profile(track)
            files[f"{base}/terraform/static{number}.tf"] = f"s = {number}\n"

    return apply


Comparison = dict[str, tuple[Effect, bool]]


def everything(tree: MemoryTree) -> dict[str, tuple[Any, Any]]:
    """Of each environment's file: its rendered files, and what it is judged by."""
    shared = load_shared(tree, [])
    renderer = Renderer(tree, shared)
    found: dict[str, tuple[Any, Any]] = {}
    for entry in files_below(tree, "environments"):
        if not entry.path.endswith(".yaml"):
            continue
        problems: list[Any] = []
        loaded = load_environment(tree, entry, problems)
        if loaded is None:
            found[entry.path] = (None, ("unreadable", entry.oid))
            continue
        document = loaded.document
        reference = document.spec.blueprint
        judges = [
            document,
            shared.profiles.get(document.spec.track),
            shared.teams.get(document.metadata.owner),
            shared.blueprints.get((reference.name, reference.version)),
        ]
        judged = [judges[0], *(one and one.document for one in judges[1:])]  # type: ignore[union-attr]
        filled, faults = effective(loaded, shared)
        rendered = renderer.render(filled) if filled is not None else None
        if isinstance(rendered, Rendered):
            found[entry.path] = (rendered, judged)
        else:
            why = rendered or as_problems(tree, [*faults])
            # Where the document itself stands is no difference: it may have moved.
            places = {(one.path.replace(entry.path, ""), one.message) for one in why}
            found[entry.path] = (None, [*judged, places])
    return found


def compared(base: MemoryTree, head: MemoryTree) -> Comparison:
    """All environments of both sides, rendered in full and compared."""
    before, after = everything(base), everything(head)
    moved = moves(before.keys() - after.keys(), after.keys() - before.keys())
    result: Comparison = {}
    for path in before.keys() | after.keys():
        if path in moved.values():
            continue
        old, new = before.get(moved.get(path, path)), after.get(path)
        broken = new is not None and new[0] is None
        if old is None:
            result[path] = Effect.ADDED, broken
        elif new is None:
            result[path] = Effect.REMOVED, False
        elif old[0] != new[0]:
            result[path] = Effect.CHANGED, broken
        elif old[1] != new[1]:
            result[path] = Effect.REJUDGED, broken
            if ordered(head, path) and ordered(head, path) != ordered(base, moved.get(path, path)):
                result[path] = Effect.REVERTED, broken
    return result


def ordered(tree: MemoryTree, path: str) -> object:
    """The drift that a document orders to put back."""
    entry = find(tree, path)
    loaded = load_environment(tree, entry, []) if entry is not None else None
    return loaded and loaded.document.spec.revert


def moves(gone: set[str], came: set[str]) -> dict[str, str]:
    def of(paths: set[str], name: str) -> list[str]:
        return [path for path in paths if path.endswith(f"/{name}")]

    names_ = {path.rpartition("/")[2] for path in gone}
    pairs = [(of(came, name), of(gone, name)) for name in names_]
    return {new[0]: old[0] for new, old in pairs if len(new) == len(old) == 1}


def check(old: Files, new: Files) -> Comparison:
    base, head = MemoryTree(old), MemoryTree(new)
    found = affected(base, head, Uses())
    result = {one.path: (one.effect, one.broken) for one in found}
    assert len(result) == len(found)
    assert all(one.reasons for one in found)
    assert result == compared(base, head)
    return result


@settings(max_examples=60)
@given(st.lists(edit(), max_size=3), st.lists(edit(), min_size=1, max_size=4))
def test_affected_is_what_comparing_full_renders_gives(first: list[Any], then: list[Any]) -> None:
    old = dict(START)
    for one in first:
        if old:
            one(old)
    new = dict(old)
    for one in then:
        if new:
            one(new)
    check(old, new)
    check(new, old)


def test_nothing_changed_touches_nothing() -> None:
    assert check(START, dict(START)) == {}
    assert check(START, {**START, "README.md": "other words\n"}) == {}


def test_a_comment_touches_nothing() -> None:
    comments = {path: text + "# more\n" for path, text in START.items() if path.endswith(".yaml")}
    assert check(START, {**START, **comments}) == {}


def test_an_order_to_revert_drift_is_seen_when_it_comes() -> None:
    path = next(path for path in START if path.startswith("environments/lab/"))
    order = "spec:\n  revert: {drift: 'sha256:%s', record: %d}\n"
    first = {**START, path: START[path].replace("spec:\n", order % ("a" * 64, 7))}
    second = {**START, path: START[path].replace("spec:\n", order % ("a" * 64, 8))}
    for old, new, effect in (
        (START, first, Effect.REVERTED),
        (first, second, Effect.REVERTED),
        (second, START, Effect.REJUDGED),
    ):
        assert check(old, new) == {path: (effect, False)}


def test_a_profile_touches_all_who_use_it() -> None:
    region = check(START, {**START, "profiles/tracks/lab.yaml": profile("lab", "eu-west-1")})
    assert {effect for effect, _ in region.values()} == {Effect.CHANGED, Effect.REJUDGED}
    assert all("/lab/" in path for path in region)
    assert len(region) == 4
    quota = check(START, {**START, "profiles/tracks/lab.yaml": profile("lab", limit=9)})
    assert quota.keys() == region.keys()
    assert {effect for effect, _ in quota.values()} == {Effect.REJUDGED}


def test_a_shared_template_touches_those_whose_files_change() -> None:
    found = check(START, {**START, "templates/_shared/b.tf.j2": "b = 2\n"})
    paths = {path for path, text in START.items() if "name: box, version: 1.1.0" in text}
    assert found == dict.fromkeys(paths, (Effect.CHANGED, False))


def test_what_breaks_is_said_to_be_broken() -> None:
    path = "environments/lab/env-b.yaml"
    assert check(START, {**START, path: "a: ["}) == {path: (Effect.CHANGED, True)}


def test_a_moved_document_is_one_environment() -> None:
    new = dict(START)
    new["environments/other/env-b.yaml"] = new.pop("environments/lab/env-b.yaml")
    (found,) = affected(MemoryTree(START), MemoryTree(new), Uses()) or (None,)
    assert found is None
    new["environments/other/env-b.yaml"] += "  parameters: {size: 0}\n"
    (found,) = affected(MemoryTree(START), MemoryTree(new), Uses())
    assert found is not None
    assert found.effect == Effect.CHANGED
    assert "environments/lab/env-b.yaml" in found.reasons[0]
