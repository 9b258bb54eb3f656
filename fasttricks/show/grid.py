"""Columns of pictures with captions, put together to one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

MARGIN, GAP, GROUP_GAP = 20, 8, 28
"""Pixels: around everything, between the columns of a group, between groups."""
ROW_GAP = 18
LINE, TEXT, HEADING, TITLE = 17, 13, 16, 20
"""Pixels: from line to line of a caption; sizes of letters."""
PAPER, INK, FAINT = (255, 255, 255), (28, 28, 30), (105, 105, 112)
_LAST_LETTER = 0x24F
"""The font that PIL brings has Latin letters; all others would be the same little box."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A picture and what is written beneath it."""

    image: Image.Image
    lines: tuple[str, ...] = ()
    """Too long ones are shortened in the middle."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """Pictures one beneath the other."""

    group: str
    """A heading that columns next to each other may share."""
    title: str
    width: int
    """Pixels; at least that of its pictures."""
    cells: list[Cell]


@dataclass(frozen=True)
class Layout:
    """Where everything goes, in pixels."""

    columns: Sequence[Column]

    @property
    def lefts(self) -> list[int]:
        """Left edge of each column."""
        found, x, before = [], MARGIN, None
        for column in self.columns:
            if before is not None:
                x += before.width + (GAP if column.group == before.group else GROUP_GAP)
            found.append(x)
            before = column
        return found

    @property
    def tops(self) -> list[int]:
        """Upper edge of each row, and of what would be the next."""
        found = [MARGIN + TITLE + 22 + HEADING + 10 + LINE + 6]
        for row in zip(*(column.cells for column in self.columns), strict=True):
            pictures = max(cell.image.height for cell in row)
            lines = max(len(cell.lines) for cell in row)
            found.append(found[-1] + pictures + 5 + lines * LINE + ROW_GAP)
        return found

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the whole."""
        return self.lefts[-1] + self.columns[-1].width + MARGIN, self.tops[-1]


def compose(title: str, columns: Sequence[Column]) -> Image.Image:
    """All columns, which have the same number of cells, under a title."""
    layout = Layout(columns)
    sheet = Image.new("RGB", layout.size, PAPER)
    pen = ImageDraw.Draw(sheet)
    _write(pen, (MARGIN, MARGIN), title, TITLE, layout.size[0] - 2 * MARGIN)
    _headings(pen, layout)
    for x, column in zip(layout.lefts, columns, strict=True):
        for y, cell in zip(layout.tops, column.cells, strict=False):
            sheet.paste(cell.image, (x, y))
            for number, line in enumerate(cell.lines):
                at = x, y + cell.image.height + 5 + number * LINE
                _write(pen, at, line, TEXT, column.width, INK if number == 0 else FAINT)
    return sheet


def _headings(pen: ImageDraw.ImageDraw, layout: Layout) -> None:
    y = MARGIN + TITLE + 22
    placed = zip(layout.lefts, layout.columns, strict=True)
    for group, members in groupby(placed, key=lambda one: one[1].group):
        part = list(members)
        left, right = part[0][0], part[-1][0] + part[-1][1].width
        _write(pen, (left, y), group, HEADING, right - left)
        pen.line((left, y + HEADING + 5, right - 1, y + HEADING + 5), fill=FAINT)
        for x, column in part:
            _write(pen, (x, y + HEADING + 10), column.title, TEXT, column.width, FAINT)


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    width: int,
    color: tuple[int, int, int] = INK,
) -> None:
    font = ImageFont.load_default(size)
    pen.text(at, shortened(text, width, size), fill=color, font=font)


def shortened(text: str, width: int, size: int) -> str:
    """A text without letters that the font lacks, and without its middle where that is too long.

    Args:
        text: any, also a file's name with bytes that are no letters.
        width: that it may have, in pixels.
        size: of the letters.
    """
    font = ImageFont.load_default(size)
    text = "".join(c if c.isprintable() and ord(c) <= _LAST_LETTER else "?" for c in text)
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(short) <= width:
            return short
    return "…"
