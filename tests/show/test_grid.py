import itertools

import numpy as np
import pytest
from PIL import Image, ImageFont

from fasttricks.show.grid import GAP, GROUP_GAP, PAPER, Cell, Column, Layout, compose, shortened


def a_column(group, width, heights, seed=0, lines=("one", "two")):
    rng = np.random.default_rng(seed)
    cells = [
        Cell(
            image=Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)),
            lines=lines,
        )
        for height in heights
    ]
    return Column(group=group, title="title", width=width, cells=cells)


COLUMNS = [
    a_column("a", 50, (40, 60), 1),
    a_column("b", 30, (30, 30), 2, ("x" * 200,) * 4),
    a_column("b", 35, (35, 10), 3, ()),
]


def rectangles(layout):
    """(left, top, right, bottom) of every picture."""
    for x, column in zip(layout.lefts, layout.columns, strict=True):
        for y, cell in zip(layout.tops, column.cells, strict=False):
            yield x, y, x + cell.image.width, y + cell.image.height


def test_pictures_are_where_the_layout_says_and_unchanged():
    sheet, layout = compose("title", COLUMNS), Layout(COLUMNS)
    cells = [cell for column in COLUMNS for cell in column.cells]
    assert sheet.size == layout.size
    for place, cell in zip(rectangles(layout), cells, strict=True):
        assert sheet.crop(place).tobytes() == cell.image.tobytes()


def test_nothing_overlaps_and_all_is_inside():
    layout = Layout(COLUMNS)
    found = list(rectangles(layout))
    for one, other in itertools.combinations(found, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    width, height = layout.size
    assert all(left > 0 and right < width and bottom < height for left, _, right, bottom in found)


def test_columns_of_a_group_stand_close_together():
    one, two, three = Layout(COLUMNS).lefts
    assert two - (one + 50) == GROUP_GAP
    assert three - (two + 30) == GAP


def test_words_stay_beneath_their_own_column():
    """What is written in a column leaves the gaps white, however long it is."""
    sheet, layout = np.asarray(compose("title", COLUMNS)), Layout(COLUMNS)
    below = layout.tops[0]  # headings may be as wide as their group
    for column, x in zip(COLUMNS, layout.lefts, strict=True):
        gap = sheet[below:, x + column.width : x + column.width + GAP]
        assert (gap == PAPER).all()
    under = sheet[below + 60 : layout.tops[1] - 2, layout.lefts[1] : layout.lefts[1] + 30]
    assert (under != 255).any()


def test_captions_are_drawn():
    bare = [a_column("a", 50, (40, 60), 1, ("", ""))]
    written = [a_column("a", 50, (40, 60), 1)]
    assert compose("t", bare).tobytes() != compose("t", written).tobytes()


@pytest.mark.parametrize("width", [12, 40, 100, 300])
def test_long_words_lose_their_middle(width):
    text = "n01440764_the_name_of_a_picture_18.JPEG"
    short = shortened(text, width, 13)
    assert ImageFont.load_default(13).getlength(short) <= width
    if short != text:
        begin, end = short.split("…")
        assert text.startswith(begin)
        assert text.endswith(end)
    assert shortened(text, 1000, 13) == text


def test_letters_that_the_font_lacks_are_question_marks():
    assert shortened("Käse \u6c34\udcff\n.jpg", 500, 13) == "Käse ???.jpg"
