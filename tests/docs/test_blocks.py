"""What is taken for a block, for a marker, and for a block that nothing runs."""

import pytest

from tests.docs.blocks import NeitherError, blocks_of

FENCE = "`" * 3


def page(*lines):
    return "\n".join(lines).replace("FENCE", FENCE) + "\n"


def only(*lines):
    (block,) = blocks_of("x.md", page(*lines))
    return block


def test_blocks_have_their_line_language_and_text():
    text = page(
        "# A", "FENCEpython", "a = 1", "", "b = 2", "FENCE", "words", "~~~sh", "make x", "~~~"
    )
    first, second = blocks_of("x.md", text)
    assert (first.line, first.language, first.text) == (3, "python", "a = 1\n\nb = 2\n")
    assert (second.line, second.kind) == (9, "shell")


def test_a_block_in_a_list_loses_its_indent():
    assert (
        only("- so:", "", "  FENCEpython", "  if a:", "      b", "  FENCE").text == "if a:\n    b\n"
    )


def test_a_longer_fence_holds_a_shorter_one():
    assert only("FENCE`json", "FENCE", "1", "FENCE`").text == f"{FENCE}\n1\n"


def test_a_marker_with_a_reason_stands_right_before_its_block():
    marker = "<!-- not run: needs 8 GPUs -->"
    assert only(marker, "FENCEpython", "FENCE").reason == "needs 8 GPUs"
    assert only(marker, "", "FENCE", "anything", "FENCE").kind == "marked"
    assert only(marker, "words", "FENCEpython", "FENCE").reason == ""
    assert only("<!-- not run: -->", "FENCEpython", "FENCE").reason == ""
    two = blocks_of("x.md", page(marker, "FENCE", "FENCE", "FENCE", "FENCE"))
    assert [block.reason for block in two] == ["needs 8 GPUs", ""]


@pytest.mark.parametrize(
    "lines",
    [
        ("FENCE", "git clone x", "FENCE"),
        ("FENCEsh", "make test", "rm -rf x", "FENCE"),
        ("FENCE", "a diagram", "FENCE"),
        ("FENCE", "FENCE"),
        ("FENCEsh", "echo 'no end", "FENCE"),
        ("FENCEdiff", "+ line", "FENCE"),
        ("FENCEyaml", "a: 1", "FENCE"),
    ],
)
def test_a_block_that_is_neither_run_nor_marked_is_told(lines):
    with pytest.raises(NeitherError, match=r"x\.md:2: this block is not run"):
        _ = only(*lines).kind


def test_an_excerpt_has_only_lines_of_its_file():
    lines = ("-out", "+    a = 1", " b = 2", "", "@@ -1 +1 @@")
    block = only("<!-- from: examples/a.py -->", "FENCEdiff", *lines, "FENCE")
    assert (block.kind, block.source) == ("excerpt", "examples/a.py")
    assert block.lacking("b = 2  # why\nif x:\n    a = 1\n") == []
    assert block.lacking("b = 2\n") == ["    a = 1"]
    whole = only("<!-- from: examples/a.py -->", "FENCEpython", "-a", "FENCE")
    assert whole.lacking("a\n") == ["-a"]


def test_commands_are_joined_and_lose_comments_and_environment():
    block = only(
        "FENCEsh", "# first", "A=1 make x  # why", "", "fasttricks a \\", "  'b c'", "FENCE"
    )
    assert block.commands == [["make", "x"], ["fasttricks", "a", "b c"]]


def test_a_block_without_an_end_is_told():
    with pytest.raises(ValueError, match=r"x\.md:2: a block without an end"):
        blocks_of("x.md", page("a", "FENCEpython", "b"))


def test_json_is_read():
    only("FENCEjson", '{"a": 1}', "FENCE").check_json()
    with pytest.raises(ValueError):  # noqa: PT011 - json's own
        only("FENCEjson", "{a}", "FENCE").check_json()
