"""Arguments become a command, or one line that says what is wrong with them.

tyro frames what it has to say about a mistake and breaks its lines; it has no other way of telling
it. So it is given room for long lines, and the first sentence is taken out of the frame.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

import tyro

from fasttricks.errors import FasttricksError, UnknownNameError, did_you_mean
from fasttricks.welcome import commands, example_of

CONFIG = (tyro.conf.OmitSubcommandPrefixes,)
T = TypeVar("T")

_FRAME = re.compile("[╭╮╰╯│─]+")
_WHERE = re.compile(r"Error parsing (__tyro-dummy-inner__\S*: )?")
_GROUP = re.compile(r"Error parsing (?:\S+\.)?(\w+): (?=.*\b\1\.)")
_BARE_FIELD = re.compile(r"^[a-z_]+(?= must be )")
_APPLIED = re.compile(r" \(applied to [^)]*\)")
_HELP = re.compile(r"fasttricks [\w -]*--help")
_WRONG_VALUE = (  # tyro and Python speak of types; whole numbers first, for both may match
    (r"no type matching \S*INT\S* could be instantiated from \['([^']*)'\]", "whole number"),
    (r"no type matching \S*FLOAT\S* could be instantiated from \['([^']*)'\]", "number"),
    (r"invalid literal for int\(\) with base 10: '([^']*)'", "whole number"),
    (r"could not convert string to float: '([^']*)'", "number"),
)
_EXPLAINED = 8
"""Columns in a frame from which on a row explains the one above."""
_ROOM = "4000"
"""Columns; more than any mistake takes."""


class Told(Exception):
    """tyro has printed what it was asked for, such as help: there is nothing to run."""


def parse(kind: object, arguments: Sequence[str]) -> object:
    """The command that the arguments ask for.

    Args:
        kind: what tyro makes its parser of.

    Raises:
        FasttricksError: a mistake in the arguments.
        Told: help was printed.
    """
    if arguments and arguments[0][:1] != "-" and not example_of(arguments[0]):
        raise UnknownNameError("command", arguments[0], commands())
    with told_by_tyro(lambda framed: one_line(framed, arguments), arguments):
        return tyro.cli(
            cast(type[object], kind),
            args=arguments,
            prog="fasttricks",
            config=CONFIG,
        )


@contextlib.contextmanager
def told_by_tyro(say: Callable[[str], str], arguments: Sequence[str]) -> Iterator[None]:
    """Around a call of tyro: a mistake becomes an error that can be told in a line.

    Args:
        say: makes the line of what tyro prints, which is framed.
        arguments: what is parsed.

    Raises:
        FasttricksError: a mistake in the arguments.
        Told: help was printed.
    """
    errors = io.StringIO()
    help_asked = bool({"-h", "--help"} & set(arguments))
    try:
        with contextlib.redirect_stderr(errors), _surroundings(wide=not help_asked):
            yield
    except SystemExit as stop:
        if not stop.code:
            raise Told from stop
        raise FasttricksError(say(errors.getvalue())) from None


def one_line(framed: str, arguments: Sequence[str]) -> str:
    """What tyro says about a mistake in a command, and where there is help.

    Args:
        framed: what it has printed; if it is not as expected, the line says less.
        arguments: what was parsed; the example and the help named belong to its command.
    """
    command = arguments[0] if arguments else ""
    own_help = f"fasttricks {command} --help" if example_of(command) else "fasttricks --help"
    if command == "train" and "subcommands" not in framed and arguments[1:2]:
        own_help = f"fasttricks train {arguments[1]} --help"  # of the recipe: it has the settings
    see = max([own_help, *_HELP.findall(framed)[-1:]], key=len)
    return "; ".join([*sentences(framed, example_of(command)), f"see {see}"])


def sentences(framed: str, example: str = "") -> list[str]:
    """What tyro says about a mistake, without frame, explanations and line breaks.

    Args:
        example: of the command, for where a part of it is missing.
    """
    title, *sections = _sections(framed)
    said = " ".join(sections[0] if sections else title) or "cannot be understood"
    said = _APPLIED.sub("", _WHERE.sub("", _with_flags(said))).rstrip(".")
    said = _BARE_FIELD.sub(_flag, said)
    for pattern, kind in _WRONG_VALUE:
        said = re.sub(pattern, rf"'\1' is no {kind}", said)
    parts = [said[:1].lower() + said[1:]]
    if title[:1] in (["Required options"], ["Missing subcommand"]) and example:
        parts.append(f"for example: {example}")
    for words in sections[1:]:
        if words[0].startswith("Available subcommands"):
            listed = " ".join(words).lower()
            given = [word for word in said.partition(": ")[2].split() if word[:1] != "-"]
            near = did_you_mean(given[0], listed.partition(": ")[2].split(", ")) if given else ""
            parts.append(near + listed)
        elif words[0].startswith("Perhaps you meant") and words[1:] and not parts[1:]:
            as_typed = words[1].split()[0] in said.split()  # right, but of another command
            parts += [] if as_typed else [f"perhaps you meant {words[1]}"]
    return parts


def _with_flags(said: str) -> str:
    """A mistake in a group of settings, whose fields are named as flags: `data.batch_size` becomes
    `--data.batch-size`."""
    group = _GROUP.search(said)
    if group is None:
        return said
    return re.sub(rf"(?<![\w.-]){group[1]}\.[a-z_]+", _flag, said.replace(group[0], ""))


def _flag(field: re.Match[str]) -> str:
    return "--" + field[0].replace("_", "-")


def _sections(framed: str) -> list[list[str]]:
    """Title, and then what stands between rules and blank rows; explanations, which stand further
    to the right, are left out.

    Where stdout is not UTF-8 there is no frame, and rules are of hyphens.
    """
    found: list[list[str]] = [[]]
    for row in framed.splitlines():
        text = "" if not row.strip(" -") else _FRAME.sub("", row).rstrip()
        indent = len(text) - len(text.lstrip())
        if len(found) == 1 and text:
            found = [[text.strip()], []]
        elif text and indent < _EXPLAINED:
            found[-1].append(text.strip())
        elif not text and found[-1]:
            found.append([])
    return [section for section in found if section] or [[""]]


@contextlib.contextmanager
def _surroundings(wide: bool) -> Iterator[None]:
    """What tyro looks at while it parses: the width of the terminal, and whether it has colours,
    which it does not ask NO_COLOR about."""
    changed = {"COLUMNS": _ROOM} if wide else {}
    if os.environ.get("NO_COLOR"):
        changed["TERM"] = "dumb"
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
