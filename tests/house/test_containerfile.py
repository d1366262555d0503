"""The container file, as far as it can be held without building it: tests have nothing to do so."""

import re
import shlex
import tomllib
from pathlib import Path

from reconciler.cli.main import cli
from tests.cli.commands import leaves

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")
PLAIN = re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " ")
STEPS = [
    (word, rest.strip())
    for word, _, rest in (line.partition(" ") for line in PLAIN.splitlines() if line.strip())
]


def steps(word: str) -> list[str]:
    return [rest for each, rest in STEPS if each == word]


def stages() -> list[tuple[str, str]]:
    """Each with what it begins from."""
    found = [re.fullmatch(r"(\S+) AS (\w+)", one) for one in steps("FROM")]
    assert all(found)
    return [(one[2], one[1]) for one in found if one]


def test_it_is_made_of_known_steps_and_stages() -> None:
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD"}
    assert {word for word, _ in STEPS} == known
    bases = {one.partition("=")[0] for one in steps("ARG")}
    seen: set[str] = set()
    for name, begins in stages():
        assert begins in seen or begins.strip("${}") in bases
        seen.add(name)
    for copied in steps("COPY"):
        stage = re.search(r"--from=(\S+)", copied)
        assert stage is None or stage[1] in seen


def test_each_file_that_is_copied_is_there_and_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for copied in steps("COPY"):
        if not copied.startswith("--from"):
            *sources, _ = copied.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source not in ignored
    # What the build reads: the version from `.git`, and the page that `shared-data` names.
    assert ".git" not in ignored
    assert not {"docs", "*.md", "reconciler", "policies"} & set(ignored)


def test_packages_come_from_the_lock_file_and_from_nowhere_else() -> None:
    runs = " ".join(steps("RUN"))
    pips = re.findall(r"pip (?:download|install) [^&]*", runs)
    assert len(pips) == 3
    for one in pips:
        assert "--no-index" in one or "--require-hashes --only-binary :all:" in one
    assert not re.search(r"\b(curl|wget|apt-get|apk|git clone)\b", runs)
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for name in re.findall(r"reconciler\[(\w+)\]", runs):
        assert name in extras


def test_its_commands_are_ours() -> None:
    lines = [words for run in steps("RUN") for words in re.findall(r"/bin/reconciler ([^&]+)", run)]
    assert [tuple(shlex.split(one)) for one in lines] == [("tools", "install")]
    assert ("tools", "install") in leaves()
    assert steps("CMD") == ['["reconciler", "--help"]']
    assert cli.name == "cli"


def test_whoever_runs_it_may_read_the_tools() -> None:
    # An environment of somebody's own is theirs alone, and that somebody was root.
    (made,) = [one for one in steps("RUN") if "tools install" in one]
    assert made.endswith("&& chmod -R a+rX /opt/tools")


def test_what_runs_is_nobodys_root_and_has_no_checkout() -> None:
    names = [name for name, _ in stages()]
    assert names[-1] == "complete"
    _, _, last = TEXT.partition("AS reconciler\n")
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "USER root" not in TEXT
    assert "COPY . ." not in last
    assert not re.search(r"(TOKEN|SECRET|PASSWORD|KEY)=", TEXT)
