"""The first thing that somebody sees can be typed as it stands."""

import typing

import pytest

from fasttricks.cli import Command, main
from fasttricks.parse import parse
from fasttricks.welcome import EXAMPLES, commands, example_of

LINES = [line for examples in EXAMPLES.values() for _, line in examples]


def test_every_command_has_an_example():
    assert commands() == [kind.__name__.lower() for kind in kinds()]


def kinds():
    return [typing.get_args(each)[0] for each in typing.get_args(Command)]


@pytest.mark.parametrize("line", LINES)
def test_examples_are_understood(line):
    command = parse(Command, line.split())
    assert type(command).__name__.lower() == line.split()[0]
    if hasattr(command, "check"):
        command.check()


def test_shown_without_arguments(capsys):
    assert main([]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert max(map(len, told.out.splitlines())) <= 80
    for command in commands():
        assert example_of(command) in told.out


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_the_first_paragraph_of_each_command(flag, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "76")
    assert main([flag]) == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 76
    assert "required" not in told
    words = " ".join(told.split())
    for kind in kinds():
        first, *others = [" ".join(part.split()) for part in kind.__doc__.split("\n\n")]
        assert f"{kind.__name__.lower()} {first}" in words
        assert not any(other in words for other in others)
