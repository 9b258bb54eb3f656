"""Figures on the pages are those of the files in bench/results that they name."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = re.compile(r"<!-- figures: (?P<files>.+) -->\n(?P<lines>(?:\|.*\n)+)")


def results(name):
    lines = (ROOT / "bench" / "results" / name).read_text().splitlines()
    return {row["row"]: row for row in map(json.loads, lines)}


KEYS = {"images_per_s": "{:,.0f}", "ratio": "{:.2f}", "cpu_s_per_1000": "{:.2f}"}


@pytest.mark.parametrize(
    ("page", "keys"), [("README.md", [*KEYS]), ("docs/choosing.md", [*KEYS][1:])]
)
def test_tables_of_pipelines(page, keys):
    """The second file calls `dali:fused` what is `dali` on the CPU."""
    found = TABLE.search((ROOT / page).read_text())
    files = [results(name) for name in re.findall(r"[\w-]+\.json", found["files"])]
    lines = found["lines"].splitlines()[2:]
    assert len(lines) >= 8
    for line in lines:
        name, *figures = (cell.strip(" `") for cell in line.strip("|").split("|"))
        measured = []
        for rows in files:
            row = rows.get(name) or rows.get(f"{name}:fused")
            measured += [KEYS[key].format(row[key]) if row else "\u2013" for key in keys]
        assert figures == measured, name


BULLET = re.compile(r"^- \*\*.*(?:\n  .*)*", re.MULTILINE)
FIGURE = re.compile(r"(\d+\.(\d+)) \[(\d+\.\d+) to (\d+\.\d+)\]")


def ratios(name):
    """(median, p20, p80) of all that a file compares, and of every two rows, round by round."""
    rows = [json.loads(line) for line in (ROOT / name).read_text().splitlines()]
    for row in rows:
        yield from compared(row)
    rates = [row["rates"] for row in rows if "rates" in row]
    for ours, theirs in itertools.permutations(rates, 2):
        if len(ours) == len(theirs):
            yield tuple(np.quantile(np.divide(ours, theirs), [0.5, 0.2, 0.8]))


def compared(value):
    if isinstance(value, dict):
        if {"ratio", "p20", "p80"} <= value.keys():
            yield value["ratio"], value["p20"], value["p80"]
        for inner in value.values():
            yield from compared(inner)


def test_ranges_are_those_of_the_files_that_are_named_with_them():
    checked = 0
    for bullet in BULLET.findall((ROOT / "README.md").read_text()):
        names = re.findall(r"bench/results/[\w.-]+\.json", bullet)
        for figure, places, low, high in FIGURE.findall(bullet):
            measured = {
                tuple(f"{number:.{len(places)}f}" for number in triple)
                for name in names
                for triple in ratios(name)
            }
            assert (figure, low, high) in measured, f"{figure} [{low} to {high}] in {bullet}"
            checked += 1
    assert checked >= 15


def test_no_figure_of_a_gpu_is_on_the_page_that_has_none():
    page = (ROOT / "docs" / "imagenet.md").read_text()
    for path in (ROOT / "bench" / "results").glob("*.json"):
        assert '"device": "cuda"' not in path.read_text(), (
            f"{path.name} has figures of a GPU: docs/imagenet.md says that there are none"
        )
    rows = re.findall(r"^\| `(?:tricks|fast16)` \|.*$", page, re.MULTILINE)
    assert len(rows) == 2
    assert all(row.count("not measured") == 4 for row in rows)
