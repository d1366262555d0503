"""The site is built without a network, whole, opens as files, and fetches nothing from anybody."""

import json
import re
import shutil
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urljoin

import pytest

from tests.docs.scenes import ROOT, pages

FETCHED = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
}
"""What a browser fetches by itself; where one only goes by a click is no matter."""


def without_network() -> list[str]:
    """What to put before a command so that it has none, where the kernel lets us."""
    unshare = shutil.which("unshare")
    words = [unshare or "", "--map-root-user", "--net"]
    if (
        unshare
        and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    ):
        return words
    return []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*without_network(), *command, "--site-dir", str(folder)],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Fetches(HTMLParser):
    """The addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") in ("canonical", "next", "prev"):
            return
        self.found += [value or "" for name, value in attrs if (tag, name) in FETCHED]


class Links(HTMLParser):
    """Where one gets to by a click."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def test_every_page_is_there(site: Path) -> None:
    for page in pages():
        name = page.relative_to(ROOT / "docs").with_suffix(".html")
        made = name.with_name("index.html") if name.stem == "README" else name
        assert (site / made).is_file(), page


def test_links_lead_to_files_and_to_no_folder(site: Path) -> None:
    # A server gives a folder's first page. A browser that opens files shows what is in the folder.
    for page in site.rglob("*.html"):
        links = Links()
        links.feed(page.read_text(encoding="utf-8"))
        for one in links.found:
            path = one.partition("#")[0].partition("?")[0]
            if path and not re.match(r"[a-z]+:|//", path) and page.name != "404.html":
                assert (page.parent / path).is_file(), (page, one)


def test_the_search_needs_no_server(site: Path) -> None:
    # Opened as a file, a page may read no index and begin no worker: both have to be scripts.
    text = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("var __index = "))
    assert {"tutorial.html", "howto/aws-roles.html"} <= {one["location"] for one in index["docs"]}
    for page in site.rglob("*.html"):
        fetches = Fetches()
        fetches.feed(page.read_text(encoding="utf-8"))
        scripts = [Path(one).name for one in fetches.found if one.endswith(".js")]
        assert scripts[0] == "iframe-worker.js", page
        assert scripts[1].startswith("bundle."), page


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not on PATH")
def test_a_browser_finds_something_without_a_server(site: Path, tmp_path: Path) -> None:
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
               f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000"]  # fmt: skip
    done = subprocess.run(
        [*browser, f"{(site / 'howto' / 'aws-roles.html').as_uri()}?q=canary"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(r"\d+ matching documents", done.stdout)
    assert "rollout.html?h=canary" in done.stdout


def test_behind_a_web_server_all_that_pages_fetch_is_there(site: Path) -> None:
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/"
    wanted = set()
    for page in site.rglob("*.html"):
        here = root + page.relative_to(site).as_posix()
        text = page.read_text(encoding="utf-8")
        fetches = Fetches()
        fetches.feed(text)
        wanted |= {urljoin(here, one).partition("#")[0] for one in fetches.found}
        # What its script fetches when somebody searches.
        config = json.loads(re.findall(r'id="__config"[^>]*>(.*?)</script>', text, re.DOTALL)[0])
        top = urljoin(here, config["base"].rstrip("/") + "/")
        wanted |= {urljoin(here, config["search"]), urljoin(top, "search/search_index.json")}
    try:
        for one in sorted(wanted):
            asked = HTTPConnection("127.0.0.1", server.server_port)
            asked.request("HEAD", one.removeprefix(root.rstrip("/")))
            assert asked.getresponse().status == 200, one
            asked.close()
    finally:
        server.shutdown()
        server.server_close()


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetches = Fetches()
        fetches.feed(page.read_text(encoding="utf-8"))
        away = [one for one in fetches.found if re.match(r"(?:[a-z]+:)?//", one)]
        assert away == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text("utf-8")), sheet


def test_no_page_has_what_the_theme_would_fetch_a_program_for(site: Path) -> None:
    # Its script names a server for Mermaid, and asks it only where there is such a block.
    for page in site.rglob("*.html"):
        assert 'class="mermaid"' not in page.read_text(encoding="utf-8"), page


def test_the_picture_shows_the_steps_of_the_way() -> None:
    picture = (ROOT / "docs" / "pictures" / "way.svg").read_text(encoding="utf-8")
    shown = re.findall(r'class="step"[^>]*>([a-z]+)<', picture)
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| ([a-z]+) \|", table.split("### ")[0], re.MULTILINE)
    assert set(shown) <= set(steps)
    assert len(shown) == len(set(shown)) == 10
    assert not re.search(r"href|<script|<image|style=", picture)
