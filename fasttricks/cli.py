"""The command line: the commands put together, and mistakes told in one line.

Nothing here imports torch, numba or a back end, so `--help` and mistakes answer at once.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Sequence
from inspect import getdoc
from typing import Annotated, cast, get_args

import tyro

from fasttricks.commands.ablate import Ablate
from fasttricks.commands.bench import Bench
from fasttricks.commands.completion import Completion
from fasttricks.commands.doctor import Doctor
from fasttricks.commands.eval import Eval
from fasttricks.commands.index import Index
from fasttricks.commands.models import Models
from fasttricks.commands.pack import Pack
from fasttricks.commands.recipes import Recipes
from fasttricks.commands.report import Report
from fasttricks.commands.show import Show
from fasttricks.commands.teacher import Teacher
from fasttricks.commands.train import Train
from fasttricks.commands.tricks import Tricks
from fasttricks.errors import FasttricksError
from fasttricks.parse import Told, parse
from fasttricks.welcome import overview, welcome

Command = (
    Annotated[Ablate, tyro.conf.subcommand("ablate")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Completion, tyro.conf.subcommand("completion")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Index, tyro.conf.subcommand("index")]
    | Annotated[Models, tyro.conf.subcommand("models")]
    | Annotated[Pack, tyro.conf.subcommand("pack")]
    | Annotated[Recipes, tyro.conf.subcommand("recipes")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Teacher, tyro.conf.subcommand("teacher")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Tricks, tyro.conf.subcommand("tricks")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; without arguments, show an example of each.

    Returns:
        The exit code, as docs/cli.md has them: 0 done, 1 the doctor found something broken, 2 a
        mistake in the arguments or the data (one line on stderr says which, after its traceback
        where the environment variable FASTTRICKS_TRACEBACK is set), 130 interrupted, 141 the reader
        of the output has gone.
    """
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()  # here, where a reader that has gone is noticed
        return code
    except BrokenPipeError:  # fasttricks ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Told:
        return 0
    except (FasttricksError, ValueError, OSError) as error:
        if not _is_meant_for_the_user(error):
            raise
        if os.environ.get("FASTTRICKS_TRACEBACK"):
            traceback.print_exc()
        print(f"fasttricks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:  # with what is kept, where something is
        print(f"fasttricks: interrupted{error}", file=sys.stderr)
        return 130


def _is_meant_for_the_user(error: Exception) -> bool:
    """Not a ValueError that no `raise` of ours made: NumPy's, say, tells of a mistake of ours."""
    if isinstance(error, FasttricksError) or not isinstance(error, ValueError):
        return True
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    text = linecache.getline(frame.f_code.co_filename, line)
    ours = frame.f_globals.get("__name__", "").startswith("fasttricks.")
    return ours and text.lstrip().startswith("raise ")


def _run(arguments: list[str]) -> int:
    if not arguments:
        print(welcome())
        return 0
    if arguments[0] in ("-h", "--help"):
        print(overview(_descriptions()))
        return 0
    if arguments == ["--version"]:
        from fasttricks.versions import describe

        print(describe())
        return 0
    return cast(Command, parse(Command, arguments)).run()


def _descriptions() -> dict[str, str]:
    """What the commands say of themselves, by name."""
    found = {}
    for one in get_args(Command):
        kind, settings = get_args(one)
        found[settings.name] = getdoc(kind) or ""
    return found


if __name__ == "__main__":
    sys.exit(main())
