from fasttricks.report.html import Markup, element, join

NASTY = "<script>alert('&\"')</script>"


def test_all_text_is_escaped_and_markup_is_not_twice() -> None:
    made = element("p", NASTY, element("b", "x & y"), title=NASTY)
    assert "<script" not in made
    assert made.count("&lt;script&gt;") == 2
    assert "<b>x &amp; y</b>" in made
    assert '"' not in made.split('title="')[1].split('">')[0]


def test_names_of_attributes_and_absent_ones() -> None:
    made = element("rect", None, class_="bar", aria_label="a", dx=None, x=3)
    assert made == '<rect class="bar" aria-label="a" x="3"></rect>'
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_join_keeps_order_and_escapes() -> None:
    assert join("<", Markup("<br>"), None) == "&lt;<br>"
