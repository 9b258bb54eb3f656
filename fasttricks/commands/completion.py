"""`fasttricks completion`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro

from fasttricks.errors import FasttricksError


@dataclass(frozen=True)
class Completion:
    """Print what lets a shell complete commands, flags and their choices.

    To have it in every new shell, keep it where the shell looks, once, and again after an update:

    bash: fasttricks completion bash > ~/.local/share/bash-completion/completions/fasttricks
    zsh: fasttricks completion zsh > FOLDER/_fasttricks, FOLDER being one of $fpath
    fish: fasttricks completion fish > ~/.config/fish/completions/fasttricks.fish
    tcsh: fasttricks completion tcsh > ~/.fasttricks.tcsh, and source that in ~/.tcshrc
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
