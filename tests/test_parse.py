"""A mistake is one line that says what to do."""

import io
import os
import sys
import tomllib
from pathlib import Path

import pytest
import tyro
from packaging.requirements import Requirement

from fasttricks.cli import Command, main
from fasttricks.errors import FasttricksError
from fasttricks.parse import Told, one_line, parse

LONG = "/a/very/long/path" * 20


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["benhc"], "unknown command 'benhc'; did you mean bench? known: ablate, bench, "),
        (["--versio"], "unrecognized options: --versio; available subcommands: ablate, "),
        (["bench", "--batch-sice", "3"], "perhaps you meant --batch-size INT; see fasttricks "),
        (["--data", "D", "train"], "options: --data D; available subcommands: "),
        (
            ["eval", "r", "--data", "D", "--data.on-error", "replace"],
            "options: --data.on-error replace; see fasttricks eval",
        ),
        (["show", "--size", "x"], "--size: 'x' is no whole number; see fasttricks show --help"),
        (["show", "--mix"], "missing value for argument '--mix'. "),
        (["bench", "--device", LONG], f"invalid choice '{LONG}' for argument '--device'. "),
        (["pack"], "SOURCE DESTINATION; for example: fasttricks pack DATA PACK; see "),
        (["index", "a", "b"], "unrecognized options: b; see fasttricks index --help"),
        (["train"], "for example: fasttricks train cpu-small --data DATA; see fasttricks train --"),
        (["train", "cpu-smal"], "options: cpu-smal; did you mean cpu-small? available subcommands"),
        (
            ["train", "cpu-small", "--optim.lr", "fast"],
            "--optim.lr: 'fast' is no number; see fasttricks train cpu-small --help",
        ),
        (
            ["train", "tricks", "--data.batch-size", "0"],
            "error: --data.batch-size must be at least 1; got 0; see fasttricks train tricks --h",
        ),
        (
            ["train", "tricks", "--mix.kind", "cutmix", "--mix.pairing", "halves"],
            "error: --mix.pairing must be permutation where --mix.kind is cutmix; got 'halves'; ",
        ),
        (["train", "tricks", "--log-every", "0"], "error: --log-every must be at least 1; got 0; "),
        (
            ["train", "tricks", "--model.options", "dropblock.keep", "0"],
            "error: dropblock.keep must be from 0.01 to 1; got 0; see fasttricks train tricks --h",
        ),
        (["train", "cpu-small", "--model.num-classes", "x"], "'x' is no whole number; see "),
        (["eval", "x", "--data", "y", "--crop", "1,5"], "--crop: '1,5' is no number; see "),
        (["train", "smal", "--data", "x"], "options: smal --data x; did you mean "),
        (["train", "nothing"], "nothing; available subcommands: baseline, efficient, tricks, "),
        (["train", "cpu-small", "--schedule.epochs", "0"], "schedule.epochs must be at least 1; "),
        (["train", "cpu-small", "--mix.per", "a"], "see fasttricks train cpu-small --help"),
        (["train", "cpu-small", "--data.pipeline", "x"], "data.pipeline"),
        (["eval", "runs/x"], "missing from fasttricks eval: --data PATH; for example: "),
    ],
)
@pytest.mark.parametrize("framed", [True, False])
def test_mistakes(arguments, line, framed, capsys, monkeypatch):
    if framed:  # tyro looks at the encoding
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    assert main(arguments) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("fasttricks: error: ")
    assert line in said
    assert not set(said) & set("╭│─")
    assert "---" not in said
    assert "dummy" not in said


@pytest.mark.parametrize("framed", ["", "\n", "something new", "╭─ Title ─╮\n╰─────────╯"])
def test_what_is_not_as_expected_still_makes_a_line(framed):
    said = one_line(framed, ["bench", "--x"])
    assert said.endswith("; see fasttricks bench --help")
    assert len(said.splitlines()) == 1
    if framed.strip():
        assert said.split("; ")[0] in ("something new", "title")


def test_help_is_told_and_nothing_run(capsys):
    with pytest.raises(Told):
        parse(Command, ["bench", "--help"])
    assert "--batch-size" in capsys.readouterr().out


def test_only_a_tyro_whose_words_are_known_is_asked_for():
    with open(Path(__file__).parents[1] / "pyproject.toml", "rb") as file:
        named = map(Requirement, tomllib.load(file)["project"]["dependencies"])
    (known,) = (one.specifier for one in named if one.name == "tyro")
    assert tyro.__version__ in known
    assert list(known.filter(["0.9.35", "1.0.5", "1.0.13"])) == []  # these tests fail with them


def test_surroundings_are_left_as_they_were(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(FasttricksError):
        parse(Command, ["bench", "--nonsense"])
    assert os.environ["TERM"] == "xterm"
    assert "COLUMNS" not in os.environ
