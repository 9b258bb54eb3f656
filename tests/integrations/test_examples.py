"""What a reader sees of the examples: the commands at their heads, and the pages about them."""

import functools
import re
import shlex

import pytest
import tyro

from tests.integrations.conftest import ROOT

NEEDS = {
    "accelerate_loop": ["accelerate"],
    "ddp": [],
    "lightning_trainer": ["lightning"],
    "own_data": [],
    "timm_loop": ["timm"],
    "torchdata_stateful": ["torchdata"],
    "torchvision_reference": [],
}
PAGES = ROOT / "docs" / "integrations"


def test_every_example_is_listed_and_has_a_page():
    assert {script.stem for script in (ROOT / "examples").glob("*.py")} == NEEDS.keys()
    pages = "".join(page.read_text() for page in PAGES.glob("*.md"))
    assert [name for name in NEEDS if f"examples/{name}.py" not in pages] == []


@pytest.mark.parametrize("name", NEEDS)
def test_the_commands_at_its_head_are_understood(name, example):
    module = example(name, *NEEDS[name])
    commands = [line.split() for line in module.__doc__.splitlines() if f"{name}.py" in line]
    assert commands

    @functools.wraps(module.main)
    def called(*args, **settings):
        return args or settings

    for words in commands:
        arguments = words[words.index(f"examples/{name}.py") + 1 :]
        assert tyro.cli(called, args=shlex.split(" ".join(arguments)))


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_puts_in_is_in_the_example(page):
    """A diff may leave out lines and settings, but what it adds stands in the script so."""
    text = page.read_text()
    scripts = re.findall(r"examples/(\w+)\.py", text)
    code = "".join((ROOT / "examples" / f"{name}.py").read_text() for name in scripts)
    added = [
        line[1:].strip()
        for block in re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("+")
    ]
    assert added or page.stem == "index"
    assert [line for line in added if line not in code] == []
