"""Markdown makes a paragraph of a list that follows one without an empty line."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ITEM = re.compile(r"(-|\*|\d+\.) ")


def collapsed(text):
    """Items that are none: after a line of a paragraph, or in the middle of one."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = ["", *text.splitlines()]
    found = []
    for before, line in pairwise(lines):
        inside = bool(ITEM.match(before.lstrip())) or before.startswith(("  ", "#")) or not before
        if (ITEM.match(line) and not inside) or re.search(r"[:;] - \*\*", line):
            found.append(line)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_lists_are_lists(page):
    assert collapsed(page.read_text()) == []


def test_a_collapsed_list_would_be_found():
    assert collapsed("This is counted:\n- one\n- two\n") == ["- one"]
    assert collapsed("as papers do: - **MACs**: multiply; - **activations**: of") != []
    assert collapsed("This:\n\n- one\n  and more\n- two\n\n## Next\n- three\n") == []
    assert collapsed("```\nx\n- y\n```\n") == []
