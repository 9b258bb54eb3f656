"""Sections as one HTML page that needs nothing else: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasttricks.report import svg
from fasttricks.report.chart import Chart, Section, Table
from fasttricks.report.colour import css
from fasttricks.report.html import Markup, element, join
from fasttricks.report.style import STYLE
from fasttricks.version import __version__


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole document: a heading, links to the sections, and these."""
    ids = [f"section-{number}" for number in range(1, len(sections) + 1)]
    links = [
        element(
            "li",
            element("a", section.title, href=f"#{id_}"),
            element("span", f" {section.source}", class_="quiet") if section.source else None,
        )
        for id_, section in zip(ids, sections, strict=True)
    ]
    body = element(
        "body",
        element(
            "header",
            element("h1", title),
            element("p", lead, class_="quiet"),
            element("nav", element("ul", *links), aria_label="Contents"),
        ),
        element("main", *map(_section, ids, sections)),
        element("footer", element("p", f"Made by fasttricks {__version__} report.")),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(title), body, lang='en')}\n"


def _head(title: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE + css())),
    )


def _section(id_: str, section: Section) -> Markup:
    notes = [element("li", note) for note in section.notes]
    return element(
        "section",
        element("h2", section.title, id=f"{id_}-title"),
        *_paragraphs(section),
        *map(_figure, section.charts),
        *map(table, section.tables),
        element("ul", *notes, class_="notes") if notes else None,
        id=id_,
        aria_labelledby=f"{id_}-title",
    )


def _paragraphs(section: Section) -> Iterator[Markup]:
    if section.lead:
        yield element("p", section.lead, class_="lead")
    for line in section.about:
        if line:
            yield element("p", line, class_="quiet")
    if section.source:
        yield element("p", section.source, class_="quiet")
    if section.command:
        yield element("p", element("code", section.command), class_="quiet")


def _figure(chart: Chart) -> Markup:
    caption = element("p", chart.caption) if chart.caption else None
    return element(
        "figure",
        element("figcaption", element("h3", chart.title), caption),
        svg.draw(chart),
        element(
            "details",
            element("summary", "The numbers as a table"),
            table(chart.table, chart.title),
        ),
    )


def table(content: Table, name: str | None = None) -> Markup:
    """A table that scrolls by itself where the window is narrow; by keyboard as well."""
    name = name or content.header[0]
    head = [element("th", cell, scope="col") for cell in content.header]
    lines = [
        element(
            "tr",
            element("th", line[0], scope="row"),
            *(element("td", cell) for cell in line[1:]),
        )
        for line in content.lines
    ]
    words = "words" if len(content.header) == 2 else None
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *head)),
            element("tbody", join(*lines)),
            class_=words,
            aria_label=name,
        ),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=f"Table: {name}",
    )
