"""`fasttricks models`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fasttricks.cli import main
from fasttricks.errors import UnknownNameError
from fasttricks.models.names import list_models


def table(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Words of each line by the first of them."""
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line.split() for line in lines if line}


def test_our_counts_and_the_papers_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--name", "resnet50d,mobilenet_v1_025,inception_v3"]) == 0
    found = table(capsys)
    assert " ".join(found["resnet50d"]) == (
        "resnet50d 224 25,576,264 4.329 11.9 M 25 4.3 77.16 79.29 P1 table 5"
    )
    assert found["inception_v3"][1] == "299"
    assert found["mobilenet_v1_025"][-5:] == ["-"] * 5
    assert "assemble_resnet50" not in found


def test_every_model_without_a_name_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "models.json"
    assert main(["models", "--json", str(path), "--size", "96"]) == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["row"] for row in rows] == list_models()
    assert set(list_models()) <= table(capsys).keys()
    assert {row["size"] for row in rows} == {96}
    by_name = {row["row"]: row for row in rows}
    assert by_name["resnet50"]["parameters"] == 25_557_032
    assert by_name["resnet50"]["published"][0]["source"] == "P1 table 5"


def test_printed_gmacs_at_another_size_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--name", "assemble_resnet50", "--size", "224"]) == 0
    words = table(capsys)["assemble_resnet50"]
    assert words[3] == "5.726"
    assert words[words.index("7.2") + 1] == "@256"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "resnet51"], "unknown model 'resnet51'; did you mean resnet50"),
        (["--size", "0"], "--size must be at least 1"),
        (["--name", "bl_resnet50", "--size", "100"], "bl_resnet50 cannot take it"),
        (["--name", "inception_v3", "--size", "20"], "inception_v3 cannot take it"),
        (["--json", "/no/such/folder/x"], "/no/such/folder"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *arguments]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


@pytest.mark.parametrize("arguments", [["--help"], ["--name", "resnet51"]])
def test_help_and_mistakes_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom fasttricks.cli import main\n"
        f"try: main(['models', *{arguments}])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'numba', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_error_is_the_packages_own() -> None:
    from fasttricks.commands.models import Models

    with pytest.raises(UnknownNameError):
        Models(name="nonsense").run()
