"""What a chart shows, whatever draws it: values, words and the table that goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns and lines; the first cell of a line names it."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One value with its spread."""

    label: str
    hue: str
    """A key of `fasttricks.report.colour.HUES`."""
    value: float
    text: str
    """The value in words, written beside it."""
    low: float | None = None
    high: float | None = None
    each: Sequence[float] = ()
    """All that the value is the middle of, where these are few."""
    faint: bool = False
    """For a variant of what has this hue."""
    group: str = ""
    """A heading above the first bar of each group."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part of a stack."""

    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Parts end to end."""

    label: str
    hue: str
    segments: Sequence[Segment]

    @property
    def total(self) -> float:
        """Of all parts."""
        return sum(segment.value for segment in self.segments)


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point of a line, with its spread."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points from left to right."""

    label: str
    hue: str
    spots: Sequence[Spot]
    text: str = ""
    """The last value in words, written beside the line's end."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What all charts have."""

    name: str
    """Short, for a file's name."""
    title: str
    caption: str = ""
    """What the values are and how to read them."""
    table: Table


@dataclass(frozen=True, kw_only=True)
class Bars(Chart):
    """Bars from zero."""

    bars: Sequence[Bar]
    mark: float | None = None
    """A value to compare with, drawn as a line across."""
    mark_text: str = ""


@dataclass(frozen=True, kw_only=True)
class Dots(Bars):
    """Values by place: for ratios, for what spans more than bars can, and for what is far from zero
    and near each other."""

    log: bool = True


@dataclass(frozen=True, kw_only=True)
class Stacks(Chart):
    """Bars of parts, all of one unit."""

    stacks: Sequence[Stack]
    unit: str

    @property
    def names(self) -> list[str]:
        """All parts there are, in their order."""
        rows = sorted(self.stacks, key=lambda stack: len(stack.segments), reverse=True)
        return list(dict.fromkeys(part.name for row in rows for part in row.segments))


@dataclass(frozen=True, kw_only=True)
class Lines(Chart):
    """Lines over x."""

    lines: Sequence[Line]
    x_title: str
    y_title: str
    log: bool = False
    """Both axes."""
    proportional: bool = False
    """Dashed, what y would be in proportion to x from each line's first point on."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A run, or what else stands under one heading."""

    title: str
    source: str = ""
    """The file that it is from."""
    lead: str = ""
    """The result in one sentence."""
    about: Sequence[str] = ()
    """What was measured, how and on what."""
    command: str = ""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default_factory=tuple)
    """Those that go with no chart."""
    notes: Sequence[str] = ()


def figure(value: float | None, form: str = ".2f") -> str:
    """A value in this form, a dash for none."""
    return "-" if value is None else format(value, form)


def ratio(found: Mapping[str, float] | None) -> str:
    """A ratio and its spread, of `ratio`, `p20` and `p80`; a dash for none."""
    return f"{found['ratio']:.3f} ({found['p20']:.3f}-{found['p80']:.3f})" if found else "-"


def number(value: float) -> str:
    """Three figures, or all before the point."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
