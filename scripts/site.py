"""What `make site` adds to MkDocs: files that pages link to, though they lie outside of docs/.

A page says `../policies/.../rule.rego`, which is right where git shows the repository. In the site
such a file becomes a page of its own, below project/: no link leads nowhere, and none leaves it.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(
    r"(?P<picture>!?)\[(?P<words>[^]]*)\]\((?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)"
)
CODE = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)
LANGUAGES = {".rego": "rego", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".py": "python"}


def source_of(page: str) -> str:
    """Where a page of the site lies in the repository."""
    return page.removeprefix("project/") if page.startswith("project/") else f"docs/{page}"


def page_of(source: str) -> str:
    """Where a file of the repository lies in the site."""
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    path = f"project/{source.lstrip('.')}"
    return path if path.endswith(".md") else f"{path}.md"


def target(page: str, path: str) -> str | None:
    """The file of the repository that a link names; of a folder its README, or none."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(source_of(page)), path))
    if (ROOT / found).is_dir():
        found = f"{found}/README.md"
    return found if (ROOT / found).is_file() else None


def links(page: str, text: str) -> set[str]:
    """Every file of the repository that a page names."""
    found = {
        target(page, match["path"])
        for match in LINK.finditer(CODE.sub("", text))
        if not match["picture"]
    }
    return {one for one in found if one is not None}


def shown(source: str) -> str:
    """A file of the repository as a page."""
    text = (ROOT / source).read_text(encoding="utf-8")
    if source.endswith(".md"):
        return text
    return f"# {source}\n\n````{LANGUAGES.get(Path(source).suffix, 'text')}\n{text}````\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is linked to, and what that links to."""
    waiting = [(one.src_uri, one.content_string) for one in files.documentation_pages()]
    while waiting:
        page, text = waiting.pop()
        for source in sorted(links(page, text)):
            made = page_of(source)
            if made.startswith("project/") and files.get_file_from_path(made) is None:
                files.append(File.generated(config, made, content=shown(source)))
                waiting.append((made, shown(source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the files are in the site; of what is not there only words are left."""
    del config
    here = page.file.src_uri

    def led(match: re.Match[str]) -> str:
        source = target(here, match["path"])
        if source is None or files.get_file_from_path(page_of(source)) is None:
            return match["words"]
        path = posixpath.relpath(page_of(source), posixpath.dirname(here) or ".")
        return f"{match['picture']}[{match['words']}]({path}{match['anchor'] or ''})"

    pieces, at = [], 0
    for code in CODE.finditer(markdown):
        pieces += [LINK.sub(led, markdown[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*pieces, LINK.sub(led, markdown[at:])])
