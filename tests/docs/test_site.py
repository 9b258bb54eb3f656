"""The site builds, its links lead somewhere, and it loads nothing from elsewhere."""

import importlib.util
import logging
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("material", "mkdocstrings") if not importlib.util.find_spec(name)]
needs_mkdocs = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: pip install -e '.[docs]'"
)
ELSEWHERE = re.compile(r"^(?:https?:)?//", re.IGNORECASE)
LOADING_LINKS = {
    "stylesheet",
    "icon",
    "preconnect",
    "preload",
    "prefetch",
    "dns-prefetch",
    "manifest",
}
CSS = re.compile(r"(?:url\(|@import\s+)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class Loads(HTMLParser):
    """What a browser fetches for a page without being clicked on; `outside` is from elsewhere."""

    def __init__(self):
        super().__init__()
        self.outside, self.inside, self._style = [], 0, False

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        addresses = [given[name] for name in ("src", "poster", "data") if name in given]
        addresses += [
            part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()
        ]
        if tag == "link" and set(given.get("rel", "").lower().split()) & LOADING_LINKS:
            addresses.append(given.get("href", ""))
        addresses += CSS.findall(given.get("style", ""))
        self.inside += len(addresses)
        self.outside += [address for address in addresses if ELSEWHERE.match(address)]

    def handle_data(self, data):
        if self._style:
            self.outside += CSS.findall(data)


def outside_of(html):
    loads = Loads()
    loads.feed(html)
    return loads.outside


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; every request to a network would go to a proxy that is not there."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | nowhere | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert not warnings, "\n".join(warnings)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@needs_mkdocs
def test_it_builds_strictly_and_has_every_page(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file()
    assert not list(site.rglob("*.py"))


@needs_mkdocs
def test_nothing_is_loaded_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    loads = Loads()
    for page in pages:
        loads.feed(text := page.read_text())
        # The theme's script fetches what these ask for from other hosts.
        assert 'class="mermaid"' not in text
        assert 'data-md-component="source"' not in text
    assert loads.outside == []
    assert loads.inside > 2 * len(pages)  # its own scripts and styles: the parser sees them
    for style in site.rglob("*.css"):
        assert CSS.findall(style.read_text()) == []


@needs_mkdocs
def test_the_reference_has_what_the_package_offers(site):
    import fasttricks

    text = (site / "reference.html").read_text()
    for name in set(fasttricks.__all__) - {"__version__", "models"}:  # a package of many names
        assert re.search(rf'id="fasttricks\.[\w.]*\.{name}"', text), (
            f"{name} is not in the reference"
        )


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://unpkg.com/x"></script>',
        '<link rel="stylesheet" href="//fonts.googleapis.com/css">',
        '<link rel="preconnect" href="https://fonts.gstatic.com">',
        '<img src="HTTPS://example.org/a.png">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<p style="background: url(https://example.org/a.png)">',
    ],
)
def test_what_would_be_loaded_from_elsewhere_is_seen(html):
    assert outside_of(html)


def test_links_to_be_clicked_on_and_own_files_are_not_loaded_from_elsewhere():
    assert not outside_of('<a href="https://example.org">x</a><script src="assets/x.js"></script>')


def hooks():
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_to_files_of_the_repository_become_text_and_must_exist(caplog):
    page = SimpleNamespace(file=SimpleNamespace(src_path="integrations/timm.md"))
    given = {"page": page, "config": {"docs_dir": str(ROOT / "docs")}}
    change = hooks().on_page_markdown
    with caplog.at_level(logging.WARNING):
        assert change("see [`cli`](../../fasttricks/cli.py#L3) or", **given) == "see `cli` or"
        assert change("see [x](../concepts.md#plan)", **given) == "see [x](../concepts.md#plan)"
        assert not caplog.records
        assert change("see [x](../../no/such.py)", **given) == "see x"
    assert "no/such.py, which does not exist" in caplog.text


def test_a_folder_in_the_menu_stands_for_its_pages(tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("b.md", "a.md", "index.md"):
        (tmp_path / "more" / name).touch()
    nav = [{"A": "a.md"}, {"More": "more/"}, {"None": "none/"}, {"B": [{"C": "c.md"}]}]
    config = hooks().on_config({"docs_dir": str(tmp_path), "nav": nav})
    more = {"More": ["more/index.md", "more/a.md", "more/b.md"]}
    assert config["nav"] == [{"A": "a.md"}, more, {"B": [{"C": "c.md"}]}]
