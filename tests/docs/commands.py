"""The commands of the documentation, checked: run where that is quick, else parsed.

Every `fasttricks` command is parsed by the real parser, so an unknown flag, a value out of range
or a wrong recipe fails. RUN says which are also run, and what is made smaller for it; others would
take too long, for the reasons that LONG gives.
"""

import importlib
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path

import tyro

from fasttricks.cli import Command, main

ROOT = Path(__file__).resolve().parents[2]


def words(text):
    """A line as a list, which is shorter to read."""
    return text.split()


RUN = {
    "index": [],
    "pack": [],
    "doctor": ["--quick"],
    "show": ["--pipeline", "roi", "--index", "3", "--size", "32"],
    "bench": words(
        "--pipeline roi --seconds 0.05 --rounds 1 --warmup 0 --batch-size 8 --size 32 --threads 1"
    ),
    "report": [],
    "recipes": [],
    "tricks": [],
    "train": words(
        "--schedule.epochs 1 --schedule.warmup-epochs 0 --data.batch-size 8 --data.size 32 "
        "--data.eval-size 32 --data.eval-batch-size 8"
    ),
    "eval": ["--device", "cpu"],
}
"""Flags added to a command that is run, by its name; of a flag given twice the last counts."""
LONG = {
    "--kernels": "times kernels for minutes",
    "--model": "times a network for minutes",
    "--train": "times a training for minutes",
    "--peers": "needs other loaders, and minutes",
    "--compare": "needs results from before",
    "cuda": "needs a GPU",
}
"""Words of a command that is parsed only, and why."""
NOT_WITH_QUICK = {"--scan", "--sample"}


@dataclass(frozen=True)
class Done:
    """What was done with a command."""

    how: str
    """ "run", "parsed" or "looked up"."""


def check(command, done_before):
    """Run or parse one command.

    Args:
        command: as a shell splits it.
        done_before: commands that were run in this folder already; they are not run again.

    Raises:
        AssertionError: it cannot be what the page wants; says why.
    """
    name, *rest = command
    if name == "torchrun":
        return check_torchrun(rest)
    if name == "make":
        return check_make(rest)
    if name == "pip":
        return check_pip(rest)
    if name == "python":
        return check_module(rest)
    return check_fasttricks(rest, done_before)


def check_fasttricks(arguments, done_before):
    """As `check`, without the name of the program."""
    if arguments == ["--version"]:
        assert main(arguments) == 0
        return Done("run")
    arguments = expanded(arguments)
    parsed = parse(arguments)
    if hasattr(parsed, "check"):
        parsed.check()
    if not is_quick(arguments):
        return Done("parsed")
    if tuple(arguments) not in done_before:
        done_before.add(tuple(arguments))
        code = main(smaller(arguments))
        assert code == 0, f"exit code {code}: {shlex.join(smaller(arguments))}"
    return Done("run")


def parse(arguments):
    """The command as an object; `--help` parses, too."""
    try:
        return tyro.cli(Command, args=arguments, config=(tyro.conf.OmitSubcommandPrefixes,))
    except SystemExit as exit:
        if exit.code:
            raise AssertionError(f"does not parse: fasttricks {shlex.join(arguments)}") from exit
        return None


def is_quick(arguments):
    """Whether a command is run, and not parsed only."""
    if arguments[0] not in RUN or set(arguments) & set(LONG):
        return False
    if arguments[0] == "train" and "cpu-small" not in arguments:
        return False
    if arguments[0] == "eval":  # of a training that was itself only parsed there is nothing
        return Path(arguments[1]).exists()
    if arguments[0] == "bench":  # several processes: only where a file is needed by what follows
        return "--json" in arguments and "--data" in arguments
    return True


def smaller(arguments):
    """A command with what RUN adds to it."""
    if set(arguments) & NOT_WITH_QUICK or "--help" in arguments:
        return arguments
    return [*arguments, *RUN[arguments[0]]]


def expanded(arguments):
    """With `~` left out, as the folder of the test stands for home, and patterns replaced."""
    found = []
    for word in arguments:
        word = word.removeprefix("~/")
        here = sorted(str(path) for path in Path().glob(word)) if "*" in word else []
        found += here or [word]
    return found


def check_torchrun(arguments):
    """Parsed by torchrun's own parser and ours; several processes are tests/train/test_ddp.py."""
    from torch.distributed.run import parse_args

    given = parse_args(arguments)
    assert given.module, "torchrun starts a module here: -m fasttricks"
    assert given.training_script == "fasttricks", given.training_script
    parse(given.training_script_args)
    return Done("parsed")


def check_make(arguments):
    """The Makefile has these targets."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {word for word in arguments if "=" not in word}
    assert asked <= targets, f"the Makefile has no {asked - targets}"
    return Done("looked up")


def check_pip(arguments):
    """Extras of ours that are installed exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert arguments[0] in ("install", "uninstall"), arguments
    for word in arguments:
        if ours := re.fullmatch(r"(?:fasttricks|\.)\[(.*)\]", word):
            unknown = set(ours[1].split(",")) - set(project["optional-dependencies"])
            assert not unknown, f"pyproject.toml has no extra {unknown}"
    return Done("looked up")


def check_module(arguments):
    """`python -m` of ours: the command line, or a script, whose flags are parsed."""
    assert arguments[0] == "-m", f"only modules are checked: python {shlex.join(arguments)}"
    if arguments[1] == "fasttricks":
        parse(arguments[2:])
        return Done("parsed")
    module = importlib.import_module(arguments[1])
    if hasattr(module, "__path__"):  # a package, of which `python -m` runs this
        module = importlib.import_module(f"{arguments[1]}.__main__")
    config = tyro.cli(module.Config, args=arguments[2:])
    if arguments[1] == "fasttricks.bench.estimate":
        module.main(config)
        return Done("run")
    return Done("parsed")
