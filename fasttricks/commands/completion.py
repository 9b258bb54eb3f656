"""`fasttricks completion`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from fasttricks.errors import FasttricksError


@dataclass(frozen=True)
class Completion:
    """Print what lets a shell complete commands, flags and their choices.

    Keep it where the shell looks, once, and again after an update:

    bash: ~/.local/share/bash-completion/completions/fasttricks

    zsh: _fasttricks in a folder of $fpath

    fish: ~/.config/fish/completions/fasttricks.fish

    tcsh: anywhere, with a line in ~/.tcshrc that sources it
    """

    shell: tyro.conf.Positional[Literal["bash", "zsh", "fish", "tcsh"]]
    """The shell that is to read it."""

    def run(self) -> int:
        """Print."""
        from fasttricks.cli import Command
        from fasttricks.parse import Told, parse

        try:
            parse(Command, ["--tyro-print-completion", self.shell])
        except Told:
            return 0
        except ImportError as error:  # of the packages that fasttricks needs none does tcsh
            why = f"completion for {self.shell} needs another package: pip install shtab"
            raise FasttricksError(why) from error
        raise AssertionError("tyro took the request for a command")
