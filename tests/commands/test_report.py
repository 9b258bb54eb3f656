"""`fasttricks report` as a user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fasttricks.cli import main
from tests.report import made


def test_a_page_is_made_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = made.write(tmp_path / "x.json", *made.loaders())
    out = tmp_path / "page.html"
    assert main(["report", str(results), str(results), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    assert out.read_text().count("<h2") == 3


@pytest.mark.parametrize("text", ["", "not JSON", "{}", '{"row": "roi", "work": "", "threads": 1}'])
def test_bad_files_are_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert main(["report", str(path), "--out", str(tmp_path / "page.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert not (tmp_path / "page.html").exists()


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = made.write(tmp_path / "x.json", made.kernel())
    assert main(["report", str(results), "--out", "/proc/no/page.html"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "/proc/no/page.html" in line


def test_no_heavy_library_is_loaded(tmp_path: Path) -> None:
    results = made.write(tmp_path / "x.json", *made.loaders(), *made.trains())
    code = (
        "import sys\nfrom fasttricks.cli import main\n"
        f"assert main(['report', {str(results)!r}, '--out', {str(tmp_path / 'p.html')!r}]) == 0\n"
        "heavy = ('torch', 'numba', 'matplotlib.pyplot')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_says_what_charts_need(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert "need matplotlib, and without it" in " ".join(
        capsys.readouterr().out.replace("│", " ").split()
    )
