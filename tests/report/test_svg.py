import xml.etree.ElementTree as ElementTree

from fasttricks.report import svg
from fasttricks.report.chart import (
    Bar,
    Bars,
    Dots,
    Line,
    Lines,
    Segment,
    Spot,
    Stack,
    Stacks,
    Table,
)
from fasttricks.report.svg_bars import TEXT_SHARE
from fasttricks.report.svg_lines import spaced

TABLE = Table(header=("row",), lines=[])
NASTY = '<b onclick="x">&'


def drawn(chart: svg.Chart) -> ElementTree.Element:
    """Parsed as XML, which forgives nothing; what stands beside the `<svg>` included."""
    return ElementTree.fromstring(f"<div>{svg.draw(chart)}</div>")


def bars(kind: type[Bars] = Bars, **changes: object) -> Bars:
    made = [
        Bar(label="roi", hue="roi", value=100.0, text="100", low=80.0, high=125.0),
        Bar(label=NASTY, hue="dali", value=50.0, text="50", faint=True),
    ]
    given = {"name": "x", "title": NASTY, "bars": made, "table": TABLE, **changes}
    return kind(**given)  # type: ignore[arg-type]


def test_bars_are_as_long_as_their_values_from_zero() -> None:
    widths = [rect.get("width") for rect in drawn(bars()).iter("rect")]
    assert widths == ["80%", "40%"]


def test_a_whisker_goes_from_p20_to_p80() -> None:
    whisker = next(e for e in drawn(bars()).iter("line") if e.get("class") == "whisker")
    assert (whisker.get("x1"), whisker.get("x2")) == ("64%", "100%")


def test_values_and_labels_are_written_and_escaped() -> None:
    texts = ["".join(text.itertext()) for text in drawn(bars()).iter("text")]
    assert texts == ["roi", "100", NASTY, "50"]
    assert "<b" not in svg.draw(bars())


def test_dots_have_places_on_a_logarithmic_axis_and_a_mark() -> None:
    chart = bars(Dots, mark=100.0, mark_text="same")
    tree = drawn(chart)
    first, second = (float(dot.get("cx", "")[:-1]) for dot in tree.iter("circle"))
    assert 0 < second < first < 100
    mark = next(line for line in tree.iter("line") if line.get("class") == "mark")
    assert mark.get("x1") == f"{first:.5g}%"
    assert any(text.text == "same" for text in tree.iter("text"))


def test_a_group_has_one_heading() -> None:
    made = [Bar(label=n, hue="ours", value=1.0, text="1", group=g) for n, g in ("ax", "bx", "cy")]
    headings = [e.text for e in drawn(bars(bars=made)).iter("text") if e.get("class") == "heading"]
    assert headings == ["x", "y"]


def test_a_label_too_long_is_cut_and_told_in_full() -> None:
    name = "x" * 99
    made = [Bar(label=name, hue="ours", value=1.0, text="1")]
    label = next(e for e in drawn(bars(bars=made)).iter("text") if e.get("class") == "end")
    assert label.text == "x" * (svg.LONGEST_LABEL - 1) + "…"
    assert label.findtext("title") == name


def test_stacks_lie_end_to_end_and_say_their_sum() -> None:
    parts = [Segment(name="read", value=1.0), Segment(name="decode", value=3.0)]
    chart = Stacks(
        name="s",
        title="t",
        stacks=[Stack(label="roi", hue="roi", segments=parts)],
        unit="ms",
        table=TABLE,
    )
    tree = drawn(chart)
    assert [(r.get("x"), r.get("width")) for r in tree.iter("rect")] == [
        ("0%", "25%"),
        ("25%", "75%"),
    ]
    texts = [text.text for text in tree.iter("text")]
    assert texts == ["roi", "read 1", "decode 3", "4 ms"]
    assert [span.find("i") is not None for span in tree.iter("span")] == [True, True]
    assert TEXT_SHARE * len("decode 3") < 0.75


def test_a_part_too_narrow_for_its_name_stays_unnamed() -> None:
    parts = [Segment(name="read", value=0.01), Segment(name="decode", value=3.0)]
    stack = Stack(label="roi", hue="roi", segments=parts)
    chart = Stacks(name="s", title="t", stacks=[stack], unit="ms", table=TABLE)
    assert not any(text.text == "read 0.01" for text in drawn(chart).iter("text"))


def lines(log: bool) -> Lines:
    spots = [Spot(x=1, y=100, low=90, high=110), Spot(x=2, y=150), Spot(x=4, y=200)]
    line = Line(label="roi", hue="roi", spots=spots, text="200")
    flat = Line(label="dali", hue="dali", spots=[Spot(x=1, y=50), Spot(x=4, y=199)])
    return Lines(
        name="l",
        title="t",
        lines=[line, flat],
        x_title="threads",
        y_title="images/s",
        log=log,
        proportional=log,
        table=TABLE,
    )


def test_lines_go_through_their_points_to_the_right_and_up() -> None:
    for log in (False, True):
        dots = list(drawn(lines(log)).iter("circle"))[:3]
        xs = [float(dot.get("cx", "")[:-1]) for dot in dots]
        ys = [float(dot.get("cy", "")) for dot in dots]
        assert xs == sorted(xs)
        assert ys == sorted(ys, reverse=True)


def test_lines_have_their_names_at_their_ends_and_dashes_where_asked() -> None:
    tree = drawn(lines(True))
    texts = ["".join(text.itertext()) for text in tree.iter("text")]
    assert "● roi 200" in texts
    assert {"threads", "images/s", "1", "2", "4"} <= set(texts)
    dashed = [line for line in tree.iter("line") if line.get("class") == "stroke dashed"]
    assert len(dashed) == 3
    assert not any(e.get("class") == "stroke dashed" for e in drawn(lines(False)).iter("line"))


def test_one_epoch_alone_can_be_drawn() -> None:
    line = Line(label="roi", hue="roi", spots=[Spot(x=1, y=5)])
    chart = Lines(name="l", title="t", lines=[line], x_title="", y_title="", table=TABLE)
    assert len(list(drawn(chart).iter("circle"))) == 1


def test_labels_keep_apart() -> None:
    assert spaced([50.0, 10.0, 12.0, 13.0], 10) == [50.0, 10.0, 20.0, 30.0]
