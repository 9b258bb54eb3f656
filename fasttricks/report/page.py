"""Sections as one HTML page that needs nothing else: no script, no request, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasttricks.report.chart import Chart, Section, Table
from fasttricks.report.figure import inline
from fasttricks.report.html import Markup, element, join
from fasttricks.version import __version__

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1c1f;--quiet:#5c5e63;--rule:#e3e4e7;
--raised:#f5f6f8}
@media(prefers-color-scheme:dark){:root{--ground:#1a1a1a;--ink:#e9e9eb;--quiet:#a6a8ae;
--rule:#303237;--raised:#242424}svg{filter:invert(.9) hue-rotate(180deg)}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:62rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
footer{padding-bottom:3rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.3rem;line-height:1.3;margin:3.5rem 0 .25rem;padding-top:1rem;
border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:0}
p{margin:.4rem 0;max-width:46rem}
a{color:inherit;text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid currentColor;
outline-offset:2px}
nav ul{margin:.75rem 0;padding:0;list-style:none}
.quiet,figcaption p,.notes,footer{color:var(--quiet);font-size:.875rem}
.lead{font-size:1.05rem}
code{font:.8125rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
figure{margin:2rem 0}
figcaption{margin-bottom:.5rem}
.notes{padding-left:1.2rem;max-width:46rem}
.notes li{margin:.2rem 0;overflow-wrap:anywhere}

svg{display:block;width:100%;min-width:46rem}

details{margin-top:.6rem;font-size:.875rem}
summary{cursor:pointer;color:var(--quiet);width:fit-content}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .75rem .2rem 0;text-align:right;vertical-align:top;
border-bottom:1px solid var(--rule)}
th{font-weight:600}
tbody th{font-weight:400}
tbody th,td{white-space:nowrap}
.words td{white-space:normal;overflow-wrap:anywhere}
th:first-child,.words td{text-align:left}
.words th{text-align:left}
tbody tr:hover{background:var(--raised)}

@media(max-width:40rem){body{font-size:15px}
header,main,footer{padding-left:.9rem;padding-right:.9rem}}
@media print{svg{min-width:0}h2,figure{break-inside:avoid}}
"""
"""The style sheet. On a dark ground the charts are turned to light on dark, hues kept; in a narrow
window they and the tables scroll by themselves, so that text keeps its size."""


def page(title: str, lead: str, sections: Sequence[Section], drawn: bool = True) -> str:
    """The whole document: a heading, links to the sections, and these.

    Args:
        title: the heading.
        lead: what stands below it.
        sections: in their order.
        drawn: whether charts are drawn, for which matplotlib is needed; if not, their tables are
            open.
    """
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
        element("main", *(_section(*each, drawn) for each in zip(ids, sections, strict=True))),
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
        element("style", Markup(STYLE)),
    )


def _section(id_: str, section: Section, drawn: bool) -> Markup:
    notes = [element("li", note) for note in section.notes]
    return element(
        "section",
        element("h2", section.title, id=f"{id_}-title"),
        *_paragraphs(section),
        *(_figure(f"{id_}-{c.name}", c, drawn) for c in section.charts),
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


def _figure(name: str, chart: Chart, drawn: bool) -> Markup:
    caption = element("p", chart.caption) if chart.caption else None
    return element(
        "figure",
        element("figcaption", element("h3", chart.title), caption),
        _scrolling(f"Chart: {chart.title}", inline(chart, name)) if drawn else None,
        element(
            "details",
            element("summary", "The numbers as a table"),
            table(chart.table, chart.title),
            open=None if drawn else "",
        ),
    )


def table(content: Table, name: str | None = None) -> Markup:
    """A table, named by its chart's title or its first column."""
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
    found = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", join(*lines)),
        class_=words,
        aria_label=name,
    )
    return _scrolling(f"Table: {name}", found)


def _scrolling(name: str, content: Markup) -> Markup:
    """What scrolls by itself where the window is narrow; by keyboard as well."""
    return element("div", content, class_="scroll", tabindex=0, role="region", aria_label=name)
