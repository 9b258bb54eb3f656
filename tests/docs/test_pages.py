"""Every fenced block of README and docs is run or checked, or says why not. One test a page."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.docs.blocks import blocks_of
from tests.docs.commands import check
from tests.docs.workspace import as_run, fresh_environment, make_workspace, readers_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

AT_LEAST = {
    "docs/index.md": {"doctor", "show", "bench", "report", "train", "eval"},
    "docs/imagenet.md": {"pack", "index", "doctor", "-m"},
}
"""Commands that are run and not only parsed, whatever `commands.py` thinks of the others."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The workspace, made once; each page gets a copy."""
    folder = tmp_path_factory.mktemp("reader") / "filled"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        make_workspace(folder, patch)
    return folder


@pytest.fixture
def workspace(filled, tmp_path, monkeypatch):
    """A copy of the workspace as the current folder."""
    here = tmp_path / "here"
    shutil.copytree(filled, here, symlinks=True)
    monkeypatch.setenv("FASTTRICKS_CACHE", str(here / "cache"))
    monkeypatch.chdir(here)
    fresh_environment(monkeypatch)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield here
    torch.set_num_threads(threads)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_is_run_or_says_why_not(page):
    for block in blocks_of(page.relative_to(ROOT).as_posix(), page.read_text()):
        assert block.kind in ("python", "shell", "json", "excerpt", "marked")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_a_page_says_can_be_done(page, workspace):
    """Its blocks in order, as a reader goes through them, with one set of names."""
    blocks = blocks_of(page.relative_to(ROOT).as_posix(), page.read_text())
    names, done, ran = readers_names(), set(), set()
    for block in blocks:
        if block.kind == "python":
            run_python(block, page, names)
        elif block.kind == "json":
            block.check_json()
        elif block.kind == "excerpt":
            assert block.lacking((ROOT / block.source).read_text()) == [], block.source
        elif block.kind == "shell":
            for words in block.commands:
                try:
                    how = check(words, done).how
                except AssertionError as error:
                    pytest.fail(f"{block.page}:{block.line}: {error}")
                if how == "run":
                    ran.add(words[1])
    assert AT_LEAST.get(page.relative_to(ROOT).as_posix(), set()) <= ran


def run_python(block, page, names):
    """Run a block; a traceback shows the lines of the page."""
    code = compile("\n" * (block.line - 1) + as_run(block.text), str(page), "exec")
    exec(code, names)
