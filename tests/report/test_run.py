"""The page as a whole: parsed, and looked through for what must be there and what must not."""

from __future__ import annotations

import importlib.util
import json
import os
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fasttricks.errors import DataError, MissingExtraError
from fasttricks.report import figure
from fasttricks.report.config import ReportConfig
from fasttricks.report.html import VOID
from fasttricks.report.run import run
from tests.report import made

NASTY = "\"><script>alert(1)</script><img src='x'>"
RESULTS = Path(__file__).parents[2] / "bench/results"
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)


class Outline(HTMLParser):
    """Elements counted; fails where one is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.orphans: list[str] = []
        """Drawings with no table in their figure."""
        self.text = ""
        self._open: list[str] = []
        self._tables_before = 0
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        found = dict(attrs)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag == "use":
            assert str(found["href"]).startswith("#")
        if tag == "a":
            self.links.append(str(found["href"]))
        if tag == "svg":
            assert found["role"] == "img"
            assert found["aria-label"]
        if tag == "figure":
            self._tables_before = self.tags["table"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "figure" and self.tags["table"] != self._tables_before + 1:
            self.orphans.append(self.text[-80:])

    def handle_data(self, data: str) -> None:
        self.text += data


def every_mode(folder: Path) -> tuple[Path, ...]:
    memory = folder / "memory.json"
    memory.write_text(json.dumps(made.memory(500.0, 510.0), indent=1))
    more = made.loader("roi", 1900.0, threads=4)
    return (
        made.write(folder / "loaders.json", *made.loaders(), more),
        made.write(folder / "kernels.json", made.kernel(), made.kernel("torch")),
        made.write(folder / "models.json", made.model(), made.model("timm")),
        made.write(folder / "train.json", *made.trains()),
        made.write(folder / "ablate.json", made.rung("a"), made.rung("b", 71.0, delta=1.0)),
        made.write(folder / "other.json", {"mode": "tomorrow", "row": NASTY, "x": NASTY}),
        memory,
    )


def report(folder: Path, *files: Path) -> str:
    out = folder / "report.html"
    assert run(ReportConfig(results=files, out=out)) == 0
    return out.read_text()


@needs_matplotlib
def test_the_page_is_whole_and_each_drawing_has_its_table(tmp_path: Path) -> None:
    text = report(tmp_path, *every_mode(tmp_path))
    assert text.startswith("<!DOCTYPE html>")
    page = Outline(text)
    assert page.tags["html"] == page.tags["h1"] == page.tags["main"] == page.tags["style"] == 1
    assert page.tags["figure"] == page.tags["svg"] == page.tags["details"] == 16
    assert page.orphans == []
    assert page.tags["section"] == 7 + 1
    assert sorted(page.links) == sorted(f"#section-{n}" for n in range(1, 9))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    for words in ("roi", "stock-dali", "A CPU", "pillow-simd 12", "1,000", "2026-01-02"):
        assert words in page.text


def test_nothing_is_asked_of_the_network_and_nothing_runs(tmp_path: Path) -> None:
    text = report(tmp_path, *every_mode(tmp_path))
    page = Outline(text)
    assert "http" not in text.lower()
    assert text.count("url(") == text.count("url(#")
    assert "@import" not in text
    assert not {"script", "link", "img", "iframe", "object", "image"} & page.tags.keys()
    assert not [name for name in page.attributes if name.startswith("on") or name == "src"]


def test_what_files_say_is_text_wherever_it_is_shown(tmp_path: Path) -> None:
    rows = made.loaders()
    for row in rows:
        row["does"] = row["data"] = row["command"] = row["commit"] = row["date"] = NASTY
        row["notes"] = [NASTY]
        row["stages"] = {NASTY: 1.0}
        row["machine"] = {"cpu": NASTY, "gpus": [NASTY], NASTY: NASTY}
        row["versions"] = {NASTY: NASTY, "PIL": NASTY}
    rows.append({**rows[1], "row": NASTY})
    page = Outline(report(tmp_path, made.write(tmp_path / "a&b<c>.json", *rows)))
    assert not {"script", "img"} & page.tags.keys()
    assert page.text.count("alert(1)") > 20
    assert "a&b<c>.json" in page.text


def test_light_and_dark_and_any_width(tmp_path: Path) -> None:
    text = report(tmp_path, made.write(tmp_path / "a", made.kernel()))
    assert "prefers-color-scheme:dark" in text
    assert "svg{filter:" in text
    assert "svg{display:block;width:100%;min-width:" in text  # text does not shrink with the window
    assert 'name="viewport"' in text


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the results are not in this checkout")
def test_the_results_that_the_readme_quotes_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure, "installed", lambda: False)  # which takes a tenth of the time
    page = Outline(report(tmp_path, *sorted(RESULTS.glob("*.json"))))
    assert page.orphans == []
    assert page.tags["figure"] > 20


def test_the_same_results_make_the_same_page(tmp_path: Path) -> None:
    files = every_mode(tmp_path)
    assert report(tmp_path, *files) == report(tmp_path, *files)


def test_nothing_is_written_where_something_is_wrong(tmp_path: Path) -> None:
    good, bad = made.write(tmp_path / "good", made.kernel()), tmp_path / "bad"
    bad.write_text("{")
    out = tmp_path / "report.html"
    out.write_text("before")
    with pytest.raises(DataError, match="bad, line 1: not JSON"):
        run(ReportConfig(results=(good, bad), out=out))
    assert out.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["bad", "good", "report.html"]


def test_arguments_that_make_no_sense(tmp_path: Path) -> None:
    good = made.write(tmp_path / "good", made.kernel())
    with pytest.raises(ValueError, match="at least one file"):
        run(ReportConfig(results=()))
    with pytest.raises(ValueError, match="is one of the results"):
        run(ReportConfig(results=(good,), out=good))
    for out in (tmp_path, tmp_path / "none" / "x.html", good / "x.html"):
        with pytest.raises(DataError, match="cannot write"):
            run(ReportConfig(results=(good,), out=out))


@needs_matplotlib
def test_a_png_for_each_chart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files, folder = every_mode(tmp_path), tmp_path / "made" / "png"
    run(ReportConfig(results=files, out=tmp_path / "r.html", png=folder))
    drawn = sorted(folder.iterdir())
    assert len(drawn) == Outline((tmp_path / "r.html").read_text()).tags["svg"]
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in drawn)
    assert str(drawn[0]) in capsys.readouterr().out


@needs_matplotlib
def test_a_folder_for_plots_that_cannot_be(tmp_path: Path) -> None:
    good = made.write(tmp_path / "good", made.kernel())
    out = tmp_path / "r.html"
    with pytest.raises(DataError, match="cannot make the folder"):
        run(ReportConfig(results=(good,), out=out, png=good / "plots"))
    assert not out.exists()


def test_without_matplotlib_the_tables_are_open_and_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = made.write(tmp_path / "good", made.kernel())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    text = report(tmp_path, good)
    page = Outline(text)
    assert (page.tags["svg"], page.tags["figure"], page.orphans) == (0, 1, [])
    assert '<details open="">' in text
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'fasttricks[plot]'" in line
    with pytest.raises(MissingExtraError, match=r"fasttricks\[plot\]"):
        run(ReportConfig(results=(good,), out=tmp_path / "r.html", png=tmp_path / "png"))
