"""The command line: the commands put together, and mistakes told in one line.

Nothing here imports torch, numba or a back end, so `--help` and mistakes answer at once.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Sequence
from functools import reduce
from inspect import getdoc
from operator import or_
from typing import TYPE_CHECKING, Annotated, cast

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

COMMANDS = (
    *(Ablate, Bench, Completion, Doctor, Eval, Index, Models, Pack),
    *(Recipes, Report, Show, Teacher, Train, Tricks),
)
if TYPE_CHECKING:
    Command = Train
else:  # each is called as its class is, in lower case
    Command = reduce(
        or_,
        (Annotated[kind, tyro.conf.subcommand(kind.__name__.lower())] for kind in COMMANDS),
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
    return {kind.__name__.lower(): getdoc(kind) or "" for kind in COMMANDS}


if __name__ == "__main__":
    sys.exit(main())
